"""What cannot be cut, and what the user reads then."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from modelstitch.cutting import GraphCutModel, cuts, split
from modelstitch.errors import CutError, ModelError
from modelstitch.models import zoo
from tests.cutting import models as m


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Models of a few hundred numbers gain nothing from more, and lose much where the cores are busy."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


IMAGES = torch.rand(3, 3, 8, 8, generator=torch.Generator().manual_seed(0))
VECTORS = torch.randn(3, 6, generator=torch.Generator().manual_seed(0))
LEAVES = r"does not lie on the path from input to output, or is its input unchanged"


@pytest.fixture(scope="module")
def small() -> GraphCutModel:
    return GraphCutModel(zoo.build("R1111", width=2), IMAGES, "small")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "layers.9",
            r"no cut 'layers\.9' in model small: no module of this name; nearest legal cuts: layers\.\d",
        ),
        (
            "qqqq",
            r"no module of this name; nearest legal cuts: layers\.0, layers\.1, layers\.2 "
            r"\(of \d+; modelstitch cuts lists them\)$",
        ),
        ("layers.1.conv1", r"data also flows around it, through layers\.0 -> layers\.1\.bn2\+add; nearest"),
        (
            "layers.2.shortcut",
            r"data also flows around it, through layers\.2\.bn2 -> "
            r"layers\.2\.shortcut\.1\+add; nearest .*layers\.2\.shortcut",
        ),
        ("layers.1.relu", r"called several times, expected one of layers\.1\.relu@1; nearest"),
        ("layers.1.relu@0", r"data also flows around it, through layers\.0 -> layers\.1\.bn2\+add; nearest"),
        ("layers.1.relu@7", rf"{LEAVES}; nearest"),
        ("layers.1.shortcut", rf"{LEAVES}; nearest"),
        ("head", r"its output is the model's output; nearest legal cuts: head\.1, head\.0"),
        ("head.2", r"its output is the model's output; nearest legal cuts: head\.1, head\.0"),
    ],
)
def test_a_name_that_is_no_cut_says_why_and_what_is_near(
    small: GraphCutModel, name: str, message: str
) -> None:
    for ask in (small.find, small.prefix, small.suffix, small.activation_bytes):
        with pytest.raises(CutError, match=message):
            ask(name)


def test_one_wrong_name_among_right_ones_is_refused(small: GraphCutModel) -> None:
    with pytest.raises(CutError, match=r"no cut 'layers\.8'"):
        small.prefix("layers.0", "layers.8")
    with pytest.raises(CutError, match=r"no cut 'layers\.8'"):
        split(zoo.build("R1111", width=2), "layers.8", IMAGES)


def test_calls_around_which_data_flows_are_not_offered() -> None:
    class Around(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.act, self.head = nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 5)

        def forward(self, x: Tensor) -> Tensor:
            y = self.act(x)
            output: Tensor = self.head(self.act(self.first(y)) + self.act(y))
            return output

    cutting = GraphCutModel(Around(), VECTORS)
    assert [cut.name for cut in cutting.cuts] == ["act@0", "act@2+add"]
    with pytest.raises(CutError, match="called several times, expected one of act@0; nearest"):
        cutting.find("act")
    with pytest.raises(CutError, match=r"data also flows around it, through act@0 -> act@2"):
        cutting.find("act@1")


def test_where_no_module_ends_in_a_cut_the_only_cut_is_a_default_one() -> None:
    class Sum(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two, self.head = nn.Linear(6, 6), nn.Linear(6, 6), nn.Linear(6, 5)

        def forward(self, x: Tensor) -> Tensor:
            output: Tensor = self.head(self.one(x) + self.two(x))
            return output

    cutting = GraphCutModel(Sum(), VECTORS)
    assert [cut.name for cut in cutting.boundaries] == ["two+add"]
    with pytest.raises(CutError, match=r"no module of this name; nearest legal cuts: two\+add \("):
        cutting.find("zzz")


def test_between_the_skips_the_message_names_them() -> None:
    cutting = GraphCutModel(m.seeded(m.UNet), IMAGES)
    for name in ("down", "middle", "up"):
        with pytest.raises(CutError, match=rf"no cut '{name}'.*around it, through \w+\+relu -> \w+\+cat"):
            cutting.find(name)


def test_rows_that_are_no_examples_are_no_representation() -> None:
    with pytest.raises(CutError, match="not one floating-point tensor with the batch as its first axis"):
        GraphCutModel(m.seeded(m.Rows), VECTORS).find("first")


@pytest.mark.parametrize("build", [m.BatchBranch, m.FixedBatch])
def test_no_graph_is_captured_of_a_model_that_treats_batches_unlike(build: type[nn.Module]) -> None:
    with pytest.raises(CutError, match=r"model model fixes the size of its batch, or does something else"):
        GraphCutModel(m.seeded(build), VECTORS)


def test_a_single_operation_has_no_cut() -> None:
    with pytest.raises(CutError, match="has no cut between input and head: it is a single operation"):
        cuts(nn.Linear(6, 5), VECTORS)


def test_sizes_alone_are_no_dependence_on_the_input() -> None:
    class Sizes(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.head = nn.Linear(6, 6), nn.Linear(6, 5)

        def forward(self, x: Tensor) -> Tensor:
            output: Tensor = self.head(self.first(torch.zeros_like(x)).relu())
            return output

    with pytest.raises(CutError, match="has no cut: its output does not depend on its input"):
        cuts(Sizes(), VECTORS)


def test_a_size_that_a_representation_does_not_show_is_named() -> None:
    class Sizes(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.head = nn.Linear(6, 6), nn.Linear(6, 5)

        def forward(self, x: Tensor) -> Tensor:
            output: Tensor = self.head(self.first(x).relu()) + torch.zeros_like(x.reshape(-1, 2)).sum()
            return output

    cutting = GraphCutModel(Sizes(), VECTORS, "odd")
    assert cutting.prefix("first")(VECTORS)[0].shape == (3, 6)
    with pytest.raises(
        CutError,
        match=r"cannot cut model odd at 'first': the size zeros_like of the input cannot be read off",
    ):
        cutting.suffix("first")


@pytest.mark.parametrize(
    ("example", "message"),
    [
        (VECTORS[:0], r"at least 2 inputs, got shape \(0, 6\)"),
        (VECTORS[0], r"at least 2 inputs, got shape \(6,\)"),
    ],
)
def test_an_example_must_be_a_batch(example: Tensor, message: str) -> None:
    with pytest.raises(CutError, match=message):
        cuts(nn.Sequential(nn.Linear(6, 6), nn.Linear(6, 5)), example)


def test_an_example_that_does_not_fit_names_its_shape() -> None:
    with pytest.raises(ModelError, match=r"model model cannot take inputs of shape \(5,\): mat1 and mat2"):
        cuts(nn.Sequential(nn.Linear(6, 6), nn.Linear(6, 5)), VECTORS[:, :5])


def test_a_model_of_two_inputs_is_refused() -> None:
    with pytest.raises(ModelError, match=r"cannot take inputs of shape \(6,\): .*missing 1 required"):
        cuts(nn.Bilinear(6, 6, 5), VECTORS)


class _Force(nn.Module):
    """The gradient of an energy at the input, as in networks of molecules."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.energy, self.head = nn.Linear(6, 8), nn.Linear(8, 1), nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        with torch.enable_grad():
            x = x.detach().requires_grad_(True)
            energy = self.energy(self.first(x).tanh()).sum()
            (force,) = torch.autograd.grad(energy, x, create_graph=True)
        output: Tensor = self.head(force)
        return output


def test_a_gradient_in_the_forward_pass_is_named() -> None:
    reason = (
        r"takes a gradient in its own forward pass \(torch.autograd.grad\), which goes back .* network inside"
    )
    with pytest.raises(CutError, match=reason):
        cuts(_Force().eval(), VECTORS)


class _Message(nn.Module):
    """One step of messages between the nodes of a graph."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.head = nn.Linear(6, 8), nn.Linear(8, 5)

    def forward(self, x: Tensor, edges: Tensor) -> Tensor:
        y = self.first(x).relu()
        output: Tensor = self.head(y + torch.zeros_like(y).index_add_(0, edges[1], y[edges[0]]))
        return output


def test_nodes_of_one_graph_are_no_examples() -> None:
    edges = torch.tensor([[0, 1, 2, 0], [1, 2, 0, 2]])
    with pytest.raises(
        ModelError, match=r"expected 3 examples in input edges.*got shape \(2, 4\).*in a module that"
    ):
        cuts(_Message().eval(), VECTORS, {"edges": edges})
    with pytest.raises(ModelError, match=r"expected 3 examples in input edges.*got shape \(\)"):
        cuts(_Message().eval(), VECTORS, {"edges": torch.tensor(1)})


class _Longer(nn.Module):
    """Each call gives one position more."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.length = nn.Embedding(9, 4), 0

    def forward(self, ids: Tensor) -> Tensor:
        self.length += 1
        return self.words(ids)[:, : self.length]  # type: ignore[no-any-return]


def test_a_length_that_differs_between_runs_is_named() -> None:
    shapes = (
        r"another shape for the same inputs .*\(\(3, 1, 4\), then \(3, 3, 4\)\); each call changes .* length"
    )
    with pytest.raises(ModelError, match=shapes):
        cuts(_Longer().eval(), torch.zeros(3, 6, dtype=torch.int64))


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((3, 6)), r"it was given float64: .*array.astype\('float32'\)"),
        (np.zeros((3, 6), "uint16"), "it was given uint16: give inputs in its own precision"),
        (np.full((3, 6), "a"), "of numbers, got an array of <U1"),
        (np.full((3, 6), None), "of numbers, got an array of object"),
        (np.zeros((3, 6), "datetime64[s]"), "of numbers, got an array of datetime64"),
    ],
)
def test_a_type_of_numpy_is_named(array: np.ndarray, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        cuts(nn.Sequential(nn.Linear(6, 6), nn.Linear(6, 5)), array)


def test_weights_and_inputs_without_values_and_complex_ones_are_named() -> None:
    layers = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    with pytest.raises(ModelError, match="lazy module '0', which has no weights yet: run the model on one"):
        cuts(nn.Sequential(nn.LazyLinear(4), nn.ReLU()), torch.randn(3, 5))
    with pytest.raises(ModelError, match="got a tensor on the meta device: give real inputs"):
        cuts(layers, torch.randn(3, 3, device="meta"))
    waves = nn.Sequential(nn.Linear(3, 4, dtype=torch.cfloat), nn.Linear(4, 2, dtype=torch.cfloat))
    with pytest.raises(CutError, match="its values are complex numbers"):
        cuts(waves, torch.randn(3, 3, dtype=torch.cfloat))
