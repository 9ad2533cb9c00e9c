"""The paper's Small ResNets: R_abcd with one or two blocks a stage, R18 and R34."""

from __future__ import annotations

from modelstitch.errors import ModelError, SpecError, expect_one_of
from modelstitch.models.zoo.resnet import STAGES, SmallResNet

__all__ = ["STAGES", "SmallResNet", "build", "describe"]


def build(name: str, width: int = 64, classes: int = 10, channels: int = 3) -> SmallResNet:
    """Build an untrained network of the paper.

    Args:
        name: ``R1111`` ... ``R2222`` (blocks in the four stages), ``R18`` or ``R34``; ``R_1111`` is read too.
        width: channels of the first stage, 64 in the paper; the others have 2, 4 and 8 times as many.
        classes: number of outputs.
        channels: channels of the input images.

    Raises:
        ModelError: no such network.
        SpecError: a number below 1.

    Source: Hernandez et al. 2022, section 3.

    Example:
        >>> sum(parameter.numel() for parameter in build("R1111", width=16).parameters())
        308826
    """
    name = name.replace("_", "")
    expect_one_of("zoo network", name, STAGES, ModelError)
    for what, value in (("width", width), ("classes", classes), ("channels", channels)):
        if not isinstance(value, int) or value < 1:
            raise SpecError(f"expected {what} to be a whole number of at least 1, got {value!r}")
    return SmallResNet(STAGES[name], width=width, classes=classes, channels=channels)


def describe(name: str, width: int = 64, classes: int = 10, channels: int = 3) -> str:
    """Return the full call that builds a network, with its defaults filled in.

    Example:
        >>> describe("R_1111", width=16)
        'zoo:R1111(width=16, classes=10, channels=3)'
    """
    return f"zoo:{name.replace('_', '')}(width={width}, classes={classes}, channels={channels})"
