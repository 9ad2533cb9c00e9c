from __future__ import annotations

import math

import numpy as np
import pytest
import xarray as xr

from modelstitch.evidence.verdict import Verdict
from modelstitch.results.matrix_facts import against_labels, against_random, means
from modelstitch.results.sentences import learnt_sentences, of_yardstick, sentences
from modelstitch.specs.verdicts import Confidence, Learnt, Reason, VerdictName, VerdictReason


def matrix(value: float) -> xr.DataArray:
    cuts = ["a", "b"]
    return xr.DataArray(
        np.full((2, 2), value),
        dims=("sender_cut", "receiver_cut"),
        coords={"sender_cut": cuts, "receiver_cut": cuts},
    )


def said(unconverged: int, controls: int) -> str:
    found = sentences(
        {"trained": matrix(0.9), "random-sender": matrix(0.2)},
        receiver_score=0.9,
        chance=0.1,
        n_heldout=1000,
        n_unconverged=unconverged,
        n_unconverged_controls=controls,
    )
    return " ".join(found)


def test_cells_that_had_not_converged_are_counted_apart_for_the_pair_and_its_controls() -> None:
    assert "had not converged" not in said(0, 0)
    assert "3 of 4 cells had not converged. Their values are lower bounds" in said(3, 0)
    assert "2 cells of the controls had not converged. The controls may do better" in said(0, 2)


def table(*rows: tuple[float, ...]) -> xr.DataArray:
    cuts = [f"c{i}" for i in range(len(rows))]
    return xr.DataArray(
        np.asarray(rows),
        dims=("sender_cut", "receiver_cut"),
        coords={"sender_cut": cuts, "receiver_cut": [f"r{i}" for i in range(len(rows[0]))]},
    )


def test_means_on_both_sides_of_the_diagonal() -> None:
    facts = means(table((0.9, 0.5), (0.8, 0.7)))
    assert (facts.lower, facts.upper) == pytest.approx((0.8, 0.5))
    assert facts.overall == pytest.approx(0.725)
    assert math.isnan(means(table((0.9,), (0.8,))).upper)


def test_the_pair_beside_random_controls() -> None:
    # Two standard errors of a difference at 0.9 and 1,000 examples are 0.027, at 0.5 they are 0.045.
    real = table((0.9, 0.9), (0.5, math.nan))
    matrices = {
        "trained": real,
        "random-sender": table((0.88, 0.3), (0.5, 0.9)),
        "random-receiver": table((0.2, 0.4), (0.44, 0.9)),
    }
    facts = against_random(matrices, 1000)
    assert facts is not None
    assert (facts.n_cells, facts.n_reached, facts.everywhere) == (3, 2, False)
    assert facts.by_control == {"random-sender": 2, "random-receiver": 0}
    lead = facts.lead
    assert (lead.sender_cut, lead.receiver_cut, lead.control) == ("c0", "r1", "random-receiver")
    assert (lead.score, lead.best) == (0.9, 0.4)
    assert against_random({"trained": real}, 1000) is None
    both = against_random({"trained": real, "random-sender": real}, 1000)
    assert both is not None
    assert both.everywhere


def test_the_pair_beside_label_only_senders() -> None:
    matrices = {
        "trained": table((0.9, 0.9)),
        "one-hot": table((1.0, 0.2)),
        "clustered-noise": table((0.1, 0.3)),
    }
    facts = against_labels(matrices, 1000)
    assert facts is not None
    assert (facts.controls, facts.n_cells, facts.n_reached) == (("clustered-noise", "one-hot"), 2, 1)
    assert against_labels({"trained": table((0.9, 0.9))}, 1000) is None


def test_a_control_that_is_not_finished_is_read_cell_by_cell() -> None:
    # The control has the second row alone: the first row of the pair has nothing to stand beside.
    real, control = table((0.9, 0.9), (0.5, 0.5)), table((0.9, 0.9), (0.2, 0.5)).isel(sender_cut=[1])
    facts = against_random({"trained": real, "random-sender": control}, 1000)
    assert facts is not None
    assert (facts.n_cells, facts.n_reached) == (2, 1)
    assert (facts.lead.sender_cut, facts.lead.receiver_cut) == ("c1", "r0")


def judged(name: VerdictName, learnt: Learnt) -> Verdict:
    return Verdict(name, VerdictReason(reason=Reason.KEPT), Confidence.HIGH, learnt=learnt)


WHOLE, PARTLY, LABEL = VerdictName.INTERCHANGEABLE, VerdictName.PARTLY, VerdictName.DECODABLE_ONLY


def test_what_was_learnt_is_counted_among_the_cells_that_were_asked() -> None:
    told = learnt_sentences(
        [
            judged(WHOLE, Learnt.LEARNT),
            judged(PARTLY, Learnt.LEARNT),
            judged(PARTLY, Learnt.NOT_LEARNT),
            judged(PARTLY, Learnt.UNCLEAR),
            judged(PARTLY, Learnt.NOT_ASKED),
            judged(LABEL, Learnt.NOT_ASKED),
        ]
    )
    assert told == [
        "Was it learnt? Of the 4 cells that are at least partly, against untrained senders: 2 learnt, "
        "1 not learnt, 1 unclear."
    ]


def test_interchangeable_and_not_learnt_is_read_both_ways() -> None:
    told = learnt_sentences([judged(WHOLE, Learnt.NOT_LEARNT), judged(PARTLY, Learnt.NOT_LEARNT)])
    assert told[1:] == [
        "1 cell is interchangeable, but not learnt: a replaceable part. An untrained part would do there, so "
        "perhaps nothing needs to be reused at all.",
        "This cell is no sign that the two networks learnt shared features.",
    ]


def test_without_the_control_it_is_said_that_nobody_asked() -> None:
    assert learnt_sentences([judged(PARTLY, Learnt.NOT_ASKED)]) == [
        "Whether what comes across was learnt was not asked: no untrained sender was run."
    ]
    assert learnt_sentences([judged(LABEL, Learnt.NOT_ASKED)]) == []


def test_the_yardstick_is_said_where_it_was_measured() -> None:
    assert of_yardstick(None) == []
    assert of_yardstick((0.587, 0.552, 0.624)) == [
        "Yardstick: of two whole networks, the sender's outputs recover 59 % (55 to 62) of the receiver's "
        "outputs within classes."
    ]
