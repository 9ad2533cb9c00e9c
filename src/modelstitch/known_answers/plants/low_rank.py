"""A representation projected to few directions; the label is read off it, and never added to it."""

from __future__ import annotations

import torch
from torch import Tensor

from modelstitch.controls.roles import Given, Plant
from modelstitch.known_answers.ground import Ground


def low_rank(ground: Ground, dose: float) -> Plant:
    """Keep the directions between class means, and the leading ones within classes.

    The projection is one linear map of the whole representation, fitted to training examples.

    Args:
        ground: what is projected.
        dose: share of the variance within classes that the leading directions have.
    """
    basis, centre = kept_directions(ground, dose), ground.training.mean(0)

    def plant(given: Given) -> Tensor:
        x = given.genuine(given.indices)
        return centre + ((x - centre).flatten(1) @ basis @ basis.T).reshape(x.shape)

    return plant


def kept_directions(ground: Ground, dose: float) -> Tensor:
    """Return orthonormal directions (D, R) in columns; ``dose`` as for :func:`low_rank`."""
    variances, directions = ground.directions
    n_directions = 1 + int((variances.cumsum(0) / variances.sum() < dose).sum())
    between = (ground.means - ground.means.mean(0)).flatten(1).T
    # One class mean follows from the others, and one direction more would be rounding.
    kept = torch.cat([between[:, :-1], directions[:, :n_directions]], 1).double()
    left, values, _ = torch.linalg.svd(kept / kept.norm(dim=0).clamp_min(1e-30), full_matrices=False)
    basis: Tensor = left[:, values > 1e-6 * values[0]].float()
    return basis
