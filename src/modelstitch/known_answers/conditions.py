"""The table of conditions under which some of the families are stitched again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from types import MappingProxyType

import torch
from torch import Tensor, nn

from modelstitch.data.parts import Data, DataPart
from modelstitch.errors import DataError
from modelstitch.grid.side import Side
from modelstitch.known_answers.altered import altered
from modelstitch.known_answers.ground import Ground
from modelstitch.specs import FitSpec, StitchSpec, content_hash
from modelstitch.specs.verdicts import VerdictName

PLAIN = "plain"

FIT = FitSpec(max_epochs=2)
"""As every fit, but shorter: without the label the loss falls slowly for long, to no use."""

_AFFINE = StitchSpec()
_LONG = FitSpec(steps=640)
_FEW_EXAMPLES = 200
_SHARE_KEPT = 0.75
_NOISY_LABELS = 0.2


@dataclass(frozen=True, kw_only=True)
class Condition:
    """What is otherwise than in the plain bed.

    Attributes:
        name: as tables write it.
        data: makes the examples from the plain ones and the side of the network on these.
        alters: makes the receiver from the ground.
        stitch, fit: what is fitted, and how.
        families: which are stitched, with which dose.
        truth: the verdict that is right whatever the family; None for that of the plain bed.
    """

    name: str
    data: Callable[[Data, Side], Data] | None = None
    alters: Callable[[Ground], Side] | None = None
    stitch: StitchSpec = _AFFINE
    fit: FitSpec = FIT
    families: tuple[tuple[str, float], ...] = ()
    truth: VerdictName | None = None

    @property
    def digest(self) -> str:
        """Hash of what is fitted, and how."""
        return content_hash([asdict(self.stitch), asdict(self.fit)])


def unbalanced(data: Data, side: Side) -> Data:
    """Keep of each class three quarters as many examples as of the one before."""

    def chosen(part: DataPart) -> Tensor:
        kept = []
        for label in range(len(data.classes)):
            members = (part.labels == label).nonzero().flatten()
            kept.append(members[: max(4, round(len(members) * _SHARE_KEPT**label))])
        return torch.cat(kept).sort().values

    return replace(
        data, train=data.train.take(chosen(data.train)), heldout=data.heldout.take(chosen(data.heldout))
    )


def few(data: Data, side: Side) -> Data:
    """Keep twenty training and twelve held-out examples of each class."""

    def chosen(part: DataPart, n: int) -> Tensor:
        members = [(part.labels == label).nonzero().flatten()[:n] for label in range(len(data.classes))]
        return torch.cat(members).sort().values

    train, heldout = chosen(data.train, 20), chosen(data.heldout, 12)
    return replace(data, train=data.train.take(train), heldout=data.heldout.take(heldout))


def noisy_labels(data: Data, side: Side) -> Data:
    """Draw the labels of a fifth of the examples anew."""

    def drawn(part: DataPart, seed: int) -> DataPart:
        generator = torch.Generator().manual_seed(seed)
        n = len(part)
        wrong = torch.rand(n, generator=generator) < _NOISY_LABELS
        anew = torch.randint(len(data.classes), (n,), generator=generator)
        return replace(part, labels=torch.where(wrong, anew, part.labels.cpu()).to(part.labels.device))

    return replace(data, train=drawn(data.train, 0), heldout=drawn(data.heldout, 1))


def blurred(data: Data, side: Side) -> Data:
    """Blur the held-out images by a mean over 3 x 3 pixels."""
    images = data.heldout.images
    if images.ndim != 4:
        raise DataError(
            f"expected images (N, C, H, W) to blur, got examples of shape {tuple(images.shape[1:])}"
        )
    smooth = nn.functional.avg_pool2d(images.float(), 3, 1, 1, count_include_pad=False)
    return replace(data, heldout=replace(data.heldout, images=smooth.to(images.dtype)))


def shifted(data: Data, side: Side) -> Data:
    """Shift the held-out images by an eighth of their width."""
    images = data.heldout.images
    moved = images.roll(max(1, images.shape[-1] // 8), -1)
    return replace(data, heldout=replace(data.heldout, images=moved))


def few_to_fit_on(data: Data, side: Side) -> Data:
    """Keep 200 training examples."""
    return replace(data, train=data.train.take(torch.arange(_FEW_EXAMPLES)))


def answered_right(data: Data, side: Side) -> Data:
    """Keep the examples that the network answers right."""
    right = [side.scores(part, side.whole).bool().nonzero().flatten() for part in ("train", "held-out")]
    return replace(data, train=data.train.take(right[0]), heldout=data.heldout.take(right[1]))


def collapsed(ground: Ground) -> Side:
    """Return a receiver that holds nothing but its own answer: the mean of the class that it chooses."""
    side, means = ground.side, ground.means
    suffix, layout = side.fast_suffix(ground.cut, torch.float32), side.cut(ground.cut).layout

    def write(x: Tensor) -> Tensor:
        return means.to(x)[suffix(layout.features_back(x)).argmax(1)]

    return altered(side, ground.cut, write, lambda x: x)


_KNOWN = (("itself", 1.0), ("mixing", 1.0), ("one-hot", 1.0), ("another of the class", 1.0))
_LABELS = (("clustered noise, several", 1.0), ("label and hash", 2.0), ("noise alone", 1.0))
_DOSES = (("low rank", 0.6), ("noise added", 1.0), ("channels deleted", 0.5))

_ROWS = (
    Condition(name=PLAIN),
    Condition(name="unbalanced classes", data=unbalanced, families=_KNOWN + _LABELS + _DOSES),
    Condition(name="few examples a class", data=few, families=_KNOWN + _LABELS + _DOSES),
    Condition(name="label noise", data=noisy_labels, families=_KNOWN + _LABELS + _DOSES),
    Condition(name="blurred held-out images", data=blurred, families=_KNOWN + _LABELS),
    Condition(name="shifted held-out images", data=shifted, families=_KNOWN + _LABELS),
    Condition(
        name="over-fitted conv(5)",
        data=few_to_fit_on,
        stitch=StitchSpec(family="conv", size=5),
        fit=_LONG,
        families=_KNOWN + _LABELS + _DOSES,
    ),
    Condition(
        name="over-fitted mlp(512)",
        data=few_to_fit_on,
        stitch=StitchSpec(family="mlp", size=512),
        fit=_LONG,
        families=_KNOWN + _LABELS + _DOSES,
    ),
    Condition(
        name="collapsed receiver",
        data=answered_right,
        alters=collapsed,
        families=_KNOWN,
        truth=VerdictName.CANNOT_TELL,
    ),
)

CONDITIONS = MappingProxyType({condition.name: condition for condition in _ROWS})
"""Conditions by name; the first is the bed as it is."""
