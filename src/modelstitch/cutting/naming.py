"""Name the values of a captured graph after the modules whose outputs they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
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
    paths = {key: _own_path(path) for key, (path, _) in stack.items()}
    return {key: path for key, path in paths.items() if path and not path.startswith("_empty_nn")}


def _own_path(path: str) -> str:
    """Return the path of a module without the way through a wrapped ``forward``."""
    inside = path.rpartition("__self__")[2] if "__closure__" in path else path
    return inside.removeprefix(".")


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


def block_of(model: nn.Module, paths: Sequence[str]) -> str:
    """Return the block that ends where several modules do, which lie inside each other.

    It is the element of a list or of a chain, such as ``layer.2``, and not the last part inside of it. Of
    several elements it is the innermost of a list of blocks of one class, such as ``stages.1.blocks.2``, if
    it has parts with parts of their own; of elements that are no such blocks, the outermost.

    Args:
        model: the whole model.
        paths: of modules with children, outermost first.

    Example:
        >>> block = nn.Sequential(nn.Sequential(nn.Linear(2, 2)))
        >>> block_of(nn.Sequential(block, block), ["0", "0.0"])
        '0.0'
    """
    elements = [path for path in paths if path.rpartition(".")[2].isdigit()]
    own = [path for path in elements if type(model.get_submodule(path)) not in _CHAINS]
    if not own:
        return (elements or paths)[-1]
    return next(
        (path for path in reversed(own) if _is_repeated(model, path) and _has_inner(model, path)), own[0]
    )


_CHAINS = (nn.Sequential, nn.ModuleList)


def _is_repeated(model: nn.Module, path: str) -> bool:
    """Tell whether an element and all beside it are of one class."""
    parent = model.get_submodule(path.rpartition(".")[0])
    return len({type(element) for element in parent.children()}) == 1


def _has_inner(model: nn.Module, path: str) -> bool:
    """Tell whether a module has parts with parts of their own."""
    return any(True for part in model.get_submodule(path).children() for _ in part.children())


def name_values(model: nn.Module, nodes: list[Node], every: list[Node]) -> dict[Node, ValueName]:
    """Name values after the module calls that end with them.

    A module called once gives its path (``layer2.0``), one called several times its path and the number of
    the call (``relu@1``). Of modules with children :func:`block_of` tells which gives the name, of others the
    innermost; the others' names are aliases. A value
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
            if blocks:
                path = block_of(model, [path for _, path in blocks])
                name = spelled(*next(block for block in blocks if block[1] == path))
            elif owned:
                name = spelled(*owned[-1])
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


def path_of(name: str) -> str:
    """Return the path of a module from the name of one of its calls.

    Example:
        >>> path_of("layers.0@3")
        'layers.0'
    """
    return name.partition("@")[0]


def outermost_blocks(model: nn.Module, names: dict[Node, ValueName]) -> dict[Node, ValueName]:
    """Unmark parts of a repeated block, such as the attention of a layer, if the block ends in a cut.

    Elements of lists within lists, such as the blocks of stages, stay blocks. The parts of a block stand in a
    list of several classes, such as attention and feed-forward layer.
    """
    ends = {
        path
        for value in names.values()
        if value.block
        for name in (value.name, *value.aliases)
        if (path := path_of(name)).rpartition(".")[2].isdigit() and is_block(model, path)
    }

    def is_part(value: ValueName) -> bool:
        parts = path_of(value.name).split(".")
        around = [path for end in range(1, len(parts)) if (path := ".".join(parts[:end])) in ends]
        own = ends & {path_of(name) for name in (value.name, *value.aliases)}
        if not own:
            return bool(around)
        of_block = any(type(model.get_submodule(path)) not in _CHAINS for path in around)
        return of_block and not any(_is_repeated(model, path) for path in own)

    return {
        node: replace(value, block=False) if value.block and is_part(value) else value
        for node, value in names.items()
    }
