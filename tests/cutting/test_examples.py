"""Examples in every form that people have them in, and what is said of other forms."""

from __future__ import annotations

from collections import UserDict
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import modelstitch as ms
from modelstitch.cutting.examples import read_examples
from modelstitch.errors import CutError, ModelError

X = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
M = torch.rand(3, 4, generator=torch.Generator().manual_seed(1))


class Two(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 2)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        output: Tensor = self.b(self.a(x).tanh() * mask)
        return output


class ByNameOnly(Two):
    def forward(self, *, x: Tensor, mask: Tensor) -> Tensor:  # type: ignore[override]
        return super().forward(x, mask)


class OfDict(Two):
    def forward(self, batch: dict[str, Tensor]) -> Tensor:  # type: ignore[override]
        return super().forward(batch["x"], batch["mask"])


def two(kind: type[Two] = Two) -> Two:
    torch.manual_seed(0)
    return kind().eval()


@pytest.mark.parametrize(
    ("example", "kwargs"),
    [
        (X, {"mask": M}),
        ((X, M), None),
        ({"x": X, "mask": M}, None),
        (UserDict({"mask": M, "x": X}), None),
        (X.numpy(), {"mask": M.numpy()}),
        (X.tolist(), {"mask": M.tolist()}),
        ((X,), {"mask": M}),
    ],
)
def test_every_form_gives_the_same_inputs(example: Any, kwargs: Any) -> None:
    model, x, more = read_examples(two(), example, kwargs)
    assert torch.equal(x, X)
    assert {key: torch.equal(value, M) for key, value in more.items()} == {"mask": True}
    assert model(x, **more).shape == (3, 2)


def test_a_model_that_takes_its_input_by_name_only_is_cut_and_left_as_it_was() -> None:
    model = two(ByNameOnly)
    expected = model(x=X, mask=M)
    for example, kwargs in ((X, {"mask": M}), ({"x": X, "mask": M}, None)):
        prefix, suffix = ms.split(model, "a", example, kwargs)
        assert torch.equal(suffix(prefix(X, mask=M), mask=M), expected)
    assert "forward" not in vars(model)
    assert next(prefix.parameters()) is model.a.weight


def test_one_example_is_enough() -> None:
    model = two()
    prefix, suffix = ms.split(model, "a", X[:1], {"mask": M[:1]})
    assert torch.equal(suffix(prefix(X, mask=M), mask=M), model(X, M))


def test_a_cut_is_given_as_it_was_listed() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 2)).eval()
    found = ms.cuts(model, X)
    prefix, suffix = ms.split(model, found[1], X)
    assert torch.equal(suffix(prefix(X)), model(X))
    with pytest.raises(CutError, match=r"expected a cut or its name, got 3: cuts\(model, example\)"):
        found.split(3)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("example", "kwargs", "said"),
    [
        ("text", None, "expected examples as a tensor, an array, a tuple .*, got str"),
        ([X, M], None, "got a list of tensors: torch.stack makes one input of them"),
        ((X, M, M), None, "a tuple of 1 to 2 tensors for the arguments x, mask, got 3 parts"),
        ((), None, "a tuple of 1 to 2 tensors .*, got 0 parts"),
        ({"y": X}, None, r"names of the model's arguments \(x, mask\), got y: .*FromDict\(model, KEY\)"),
        (X, [M], "further inputs as a dict by name, got list"),
        (X, {"mask": 2.0}, "expected input mask as a tensor, .*, got float"),
        (X, {"maks": M}, r"among the model's arguments \(x, mask\), got 'maks'"),
        (X.to_sparse(), {"mask": M}, r"a dense tensor, got torch.sparse_coo: give to_dense\(\) of it"),
        (np.array(["a"]), None, "expected examples as a tensor, an array"),
        ([[1.0], [1.0, 2.0]], None, "expected examples as a tensor, an array"),
    ],
)
def test_other_forms_are_refused_in_one_line(example: Any, kwargs: Any, said: str) -> None:
    with pytest.raises(ModelError, match=said) as caught:
        ms.cuts(two(), example, kwargs)
    assert "\n" not in str(caught.value)


def test_a_model_of_a_dictionary_is_named() -> None:
    with pytest.raises(ModelError, match=r"the model's arguments \(batch\), got x, mask: .*FromDict"):
        ms.cuts(two(OfDict), {"x": X, "mask": M})


def test_weights_without_values_are_refused() -> None:
    with pytest.raises(ModelError, match=r"on the meta device, .*\(0.weight\): give to_empty"):
        ms.cuts(nn.Sequential(nn.Linear(4, 4, device="meta"), nn.ReLU()), X)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_part_of_torchscript_is_named() -> None:
    model = nn.Sequential(torch.jit.script(nn.Linear(4, 4)), nn.Linear(4, 2))
    with pytest.raises(ModelError, match="model model has a part 0, a module of TorchScript"):
        ms.cuts(model, X)
