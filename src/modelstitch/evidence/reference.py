"""All measurements with their definitions, as a page: ``python -m modelstitch.evidence.reference``."""

from __future__ import annotations

from modelstitch.evidence.kinds import KINDS
from modelstitch.specs import STANDARD_EVIDENCE

_HEAD = """# Evidence

Evidence is what is measured about a cell beside its score. It is measured on held-out examples (at most
1,000, `--evidence-examples`), which are spread evenly over the held-out set. *Provided* is the sender's
representation, *expected* the receiver's own, *stitched* what the stitch makes of the provided one.
*Within class* means: after the mean of each class is subtracted. A stitch that passes the label alone
has nothing left there.

Intervals are 95 %. Shares have Wilson's interval. Pairwise measures have that of a jackknife, which
leaves out a tenth of the examples at a time; a bootstrap would make an example its own neighbour. Kinds
marked * are measured by default; `--evidence all` measures every kind. `geometry` and `similarity` use
the measures of `modelstitch.geometry` with the same names.

*Least* is the number of examples that a measure needs. With fewer, its value is missing, and the page and
`evidence.csv` say so by name. *in class* counts the examples in classes of at least four alone; the tests of
`distribution` need as many training examples too.

This page is printed by `python -m modelstitch.evidence.reference`; a test compares it with the code.
"""


def page() -> str:
    """Return all definitions as Markdown."""
    parts = [_HEAD]
    for name, kind in KINDS.items():
        star = " *" if name in STANDARD_EVIDENCE else ""
        parts.append(f"## {name}{star}\n")
        parts.append(
            "| name | what | range | better | least | source |\n| --- | --- | --- | --- | --- | --- |"
        )
        parts += [
            f"| `{measurement}` | {d.text} | {d.range} | {d.better} | {d.least or ''}"
            f"{' in class' if d.within else ''} | {d.source} |"
            for measurement, d in kind.definitions.items()
        ]
        parts.append("")
    return "\n".join(parts)


if __name__ == "__main__":
    print(page(), end="")
