"""How often a monitor alarms where nothing has changed, and how soon where something has.

    python benchmarks/monitor.py SENDER RECEIVER --data FOLDER [--cut CUT] [--draws N] [--keep FILE] [--json]

Stitches one cell, and measures every held-out image once as it is, and once for each drift and strength. A
draw then is a random order of these images: the first calibrate, the next ones are the stream. All processes
of the monitor are followed with the package's own code; the alarm is that of the whole monitor at 5 %.

Drifts are scaled, on the first images, so that the stitched accuracy falls by 2 and by 5 points, and begin
after a fifth of the stream; the slowly growing one is blur that grows from nothing over the whole stream. The
changed classes come with weights exp(-b accuracy of the class), the changed labels are replaced at random.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

import modelstitch as ms
from modelstitch.adoption.folder.calibration_file import Calibration, calibration, features_of
from modelstitch.adoption.folder.measured import features
from modelstitch.adoption.folder.processes import LABEL, LOSS, processes_of
from modelstitch.adoption.monitor.columns import unlabelled_of
from modelstitch.adoption.monitor.gaps import gaps
from modelstitch.adoption.monitor.martingale import followed, fresh
from modelstitch.adoption.monitor.rule import MonitorRule
from modelstitch.data.views import show
from modelstitch.results.stitched import StitchedCell

Numbers = dict[str, np.ndarray]
"""Columns of n images by process, with ``losses`` (n, K) by class, ``answers`` and ``labels``."""

_SEARCHED, _STEP = 2500, 500
_GROWING = "blur, growing"


def blur(x: Tensor, sigma: float) -> Tensor:
    """Blur by a Gaussian of ``sigma`` pixels."""
    reach = max(1, int(3 * sigma + 1))
    kernel = (-(torch.arange(-reach, reach + 1) ** 2) / (2 * max(sigma, 1e-3) ** 2)).exp()
    kernel = (kernel / kernel.sum()).view(1, 1, 1, -1).expand(x.shape[1], 1, 1, -1)
    padded = F.pad(x.float(), (reach,) * 4, mode="replicate")
    across = F.conv2d(padded, kernel, groups=x.shape[1])
    return like(F.conv2d(across, kernel.transpose(2, 3), groups=x.shape[1]), x)


def noise(x: Tensor, share: float) -> Tensor:
    """Add Gaussian noise of a share of the range."""
    drawn = torch.randn(x.shape, generator=torch.Generator().manual_seed(1))
    return like(x.float() + share * top(x) * drawn, x)


def brightness(x: Tensor, share: float) -> Tensor:
    """Add a share of the range to every value."""
    return like(x.float() + share * top(x), x)


def top(x: Tensor) -> float:
    return 255.0 if x.dtype == torch.uint8 else 1.0


def like(changed: Tensor, x: Tensor) -> Tensor:
    changed = changed.clamp(0, top(x))
    return changed.round().to(torch.uint8) if x.dtype == torch.uint8 else changed


DRIFTS: dict[str, tuple[Callable[[Tensor, float], Tensor], float]] = {
    "blur": (blur, 1.2),
    "noise": (noise, 0.3),
    "brightness": (brightness, 0.5),
}
"""Each drift with its greatest strength."""


@dataclass(frozen=True)
class Bed:
    """One stitched network with the directions of its training examples."""

    stitched: StitchedCell
    found: Calibration

    @classmethod
    def of(cls, stitched: StitchedCell) -> Bed:
        few = torch.arange(min(2000, len(stitched.sides[1].data.train)))
        own = features(stitched, "train", few)
        zeros, counts = torch.zeros(len(few)), torch.ones(10, dtype=torch.int64)
        return cls(
            stitched,
            calibration(
                train_features=own, features=own, losses=zeros, scores=zeros, answers=counts, labels=counts
            ),
        )

    def numbers(self, images: Tensor, labels: Tensor) -> Numbers:
        """Measure images as a monitor would."""
        layout = self.stitched.sides[1].cut(self.stitched.spec.receiver_cut).layout
        represented, outputs = [], []
        with torch.no_grad():
            for some in images.split(250):
                (provided,) = self.stitched.prefix(show(some, self.stitched.views[0]))
                joined = self.stitched.stitch(provided.float())
                represented.append(features_of(layout.features_first(joined), 1))
                outputs.append(self.stitched.reading.as_scores(self.stitched.suffix(joined)))
        found = unlabelled_of(torch.cat(represented), torch.cat(outputs), self.found)
        return {
            **found.columns,
            "losses": -found.outputs.log_softmax(1).numpy(),
            "answers": found.outputs.argmax(1).numpy(),
            "labels": labels.numpy(),
        }


def accuracy(found: Numbers, first: int | None = None) -> float:
    return float((found["answers"] == found["labels"])[:first].mean())


def strength_for(bed: Bed, images: Tensor, labels: Tensor, drift: str, drop: float) -> float:
    """Return the strength at which the accuracy of the first images falls by ``drop``."""
    change, most = DRIFTS[drift]
    images, labels = images[:_SEARCHED], labels[:_SEARCHED]
    own = accuracy(bed.numbers(images, labels))
    low, high = 0.0, most
    for _ in range(7):
        middle = (low + high) / 2
        fell = own - accuracy(bed.numbers(change(images, middle), labels))
        low, high = (middle, high) if fell < drop else (low, middle)
    return (low + high) / 2


def measured(bed: Bed, images: Tensor, labels: Tensor, n_drifted: int) -> dict[str, Numbers]:
    """Measure every image as it is, and the first ones under each drift, by name."""
    found = {"clean": bed.numbers(images, labels)}
    some = images[:n_drifted], labels[:n_drifted]
    for drift, (change, _) in DRIFTS.items():
        for drop in (0.02, 0.05):
            strength = strength_for(bed, images, labels, drift, drop)
            name = f"{drift} {100 * drop:.0f}"
            found[name] = bed.numbers(change(some[0], strength), some[1])
            print(f"{name}: strength {strength:.3f}, accuracy {accuracy(found[name]):.3f}", flush=True)
            if drift == "blur":
                for step in range(1, 5):
                    grown = change(some[0], strength * step / 4)
                    found[f"{_GROWING} {100 * drop:.0f} at {step}"] = bed.numbers(grown, some[1])
    return found


@dataclass(frozen=True)
class Stream:
    """One draw: numbers of the calibrating images, and of the stream's, by process."""

    calibrating: Numbers
    stream: Numbers


def alarm_of(draw: Stream, rule: MonitorRule, names: tuple[str, ...], seed: int) -> int | None:
    """Return the example at which the monitor alarms first; None where it does not.

    Unlabelled and labelled processes see every example here, so that their clocks agree.
    """
    n = len(draw.calibrating[names[0]])
    states = {name: fresh(n) for name in names}
    ordered = {name: np.sort(draw.calibrating[name]) for name in names}
    length = len(draw.stream[names[0]])
    for first in range(0, length, _STEP):
        hits = []
        for name in names:
            values = draw.stream[name][first : first + _STEP]
            where = gaps(values, ordered[name], seed, name, first)
            states[name], path = followed(states[name], where)
            reached = np.flatnonzero(path >= rule.log_threshold)
            hits += [first + int(reached[0]) + 1] if len(reached) else []
        if hits:
            return min(hits)
    return None


def rows(found: Numbers, names: tuple[str, ...], at: np.ndarray, labels: np.ndarray | None = None) -> Numbers:
    """Return the columns of some images, with other labels where they are given."""
    own = found["labels"][at] if labels is None else labels
    labelled = {LOSS: found["losses"][at, own], LABEL: own.astype(float)}
    return {name: labelled[name] if name in labelled else found[name][at] for name in names}


def drawn_unlabelled(
    found: Mapping[str, Numbers], name: str, names: tuple[str, ...], n: int, rng: np.random.Generator
) -> Stream:
    clean = found["clean"]
    size = len(found["blur 5"]["labels"])
    order = rng.permutation(size)
    calibrating, stream = order[:n], order[n:]
    number = np.arange(len(stream))
    before = len(stream) // 5
    if name.startswith(_GROWING):
        step = np.minimum(4, number * 5 // len(stream))
        parts = [clean, *(found[f"{name} at {each}"] for each in range(1, 5))]
    else:
        step, parts = (number >= before).astype(int), [clean, found[name]]
    columns = [rows(part, names, stream) for part in parts]
    mixed = {key: np.choose(step, [column[key] for column in columns]) for key in names}
    return Stream(rows(clean, names, calibrating), mixed)


def drawn_labelled(
    clean: Numbers, kind: str, drop: float, names: tuple[str, ...], n: int, rng: np.random.Generator
) -> Stream:
    order = rng.permutation(len(clean["labels"]))
    calibrating, rest = order[:n], order[n:]
    stream = rest[:5000] if len(rest) >= 5000 else rng.choice(rest, 5000)
    after = np.arange(len(stream)) >= len(stream) // 5
    own = clean["labels"]
    right = clean["answers"] == own
    if kind == "classes":
        by_class = np.array([right[own == one].mean() for one in range(clean["losses"].shape[1])])
        low, high = 0.0, 60.0
        for _ in range(50):
            weights = np.exp(-(low + high) / 2 * by_class)[own]
            fell = right.mean() - (right * weights).sum() / weights.sum()
            low, high = ((low + high) / 2, high) if fell < drop else (low, (low + high) / 2)
        chance = weights[rest] / weights[rest].sum()
        stream = np.where(after, rng.choice(rest, len(stream), p=chance), stream)
        return Stream(rows(clean, names, calibrating), rows(clean, names, stream))
    n_classes = clean["losses"].shape[1]
    share = drop / (right.mean() - (1 - right.mean()) / (n_classes - 1))
    labels = own[stream]
    turned = after & (rng.random(len(stream)) < share)
    labels = np.where(turned, (labels + rng.integers(1, n_classes, len(labels))) % n_classes, labels)
    return Stream(rows(clean, names, calibrating), rows(clean, names, stream, labels))


def summary(alarms: list[int | None], begins: int) -> dict[str, float | int | None]:
    late = [alarm - begins for alarm in alarms if alarm is not None and alarm > begins]
    delays = late + [10**9] * (len(alarms) - len(late))
    median = float(np.median(delays))
    return {
        "draws": len(alarms),
        "alarms": sum(alarm is not None for alarm in alarms),
        "found": len(late),
        "median_delay": None if median >= 10**8 else median,
    }


def scores(
    found: Mapping[str, Numbers], rule: MonitorRule, draws: int, sizes: list[int], drops: list[int]
) -> dict[str, object]:
    """Score every bar; each draw has its own seed."""
    clean = found["clean"]
    names = tuple(name for name in rule.processes if name in (LOSS, LABEL) or name in clean)
    without = tuple(name for name in names if name not in (LOSS, LABEL))
    size = len(found["blur 5"]["labels"])
    n_unlabelled = min(1000, size // 2)
    n_labelled = min(3000, len(clean["labels"]) // 2)
    table: dict[str, object] = {}
    for n in sizes:
        alarms = []
        for seed in range(draws):
            rng = np.random.default_rng([0, n, seed])
            order = rng.permutation(len(clean["labels"]))
            # Where there are fewer images than a stream needs, all of it is drawn with replacement.
            if len(order) < n + 5000:
                order = rng.choice(order, n + 5000)
            part = rows(clean, names, order[:n]), rows(clean, names, order[n : n + 5000])
            alarms.append(alarm_of(Stream(*part), rule, names, seed))
        table[f"nothing, calibration {n}"] = summary(alarms, 0)
        print(f"nothing, calibration {n}: {summary(alarms, 0)}", flush=True)
    for drop in drops:
        for kind in (*(f"{drift} {drop}" for drift in DRIFTS), f"{_GROWING} {drop}"):
            alarms = []
            for seed in range(draws):
                draw = drawn_unlabelled(found, kind, without, n_unlabelled, np.random.default_rng([1, seed]))
                alarms.append(alarm_of(draw, rule, without, seed))
            begins = 0 if kind.startswith(_GROWING) else (size - n_unlabelled) // 5
            table[kind] = summary(alarms, begins)
            print(f"{kind}: {table[kind]}", flush=True)
        for kind in ("classes", "labels"):
            alarms = []
            for seed in range(draws):
                rng = np.random.default_rng([2, seed])
                draw = drawn_labelled(clean, kind, drop / 100, (LOSS, LABEL), n_labelled, rng)
                alarms.append(alarm_of(draw, rule, (LOSS, LABEL), seed))
            table[f"{kind} {drop}"] = summary(alarms, 1000)
            print(f"{kind} {drop}: {table[f'{kind} {drop}']}", flush=True)
    return {"calibrating": [n_unlabelled, n_labelled], "table": table}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("sender")
    parser.add_argument("receiver")
    parser.add_argument("--data", required=True)
    parser.add_argument("--cut", default="layers.2")
    parser.add_argument("--limit", type=int, default=5000)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--drifted", type=int, default=6000, help="images that drifts are measured on")
    parser.add_argument(
        "--sizes", type=int, nargs="*", default=[100, 300, 1000], help="where nothing changes"
    )
    parser.add_argument("--drops", type=int, nargs="*", default=[2, 5], help="of 2 and 5, those to score")
    parser.add_argument("--keep", type=Path, help="numbers of the images, written or read again")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    if given.keep is not None and given.keep.is_file():
        flat = np.load(given.keep)
        found: dict[str, Numbers] = {}
        for key in flat.files:
            name, column = key.split("|")
            found.setdefault(name, {})[column] = flat[key]
    else:
        found = fitted_numbers(given)
        if given.keep is not None:
            kept: dict[str, Any] = {
                f"{name}|{key}": value for name, part in found.items() for key, value in part.items()
            }
            np.savez(given.keep, **kept)
    rule = MonitorRule(processes=tuple(str(name) for name in found["clean"].pop("processes")))
    result = {
        "accuracy": {name: round(accuracy(part), 4) for name, part in found.items()},
        **scores(found, rule, given.draws, given.sizes, given.drops),
    }
    if given.json:
        print(json.dumps(result))


def fitted_numbers(given: argparse.Namespace) -> dict[str, Numbers]:
    run = ms.compare(
        given.sender,
        given.receiver,
        ms.DataSpec(source=given.data, limit=given.limit),
        sender_cuts=given.cut,
        receiver_cuts=given.cut,
        controls=(),
        evidence=(),
        fit=ms.FitSpec(steps=given.steps),
    )
    stitched = run.stitched(given.cut, given.cut)
    bed = Bed.of(stitched)
    part = stitched.sides[1].data.heldout
    order = torch.randperm(len(part), generator=torch.Generator().manual_seed(0))
    found = measured(bed, part.images[order], part.labels[order], min(given.drifted, len(part)))
    found["clean"]["processes"] = np.array(processes_of(bed.found))
    return found


if __name__ == "__main__":
    main()
