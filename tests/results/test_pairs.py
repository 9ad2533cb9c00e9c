"""Every ordered pair of several models: planted numbers, intervals against oracles, distances, files."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import matplotlib
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

import modelstitch as ms
from modelstitch.errors import RunError, SpecError
from modelstitch.results import pair_overview, pair_pictures
from modelstitch.results.comparison import Comparison
from modelstitch.results.facts import RunFacts
from modelstitch.results.kept import ExampleParts, kept_at, kept_rows
from modelstitch.results.pairs import Comparisons
from modelstitch.results.rows import Baseline, CellKey
from modelstitch.runs.pairs import MOST_HELD, StoredPairs, pair_folders
from tests.made import cell_row, run_spec

CUTS = ["c0", "c1"]
Stored = Mapping[tuple[str, CellKey], Any]


class ByExample:
    """What is stored by example, as the networks of a run give it."""

    def __init__(self, answers: Stored, parts: Stored | None = None) -> None:
        self._answers, self._parts = answers, parts or {}

    def answers(self) -> Stored:
        return self._answers

    def parts(self) -> Stored:
        return self._parts


def pair(
    sender: str, receiver: str, grid: np.ndarray, own: np.ndarray | None, n: int = 200, seed: int = 0
) -> Comparison:
    """A comparison whose cells have planted shares of right answers, and the answers behind them."""
    random = np.random.default_rng(seed)
    cells, answers = [], {}
    grids = {"trained": grid} | ({} if own is None else {"self-stitch": own})
    for control, shares in grids.items():
        for (i, j), share in np.ndenumerate(shares):
            right = random.permutation(np.arange(n) < round(float(share) * n))
            score = float(right.mean())
            row = cell_row(
                sender_cut=CUTS[i], receiver_cut=CUTS[j], control=control, score=score, n_heldout=n
            )
            cells.append(row)
            answers[control, row.key] = right
    baselines = [
        Baseline(role=role, control=control, seed=0, score=0.9, digest="d")
        for role in ("sender", "receiver")
        for control in grids
    ]
    return Comparison(
        sender=sender,
        receiver=receiver,
        data="D",
        spec=run_spec(CUTS[: len(grid)], CUTS[: grid.shape[1]], controls=tuple(grids)),
        cells=tuple(cells),
        baselines=tuple(baselines),
        facts=RunFacts(n_classes=10, chance=0.1),
        networks=cast(Any, ByExample(answers)),
    )


OWN = np.array([[0.9, 0.8], [0.85, 0.95]])
FORWARD, BACKWARD = np.array([[0.8, 0.3], [0.7, 0.6]]), np.array([[0.5, 0.2], [0.55, 0.4]])
BOTH = Comparisons({("a", "b"): pair("a", "b", FORWARD, OWN), ("b", "a"): pair("b", "a", BACKWARD, OWN)})


def test_the_diagonal_and_the_best_of_planted_grids() -> None:
    diagonal, best = BOTH.similarity("score"), BOTH.similarity("score", "best")
    assert diagonal.dims == ("sender", "receiver")
    assert diagonal.sel(sender="a", receiver="b").item() == pytest.approx(0.7)
    assert diagonal.sel(sender="b", receiver="a").item() == pytest.approx(0.45)
    assert best.sel(sender="a", receiver="b").item() == pytest.approx((0.8 + 0.6) / 2)
    assert best.sel(sender="b", receiver="a").item() == pytest.approx((0.55 + 0.4) / 2)
    assert diagonal["ceiling"].to_numpy() == pytest.approx([0.925, 0.925])
    assert diagonal.sel(sender="a", receiver="a").item() == pytest.approx(0.925)
    assert ((diagonal["low"] < diagonal) & (diagonal < diagonal["high"])).all()
    assert "not symmetric" in diagonal.attrs["symmetric"]


def test_of_a_value_of_which_less_is_better_the_best_is_the_least() -> None:
    penalty = BOTH.similarity("penalty", "best").sel(sender="a", receiver="b").item()
    assert penalty == pytest.approx(0.9 - (0.8 + 0.6) / 2)
    assert np.isnan(BOTH.similarity("penalty")["low"]).all()
    assert "No interval" in BOTH.similarity("penalty").attrs["interval"]


def test_grids_of_other_shapes_meet_at_corresponding_depths() -> None:
    wide = Comparisons({("a", "b"): pair("a", "b", np.array([[0.25, 0.75]]), None)})
    assert wide.similarity("score").sel(sender="a", receiver="b").item() == pytest.approx(0.25)
    assert math.isnan(wide.similarity("score").sel(sender="b", receiver="a").item())


@pytest.mark.parametrize("truth", [0.85, 0.97])
def test_an_interval_holds_the_truth_as_often_as_it_says(truth: float) -> None:
    n, held = 150, 0.0
    for right in range(n + 1):  # every outcome with its probability: no luck is in the number
        probability = binom.pmf(right, n, truth)
        if probability < 1e-4:
            continue
        one = Comparisons({("a", "b"): pair("a", "b", np.array([[right / n]]), None, n=n, seed=right)})
        found = one.similarity("score").sel(sender="a", receiver="b")
        held += probability * (found["low"].item() <= truth <= found["high"].item())
    assert 0.93 <= held <= 0.975


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_an_interval_has_a_width_also_where_all_answers_are_alike(share: float) -> None:
    one = Comparisons({("a", "b"): pair("a", "b", np.full((2, 2), share), None)})
    found = one.similarity("score").sel(sender="a", receiver="b")
    assert found.item() == share
    assert 0.01 < found["high"].item() - found["low"].item() < 0.06


def test_the_interval_of_kept_is_that_of_a_bootstrap_over_the_examples_themselves() -> None:
    random = np.random.default_rng(1)
    n, place = 400, "c0"
    errors = {
        ("trained", "c0"): random.uniform(0.2, 0.6, n),
        ("self-stitch", "c0"): random.uniform(0.0, 0.2, n),
        ("one-hot", "c0"): random.uniform(0.8, 1.2, n),
    }
    parts = {
        (control, CellKey(cut, "c0", "affine", 0)): ExampleParts({place: each.astype(np.float32)})
        for (control, cut), each in errors.items()
    }
    comparison = pair("a", "b", np.array([[0.8]]), np.array([[0.9]]))
    networks = ByExample(cast(Any, comparison.networks).answers(), parts)
    comparison = replace(comparison, kept=tuple(kept_rows(parts)), networks=cast(Any, networks))
    both = Comparisons({("a", "b"): comparison})
    found = both.similarity("kept", resamples=2000).sel(sender="a", receiver="b")
    drawn = []
    for _ in range(2000):
        some = random.integers(0, n, n)
        again = [ExampleParts({place: each[some]}) for each in errors.values()]
        drawn.append(kept_at(again[0], again[1], [again[2]]).value)
    assert found.item() == pytest.approx(comparison.kept[0].kept)
    ends = [found["low"].item(), found["high"].item()]
    assert ends == pytest.approx(np.quantile(drawn, (0.025, 0.975)), abs=0.004)
    own = both.similarity("kept").sel(sender="b", receiver="b")
    assert own.item() == pytest.approx(1.0)


def test_a_distance_is_what_is_missing_to_the_ceiling_both_ways() -> None:
    found = BOTH.dissimilarity("score")
    assert found.sel(model="a", other="b").item() == pytest.approx(((0.925 - 0.7) + (0.925 - 0.45)) / 2)
    assert (found.to_numpy() == found.to_numpy().T).all()
    assert np.diag(found).tolist() == [0.0, 0.0]


@settings(max_examples=25)
@given(st.integers(3, 7), st.integers(0, 1000))
def test_a_map_has_the_distances_of_planted_places(n: int, seed: int) -> None:
    places = np.random.default_rng(seed).normal(size=(n, 2))
    distances = np.linalg.norm(places[:, None] - places[None], axis=2)
    names = [f"m{i}" for i in range(n)]
    given = xr.DataArray(distances, dims=("model", "other"), coords={"model": names, "other": names})
    found = pair_pictures.embedding(given, 2)
    again = np.linalg.norm(found.to_numpy()[:, None] - found.to_numpy()[None], axis=2)
    assert np.allclose(again, distances, atol=1e-6)
    assert found.attrs["explained"] == pytest.approx(1.0)


def test_a_tree_joins_the_nearest_first() -> None:
    matplotlib.use("Agg")
    distances = np.array([[0, 9, 1, 9], [9, 0, 9, 2], [1, 9, 0, 9], [9, 2, 9, 0]], dtype=float)
    names = ["a", "b", "c", "d"]
    ax = pair_pictures.dendrogram(
        xr.DataArray(distances, dims=("model", "other"), coords={"model": names, "other": names})
    )
    leaves = "".join(label.get_text() for label in ax.get_xticklabels())
    assert {leaves[:2], leaves[2:]} in ({"ac", "bd"}, {"ca", "bd"}, {"ac", "db"}, {"ca", "db"})
    texts = [text.get_text() for text in BOTH.heatmap("score").texts]
    assert texts[1].startswith("0.70\n")


def test_accuracy_gap_against_penalty_of_planted_pairs() -> None:
    def networks(sender: str, receiver: str, owns: tuple[float, float], score: float) -> Comparison:
        made = pair(sender, receiver, np.full((2, 2), score), None)
        roles = ("sender", "receiver")
        rows = [
            Baseline(role=role, control="trained", seed=0, score=own, digest="d")
            for role, own in zip(roles, owns, strict=True)
        ]
        return replace(made, baselines=tuple(rows))

    # The penalty grows with the gap; the pair of one model with itself has no part in the correlation.
    own = {"a": 0.5, "b": 0.7, "c": 0.95}
    scores = {("a", "c"): 0.6, ("b", "c"): 0.8, ("a", "b"): 0.6, ("b", "a"): 0.5, ("a", "a"): 0.1}
    found = Comparisons({(s, r): networks(s, r, (own[s], own[r]), score) for (s, r), score in scores.items()})
    gaps = found.gaps().set_index("pair")
    assert list(gaps.loc["a-into-c", ["gap", "penalty"]]) == pytest.approx([0.45, 0.35])
    assert list(gaps.loc["b-into-a", ["gap", "penalty"]]) == pytest.approx([-0.2, 0.0])
    seen = pair_overview.overview(found, resamples=100)
    assert seen.gap_correlation() == pytest.approx(1.0)
    assert len(seen.points) == 4


def test_pairs_of_a_folder_are_read_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def counted(folder: Path, cache: Path | None) -> Comparison:
        read.append(folder.name)
        return BOTH["a", "b"]

    monkeypatch.setattr("modelstitch.runs.pairs.read_run", counted)
    names = {(f"m{i}", "r"): Path(f"m{i}-into-r") for i in range(MOST_HELD + 5)}
    stored = StoredPairs(names)
    every = Comparisons(stored)
    assert (len(every), list(every), read) == (len(names), list(names), [])
    assert sum(1 for _ in every.values()) == len(names)
    assert read == [folder.name for folder in names.values()]
    assert len(stored._held) == MOST_HELD
    last = list(names)[-1]
    assert every[last] is every[last]
    assert len(read) == len(names)


def test_tables_have_a_column_for_the_pair() -> None:
    frame = BOTH.to_frame()
    assert list(frame.columns[:3]) == ["pair", "sender", "receiver"]
    assert frame.groupby("pair").size().to_dict() == {"a-into-b": 8, "b-into-a": 8}
    assert set(zip(frame["sender"], frame["receiver"], strict=True)) == {("a", "b"), ("b", "a")}
    assert len(BOTH.verdict_frame()) == 0  # nothing was measured


@pytest.mark.parametrize(
    ("refused", "expected"),
    [
        (lambda: BOTH.similarity("kep"), "unknown quantity 'kep'"),
        (lambda: BOTH.similarity("score", "mean"), "unknown way to reduce 'mean'"),  # type: ignore[arg-type]
        (lambda: BOTH.similarity("score", resamples=5), "at least 100 resamples, got 5"),
        (lambda: BOTH.similarity(["score"]), "expected one value"),  # type: ignore[arg-type]
        (lambda: BOTH.similarity("score", reduced="best"), "did you mean 'reduce'"),  # type: ignore[call-arg]
        (lambda: BOTH.dissimilarity("penalty"), "of which more is better, got 'penalty'"),
        (lambda: BOTH.embedding("score"), "at least 3 models, got 2: a, b"),
        (lambda: BOTH.dendrogram("score"), "at least 3 models"),
        (lambda: Comparisons({}), "at least one pair"),
        (lambda: BOTH.report("x.html", language="xx"), "unknown language 'xx'"),
    ],
)
def test_what_cannot_be_asked_is_refused(refused: Any, expected: str) -> None:
    with pytest.raises(SpecError, match=expected):
        refused()


def test_a_pair_that_is_not_there_is_named_beside_those_that_are() -> None:
    with pytest.raises(KeyError, match=r"no pair \('a', 'a'\) here.*\('a', 'b'\), \('b', 'a'\)"):
        BOTH["a", "a"]
    assert ("a", "a") not in BOTH
    assert BOTH.get(("a", "a")) is None
    assert list(BOTH) == [("a", "b"), ("b", "a")]


def test_a_file_holds_all_pairs_and_no_intervals(tmp_path: Path) -> None:
    path = tmp_path / "all.json"
    BOTH.save(path)
    again = ms.load(path)
    assert isinstance(again, Comparisons)
    assert dict(again) == dict(BOTH)
    assert np.array_equal(again.similarity("score"), BOTH.similarity("score"))
    assert "No interval" in again.similarity("score").attrs["interval"]
    path.write_text(path.read_text().replace('"cells"', '"cel"'))
    with pytest.raises(RunError, match="damaged"):
        ms.load(path)
    one = tmp_path / "one.json"
    BOTH["a", "b"].save(one)
    with pytest.raises(RunError, match="expected 'modelstitch comparisons 1'"):
        Comparisons.read(one)


def test_a_page_has_the_numbers_and_both_languages(tmp_path: Path) -> None:
    named = {("<a>", "b"): pair("<a>", "b", FORWARD, OWN), ("b", "<a>"): pair("b", "<a>", BACKWARD, OWN)}
    for name, language, word in (("p.html", "en", "not symmetric"), ("p.md", "ja", "対称ではありません")):
        Comparisons(named).report(tmp_path / name, language=language)
        text = (tmp_path / name).read_text(encoding="utf-8")
        assert word in text
        assert "0.70" in text
        assert "<a>" not in text
    assert "&lt;a&gt;" in Comparisons(named)._repr_html_()


def test_models_whose_names_are_no_folders_are_refused(tmp_path: Path) -> None:
    assert pair_folders(tmp_path, ["a", "b"]) == {
        ("a", "b"): tmp_path / "a-into-b",
        ("b", "a"): tmp_path / "b-into-a",
    }
    for name in ("a/b", "..", " "):
        with pytest.raises(SpecError, match="names of models that can be names of folders"):
            pair_folders(tmp_path, [name, "b"])
    assert len(pair_folders(None, ["a/b", "b"])) == 2
    with pytest.raises(SpecError, match="tell pairs apart"):
        pair_folders(tmp_path, ["a", "a-into-b", "b-into-c", "c"])
