"""What was checked again: by whom, when, with which versions, what holds, and what was not checked."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import torch

from modelstitch import __version__
from modelstitch.adoption.folder.ledger import expect_name

Target = Literal["run", "candidate"]


@dataclass(frozen=True, kw_only=True)
class VerifiedCheck:
    """One thing that was checked.

    Attributes:
        name: of the check, one word: ``files``, ``signature``, ``forms``, ``score``, ...
        holds: whether it holds.
        said: what was found, in words.
        facts: its numbers and names, as plain values.
    """

    name: str
    holds: bool
    said: str
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Verification:
    """All that was checked of one run or candidate.

    Attributes:
        target: what it is.
        name: of its folder, without the way to it.
        by: who checked.
        checks: what was checked, in its order.
        not_checked: what was not, one sentence each.
        when: time in UTC, as ISO 8601 writes it.
        versions: of the software that checked.

    Raises:
        SpecError: an empty name.

    Example:
        >>> whole = VerifiedCheck(name="files", holds=True, said="3 files")
        >>> Verification(target="run", name="run", by="Bo", checks=(whole,)).result
        'holds'
    """

    target: Target
    name: str
    by: str
    checks: tuple[VerifiedCheck, ...]
    not_checked: tuple[str, ...] = ()
    when: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    versions: Mapping[str, str] = field(
        default_factory=lambda: {
            "modelstitch": __version__,
            "torch": str(torch.__version__),
            "python": platform.python_version(),
        }
    )

    def __post_init__(self) -> None:
        expect_name(self.by)

    @property
    def holds(self) -> bool:
        """Whether everything that was checked holds."""
        return all(check.holds for check in self.checks)

    @property
    def result(self) -> str:
        """The result as a ledger names it."""
        return "holds" if self.holds else "does not hold"

    @property
    def reason(self) -> str | None:
        """Name of the first check that does not hold; None where all do."""
        return next((check.name for check in self.checks if not check.holds), None)

    def to_plain(self) -> dict[str, Any]:
        """Return the record as values that JSON can hold."""
        return {
            "target": self.target,
            "name": self.name,
            "by": self.by,
            "when": self.when,
            "versions": dict(self.versions),
            "result": self.result,
            "reason": self.reason,
            "checks": [
                {"name": one.name, "holds": one.holds, "said": one.said, **one.facts} for one in self.checks
            ],
            "not_checked": list(self.not_checked),
        }
