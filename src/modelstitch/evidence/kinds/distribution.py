"""Do stitched representations differ from genuine ones?

The features of a representation are mean and standard deviation of each channel over positions. The tests
learn from expected representations of training examples and are applied to held-out ones. Every regression
shrinks towards the mean, so every stitch is a little unlike: read a value beside that of genuine against
genuine representations, and beside the self-stitch's.
"""

from __future__ import annotations

import math
import warnings

import torch
from torch import Tensor

from modelstitch.evidence.material import Definition, Genuine, Material, Measurement

NAME = "distribution"

EXAMPLES = 1000
_NEIGHBOURS = 5
_ZERO = 1e-6
_TESTS = {
    "mahalanobis": (
        "Mahalanobis distance to the mean of all genuine ones, shrunk covariance",
        "Lee et al. 2018; Ledoit & Wolf 2004",
    ),
    "class_mahalanobis": (
        "Mahalanobis distance to the mean of its own class, shrunk covariance within classes",
        "Lee et al. 2018",
    ),
    "neighbour_ratio": (
        "distance to its fifth nearest genuine training example, over the usual such distance there",
        "Sun et al. 2022",
    ),
    "size": ("distance of the logarithm of its norm from the usual one", ""),
    "sparsity": ("distance of its share of zeros from the usual one", ""),
}
DEFINITIONS = {
    name: definition
    for test, (text, source) in _TESTS.items()
    for name, definition in (
        (
            f"{test}_auroc",
            Definition(
                f"how well this tells stitched from genuine held-out representations: {text}; area "
                "under the ROC curve",
                "0 to 1, 0.5 says it cannot",
                "nearer to 0.5",
                source,
            ),
        ),
        (
            f"{test}_auroc_genuine",
            Definition(
                "the same of one half of the genuine held-out ones against the other", "0 to 1", "", source
            ),
        ),
    )
}


def features(x: Tensor) -> Tensor:
    """Return mean and standard deviation of each channel over positions, (n, 2 C); vectors as they are.

    Args:
        x: (n, C, ...) or (n, D).
    """
    if x.ndim == 2:
        return x.float()
    flat = x.float().flatten(2)
    return torch.cat([flat.mean(2), flat.std(2, correction=0)], 1)


def summarise(x: Tensor, labels: Tensor) -> Genuine:
    """Reduce representations (n, ...) to what the tests read."""
    flat = x.float().flatten(1)
    return Genuine(
        features=features(x),
        labels=labels,
        size=flat.norm(dim=1).clamp_min(1e-12).log(),
        sparsity=(flat.abs() <= _ZERO).float().mean(1),
    )


def measure(material: Material) -> list[Measurement]:
    """Measure how well each test tells stitched from genuine, and one half of the genuine from the other."""
    assert material.genuine is not None
    some = slice(None, None, -(-material.n // EXAMPLES))  # spread evenly over the classes
    known = material.genuine.known
    if not known:
        tests = GenuineModel(material.genuine)
        heldout = tests.scores(summarise(material.raw_expected()[some], material.labels[some]))
        known.update(tests=tests, heldout=heldout)  # at once: another cell may read it at the same time
    stitched = summarise(material.raw_stitched[some], material.labels[some])
    at_home, foreign = known["heldout"], known["tests"].scores(stitched)
    # Examples are in random order within their class.
    even = torch.arange(len(stitched.labels), device=material.labels.device) % 2 == 0
    measurements = []
    for name in _TESTS:
        for suffix, pair in (
            ("auroc", (at_home[name], foreign[name])),
            ("auroc_genuine", (at_home[name][even], at_home[name][~even])),
        ):
            value, low, high = auroc(*pair)
            measurements.append(
                Measurement(
                    kind=NAME,
                    name=f"{name}_{suffix}",
                    where=material.cut,
                    value=value,
                    low=low,
                    high=high,
                    n=min(len(stitched.labels), len(material.genuine.labels)),
                )
            )
    return measurements


class GenuineModel:
    """The distribution of genuine representations, learnt from training examples.

    Args:
        genuine: of training examples.
    """

    def __init__(self, genuine: Genuine) -> None:
        self._genuine = genuine
        few = len(genuine.features) < 2  # the deviation of a single example is not defined
        self._scale = genuine.features.std(0, correction=0 if few else 1).clamp_min(1e-6)
        x = genuine.features / self._scale
        self._x = x
        self._mean, self._precision = x.mean(0), _precision(x - x.mean(0))
        n_classes = int(genuine.labels.max()) + 1
        self._class_means = torch.stack(
            [
                x[genuine.labels == c].mean(0) if (genuine.labels == c).any() else self._mean
                for c in range(n_classes)
            ]
        )
        self._class_precision = _precision(x - self._class_means[genuine.labels])
        distances = torch.cdist(x, x)
        self._usual = distances.kthvalue(min(_NEIGHBOURS + 1, len(x)), dim=1).values.median().clamp_min(1e-12)

    def scores(self, given: Genuine) -> dict[str, Tensor]:
        """Return the distances (n,) of representations from the usual ones, by test."""
        x = given.features / self._scale
        labels = given.labels.clamp_max(len(self._class_means) - 1)
        usual = self._genuine
        return {
            "mahalanobis": _quadratic(x - self._mean, self._precision),
            "class_mahalanobis": _quadratic(x - self._class_means[labels], self._class_precision),
            "neighbour_ratio": torch.cdist(x, self._x).kthvalue(min(_NEIGHBOURS, len(self._x)), dim=1).values
            / self._usual,
            "size": (given.size - usual.size.mean()).abs(),
            "sparsity": (given.sparsity - usual.sparsity.mean()).abs(),
        }


def auroc(low: Tensor, high: Tensor) -> tuple[float, float, float]:
    r"""Return the share of pairs whose second value is higher, ties counting half, with its interval.

    .. math:: \mathrm{AUROC} = P(h > l) + \tfrac12 P(h = l)

    NaN where one side is empty.

    Source: Hanley & McNeil 1982 for the standard error.

    Example:
        >>> auroc(torch.tensor([0.0, 1.0]), torch.tensor([2.0, 3.0]))[0]
        1.0
    """
    low, high = low.double(), high.double()
    if not len(low) or not len(high):
        return math.nan, math.nan, math.nan
    ordered = low.sort().values
    below = torch.searchsorted(ordered, high, right=False)
    ties = torch.searchsorted(ordered, high, right=True) - below
    area = float((below + 0.5 * ties).double().mean()) / len(low)
    q1, q2 = area / (2 - area), 2 * area * area / (1 + area)
    variance = (
        area * (1 - area) + (len(high) - 1) * (q1 - area * area) + (len(low) - 1) * (q2 - area * area)
    ) / (len(low) * len(high))
    half = 1.96 * math.sqrt(max(0.0, variance))
    return area, max(0.0, area - half), min(1.0, area + half)


def _quadratic(x: Tensor, precision: Tensor) -> Tensor:
    return ((x @ precision) * x).sum(1)


def _precision(centred: Tensor) -> Tensor:
    """Return the inverse of the shrunk covariance of centred rows."""
    from sklearn.covariance import ledoit_wolf

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # constant channels warn; shrinkage makes them harmless
        covariance, _ = ledoit_wolf(centred.double().cpu().numpy(), assume_centered=True)
    shrunk = torch.from_numpy(covariance)
    jitter = 1e-8 * float(shrunk.diagonal().mean()) + 1e-12
    inverse: Tensor = torch.linalg.inv(shrunk + jitter * torch.eye(len(shrunk), dtype=shrunk.dtype))
    return inverse.to(centred)
