"""Capture a model as a functional graph with a free batch size (torch.export, non-strict, grad mode)."""

from __future__ import annotations

import contextlib
import gc
import inspect
import io
import logging
import operator
import threading
import traceback
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram, export
from torch.fx import Graph, GraphModule, Node
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as pytree

from modelstitch.cutting.complaints import next_step
from modelstitch.cutting.complex_writes import complex_writes_as_pairs
from modelstitch.cutting.forwards import with_forward
from modelstitch.cutting.module_names import modules_inside_autocast, views_to_own_modules
from modelstitch.cutting.outputs import caches_off, leaves, scored_leaf, what_is_cut
from modelstitch.cutting.packed import PackedError, packed_as_padded
from modelstitch.cutting.recurrent import apart, shapes_at_once
from modelstitch.errors import CutError, ModelError

# An operator may bound the batch by its index type; a branch in a model bounds it by far less.
_ANY_BATCH = 10_000

TAKES_GRADIENTS = "takes a gradient in its own forward pass (torch.autograd.grad)"
"""Why some models have no graph."""

CUSTOM_BACKWARD = "has a custom autograd function, whose backward pass a graph would lose"
"""Why the graph of some models may have other gradients."""

_FEW = 2
"""Examples of a run with gradients: what is recorded for all of them takes memory."""


Kwargs = Mapping[str, Tensor]
"""Further inputs of a model by name of argument, such as a mask; each has the batch as its first axis."""

NO_KWARGS: Kwargs = {}


class NotCapturableError(CutError):
    """The model runs, but no graph of it can be captured; hooks may still work."""


class _FixedBatchError(NotCapturableError):
    """The captured graph holds for one batch size."""


@dataclass(frozen=True)
class Captured:
    """A functional graph of a model, with its parameters by name.

    Attributes:
        graph_module: the graph.
        primary: its input.
        name: of the argument that takes it.
        out_spec: structure of its output.
        scored: which of the outputs it is cut for; None where nothing tells.
        said: the same in words, with the caches that are left out; empty where the model gives one output.
        kwargs: its further inputs by name.
    """

    graph_module: GraphModule
    primary: Node
    name: str
    out_spec: pytree.TreeSpec
    scored: int | None = None
    said: str = ""
    kwargs: Mapping[str, Node] = field(default_factory=dict)

    @property
    def outputs(self) -> list[Any]:
        """The leaves of its output: nodes, or plain values."""
        (output,) = (node for node in self.graph_module.graph.nodes if node.op == "output")
        return list(pytree.tree_leaves(output.args[0]))

    @property
    def ends(self) -> list[Node]:
        """The nodes of the outputs that it is cut for."""
        given = [leaf for leaf in self.outputs if leaf is not None]
        chosen = given if self.scored is None else [given[self.scored]]
        return [leaf for leaf in chosen if isinstance(leaf, Node)]


@contextlib.contextmanager
def eval_mode(model: nn.Module) -> Iterator[None]:
    """Put every module of ``model`` in eval mode, and restore each module's mode afterwards."""
    before = {module: module.training for module in model.modules()}
    _ask_for_mode(model, training=False)
    try:
        yield
    finally:
        _ask_for_mode(model, training=before[model])
        for module, training in before.items():
            module.training = training


def _ask_for_mode(model: nn.Module, *, training: bool) -> None:
    """Set the mode through ``train``, which some models (with adapters, say) override."""
    try:
        model.train(training)
    except NotImplementedError:
        # A module made by torch.export has one mode and refuses ``train``.
        if not any(isinstance(module, GraphModule) for module in model.modules()):
            raise
        for module in model.modules():
            module.training = training


@contextlib.contextmanager
def restored_buffers(model: nn.Module) -> Iterator[None]:
    """Restore the buffers of ``model`` and their values afterwards."""
    before = [
        (module, name, buffer, buffer.clone())
        for module in model.modules()
        for name, buffer in module.named_buffers(recurse=False)
    ]
    try:
        yield
    finally:
        for module, name, buffer, value in before:
            if not torch.equal(buffer, value):
                buffer.copy_(value)
            setattr(module, name, buffer)


class _FusedAttention:
    """The switch of torch's fused attention, which is one for all threads: the last block puts it back."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._blocks, self._before = 0, True

    def off(self) -> None:
        with self._lock:
            if not self._blocks:
                self._before = torch.backends.mha.get_fastpath_enabled()
                torch.backends.mha.set_fastpath_enabled(False)
            self._blocks += 1

    def back(self) -> None:
        with self._lock:
            self._blocks -= 1
            if not self._blocks:
                torch.backends.mha.set_fastpath_enabled(self._before)


_FUSED_ATTENTION = _FusedAttention()


@contextlib.contextmanager
def no_fused_attention() -> Iterator[None]:
    """Switch fused attention off: its kernels differ inside and outside of a capture (by 1e-7)."""
    _FUSED_ATTENTION.off()
    try:
        yield
    finally:
        _FUSED_ATTENTION.back()


@contextlib.contextmanager
def no_logs() -> Iterator[None]:
    """Silence torch's logs and prints of a failed capture; our error says it in one line."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        logging.disable(before)


@contextlib.contextmanager
def no_collection() -> Iterator[None]:
    """Let no garbage be looked for: tracing makes millions of objects, and keeps most of them to its end."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def no_compilation() -> contextlib.AbstractContextManager[object]:
    """Run compiled parts eagerly, so that a capture records their operations, not their kernels."""
    stance: contextlib.AbstractContextManager[object] = torch.compiler.set_stance("force_eager")
    return stance


def run_eagerly(
    model: nn.Module, example: Tensor, name: str, kwargs: Kwargs = NO_KWARGS, *, keep: bool = True
) -> Any:
    """Run ``model`` on ``example``; an error becomes one line. Buffers are restored where ``keep`` is on."""
    try:
        with torch.no_grad(), restored_buffers(model) if keep else contextlib.nullcontext():
            return model(example.clone(), **kwargs)
    except (RuntimeError, ValueError, TypeError, LookupError, AttributeError, AssertionError) as error:
        first_line = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
        raise ModelError(
            f"model {name} cannot take inputs of shape {tuple(example.shape[1:])}: {first_line}; "
            f"{next_step(model, example, first_line)}"
        ) from error


class _Inference(TorchFunctionMode):
    """Detects operations under torch.inference_mode and gradients taken, of which a graph keeps no trace."""

    def __init__(self) -> None:
        super().__init__()
        self.detected = self.takes_gradients = False

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.detected |= torch.is_inference_mode_enabled()
        self.takes_gradients |= func is torch.autograd.grad
        return func(*args, **(kwargs or {}))


def why_backward_is_lost(model: nn.Module, example: Tensor, kwargs: Kwargs = NO_KWARGS) -> str | None:
    """Return what a capture would lose: a custom autograd function, or gradients switched off."""
    inference = _Inference()
    # The caller may have switched gradients off; only what the model itself does counts.
    contexts = torch.inference_mode(False), torch.enable_grad(), no_compilation(), inference
    with (
        eval_mode(model),
        no_fused_attention(),
        restored_buffers(model),
        contextlib.ExitStack() as stack,
    ):
        for context in contexts:
            stack.enter_context(context)
        try:
            ordinary = example[:_FEW].detach().clone()
            further = {name: value[:_FEW].clone() for name, value in kwargs.items()}
            output = model(ordinary.requires_grad_(ordinary.is_floating_point()).clone(), **further)
        except (RuntimeError, ValueError, TypeError, IndexError, AssertionError):
            return None  # the capture itself reports this error
    if inference.takes_gradients:
        return f"{TAKES_GRADIENTS}, which no graph holds"
    tensors = [leaf for leaf in leaves(output) if isinstance(leaf, Tensor) and leaf.is_floating_point()]
    expected = example.is_floating_point() or any(p.requires_grad for p in model.parameters())
    if inference.detected or (tensors and expected and not any(tensor.requires_grad for tensor in tensors)):
        return "switches gradients off, which a graph would lose"
    pending = [leaf.grad_fn for leaf in leaves(output) if isinstance(leaf, Tensor)]
    seen: set[Any] = set()
    while pending:
        node = pending.pop()
        if node is None or node in seen:
            continue
        if isinstance(node, torch.autograd.function.BackwardCFunction):
            return CUSTOM_BACKWARD
        seen.add(node)
        pending += [before for before, _ in node.next_functions]
    return None


def capture(
    model: nn.Module,
    example: Tensor,
    name: str = "model",
    kwargs: Kwargs = NO_KWARGS,
    output: str | None = None,
    given: Any = None,
) -> Captured:
    """Capture ``model`` in eval mode as a functional graph that shares its parameters.

    Args:
        model: any module whose control flow does not depend on the values of its input.
        example: (N, ...) with N >= 2, since a batch of one would be baked in.
        name: what to call the model in errors.
        kwargs: (N, ...) further inputs by name of argument.
        output: name of the output that it is cut for; see :func:`modelstitch.cutting.outputs.scored_leaf`.
        given: what the model gives for ``example``, if it has been run already.

    Returns:
        The graph, its input node and the structure of its output, without caches.

    Raises:
        ModelError: the model does not run on ``example``.
        CutError: the model cannot be captured, mutates its buffers in eval mode or its input, or behaves
            differently at other batch sizes.
    """
    if example.ndim < 2 or len(example) < 2:
        raise CutError(f"expected an example batch of at least 2 inputs, got shape {tuple(example.shape)}")
    try:
        return _capture(model, example, name, kwargs, output, given, strict=False)
    except _FixedBatchError as error:
        # The strict mode reads the Python code, where len(x) is no constant.
        with contextlib.suppress(NotCapturableError):
            return _capture(model, example, name, kwargs, output, given, strict=True)
        raise error


def _capture(
    model: nn.Module,
    example: Tensor,
    name: str,
    kwargs: Kwargs,
    output: str | None,
    given: Any,
    *,
    strict: bool,
) -> Captured:
    with eval_mode(model), no_fused_attention(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        given = run_eagerly(model, example, name, kwargs) if given is None else given
        scored, said = scored_leaf(given, output), what_is_cut(given, output)
        exported, program = _exported(model, example, name, kwargs, strict=strict)
        _expect_pure(exported, program, name)
        graph_module = program.module(check_guards=False)
    assert isinstance(graph_module, GraphModule)
    _views_to_reshapes(graph_module)
    _copies_to_values(graph_module)
    complex_writes_as_pairs(graph_module)
    apart(graph_module)
    placeholders = [node for node in graph_module.graph.nodes if node.op == "placeholder"]
    if len(placeholders) != 1 + len(kwargs):
        raise CutError(f"model {name} takes {len(placeholders)} inputs: expected {1 + len(kwargs)} tensors")
    _expect_any_batch(placeholders[0], program.range_constraints, name)
    assert program.call_spec.in_spec is not None
    named = dict(zip(program.call_spec.in_spec.child(1).context, placeholders[1:], strict=True))
    own = next(iter(inspect.signature(model.forward).parameters))
    return Captured(graph_module, placeholders[0], own, program.call_spec.out_spec, scored, said, named)


def _exported(
    model: nn.Module, example: Tensor, name: str, kwargs: Kwargs, *, strict: bool
) -> tuple[ExportedProgram, ExportedProgram]:
    """Return the export of a model, as captured and with operations decomposed."""
    try:
        with (
            torch.enable_grad(),
            no_logs(),
            no_compilation(),
            caches_off(model),
            shapes_at_once(),
            no_collection(),
            contextlib.nullcontext() if strict else packed_as_padded(model),
            contextlib.nullcontext() if strict or not kwargs else _one_batch(model),
            _named_arguments(model, example, kwargs),
        ):
            shapes = _free_batch(model, example, kwargs)
            exported = export(model, (example,), dict(kwargs), dynamic_shapes=shapes, strict=strict)
            with modules_inside_autocast():
                program = exported.run_decompositions({})
            views_to_own_modules(exported, program)
            return exported, program
    except Exception as error:  # torch.export raises many unrelated types
        first_line = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
        line = _line_of(error)
        where = "" if line is None else f", at {line}"
        if isinstance(error, PackedError):
            raise NotCapturableError(
                f"model {name} cannot be captured as a graph{where}: {first_line}"
            ) from error
        raise NotCapturableError(
            f"model {name} cannot be captured as a graph{where} ({type(error).__name__}: {first_line}); "
            "control flow that depends on the values of the input is the usual reason"
        ) from error


def _expect_pure(exported: ExportedProgram, program: ExportedProgram, name: str) -> None:
    """Raise where a model switches gradients off, or mutates its buffers or its input."""
    if any(
        "set_grad_enabled" in str(node.target)
        for inner in exported.graph_module.modules()
        if isinstance(inner, GraphModule)
        for node in inner.graph.nodes
    ):
        raise NotCapturableError(
            f"model {name} switches gradients off for a part of itself, which a graph would lose"
        )
    mutated = sorted(program.graph_signature.buffers_to_mutate.values())
    if mutated:
        raise CutError(
            f"model {name} changes its own buffers in eval mode ({', '.join(mutated[:3])}): "
            "expected a model that is frozen in eval mode"
        )
    if program.graph_signature.user_inputs_to_mutate:
        raise CutError(
            f"model {name} changes its input in place: expected a model that leaves it as it is "
            "(no in-place operation on the input itself)"
        )


def _line_of(error: BaseException) -> str | None:
    """Return file and line in the model's own code where a capture failed; None where there is none."""
    place = None
    for frame, line in traceback.walk_tb(error.__traceback__):
        path = Path(frame.f_code.co_filename)
        if not {"torch", "modelstitch"} & set(path.parts) and path.name not in ("contextlib.py", "copy.py"):
            place = f"{path.name}:{line}"
    return place


@contextlib.contextmanager
def _named_arguments(model: nn.Module, example: Tensor, kwargs: Kwargs) -> Iterator[None]:
    """Name the further inputs in the signature of a model with ``**kwargs``, as torch.export requires."""
    signature = inspect.signature(model.forward)
    variadic = next((p for p in signature.parameters.values() if p.kind is p.VAR_KEYWORD), None)
    names = (
        set() if variadic is None else set(signature.bind(example, **kwargs).arguments.get(variadic.name, {}))
    )
    if not names:
        yield
        return
    own = model.forward
    known = [p for p in signature.parameters.values() if p is not variadic]
    added = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in kwargs if name in names]

    def forward(*args: Any, **kwargs: Any) -> Any:
        return own(*args, **kwargs)

    forward.__signature__ = signature.replace(parameters=[*known, *added])  # type: ignore[attr-defined]
    with with_forward(model, forward):
        yield


@contextlib.contextmanager
def _one_batch(model: nn.Module) -> Iterator[None]:
    """Let a capture know that all inputs have equally many examples, also where no operation joins them."""
    own = model.forward

    def forward(*args: Any, **kwargs: Any) -> Any:
        lengths = [value.shape[0] for value in (*args, *kwargs.values()) if isinstance(value, Tensor)]
        for length in lengths[1:]:
            torch._check(length == lengths[0])
        return own(*args, **kwargs)

    forward.__wrapped__ = own  # type: ignore[attr-defined]
    with with_forward(model, forward):
        yield


def _free_batch(model: nn.Module, example: Tensor, kwargs: Kwargs) -> Any:
    # *args and **kwargs of a wrapper (DataParallel, torch.compile) count as one argument with parts.
    bound = inspect.signature(model.forward).bind(example, **kwargs).arguments
    return pytree.tree_map(lambda _: {0: Dim.AUTO}, tuple(bound.values()))


def _expect_any_batch(primary: Node, constraints: Any, name: str) -> None:
    # torch.export records its assumptions about the batch size; the graph is wrong for other sizes.
    batch = primary.meta["val"].shape[0]
    if isinstance(batch, torch.SymInt) and batch.node.expr.is_Symbol:
        legal = constraints[batch.node.expr]
        if legal.lower <= 2 and legal.upper > _ANY_BATCH:
            return
    raise _FixedBatchError(
        f"model {name} fixes the size of its batch, or does something else at other sizes: "
        "expected a model whose forward treats every batch size alike (x.shape[0] where a graph takes "
        "len(x) for a fixed number)"
    )


def _views_to_reshapes(graph_module: GraphModule) -> None:
    # A view is legal for the strides seen at capture; a stitched representation may have others.
    aten = torch.ops.aten
    for node in graph_module.graph.nodes:
        if node.target in (aten.view.default, aten._unsafe_view.default):
            node.target = aten.reshape.default


def _copies_to_values(graph_module: GraphModule) -> None:
    """Replace writes into a tensor, which have no derivative in a graph, by the values that are written."""
    aten, graph = torch.ops.aten, graph_module.graph
    for node in list(graph.nodes):
        if node.target is not aten.copy.default:
            continue
        into, value = node.args[0], node.args[1]
        with graph.inserting_before(node):
            held, written = into.meta["val"], value.meta["val"]
            if written.dtype != held.dtype:
                value = _inserted(graph, node, aten._to_copy.default, (value,), {"dtype": held.dtype})
            if written.shape != held.shape:
                value = _inserted(graph, node, aten.expand_as.default, (value, into), {})
        node.replace_all_uses_with(value)
        graph.erase_node(node)
    graph_module.recompile()


def _inserted(graph: Graph, node: Node, target: Any, args: tuple[Node, ...], kwargs: dict[str, Any]) -> Node:
    """Return a new node that stands for the same place of the model as ``node``."""
    new = graph.call_function(target, args, kwargs)
    new.meta = {**node.meta, "val": node.meta["val"]}
    return new


def tensor_of(node: Node) -> Tensor | None:
    """Return the fake tensor that ``node`` stood for at capture, or None where it is not one tensor."""
    value = node.meta.get("val")
    return value if isinstance(value, Tensor) and node.target is not operator.setitem else None
