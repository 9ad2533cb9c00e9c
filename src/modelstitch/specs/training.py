"""How networks of the zoo are trained."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from modelstitch.errors import SpecError
from modelstitch.specs.names import positive


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a network of the zoo is trained.

    Attributes:
        epochs: passes over the training part.
        batch_size: images a step; whole batches only.
        learning_rate: highest rate of SGD with Nesterov momentum 0.9, reached after ``warmup_share`` of the
            steps.
        weight_decay: on convolution and linear weights; norms and biases have none.
        label_smoothing: share of the target spread over all classes.
        translate: largest random shift in pixels.
        flip: whether images are mirrored at random; wrong for digits and letters.
        seed: of the initial weights, the order and the augmentation.
    """

    epochs: int = 6
    batch_size: int = 128
    learning_rate: float = 0.4
    weight_decay: float = 5e-4
    label_smoothing: float = 0.1
    warmup_share: float = 0.25
    translate: int = 2
    flip: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "translate"):
            if not isinstance(getattr(self, name), int):
                raise SpecError(
                    f"expected {name.replace('_', ' ')} as a whole number, got {getattr(self, name)}"
                )
        for name in ("epochs", "batch_size", "learning_rate"):
            if not 0 < getattr(self, name) < math.inf:
                raise SpecError(f"expected {name.replace('_', ' ')} > 0, got {getattr(self, name)}")
        for name in ("weight_decay", "translate"):
            if not 0 <= getattr(self, name) < math.inf:
                raise SpecError(f"expected {name.replace('_', ' ')} >= 0, got {getattr(self, name)}")
        for name in ("label_smoothing", "warmup_share"):
            if not 0 <= getattr(self, name) < 1:
                raise SpecError(f"expected {name.replace('_', ' ')} in [0, 1), got {getattr(self, name)}")


@dataclass(frozen=True, kw_only=True)
class TrainSpec:
    """How the networks of an experiment are trained that come without weights.

    Attributes:
        recipe: the schedule; the seed of each network takes the place of its seed.
        limit: most training images, a stratified choice; by default all that the data hold.

    Raises:
        SpecError: a limit below 1.

    Example:
        >>> TrainSpec(recipe=Recipe(epochs=2), limit=500).recipe.epochs
        2
    """

    recipe: Recipe = field(default_factory=Recipe)
    limit: int | None = None

    def __post_init__(self) -> None:
        positive("limit", self.limit)
