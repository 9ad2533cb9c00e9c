"""Pictures of many models: the matrix of their similarities, a tree, and a map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from markupsafe import Markup

from modelstitch.errors import SpecError
from modelstitch.results.colours import shade
from modelstitch.results.plots import COLOURS, KEPT_COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LEAST_MODELS = 3

MOST_WITH_NUMBERS = 20
"""Models up to which a picture has room for a number in each place."""


def heatmap(similarity: xr.DataArray, ax: Axes | None = None) -> Axes:
    """Draw similarities, senders in rows and receivers in columns, each with its interval."""
    ax = _axes(ax, len(similarity["sender"]))
    values = similarity.to_numpy()
    colours = KEPT_COLOURS if similarity.name == "kept" else COLOURS
    top = max(1.0, float(np.nanmax(values))) if not np.isnan(values).all() else 1.0
    bottom = min(0.0, float(np.nanmin(values))) if not np.isnan(values).all() else 0.0
    ax.imshow(values, vmin=bottom, vmax=top, cmap=colours, aspect="equal")
    for row, column in np.ndindex(values.shape) if len(values) <= MOST_WITH_NUMBERS else ():
        _, ink = shade(_place(float(values[row, column]), bottom, top), colours)
        ax.text(
            column, row, text_of(similarity, row, column), ha="center", va="center", color=ink, fontsize=8
        )
    names = [str(name) for name in similarity["sender"].to_numpy()]
    ax.set_xticks(range(len(names)), names, rotation=45, ha="right")
    ax.set_yticks(range(len(names)), names)
    ax.set_xlabel("receiver")
    ax.set_ylabel("sender")
    ax.set_title(str(similarity.name))
    return ax


def text_of(similarity: xr.DataArray, row: int, column: int) -> str:
    """Return a value with its interval in a second line, where it has one."""
    value, low, high = (
        float(each.to_numpy()[row, column]) for each in (similarity, similarity["low"], similarity["high"])
    )
    if np.isnan(value):
        return "–"
    return f"{value:.2f}" if np.isnan(low) else f"{value:.2f}\n{low:.2f} – {high:.2f}"


def dendrogram(dissimilarity: xr.DataArray, ax: Axes | None = None) -> Axes:
    """Draw a tree of models by average linkage."""
    from scipy.cluster.hierarchy import dendrogram as draw
    from scipy.cluster.hierarchy import linkage
    from scipy.spatial.distance import squareform

    names = _names(dissimilarity)
    ax = _axes(ax, len(names))
    tree = linkage(squareform(dissimilarity.to_numpy(), checks=False), "average")
    draw(tree, labels=names, ax=ax, leaf_rotation=45, color_threshold=0, above_threshold_color="black")
    ax.set_ylabel("dissimilarity")
    return ax


def embedding(dissimilarity: xr.DataArray, n_dims: int) -> xr.DataArray:
    """Return a place for each model by classical scaling of the distances."""
    names = _names(dissimilarity)
    n = len(names)
    if not 1 <= n_dims < n:
        raise SpecError(f"expected 1 to {n - 1} axes for {n} models, got {n_dims}")
    centre = np.eye(n) - 1 / n
    products = -0.5 * centre @ dissimilarity.to_numpy() ** 2 @ centre
    values, vectors = np.linalg.eigh(products)
    order = np.argsort(values)[::-1][:n_dims]
    kept = np.maximum(values[order], 0.0)
    places = vectors[:, order] * np.sqrt(kept)
    # An axis may point either way: the largest place of each is positive.
    places *= np.sign(places[np.abs(places).argmax(0), np.arange(n_dims)] + 1e-300)
    total = float(np.abs(values).sum())
    return xr.DataArray(
        places,
        dims=("model", "axis"),
        coords={"model": names, "axis": list(range(1, n_dims + 1))},
        name="embedding",
        attrs={"explained": float(kept.sum()) / total if total else 1.0},
    )


def draw_map(dissimilarity: xr.DataArray) -> Axes:
    """Draw the places of :func:`embedding` on two axes, with the names of the models."""
    places = embedding(dissimilarity, 2)
    ax = _axes(None, 4)
    x, y = places.to_numpy().T
    ax.scatter(x, y, color="black", s=14)
    for name, one, other in zip(places["model"].to_numpy(), x, y, strict=True):
        ax.annotate(str(name), (one, other), xytext=(4, 4), textcoords="offset points", fontsize=8)
    ax.set_aspect("equal", adjustable="datalim")
    ax.set_title(f"{places.attrs['explained']:.0%}")
    return ax


def draw_gaps(gaps: Sequence[float], penalties: Sequence[float]) -> Axes:
    """Draw the penalty of each pair against its accuracy gap."""
    ax = _axes(None, 4)
    ax.axhline(0, color="0.8", linewidth=0.8)
    ax.axvline(0, color="0.8", linewidth=0.8)
    ax.scatter(gaps, penalties, color="black", s=14, alpha=0.7)
    ax.set_xlabel("score of the receiver - score of the sender")
    ax.set_ylabel("penalty")
    return ax


def as_html(heading: str, similarity: xr.DataArray) -> str:
    """Return similarities as a coloured table for a notebook, everything escaped."""
    names = [str(name) for name in similarity["sender"].to_numpy()]
    colours = KEPT_COLOURS if similarity.name == "kept" else COLOURS
    head = Markup("").join(Markup("<th>{}</th>").format(name) for name in names)
    rows = []
    for row, name in enumerate(names):
        cells = []
        for column in range(len(names)):
            value = float(similarity.to_numpy()[row, column])
            fill, ink = shade(None if np.isnan(value) else _place(value, 0.0, 1.0), colours)
            text = text_of(similarity, row, column)
            cells.append(
                Markup('<td style="padding:2px 8px;text-align:center;background:{};color:{}">{}</td>').format(
                    fill, ink, text
                )
            )
        rows.append(Markup("<tr><th>{}</th>{}</tr>").format(name, Markup("").join(cells)))
    notes = Markup("").join(Markup("<li>{}</li>").format(text) for text in similarity.attrs.values())
    return str(
        Markup(
            "<div><p><b>{}</b></p><table><caption>{}</caption>"
            "<tr><th>sender \\ receiver</th>{}</tr>{}</table><ul>{}</ul></div>"
        ).format(heading, similarity.name, head, Markup("").join(rows), notes)
    )


def _place(value: float, bottom: float, top: float) -> float:
    return min(1.0, max(0.0, (value - bottom) / (top - bottom))) if not np.isnan(value) else 0.0


def _names(dissimilarity: xr.DataArray) -> list[str]:
    names = [str(name) for name in dissimilarity["model"].to_numpy()]
    if len(names) < _LEAST_MODELS:
        raise SpecError(f"expected at least {_LEAST_MODELS} models, got {len(names)}: {', '.join(names)}")
    return names


def _axes(ax: Axes | None, n: int) -> Axes:
    if ax is not None:
        return ax
    from matplotlib import pyplot as plt

    side = 0.9 * n if n <= MOST_WITH_NUMBERS else min(0.22 * n, 18.0)
    _, made = plt.subplots(figsize=(2 + side, 1.6 + side), layout="constrained")
    return made
