"""How ways to measure what is kept order planted senders whose truth is known.

    python benchmarks/measures_of_kept.py A.safetensors [--data digits] [--cuts layers.2 layers.4]

For each sender: what a reader recovers of the expected residuals within classes from the stitched ones. Some
readers read the channels alike at every position, others read all positions at once. Shares are by variance,
by standard deviation and by direction of the expected residuals; at the cut alone, in the output alone, and
the smallest of all places. For each of them: rank correlation with the truth, and the largest value of a
sender that is not interchangeable beside the smallest one of a sender that is.
"""

from __future__ import annotations

import argparse
import math
import statistics
from collections.abc import Iterable

import torch
from scipy import stats
from torch import Tensor

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
    table = [(case, bed.truth(case), candidates(bed.residuals(case))) for case in listed]
    for case, truth, values in table:
        print(f"{case.name:55s} {truth:6.3f}  " + "  ".join(f"{name} {v:.3f}" for name, v in values.items()))
    own = {case.cut: values for case, _, values in table if case.family == "itself"}
    print("\n| measure | rank correlation | highest that is not | lowest that is | in order |")
    print("| --- | --- | --- | --- | --- |")
    for name in table[0][2]:
        scaled = [(case, truth, values[name] / own[case.cut][name]) for case, truth, values in table]
        print(summary(name, scaled))


def candidates(places: list[Residuals]) -> dict[str, float]:
    """Return every candidate for one case."""
    found: dict[str, list[float]] = {}
    for at in places:
        for reader, read in (("channels", _by_channels(at)), ("flattened", _by_all(at))):
            for name, share in shares(at.y, read).items():
                found.setdefault(f"{reader}, {name}", []).append(share)
    values: dict[str, float] = {}
    for name, by_place in found.items():
        values |= {f"{name}, smallest": min(by_place)}
        if name.endswith("variance"):
            values |= {f"{name}, at the cut": by_place[0], f"{name}, in the output": by_place[-1]}
    return values


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


def _by_all(at: Residuals) -> Tensor:
    """Return what ridge regression of all positions at once reads, in its dual form."""
    x, y, held = (rows.flatten(1).double() for rows in (at.x_train, at.y_train, at.x))
    choosing = torch.arange(len(x)) % 4 == 0
    gram = x @ x.T

    def read(some: Tensor, onto: Tensor, target: Tensor, ridges: Iterable[float]) -> list[Tensor]:
        values, vectors = torch.linalg.eigh(some)
        inner = vectors.T @ target
        largest = values[-1].clamp_min(1e-30)
        return [
            onto @ (vectors @ (inner / (values.clamp_min(0) + ridge * largest)[:, None])) for ridge in ridges
        ]

    tried = read(gram[~choosing][:, ~choosing], gram[choosing][:, ~choosing], y[~choosing], READER_RIDGES)
    errors = [float((y[choosing] - each).square().sum()) for each in tried]
    (found,) = read(gram, held @ x.T, y, [READER_RIDGES[errors.index(min(errors))]])
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
