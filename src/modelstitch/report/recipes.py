"""How to get one cell of a run again, from the shell and from Python; ``page.js`` fills in the cell."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from typing import Any

from modelstitch.specs import DataSpec, FitSpec, ModelSpec, RunSpec

_FIT_OPTIONS = ("epochs", "steps", "batch_size", "learning_rate")
_ROLES = ("sender", "receiver")
_OUTPUTS = ("output", "output_scale")


def recipes(spec: RunSpec) -> list[str]:
    """Return the command and the Python lines, with words in braces for ``page.js`` to fill in.

    ``{sender_cut}`` and ``{receiver_cut}`` are quoted for the shell, ``{sender_text}`` and
    ``{receiver_text}`` are quoted for Python. ``{shell}`` and ``{python}`` are the stitch, see
    :func:`stitch_words`. A run has no command if a model or the data were given in memory (the Python text
    names them by role), or if a choice has no option.

    Args:
        spec: of the run, paths already shortened.
    """
    shell = None if spec.in_memory else _shell(spec)
    return [*([] if shell is None else [shell]), _python(spec)]


def stitch_words(spec: RunSpec) -> dict[str, list[str]]:
    """Return by label how a stitch of a run is asked for in the shell and in Python.

    Example:
        >>> from modelstitch.specs import StitchSpec
        >>> model, cuts = ModelSpec(source="a"), ("x",)
        >>> spec = RunSpec(sender=model, receiver=model, data=DataSpec(source="d"), sender_cuts=cuts,
        ...                receiver_cuts=cuts, stitches=(StitchSpec(norm="batch"),),
        ...                fit=FitSpec(objective="match"))
        >>> shell, python = stitch_words(spec)["affine+batch"]
        >>> print(shell, python, sep=chr(10))
        --stitch affine --norm batch --objective match
        ms.StitchSpec(family='affine', norm='batch')
    """
    words = {}
    for stitch in spec.stitches:
        text = stitch.family if stitch.size is None else f"{stitch.family}({stitch.size})"
        norm = "" if stitch.norm == "none" else f" --norm {stitch.norm}"
        fitted_to = stitch.objective or spec.fit.objective
        objective = "" if fitted_to == "task" else f" --objective {fitted_to}"
        given = {name: value for name, value in asdict(stitch).items() if value not in (None, "none")}
        python = ", ".join(f"{name}={value!r}" for name, value in given.items())
        words[stitch.label] = [f"--stitch {shlex.quote(text)}{norm}{objective}", f"ms.StitchSpec({python})"]
    return words


def _models(spec: RunSpec) -> dict[str, ModelSpec]:
    return dict(zip(_ROLES, (spec.sender, spec.receiver), strict=True))


def _changed(fit: FitSpec) -> dict[str, Any]:
    """Return the values of a fit that differ from its protocol's own."""
    values = asdict(fit)
    plain = asdict(FitSpec.named(fit.protocol, objective=fit.objective))
    # These come first, since they decide others: steps exclude epochs, a batch size sets the learning rate.
    first = {
        name: values[name]
        for name in ("epochs", "steps", "batch_size")
        if values[name] is not None and values[name] != plain[name]
    }
    usual = asdict(FitSpec.named(fit.protocol, objective=fit.objective, **first))
    return first | {name: value for name, value in values.items() if value != usual[name]}


_WITH_VIEWS = ("hf:", "timm:", "torchvision:")
"""Sources whose models come with all that their processors do, and bring it again by themselves."""

_WITHOUT_OPTION = ("framing", "interpolation", "bgr", "flat", "standardised", "masked", "most_tokens")
"""Fields of a view that have no option."""


def _shell(spec: RunSpec) -> str | None:
    """Return the command, or None where a choice of the run has no option."""
    words = ["modelstitch", "compare", spec.sender.source, spec.receiver.source, *_data_options(spec.data)]
    if spec.sender.partial or spec.receiver.partial:
        words.append("--partial")
    for role, model in _models(spec).items():
        if model.view.size and model.view.size[0] != model.view.size[1] and model.view.framing is None:
            return None
        own = not model.source.startswith(_WITH_VIEWS)
        if own and any(getattr(model.view, name) is not None for name in _WITHOUT_OPTION):
            return None
        words += _model_options(role, model)
    if spec.fit.protocol != "default":
        words += ["--protocol", spec.fit.protocol]
    for name, value in _changed(spec.fit).items():
        if name not in _FIT_OPTIONS:
            return None
        words += [f"--{name.replace('_', '-')}", str(value)]
    cuts = " --sender-cuts {sender_cut} --receiver-cuts {receiver_cut} {shell} --seeds {seed}"
    return shlex.join(words) + cuts


def _data_options(data: DataSpec) -> list[str]:
    words = ["--data", data.source]
    values = asdict(data)
    for name in ("limit", "heldout_limit", "crop", "labels", "seconds", "label_column"):
        if values[name] is not None:
            words += [f"--{name.replace('_', '-')}", str(values[name])]
    if data.channels is not None:
        words += ["--data-channels", str(data.channels)]
    for column in data.input_column:
        words += ["--input-column", f"'{column}'" if "," in column else column]
    if data.seed:
        words += ["--data-seed", str(data.seed)]
    if data.task != "classification":
        words += ["--task", data.task]
    if data.rotations:
        words.append("--rotations")
    return words


def _model_options(role: str, model: ModelSpec) -> list[str]:
    view, values = model.view, asdict(model.view)
    words = [f"--{role}-weights", model.weights] if model.weights else []
    for name in ("weights_key", *_OUTPUTS):
        own = getattr(model, name)
        words += [] if own is None else [f"--{role}-{name.replace('_', '-')}", str(own)]
    # A size would take the place of a framing, which comes with the source.
    words += [f"--{role}-size", str(view.size[0])] if view.size and view.framing is None else []
    for name in ("channels", "rate", "tokenizer", "length"):
        words += [f"--{role}-{name}", str(values[name])] if values[name] else []
    for name in ("mean", "std", "range"):
        words += [f"--{role}-{name}", ",".join(map(str, values[name]))] if values[name] else []
    for cut, layout in model.layouts:
        words += [f"--{role}-layout", f"{cut}={layout}"]
    return words


def _python(spec: RunSpec) -> str:
    names = {role: role if role in spec.in_memory else _model(model) for role, model in _models(spec).items()}
    outputs = "".join(
        f", {role}_{name}={own!r}"
        for role, model in _models(spec).items()
        for name in _OUTPUTS
        if names[role] == role and (own := getattr(model, name)) is not None
    )
    given = {
        name: value
        for name, value in asdict(spec.data).items()
        if value not in (None, False, 0, "classification", ())
    }
    arguments = ", ".join(f"{name}={value!r}" for name, value in given.items())
    data = "data" if "data" in spec.in_memory else f"ms.DataSpec({arguments})"
    changed = _changed(spec.fit)
    if spec.fit.objective != "task":
        changed = {"objective": spec.fit.objective, **changed}
    fit = ""
    if changed or spec.fit.protocol != "default":
        words = [repr(spec.fit.protocol), *(f"{name}={value!r}" for name, value in changed.items())]
        fit = f", fit=ms.FitSpec.named({', '.join(words)})"
    return (
        "import modelstitch as ms\n\n"
        f"stitched = ms.stitch(\n    {names['sender']}, {{sender_text}},\n"
        f"    {names['receiver']}, {{receiver_text}},\n"
        f"    {data}, stitch={{python}}{fit}, seed={{seed}}{outputs},\n)\n"
        "stitched.accuracy, stitched.state_dict()"
    )


def _model(model: ModelSpec) -> str:
    view = ", ".join(f"{name}={value!r}" for name, value in asdict(model.view).items() if value is not None)
    values = asdict(model)
    parts = [f"source={model.source!r}"]
    parts += [
        f"{name}={values[name]!r}" for name in ("weights", "weights_key", "partial", "seed") if values[name]
    ]
    parts += [f"{name}={own!r}" for name in _OUTPUTS if (own := values[name]) is not None]
    parts += [f"view=ms.View({view})"] if view else []
    parts += [f"layouts={model.layouts!r}"] if model.layouts else []
    return f"ms.ModelSpec({', '.join(parts)})"
