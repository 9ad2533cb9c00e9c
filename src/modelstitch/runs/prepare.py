"""Make two networks and a data set ready, check what can be checked, and fix the spec of the run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from modelstitch.cutting.cache import GraphCache
from modelstitch.cutting.certify import RELATIVE_TOLERANCE
from modelstitch.data.copies import without_copies
from modelstitch.data.fingerprint import share_seen
from modelstitch.data.load import as_data
from modelstitch.data.parts import Data
from modelstitch.data.running_texts import DEFAULT_LENGTH
from modelstitch.data.texts import BYTES, reads_as
from modelstitch.errors import CutError, DataError, SpecError, StitchError
from modelstitch.fitting.schedules import spread
from modelstitch.grid import checks
from modelstitch.grid.pool import Pair, Pool
from modelstitch.grid.side import Side
from modelstitch.models.given import Model, as_network, device_for, spec_of
from modelstitch.models.network import Network, taken
from modelstitch.models.weights.facts import WeightsFacts
from modelstitch.results.chance_sentences import chance_sentence
from modelstitch.results.cut_sentences import cut_sentence
from modelstitch.results.facts import BySide, CutFacts, LabelFacts, OutputFacts, PairFacts
from modelstitch.results.facts_in_words import sentences_of_outputs, sentences_of_weights
from modelstitch.results.label_sentences import label_sentence
from modelstitch.runs.requirements import (
    expect_controls_fit,
    expect_gradients,
    expect_independent_examples,
    expect_no_norm_of_padding,
    expect_outputs,
)
from modelstitch.runs.session import Session
from modelstitch.runs.whole_scores import at_chance_error, whole_score
from modelstitch.specs import (
    DEFAULT_FAMILY,
    IN_MEMORY,
    RANDOM_SENDER,
    ROLE_SEEDS,
    TOKEN_TASKS,
    TRAINED,
    CellSpec,
    DataSpec,
    FitSpec,
    ModelSpec,
    RandomName,
    RunSpec,
    StitchSpec,
)
from modelstitch.stitches import build
from modelstitch.tasks import numbering
from modelstitch.util.progress import SILENT, Progress

_NUMBERING_EXAMPLES = 2000


@dataclass(frozen=True)
class OutputChoice:
    """Which output of a network is scored and what it holds, as a caller says it beside the network.

    Attributes:
        output: name or number; None leaves it to the network's own spec.
        scale: one of ``specs.OUTPUT_SCALES``; None likewise.
    """

    output: str | int | None = None
    scale: str | None = None

    def over(self, spec: ModelSpec) -> ModelSpec:
        """Return a spec with this choice in the place of its own."""
        return replace(
            spec,
            output=spec.output if self.output is None else self.output,
            output_scale=spec.output_scale if self.scale is None else self.scale,
        )


OutputChoices = BySide[OutputChoice]
NO_OUTPUTS: OutputChoices = BySide(OutputChoice(), OutputChoice())


def prepare(
    sender: Model,
    receiver: Model,
    data: Any,
    *,
    cuts: Sequence[str] | None = None,
    sender_cuts: Sequence[str] | None = None,
    receiver_cuts: Sequence[str] | None = None,
    stitches: Sequence[StitchSpec | str] = (DEFAULT_FAMILY,),
    fit: FitSpec | None = None,
    controls: Sequence[str] = (RANDOM_SENDER,),
    seeds: Sequence[int] = (0,),
    random: RandomName = "redraw",
    outputs: OutputChoices = NO_OUTPUTS,
    names: BySide[str] | None = None,
    device: str = "auto",
    allow_untrained: bool = False,
    pool: Pool | None = None,
    cache: Path | None = None,
    progress: Progress = SILENT,
) -> Session:
    """Load, cut and check everything that a run needs; nothing is written and nothing is fitted.

    Args: as for :func:`modelstitch.compare`; with a ``pool``, its data are used and its sides shared, and
    ``outputs`` says how the outputs of each network are read; ``names`` what to call them, by default by
    their source or class. ``allow_untrained`` lets a
    receiver in that does no better than a guess. ``cache`` is a folder of captured graphs; no spec holds it,
    since it changes no number.

    Raises:
        InputError: whatever was given cannot be used; the message names it.
        TruthError: a cut does not reproduce its model.
    """
    _expect_cuts_once(cuts, sender_cuts, receiver_cuts)
    _expect_two_names(names, one=sender is receiver or (isinstance(sender, ModelSpec) and sender == receiver))
    if cache is not None:
        GraphCache(cache)  # refused before anything is loaded
    chosen_device = device_for(device, (sender, receiver))
    # Made before anything is loaded, so that a wrong choice is refused at once; views and cuts follow.
    spec = RunSpec(
        sender=outputs.sender.over(spec_of(sender, "sender", ROLE_SEEDS["sender"])),
        receiver=outputs.receiver.over(spec_of(receiver, "receiver", ROLE_SEEDS["receiver"])),
        data=_data_spec(data),
        sender_cuts=tuple(sender_cuts or cuts or ("default",)),
        receiver_cuts=tuple(receiver_cuts or cuts or ("default",)),
        stitches=tuple(s if isinstance(s, StitchSpec) else StitchSpec.parse(s) for s in stitches),
        fit=fit or FitSpec(),
        controls=(TRAINED, *(control for control in controls if control != TRAINED)),
        seeds=tuple(seeds),
        random=random,
    )
    networks = [
        replace(network, random=random, output=own.output, output_scale=own.output_scale)
        for network, own in zip(
            _load(sender, receiver, chosen_device), (spec.sender, spec.receiver), strict=True
        )
    ]
    if names is not None:
        networks = [
            replace(network, name=name)
            for network, name in zip(networks, (names.sender, names.receiver), strict=True)
        ]
    progress.stage("reading the data")
    if isinstance(data, DataSpec):
        data, networks = _share_tokens(data, networks)
        spec = replace(spec, data=data)
    loaded = read(data, networks).to(chosen_device) if pool is None else pool.data
    networks = [in_colour(network, loaded) for network in networks]
    progress.stage("capturing the models and finding their cuts")
    pair = Pair(networks[0], networks[1], loaded, pool, cache)
    expect_outputs(pair.receiver)
    expect_independent_examples(pair.receiver)
    expect_no_norm_of_padding(spec.stitches, loaded)
    expect_controls_fit(controls, loaded)
    spec = replace(
        spec,
        sender=replace(spec.sender, view=networks[0].view),
        receiver=replace(spec.receiver, view=networks[1].view),
        sender_cuts=_choose_cuts(pair.sender, sender_cuts or cuts),
        receiver_cuts=_choose_cuts(pair.receiver, receiver_cuts or cuts),
    )
    if not allow_untrained:
        expect_trained(pair.receiver)
    progress.stage("checking that the cuts reproduce the models")
    session = replace(_checked(pair, spec), named=names is not None)
    facts = session.facts
    for told in (*sentences_of_weights(facts.weights), *sentences_of_outputs(facts.outputs)):
        progress.warn(told)
    for role in ("receiver", "sender"):
        guesses = chance_sentence(getattr(facts.own, role), role)
        doubtful = label_sentence(facts.labels, role)
        cut = cut_sentence(facts.cut, role, len(loaded.train), len(loaded.heldout))
        for sentence in (guesses, doubtful, cut):
            if sentence is not None:
                progress.warn(sentence)
    return session


def widened(session: Session, spec: RunSpec) -> Session:
    """Return a session with more cuts, stitches, controls or seeds of the same networks and data, checked.

    Raises:
        InputError: the spec cannot be used.
        TruthError: a cut does not reproduce its model.
    """
    if spec == session.spec:
        return session
    expect_no_norm_of_padding(spec.stitches, session.pair.data)
    expect_controls_fit([control for control in spec.controls if control != TRAINED], session.pair.data)
    return replace(_checked(session.pair, spec), named=session.named)


def _expect_cuts_once(
    cuts: Sequence[str] | None, sender_cuts: Sequence[str] | None, receiver_cuts: Sequence[str] | None
) -> None:
    """Raise where cuts of both models would be read for neither."""
    if cuts and sender_cuts and receiver_cuts:
        raise SpecError(
            "expected cuts of both models, or sender_cuts and receiver_cuts, got all three: leave cuts out"
        )


def _expect_two_names(names: BySide[str] | None, *, one: bool) -> None:
    """Raise where names do not tell sender and receiver apart, unless they are one model."""
    if names is None:
        return
    both = (names.sender, names.receiver)
    if not all(name.strip() for name in both):
        raise SpecError(f"expected names of sender and receiver, got an empty one in {both}")
    if names.sender == names.receiver and not one:
        raise SpecError(f"expected different names of sender and receiver, got {names.sender!r} twice")


def _checked(pair: Pair, spec: RunSpec) -> Session:
    cells = _possible_cells(spec, pair)
    expect_gradients(pair.receiver, cells, spec.fit.objective)
    return Session(pair, spec, cells, _check_cuts(pair, spec))


def read(data: Any, networks: Sequence[Network]) -> Data:
    """Read data for some networks; a spec that drops copies drops them by the inputs that they take.

    Args:
        data: as for :func:`modelstitch.compare`.
        networks: all that read the data. A further input that none of them takes makes no copy another
            example.

    Raises:
        DataError: data that cannot be used.
    """
    loaded = as_data(data)
    if not isinstance(data, DataSpec) or not data.drop_copies:
        return loaded
    given = tuple(loaded.train.kwargs)
    names = {name for network in networks for name in taken(network.module, given)}
    return loaded if names == set(given) else without_copies(loaded, names)


def _data_spec(data: Any) -> DataSpec:
    if isinstance(data, DataSpec):
        return data
    return DataSpec(source=data if isinstance(data, str) else IN_MEMORY)


def _load(sender: Model, receiver: Model, device: torch.device) -> list[Network]:
    return [
        as_network(model, role, ROLE_SEEDS[role], device)
        for model, role in ((sender, "sender"), (receiver, "receiver"))
    ]


def _share_tokens(spec: DataSpec, networks: list[Network]) -> tuple[DataSpec, list[Network]]:
    """Return data and networks whose examples are tokens already, where the task wants tokens."""
    if spec.task not in TOKEN_TASKS:
        return spec, networks
    views = [replace(network.view, tokenizer=None, length=None, most_tokens=None) for network in networks]
    return read_alike(spec, networks), [
        replace(network, view=view) for network, view in zip(networks, views, strict=True)
    ]


def read_alike(spec: DataSpec, networks: Sequence[Network]) -> DataSpec:
    """Complete the data of a token task by the tokenizer and the length that its models share.

    Raises:
        DataError: the models differ in one of them, and the data do not say which to take.
    """
    if spec.task not in TOKEN_TASKS or spec.source.endswith(".npz"):
        return spec
    views = {network.name: network.view for network in networks}
    tokenizers = {name: view.tokenizer or BYTES for name, view in views.items()}
    lengths = {name: view.length for name, view in views.items()}
    most = min((view.most_tokens for view in views.values() if view.most_tokens is not None), default=None)
    first, length = next(iter(tokenizers.values())), next(iter(lengths.values()))
    why = f"for the task {spec.task}, whose targets depend on it; got"
    if spec.tokenizer is None and not all(reads_as(first, other) for other in tokenizers.values()):
        raise DataError(f"expected one tokenizer {why} {_listed(tokenizers)}: give --tokenizer")
    if spec.length is None and len(set(lengths.values())) > 1:
        raise DataError(f"expected one length {why} {_listed(lengths)}: give --length")
    chosen = spec.length or length
    if most is not None and (chosen or DEFAULT_LENGTH) > most:
        if chosen is not None:
            raise DataError(
                f"expected a length of at most {most:,} tokens, which is all that a model takes, got "
                f"{chosen:,}"
            )
        chosen = most
    return replace(spec, tokenizer=spec.tokenizer or first, length=chosen)


def _listed(by_network: dict[str, Any]) -> str:
    return ", ".join(f"{value} of {name}" for name, value in by_network.items())


def in_colour(network: Network, data: Data) -> Network:
    """Show grey images as colour to a model of a source whose first convolution takes three channels."""
    images = data.train.images
    if images.ndim != 4 or network.view.channels is not None or network.rebuild is None:
        return network
    first = next((m for m in network.module.modules() if isinstance(m, nn.Conv2d)), None)
    if first is None or first.in_channels == images.shape[1]:
        return network
    return replace(network, view=replace(network.view, channels=first.in_channels))


def _choose_cuts(side: Side, names: Sequence[str] | None) -> tuple[str, ...]:
    """Return the full names of the cuts asked for; without any, all block boundaries that can be stitched.

    Raises:
        CutError: no such cut, or no boundary that can be stitched.
    """
    if names:
        return tuple(side.cut(name).name for name in names)
    usable = tuple(cut.name for cut in side.cutting.boundaries if cut.layout.stitchable)
    if not usable:
        others = ", ".join(f"{cut.name} ({cut.layout})" for cut in side.cutting.cuts[:5])
        raise CutError(
            f"model {side.network.name} has no cut whose representation is a vector, tokens or a map of one "
            f"to three dimensions; it has {others}"
        )
    return usable


def _possible_cells(spec: RunSpec, pair: Pair) -> tuple[CellSpec, ...]:
    """Return the cells whose stitch can be built; an identity needs equal shapes, a scale equal channels.

    Raises:
        StitchError: a layout that cannot be stitched, or a stitch without any cell left.
    """
    cells = []
    reasons: dict[StitchSpec, StitchError] = {}
    for cell in spec.cells():
        try:
            build(cell.stitch, *pair.layouts(cell))
        except StitchError as error:
            if cell.stitch.info.needs_equal is None:
                raise
            reasons[cell.stitch] = error
        else:
            cells.append(cell)
    for stitch, reason in reasons.items():
        if all(cell.stitch != stitch for cell in cells if cell.control == TRAINED):
            raise reason
    return tuple(cells)


def _check_cuts(pair: Pair, spec: RunSpec) -> PairFacts:
    """Check that the cuts reproduce both models, and return what is recorded of it.

    Raises:
        TruthError: a cut does not reproduce its model.
    """
    sender, receiver = pair.sender, pair.receiver
    sides = ((sender, spec.sender_cuts), (receiver, spec.receiver_cuts))
    return PairFacts(
        cut_difference=max(checks.cuts_reproduce(side, names) for side, names in sides),
        cut_tolerance=RELATIVE_TOLERANCE,
        identity_examples=min(
            checks.identity_reproduces(side, names) for side, names in sides if side.accuracy() is not None
        ),
        layouts=BySide(_layouts(sender, spec.sender_cuts), _layouts(receiver, spec.receiver_cuts)),
        technique=BySide(sender.cutting.technique, receiver.cutting.technique),
        by_batch=BySide(sender.by_batch, receiver.by_batch),
        fitting_images_seen=BySide(_share_seen(sender), _share_seen(receiver)),
        labels=BySide(_label_facts(sender), _label_facts(receiver)),
        cut=BySide(_cut_facts(sender), _cut_facts(receiver)),
        weights=BySide(_weights(sender), _weights(receiver)),
        outputs=BySide(_outputs(sender), _outputs(receiver)),
        own=BySide(whole_score(sender), whole_score(receiver)),
    )


def expect_trained(receiver: Side) -> None:
    """Raise where a receiver is not shown to do better than a guess.

    Raises:
        ModelError: it does no better, which the caller has not allowed.
    """
    own = whole_score(receiver)
    if own is not None and not own.better_than_chance:
        raise at_chance_error(receiver, own, _label_facts(receiver))


def _cut_facts(side: Side) -> CutFacts | None:
    inputs, rate = side.inputs, side.inputs.rate
    if not any(inputs.n_cut.values()):
        return None
    return CutFacts(
        unit="tokens" if rate is None else "seconds",
        most=inputs.longest if rate is None else inputs.longest / rate,
        n_train=inputs.n_cut["train"],
        n_heldout=inputs.n_cut["held-out"],
    )


def _weights(side: Side) -> WeightsFacts | None:
    facts = side.network.weights
    return None if facts == WeightsFacts() else facts


def _outputs(side: Side) -> OutputFacts | None:
    reading = side.reading
    scale = reading.answer_scale if reading.task.logits is None else reading.scale
    facts = OutputFacts(part=reading.part, scale=scale, among=reading.among)
    return None if facts == OutputFacts() else facts


def _label_facts(side: Side) -> LabelFacts | None:
    """Return how classes were matched with outputs; where by number, what the network's answers say of it."""
    labels = side.labelling
    if labels is None:
        return None
    facts = LabelFacts(
        by=labels.by,
        names_differ=labels.names_differ,
        n_outputs=labels.n_outputs,
        n_classes=labels.n_classes,
    )
    if labels.by == "names" or not side.can_score or side.data.finest is not None:
        return facts
    few = spread(torch.arange(len(side.data.train)), _NUMBERING_EXAMPLES)
    answers = torch.cat([outputs.argmax(1) for outputs, _ in side.outputs("train", side.whole, few)])
    found = numbering(answers, side.data.train.labels[few], labels.n_outputs)
    return replace(facts, numbering=found)


def _layouts(side: Side, names: Sequence[str]) -> dict[str, str]:
    return {name: str(side.cut(name).layout) for name in names}


def _share_seen(side: Side) -> float | None:
    """Return the share of the training examples that the network saw when it was trained; None if unknown."""
    trained_on = side.network.trained_on
    return None if trained_on is None else share_seen(side.data.train.images, list(trained_on))
