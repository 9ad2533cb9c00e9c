"""Senders that hold the label and nothing else: the reference for *decodable only*.

They provide nothing of the example but its label, so that any score is the work of stitch and receiver.
"""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from modelstitch.controls.roles import Given, Roles
from modelstitch.data.parts import Data
from modelstitch.models.network import Network

NOISE = 0.5
"""Standard deviation of the noise around a class's pattern, whose own values have standard deviation 1."""


def clustered_noise(sender: Network, receiver: Network, data: Data, seed: int) -> Roles:
    r"""Return a sender that gives one fixed random pattern a class, plus noise that is new for each example.

    .. math:: x_n = \mu_{y_n} + \sigma \varepsilon_n, \quad \mu_k, \varepsilon_n \sim N(0, I)

    Source: Smith, Mannering & Marcu 2025, who stitch class-wise clusters of noise into trained networks.
    """

    def plant(given: Given) -> Tensor:
        if given.labels.ndim == 2:
            # One pattern for each label, the same at every position.
            of_one = replace(given, shape=given.shape[:1])
            signal: Tensor = of_one.patterns(seed)[given.own_labels_by_position, 0].transpose(1, 2)
            return signal.reshape(-1, *given.shape) + NOISE * given.noise(seed)
        return given.patterns(seed)[given.own_labels, 0] + NOISE * given.noise(seed)

    return Roles(sender, receiver, plant=plant)


def one_hot(sender: Network, receiver: Network, data: Data, seed: int) -> Roles:
    """Return a sender that gives the one-hot label, the same at every position; see :func:`write_labels`."""

    def plant(given: Given) -> Tensor:
        if given.labels.ndim == 1:
            return write_labels(given.own_labels, given.shape, given.n_classes)
        labels = given.own_labels_by_position
        written = write_labels(labels.flatten(), given.shape[:1], given.n_classes)
        return written.view(*labels.shape, -1).transpose(1, 2).reshape(-1, *given.shape)

    return Roles(sender, receiver, plant=plant)


def write_labels(labels: Tensor, shape: tuple[int, ...], n_classes: int) -> Tensor:
    """Write labels (n,) into representations (n, *shape): channel k is one where the label is k.

    With fewer channels than classes, the first positions hold the first classes, the next positions the next
    ones, and so on. With fewer values than classes, the value of a channel counts the rounds.

    Example:
        >>> write_labels(torch.tensor([1, 2]), (2, 2), 3).tolist()
        [[[0.0, 0.0], [1.0, 0.0]], [[0.0, 1.0], [0.0, 0.0]]]
    """
    channels, positions = shape[0], math.prod(shape[1:])
    n_stripes = min(positions, -(-n_classes // channels))
    stripes = torch.arange(positions, device=labels.device) * n_stripes // max(1, positions)
    grid = torch.zeros(len(labels), channels, positions, device=labels.device)
    rows = torch.arange(len(labels), device=labels.device)
    rounds = labels // channels
    grid[rows, labels % channels] = (stripes[None] == (rounds % n_stripes)[:, None]).float() * (
        1 + rounds // n_stripes
    )[:, None]
    return grid.reshape(len(labels), *shape)
