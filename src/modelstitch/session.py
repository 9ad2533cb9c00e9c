"""Make two networks and a data set ready, check what can be checked before any work, and fix the spec of the run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import nn

from modelstitch import truth
from modelstitch.errors import CutError, SpecError, StitchError
from modelstitch.grid import Pair
from modelstitch.progress import SILENT, Progress
from modelstitch.sides import Side
from modelstitch.sources.data import Data, as_data
from modelstitch.sources.models import Network, load_model, wrap
from modelstitch.specs import (
    RESULT_VERSION,
    CellSpec,
    DataSpec,
    FitSpec,
    ModelSpec,
    RunSpec,
    StitchSpec,
    View,
    content_hash,
)
from modelstitch.stitches import build
from modelstitch.tasks import CLASSIFICATION

Model = str | ModelSpec | Network | nn.Module
"""What may stand for a model: a source's name, a spec, a loaded Network, or any module."""


@dataclass(frozen=True)
class Session:
    """Two networks, the data and the spec: all that a run needs, checked.

    Attributes:
        pair: the networks on their device.
        spec: every choice that decides the numbers.
        cells: the cells of the spec, less identity stitches between different shapes.
        facts: what is checked (largest difference of the cuts, examples of the identity check) and recorded.
    """

    pair: Pair
    spec: RunSpec
    cells: tuple[CellSpec, ...]
    facts: dict[str, Any]

    @property
    def identity(self) -> dict[str, Any]:
        """What must agree for two runs to be one: not where a file lies, but what is in it."""
        choices = asdict(self.spec)
        for name in ("sender", "receiver", "data"):
            del choices[name]
        return {
            "choices": choices,
            "views": {
                role: asdict(side.network.view)
                for role, side in (("sender", self.pair.sender), ("receiver", self.pair.receiver))
            },
            "sender_weights": self.pair.sender.digest,
            "receiver_weights": self.pair.receiver.digest,
            "data_content": self.pair.data_digest,
            "result_version": RESULT_VERSION,
        }

    def key(self, cell: CellSpec) -> str:
        """Return the key of a cell: a hash of its spec, the fit, both networks, their views and the data."""
        sender, receiver = self.pair.sides(cell.control, cell.seed)
        return content_hash(
            cell,
            self.spec.fit,
            sender.digest,
            receiver.digest,
            sender.network.view,
            receiver.network.view,
            self.pair.data_digest,
            RESULT_VERSION,
        )


def choose_device(name: str) -> torch.device:
    """Return the device called ``name``; ``auto`` is a GPU where there is one.

    Raises:
        SpecError: no such device on this machine.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise SpecError(
            f"cannot use device {name!r}: expected auto, cpu or cuda on a machine with a GPU"
        ) from error
    return device


def as_network(model: Model, role: str, device: torch.device) -> Network:
    """Load or wrap ``model``; a module of the caller's own is used as it is, where it is."""
    if isinstance(model, str):
        model = ModelSpec(source=model)
    if isinstance(model, ModelSpec):
        network = load_model(model)
        network.module.to(device)
        return network
    if isinstance(model, nn.Module):
        return wrap(model, f"{type(model).__name__} ({role})")
    return model


def _view(view: View, data: Data, network: Network) -> Network:
    images = data.train.images
    if images.ndim != 4 or network.view.channels is not None:
        return network
    # A network's first convolution says how many channels it takes; grey images are shown to it as colour.
    first = next((m for m in network.module.modules() if isinstance(m, nn.Conv2d)), None)
    if first is None or first.in_channels == images.shape[1] or network.rebuild is None:
        return network
    return replace(network, view=replace(view, channels=first.in_channels))


def prepare(
    sender: Model,
    receiver: Model,
    data: Any,
    *,
    cuts: Sequence[str] | None = None,
    sender_cuts: Sequence[str] | None = None,
    receiver_cuts: Sequence[str] | None = None,
    stitches: Sequence[StitchSpec | str] = ("affine",),
    fit: FitSpec | None = None,
    controls: Sequence[str] = ("random-sender",),
    seeds: Sequence[int] = (0,),
    device: str = "auto",
    progress: Progress = SILENT,
) -> Session:
    """Load, cut and check everything that a run needs; nothing is written and nothing is fitted.

    Args: as for :func:`modelstitch.compare`.

    Raises:
        InputError: whatever was given cannot be used; the message names it.
        TruthError: a cut does not reproduce its model.
    """
    where = choose_device(device)
    own = next((p for m in (sender, receiver) if isinstance(m, nn.Module) for p in m.parameters()), None)
    if own is not None and device == "auto":
        where = own.device
    progress.stage("reading the data")
    data_spec = (
        data
        if isinstance(data, DataSpec)
        else DataSpec(source=str(data) if isinstance(data, str) else "in memory")
    )
    loaded = as_data(data).to(where)
    progress.stage("loading and cutting the models")
    networks = [
        _view(network.view, loaded, network)
        for network in (as_network(sender, "sender", where), as_network(receiver, "receiver", where))
    ]
    pair = Pair(networks[0], networks[1], loaded)
    pair.receiver.expect_labels()
    chosen = {
        "sender": _choose(pair.sender, sender_cuts or cuts),
        "receiver": _choose(pair.receiver, receiver_cuts or cuts),
    }
    families = tuple(s if isinstance(s, StitchSpec) else StitchSpec(family=s) for s in stitches)
    spec = RunSpec(
        sender=_model_spec(sender, networks[0]),
        receiver=_model_spec(receiver, networks[1]),
        data=data_spec,
        sender_cuts=chosen["sender"],
        receiver_cuts=chosen["receiver"],
        stitches=families,
        fit=fit or FitSpec(),
        controls=("none", *(control for control in controls if control != "none")),
        seeds=tuple(seeds),
    )
    cells = _possible(spec, pair)
    progress.stage("checking that the cuts reproduce the models")
    difference = max(
        truth.cuts_reproduce(pair.sender, chosen["sender"]),
        truth.cuts_reproduce(pair.receiver, chosen["receiver"]),
    )
    n_identity = min(
        truth.identity_reproduces(pair.sender, chosen["sender"], CLASSIFICATION)
        if pair.sender.accuracy(CLASSIFICATION) is not None
        else len(loaded.heldout),
        truth.identity_reproduces(pair.receiver, chosen["receiver"], CLASSIFICATION),
    )
    facts = {"cut_difference": difference, "identity_examples": n_identity}
    return Session(pair, spec, cells, facts)


def _model_spec(model: Model, network: Network) -> ModelSpec:
    spec = model if isinstance(model, ModelSpec) else ModelSpec(source=network.name)
    return replace(spec, view=network.view)


def _possible(spec: RunSpec, pair: Pair) -> tuple[CellSpec, ...]:
    """Return the cells of ``spec`` whose stitch can be built; an identity needs equal shapes.

    Raises:
        StitchError: a layout that cannot be stitched, or not one cell left of some stitch.
    """
    cells = []
    reasons: dict[StitchSpec, StitchError] = {}
    for cell in spec.cells():
        try:
            build(
                cell.stitch,
                pair.sender.cut(cell.sender_cut).shape,
                pair.receiver.cut(cell.receiver_cut).shape,
            )
        except StitchError as error:
            if cell.stitch.family != "identity":
                raise
            reasons[cell.stitch] = error
        else:
            cells.append(cell)
    for stitch, reason in reasons.items():
        if all(cell.stitch != stitch for cell in cells):
            raise reason
    return tuple(cells)


def _choose(side: Side, names: Sequence[str] | None) -> tuple[str, ...]:
    if names:
        return tuple(side.cut(name).name for name in names)
    usable = tuple(cut.name for cut in side.cutting.boundaries if cut.layout in ("map2d", "vector"))
    if not usable:
        found = ", ".join(f"{cut.name} ({cut.layout})" for cut in side.cutting.cuts[:5])
        raise CutError(
            f"model {side.network.name} has no cut whose representation is a 2-D map or a vector; found {found}"
        )
    return usable
