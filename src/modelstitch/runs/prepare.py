"""Make two networks and a data set ready, check what can be checked before any work, and fix the spec of the run."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

from modelstitch.cutting.capture import eval_mode
from modelstitch.cutting.certify import RELATIVE_TOLERANCE
from modelstitch.cutting.settled import as_module
from modelstitch.data.fingerprint import share_seen
from modelstitch.data.load import as_data
from modelstitch.data.parts import Data
from modelstitch.data.texts import BYTES, reads_as
from modelstitch.errors import CutError, DataError, SpecError, StitchError
from modelstitch.grid import checks
from modelstitch.grid.pool import Pair, Pool
from modelstitch.grid.side import Side
from modelstitch.models.load import load_model
from modelstitch.models.network import Network, wrap
from modelstitch.results.facts import BySide, PairFacts
from modelstitch.specs import (
    RESULT_VERSION,
    ROLE_SEEDS,
    TOKEN_TASKS,
    TRAINED,
    CellSpec,
    DataSpec,
    FitSpec,
    ModelSpec,
    RunSpec,
    StitchSpec,
    content_hash,
)
from modelstitch.stitches import build
from modelstitch.util.progress import SILENT, Progress
from modelstitch.wording import say

IN_MEMORY = "in memory"

Model = str | ModelSpec | Network | nn.Module | ExportedProgram
"""What may stand for a model: a source's name, a spec, a loaded Network, any module, or what torch.export made of one."""


@dataclass(frozen=True)
class Session:
    """Two networks, the data and the spec: all that a run needs, checked.

    Attributes:
        pair: the networks on their device.
        spec: every choice that decides the numbers.
        cells: the cells of the spec, less identity stitches between different shapes.
        facts: what was checked and recorded about the networks.
    """

    pair: Pair
    spec: RunSpec
    cells: tuple[CellSpec, ...]
    facts: PairFacts

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
            "layouts": {
                role: [list(pair) for pair in side.network.layouts]
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
            [[list(pair) for pair in side.network.layouts] for side in (sender, receiver)],
            self.pair.data_digest,
            RESULT_VERSION,
            ROLE_SEEDS,
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


def _named(model: Model, role: str, seed: int) -> ModelSpec:
    if isinstance(model, ModelSpec):
        return model
    if isinstance(model, str):
        return ModelSpec(source=model, seed=seed)
    return ModelSpec(source=model.name if isinstance(model, Network) else f"{type(model).__name__} ({role})")


def device_for(name: str, models: Iterable[Model]) -> torch.device:
    """Return the device called ``name``; ``auto`` is where the caller's own modules are, or a GPU where there is one.

    Raises:
        SpecError: no such device on this machine.
    """
    own = next((p for m in models if isinstance(m, nn.Module) for p in m.parameters()), None)
    return own.device if own is not None and name == "auto" else choose_device(name)


@contextlib.contextmanager
def in_eval_mode(models: Iterable[Model]) -> Iterator[None]:
    """Put the caller's own modules in eval mode, and give each its own mode back afterwards."""
    with contextlib.ExitStack() as stack:
        for model in models:
            module = model.module if isinstance(model, Network) else model
            if isinstance(module, nn.Module):
                stack.enter_context(eval_mode(module))
        yield


def as_network(model: Model, role: str, seed: int, device: torch.device) -> Network:
    """Load or wrap ``model``; a module of the caller's own is used as it is, where it is.

    Args:
        model: what stands for it.
        role: what to call it where it has no name.
        seed: draws an untrained model that is given by its source's name alone.
        device: where a loaded model goes.
    """
    if isinstance(model, Network):
        return model
    spec = _named(model, role, seed)
    if isinstance(model, nn.Module | ExportedProgram):
        return wrap(as_module(model, spec.source), spec.source)
    network = load_model(spec)
    network.module.to(device)
    return network


def read_alike(spec: DataSpec, networks: Sequence[Network]) -> DataSpec:
    """Complete the data of a task that wants tokens of texts by how its models read.

    Raises:
        DataError: they read differently, and the data do not say how.
    """
    if spec.task not in TOKEN_TASKS or spec.source.endswith(".npz"):
        return spec
    views = {network.name: network.view for network in networks}
    tokenizers = {name: view.tokenizer or BYTES for name, view in views.items()}
    lengths = {name: view.length for name, view in views.items()}
    first, length = next(iter(tokenizers.values())), next(iter(lengths.values()))
    why = f"for the task {spec.task}, since what is wanted depends on it; got"
    if spec.tokenizer is None and not all(reads_as(first, each) for each in tokenizers.values()):
        raise DataError(f"expected one tokenizer {why} {_each(tokenizers)}: give --tokenizer")
    if spec.length is None and len(set(lengths.values())) > 1:
        raise DataError(f"expected one length {why} {_each(lengths)}: give --length")
    return replace(spec, tokenizer=spec.tokenizer or first, length=spec.length or length)


def _each(known: dict[str, Any]) -> str:
    return ", ".join(f"{value} of {name}" for name, value in known.items())


def _in_colour(network: Network, data: Data) -> Network:
    """Show grey images as colour to a model of a source whose first convolution takes three channels."""
    images = data.train.images
    if images.ndim != 4 or network.view.channels is not None or network.rebuild is None:
        return network
    first = next((m for m in network.module.modules() if isinstance(m, nn.Conv2d)), None)
    if first is None or first.in_channels == images.shape[1]:
        return network
    return replace(network, view=replace(network.view, channels=first.in_channels))


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
    pool: Pool | None = None,
    progress: Progress = SILENT,
) -> Session:
    """Load, cut and check everything that a run needs; nothing is written and nothing is fitted.

    Args: as for :func:`modelstitch.compare`; with a ``pool``, its data are used and its sides shared.

    Raises:
        InputError: whatever was given cannot be used; the message names it.
        TruthError: a cut does not reproduce its model.
    """
    where = device_for(device, (sender, receiver))
    # Made twice: here to refuse a wrong choice before anything is loaded, and below with the cuts that were found.
    spec = RunSpec(
        sender=_named(sender, "sender", ROLE_SEEDS["sender"]),
        receiver=_named(receiver, "receiver", ROLE_SEEDS["receiver"]),
        data=data
        if isinstance(data, DataSpec)
        else DataSpec(source=str(data) if isinstance(data, str) else IN_MEMORY),
        sender_cuts=tuple(sender_cuts or cuts or ("default",)),
        receiver_cuts=tuple(receiver_cuts or cuts or ("default",)),
        stitches=tuple(s if isinstance(s, StitchSpec) else StitchSpec.parse(s) for s in stitches),
        fit=fit or FitSpec(),
        controls=(TRAINED, *(control for control in controls if control != TRAINED)),
        seeds=tuple(seeds),
    )
    networks = [
        as_network(model, role, ROLE_SEEDS[role], where)
        for model, role in ((sender, "sender"), (receiver, "receiver"))
    ]
    progress.stage("reading the data")
    if isinstance(data, DataSpec):
        data = read_alike(data, networks)
        spec = replace(spec, data=data)
        if data.task in TOKEN_TASKS:  # the data are tokens already
            networks = [
                replace(each, view=replace(each.view, tokenizer=None, length=None)) for each in networks
            ]
    loaded = as_data(data).to(where) if pool is None else pool.data
    networks = [_in_colour(network, loaded) for network in networks]
    progress.stage("capturing the models and finding their cuts")
    pair = Pair(networks[0], networks[1], loaded, pool)
    pair.receiver.expect_labels()
    task = loaded.task
    normed = [stitch for stitch in spec.stitches if stitch.norm == "batch"]
    if normed and (loaded.is_text or loaded.train.present is not None):
        raise SpecError(
            f"expected norm none with a mask, got {normed[0].label}: the statistics of batch norms would count padding"
        )
    blind = [each for each in controls if each in ("clustered-noise", "one-hot")]
    if blind and len(loaded.classes) < 2 and not task.by_position:
        raise SpecError(
            f"expected groups of examples with the control {blind[0]}, whose sender holds the group alone; data {loaded.name} has one: "
            "give groups to data_from, or leave the control out"
        )
    if "probe" in controls and (task.by_position or not task.has_classes):
        raise SpecError(
            f"expected the control probe with one label for each example, got the task {task.name}: leave it out"
        )
    spec = replace(
        spec,
        sender=replace(spec.sender, view=networks[0].view),
        receiver=replace(spec.receiver, view=networks[1].view),
        sender_cuts=_choose(pair.sender, sender_cuts or cuts),
        receiver_cuts=_choose(pair.receiver, receiver_cuts or cuts),
    )
    cells = _possible(spec, pair)
    _expect_gradients(pair.receiver, cells, spec.fit.objective)
    progress.stage("checking that the cuts reproduce the models")
    difference = max(
        checks.cuts_reproduce(pair.sender, spec.sender_cuts),
        checks.cuts_reproduce(pair.receiver, spec.receiver_cuts),
    )
    n_identity = min(
        checks.identity_reproduces(pair.sender, spec.sender_cuts)
        if pair.sender.accuracy() is not None
        else len(loaded.heldout),
        checks.identity_reproduces(pair.receiver, spec.receiver_cuts),
    )
    own, chance = pair.receiver.accuracy(), task.chance(loaded.heldout.targets_for(task))
    if own is not None and own <= chance:
        progress.warn(say("limit.receiver_at_chance", own=own, chance=chance))
    facts = PairFacts(
        cut_difference=difference,
        cut_tolerance=RELATIVE_TOLERANCE,
        identity_examples=n_identity,
        layouts=BySide(
            *(
                {name: str(side.cut(name).layout) for name in names}
                for side, names in ((pair.sender, spec.sender_cuts), (pair.receiver, spec.receiver_cuts))
            )
        ),
        technique=BySide(pair.sender.cutting.technique, pair.receiver.cutting.technique),
        fitting_images_seen=BySide(
            *(
                None
                if side.network.trained_on is None
                else share_seen(loaded.train.images, list(side.network.trained_on))
                for side in (pair.sender, pair.receiver)
            )
        ),
    )
    return Session(pair, spec, cells, facts)


def _possible(spec: RunSpec, pair: Pair) -> tuple[CellSpec, ...]:
    """Return the cells of ``spec`` whose stitch can be built; an identity needs equal shapes, a scale equal channels.

    Raises:
        StitchError: a layout that cannot be stitched, or not one cell left of some stitch.
    """
    cells = []
    reasons: dict[StitchSpec, StitchError] = {}
    for cell in spec.cells():
        try:
            build(cell.stitch, *pair.layouts(cell))
        except StitchError as error:
            if cell.stitch.family not in ("identity", "scale"):
                raise
            reasons[cell.stitch] = error
        else:
            cells.append(cell)
    for stitch, reason in reasons.items():
        if all(cell.stitch != stitch for cell in cells if cell.control == TRAINED):
            raise reason
    return tuple(cells)


def _expect_gradients(side: Side, cells: Sequence[CellSpec], objective: str) -> None:
    """Raise unless a gradient reaches the representation at every cut where a stitch is fitted by one.

    Raises:
        CutError: a receiver that switches gradients off behind a cut.
    """
    few = torch.arange(min(2, len(side.data.train)))
    by_gradient = {
        cell.receiver_cut: cell.stitch.objective or objective
        for cell in cells
        if (cell.stitch.objective or objective) != "match" and cell.stitch.family != "identity"
    }
    for name, fitted_to in by_gradient.items():
        (y,) = side.represent((name,), side.data.train, few, torch.float32, plain=True)
        if not _is_reached(side.bound(side.suffix(name), side.data.train), y, few):
            raise CutError(
                f"no gradient reaches the cut {name!r} of receiver {side.network.name}, so that no stitch can be fitted there to "
                f"{fitted_to}: take torch.no_grad() and torch.inference_mode() out of its forward and give layers that have a backward "
                "pass, cut behind them, or fit to match (--objective match)"
            )


def _is_reached(run: Callable[[Tensor, Tensor], Any], y: Tensor, few: Tensor) -> bool:
    """Tell whether a gradient of what a suffix gives reaches what it is given."""
    with torch.enable_grad():
        leaf = y.clone().requires_grad_()
        try:
            output = run(leaf, few)
            if not output.requires_grad:
                return False
            (found,) = torch.autograd.grad(output.sum(), leaf, allow_unused=True)
        except RuntimeError as error:  # of torch about itself: what has no backward pass says so here
            if not any(each in str(error) for each in ("nference", "derivative", "not implemented")):
                raise
            return False
    return found is not None


def _choose(side: Side, names: Sequence[str] | None) -> tuple[str, ...]:
    if names:
        return tuple(side.cut(name).name for name in names)
    usable = tuple(cut.name for cut in side.cutting.boundaries if cut.layout.stitchable)
    if not usable:
        found = ", ".join(f"{cut.name} ({cut.layout})" for cut in side.cutting.cuts[:5])
        raise CutError(
            f"model {side.network.name} has no cut whose representation is a vector, tokens or a map of one to three dimensions; found {found}"
        )
    return usable
