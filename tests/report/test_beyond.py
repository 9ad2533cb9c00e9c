"""The page leads on from a run: its first word, candidates, records, six sentences; from planted values."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from modelstitch.report import markdown, page
from modelstitch.report.beyond import BeyondRun, CandidateFolder, MonitorFacts
from modelstitch.report.first_word import first_word
from modelstitch.report.six_sentences import six_sentences
from modelstitch.results.comparison import Comparison
from modelstitch.results.decision import Record
from modelstitch.results.reuse_table import REUSE_FILE, reuse_table_from
from modelstitch.wording import LANGUAGES, say
from tests.report.made import run
from tests.report.made_beyond import folder_of, plain_table, row_of
from tests.report.test_page import HOSTILE, Reader

RUN = run(2, 3)
OPEN = {"no_worse": "open", "saves": "holds", "partly": "open"}
FAILS = {"no_worse": "fails", "saves": "holds", "partly": "fails"}
PASSED = Record(exporter="Ann", stage="pilot", pilot="passed", checked_by="Bo")
BEGUN = Record(exporter="Ann", stage="candidate")


def beyond(*rows: dict[str, Any], folders: tuple[CandidateFolder, ...] = (), **changes: Any) -> BeyondRun:
    table = reuse_table_from(plain_table(RUN, *rows, **changes))
    return BeyondRun(table=table, folders=folders, run="old-into-new")


def word(comparison: Comparison, known: BeyondRun) -> str:
    """Return the first word as it stands on the page, after a check that Markdown says the same."""
    text = page(comparison, beyond=known)
    (badge,) = re.findall(r'<p class="headline"><strong class="badge">([^<]*)</strong>', text)
    assert f"**{badge}.**" in markdown(comparison, beyond=known)
    return str(badge)


@pytest.mark.parametrize(
    ("comparison", "known", "expected", "said"),
    [
        # Without reuse a run says undecided, however good it looks; or leave, where it rules all out.
        (RUN, BeyondRun(run="x"), "Undecided", "This command finds out: modelstitch reuse x"),
        (run(seeds=(0, 1, 2)), BeyondRun(), "Undecided", "This command finds out"),
        (run(kept=0.1), BeyondRun(), "Leave", "In none of 6 places more than 17.5 % comes across"),
        (run(score=0.1), BeyondRun(), "Leave", "Nothing is worth reusing here."),
        (run(kept=0.16), BeyondRun(), "Undecided", "This command finds out"),
        (RUN, BeyondRun(stale=True, run="x"), "Undecided", "Ask again: modelstitch reuse x"),
        (
            RUN,
            beyond(row_of()),
            "Pilot",
            "It saves 50.0 % of the multiply-adds and 20.0 % of the parameters.",
        ),
        (RUN, beyond(row_of(conditions=OPEN)), "Undecided", "and 1 may be."),
        (RUN, beyond(row_of(conditions=FAILS)), "Leave", "None of 6 places can be worth a pilot any more"),
        (RUN, beyond(row_of(), folders=(folder_of(BEGUN),)), "Pilot", "Worth a pilot"),
        (RUN, beyond(row_of(), folders=(folder_of(PASSED),)), "Adopt", "and Bo checked it"),
        # The record of a candidate decides, whatever the run says.
        (RUN, beyond(row_of(conditions=OPEN), folders=(folder_of(PASSED),)), "Adopt", "line-2 passed"),
        (RUN, BeyondRun(folders=(folder_of(PASSED),)), "Adopt", "line-2 passed its pilot"),
        (
            RUN,
            beyond(row_of(), folders=(folder_of(replace(PASSED, stage="adopted")),)),
            "Adopt",
            "In use. The candidate line-2",
        ),
        (
            RUN,
            beyond(row_of(), folders=(folder_of(replace(PASSED, alarm=True)),)),
            "Undecided",
            "A monitor of the candidate line-2 has raised an alarm",
        ),
        (
            RUN,
            beyond(row_of(), folders=(folder_of(replace(PASSED, pilot="failed")),)),
            "Undecided",
            "The candidate line-2 failed its pilot.",
        ),
        (RUN, beyond(row_of(), folders=(folder_of(replace(PASSED, checked_by=None)),)), "Pilot", "Worth"),
        # What speaks against a candidate in use is said, whatever the run says.
        (
            RUN,
            BeyondRun(folders=(folder_of(replace(PASSED, stage="adopted", alarm=True)),)),
            "Undecided",
            "line-2 has raised an alarm",
        ),
        (
            RUN,
            beyond(row_of(conditions=OPEN), folders=(folder_of(replace(PASSED, does_not_hold=True)),)),
            "Undecided",
            "The last check of the candidate line-2 found that it does not hold.",
        ),
    ],
)
def test_the_first_word(comparison: Comparison, known: BeyondRun, expected: str, said: str) -> None:
    assert word(comparison, known) == expected
    assert said in " ".join(first_word(comparison, known).said)


def test_a_candidate_with_something_against_it_leaves_the_others() -> None:
    failed = folder_of(replace(PASSED, pilot="failed"))
    both = beyond(row_of(), row_of(receiver_cut="c2"), folders=(failed,))
    assert word(RUN, both) == "Pilot"
    # The word is about the other one, and the card of the first says what its record says.
    assert "the receiver from c2" in str(first_word(RUN, both).said[0])
    first, second = (card.split("</strong>")[0] for card in page(RUN, beyond=both).split("<article ")[1:])
    assert first.endswith(">Undecided")
    assert second.endswith(">Pilot")
    # Nothing is shown of a failure that belongs to another cell.
    elsewhere = replace(failed, place=("c1", "c2", "affine", 0))
    assert word(RUN, beyond(row_of(), folders=(elsewhere,))) == "Pilot"


def test_a_run_that_is_not_whole_is_not_left() -> None:
    poor = run(2, 3, kept=0.1)
    last = ("c1", "c2", "trained")
    cells = tuple(cell for cell in poor.cells if (cell.sender_cut, cell.receiver_cut, cell.control) != last)
    assert word(replace(poor, cells=cells), BeyondRun()) == "Undecided"


def test_the_risk_stands_in_plain_words() -> None:
    text = Reader(page(RUN, beyond=beyond(row_of()))).text
    assert (
        "It keeps 62 % of what the receiver distinguishes within a class: other answers are to be expected "
        "on inputs unlike these." in text
    )
    assert "3 right answers became wrong, and 1 wrong one right." in text
    whole = beyond(row_of(comes_across="interchangeable", kept=[0.95, 0.9, 0.97], learnt="not learnt"))
    text = Reader(page(RUN, beyond=whole)).text
    assert "other answers are to be expected" not in text
    assert "An untrained part would do as well: perhaps nothing has to be reused." in text
    unknown = beyond(row_of(comes_across=None, kept=None, conditions=OPEN))
    assert "is not known." in Reader(page(RUN, beyond=unknown)).text


def test_a_card_holds_saving_cost_loss_and_the_next_step() -> None:
    text = page(RUN, beyond=beyond(row_of(), row_of(conditions=FAILS), row_of(misses=["3 ms, at most 2 ms"])))
    cards = [Reader(card).text for card in text.split('<article class="card')[1:]]
    assert len(cards) == 3
    for expected in (
        "c0 -> c1",
        "in place of the whole receiver",
        "50.0 % of the multiply-adds and 20.0 % of the parameters",
        "72 trained numbers, 400 labelled examples; batch 1: 1 ms, the whole network 2 ms",
        "+0.5 points (-0.8 to +1.8); accuracy 0.940 (0.920 to 0.960)",
        "modelstitch export old-into-new --sender-cut c0 --receiver-cut c1 --out FOLDER --by NAME",
    ):
        assert expected in cards[0]
    assert "it loses more than the margin, no more than the label comes across" in cards[1]
    assert "None: leave it." in cards[1]
    assert "3 other places save nothing, 2 lose too much" in text
    nowhere = dict.fromkeys(("dear", "worse", "label", "open"), 0)
    alone = page(RUN, beyond=beyond(row_of(), elsewhere=nowhere))
    assert "other places" not in Reader(alone).text


def test_an_exported_candidate_has_the_next_step_of_its_ledger() -> None:
    text = Reader(page(RUN, beyond=beyond(row_of(), folders=(folder_of(BEGUN),)))).text
    assert "modelstitch stage line-2 adopted --by NAME" in text
    assert "modelstitch export" not in text


def test_who_did_what_and_which_risk_was_accepted() -> None:
    accepted = folder_of(
        PASSED,
        accepted_risk="a week on line 2, /home/ann/notes.txt",
        risk_reasons=("it keeps <b>little</b>",),
    )
    text = Reader(page(RUN, beyond=BeyondRun(folders=(accepted,)))).text
    for expected in ("2026-01-02 03:04:05 UTC", "Ann", "exported as a candidate", "Bo", "checked: it holds"):
        assert expected in text
    assert "A risk was accepted: a week on line 2, …/notes.txt" in text
    assert "it keeps <b>little</b>" in text
    shown = Reader(page(RUN, beyond=BeyondRun(folders=(accepted,)), paths=True)).text
    assert "/home/ann/notes.txt" in shown
    nobody = Reader(page(RUN, beyond=beyond(row_of()))).text
    assert "modelstitch report old-into-new --candidate FOLDER" in nobody


def test_what_monitors_see() -> None:
    seen = MonitorFacts(said=(say("record.monitor"),), alarm=True, picture="data:image/png;base64,AAAA")
    alarmed = folder_of(replace(PASSED, alarm=True), monitors=(seen,))
    text = page(RUN, beyond=BeyondRun(folders=(alarmed,)))
    assert "Monitor of line-2" in text
    assert '<strong class="badge">Alarm</strong>' in text
    assert '<img src="data:image/png;base64,AAAA"' in text
    assert 'id="monitors"' not in page(RUN, beyond=BeyondRun(folders=(folder_of(PASSED),)))


MONEY: dict[str, Any] = {
    "currency": "EUR",
    "months": 12,
    "costs": {
        "leave": {"once": 0, "monthly": 500, "total": 6000},
        "reuse": {"once": 900.5, "monthly": 250, "total": 3900.5},
    },
    "cheapest": "reuse",
    "changed": [
        {"name": "gpu_hour", "factor": 0.5, "totals": {"leave": 6000, "reuse": 3900}, "cheapest": "reuse"},
        {"name": "gpu_hour", "factor": 2.0, "totals": {"leave": 6000, "reuse": 7000}, "cheapest": "leave"},
    ],
}
RIVALS: dict[str, Any] = {
    "sender_cut": "c0",
    "receiver_cut": "c1",
    "multiply_adds": 4000,
    "n": 600,
    "rivals": [
        {
            "name": "distilled-student",
            "standing": "wins",
            "score": 0.95,
            "difference": 0.02,
            "low": 0.01,
            "high": 0.03,
            "multiply_adds": 2000,
        },
        {"name": "short-receiver", "standing": "not-run", "score": None},
    ],
}


def test_rivals_and_money_stand_beside_with_all_that_was_assumed() -> None:
    said = {
        "rivals": [
            say("rival.won", n=1, names="the student", unfair="", missing="").to_plain(),
            say("rival.none").to_plain(),
            say("rival.none").to_plain(),
            say("rival.candidate_unconverged").to_plain(),
        ],
        "money": [say("money.never", other=say("money.choice.leave")).to_plain()],
        "assumptions": [say("money.today").to_plain()],
    }
    known = beyond(row_of(), rivals=RIVALS, money=MONEY, said=said)
    text = Reader(page(RUN, beyond=known)).text
    for expected in (
        "A rival wins against the candidate: the student.",
        "a distilled student of equal cost",
        "+2.0 (+1.0 to +3.0)",
        "0.50x",
        "not run",
        "The candidate's own fit had not converged",
        "3,900 EUR",
        "to leave the receiver in use as it is (6,000 EUR)",
        "Assumed: the receiver is what is in use today",
    ):
        assert expected in text
    japanese = Reader(page(RUN, "ja", beyond=known)).text
    assert "候補に勝つ競争相手があります" in japanese
    assert "仮定：現在使われているのは受け手であり" in japanese
    assert "Assumed" not in japanese
    assert 'id="worth"' not in page(RUN, beyond=beyond(row_of()))


def test_six_sentences_are_filled_from_the_run() -> None:
    asked = six_sentences(RUN, "affine", beyond(row_of()))
    assert len(asked) == 6
    assert asked[0].startswith("Begin with one small part: c0 -> c1")
    assert asked[1].endswith("a sender that knows only the label scored 1.00 here.")
    assert (
        "2 places to cut the sender, 3 to cut the receiver, 1 kind of stitch, 1 seed and 4 controls"
        in asked[2]
    )
    assert asked[3] == (
        "The return would come first from computing: 50.0 % fewer multiply-adds for each answer."
    )
    assert "whether another fit gives the same" in asked[4]
    assert "somebody who did not export it checks it" in asked[5]
    alone = six_sentences(RUN, "affine", BeyondRun())
    assert alone[0].startswith("Begin with one small question: what would one part save and lose?")
    assert alone[3] == "Where a return would come from has not been asked yet."
    left = six_sentences(run(kept=0.1), "affine", BeyondRun())
    assert left[0].startswith("Begin with no part: none of the 6 places qualifies")
    assert left[3] == "No return is shown here."
    undecided = six_sentences(RUN, "affine", beyond(row_of(conditions=OPEN)))
    assert undecided[0].startswith("Begin with one small question: does c0 -> c1 qualify?")
    assert "whether no more than 2 points are lost" in undecided[4]


def test_the_sixth_sentence_names_who_has_looked() -> None:
    known = beyond(row_of(), folders=(folder_of(replace(PASSED, checked_by=None)),))
    sixth = six_sentences(RUN, "affine", known)[5]
    assert "So far Ann exported line-2, and the pilot was passed" in sixth
    assert "somebody else than Ann has to check it" in sixth
    assert "Bo checked it" in six_sentences(RUN, "affine", beyond(row_of(), folders=(folder_of(PASSED),)))[5]


@pytest.mark.parametrize("known", [BeyondRun(), beyond(row_of(), folders=(folder_of(PASSED),))])
def test_what_the_page_may_not_be_used_for_always_stands_there(known: BeyondRun) -> None:
    text = Reader(page(RUN, beyond=known)).text
    assert "What this page may not be used for" in text
    assert "For other inputs than those of D, or for another task" in text


def test_the_japanese_page_says_all_of_it_in_japanese() -> None:
    known = beyond(row_of(), row_of(conditions=OPEN), row_of(conditions=FAILS), folders=(folder_of(PASSED),))
    text = Reader(page(RUN, "ja", beyond=known)).text
    assert "採用できます。候補line-2は試験導入に合格し" in text
    english = [
        LANGUAGES["en"][key]
        for key in LANGUAGES["en"]
        if key.startswith(("road.", "record.", "meeting.", "not_for.", "decision."))
        and "{" not in LANGUAGES["en"][key]
    ]
    assert [sentence for sentence in english if len(sentence) > 12 and sentence in text] == []


def test_what_people_wrote_is_text_never_markup() -> None:
    hostile = folder_of(PASSED, name=HOSTILE, accepted_risk=HOSTILE, risk_reasons=(HOSTILE,))
    known = beyond(row_of(sender_cut=HOSTILE, misses=[HOSTILE]), folders=(hostile,))
    clean = beyond(row_of(), folders=(folder_of(PASSED, accepted_risk="x", risk_reasons=("y",)),))
    for language in ("en", "ja"):
        seen, usual = (Reader(page(RUN, language, beyond=one)) for one in (known, clean))
        assert seen.count("script") == usual.count("script")
        assert seen.count("img") == 0
        assert "alert(1)" in seen.text
    assert "<script" not in markdown(RUN, beyond=known)


def test_a_table_in_the_run_folder_is_found_and_a_grown_run_leaves_it_out(tmp_path: Path) -> None:
    (tmp_path / REUSE_FILE).write_text(json.dumps(plain_table(RUN, row_of())))
    found = BeyondRun.of_run(RUN, tmp_path)
    assert word(RUN, found) == "Pilot"
    assert found.run == tmp_path.name
    grown = run(2, 3, seeds=(0, 1))
    assert word(grown, BeyondRun.of_run(grown, tmp_path)) == "Undecided"
    assert BeyondRun.of_run(grown, tmp_path).stale
