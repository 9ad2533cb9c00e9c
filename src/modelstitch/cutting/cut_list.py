"""What :func:`modelstitch.cuts` gives: the cuts of one model as a sequence that can split it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import overload

from torch import Tensor, nn

from modelstitch.cutting.capture import Kwargs
from modelstitch.cutting.certify import KnownAnswers, certify
from modelstitch.cutting.cut import Cut, CutModel
from modelstitch.cutting.examples import expect_cut
from modelstitch.cutting.other_shapes import OtherShapes
from modelstitch.cutting.shaped import with_other_shapes
from modelstitch.util.random_state import kept_random_state


class CutList(Sequence[Cut]):
    """The cuts of one model, from the input on; the model was captured once and can be split at any of them.

    ``cuts[0]`` is a cut by its place, ``cuts.find("layer1")`` by its name; a slice is a tuple of cuts. A name
    is ``in`` it where some cut has that name or alias. :func:`modelstitch.cuts` makes one.

    Args:
        cut_model: the captured model.
        model: the model itself, to check each split against.
        example: (N, ...) real inputs with N >= 2, on which each split is checked.
        kwargs: (N, ...) further inputs by name of argument.
        cut_again: finds the cuts of the same model for inputs of another shape.
    """

    def __init__(
        self,
        cut_model: CutModel,
        model: nn.Module,
        example: Tensor,
        kwargs: Kwargs,
        cut_again: Callable[[Tensor, Kwargs], CutModel],
    ) -> None:
        self._cut_again = cut_again
        self._cut_model, self._model, self._example, self._more = cut_model, model, example, kwargs
        self._known = KnownAnswers()

    def __len__(self) -> int:
        return len(self._cut_model.cuts)

    @overload
    def __getitem__(self, place: int) -> Cut: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Cut, ...]: ...
    def __getitem__(self, place: int | slice) -> Cut | tuple[Cut, ...]:
        return self._cut_model.cuts[place]

    def __contains__(self, cut: object) -> bool:
        if isinstance(cut, str):
            return any(cut == known.name or cut in known.aliases for known in self)
        return cut in self._cut_model.cuts

    def __repr__(self) -> str:
        return f"CutList of {type(self._model).__name__}: {', '.join(cut.name for cut in self)}"

    @property
    def boundaries(self) -> tuple[Cut, ...]:
        """The cuts at the ends of blocks: those that a comparison uses unless others are named."""
        return self._cut_model.boundaries

    @property
    def technique(self) -> str:
        """How the model is cut, what that costs, and where its graph comes from."""
        return self._cut_model.technique + self._cut_model.kept

    def find(self, name: str) -> Cut:
        """Return the cut called ``name``, or that has ``name`` among its aliases.

        Raises:
            CutError: there is no such cut; the message says why, and names the nearest ones.
        """
        return self._cut_model.find(name)

    def split(self, cut: str | Cut) -> tuple[nn.Module, nn.Module]:
        """Split the model at ``cut`` and check both halves against it; nothing is captured again.

        Args:
            cut: one of these cuts, or its name.

        Returns:
            The prefix and the suffix, as :func:`modelstitch.split` gives them.

        Inputs of another shape, such as longer texts or larger images, are captured when a half first meets
        them, where the model takes them, and certified on what was given. A copy of a half takes one shape.

        Raises:
            CutError: no such cut.
            TruthError: the two halves do not reproduce the model.

        Example:
            >>> import torch
            >>> from modelstitch.cutting import cuts
            >>> model, x = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)), torch.randn(5, 3)
            >>> model_cuts = cuts(model, x)
            >>> for cut in model_cuts:
            ...     prefix, suffix = model_cuts.split(cut)
            ...     print(cut.name, torch.equal(suffix(prefix(x)), model(x)))
            0 True
            1 True
        """
        expect_cut(cut)
        name = self.find(cut.name if isinstance(cut, Cut) else cut).name
        prefix, suffix = self._cut_model.prefix(name), self._cut_model.suffix(name)
        with kept_random_state():
            outputs = self._cut_model.outputs_after(name)
            certify(
                self._model,
                prefix,
                suffix,
                self._example,
                f"cut {name!r}",
                self._more,
                outputs,
                self._known,
            )
        between = self.find(name).shape
        others = OtherShapes(
            self._cut_again, self._model, name, self._example, self._more, prefix, suffix, between
        )
        with_other_shapes(prefix, "prefix", others)
        with_other_shapes(suffix, "suffix", others)
        return SingleOutput(prefix), suffix


class SingleOutput(nn.Module):
    """A prefix at one cut, which gives the representation itself instead of a tuple of one."""

    def __init__(self, prefix: nn.Module) -> None:
        super().__init__()
        self.prefix = prefix

    def forward(self, x: Tensor, **kwargs: Tensor) -> Tensor:
        (representation,) = self.prefix(x, **kwargs)
        assert isinstance(representation, Tensor)
        return representation
