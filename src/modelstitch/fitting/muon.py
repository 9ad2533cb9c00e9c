"""Muon: orthogonalised momentum, so that every direction of a weight matrix moves at the same speed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

# Quintic Newton-Schulz iteration of Jordan et al. 2024; it brings all singular values close to 1 in five
# steps.
_A, _B, _C, _ITERATIONS = 3.4445, -4.7750, 2.0315, 5
_BETA2, _EPSILON = 0.99, 1e-8


def orthogonalise(matrix: Tensor) -> Tensor:
    r"""Approximate :math:`U V^\top` of a matrix :math:`U S V^\top` by Newton-Schulz, in its own precision.

    The singular values end between about 0.7 and 1.2, which is close enough for an optimiser.

    Source: Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks".

    Example:
        >>> s = torch.linalg.svdvals(orthogonalise(torch.diag(torch.tensor([1.0, 20.0, 300.0]))))
        >>> bool((s > 0.6).all() and (s < 1.3).all())
        True
    """
    x: Tensor = matrix / (matrix.norm() + 1e-20)
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    for _ in range(_ITERATIONS):
        gram = x @ x.T
        x = _A * x + (_B * gram + _C * gram @ gram) @ x
    return x.T if tall else x


class Muon(torch.optim.Optimizer):
    """Muon on matrices, Adam on vectors, both at the same rate.

    PyTorch's own Muon orthogonalises in bfloat16, whose rounding makes two runs of one fit diverge, and
    accepts matrices only.

    Args:
        parameters: tensors of any shape; two axes or more are read as a matrix (first axis, rest).
        lr: step; in whitened coordinates about the change of each singular value.
        momentum: Nesterov momentum of matrices, and the first decay of Adam.
        weight_decay: L2 penalty.
    """

    def __init__(
        self, parameters: Iterable[Tensor], lr: float, momentum: float = 0.8, weight_decay: float = 0.0
    ) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Take one step along the gradients."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                gradient = parameter.grad
                if group["weight_decay"]:
                    gradient = gradient + group["weight_decay"] * parameter
                move = self._matrix if parameter.ndim >= 2 else self._vector
                parameter.sub_(move(self.state[parameter], gradient, group["momentum"]), alpha=group["lr"])

    @staticmethod
    def _matrix(state: dict[str, Any], gradient: Tensor, momentum: float) -> Tensor:
        if not state:
            state["velocity"] = torch.zeros_like(gradient)
        velocity = state["velocity"].mul_(momentum).add_(gradient)
        matrix = (gradient + momentum * velocity).flatten(1)
        tallness = max(1.0, matrix.shape[0] / matrix.shape[1]) ** 0.5
        move: Tensor = tallness * orthogonalise(matrix)
        return move.view_as(gradient)

    @staticmethod
    def _vector(state: dict[str, Any], gradient: Tensor, momentum: float) -> Tensor:
        if not state:
            state.update(step=0, first=torch.zeros_like(gradient), second=torch.zeros_like(gradient))
        state["step"] += 1
        first = state["first"].lerp_(gradient, 1 - momentum) / (1 - momentum ** state["step"])
        second = state["second"].lerp_(gradient.square(), 1 - _BETA2) / (1 - _BETA2 ** state["step"])
        move: Tensor = first / (second.sqrt() + _EPSILON)
        return move
