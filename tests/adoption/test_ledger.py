"""The ledger is a chain: no line can be changed, removed or put in between without being seen."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelstitch.adoption.folder.ledger import LedgerEntry, append, read_ledger
from modelstitch.errors import RunError, SpecError


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    path = tmp_path / "ledger.jsonl"
    path.write_text(LedgerEntry(event="candidate", by="Ann", reason="größer").line, encoding="utf-8")
    append(path, LedgerEntry(event="verify", by="Bo", facts={"files": 9}))
    append(path, LedgerEntry(event="pilot", by="Cy"))
    return path


def test_lines_follow_from_each_other(ledger: Path) -> None:
    first, second, third = read_ledger(ledger)
    assert [first.by, second.by, third.by] == ["Ann", "Bo", "Cy"]
    assert (second.previous, third.previous) == (first.hash, second.hash)
    assert first.reason == "größer"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda lines: [lines[0].replace("Ann", "Eve"), *lines[1:]],
            "line 1 of the ledger .* does not follow",
        ),
        (lambda lines: [lines[0], lines[2]], "line 2 of the ledger .* does not follow"),
        (lambda lines: [lines[0], lines[1], lines[1]], "line 3 of the ledger .* does not follow"),
        (lambda lines: [*lines, "{"], "line 4 of the ledger .* is damaged"),
        (lambda lines: [*lines, "[]"], "line 4 of the ledger .* is damaged"),
        (lambda lines: [*lines, '{"event": "sold", "by": "Ann", "hash": ""}'], "unknown event"),
        (lambda lines: [], "is empty"),
    ],
)
def test_a_changed_ledger_is_refused(ledger: Path, change: object, message: str) -> None:
    assert callable(change)
    lines = ledger.read_text(encoding="utf-8").splitlines()
    ledger.write_text("".join(f"{line}\n" for line in change(lines)), encoding="utf-8")
    with pytest.raises(RunError, match=message):
        read_ledger(ledger)
    before = ledger.read_bytes()
    with pytest.raises(RunError):
        append(ledger, LedgerEntry(event="pilot", by="Cy"))
    assert ledger.read_bytes() == before


def test_what_no_line_may_say() -> None:
    with pytest.raises(SpecError, match="unknown event of a ledger 'adopt'.*did you mean 'adopted'"):
        LedgerEntry(event="adopt", by="Ann")
    with pytest.raises(SpecError, match="expected the name of a person"):
        LedgerEntry(event="pilot", by="")


def test_no_ledger(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="cannot read the ledger"):
        read_ledger(tmp_path / "none")
