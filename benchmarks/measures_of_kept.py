"""How ways to measure what is kept order planted senders whose truth is known.

    python benchmarks/measures_of_kept.py A.safetensors [--data digits] [--cuts layers.2 layers.4]

For each sender: what a reader recovers of the expected residuals within classes from the stitched ones. Some
readers read the channels alike at every position, others read all positions at once, linearly or by a kernel.
Shares are by variance, by standard deviation and by direction of the expected residuals; at the cut alone, in
the output alone, and the smallest of all places.

Besides: whether what is read finds its own example among those of its class (retrieval); whether what the
receiver takes for equal is equal for the stitched network too (backward: what the expected residuals say of
the stitched ones); whether the output that stands out most is the same (agreement within the class, less
chance); and how much of the receiver's fall in the output, when one direction of the cut is removed, the
stitched network shares.

For each of them: rank correlation with the truth, and the largest value of a sender that is not
interchangeable beside the smallest one of a sender that is.
"""

from __future__ import annotations

import argparse
import math
import statistics
from collections.abc import Callable, Iterable
from typing import final

import torch
from scipy import stats
from torch import Tensor, nn

from modelstitch.cutting.layouts import Layout
from modelstitch.data.load import load_data
from modelstitch.evidence.material import Residuals
from modelstitch.geometry.recovery import READER_RIDGES, fit_reader
from modelstitch.known_answers.bed import Bed
from modelstitch.known_answers.cases import Case, cases
from modelstitch.known_answers.outcome import word_of
from modelstitch.models.load import load_model
from modelstitch.specs import DataSpec, ModelSpec
from modelstitch.specs.verdicts import VerdictName

_MOST_DIRECTIONS = 600
_FALL, _REMOVED = "fall without direction", 4


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model")
    parser.add_argument("--data", default="digits")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--heldout-limit", type=int)
    parser.add_argument("--cuts", nargs="+")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    data = load_data(DataSpec(source=asked.data, limit=asked.limit, heldout_limit=asked.heldout_limit))
    bed = Bed([load_model(ModelSpec(source=asked.model))], data)
    listed = [case for case in cases(1, asked.cuts or bed.cuts, quick=True) if case.condition == "plain"]
    table = [(case, bed.truth(case), measured(bed, case)) for case in listed]
    own = {case.cut: values for case, _, values in table if case.family == "itself"}
    for case, _, values in table:
        values |= shared_fall(values, own[case.cut])
    for case, truth, values in table:
        print(f"{case.name:55s} {truth:6.3f}  " + "  ".join(f"{name} {v:.3f}" for name, v in values.items()))
    print("\n| measure | rank correlation | highest that is not | lowest that is | in order |")
    print("| --- | --- | --- | --- | --- |")
    for name in (name for name in table[0][2] if not name.startswith(_FALL)):
        scaled = [(case, truth, values[name] / own[case.cut][name]) for case, truth, values in table]
        print(summary(name, scaled))


@final
class Without(nn.Module):
    """Take one direction out of the features, the same at every position: its mean stays."""

    def __init__(self, layout: Layout, direction: Tensor) -> None:
        super().__init__()
        self.layout, self.direction = layout, direction

    def forward(self, x: Tensor) -> Tensor:
        first = self.layout.features_first(x)
        along = torch.einsum("nc...,c->n...", first, self.direction)
        along = along - along.mean(0, keepdim=True)
        shape = (1, -1, *[1] * (first.ndim - 2))
        return self.layout.features_back(first - along[:, None] * self.direction.reshape(shape))


def measured(bed: Bed, case: Case) -> dict[str, float]:
    """Return every candidate for one case."""
    whole, *changed = bed.residuals(case, _without_directions)
    share = shares(whole[-1].y, _by_channels(whole[-1]))["by variance"]
    falls = {}
    for number, places in enumerate(changed):
        # The reader of the whole representation reads what is left: one fitted anew would make up for it.
        read = fit_reader(whole[-1].x_train, whole[-1].y_train).read(places[-1].x)
        falls[f"{_FALL} {number}"] = share - shares(places[-1].y, read)["by variance"]
    return candidates(whole) | falls


def _without_directions(layout: Layout, places: list[Residuals]) -> list[nn.Module]:
    """Return modules that each take one of the receiver's leading directions at the cut away."""
    directions = torch.linalg.svd(places[0].y.flatten(0, 1), full_matrices=False)[2]
    return [Without(layout, direction) for direction in directions[:_REMOVED]]


def shared_fall(values: dict[str, float], own: dict[str, float]) -> dict[str, float]:
    """Return the share of the receiver's own falls that a stitched network has too."""
    names = [name for name in own if name.startswith(_FALL)]
    shared = sum(min(max(values[name], 0.0), max(own[name], 0.0)) for name in names)
    return {"fall shared": shared / max(sum(max(own[name], 0.0) for name in names), 1e-12)}


def candidates(places: list[Residuals]) -> dict[str, float]:
    """Return every candidate that needs the residuals alone."""
    found: dict[str, list[float]] = {}
    for at in places:
        by_channels = _by_channels(at)
        readers = {
            "channels": by_channels,
            "flattened": _by_all(at, _linear),
            "kernel": _by_all(at, _gaussian(at.x_train)),
        }
        for reader, read in readers.items():
            for name, share in shares(at.y, read).items():
                found.setdefault(f"{reader}, {name}", []).append(share)
        found.setdefault("backward", []).append(backward(at))
        found.setdefault("retrieval", []).append(retrieval(by_channels, at))
    values: dict[str, float] = {}
    for name, by_place in found.items():
        values |= {f"{name}, smallest": min(by_place)}
        if name.endswith("variance"):
            values |= {f"{name}, at the cut": by_place[0], f"{name}, in the output": by_place[-1]}
    return values | {"agreement within class": agreement(places[-1])}


def backward(at: Residuals) -> float:
    """Return the share of the stitched residuals that the expected ones say; 1 where there are none.

    Where nothing differs for the stitched network, all that the receiver takes for equal is equal.
    """
    whole = float(at.x.double().square().sum())
    if whole == 0:
        return 1.0
    left = at.x - fit_reader(at.y_train, at.x_train).read(at.y)
    return 1 - float(left.double().square().sum()) / whole


def retrieval(read: Tensor, at: Residuals) -> float:
    """Return how often what is read is nearest to its own expected residual, among those of its class."""
    right = []
    for label in at.labels.unique():
        members = (at.labels == label).nonzero().flatten()
        far = torch.cdist(read[members].flatten(1), at.y[members].flatten(1))
        right.append((far.argmin(1) == torch.arange(len(members))).double())
    return float(torch.cat(right).mean())


def agreement(at: Residuals) -> float:
    """Return Cohen's kappa of the output that lies furthest above its mean in the class."""
    got, expected = (rows[:, 0].argmax(1) for rows in (at.x, at.y))
    agreed, by_chance = [], []
    for label in at.labels.unique():
        one, other = (rows[at.labels == label].bincount(minlength=at.y.shape[-1]) for rows in (got, expected))
        members = int(one.sum())
        agreed.append(float((got == expected)[at.labels == label].sum()))
        by_chance.append(float((one * other).sum()) / members)
    n = len(at.labels)
    return (sum(agreed) - sum(by_chance)) / max(n - sum(by_chance), 1e-12)


def shares(y: Tensor, read: Tensor) -> dict[str, float]:
    """Return the share recovered, with directions weighted by variance, by standard deviation, or alike."""
    target, left = y.flatten(1).double(), (y - read).flatten(1).double()
    by_variance = 1 - float(left.square().sum() / target.square().sum())
    # Directions of the held-out residuals themselves; many are projected to the largest ones.
    _, values, directions = torch.linalg.svd(target, full_matrices=False)
    kept = (values > 1e-2 * values[0]).nonzero().flatten()[:_MOST_DIRECTIONS]
    shares = 1 - (left @ directions[kept].T).square().sum(0) / values[kept].square()
    spread = values[kept]
    return {
        "by variance": by_variance,
        "by standard deviation": float((shares * spread).sum() / spread.sum()),
        "by direction": float(shares.mean()),
    }


def _by_channels(at: Residuals) -> Tensor:
    return fit_reader(at.x_train, at.y_train).read(at.x)


Kernel = Callable[[Tensor, Tensor], Tensor]


def _linear(one: Tensor, other: Tensor) -> Tensor:
    return one @ other.T


def _gaussian(rows: Tensor) -> Kernel:
    """Return the Gaussian kernel as wide as the median distance."""
    width = float(torch.pdist(rows.flatten(1).double()[:500]).median()) or 1.0
    return lambda one, other: torch.exp(-torch.cdist(one, other).square() / (2 * width**2))


def _by_all(at: Residuals, kernel: Kernel) -> Tensor:
    """Return what kernel ridge regression of all positions at once reads."""
    x, y, held = (rows.flatten(1).double() for rows in (at.x_train, at.y_train, at.x))
    choosing = torch.arange(len(x)) % 4 == 0
    gram = kernel(x, x)

    def read(some: Tensor, onto: Tensor, target: Tensor, ridges: Iterable[float]) -> list[Tensor]:
        values, vectors = torch.linalg.eigh(some)
        inner = vectors.T @ target
        largest = values[-1].clamp_min(1e-30)
        return [
            onto @ (vectors @ (inner / (values.clamp_min(0) + ridge * largest)[:, None])) for ridge in ridges
        ]

    tried = read(gram[~choosing][:, ~choosing], gram[choosing][:, ~choosing], y[~choosing], READER_RIDGES)
    errors = [float((y[choosing] - each).square().sum()) for each in tried]
    (found,) = read(gram, kernel(held, x), y, [READER_RIDGES[errors.index(min(errors))]])
    return found.reshape(at.y.shape).to(at.y)


def summary(name: str, rows: list[tuple[Case, float, float]]) -> str:
    """Return a line of the table."""
    word = VerdictName.INTERCHANGEABLE
    named = [(case.plant_family.truth or word_of(truth), truth, value) for case, truth, value in rows]
    order = stats.spearmanr([truth for _, truth, _ in named], [value for _, _, value in named]).statistic
    others = [value for said, _, value in named if said not in (None, word)]
    true = [value for said, _, value in named if said == word]
    highest, lowest = max(others, default=math.nan), min(true, default=math.nan)
    above = statistics.fmean(float(value > highest) for value in true)
    return f"| {name} | {order:.3f} | {highest:.2f} | {lowest:.2f} | {100 * above:.0f} % |"


if __name__ == "__main__":
    main()
