"""Name the values of a captured graph after the modules whose outputs they are."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

from torch import nn
from torch.fx import Node


@dataclass(frozen=True)
class ValueName:
    """The names of one value: the name, its aliases, and whether a block ends here."""

    name: str
    aliases: tuple[str, ...]
    block: bool


def enclosing(node: Node) -> dict[str, str]:
    """Module calls that enclose ``node``: ``{'relu@1' key: 'relu' path}``, outermost first, root left out."""
    stack = node.meta.get("nn_module_stack") or {}
    return {key: path for key, (path, _) in stack.items() if path and not path.startswith("_empty_nn")}


def call_of(key: str) -> str:
    """Return the number of a call from its key: ``'1'`` for ``'relu@1'``, ``'0'`` for ``'relu'``."""
    return key.rpartition("@")[2] if "@" in key else "0"


def _owners(node: Node) -> list[tuple[str, str]]:
    """Module calls that end with ``node``: they enclose it, but not all of its users."""
    outside = [set(enclosing(user)) if user.op != "output" else set() for user in node.users]
    return [(key, path) for key, path in enclosing(node).items() if any(key not in keys for keys in outside)]


def is_block(model: nn.Module, path: str) -> bool:
    """Tell whether a module has children and parameters; False for a path that no longer exists."""
    try:
        module = model.get_submodule(path)
    except AttributeError:
        return False
    return any(True for _ in module.children()) and any(True for _ in module.parameters())


def name_values(model: nn.Module, nodes: list[Node], every: list[Node]) -> dict[Node, ValueName]:
    """Name values after the module calls that end with them.

    A module called once gives its path (``layer2.0``), one called several times its path and the number of
    the call (``relu@1``). The innermost module with children gives the name, the others are aliases. A value
    that no module owns, such as the output of a functional ReLU, is named after the previous module and the
    operation (``bn1+relu``).

    Args:
        model: the module that was captured.
        nodes: the values to name, in graph order.
        every: all data nodes of the graph, to count the calls of each module.

    Returns:
        One name for each node; names are unique.
    """
    calls: dict[str, set[str]] = {}
    for node in every:
        for key, path in enclosing(node).items():
            calls.setdefault(path, set()).add(key)

    def spelled(key: str, path: str) -> str:
        if len(calls[path]) == 1:
            return path
        return f"{path}@{call_of(key)}"

    names: dict[Node, ValueName] = {}
    taken: Counter[str] = Counter()
    to_name = set(nodes)
    previous = "input"
    for node in every:
        owned = _owners(node)
        if node in to_name:
            blocks = [(key, path) for key, path in owned if is_block(model, path)]
            if owned:
                name = spelled(*(blocks or owned)[-1])
            else:
                operation = getattr(node.target, "__name__", str(node.target)).split(".")[0]
                name = f"{previous}+{operation}"
            taken[name] += 1
            if taken[name] > 1:
                name = f"{name}#{taken[name]}"
            aliases = tuple(alias for key, path in owned if (alias := spelled(key, path)) != name)
            names[node] = ValueName(name=name, aliases=aliases, block=bool(blocks))
        if owned:
            previous = spelled(*owned[-1])
    return names


def outermost_blocks(model: nn.Module, names: dict[Node, ValueName]) -> dict[Node, ValueName]:
    """Unmark parts of a repeated block, such as the attention of a layer, if the block ends in a cut.

    Elements of lists within lists, such as the blocks of stages, stay blocks.
    """
    ends = {
        name
        for value in names.values()
        if value.block
        for name in (value.name, *value.aliases)
        if name.rpartition(".")[2].isdigit() and is_block(model, name)
    }

    def is_part(value: ValueName) -> bool:
        if ends & {value.name, *value.aliases}:
            return False
        inner = value.name.split(".")
        return any(".".join(inner[:end]) in ends for end in range(1, len(inner)))

    return {
        node: replace(value, block=False) if value.block and is_part(value) else value
        for node, value in names.items()
    }
