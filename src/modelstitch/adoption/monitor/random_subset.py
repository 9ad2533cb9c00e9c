"""Whether labelled examples can be a random subset of their time."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from modelstitch.errors import DataError

_FEWEST = 20
"""Examples with, and without, a label that a comparison needs."""

_CHANCE = 1e-9
"""A choice as uneven as this comes by chance less often."""


def expect_random_subset(labelled: Float[Tensor, "n k"], rest: Float[Tensor, "m k"]) -> None:
    """Raise where labelled examples were clearly chosen by how sure the answers are.

    The margins between the two best class scores are compared by the rank sum of Mann and Whitney. Labels
    asked for where two answers differ, or where an answer is unsure, have small margins: their losses say
    nothing of the stream.

    Args:
        labelled: class scores of the examples that get a label.
        rest: class scores of examples of the same time without one.

    Raises:
        DataError: they differ as they would by chance less than once in a thousand million times.

    Example:
        >>> import torch
        >>> scores = torch.randn(200, 3, generator=torch.Generator().manual_seed(0))
        >>> expect_random_subset(scores[:50], scores[50:])
    """
    if min(len(labelled), len(rest)) < _FEWEST or labelled.shape[1] < 2:
        return
    from scipy.stats import mannwhitneyu

    margins = [scores.topk(2, 1).values.diff(dim=1).flatten().numpy() for scores in (labelled, rest)]
    chance = float(mannwhitneyu(*margins, method="asymptotic").pvalue)
    if chance < _CHANCE:
        sure = "less" if float(margins[0].mean()) > float(margins[1].mean()) else "more"
        raise DataError(
            f"expected labels of a random subset of the stream, got {len(labelled)} of examples whose "
            f"answers are {sure} sure than those of the {len(rest)} without a label (chance {chance:.0e}): "
            "label examples drawn at random, never those where two answers differ"
        )
