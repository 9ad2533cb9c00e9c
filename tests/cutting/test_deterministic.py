"""Before a model is cut: it stays as it was, gives the same outputs again, and gives numbers."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from modelstitch.cutting import cut_model, cuts, split
from modelstitch.errors import CutError, ModelError, SpecError

X = torch.rand(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))


class Base(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU())
        self.body = nn.Conv2d(6, 6, 3, padding=1)
        self.head = nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        y = self.stem(x)
        output: Tensor = self.head((self.body(y) + y).mean((2, 3)))
        return output


class Noisy(Base):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x + 0.01 * torch.randn_like(x))


class Counting(Base):
    """Counts in a plain attribute, which no check of buffers sees."""

    calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return super().forward(x) + self.calls


class Learning(Base):
    """Changes a buffer in eval mode, and cannot be captured as a graph."""

    seen: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        self.seen += len(x)
        return super().forward(x) * (1.0 if float(x.sum()) > -1e9 else 2.0)


@dataclass
class Said:
    logits: Tensor
    features: Tensor


class Saying(Base):
    """Gives a dataclass that torch does not know, with something that flows around a later module."""

    def forward(self, x: Tensor) -> Said:  # type: ignore[override]
        y = self.stem(x)
        return Said(self.head(self.body(y).mean((2, 3))), y.mean((2, 3)))


class Inferring(Base):
    def forward(self, x: Tensor) -> Tensor:
        with torch.inference_mode():
            y = self.stem(x)
        output: Tensor = self.head(self.body(y.clone()).mean((2, 3)))
        return output


def made(build: Callable[[], nn.Module]) -> nn.Module:
    torch.manual_seed(0)
    return build()


@pytest.mark.parametrize("build", [Noisy, Counting])
def test_a_model_that_says_something_else_when_run_again_is_refused(build: type[nn.Module]) -> None:
    with pytest.raises(
        ModelError, match="model model gives something else for the same inputs when it is run again"
    ):
        cuts(made(build), X)


def test_a_model_without_numbers_is_refused_and_the_weights_are_named() -> None:
    model = made(Base)
    with torch.no_grad():
        model.get_parameter("body.weight")[0, 0, 0, 0] = torch.nan
    with pytest.raises(
        ModelError, match=r"gives NaN for inputs that are numbers; its body.weight holds some"
    ):
        cuts(model, X)
    large = nn.Linear(64, 4)
    with torch.no_grad():
        large.weight.fill_(3e38)
    divided = nn.Sequential(nn.Flatten(), large, nn.ReLU(), nn.Softmax(1))
    with pytest.raises(ModelError, match="gives NaN for inputs that are numbers; its weights hold none"):
        cuts(divided, 3e38 * X)


def test_a_buffer_that_changes_in_eval_mode_is_named_and_put_back_whatever_the_technique() -> None:
    model = made(Learning)
    for use in (lambda: cuts(model, X), lambda: split(model, "stem", X)):
        with pytest.raises(CutError, match=r"changes its own buffers in eval mode \(seen\)"):
            use()
    assert float(model.get_buffer("seen")) == 0


def test_a_model_that_trains_keeps_its_mode_and_its_statistics() -> None:
    model = made(Base).train()
    before = {name: held.clone() for name, held in model.state_dict().items()}
    prefix, suffix = split(model, "stem", X)
    assert all(module.training for module in model.modules())
    assert all(torch.equal(held, before[name]) for name, held in model.state_dict().items())
    assert torch.equal(suffix(prefix(X)), model.eval()(X))


class Merging(Base):
    """Does something of its own when its mode changes, as adapters that are merged do."""

    merged = False

    def train(self, mode: bool = True) -> Merging:
        self.merged = not mode
        super().train(mode)
        return self


def test_a_model_that_does_something_with_its_mode_gets_it_back() -> None:
    model = made(Merging).train()
    cuts(model, X)
    assert model.training
    assert not model.merged


def test_what_flows_around_inside_of_a_dataclass_is_seen() -> None:
    model = made(Saying).eval()
    cutting = cut_model(model, X)
    assert cutting.technique.startswith("module hooks")
    assert [cut.name for cut in cutting.cuts] == ["stem.0", "stem.1", "stem", "body"]
    with pytest.raises(CutError, match="no cut 'body' in model model: data also flows around it"):
        split(model, "body", X, output="features")
    prefix, suffix = split(model, "body", X)
    assert torch.equal(suffix(prefix(X)).logits, model(X).logits)
    assert suffix(prefix(X)).features is None
    prefix, suffix = split(model, "stem", X)
    got, expected = suffix(prefix(X)), model(X)
    assert torch.equal(got.logits, expected.logits)
    assert torch.equal(got.features, expected.features)


def test_what_is_computed_in_inference_mode_is_cut_by_hooks() -> None:
    model = made(Inferring).eval()
    cutting = cut_model(model, X)
    assert "switches gradients off" in cutting.technique
    (stem,) = cutting.prefix("stem")(X)
    assert not stem.is_inference()
    assert torch.equal(cutting.suffix("stem")(stem), model(X))


def test_a_model_whose_own_mode_fails_is_no_secret() -> None:
    class Failing(Base):
        def train(self, mode: bool = True) -> Failing:
            raise NotImplementedError("a bug of the user's own")

    with pytest.raises(NotImplementedError, match="a bug of the user"):
        cuts(Failing(), X)


def test_what_torch_made_of_a_model_is_read_or_refused() -> None:
    model = made(Base).eval()
    free = {0: torch.export.Dim.AUTO}
    program = torch.export.export(model, (X,), dynamic_shapes=(free,))
    expected = [cut.name for cut in cuts(model, X)]
    assert [cut.name for cut in cuts(program, X)] == expected
    prefix, suffix = split(program, "stem", X)
    assert torch.equal(suffix(prefix(X)), model(X))
    flat = cuts(program.module(), X)
    assert len(flat) == len(expected)
    fixed = torch.export.export(model, (X,))
    with pytest.raises(ModelError, match="export it again with a free batch"):
        cuts(fixed, X[:3])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scripted = torch.jit.trace(model, X)
    with pytest.raises(
        ModelError, match="a module of TorchScript, which hides what it computes: give the module"
    ):
        cuts(scripted, X)
    with pytest.raises(SpecError, match=r"expected model as a Module or an ExportedProgram, got <function"):
        cuts(made, X)  # type: ignore[arg-type]


class Keyed(Base):
    def forward(self, batch: Any) -> Tensor:
        return super().forward(batch["pixels"])


class Pair(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = Base()

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        output: Tensor = self.inner(x + y)
        return output


class Named(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = Base()

    def forward(self, *, x: Tensor) -> Tensor:
        output: Tensor = self.inner(x)
        return output


class Reads(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(9, 4)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.embed(x)
        return output


@pytest.mark.parametrize(
    ("build", "x", "message"),
    [
        (Keyed, X, "a model that takes a dictionary is wrapped in modelstitch.FromDict"),
        (Pair, X, "give its further inputs by name"),
        (Named, X, "expected a model whose forward takes its input first, by position"),
        (Reads, torch.rand(2, 5), r"it takes tokens: give whole numbers \(N, T\) in int64"),
        (
            Reads,
            torch.full((2, 5), 9),
            "these are tokens from 9 to 9: give the tokenizer that it was made for",
        ),
        (Base, X.double(), "give inputs in its own precision"),
        (Base, torch.rand(4, 3, 8, 8), "give the size and channels that it expects"),
    ],
)
def test_a_complaint_about_inputs_says_the_next_step(build: type[nn.Module], x: Tensor, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        cut_model(made(build), x)


@dataclass(slots=True)
class Slotted:
    logits: Tensor


class Slots(Base):
    def forward(self, x: Tensor) -> Slotted:  # type: ignore[override]
        return Slotted(super().forward(x))


def test_a_dataclass_with_slots_is_looked_into() -> None:
    model = made(Slots).eval()
    for cut in cuts(model, X):
        prefix, suffix = split(model, cut.name, X)
        assert torch.equal(suffix(prefix(X)).logits, model(X).logits)


def test_who_calls_may_have_switched_gradients_off() -> None:
    model = made(Base).eval()
    for context in (torch.inference_mode, torch.no_grad):
        with context():
            assert cut_model(model, X).technique == "graph capture, nothing computed twice"


def test_statistics_that_are_no_numbers_are_told_as_such() -> None:
    model = made(Base).eval()
    model.get_buffer("stem.1.running_mean").fill_(torch.nan)
    with pytest.raises(ModelError, match=r"gives NaN .* its stem.1.running_mean holds some"):
        cuts(model, X)
