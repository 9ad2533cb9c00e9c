"""Load a model by name."""

from __future__ import annotations

from dataclasses import replace
from hashlib import file_digest
from pathlib import Path

from modelstitch.cutting.layouts import channels_last
from modelstitch.data.class_names import read_class_names
from modelstitch.errors import ModelError, SpecError
from modelstitch.models.blueprint import Blueprint, Built
from modelstitch.models.network import Network
from modelstitch.models.seeding import seeded
from modelstitch.models.sources.table import MODEL_SOURCES
from modelstitch.models.weights.facts import WeightsFacts
from modelstitch.models.weights.fit import Misfit, expect_whole
from modelstitch.models.weights.load import load_weights
from modelstitch.models.zoo.checkpoint import read_card
from modelstitch.specs import ModelSpec, View
from modelstitch.util.arguments import checked
from modelstitch.util.calls import parse_call


@checked()
def load_model(spec: ModelSpec) -> Network:
    """Load the model that ``spec`` names, on the CPU, in eval mode.

    Raises:
        ModelError: an unknown source, or a model that cannot be built.
        WeightsError: weights that cannot be read or do not fit.
        DataError: a file of class names that cannot be read.

    Example:
        >>> load_model(ModelSpec(source="zoo:R1111(width=4)")).name
        'zoo:R1111(width=4), untrained (seed 0)'
    """
    blueprint = blueprint_of(spec.source)
    weights = blueprint.weights if spec.weights is None else spec.weights
    if weights is None and spec.weights_key is not None:
        raise SpecError(
            f"expected a weights file beside the key {spec.weights_key!r} of its weights, got none for model "
            f"{spec.source}"
        )
    with seeded(spec.seed):
        built = blueprint.build_trained() if blueprint.build_trained else Built(blueprint.build(), Misfit())
    module = built.module
    name, view = blueprint.name or spec.source, blueprint.view_of(module)
    commit = blueprint.revision_of(module)
    if commit:
        name = f"{name}, commit {commit[:12]}"
    card = None
    if weights is None:
        facts = _of_source(spec, built)
        name += f", untrained (seed {spec.seed})" if blueprint.is_untrained else ""
    else:
        facts = load_weights(module, weights, spec.source, spec.partial, spec.weights_key)
        if not blueprint.is_untrained and built.misfit:
            # What the source's own weights filled before the file came is trained.
            kept = {*facts.untrained} & {*built.misfit.untrained}
            facts = replace(facts, untrained=tuple(sorted(kept)))
        card = read_card(weights)
    if facts.key is not None:
        name = f"{name}, weights {facts.key}"
    if facts.untrained:
        name = f"{name}, {len(facts.untrained)} of {len(module.state_dict())} keys untrained"
    fingerprint = None if card is None else card.data.get("fingerprint")
    return Network(
        module=channels_last(module.eval()),
        name=name,
        view=merge(view if card is None else card.view, spec.view),
        rebuild=blueprint.build,
        architecture=blueprint.architecture,
        trained_on=None if fingerprint is None else tuple(fingerprint),
        layouts=spec.layouts,
        classes=_classes(spec, None if card is None else card.classes or None, blueprint.classes_of(module)),
        output=spec.output,
        output_scale=spec.output_scale,
        weights=facts,
        files=_files(spec.source, weights),
    )


def _files(source: str, weights: str | None) -> tuple[tuple[str, str], ...]:
    """Return name and SHA-256 of the files that a model was read from, before anybody changes them."""
    named = dict.fromkeys(Path(text) for text in (source, weights) if text)
    found = []
    for path in named:
        if path.is_file():
            with path.open("rb") as file:
                found.append((path.name, file_digest(file, "sha256").hexdigest()))
    return tuple(found)


def _of_source(spec: ModelSpec, built: Built) -> WeightsFacts:
    """Return what a model took of its source's own weights.

    Raises:
        WeightsError: they fit only in part, and a part is not enough.
    """
    n_keys = len(built.module.state_dict())
    expect_whole(built.misfit, "the source's own weights", spec.source, n_keys, partial=spec.partial)
    return WeightsFacts(
        untrained=built.misfit.untrained, unused=built.misfit.unexpected, doubled=built.misfit.doubled
    )


def _classes(
    spec: ModelSpec, of_card: tuple[str, ...] | None, of_source: tuple[str, ...] | None
) -> tuple[str, ...] | None:
    """Return the name of the class of each output: as the user says, as the checkpoint or the source does."""
    return read_class_names(spec.classes) if spec.classes is not None else of_card or of_source


def blueprint_of(source: str) -> Blueprint:
    """Return how to build the model that ``source`` names.

    Raises:
        ModelError: no source of the table recognises it, or the one that does refuses it.
    """
    # The name of a file may hold brackets, which are not a call then.
    target, arguments = (source, {}) if source.endswith(".safetensors") else parse_call(source)
    for row in MODEL_SOURCES:
        if row.recognises(target):
            return row.blueprint(target, arguments)
    names = [name for row in MODEL_SOURCES for name in row.written]
    raise ModelError(f"unknown model {source!r}: expected {', '.join(names[:-1])} or {names[-1]}")


def merge(view: View, over: View) -> View:
    """Return ``view`` with the fields that ``over`` sets.

    A size without a framing takes the place of the framing, and the whole image is then scaled to it. A size
    together with mean and std says all about pictures, so what is unread of the model's own processor no
    longer counts.

    Example:
        >>> own = View(size=(4, 4), framing=("shorter 5", "crop 4x4"))
        >>> merge(own, View(size=(6, 6))) == View(size=(6, 6))
        True
    """
    changes = {name: value for name, value in vars(over).items() if value is not None}
    if over.size is not None or over.framing is not None:
        changes = {"size": None, "framing": None} | changes
        if over.mean is not None:
            changes = {"unread": None} | changes
    return replace(view, **changes)
