"""What a table of candidates says, in sentences."""

from __future__ import annotations

from modelstitch.adoption.candidates.candidate import Candidate, Candidates
from modelstitch.wording import Sentence, say


def sentences(found: Candidates) -> list[Sentence]:
    """Return what was looked at, what holds, and what the best candidate is worth and risks."""
    said = [
        say("reuse.looked", n=found.n_cells, cheaper=found.n_cheaper, named=len(found.rows)),
        say(
            "reuse.division",
            choose=found.n_choose,
            confirm=found.n_confirm,
            calibrate=found.n_calibrate,
        ),
        *([] if found.n_groups is None else [say("reuse.groups", n=found.n_confirm, groups=found.n_groups)]),
        say(f"reuse.outcome.{found.outcome}", margin=found.margin),
    ]
    for role, whole in (("receiver", found.receiver), ("sender", found.sender)):
        replaced = any(row.replaces == role for row in found.rows)
        if replaced and whole.score is not None and whole.score[1] <= found.chance:
            said.append(
                say("reuse.at_chance", role=say(f"role.{role}"), score=whole.score[0], chance=found.chance)
            )
    best = next((row for row in found.rows if row.qualifies), None)
    if best is not None:
        said += _of_best(found, best)
    if found.n_missing:
        said.append(say("reuse.missing", n=found.n_missing))
    if found.n_failed:
        said.append(say("reuse.failed", n=found.n_failed))
    return said


def _of_best(found: Candidates, best: Candidate) -> list[Sentence]:
    whole = found.receiver if best.replaces == "receiver" else found.sender
    said = [
        say(
            "reuse.best",
            sender=best.sender_cut,
            receiver=best.receiver_cut,
            role=say(f"role.{best.replaces}"),
            fewer=1 - best.load.multiply_adds / whole.load.multiply_adds if whole.load.multiply_adds else 0.0,
            parameters=1 - best.load.parameters / whole.load.parameters if whole.load.parameters else 0.0,
            trained=best.trained_parameters,
        )
    ]
    if best.became_wrong:
        said.append(
            say("reuse.flips", wrong=sum(best.became_wrong), right=sum(best.became_right), n=found.n_confirm)
        )
    if best.comes_across not in (None, "interchangeable"):
        said.append(say("reuse.risk"))
    if best.comes_across is None:
        said.append(say("reuse.no_verdict"))
    return said
