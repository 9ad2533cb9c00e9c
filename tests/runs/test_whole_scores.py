"""A receiver that does no better than a guess ends a run by name; who allows it gets no verdict."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from torch import Tensor, nn

import modelstitch as ms
from modelstitch.cli import main
from modelstitch.data.parts import Data
from modelstitch.errors import ModelError
from modelstitch.evidence.verdict import Facts, decide
from modelstitch.models.network import wrap
from modelstitch.report.limits import limits
from modelstitch.runs.whole_scores import beside_chance
from modelstitch.specs import View
from modelstitch.specs.verdicts import Reason, VerdictName
from tests.digit_nets import digit_images, digit_net, trained_digit_net

QUICK: dict[str, Any] = {"cuts": ["1", "2"], "controls": (), "evidence": (), "fit": ms.FitSpec(steps=2)}
REFUSED = "no better than a guess"


@pytest.fixture(scope="module")
def trained() -> nn.Module:
    return trained_digit_net(0, epochs=8)


@pytest.fixture(scope="module")
def untrained() -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        return digit_net().eval()


@pytest.fixture(scope="module")
def digits_in_two() -> Data:
    x, y = digit_images()
    return ms.data_from(x[:600], y[:600], heldout=(x[1200:], y[1200:]))


@given(st.integers(1, 400), st.data())
def test_a_share_has_the_interval_of_wilson(n: int, drawn: st.DataObject) -> None:
    n_right, chance = drawn.draw(st.integers(0, n)), drawn.draw(st.floats(0, 1))
    own = beside_chance(torch.arange(n) < n_right, chance)
    interval = binomtest(n_right, n).proportion_ci(method="wilson")
    assert (own.score, own.n, own.chance) == (n_right / n, n, chance)
    assert (own.low, own.high) == pytest.approx((interval.low, interval.high), abs=1e-4)
    assert own.better_than_chance == (own.low > chance)


def test_scores_that_vary_less_than_shares_are_surer() -> None:
    narrow, wide = torch.tensor([0.6, 0.7] * 20), torch.tensor([0.3, 1.0] * 20)
    assert beside_chance(narrow, 0.6).better_than_chance
    assert not beside_chance(wide, 0.6).better_than_chance
    assert not beside_chance(torch.zeros(40), 0.0).better_than_chance


def test_every_verb_refuses_it_before_anything_is_fitted(
    trained: nn.Module, untrained: nn.Module, digits_in_two: Data, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=REFUSED) as refused:
        ms.compare(trained, untrained, digits_in_two, out=tmp_path / "run", **QUICK)
    (line,) = str(refused.value).splitlines()
    for cause in ("--receiver-weights", "mean and std (none now", "size (now 8 x 8", "order of the labels"):
        assert cause in line
    assert "channels (now 1" in line
    assert line.endswith("--allow-untrained, in Python allow_untrained=True")
    with pytest.raises(ModelError, match=REFUSED):
        ms.stitch(trained, "1", untrained, "1", digits_in_two)
    # The third model is found before the first pair is fitted.
    third = {"a": trained, "b": trained, "c": untrained}
    with pytest.raises(ModelError, match="receiver c scores .*" + REFUSED):
        ms.compare_all(third, digits_in_two, out=tmp_path / "all", **QUICK)
    assert list(tmp_path.iterdir()) == []


def test_who_allows_it_gets_numbers_and_no_verdict(
    trained: nn.Module, untrained: nn.Module, digits_in_two: Data, tmp_path: Path
) -> None:
    options = {**QUICK, "cuts": ["1"], "evidence": "kept", "controls": ("clustered-noise", "self-stitch")}
    found = ms.compare(
        trained, untrained, digits_in_two, out=tmp_path / "run", allow_untrained=True, **options
    )
    assert found.matrix().shape == (1, 1)
    for read in (found, ms.load(tmp_path / "run")):
        for control in ("trained", "clustered-noise", "self-stitch"):
            (verdict,) = read.verdicts(control=control).values()
            assert verdict.name is VerdictName.CANNOT_TELL
            assert verdict.reason in (Reason.RECEIVER_AT_CHANCE, Reason.SELF_STITCH_ABOVE_RECEIVER)
        assert any("The whole receiver scores" in text and "No verdict" in text for text in limits(read))


def test_the_rule_withholds_what_it_would_say_of_a_better_receiver() -> None:
    facts = Facts(n=500, chance=0.1, score=(0.85, 0.8, 0.9), self_score=0.9, kept=(0.9, 0.85, 0.95))
    for low, name in ((0.101, VerdictName.INTERCHANGEABLE), (0.1, VerdictName.CANNOT_TELL)):
        assert decide(replace(facts, receiver=(0.12, low, 0.14))).name is name
    withheld = decide(replace(facts, receiver=(0.1, 0.08, 0.12)))
    assert withheld.reason is Reason.RECEIVER_AT_CHANCE
    assert withheld.sentence.startswith("the whole receiver scores 0.10, no better than a guess (0.10)")


def test_a_sender_at_chance_is_said_and_not_refused(
    trained: nn.Module, untrained: nn.Module, digits_in_two: Data
) -> None:
    found = ms.compare(untrained, trained, digits_in_two, **QUICK)
    assert any(text.startswith("The whole sender scores 0.") for text in limits(found))
    assert not any("The whole receiver" in text for text in limits(found))
    controls = {**QUICK, "controls": ("random-receiver", "random-both")}
    ms.compare(trained, trained, digits_in_two, **controls)  # whose receivers are untrained on purpose


class Tokens(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.table, self.body, self.head = nn.Embedding(9, 4), nn.Linear(4, 4), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        outputs: Tensor = self.head(self.body(self.table(x)).mean(1))
        return outputs


def test_the_hint_is_about_the_kind_of_input(untrained: nn.Module) -> None:
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(300) % 3
    tokens = torch.randint(0, 9, (300, 6), generator=generator)
    with pytest.raises(ModelError, match="another tokenizer .*order of the labels") as told:
        ms.compare(Tokens(), Tokens(), (tokens, labels))
    assert "mean and std" not in str(told.value)
    numbers = torch.rand((300, 5), generator=generator)
    dense = nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3))
    with pytest.raises(ModelError, match="another scale of the inputs"):
        ms.compare(dense, dense, (numbers, labels))
    sounds = replace(ms.data_from(torch.rand((300, 1, 64), generator=generator), labels), rate=8000)
    heard = nn.Sequential(nn.Conv1d(1, 4, 9, 4), nn.ReLU(), nn.AdaptiveAvgPool1d(2), nn.Flatten())
    heard.extend([nn.Linear(8, 3)])
    with pytest.raises(ModelError, match="another rate \\(now 8000 samples a second: --receiver-rate"):
        ms.compare(heard, heard, sounds)


def test_the_hint_says_what_is_set_now_and_what_the_answers_show(trained: nn.Module) -> None:
    x, y = digit_images()
    bytes_ = (x * 255).byte()
    told = ms.data_from(bytes_[:400], y[:400], heldout=(bytes_[1200:], (y[1200:] + 1) % 10))
    receiver = replace(wrap(trained, "net"), view=View(mean=(0.0,), std=(1.0,)))
    with pytest.raises(ModelError, match="mean and std \\(now 0 and 1"):
        ms.compare(trained, receiver, told, **QUICK)
    turned = ms.data_from(x[:400], (y[:400] + 1) % 10, heldout=(x[1200:], (y[1200:] + 1) % 10))
    with pytest.raises(ModelError, match="class 0 is output 9"):
        ms.compare(trained, trained, turned, **QUICK)


@pytest.mark.parametrize("command", ["compare", "reuse"])
def test_the_commands_end_with_code_2_and_write_nothing(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    net = "zoo:R1111(width=2,channels=1)"
    arguments = [command, net, net, "--cuts", "layers.4", "--out", "run", "--device", "cpu"]
    assert main(arguments) == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith("modelstitch: receiver zoo:R1111")
    assert REFUSED in last
    assert list(tmp_path.iterdir()) == []
    if command == "compare":
        assert main([*arguments, "--allow-untrained", "--dry-run", "--controls", "none"]) == 0
