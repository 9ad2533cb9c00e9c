"""What nothing draws is permuted within itself by choice, and the result says so."""

from __future__ import annotations

import dataclasses
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import modelstitch as ms
from modelstitch.controls.reinitialise import untrained
from modelstitch.errors import ModelError, SpecError
from modelstitch.models.drawn import Drawn
from modelstitch.models.network import Network, wrap
from modelstitch.report import markdown, page
from modelstitch.results.comparison import Comparison
from modelstitch.specs import FitSpec, RunSpec, View
from tests.made import run_spec


class Own(nn.Module):
    """A layer with tensors that nothing draws: weights, one number, a mask."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(6, 6)
        self.gain = nn.Parameter(torch.randn(6))
        self.temperature = nn.Parameter(torch.tensor(3.0))
        self.register_buffer("codebook", torch.randn(5, 6))
        self.register_buffer("mask", torch.ones(6, 6).tril())
        self.register_buffer("index", torch.arange(6))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.linear(x) * self.gain
        return y


def permuting(module: nn.Module) -> Network:
    return replace(wrap(module, "mine"), random="permute")


def test_only_what_nothing_draws_is_permuted_and_keeps_its_values() -> None:
    module = Own()
    one, again, two = (untrained(permuting(module), seed) for seed in (0, 0, 1))
    assert one.drawn == Drawn(permuted=("gain", "codebook", "index"), kept=("temperature", "mask"))
    before, after = module.state_dict(), one.module.state_dict()
    for name in ("gain", "codebook", "index"):
        assert torch.equal(after[name].flatten().sort().values, before[name].flatten().sort().values)
        assert not torch.equal(after[name], before[name])
        assert torch.equal(after[name], again.module.state_dict()[name])
        assert not torch.equal(after[name], two.module.state_dict()[name])
    for name in ("temperature", "mask"):
        assert torch.equal(after[name], before[name])
    fresh = untrained(wrap(module.linear, "linear"), 0).module.state_dict()
    assert torch.equal(after["linear.weight"], fresh["weight"])


def test_a_network_without_such_tensors_is_drawn_as_ever() -> None:
    module = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4))
    for one, other in zip(
        untrained(permuting(module), 3).module.state_dict().values(),
        untrained(wrap(module, "mine"), 3).module.state_dict().values(),
        strict=True,
    ):
        assert torch.equal(one, other)


def test_the_body_that_a_factory_loads_is_permuted() -> None:
    loaded = nn.Linear(16, 16).state_dict()

    def build() -> nn.Module:
        model = nn.Sequential(nn.Linear(16, 16), nn.Linear(16, 3))
        model[0].load_state_dict(loaded)
        return model

    copied = untrained(Network(build(), "mine", View(), rebuild=build, random="permute"), 0)
    assert copied.drawn == Drawn(permuted=("0.weight", "0.bias"))
    weight = copied.module.state_dict()["0.weight"]
    assert torch.equal(weight.flatten().sort().values, loaded["weight"].flatten().sort().values)


def test_what_cannot_be_permuted_is_still_refused() -> None:
    class Packed(nn.Module):
        def get_extra_state(self) -> Tensor:
            return torch.arange(3)

        def set_extra_state(self, state: Tensor) -> None: ...

    with pytest.raises(ModelError, match=r"0\._extra_state is packed.* leave the random") as told:
        untrained(permuting(nn.Sequential(Packed(), nn.Linear(2, 2))), 0)
    assert "permute" not in str(told.value)


def test_another_way_is_refused_and_an_older_spec_has_the_usual_one() -> None:
    spec = run_spec(["a"], ["b"])
    with pytest.raises(SpecError, match=r"value of random.*'keep'.*redraw.*permute"):
        replace(spec, random="keep")  # type: ignore[arg-type]
    plain = dataclasses.asdict(spec)
    del plain["random"]
    assert RunSpec.from_plain(plain).random == "redraw"
    assert RunSpec.from_plain(dataclasses.asdict(replace(spec, random="permute"))).random == "permute"


class Net(nn.Module):
    def __init__(self, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.first, self.act, self.last = nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 2)
        self.gain = nn.Parameter(torch.rand(16) + 0.5)
        self.register_buffer("zero", torch.zeros(16))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.last(self.act(self.first(x)) * self.gain + self.zero)
        return y


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> tuple[Comparison, Path]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        x = torch.randn(120, 8)
        data = ((x[:80], (x[:80, 0] > 0).long()), (x[80:], (x[80:, 0] > 0).long()))
        out = tmp_path_factory.mktemp("runs") / "run"
        made = ms.compare(
            Net(0),
            Net(1),
            data,
            out=out,
            cuts=["act"],
            fit=FitSpec(steps=2),
            controls=["random-sender"],
            evidence=(),
            random="permute",
            allow_untrained=True,
        )
    return made, out


def test_a_run_says_what_is_permuted_and_what_is_constant(result: tuple[Comparison, Path]) -> None:
    made, out = result
    drawn = Drawn(permuted=("gain",), kept=("zero",))
    for comparison in (made, ms.load(out)):
        assert comparison.spec.random == "permute"
        assert comparison.facts.pair.untrained.sender == drawn
        assert comparison.facts.pair.untrained.receiver is None
    said = (
        "Nothing draws 1 tensor of Net (sender) anew. In the random controls each is permuted within itself: "
        "trained values in another order (gain)."
    )
    assert said in page(made)
    assert said in markdown(made)
    assert "sender, untrained: 1 tensor permuted, not drawn" in page(made)
    assert "sender, untrained: 1 tensor kept" in page(made)
    japanese = page(made, "ja")
    assert "新しく初期化する手段のないテンソルが1個" in japanese
    assert "未学習の送り手：初期化せず並べ替えたテンソル（1個）" in japanese


def test_such_a_run_is_refused_unless_it_is_chosen(result: tuple[Comparison, Path]) -> None:
    x = torch.randn(20, 8)
    data = ((x, (x[:, 0] > 0).long()), (x, (x[:, 0] > 0).long()))
    with (
        torch.random.fork_rng(),
        pytest.raises(
            ModelError, match=r"2 of 6 tensors .* gain \(Net\) stays as it is; zero \(Net\).*--random permute"
        ),
    ):
        ms.compare(
            Net(0),
            Net(1),
            data,
            cuts=["act"],
            fit=FitSpec(steps=1),
            controls="random-sender",
            allow_untrained=True,
        )
