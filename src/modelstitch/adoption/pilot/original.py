"""The network that a candidate is held to, loaded again, with the weights that the card names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from modelstitch.adoption.folder.spec_file import FolderSpec
from modelstitch.errors import ModelError, RunError, SpecError, TruthError
from modelstitch.models.given import Model, as_network
from modelstitch.models.network import Network, digest
from modelstitch.runs.sources import network_again
from modelstitch.specs import ROLE_SEEDS, ModelSpec, View

ROLES = ("receiver", "sender")
"""The two originals of a candidate."""

_CPU = torch.device("cpu")


@dataclass(frozen=True, kw_only=True)
class Against:
    """Which network a candidate is held to.

    Attributes:
        what: ``receiver``, ``sender``, or any model.
        source: where that original is, if not where the card says.
        weights: a weights file for it.

    Raises:
        SpecError: a source beside a model that is one itself.

    Example:
        >>> Against(what="receiver").name
        'receiver'
    """

    what: Model = "receiver"
    source: str | None = None
    weights: str | None = None

    def __post_init__(self) -> None:
        if not self.is_role and self.source is not None:
            raise SpecError(
                f"expected a source of the {ROLES[0]} or the {ROLES[1]} beside --against {ROLES[0]} or "
                f"{ROLES[1]}, got {self.source!r} beside another model: give that one alone"
            )

    @property
    def is_role(self) -> bool:
        """Whether it is one of the two originals."""
        return isinstance(self.what, str) and self.what in ROLES

    @property
    def name(self) -> str:
        """What the ledger calls it."""
        if isinstance(self.what, str):
            return self.what
        known = getattr(self.what, "name", None) or getattr(self.what, "source", None)
        return str(known or type(self.what).__name__)


def load_original(against: Against, spec: FolderSpec, folder: Path) -> Network:
    """Load the network that a candidate is held to, on the CPU.

    Args:
        against: which one.
        spec: of the candidate.
        folder: of the candidate; a relative source may begin beside it, too.

    Raises:
        RunError: the original cannot be loaded again, or has other weights than the card says.
        InputError: another model that cannot be loaded.
    """
    if not against.is_role:
        model = against.what
        if isinstance(model, str):
            model = ModelSpec(source=model, weights=against.weights)
        network = as_network(model, "original", ROLE_SEEDS["receiver"], _CPU)
        if any(value.device != _CPU for value in network.module.parameters()):
            raise ModelError(f"expected an original on the CPU, where the candidate is, got {network.name}")
        return network
    role = str(against.what)
    model = _model_of(spec.sources[role])
    if against.source is not None:
        model = replace(model, source=against.source, weights=against.weights)
    elif against.weights is not None:
        model = replace(model, weights=against.weights)
    elif model.source.endswith(f" ({role})"):
        raise RunError(
            f"the {role} of candidate {str(folder)!r} was given in memory, so that the card cannot say where "
            f"it is: give its source with --{role}"
        )
    folders = tuple(dict.fromkeys((Path.cwd(), folder.resolve().parent, folder.resolve())))
    recorded, what = spec.digests[role], f"candidate {str(folder)!r}"
    try:
        network = network_again(model, role, recorded, folders, what, _CPU)
    except TruthError as error:
        raise RunError(
            str(error).replace(", or run again", f", or give another source with --{role}")
        ) from error
    texts = spec.contract.texts
    if texts is None:
        return network
    # It reads as many tokens as in the run, however long the new texts are.
    reader = texts.readers[role]
    return replace(network, view=replace(network.view, tokenizer=reader.tokenizer, length=reader.length))


def digest_of(network: Network) -> str:
    """Return the SHA-256 of the network's parameters and buffers."""
    return digest(network.module)


def _model_of(values: Mapping[str, Any]) -> ModelSpec:
    view = {name: _tuples(value) for name, value in values["view"].items()}
    layouts = tuple((cut, layout) for cut, layout in values["layouts"])
    return ModelSpec(**{**values, "view": View(**view), "layouts": layouts})


def _tuples(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
