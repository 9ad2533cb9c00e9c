"""The form that needs torch alone: a program of ``torch.export`` with a free batch."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram
from torch.export.graph_signature import InputKind
from torch.fx import GraphModule, Interpreter, Node
from torch.fx.experimental.proxy_tensor import make_fx

from modelstitch.adoption.folder.deployed import Deployed
from modelstitch.cutting.capture import no_fused_attention, no_logs
from modelstitch.cutting.recurrent import shapes_at_once
from modelstitch.errors import ModelError, first_line

PROGRAM = "model.pt2"
"""Name of the file."""

_aten = torch.ops.aten

_EXAMPLES = 3
"""Size of the batch that a program is traced with; sizes 0 and 1 are special to the tracer."""

_OF_THIS_MACHINE = ("stack_trace", "from_node", "source_fn_stack", "nn_module_stack", "torch_fn", "custom")
"""What the tracer notes beside each operation: paths and lines of the user's source."""


class NotWrittenError(ModelError):
    """One form of a network cannot be made; the others still can."""


Shapes = Mapping[str, tuple[torch.dtype, Sequence[int]]]
"""Type and shape of one example of each input, by name."""


def program_of(deployed: Deployed, shapes: Shapes) -> ExportedProgram:
    """Trace a network on zeros, with a free batch.

    No example of any data is needed, so none can stay in the program.

    Args:
        deployed: the network.
        shapes: type and shape of one example of each input, by name.

    Raises:
        NotWrittenError: the network cannot be traced, or fixes the size of its batch.
    """
    x, *further = [torch.zeros(_EXAMPLES, *shape, dtype=dtype) for dtype, shape in shapes.values()]
    batch = {0: Dim("batch", min=1)}
    free: Any = (batch, tuple(batch for _ in further)) if further else (batch,)
    try:
        with torch.no_grad(), no_fused_attention(), no_logs(), shapes_at_once(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program, by_hooks = _traced(deployed, (x, *further), free)
            if by_hooks or _unused(program):
                # A half that runs by hooks holds the whole network: trace again what the graph uses.
                used, free = _Used(module_of(program)), (tuple(batch for _ in shapes),)
                again = torch.export.export(used, (x, *further), dynamic_shapes=free)
                program = again.run_decompositions({})
    except Exception as error:  # torch.export raises many unrelated types
        raise NotWrittenError(
            f"{PROGRAM} is not written: torch.export cannot trace the stitched network "
            f"({type(error).__name__}: {first_line(error)})"
        ) from error
    for module in program.graph_module.modules():
        if isinstance(module, GraphModule):
            for node in module.graph.nodes:
                for name in _OF_THIS_MACHINE:
                    node.meta.pop(name, None)
    assert isinstance(program, ExportedProgram)
    return program


def _traced(deployed: Deployed, inputs: tuple[Tensor, ...], free: Any) -> tuple[ExportedProgram, bool]:
    """Trace a network by torch.export; where its halves run by hooks, through a graph of its operations.

    Returns:
        The program, and whether a half runs by hooks.
    """
    try:
        return torch.export.export(deployed, inputs, dynamic_shapes=free).run_decompositions({}), False
    except AssertionError:
        # A half by hooks leaves the modules that it is in at once, which torch.export does not follow.
        graph = make_fx(deployed, tracing_mode="symbolic", _allow_non_fake_inputs=True)(*inputs)
        free = tuple({0: Dim("batch", min=1)} for _ in inputs)
        return torch.export.export(graph, inputs, dynamic_shapes=free).run_decompositions({}), True


def _unused(program: ExportedProgram) -> list[str]:
    """Return the parameters, buffers and constants that no operation of a program reads."""
    held = (InputKind.PARAMETER, InputKind.BUFFER, InputKind.CONSTANT_TENSOR)
    nodes = [node for node in program.graph.nodes if node.op == "placeholder"]
    return [
        str(spec.target)
        for spec, node in zip(program.graph_signature.input_specs, nodes, strict=True)
        if spec.kind in held and not node.users
    ]


def _is_blank(node: object) -> bool:
    """Tell whether a value has no numbers of its own yet."""
    blank = (_aten.empty_like.default, _aten.empty_permuted.default, _aten.new_empty.default)
    return isinstance(node, Node) and node.target in blank


class _Used(nn.Module):
    """A traced network with the tensors that it reads, and no other ones."""

    def __init__(self, module: GraphModule) -> None:
        super().__init__()
        for node in module.graph.nodes:
            # A half by hooks copies the representation over a value of its own, whose shape alone counts.
            if node.target is _aten.copy.default and _is_blank(node.args[0]):
                node.replace_all_uses_with(node.args[1])
        module.graph.eliminate_dead_code()
        read = {str(node.target) for node in module.graph.nodes if node.op == "get_attr"}
        for name in [*dict(module.named_parameters()), *dict(module.named_buffers())]:
            if name not in read:
                path, _, leaf = name.rpartition(".")
                delattr(module.get_submodule(path), leaf)
        module.recompile()
        self.network = module

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        outputs: tuple[Tensor, ...] = self.network(*inputs)
        return outputs


def save_program(program: ExportedProgram, path: Path) -> None:
    """Write a program to a file.

    Raises:
        OSError: it cannot be written.
    """
    # Through memory: torch's own writer aborts with a trace of C++ where a disk is full.
    path.write_bytes(bytes_of(program))


def bytes_of(program: ExportedProgram) -> bytes:
    """Return what the file of a program holds."""
    held = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.export.save(program, held)
    return held.getvalue()


def load_program(path: Path | io.BytesIO) -> ExportedProgram:
    """Read a program from a file, or from what :func:`bytes_of` gives.

    Raises:
        ModelError: it is damaged, or of a version that this torch does not read.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program: ExportedProgram = torch.export.load(path)
            return program
    except Exception as error:  # a damaged archive fails in many ways
        raise ModelError(
            f"cannot read the program {str(path)!r} with torch {torch.__version__}: {first_line(error)}"
        ) from error


def module_of(program: ExportedProgram) -> GraphModule:
    """Return a program as a module with its own parameters."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of its own tree of outputs
        module = program.module(check_guards=False)
    assert isinstance(module, GraphModule)
    return module


def make_tensors_on(module: GraphModule, device: torch.device) -> None:
    """Have the constants of a program, and the tensors that its operations make, on a device.

    The tracer wrote down where they were; parameters and buffers are moved by the module itself.
    """
    for node in module.graph.nodes:
        if node.kwargs.get("device") is not None:
            node.kwargs = {**node.kwargs, "device": device}
        if node.op == "get_attr":
            path, _, leaf = str(node.target).rpartition(".")
            holder = module.get_submodule(path)
            value = getattr(holder, leaf)
            if isinstance(value, Tensor) and value.device != device:
                setattr(holder, leaf, value.to(device))
    module.recompile()


class Tapped(nn.Module):
    """A program that ends at one of its values, such as the stitched representation.

    Args:
        program: of a network.
        value: name of the value, see :func:`value_equal_to`.

    Raises:
        ModelError: the program has no such value.
    """

    def __init__(self, program: GraphModule, value: str) -> None:
        super().__init__()
        found = [node for node in program.graph.nodes if node.name == value]
        if not found:
            raise ModelError(f"the program has no value {value!r}: it was written by another version")
        self.program, self.node = program, found[0]

    def forward(self, *inputs: Tensor) -> Tensor:
        """Return the value for some inputs; nothing behind it is computed."""
        return _Until(self.program, self.node).value(*inputs)


class _Until(Interpreter):
    """Runs a graph up to one node."""

    def __init__(self, module: GraphModule, last: Node) -> None:
        super().__init__(module)
        self.last = last

    def run_node(self, n: Node) -> object:
        value: object = super().run_node(n)
        if n is self.last:
            assert isinstance(value, Tensor)
            raise _ReachedError(value)
        return value

    def value(self, *inputs: Tensor) -> Tensor:
        """Return the value of the node for some inputs."""
        try:
            self.run(*inputs)
        except _ReachedError as reached:
            return reached.value
        raise ModelError(f"the program does not reach its value {self.last.name!r}")


class _ReachedError(Exception):
    def __init__(self, value: Tensor) -> None:
        super().__init__()
        self.value = value


def value_equal_to(program: GraphModule, inputs: Sequence[Tensor], expected: Tensor) -> str | None:
    """Return the name of the first value of a program that equals a tensor bit by bit; None without one.

    Args:
        program: of a network.
        inputs: some examples, in the order of the program's inputs.
        expected: (n, ...) the value for these examples.
    """
    with torch.no_grad():
        recorder = _Recorder(program, expected)
        recorder.run(*inputs)
    return recorder.found


class _Recorder(Interpreter):
    """Runs a graph and notes the first value that equals a tensor."""

    def __init__(self, module: GraphModule, expected: Tensor) -> None:
        super().__init__(module)
        self.expected, self.found = expected, None

    found: str | None

    def run_node(self, n: Node) -> object:
        value: object = super().run_node(n)
        if self.found is None and isinstance(value, Tensor) and n.op != "placeholder":
            same = value.shape == self.expected.shape and value.dtype == self.expected.dtype
            if same and torch.equal(value, self.expected):
                self.found = n.name
        return value
