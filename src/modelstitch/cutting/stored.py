"""A captured graph as a file: operations and shapes as text, constants as tensors, never as code.

Weights are not in it: the graph names them, and they are read from the model that it is loaded for. Loading
runs nothing of the file. Its operations are looked up by name among those that torch has registered.
"""

from __future__ import annotations

import json
import math
import operator
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import sympy  # type: ignore[import-untyped]
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch._dynamo.source import ConstantSource
from torch._ops import OpOverload
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx import Graph, Node
from torch.fx.experimental.symbolic_shapes import DimDynamic, ShapeEnv
from torch.utils import _pytree as pytree
from torch.utils._sympy import functions as torch_sympy

from modelstitch.cutting.capture import Captured
from modelstitch.cutting.slicing import attribute, build_module
from modelstitch.errors import CutError

_VERSION = 1
"""Of the form of the file; another one is not read."""

_ARITHMETIC = {
    operator: (
        *("getitem", "add", "sub", "mul", "floordiv", "truediv", "mod", "neg", "pow"),
        *("eq", "ne", "lt", "le", "gt", "ge", "and_", "or_"),
    ),
    math: ("ceil", "floor", "trunc"),
    torch: ("sym_max", "sym_min", "sym_not", "sym_float", "sym_int"),
}
_BUILTINS: Mapping[str, Callable[..., Any]] = {
    f"{module.__name__}.{name}": getattr(module, name)
    for module, names in _ARITHMETIC.items()
    for name in names
}
"""Functions of a graph that are no operations of torch: arithmetic of sizes."""

_EXPRESSIONS: Mapping[str, Callable[..., Any]] = {
    **{name: getattr(sympy, name) for name in ("Add", "Mul", "Pow")},
    **{
        name: getattr(torch_sympy, name)
        for name in ("FloorDiv", "Mod", "PythonMod", "CleanDiv", "Max", "Min")
    },
}
_OF_TORCH: Mapping[str, type] = {
    "dtype": torch.dtype,
    "device": torch.device,
    "layout": torch.layout,
    "memory_format": torch.memory_format,
}


class NotStoredError(CutError):
    """A graph holds something that has no place in a file."""


def write_graph(captured: Captured, model: nn.Module, path: Path) -> None:
    """Write a captured graph.

    Raises:
        NotStoredError: a part of it has no form as text.
        OSError: the file cannot be written.
    """
    graph = captured.graph_module.graph
    batch = captured.primary.meta["val"].shape[0].node.expr
    text = _Writer(batch)
    nodes, constants = [], {}
    for node in graph.nodes:
        if node.op == "get_attr":
            target = str(node.target)
            try:
                attribute(model, target)
            except (AttributeError, AssertionError):
                constants[target] = attribute(captured.graph_module, target).detach().contiguous().clone()
        elif node.op not in ("placeholder", "call_function", "output"):
            raise NotStoredError(f"a graph with {node.op} {node.target} has no form as a file")
        nodes.append(
            {
                "name": node.name,
                "op": node.op,
                "target": _target(node),
                "args": text.value(node.args),
                "kwargs": text.value(dict(node.kwargs)),
                "val": text.made(node.meta.get("val")),
                "inside": [[key, *map(str, place)] for key, place in _inside(node).items()],
            }
        )
    try:
        spec = pytree.treespec_dumps(captured.out_spec)
    except Exception as error:  # types of outputs raise what they like
        raise NotStoredError("the structure of its output has no form as text") from error
    held = {
        "version": _VERSION,
        "nodes": nodes,
        "primary": captured.primary.name,
        "name": captured.name,
        "kwargs": {name: node.name for name, node in captured.kwargs.items()},
        "out_spec": spec,
        "scored": captured.scored,
        "said": captured.said,
    }
    save_file(constants, path, {"graph": json.dumps(held)})


def read_graph(path: Path, model: nn.Module) -> Captured:
    """Read a captured graph for a model.

    Raises:
        NotStoredError: the file is none, or of another form, or not for this model.
    """
    try:
        with safe_open(path, "pt") as file:
            held = json.loads(file.metadata()["graph"])
            constants = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if held["version"] != _VERSION:
            raise NotStoredError("it has another form")
        return _read(held, constants, model)
    except NotStoredError:
        raise
    except Exception as error:  # a file of others may hold anything
        raise NotStoredError(f"it cannot be read ({type(error).__name__})") from error


def _read(held: Any, constants: Mapping[str, Tensor], model: nn.Module) -> Captured:
    graph, text = Graph(), _Reader()
    values: dict[str, Tensor] = {}
    for each in held["nodes"]:
        op, args = each["op"], text.value(each["args"])
        target: Any = each["target"]
        if op == "get_attr":
            values[target] = constants[target] if target in constants else attribute(model, target)
        elif op == "call_function":
            target = _function(target)
        node = graph.create_node(op, target, args, text.value(each["kwargs"]), each["name"])
        if node.name != each["name"]:
            raise NotStoredError(f"it has two values called {each['name']}")
        node.meta["val"] = text.made(each["val"])
        node.meta["nn_module_stack"] = {key: (path, kind) for key, path, kind in each["inside"]}
        text.nodes[node.name] = node
    graph.lint()
    return Captured(
        build_module(graph, values),
        text.nodes[held["primary"]],
        held["name"],
        pytree.treespec_loads(held["out_spec"]),
        held["scored"],
        held["said"],
        {name: text.nodes[node] for name, node in held["kwargs"].items()},
    )


def _inside(node: Node) -> dict[str, tuple[str, Any]]:
    return node.meta.get("nn_module_stack") or {}


def _target(node: Node) -> str:
    target = node.target
    if isinstance(target, str):
        return target
    if isinstance(target, OpOverload):
        return f"{target.name()}{'' if '.' in target.name() else '.default'}"
    for name, function in _BUILTINS.items():
        if target is function:
            return name
    raise NotStoredError(f"the operation {target} has no form as text")


def _function(name: str) -> Any:
    if name in _BUILTINS:
        return _BUILTINS[name]
    namespace, _, rest = name.partition("::")
    operation, _, overload = rest.rpartition(".")
    found = getattr(getattr(getattr(torch.ops, namespace), operation), overload)
    if not isinstance(found, OpOverload):
        raise NotStoredError(f"no operation of torch is called {name}")
    return found


class _Writer:
    """Writes arguments and shapes of nodes as JSON.

    Args:
        batch: the free size; every other size follows from it.
    """

    def __init__(self, batch: sympy.Symbol) -> None:
        self.batch = batch

    def value(self, value: Any) -> Any:
        if isinstance(value, Node):
            return {"node": value.name}
        if value is None or type(value) in (bool, int, float, str):
            return value
        if isinstance(value, tuple):
            return {"tuple": [self.value(part) for part in value]}
        if isinstance(value, list):
            return [self.value(part) for part in value]
        if isinstance(value, Mapping):
            return {"dict": [[key, self.value(part)] for key, part in value.items()]}
        if isinstance(value, slice):
            return {"slice": [self.value(part) for part in (value.start, value.stop, value.step)]}
        for name, kind in _OF_TORCH.items():
            if isinstance(value, kind):
                return {name: str(value).removeprefix("torch.")}
        raise NotStoredError(f"an argument of type {type(value).__name__} has no form as text")

    def made(self, value: Any) -> Any:
        if isinstance(value, Tensor):
            shape = [self._size(length) for length in value.shape]
            return {"tensor": [shape, str(value.dtype).removeprefix("torch."), str(value.device)]}
        if isinstance(value, torch.SymInt):
            return {"size": self._size(value)}
        if isinstance(value, torch.SymBool | torch.SymFloat):
            return None
        if isinstance(value, tuple | list):
            return {"several": [self.made(part) for part in value]}
        return self.value(value)

    def _size(self, size: int | torch.SymInt) -> Any:
        return size if isinstance(size, int) else self._expression(size.node.expr)

    def _expression(self, expression: Any) -> Any:
        if expression == self.batch:
            return "batch"
        if isinstance(expression, sympy.Integer):
            return int(expression)
        name = type(expression).__name__
        if name not in _EXPRESSIONS:
            raise NotStoredError(f"the size {expression} does not follow from the batch alone")
        return [name, *map(self._expression, expression.args)]


class _Reader:
    """Reads what :class:`_Writer` wrote; ``nodes`` are those that were made so far."""

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}
        self._shapes = ShapeEnv()
        self._mode = FakeTensorMode(shape_env=self._shapes, allow_non_fake_inputs=True)
        self._batch = self._shapes.create_symbol(
            2, ConstantSource("batch"), dynamic_dim=DimDynamic.DYNAMIC, constraint_dim=None
        )
        self._sizes: dict[str, Any] = {}

    def value(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self.value(part) for part in value]
        if not isinstance(value, dict):
            return value
        ((kind, inner),) = value.items()
        if kind == "node":
            return self.nodes[inner]
        if kind == "tuple":
            return tuple(self.value(part) for part in inner)
        if kind == "dict":
            return {key: self.value(part) for key, part in inner}
        if kind == "slice":
            return slice(*(self.value(part) for part in inner))
        if kind == "device":
            return torch.device(inner)
        found = getattr(torch, inner)
        if not isinstance(found, _OF_TORCH[kind]):
            raise NotStoredError(f"torch has no {kind} {inner}")
        return found

    def made(self, value: Any) -> Any:
        if isinstance(value, dict) and "tensor" in value:
            shape, dtype, device = value["tensor"]
            with self._mode:
                sizes = [self._size(length) for length in shape]
                return torch.empty(sizes, dtype=self.value({"dtype": dtype}), device=device)
        if isinstance(value, dict) and "size" in value:
            return self._size(value["size"])
        if isinstance(value, dict) and "several" in value:
            return tuple(self.made(part) for part in value["several"])
        return self.value(value)

    def _size(self, size: Any) -> Any:
        if isinstance(size, int):
            return size
        key = json.dumps(size)
        if key not in self._sizes:
            expression = self._expression(size)
            hint = int(expression.subs({self._batch: 2}))
            self._sizes[key] = self._shapes.create_symintnode(expression, hint=hint)
        return self._sizes[key]

    def _expression(self, size: Any) -> Any:
        if size == "batch":
            return self._batch
        if isinstance(size, int):
            return sympy.Integer(size)
        name, *args = size
        return _EXPRESSIONS[name](*map(self._expression, args))
