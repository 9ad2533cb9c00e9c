"""Blocks that end outside of their module, where the caller adds a residual to the output.

Transformers are often written ``for attention, feed_forward in self.layers: x = attention(x) + x; ...``. No
output of a module is a legal cut there, since data flows around it; the sums are.
"""

from __future__ import annotations

from collections import Counter

from torch import nn
from torch.fx import Node

from modelstitch.cutting.naming import ValueName, enclosing, is_block


def named_after_blocks(
    model: nn.Module, nodes: list[Node], names: dict[Node, ValueName]
) -> dict[Node, ValueName]:
    """Name sums behind repeated blocks, which belong to no module, after the block.

    A block is an element of a module list of which several elements have such a sum. Where several sums
    follow one element, the last takes its name. The earlier name of the sum becomes an alias.

    Args:
        model: the module that was captured.
        nodes: the legal cuts, in graph order.
        names: their names.

    Returns:
        The names of all values, some changed.
    """
    known = {name for value in names.values() for name in (value.name, *value.aliases)}
    ended: dict[str, Node] = {}
    for node in nodes:
        if not names[node].block and "+" in names[node].name:
            unit = _unit(model, node, set(nodes), known)
            if unit is not None:
                ended[unit] = node
    repeated = Counter(unit.rpartition(".")[0] for unit in ended)
    renamed = {
        node: ValueName(name=unit, aliases=(names[node].name, *names[node].aliases), block=True)
        for unit, node in ended.items()
        if repeated[unit.rpartition(".")[0]] > 1
    }
    return names | renamed


def _unit(model: nn.Module, node: Node, cuts: set[Node], known: set[str]) -> str | None:
    """Return the path of the block whose output the caller made a value of; None where there is none."""
    around = enclosing(node)
    owner = list(around.values())[-1] if around else ""
    wave, visited = list(node.all_input_nodes), {node}
    units = set()
    while wave:
        source = wave.pop()
        if source in visited or source in cuts or source.op == "placeholder":
            continue
        visited.add(source)
        inside = [path for key, path in enclosing(source).items() if key not in around]
        element = _element(model, owner, inside[0]) if inside else None
        if element is None:
            wave += source.all_input_nodes  # an operation of the caller, or a small module such as a dropout
        elif {element, inside[0]} & known:
            return None  # the block's own output is a legal cut
        else:
            units.add(element)
    # A sum of several blocks belongs to none of them.
    return units.pop() if len(units) == 1 else None


def _element(model: nn.Module, owner: str, path: str) -> str | None:
    """Return the element of a module list of ``owner`` that holds a module; None unless it is a block."""
    begin = owner.count(".") + 1 if owner else 0
    parts = path.split(".")
    for end in range(begin + 1, len(parts) + 1):
        if parts[end - 1].isdigit():
            element = ".".join(parts[:end])
            return element if is_block(model, element) else None
    return None
