"""Regression: numbers as the targets of each example."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from modelstitch.errors import DataError
from modelstitch.tasks.task import Task, one_output_a_column, unchanged


def regression(train: Float[Tensor, "n k"]) -> Task:
    r"""Return regression, scored by the share of the targets' variance that is explained.

    .. math:: s_n = \max\Bigl(0,\; 1 - \frac{1}{K} \sum_k \frac{(o_{nk} - t_{nk})^2}{\sigma_k^2}\Bigr)

    The mean of s is R squared where no error exceeds a standard deviation. A larger error counts as a miss,
    whatever its size: a score stays between 0 and 1, and one example cannot decide the mean.

    Args:
        train: targets of the training part, whose variance is the unit.

    Raises:
        DataError: a constant target.

    Example:
        >>> import torch
        >>> task = regression(torch.tensor([[0.0], [2.0]]))
        >>> task.score(torch.tensor([[1.0], [1.5]]), torch.tensor([[1.0], [1.0]])).tolist()
        [1.0, 0.75]
    """
    variance, mean = train.double().var(0, correction=0), train.double().mean(0)
    if not (variance > 0).all():
        raise DataError(
            f"expected targets that vary, got a constant in column {int((variance <= 0).nonzero()[0])}"
        )

    def shares(outputs: Tensor, targets: Tensor) -> Tensor:
        return ((outputs - targets).square() / variance.to(outputs)).mean(1)

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        return shares(outputs, targets).mean()

    def score(outputs: Tensor, targets: Tensor) -> Tensor:
        return (1 - shares(outputs.float(), targets.float())).clamp_min(0).nan_to_num(0)

    def chance(targets: Tensor) -> float:
        return float(score(mean.to(targets.device).expand(len(targets), -1), targets).mean())

    def constant_loss(targets: Tensor) -> float:
        return float(loss(mean.to(targets.device).expand(len(targets), -1), targets.double()))

    return Task(
        name="regression",
        loss=loss,
        score=score,
        chance=chance,
        constant_loss=constant_loss,
        needs=one_output_a_column,
        score_name="share of variance explained (none below 0)",
        answer=unchanged,
    )
