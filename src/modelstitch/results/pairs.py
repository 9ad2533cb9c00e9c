"""Comparisons of every ordered pair of several models: one mapping, one table, one matrix of similarity."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd
import xarray as xr

from modelstitch.errors import ModelError, RunError, SpecError
from modelstitch.results import json_file, pair_overview, pair_pictures, pair_similarity
from modelstitch.results.comparison import Comparison
from modelstitch.util.arguments import checked
from modelstitch.util.imported import imported

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ModelPair = tuple[str, str]
"""Names of sender and receiver."""

Reduce = Literal["diagonal", "best"]

NAME = "modelstitch comparisons 1"
"""The entry ``format`` of a file that holds several."""

_REPORT = "modelstitch.report.pairs:write_pairs"
"""What writes the page; by name, since it stands below this module in the tower."""


@dataclass(frozen=True, eq=False, repr=False)
class Comparisons(Mapping[ModelPair, Comparison]):
    """The comparisons of all ordered pairs of several models, by (sender, receiver).

    Attributes:
        pairs: by names of sender and receiver.

    Raises:
        SpecError: no pair.
    """

    pairs: Mapping[ModelPair, Comparison]

    def __post_init__(self) -> None:
        if not self.pairs:
            raise SpecError("expected comparisons of at least one pair, got none")

    def __getitem__(self, pair: ModelPair) -> Comparison:
        if pair not in self.pairs:
            known = ", ".join(f"({sender!r}, {receiver!r})" for sender, receiver in self.pairs)
            raise KeyError(f"no pair {pair!r} here: expected (sender, receiver), one of {known}")
        return self.pairs[pair]

    def __iter__(self) -> Iterator[ModelPair]:
        return iter(self.pairs)

    def __len__(self) -> int:
        return len(self.pairs)

    @property
    def models(self) -> tuple[str, ...]:
        """The names of the models, in the order in which they were given."""
        return tuple(dict.fromkeys(name for pair in self.pairs for name in pair))

    @checked()
    def similarity(
        self,
        value: str = "kept",
        reduce: Reduce = "diagonal",
        *,
        stitch: str | None = None,
        resamples: int = 1000,
    ) -> xr.DataArray:
        """Return one number for each ordered pair, senders in rows and receivers in columns.

        It is not symmetric: A into B asks whether A's layers can serve B, B into A the reverse. Where A is B
        stands the self-stitch of A, the noise ceiling: what a pair of equal networks would reach.

        Args:
            value: a variable of :attr:`Comparison.dataset`, such as ``"kept"``, ``"score"`` or
                ``"geometry.cka"``.
            reduce: ``"diagonal"``, the mean over cells of corresponding depth; or ``"best"``, for each
                receiver cut the best sender cut, and the mean over the receiver cuts. The best is chosen on
                the same examples, so that it is a little too high.
            stitch: label of the stitch; needed where several were fitted.
            resamples: of the held-out examples, for the interval; every pair has the same ones.

        Returns:
            (models, models) with the dimensions ``sender`` and ``receiver``, and the coordinates ``low`` and
            ``high``, the ends of the 95 % interval for other examples, and ``ceiling``. An end is NaN where
            nothing is stored by example: for other values than the score and *kept*, and for a comparison
            that was read from a file. The place of a pair that lacks the value, since its run was stopped,
            is NaN. The attribute ``interval`` says it in words.

        Raises:
            SpecError: no such value, stitch or way to reduce.

        Source: percentile bootstrap, Efron & Tibshirani 1993; Wilson 1927 for the four examples that keep an
        interval from having no width where all answers are right.

        Example:
            ``old`` and ``new`` are two trained modules, ``images`` and ``labels`` tensors.

            >>> import modelstitch as ms
            >>> short = {"fit": ms.FitSpec(steps=5), "controls": "self-stitch", "evidence": "none"}
            >>> every = ms.compare_all({"old": old, "new": new}, (images, labels), cuts="2", **short)
            >>> score = every.similarity("score")
            >>> score.dims, score.shape, bool((score.low < score.high).all())
            (('sender', 'receiver'), (2, 2), True)
        """
        return pair_similarity.similarity(self, value, reduce, stitch=stitch, resamples=resamples)

    def dissimilarity(self, value: str = "kept", reduce: Reduce = "diagonal", **options: Any) -> xr.DataArray:
        r"""Return a symmetric distance of each two models, from the similarities both ways.

        .. math:: d_{ab} = \max\Bigl(0, \frac{(c_b - s_{ab}) + (c_a - s_{ba})}{2}\Bigr)

        with the ceiling :math:`c` of each receiver; 1 takes its place where no self-stitch was run.

        Args:
            value, reduce, options: as for :meth:`similarity`.

        Raises:
            SpecError: a value of which less is better, or that a pair does not have.
        """
        return pair_similarity.dissimilarity(self, value, reduce, **options)

    def heatmap(
        self, value: str = "kept", reduce: Reduce = "diagonal", *, ax: Axes | None = None, **options: Any
    ) -> Axes:
        """Draw :meth:`similarity` with its intervals, senders in rows; return the Axes."""
        found = self.similarity(value, reduce, **options)
        return pair_pictures.heatmap(found, ax)

    def dendrogram(
        self, value: str = "kept", reduce: Reduce = "diagonal", *, ax: Axes | None = None, **options: Any
    ) -> Axes:
        """Draw which models are near each other, by average linkage of :meth:`dissimilarity`.

        Raises:
            SpecError: fewer than three models.
        """
        return pair_pictures.dendrogram(self.dissimilarity(value, reduce, **options), ax)

    def embedding(
        self, value: str = "kept", reduce: Reduce = "diagonal", *, n_dims: int = 2, **options: Any
    ) -> xr.DataArray:
        """Return a place for each model, so that distances are near those of :meth:`dissimilarity`.

        Args:
            value, reduce, options: as for :meth:`similarity`.
            n_dims: number of axes.

        Returns:
            (models, axes) with the dimensions ``model`` and ``axis``. The attribute ``explained`` is the
            share of the squared distances that these axes hold.

        Raises:
            SpecError: fewer than three models, or no axes.

        Source: classical multidimensional scaling, Torgerson 1952.
        """
        return pair_pictures.embedding(self.dissimilarity(value, reduce, **options), n_dims)

    def gaps(self) -> pd.DataFrame:
        """Return accuracy gap and penalty of each pair, and how well the paper's triangle fits its scores.

        The gap is the score of the whole receiver less that of the whole sender, the penalty the mean over
        cells of corresponding depth. Where they go together, a penalty says little beyond which network is
        better.

        Returns:
            One row for each pair: ``pair``, ``sender``, ``receiver``, ``gap``, ``penalty``, ``triangle``, of
            the main stitch; NaN where a network has no score.
        """
        rows = [pair_overview.pair_row(pair, each) for pair, each in self.items()]
        return pd.DataFrame(
            {
                "pair": [pair_name(row.sender, row.receiver) for row in rows],
                "sender": [row.sender for row in rows],
                "receiver": [row.receiver for row in rows],
                "gap": [float("nan") if row.gap is None else row.gap for row in rows],
                "penalty": [float("nan") if row.penalty is None else row.penalty for row in rows],
                "triangle": [row.triangle for row in rows],
            }
        )

    def to_frame(self) -> pd.DataFrame:
        """Return one row for each cell of every pair, as :meth:`Comparison.to_frame`, with the ``pair``."""
        return _together(self.cell_frames())

    def verdict_frame(self) -> pd.DataFrame:
        """Return one row for each verdict of every pair, with ``pair``, ``sender`` and ``receiver``."""
        return _together(self.verdict_frames())

    def cell_frames(self) -> Iterator[pd.DataFrame]:
        """Yield :meth:`to_frame` pair by pair, for tables that are larger than memory."""
        return self._frames(Comparison.to_frame)

    def verdict_frames(self) -> Iterator[pd.DataFrame]:
        """Yield :meth:`verdict_frame` pair by pair."""
        return self._frames(Comparison.verdict_frame)

    def _frames(self, frame_of: Callable[[Comparison], pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for (sender, receiver), each in self.items():
            own = frame_of(each).drop(columns=["sender", "receiver"], errors="ignore")
            named = {"pair": pair_name(sender, receiver), "sender": sender, "receiver": receiver}
            if len(own):
                yield pd.DataFrame({**dict.fromkeys(named), **own}).assign(**named)

    def report(self, path: str | Path, *, language: str = "en") -> None:
        """Write one page about all pairs: HTML, or Markdown if ``path`` ends in ``.md``.

        Args:
            path: the file to write. In the folder that ``compare_all`` wrote it leads to the page of each
                pair.
            language: ``"en"`` or ``"ja"``.

        Raises:
            SpecError: no such language.
            RunError: the file cannot be written.
        """
        imported(_REPORT, "function", "report", ModelError)(self, Path(path), language)

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values; :meth:`from_json` reads them back."""
        return {
            "format": NAME,
            "pairs": [
                {"sender": sender, "receiver": receiver, "comparison": each.to_json()}
                for (sender, receiver), each in self.items()
            ],
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Comparisons:
        """Return what :meth:`to_json` gave the values of."""
        return cls(
            {
                (each["sender"], each["receiver"]): Comparison.from_json(each["comparison"])
                for each in values["pairs"]
            }
        )

    def save(self, path: str | Path) -> None:
        """Write all pairs to ``path`` as one JSON file, whole or not at all.

        :func:`modelstitch.load` reads it. What is stored by example stays behind: such a file has no
        intervals.

        Raises:
            RunError: the file cannot be written.
        """
        json_file.write_values(self.to_json(), path)

    @classmethod
    def read(cls, path: str | Path) -> Comparisons:
        """Read what :meth:`save` wrote.

        Raises:
            RunError: no such file, a file of another kind, or a damaged one.
        """
        values = json_file.read_values(path, NAME)
        try:
            return cls.from_json(values)
        except (AttributeError, KeyError, TypeError, ValueError, SpecError) as error:
            raise RunError(
                f"cannot read comparisons {str(path)!r}: the file is damaged ({type(error).__name__}: "
                f"{error}); write it again with Comparisons.save"
            ) from error

    def __repr__(self) -> str:
        return f"Comparisons({len(self.models)} models, {len(self)} pairs: {', '.join(self.models)})"

    def _repr_html_(self) -> str:
        value = "kept" if any("kept" in each.dataset for each in self.values()) else "score"
        stitch = next(iter(self.values())).main_stitch
        return pair_pictures.as_html(repr(self), self.similarity(value, stitch=stitch, resamples=200))


def _together(frames: Iterator[pd.DataFrame]) -> pd.DataFrame:
    tables = list(frames)
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def pair_name(sender: str, receiver: str) -> str:
    """Return what a pair is called in tables and as a folder.

    Example:
        >>> pair_name("a", "b")
        'a-into-b'
    """
    return f"{sender}-into-{receiver}"
