"""Evidence of fitted cells: right on a network stitched into itself, whatever is measured beside it."""

from __future__ import annotations

import math

import pytest
import torch

from modelstitch.data.parts import Data
from modelstitch.evidence.kinds import KINDS
from modelstitch.evidence.material import Measurement
from modelstitch.evidence.measure import kinds_of, measure_cells
from modelstitch.grid.grid import Budget, fit_grid
from modelstitch.grid.pool import Pair
from modelstitch.models.network import Network
from modelstitch.specs import EVIDENCE, STANDARD_EVIDENCE, CellSpec, EvidenceSpec, StitchSpec
from modelstitch.specs import FitSpec as Fit

Found = dict[tuple[str, str, str], Measurement]


def named(found: list[Measurement]) -> Found:
    return {(each.kind, each.name, each.where): each for each in found}


def cell(sender: int, receiver: int, control: str = "trained", family: str = "affine") -> CellSpec:
    return CellSpec(
        sender_cut=f"layers.{sender}",
        receiver_cut=f"layers.{receiver}",
        control=control,
        stitch=StitchSpec.parse(family),
    )


def measured(
    pair: Pair, cells: list[CellSpec], kinds: tuple[str, ...] = EVIDENCE, steps: int = 40
) -> dict[CellSpec, Found]:
    fitted = {each.spec: each.stitch for each in fit_grid(pair, cells, Fit(steps=steps), Budget(10**9))}
    found = measure_cells(pair, fitted, dict.fromkeys(cells, kinds), n_examples=400)
    return {spec: named(each) for spec, each in found}


@pytest.fixture(scope="module")
def identity(checkpoints: tuple[object, object], digits: Data) -> Found:
    from modelstitch.models.load import load_model
    from modelstitch.specs import ModelSpec

    network = load_model(ModelSpec(source=str(checkpoints[0])))
    spec = cell(2, 2, family="identity")
    return measured(Pair(network, network, digits), [spec])[spec]


def test_every_number_has_a_definition_and_every_kind_gives_numbers(identity: Found) -> None:
    assert {kind for kind, _, _ in identity} == set(EVIDENCE)
    for (kind, name, _), each in identity.items():
        assert name in KINDS[kind].definitions, (kind, name)
        assert each.n > 0
        if each.low is not None and each.high is not None and not math.isnan(each.low):
            assert each.low <= each.value + 1e-9
            assert each.value <= each.high + 1e-9
    for room in KINDS.values():
        assert all(each.text for each in room.definitions.values())


def test_a_network_into_itself_by_identity_is_the_network(identity: Found) -> None:
    def value(kind: str, name: str, where: str = "layers.2") -> float:
        return identity[kind, name, where].value

    for where in ("layers.2", "layers.3", "layers.4"):
        assert value("trajectory", "error", where) == pytest.approx(0, abs=1e-8)
        assert value("trajectory", "retrieval", where) > 0.99
        assert value("trajectory", "within_cka", where) == pytest.approx(1, abs=1e-5)
    for where in ("layers.2", "layers.3", "layers.4", "output"):
        assert value("kept", "recovered", where) == pytest.approx(1, abs=1e-4)
    assert value("kept", "more_than_label", "all") == 1 / 500
    assert value("similarity", "cka") == pytest.approx(1, abs=1e-5)
    assert value("similarity", "r2") == pytest.approx(1, abs=1e-6)
    assert value("similarity", "procrustes") == pytest.approx(1, abs=1e-5)
    assert value("errors", "ev") == pytest.approx(0, abs=1e-10)
    assert value("agreement", "agreement_receiver", "output") == 1
    assert value("agreement", "kl_receiver", "output") == pytest.approx(0, abs=1e-8)
    assert value("information", "pixels_r2") == pytest.approx(value("information", "pixels_r2_expected"))
    for test in ("mahalanobis", "class_mahalanobis", "neighbour_ratio", "size", "sparsity"):
        assert value("distribution", f"{test}_auroc") == pytest.approx(0.5, abs=5e-3)
    assert value("geometry", "mutual_knn") == 1
    assert value("geometry", "linear_r2") > 0.95
    assert value("rank", "effective_rank_stitched") == pytest.approx(value("rank", "effective_rank_expected"))
    assert value("robustness", "score_clean", "output") == value(
        "robustness", "receiver_score_clean", "output"
    )


def test_geometry_is_read_beside_unrelated_rows(identity: Found) -> None:
    for name in ("cka", "procrustes", "mutual_knn", "linear_r2"):
        null = identity["geometry", f"{name}_null", "layers.2"].value
        assert null < identity["geometry", name, "layers.2"].value - 0.1, name
    assert abs(identity["geometry", "cka_null", "layers.2"].value) < 0.02


@pytest.fixture
def pair(networks: tuple[Network, Network], digits: Data) -> Pair:
    return Pair(*networks, digits)


def test_a_cell_has_the_same_evidence_whatever_is_measured_beside(pair: Pair) -> None:
    cells = [cell(0, 2), cell(4, 2), cell(2, 4, "random-sender"), cell(2, 2, "self-stitch")]
    together = measured(pair, cells, ("trajectory", "kept", "errors"))
    for one in cells:
        alone = measured(pair, [one], ("trajectory", "kept"))[one]
        for key, each in alone.items():
            assert together[one][key].value == pytest.approx(each.value, abs=1e-4, nan_ok=True), (one, key)


def test_evidence_leaves_networks_and_stitches_as_they_were(pair: Pair) -> None:
    from modelstitch.grid import checks

    spec = cell(2, 2)
    (fitted,) = fit_grid(pair, [spec], Fit(steps=10), Budget(10**9))
    before = {name: value.clone() for name, value in fitted.stitch.state_dict().items()}
    list(measure_cells(pair, {spec: fitted.stitch}, {spec: EVIDENCE}, 200))
    checks.still_frozen(pair.sender, spec)
    checks.still_frozen(pair.receiver, spec)
    assert all(torch.equal(before[name], value) for name, value in fitted.stitch.state_dict().items())


def test_label_only_senders_keep_nothing_within_a_class(pair: Pair) -> None:
    cells = [cell(2, 2, "clustered-noise"), cell(2, 2, "one-hot"), cell(2, 2, "self-stitch")]
    # A longer fit gives up of the self-stitch what the task does not need.
    found = measured(pair, cells, ("trajectory", "kept"), steps=20)
    own = found[cells[2]]["trajectory", "within_cka", "layers.2"]
    noise = found[cells[0]]["trajectory", "within_cka", "layers.2"]
    constant = found[cells[1]]["trajectory", "within_cka", "layers.2"]
    assert own.value > 0.8
    assert abs(noise.value) < 0.1
    assert math.isnan(constant.value)
    assert found[cells[1]]["trajectory", "retrieval", "layers.2"].value == 0
    for where in ("layers.2", "layers.3", "layers.4", "output"):
        assert found[cells[2]]["kept", "recovered", where].value > 0.8
        assert abs(found[cells[0]]["kept", "recovered", where].value) < 0.1
        assert abs(found[cells[1]]["kept", "recovered", where].value) < 1e-9
    for label_only in cells[:2]:
        assert found[label_only]["kept", "more_than_label", "all"].value > 0.05
    assert found[cells[2]]["kept", "more_than_label", "all"].value == 1 / 500


def test_the_match_fitted_stitch_has_the_smaller_error(pair: Pair) -> None:
    spec = cell(2, 2)
    found = measured(pair, [spec], ("errors",))[spec]
    values = {name: each.value for (_, name, _), each in found.items()}
    assert 0 < values["es"] < values["ev"]
    assert values["es_share"] < 1
    assert values["ev_share"] / values["ev"] == pytest.approx(values["es_share"] / values["es"])
    # sv is a distance between the other two, so their roots obey the triangle inequality.
    roots = {name: values[name] ** 0.5 for name in ("ev", "es", "sv")}
    assert roots["ev"] <= roots["es"] + roots["sv"] + 1e-6
    assert roots["sv"] <= roots["ev"] + roots["es"] + 1e-6


def test_a_stitch_without_a_closed_form_has_no_match_fitted_error(pair: Pair) -> None:
    spec = cell(2, 2, family="mlp(4)")
    found = measured(pair, [spec], ("errors", "rank"))[spec]
    assert math.isnan(found["errors", "es", "layers.2"].value)
    assert not math.isnan(found["errors", "ev", "layers.2"].value)
    assert not any(name.endswith("_stitch") for _, name, _ in found)


@pytest.mark.parametrize(
    ("control", "kinds"),
    [
        ("trained", STANDARD_EVIDENCE),
        ("self-stitch", STANDARD_EVIDENCE),
        ("random-sender", ("errors", "kept")),
        ("one-hot", ("kept",)),
        ("probe", ()),
    ],
)
def test_a_control_is_asked_what_means_something(control: str, kinds: tuple[str, ...]) -> None:
    assert kinds_of(cell(0, 0, control), EvidenceSpec()) == kinds


def test_vectors_have_evidence_too(digits: Data) -> None:
    from torch import nn

    from modelstitch.models.network import wrap

    model = nn.Sequential(
        nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 24), nn.ReLU(), nn.Linear(24, 10)
    )
    pair = Pair(wrap(model.eval(), "a"), wrap(model, "a"), digits)
    spec = CellSpec(sender_cut="2", receiver_cut="2", stitch=StitchSpec(family="identity"))
    found = measured(pair, [spec])[spec]
    assert found["trajectory", "within_cka", "4"].value == pytest.approx(1, abs=1e-5)


def test_the_page_of_definitions_is_what_the_code_says() -> None:
    from pathlib import Path

    from modelstitch.evidence.reference import page

    assert (Path(__file__).parents[2] / "docs" / "evidence.md").read_text() == page()


def test_the_further_measures_of_a_representation_beside_itself(identity: Found) -> None:
    def value(name: str) -> float:
        return identity["geometry-pooled", name, "layers.2"].value

    for name in ("svcca", "pwcca", "rsa", "rsa_correlation", "cosine"):
        assert value(name) == pytest.approx(1, abs=1e-3)
        assert value(f"{name}_null") < 0.8 or name == "cosine"
    assert value("mutual_information") > value("mutual_information_null") + 1
    assert value("features_provided") == value("features_expected") == 8
    assert value("rank_provided") <= 8
    assert value("svcca_thin") == 0
