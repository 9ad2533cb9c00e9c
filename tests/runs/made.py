"""The header of a run as tests of the run folder need it."""

from __future__ import annotations

from modelstitch.results.facts import RunFacts
from modelstitch.runs.store import Header
from tests.made import run_spec

FACTS = RunFacts(n_classes=2, chance=0.5)
HEADER = Header(
    sender="A",
    receiver="B",
    data="D",
    spec=run_spec(["a", "b"], ["x"]),
    facts=FACTS,
    identity={"sender_weights": "0123456789abcdef", "choices": {"fit": {"epochs": 4, "steps": None}}},
)
