"""Where a block ends outside of its module: what its caller adds to its output, such as a residual, flows on in its place.

Transformers are often written so: ``for attention, feed_forward in self.layers: x = attention(x) + x; x = feed_forward(x) + x``. No
output of a module is a cut then, since data flows around each of them; the sums are.
"""

from __future__ import annotations

from collections import Counter

from torch import nn
from torch.fx import Node

from modelstitch.cutting.naming import ValueName, enclosing, is_block


def named_after_blocks(
    model: nn.Module, nodes: list[Node], names: dict[Node, ValueName]
) -> dict[Node, ValueName]:
    """Name values that flow on after repeated blocks, and belong to no module, after the block.

    A block is an element of a list of modules, of which several are followed by such a value; where several values follow one
    element, the last of them is named. The name that a value had becomes an alias.

    Args:
        model: the module that was captured.
        nodes: the values that can be cut, in graph order.
        names: of each of them.

    Returns:
        The names of all values, some changed.
    """
    known = {name for each in names.values() for name in (each.name, *each.aliases)}
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
    """Return the path of the block whose output a value was made of by the code around it; None where there is none."""
    around = enclosing(node)
    owner = list(around.values())[-1] if around else ""
    wave, seen = list(node.all_input_nodes), {node}
    units = set()
    while wave:
        each = wave.pop()
        if each in seen or each in cuts or each.op == "placeholder":
            continue
        seen.add(each)
        inside = [path for key, path in enclosing(each).items() if key not in around]
        element = _element(model, owner, inside[0]) if inside else None
        if element is None:
            wave += each.all_input_nodes  # an operation of the caller's, or a small module such as a dropout
        elif {element, inside[0]} & known:
            return None  # the block's own output can be cut
        else:
            units.add(element)
    # Where several blocks flow together the value is no one's.
    return units.pop() if len(units) == 1 else None


def _element(model: nn.Module, owner: str, path: str) -> str | None:
    """Return the element, with parameters and children, of a list of modules of ``owner`` that a module is or lies in."""
    begin = owner.count(".") + 1 if owner else 0
    parts = path.split(".")
    for end in range(begin + 1, len(parts) + 1):
        if parts[end - 1].isdigit():
            element = ".".join(parts[:end])
            return element if is_block(model, element) else None
    return None
