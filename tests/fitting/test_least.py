"""A fit that has to reach what the receiver itself reaches: it goes on while it is below, up to a limit."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from modelstitch.fitting.trained import Fit, Fitted, Least, TriedFit
from modelstitch.specs import FitSpec, StitchSpec
from modelstitch.stitches import build
from tests.fitting.test_trained import SHAPE

N = 200
FIRST = FitSpec().n_steps(1000)


def share_right(share: float) -> Tensor:
    """Return scores of 200 validation examples, of which a share is right: the first ones."""
    return (torch.arange(N) < round(share * N)).float()


def fitted(
    monkeypatch: pytest.MonkeyPatch,
    right: dict[int, float],
    least: Least | None,
    most_steps: int | None = None,
) -> tuple[Fitted, list[int]]:
    """Fit with scripted scores: ``right`` gives the share from each multiple of the first schedule on."""
    asked: list[int] = []

    def candidate(self: Fit, values: dict[str, Tensor], n_steps: int, loss: float) -> TriedFit:
        asked.append(n_steps)
        share = right[max(each for each in right if each * FIRST <= n_steps)]
        state = {name: value.detach().clone() for name, value in self.stitch.state_dict().items()}
        return TriedFit(state, share_right(share), torch.ones(N), n_steps, loss)

    def step(self: Fit, *rest: object) -> Tensor:
        self.total_steps += 1
        return torch.zeros(())

    monkeypatch.setattr(Fit, "_candidate", candidate)
    monkeypatch.setattr(Fit, "_step", step)
    generator = torch.Generator().manual_seed(0)
    stitch = build(StitchSpec(), SHAPE, SHAPE, generator)
    criterion = _criterion()
    fit = Fit(
        stitch, criterion, lambda indices: indices, torch.arange(1000), torch.arange(N), FitSpec(), generator,
        least=least, most_steps=most_steps,
    )  # fmt: skip
    return fit.run(), asked


def _criterion() -> Any:
    """Return what a scripted fit asks of a criterion."""
    return SimpleNamespace(weight=len, chance=0.1, constant_loss=math.log(10))


def least(share: float, times: float) -> Least:
    return Least(share_right(share), round(times * FIRST))


def test_a_control_ends_at_its_cap_and_is_not_called_converged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its score rises with every schedule; a cap behind the end of the fit changes nothing."""
    rising = {1: 0.2, 2: 0.4, 4: 0.6, 8: 0.8, 16: 1.0}
    capped, asked = fitted(monkeypatch, rising, None, most_steps=6 * FIRST)
    assert (capped.converged, capped.steps) == (False, 4 * FIRST)
    assert asked == [FIRST, 2 * FIRST, 4 * FIRST]
    free, loose = (fitted(monkeypatch, rising, None, most_steps=most) for most in (None, 10**6))
    assert (loose[0].steps, loose[1]) == (free[0].steps, free[1])
    assert free[0].steps > 4 * FIRST


def test_a_lost_class_is_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """It stops at exactly .9 twice: that was called converged."""
    lost = {1: 0.5, 2: 0.9, 6: 1.0}
    before, asked = fitted(monkeypatch, lost, None)
    assert (before.converged, before.steps, asked) == (True, 4 * FIRST, [FIRST, 2 * FIRST, 4 * FIRST])


@pytest.mark.parametrize(
    ("times", "converged", "lengths"),
    [
        (12, True, (1, 2, 4, 8, 16)),
        (6, True, (1, 2, 4, 6, 12)),
        (5, False, (1, 2, 4, 5)),
        (4, False, (1, 2, 4)),
        (1, False, (1, 2, 4)),
    ],
)
def test_a_short_fit_goes_on_to_its_limit(
    monkeypatch: pytest.MonkeyPatch, times: float, converged: bool, lengths: tuple[int, ...]
) -> None:
    found, asked = fitted(monkeypatch, {1: 0.5, 2: 0.9, 6: 1.0}, least(0.98, times))
    assert asked == [each * FIRST for each in lengths]
    assert found.total_steps == asked[-1]
    assert found.converged is converged


def test_what_reaches_the_receiver_ends_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    for scores in ({1: 0.5, 2: 0.97}, {1: 0.99}, {1: 0.2, 2: 0.4, 4: 0.6, 8: 0.98}):
        without, with_least = (fitted(monkeypatch, scores, bound)[0] for bound in (None, least(0.98, 3)))
        assert (without.steps, without.converged) == (with_least.steps, with_least.converged)


def test_a_fit_that_still_gains_is_not_cut_short_by_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    found, asked = fitted(monkeypatch, {1: 0.2, 2: 0.4, 4: 0.6, 8: 0.98}, least(0.98, 1))
    assert asked[-1] == 16 * FIRST
    assert found.converged
