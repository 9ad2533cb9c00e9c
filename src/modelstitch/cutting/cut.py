"""A model and its cuts by name: what graph capture and hooks have in common."""

from __future__ import annotations

import copy
import difflib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Self

from torch import nn

from modelstitch.cutting.cost import CutWork, Work
from modelstitch.cutting.layouts import Layout, parse
from modelstitch.errors import CutError, StitchError


@dataclass(frozen=True)
class Cut:
    """A place where a model can be divided so that ``suffix(prefix(x)) == model(x)`` exactly.

    Attributes:
        name: the path of the module whose output is cut, ``path@k`` for its k-th call.
        aliases: other names of the same tensor.
        layout: how to read the representation.
        boundary: whether a block of the model ends here; boundaries are the default set of cuts.
        counts: counts the work of the model on both sides of a cut by name, when it is first asked for.
        by_values: whether the cut was found legal by comparing values: the output stayed the same under
            several other inputs while the representation was held.

    Example:
        >>> import torch
        >>> from modelstitch.cutting import cuts
        >>> model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
        >>> cut = cuts(model, torch.randn(5, 3)).find("1")
        >>> cut.before.parameters, cut.before.multiply_adds, cut.after.multiply_adds
        (16, 12, 8)
        >>> cut.before.share.multiply_adds
        0.6
    """

    name: str
    aliases: tuple[str, ...]
    layout: Layout
    boundary: bool
    counts: Callable[[str], tuple[Work, Work]] | None = field(default=None, compare=False, repr=False)
    by_values: bool = False

    @property
    def before(self) -> Work:
        """What the prefix reads and computes.

        Raises:
            CutError: the cut is of no model.
        """
        return self._counted()[0]

    @property
    def after(self) -> Work:
        """What the suffix reads and computes.

        Raises:
            CutError: the cut is of no model.
        """
        return self._counted()[1]

    def _counted(self) -> tuple[Work, Work]:
        if self.counts is None:
            raise CutError(f"expected a cut of a model to count its work, got {self.name!r} alone")
        return self.counts(self.name)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the representation of one example."""
        return self.layout.shape


class CutModel(ABC):
    """A model and its cuts, from the input on, with its prefix and suffix at each.

    Attributes:
        model, name: what is cut, and what to call it in errors.
        cuts: all of them.
        technique: how it is cut, and what that costs.
        kept: where its graph comes from, or why no cache holds it; empty without a cache.
        input_name: name of the model's own input, where some suffix is given it again, to find places of
            tokens; None where none is.
    """

    model: nn.Module
    name: str
    input_name: str | None = None
    cuts: tuple[Cut, ...]
    technique: str
    kept: str = ""

    @property
    def boundaries(self) -> tuple[Cut, ...]:
        """The default set of cuts: block boundaries, whatever their layout."""
        return tuple(cut for cut in self.cuts if cut.boundary)

    def find(self, name: str) -> Cut:
        """Return the cut called ``name``.

        Raises:
            CutError: there is no such cut; the message says why, and names the nearest legal ones.
        """
        known = self._known(name) or self._known(self._only_call(name))
        if known is not None:
            return known
        raise CutError(
            f"no cut {name!r} in model {self.name}: {self._why_not(name)}; nearest legal cuts: "
            f"{', '.join(self._nearest(name))} (of {len(self.cuts)}; modelstitch cuts lists them)"
        )

    def _known(self, name: str | None) -> Cut | None:
        return next((cut for cut in self.cuts if name == cut.name or name in cut.aliases), None)

    def _nearest(self, name: str) -> list[str]:
        """Return the cuts that the model computes nearest to a value; by spelling for an unknown name."""
        same, place = self._known(self._same_as(name)), self._place(name)
        if same is not None:
            place = self.cuts.index(same) + 0.5
        if place is not None:
            near = sorted(range(len(self.cuts)), key=lambda index: abs(index + 0.5 - place))
            return [self.cuts[index].name for index in near[:3]]
        legal = [spelling for cut in self.cuts for spelling in (cut.name, *cut.aliases)]
        return difflib.get_close_matches(name, legal, n=3, cutoff=0.3) or [
            cut.name for cut in (self.boundaries or self.cuts)[:3]
        ]

    def later(self, name: str) -> tuple[str, ...]:
        """Return the block boundaries after the cut ``name``."""
        after = self.cuts[self.cuts.index(self.find(name)) + 1 :]
        return tuple(cut.name for cut in after if cut.boundary)

    def read_as(self, layouts: Mapping[str, str]) -> Self:
        """Return the same cuts, some of them read in another layout than the one recognised.

        Args:
            layouts: by name of a cut, a layout as ``str`` writes it, such as ``tokens+1 14x14``.

        Raises:
            CutError: no such cut.
            StitchError: no such layout, or one that does not fit the cut's shape.
        """
        if not layouts:
            return self
        read = {self.find(name).name: text for name, text in layouts.items()}
        other = copy.copy(self)
        try:
            other.cuts = tuple(
                replace(cut, layout=parse(read[cut.name], cut.shape)) if cut.name in read else cut
                for cut in self.cuts
            )
        except StitchError as error:
            asked = ", ".join(f"{name}={text}" for name, text in layouts.items())
            raise StitchError(f"cannot read {self.name} as {asked}: {error}") from error
        return other

    def bind(self, model: nn.Module) -> Self:
        """Return the same cuts for another model of the same architecture and shapes, without a new capture.

        Raises:
            CutError: the models' parameters or buffers differ in name or shape.
        """
        _expect_same_shapes(self.model, model, self.name)
        other = copy.copy(self)
        other.model = model
        return other

    @abstractmethod
    def _why_not(self, name: str) -> str:
        """Say why ``name`` is no cut."""

    @abstractmethod
    def _place(self, name: str) -> float | None:
        """Return how many cuts lie before what ``name`` stands for; None where nothing tells."""

    def _only_call(self, name: str) -> str | None:
        """Return the name of a cut for that of its call, where this alone lies on the way to the output."""
        return None

    def _same_as(self, name: str) -> str | None:
        """Return another name of the tensor that a module only hands on; None where it does more."""
        return None

    @abstractmethod
    def prefix(self, *names: str, frozen: bool = False) -> nn.Module:
        """Return the module from the input to a tuple of the representations at ``names``.

        Args:
            names: cuts; nothing after the deepest of them is computed.
            frozen: share the parameters' memory but let no gradient reach them.
        """

    @abstractmethod
    def suffix(self, name: str, frozen: bool = False, later: tuple[str, ...] | None = None) -> nn.Module:
        """Return the module from the representation at ``name`` to the model's output.

        With ``later``, to the tuple of the representations at these later cuts instead.
        """

    @abstractmethod
    def outputs_after(self, name: str) -> tuple[bool, ...]:
        """Return whether the suffix at ``name`` gives each leaf of the model's output, caches left out."""

    @abstractmethod
    def activation_bytes(self, name: str) -> int:
        """Return the bytes of all tensors that the suffix at ``name`` makes for one example, at most."""

    @abstractmethod
    def _work(self) -> dict[str, CutWork]:
        """Count for each cut what of the model lies before it, and what behind it."""

    @cached_property
    def works(self) -> dict[str, CutWork]:
        """For each cut, what of the model lies before it, and what behind it; counted once."""
        return self._work()

    def counted(self, name: str) -> tuple[Work, Work]:
        """Return the work before and behind the cut ``name``."""
        return self.works[name].before, self.works[name].after


def _expect_same_shapes(ours: nn.Module, theirs: nn.Module, name: str) -> None:
    """Raise CutError unless two models hold parameters and buffers of the same names and shapes."""
    one, other = (
        {
            path: tensor.shape
            for path, tensor in (
                *model.named_parameters(remove_duplicate=False),
                *model.named_buffers(remove_duplicate=False),
            )
        }
        for model in (ours, theirs)
    )
    differ = sorted(path for path in one.keys() | other.keys() if one.get(path) != other.get(path))
    if differ:
        raise CutError(
            f"cannot use the cuts of model {name} for another: expected the same architecture and shapes, "
            f"but {', '.join(differ[:3])} differ"
        )
