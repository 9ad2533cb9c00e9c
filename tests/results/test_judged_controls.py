"""Controls are judged like the trained pair, and get the answers that are known beforehand."""

from __future__ import annotations

from pathlib import Path

import pytest

import modelstitch as ms


@pytest.fixture(scope="module")
def run(checkpoints: tuple[Path, Path]) -> ms.Comparison:
    sender, receiver = map(str, checkpoints)
    return ms.compare(sender, receiver, "digits", cuts=["layers.3"], evidence="kept")


def test_every_control_with_another_sender_is_judged(run: ms.Comparison) -> None:
    judged = run.verdict_frame().set_index("control")
    assert list(judged.index) == ["trained", "random-sender", "clustered-noise", "one-hot", "self-stitch"]
    assert judged.loc["self-stitch", "name"] == "interchangeable"
    assert judged.loc["self-stitch", "kept"] == pytest.approx(1)
    for control in ("clustered-noise", "one-hot"):
        assert judged.loc[control, "name"] in ("decodable only", "incompatible")
        assert judged.loc[control, "kept"] == pytest.approx(0, abs=0.02)
    assert set(judged.drop("trained")["learnt"]) == {"not asked"}


def test_verdicts_of_a_control_by_name(run: ms.Comparison) -> None:
    (verdict,) = run.verdicts(control="one-hot").values()
    assert verdict.name is not ms.VerdictName.INTERCHANGEABLE
    with pytest.raises(ms.SpecError, match="unknown control 'probe': expected one of trained, "):
        run.verdicts(control="probe")


def test_a_sentence_counts_the_answers_beside_those_that_must_come_out(run: ms.Comparison) -> None:
    (said,) = [each for each in run.sentences() if each.startswith("Planted senders")]
    untrained = next(iter(run.verdicts(control="random-sender").values())).name
    assert f"a random sender (nothing that was learnt): 1 {untrained}; " in said
    assert said.endswith("the receiver into itself at the same cut (interchangeable): 1 interchangeable.")
