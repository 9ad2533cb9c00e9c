"""What evidence compares: examples, or single positions of them where each position has its own target."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from modelstitch.cutting.layouts import Layout, without_padding
from modelstitch.data.parts import DataPart
from modelstitch.tasks import IGNORED, Task

_LEAST_OF_A_LABEL = 10

_NUMBERS, _FEWEST_POSITIONS = 8192, 4
"""Numbers of one example that :meth:`Units.rows` keeps at most, and the positions that it keeps at least."""


class Units:
    """Some examples of a part as the units that are compared, in the order of their labels.

    Args:
        part: the examples.
        indices: (n,) of those to run.
        task: decides whether a unit is an example or a position.
        n_units: most positions to take; where units are examples, all of them are taken.

    Attributes:
        indices: (n,) of the examples, in the order in which they are run.
        labels: (m,) of the units, ascending.
        examples: (m,) number of the example that each unit belongs to, in the order in which they are run.
    """

    def __init__(self, part: DataPart, indices: Tensor, task: Task, n_units: int) -> None:
        # Class after class, in random order within each, so that every tenth unit is a fair sample.
        generator = torch.Generator().manual_seed(0)
        self._present: Tensor | None = None
        mixed = indices[torch.randperm(len(indices), generator=generator)]
        self._by_position = task.by_position
        if not task.by_position:
            labels = part.labels[mixed.to(part.labels.device)]
            order = labels.argsort(stable=True)
            self.indices, self.labels = mixed[order.to(mixed.device)], labels[order]
            self.examples = torch.arange(len(mixed), device=labels.device)
            if part.present is not None:
                self._present = part.present[self.indices.to(labels.device)]
            return
        self.indices = indices
        targets = part.targets[indices.to(part.targets.device)]
        self._n_positions = targets.shape[1]
        flat = targets.flatten()
        counted = flat != IGNORED
        usable = counted.nonzero().flatten()
        usable = usable[torch.randperm(len(usable), generator=generator).to(usable.device)]
        chosen = _several_of_each(usable, flat[usable], n_units)
        self._chosen = chosen.sort().values
        self._order = flat[self._chosen].argsort(stable=True)
        self.labels = flat[self._chosen][self._order]
        self.examples = self._chosen[self._order] // self._n_positions

    def __len__(self) -> int:
        return len(self.labels)

    def fits(self, layout: Layout) -> bool:
        """Tell whether a representation has a value for every unit."""
        return not self._by_position or (
            layout.stitchable and math.prod(layout.positions) == self._n_positions and not layout.extra
        )

    def layout(self, layout: Layout) -> Layout:
        """Return how to read what :meth:`of` makes of a representation with ``layout``."""
        return Layout("vector", (layout.n_features,)) if self._by_position else layout

    def of(self, x: Tensor, layout: Layout) -> Tensor:
        """Return the units (m, ...) of a representation (n, *shape) of all examples; padding becomes 0."""
        return self.joined([self.part(x, layout, 0)], layout)

    def part(self, x: Tensor, layout: Layout | None, first: int) -> Tensor:
        """Return the units of one batch, which begins with the example number ``first``.

        Args:
            x: a representation (b, *shape), or outputs (b, T, K) where ``layout`` is None.
            layout: of the representation.
            first: position of the batch's first example among all.
        """
        if not self._by_position:
            return x
        rows = x if layout is None else layout.to_grid(x)[0].flatten(2).transpose(1, 2)
        begin, end = first * self._n_positions, (first + len(x)) * self._n_positions
        chosen_in_batch = self._chosen[(self._chosen >= begin) & (self._chosen < end)] - begin
        return rows.flatten(0, 1)[chosen_in_batch.to(rows.device)]

    def joined(self, parts: Sequence[Tensor], layout: Layout | None) -> Tensor:
        """Return all units (m, ...) from the results of :meth:`part` for one batch after another."""
        x = torch.cat(list(parts)) if len(parts) != 1 else parts[0]
        if self._by_position:
            return x[self._order.to(x.device)]
        return x if layout is None or self._present is None else without_padding(x, layout, self._present)

    def rows(self, x: Tensor, layout: Layout | None, first: int) -> Tensor:
        """Return the units (b, P, C) of one batch at some of their positions, in the order of the batch.

        Extra tokens are kept, and as many other positions as make 8,192 numbers an example, at least four;
        they are drawn with a fixed seed. Padding becomes 0.

        Args:
            x: a representation (b, *shape), or outputs (b, K) where ``layout`` is None.
            layout: of the representation.
            first: position of the batch's first example among all.
        """
        part = self.part(x, layout, first)
        if layout is None or self._by_position:
            return part[:, None]
        if self._present is not None:
            part = without_padding(part, layout, self._present[first : first + len(part)])
        by_position = layout.features_first(part).flatten(2) if part.ndim > 2 else part[:, :, None]
        return by_position[:, :, _some_positions(by_position.shape, layout.extra_tokens)].transpose(1, 2)

    def in_order(self, rows: Sequence[Tensor]) -> Tensor:
        """Return all units (m, P, C) from the results of :meth:`rows` for one batch after another."""
        joined = torch.cat(list(rows))
        return joined[self._order.to(joined.device)] if self._by_position else joined

    def outputs(self, batches: Iterable[Tensor]) -> Tensor:
        """Return the units (m, K) of outputs, given batch by batch."""
        parts, first = [], 0
        for batch in batches:
            parts.append(self.part(batch, None, first))
            first += len(batch)
        return self.joined(parts, None)

    def tokens(self, x: Tensor) -> Tensor:
        """Return the inputs (m, ...) at the units, from the inputs (n, ...) of the examples."""
        if not self._by_position:
            return x
        if x.shape[1] != self._n_positions:  # a position without a token of its own gets the whole input
            return x[self._chosen // self._n_positions][self._order]
        return x.flatten(0, 1)[self._chosen][self._order][:, None]


def _some_positions(shape: tuple[int, ...], extra: tuple[int, ...]) -> Tensor:
    """Choose positions of a representation (n, C, P), those of extra tokens first."""
    _, n_features, n_positions = shape
    n_extra = len(extra)
    most = _most_positions(n_features, n_extra)
    if n_positions <= most:
        return torch.arange(n_positions)
    generator = torch.Generator().manual_seed(0)
    others = torch.tensor([place for place in range(n_positions) if place not in set(extra)])
    chosen = torch.randperm(len(others), generator=generator)[: most - n_extra].sort().values
    return torch.cat([torch.tensor(extra, dtype=torch.int64), others[chosen]])


def _most_positions(n_features: int, n_extra: int) -> int:
    return max(_NUMBERS // n_features, _FEWEST_POSITIONS) + n_extra


def row_numbers(layout: Layout) -> int:
    """Return how many numbers of one example :meth:`Units.rows` keeps.

    Example:
        >>> row_numbers(Layout("map2d", (16, 32, 32))), row_numbers(Layout("vector", (10,)))
        (8192, 10)
    """
    n_positions = math.prod(layout.positions) + layout.extra
    return layout.n_features * min(n_positions, _most_positions(layout.n_features, layout.extra))


def _several_of_each(places: Tensor, labels: Tensor, n_units: int) -> Tensor:
    """Choose places whose label has at least ten of them, in the order given.

    Where no label has ten among the first ``n_units``, places of the commonest labels are taken.
    """
    counts = labels[:n_units].bincount(minlength=int(labels.max()) + 1)
    kept = counts >= min(_LEAST_OF_A_LABEL, int(counts.max()))
    return places[kept[labels]][:n_units]
