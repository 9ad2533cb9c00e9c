"""What an exported network takes: other data are refused by name."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch

from modelstitch.adoption.folder.contract import Contract, TensorContract
from modelstitch.errors import DataError

X = TensorContract(name="x", dtype="float32", shape=(1, 100), low=-1, high=1, seen=(-0.5, 0.25))
Y = TensorContract(name="output", dtype="float32", shape=(2,))
CONTRACT = Contract(
    inputs=(X, TensorContract(name="samples", dtype="int64", shape=())),
    outputs=(Y,),
    preprocessing={"rate": 8000},
    rate=8000,
    classes=("low", "high"),
)
FITS: dict[str, Any] = {"rate": 8000, "classes": ("low", "high"), "task": "classification", "name": "calls"}


def test_it_is_read_back_from_json() -> None:
    assert Contract.from_plain(json.loads(json.dumps(CONTRACT.to_plain()))) == CONTRACT


def test_inputs_that_keep_it() -> None:
    CONTRACT.expect({"x": torch.zeros(3, 1, 100), "samples": torch.tensor([1, 2, 3])})
    CONTRACT.expect({"x": torch.zeros(0, 1, 100), "samples": torch.zeros(0).long()})
    CONTRACT.expect_data(torch.zeros(3, 1, 100), **FITS)


@pytest.mark.parametrize(
    ("x", "other", "message"),
    [
        (torch.zeros(3, 1, 99), {}, r"expected x: float32 \(N, 1, 100\), -1 to 1, got float32 \(N, 1, 99\)"),
        (torch.zeros(3, 1, 100).double(), {}, "got float64"),
        (torch.full((3, 1, 100), 2.0), {}, "got values from 2 to 2"),
        (torch.full((3, 1, 100), torch.inf), {}, "got NaN or infinity"),
        (torch.zeros(3, 1, 100), {"rate": 16000}, "expected the rate 8000, got 16000"),
        (torch.zeros(3, 1, 100), {"rate": None}, "expected the rate 8000, got none"),
        (torch.zeros(3, 1, 100), {"task": "regression"}, "expected the task classification, got regression"),
        (
            torch.zeros(3, 1, 100),
            {"classes": ("high", "low")},
            "expected the label set low, high, got high, low",
        ),
        (torch.zeros(3, 1, 100), {"classes": ()}, "expected the label set low, high, got none"),
    ],
)
def test_data_that_do_not_fit(x: torch.Tensor, other: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        CONTRACT.expect_data(x, **{**FITS, **other})


def test_inputs_of_other_names_and_numbers() -> None:
    with pytest.raises(DataError, match="expected the inputs x, samples, got x"):
        CONTRACT.expect({"x": torch.zeros(1, 1, 100)})
    with pytest.raises(DataError, match="as many examples each, got"):
        CONTRACT.expect({"x": torch.zeros(1, 1, 100), "samples": torch.zeros(2).long()})


def test_what_no_contract_is() -> None:
    with pytest.raises(DataError, match="at least one input and one output"):
        Contract(inputs=(), outputs=(Y,), preprocessing={})
    with pytest.raises(DataError, match="cannot read the contract"):
        Contract.from_plain({"inputs": []})
    with pytest.raises(DataError, match="expected a type of torch"):
        _ = TensorContract(name="x", dtype="save", shape=()).torch_dtype
