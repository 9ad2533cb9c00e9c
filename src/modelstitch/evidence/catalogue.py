"""Every measurement with its definition, as a page: ``python -m modelstitch.evidence.catalogue`` prints docs/evidence.md."""

from __future__ import annotations

from modelstitch.evidence.kinds import KINDS
from modelstitch.specs import STANDARD_EVIDENCE

_HEAD = """# Evidence

What is measured about a cell beside its score, on held-out examples (at most 1,000, `--evidence-examples`), spread evenly over the held-out part.
*Provided* is the sender's representation, *expected* the receiver's own, *stitched* what the stitch makes of the provided one. *Within class* means: of
what is left when the mean of each class is taken away, so that a stitch that passes the label alone has nothing.

Intervals are 95 %: of shares by Wilson's formula, of pairwise measures by leaving out a tenth of the examples at a time (the bootstrap would make an example
its own neighbour). The kinds marked * are measured unless told otherwise; `--evidence all` measures every one.

This page is printed by `python -m modelstitch.evidence.catalogue`; a test holds it to what the code says.
"""


def page() -> str:
    """Return all definitions as Markdown."""
    parts = [_HEAD]
    for name, kind in KINDS.items():
        star = " *" if name in STANDARD_EVIDENCE else ""
        parts.append(f"## {name}{star}\n")
        parts.append("| name | what | range | better | source |\n| --- | --- | --- | --- | --- |")
        parts += [
            f"| `{each}` | {d.text} | {d.range} | {d.better} | {d.source} |"
            for each, d in kind.definitions.items()
        ]
        parts.append("")
    return "\n".join(parts)


if __name__ == "__main__":
    print(page(), end="")
