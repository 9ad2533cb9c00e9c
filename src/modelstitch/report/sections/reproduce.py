"""What reproduces the run: hashes, versions, and the whole specification."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from markupsafe import Markup

from modelstitch.models.drawn import Drawn
from modelstitch.report.context import PageContext
from modelstitch.results.comparison import Comparison
from modelstitch.results.facts import RunFacts
from modelstitch.specs import TRAINED

TEMPLATE = """
<section id="reproduce">
<h2>{{ t("page.reproduce") }}</h2>
{{ table([t("page.fact"), t("page.fact_value")], facts, t("page.reproduce")) }}
<details><summary>{{ t("page.spec") }}</summary><pre>{{ spec }}</pre></details>
</section>
"""


def section(context: PageContext) -> Markup:
    """Return the facts of the run and its specification."""
    spec = json.dumps(_without_none(asdict(context.comparison.spec)), indent=1, ensure_ascii=False)
    return context.fill(TEMPLATE, facts=_rows(context, context.comparison), spec=spec)


def _rows(context: PageContext, comparison: Comparison) -> list[tuple[str, str]]:
    first = min((whole.seed for whole in comparison.baselines), default=0)
    hashes = [
        (context.t("page.weights_hash", role=context.t(f"page.{whole.role}")), whole.digest)
        for whole in comparison.baselines
        if whole.control == TRAINED and whole.seed == first
    ]
    notes = [
        (name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
        for name, value in _flat(comparison.facts).items()
        if value not in (None, "")
    ]
    untrained = comparison.facts.pair.untrained
    copies = [
        *_untrained(context, "sender", untrained.sender),
        *_untrained(context, "receiver", untrained.receiver),
    ]
    seconds = sum(cell.seconds for cell in comparison.cells)
    return [*hashes, *notes, *copies, (context.t("page.seconds"), f"{seconds:.0f}")]


def _untrained(context: PageContext, role: str, drawn: Drawn | None) -> list[tuple[str, str]]:
    """Return what was not drawn in the untrained copy of a network."""
    if drawn is None:
        return []
    named = (
        ("page.untrained_initial", drawn.initial),
        ("page.untrained_tables", drawn.tables),
        ("page.untrained_permuted", drawn.permuted),
        ("page.untrained_kept", drawn.kept),
    )
    own = context.t(f"page.{role}")
    return [(context.t(key, role=own, n=len(names)), ", ".join(names)) for key, names in named if names]


def _without_none(value: Any) -> Any:
    """Return plain values without the entries that are None: choices that were left to the package."""
    if isinstance(value, Mapping):
        return {name: _without_none(part) for name, part in value.items() if part is not None}
    return [_without_none(part) for part in value] if isinstance(value, list | tuple) else value


_SAID_ELSEWHERE = ("untrained", "by_batch")


def _flat(facts: RunFacts) -> dict[str, Any]:
    """Return the facts of a run by name on one level, with those about the networks and the versions."""
    return {
        **{
            name: value for name, value in asdict(facts.pair).items() if name not in ("untrained", "by_batch")
        },
        **{name: value for name, value in facts.to_plain().items() if name not in ("pair", "versions")},
        **asdict(facts.versions),
    }
