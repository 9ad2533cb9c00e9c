"""Cut a model by a graph of the cache, or capture it and keep its graph there."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from modelstitch.cutting.cache import GraphCache
from modelstitch.cutting.capture import Kwargs
from modelstitch.cutting.certify import KnownAnswers, certify
from modelstitch.cutting.graph import GraphCutModel
from modelstitch.cutting.identity import NoIdentityError, identity_of
from modelstitch.cutting.outputs import leaves
from modelstitch.cutting.stored import NotStoredError
from modelstitch.errors import first_line


def cuts_of_graph(
    cache: GraphCache | None,
    model: nn.Module,
    example: Tensor,
    name: str,
    kwargs: Kwargs,
    output: str | None,
    given: Any,
) -> GraphCutModel:
    """Return the cuts of a model by its graph in a cache; capture a model that has none, and keep its graph.

    A graph that is read is certified against the model at its first cut; one that fails is removed, and the
    model captured anew. ``kept`` says where the graph comes from, and why where it was not kept.

    Args:
        cache: the cache; without one, the model is captured.
        model, example, name, kwargs, output: as for :func:`modelstitch.cutting.cut_model`.
        given: what the model gives for ``example``.

    Raises:
        ModelError: the model has no such output.
        CutError: the model cannot be captured, or has no legal cut.
    """

    def captured_anew(said: str, identity: str | None) -> GraphCutModel:
        found = GraphCutModel(model, example, name, kwargs, output, given)
        if cache is not None and identity is not None:
            try:
                cache.save(identity, found.captured, model)
            except NotStoredError as error:
                said = f", not kept in the cache: {error}"
        found.kept = said
        return found

    if cache is None:
        return captured_anew("", None)
    try:
        identity = identity_of(model, example, kwargs, output)
    except NoIdentityError as error:
        return captured_anew(f", not kept in the cache: {error}", None)
    if not cache.holds(identity):
        return captured_anew(", kept in the cache", identity)
    try:
        captured = cache.load(identity, model)
        found = GraphCutModel(model, example, name, kwargs, output, captured=captured)
        found.kept = ", read from the cache"
        first = found.cuts[0].name
        halves = found.prefix(first), found.suffix(first)
        known = KnownAnswers(whole=leaves(given))
        certify(model, *halves, example, f"cut {first!r}", kwargs, found.outputs_after(first), known)
    except Exception as error:  # what a file of others holds may fail in any way
        cache.remove(identity)
        reason = f"the file in the cache is not used, since {first_line(error)}"
        return captured_anew(f", captured anew: {reason}", identity)
    return found
