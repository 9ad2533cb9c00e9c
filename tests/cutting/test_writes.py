"""Models that write into a tensor of their own: halves are exact, and carry the model's gradient."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from modelstitch.cutting import GraphCutModel, certify, cut_model

X = torch.randn(4, 5, 8, generator=torch.Generator().manual_seed(0))


def shifted(h: Tensor) -> Tensor:
    """Half of the features of the step before, as temporal shift modules do."""
    out = torch.zeros_like(h)
    out[:, 1:, :4] = h[:, :-1, :4]
    out[:, :, 4:] = h[:, :, 4:]
    return out


def step_by_step(h: Tensor) -> Tensor:
    """A loop over time that writes every step."""
    out = torch.empty_like(h)
    state = torch.zeros_like(h[:, 0])
    for t in range(h.shape[1]):
        state = torch.tanh(state + h[:, t])
        out[:, t] = state
    return out


def broadcast(h: Tensor) -> Tensor:
    out = torch.zeros_like(h)
    out[:, :, :] = h.mean(1, keepdim=True)
    return out


def of_another_type(h: Tensor) -> Tensor:
    out = torch.zeros(h.shape, dtype=torch.float64)
    out[:, :, ::2] = h[:, :, ::2]
    return out.float()


def filled(h: Tensor) -> Tensor:
    out = h.clone()
    out[:, 0] = 0
    out[:, 1].copy_(h[:, 2])
    return out


def low_frequencies(h: Tensor) -> Tensor:
    """A spectral layer writes the lowest frequencies into a complex tensor."""
    spectrum = torch.fft.rfft(h, dim=1)
    out = torch.zeros_like(spectrum)
    out[:, :2] = spectrum[:, :2] * (1 + 1j)
    out[..., -1] = spectrum[..., 0].real
    back: Tensor = torch.fft.irfft(out, n=h.shape[1], dim=1)
    return back


class Writing(nn.Module):
    def __init__(self, write: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.first, self.second, self.head = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 3)
        self.write = write

    def forward(self, x: Tensor) -> Tensor:
        h = self.write(self.first(x).tanh())
        output: Tensor = self.head(self.second(h).tanh().mean(1))
        return output


@pytest.mark.parametrize(
    "write", [shifted, step_by_step, broadcast, of_another_type, filled, low_frequencies]
)
def test_writes_are_exact_and_have_their_gradient(write: Callable[[Tensor], Tensor]) -> None:
    torch.manual_seed(0)
    model = Writing(write).eval()
    cutting = cut_model(model, X)
    assert isinstance(cutting, GraphCutModel)
    names = [cut.name for cut in cutting.cuts]
    assert {"first", "second"} <= set(names)
    for name in names:
        assert certify(model, cutting.prefix(name), cutting.suffix(name), X, name) == 0
