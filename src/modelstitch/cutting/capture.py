"""Capture a model as a functional graph with a free batch size (torch.export, non-strict, grad mode)."""

from __future__ import annotations

import contextlib
import inspect
import io
import logging
import operator
import traceback
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim, export
from torch.fx import GraphModule, Node
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as pytree

from modelstitch.errors import CutError, ModelError

# Operators may bound the batch by what an index can address; a branch in a model bounds it by far less.
_ANY_BATCH = 10_000


More = Mapping[str, Tensor]
"""Further inputs of a model by name of argument, such as a mask; each has the batch as its first axis."""

NO_MORE: More = {}


class NotCapturableError(CutError):
    """No graph can be captured of a model that runs; hooks may still do."""


class _FixedBatchError(NotCapturableError):
    """The graph that was captured holds for one size of batch."""


@dataclass(frozen=True)
class Captured:
    """A functional graph of a model, with its parameters by name.

    Attributes:
        graph_module: the graph.
        primary: its input.
        out_spec: structure of its output.
        more: its further inputs by name.
    """

    graph_module: GraphModule
    primary: Node
    out_spec: pytree.TreeSpec
    more: Mapping[str, Node] = field(default_factory=dict)


@contextlib.contextmanager
def eval_mode(model: nn.Module) -> Iterator[None]:
    """Put every module of ``model`` in eval mode, and give each its own mode back afterwards."""
    before = {module: module.training for module in model.modules()}
    _ask_for_mode(model, training=False)
    try:
        yield
    finally:
        _ask_for_mode(model, training=before[model])
        for module, training in before.items():
            module.training = training


def _ask_for_mode(model: nn.Module, *, training: bool) -> None:
    """Ask a model for a mode, since one of its own kind, such as one with adapters, may do more than note it."""
    try:
        model.train(training)
    except NotImplementedError:
        # What torch.export made has one mode alone, and refuses to be asked for any.
        if not any(isinstance(module, GraphModule) for module in model.modules()):
            raise
        for module in model.modules():
            module.training = training


def leaves(output: Any) -> list[Any]:
    """Return the leaves of an output, those inside of dataclasses that torch does not know too."""
    found = []
    for leaf in pytree.tree_leaves(output):
        inside = is_dataclass(leaf) and not isinstance(leaf, type)
        found += leaves([getattr(leaf, each.name, None) for each in fields(leaf)]) if inside else [leaf]
    return found


@contextlib.contextmanager
def same_buffers(model: nn.Module) -> Iterator[None]:
    """Give every module of ``model`` its own buffers back afterwards, with the values that they had."""
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


@contextlib.contextmanager
def plain_attention() -> Iterator[None]:
    """Switch fused attention off: it picks other kernels inside and outside of a capture (differences of 1e-7)."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Keep torch from logging and printing the graph of a model that it cannot capture: what went wrong is told in one line."""
    before = logging.root.manager.disable
    logging.disable(max(before, logging.WARNING))
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        logging.disable(before)


def as_written() -> contextlib.AbstractContextManager[object]:
    """Run compiled parts as they were written: a graph is captured of what they compute, not of their kernels."""
    stance: contextlib.AbstractContextManager[object] = torch.compiler.set_stance("force_eager")
    return stance


def run_eagerly(
    model: nn.Module, example: Tensor, name: str, more: More = NO_MORE, *, keep: bool = True
) -> Any:
    """Run ``model`` on ``example`` and turn a complaint about it into one line; the model changes only where ``keep`` is off."""
    try:
        with torch.no_grad(), same_buffers(model) if keep else contextlib.nullcontext():
            return model(example.clone(), **more)
    except (RuntimeError, ValueError, TypeError, LookupError, AttributeError, AssertionError) as error:
        first_line = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
        raise ModelError(
            f"model {name} cannot take inputs of shape {tuple(example.shape[1:])}: {first_line}; {_way_out(example, first_line)}"
        ) from error


def _way_out(example: Tensor, complaint: str) -> str:
    """Return the next step, by what a model says of its inputs."""
    if "required" in complaint and "argument" in complaint:
        return (
            "give its further inputs by name (more of cuts, split and data_from, further arrays of a .npz file; modelstitch cuts "
            "--tokens gives tokens and their mask)"
        )
    if "positional argument" in complaint:
        return (
            "expected a model whose forward takes its input first, by position: wrap it in a module that does"
        )
    if ("to be equal to" in complaint and "args[0]" in complaint) or "size()[0] ==" in complaint:
        return "export it again with a free batch (dynamic_shapes={0: torch.export.Dim.AUTO})"
    if any(each in complaint for each in ("'str'", "string", "too many indices")) or complaint.startswith(
        "'"
    ):
        return "a model that takes a dictionary is wrapped in modelstitch.FromDict"
    if "should be the same" in complaint or "same dtype" in complaint:
        return "give inputs in its own precision"
    if "'indices'" in complaint and example.is_floating_point():
        return "it takes tokens: give whole numbers (N, T) in int64 (modelstitch cuts --tokens)"
    if example.is_floating_point():
        return "give the size and channels that it expects (size, channels of its view; modelstitch cuts --shape)"
    return (
        f"these are tokens from {int(example.min())} to {int(example.max())}: give the tokenizer that it was made for, and no more of "
        "them than it has places for (tokenizer, length)"
    )


class _Inference(TorchFunctionMode):
    """Notices when something is computed under torch.inference_mode, of which a graph keeps no trace."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = False

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.seen |= torch.is_inference_mode_enabled()
        return func(*args, **(kwargs or {}))


def why_backward_is_lost(model: nn.Module, example: Tensor, more: More = NO_MORE) -> str | None:
    """Return what of the backward pass of ``model`` a capture would lose: a custom autograd function, or that there is none."""
    watched = _Inference()
    # Whoever calls may have switched gradients off; what the model does by itself is asked for.
    outside = torch.inference_mode(False), torch.enable_grad(), as_written(), watched
    with eval_mode(model), plain_attention(), same_buffers(model), contextlib.ExitStack() as stack:
        for each in outside:
            stack.enter_context(each)
        try:
            ordinary = example.detach().clone()
            further = {name: value.clone() for name, value in more.items()}
            output = model(ordinary.requires_grad_(ordinary.is_floating_point()).clone(), **further)
        except (RuntimeError, ValueError, TypeError, IndexError, AssertionError):
            return None  # told in words when it is captured
    tensors = [leaf for leaf in leaves(output) if isinstance(leaf, Tensor) and leaf.is_floating_point()]
    wanted = example.is_floating_point() or any(each.requires_grad for each in model.parameters())
    if watched.seen or (tensors and wanted and not any(each.requires_grad for each in tensors)):
        return "switches gradients off, which a graph would lose"
    pending = [leaf.grad_fn for leaf in leaves(output) if isinstance(leaf, Tensor)]
    seen: set[Any] = set()
    while pending:
        node = pending.pop()
        if node is None or node in seen:
            continue
        if isinstance(node, torch.autograd.function.BackwardCFunction):
            return "has a custom autograd function, whose backward pass a graph would lose"
        seen.add(node)
        pending += [before for before, _ in node.next_functions]
    return None


def capture(model: nn.Module, example: Tensor, name: str = "model", more: More = NO_MORE) -> Captured:
    """Capture ``model`` in eval mode as a functional graph that shares its parameters.

    Args:
        model: any module that takes one tensor and whose control flow does not depend on the values in it.
        example: (N, ...) with N >= 2, since a batch of one would be baked in.
        name: what to call the model in errors.
        more: (N, ...) further inputs by name of argument.

    Returns:
        The graph, its input node and the structure of its output.

    Raises:
        ModelError: the model does not run on ``example``.
        CutError: the model cannot be captured, changes its own buffers in eval mode or its input, or does something
            else at other batch sizes.
    """
    if example.ndim < 2 or len(example) < 2:
        raise CutError(f"expected an example batch of at least 2 inputs, got shape {tuple(example.shape)}")
    try:
        return _capture(model, example, name, more, strict=False)
    except _FixedBatchError as error:
        # Read as Python, and not only run, len(x) is no fixed number.
        with contextlib.suppress(NotCapturableError):
            return _capture(model, example, name, more, strict=True)
        raise error


def _capture(model: nn.Module, example: Tensor, name: str, more: More, *, strict: bool) -> Captured:
    with eval_mode(model), plain_attention(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run_eagerly(model, example, name, more)
        try:
            with torch.enable_grad(), quietly(), as_written(), _named_arguments(model, example, more):
                shapes = _free_batch(model, example, more)
                exported = export(model, (example,), dict(more), dynamic_shapes=shapes, strict=strict)
                program = exported.run_decompositions({})
        except Exception as error:  # torch.export raises many unrelated types
            first_line = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
            line = _line_of(error)
            where = "" if line is None else f", at {line}"
            raise NotCapturableError(
                f"model {name} cannot be captured as a graph{where} ({type(error).__name__}: {first_line}); "
                "control flow that depends on the values of the input is the usual reason"
            ) from error
        if any(
            "set_grad_enabled" in str(node.target)
            for inner in exported.graph_module.modules()
            if isinstance(inner, GraphModule)
            for node in inner.graph.nodes
        ):
            raise NotCapturableError(
                f"model {name} switches gradients off for a part of itself, which a graph would lose"
            )
        changed = sorted(program.graph_signature.buffers_to_mutate.values())
        if changed:
            raise CutError(
                f"model {name} changes its own buffers in eval mode ({', '.join(changed[:3])}): "
                "expected a model that is frozen in eval mode"
            )
        if program.graph_signature.user_inputs_to_mutate:
            raise CutError(
                f"model {name} changes its input in place: expected a model that leaves it as it is "
                "(no in-place operation on the input itself)"
            )
        graph_module = program.module(check_guards=False)
    assert isinstance(graph_module, GraphModule)
    _views_to_reshapes(graph_module)
    placeholders = [node for node in graph_module.graph.nodes if node.op == "placeholder"]
    if len(placeholders) != 1 + len(more):
        raise CutError(f"model {name} takes {len(placeholders)} inputs: expected {1 + len(more)} tensors")
    _expect_any_batch(placeholders[0], program.range_constraints, name)
    assert program.call_spec.in_spec is not None
    named = dict(zip(program.call_spec.in_spec.child(1).context, placeholders[1:], strict=True))
    return Captured(graph_module, placeholders[0], program.call_spec.out_spec, named)


def _line_of(error: BaseException) -> str | None:
    """Return the file and line of the model's own code that an error of the capture comes from; None where there is none."""
    found = None
    for frame, line in traceback.walk_tb(error.__traceback__):
        path = Path(frame.f_code.co_filename)
        if not {"torch", "modelstitch"} & set(path.parts) and path.name not in ("contextlib.py", "copy.py"):
            found = f"{path.name}:{line}"
    return found


@contextlib.contextmanager
def _named_arguments(model: nn.Module, example: Tensor, more: More) -> Iterator[None]:
    """Give a model that gathers further inputs in ``**kwargs`` a signature that names them: torch.export asks for it."""
    signature = inspect.signature(model.forward)
    gathered = next((each for each in signature.parameters.values() if each.kind is each.VAR_KEYWORD), None)
    names = (
        set() if gathered is None else set(signature.bind(example, **more).arguments.get(gathered.name, {}))
    )
    if not names:
        yield
        return
    own, before = model.forward, vars(model).get("forward")
    known = [each for each in signature.parameters.values() if each is not gathered]
    added = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in more if name in names]

    def forward(*args: Any, **kwargs: Any) -> Any:
        return own(*args, **kwargs)

    forward.__signature__ = signature.replace(parameters=[*known, *added])  # type: ignore[attr-defined]
    model.forward = forward
    try:
        yield
    finally:
        del model.forward
        if before is not None:
            model.forward = before


def _free_batch(model: nn.Module, example: Tensor, more: More) -> Any:
    # What *args and **kwargs of a wrapper (DataParallel, torch.compile) gather counts as one argument with parts.
    bound = inspect.signature(model.forward).bind(example, **more).arguments
    return pytree.tree_map(lambda _: {0: Dim.AUTO}, tuple(bound.values()))


def _expect_any_batch(primary: Node, constraints: Any, name: str) -> None:
    # torch.export writes down what it had to assume of the batch size; the graph is wrong for all other sizes.
    batch = primary.meta["val"].shape[0]
    if isinstance(batch, torch.SymInt) and batch.node.expr.is_Symbol:
        legal = constraints[batch.node.expr]
        if legal.lower <= 2 and legal.upper > _ANY_BATCH:
            return
    raise _FixedBatchError(
        f"model {name} fixes the size of its batch, or does something else at other sizes: "
        "expected a model whose forward treats every batch size alike (x.shape[0] where a graph takes len(x) for a fixed number)"
    )


def _views_to_reshapes(graph_module: GraphModule) -> None:
    # A view is legal for the strides seen at capture; a stitched representation may have others.
    aten = torch.ops.aten
    for node in graph_module.graph.nodes:
        if node.target in (aten.view.default, aten._unsafe_view.default):
            node.target = aten.reshape.default


def tensor_of(node: Node) -> Tensor | None:
    """Return the fake tensor that ``node`` stood for at capture, or None where it is not one tensor."""
    value = node.meta.get("val")
    return value if isinstance(value, Tensor) and node.target is not operator.setitem else None
