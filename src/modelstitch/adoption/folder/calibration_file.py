r"""What a monitor ranks new examples against: numbers of the calibrating examples, and no example.

Of each calibrating example the file holds its loss, its score, and the distance and the leading coordinates
of its stitched representation. Each column is sorted by itself, so no row is an example. The distance is

.. math:: d(x) = \lVert W^\top (f(x) - \mu) \rVert^2 / D

with :math:`f(x)` the stitched representation, its channels averaged over positions, :math:`\mu` and
:math:`\Sigma = (W W^\top)^{-1}` mean and covariance of :math:`f` over training examples, of channels of
variance 1 and shrunk (Ledoit & Wolf 2004). ``whitener`` is :math:`W^\top`. The leading coordinates are
:math:`V^\top (f(x) - \mu)`, along the directions in which channels of variance 1 vary most: a shift that
moves all examples one way may leave their distance from the mean as it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from jaxtyping import Float, Int
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from modelstitch.errors import DataError, RunError

CALIBRATION = "calibration.safetensors"
"""Name of the file."""

FEWEST = 100
"""Calibrating examples that a monitor needs."""

MOST_COORDINATES = 8
"""Leading coordinates of a representation that are kept."""

MOST_FEATURES = 1024
"""Channels of a representation that the distance reads; of more, every k-th is read."""


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """The numbers of the calibrating examples.

    Attributes:
        loss, score, distance: (n,) in ascending order, each by itself.
        mean: (D,) of the features of training examples.
        whitener: (D, D) what features less the mean are multiplied by, for the distance.
        coordinates: (C, n) leading coordinates of the features, each row in ascending order by itself.
        directions: (D, C) what features less the mean are multiplied by, for the coordinates.
        answers: (K,) how many calibrating examples get each answer; (0,) for a task without classes.
        labels: (K,) how many have each label; likewise.

    Raises:
        DataError: fewer than 100 examples, or a value that is not finite.
    """

    loss: Float[Tensor, " n"]
    score: Float[Tensor, " n"]
    distance: Float[Tensor, " n"]
    mean: Float[Tensor, " d"]
    whitener: Float[Tensor, "d d"]
    answers: Int[Tensor, " k"]
    labels: Int[Tensor, " k"]
    # A folder of an earlier version has none.
    coordinates: Float[Tensor, "c n"] = field(default_factory=lambda: torch.zeros(0, 0))
    directions: Float[Tensor, "d c"] = field(default_factory=lambda: torch.zeros(0, 0))

    def __post_init__(self) -> None:
        expect_enough(len(self.loss))
        for name, value in vars(self).items():
            if not bool(value.isfinite().all()):
                raise DataError(f"expected finite numbers to calibrate with, got NaN or infinity in {name}")


def expect_enough(n: int) -> None:
    """Raise unless ``n`` examples are enough to calibrate a monitor.

    Raises:
        DataError: they are not.
    """
    if n < FEWEST:
        raise DataError(
            f"expected at least {FEWEST} examples to calibrate a monitor, got {n}: they are a fifth of the "
            f"held-out examples, so give at least {5 * FEWEST} of these"
        )


def features_of(representation: Float[Tensor, "n c *positions"], channel_axis: int) -> Float[Tensor, "n d"]:
    """Return the channels of representations, averaged over positions; of more than 1,024, every k-th.

    Args:
        representation: (n, ...) stitched representations.
        channel_axis: which axis holds the channels.

    Example:
        >>> features_of(torch.ones(2, 3, 4, 4), 1).shape, features_of(torch.ones(2, 3), 1).shape
        (torch.Size([2, 3]), torch.Size([2, 3]))
    """
    channels = representation.float().movedim(channel_axis, 1)
    if channels.ndim > 2:  # a vector has no positions
        channels = channels.flatten(2).mean(2)
    return channels[:, :: -(-channels.shape[1] // MOST_FEATURES)]


def whitening(features: Float[Tensor, "n d"]) -> tuple[Float[Tensor, " d"], Float[Tensor, "d d"]]:
    """Return mean and whitener of features: channels of variance 1, their covariance shrunk to the identity.

    Source: Ledoit & Wolf 2004.
    """
    from sklearn.covariance import ledoit_wolf

    exact = features.double()
    scale = exact.std(0)
    scale = torch.where(scale > 0, scale, 1.0)
    covariance = torch.from_numpy(ledoit_wolf((exact / scale).numpy())[0])
    values, vectors = torch.linalg.eigh(covariance)
    least = values.max().clamp_min(1e-12) * 1e-9
    whitener = vectors / values.clamp_min(least).sqrt() @ vectors.T
    return exact.mean(0).float(), (whitener / scale[:, None]).float()


def leading(features: Float[Tensor, "n d"]) -> Float[Tensor, "d c"]:
    """Return the directions in which features of variance 1 vary most, at most eight of them.

    Example:
        >>> x = torch.randn(100, 1, generator=torch.Generator().manual_seed(0))
        >>> along = leading(torch.cat([x, 2 * x], 1))[:, 0]
        >>> round(float(along[0] / along[1]), 3)
        2.0
    """
    exact = features.double()
    scale = exact.std(0)
    scale = torch.where(scale > 0, scale, 1.0)
    vectors: Tensor = torch.linalg.eigh(torch.cov((exact / scale).T).reshape(len(scale), -1))[1].flip(1)
    return (vectors[:, :MOST_COORDINATES] / scale[:, None]).float().contiguous()


def distances(
    features: Float[Tensor, "n d"], mean: Float[Tensor, " d"], whitener: Float[Tensor, "d d"]
) -> Float[Tensor, " n"]:
    """Return the squared distance of features from the mean, in the whitened coordinates, over D."""
    return ((features - mean) @ whitener).square().mean(1)


def calibration(
    *,
    train_features: Float[Tensor, "m d"],
    features: Float[Tensor, "n d"],
    losses: Float[Tensor, " n"],
    scores: Tensor,
    answers: Int[Tensor, " k"],
    labels: Int[Tensor, " k"],
) -> Calibration:
    """Return the calibration of a stitched network.

    Args:
        train_features: of training examples, which give the distance.
        features, losses, scores: of the calibrating examples.
        answers, labels: how many of them get each answer, and have each label.

    Raises:
        DataError: too few examples, or values that are not finite.
    """
    expect_enough(len(losses))
    mean, whitener = whitening(train_features)
    directions = leading(train_features)
    return Calibration(
        loss=losses.float().sort().values,
        score=scores.float().sort().values,
        distance=distances(features, mean, whitener).sort().values,
        mean=mean,
        whitener=whitener,
        answers=answers,
        labels=labels,
        coordinates=((features - mean) @ directions).T.sort(1).values.contiguous(),
        directions=directions,
    )


def write_calibration(found: Calibration, path: Path, facts: Mapping[str, str]) -> None:
    """Write a calibration.

    Args:
        found: what to write.
        path: the file.
        facts: what is recorded beside it, such as the axis of the channels and the division.
    """
    path.write_bytes(save({name: value.contiguous() for name, value in vars(found).items()}, dict(facts)))


def read_calibration(path: Path) -> tuple[Calibration, dict[str, str]]:
    """Return a calibration and what is recorded beside it.

    Raises:
        RunError: no such file, or a damaged one.
    """
    try:
        with safe_open(path, framework="pt") as file:
            values = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return Calibration(**values), dict(file.metadata() or {})
    except (OSError, SafetensorError, TypeError, DataError) as error:
        raise RunError(f"cannot read the calibration {str(path)!r}: {error}") from error
