"""How to get one cell of a run again, from the shell and from Python; ``page.js`` fills in the cell."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from modelstitch.specs import FitSpec, StitchSpec

_IN_MEMORY = "in memory"
_FIT_OPTIONS = ("epochs", "steps", "batch_size", "learning_rate")


def recipes(spec: Mapping[str, Any]) -> list[str]:
    """Return the command and the Python lines, with words in braces for ``page.js`` to fill in.

    ``{sender_cut}`` and ``{receiver_cut}`` are quoted for the shell, ``{sender_text}`` and ``{receiver_text}`` for Python; ``{shell}`` and
    ``{python}`` are the stitch, see :func:`stitch_words`. Models and data that were given in memory have no command, and stand in the
    Python text by their role; a choice without an option has no command either.

    Args:
        spec: of the run, as plain values, paths already shortened.
    """
    if not {"sender", "receiver", "data"} <= set(spec):
        return []
    named = all(not _given_in_memory(spec[role]["source"], role) for role in ("sender", "receiver"))
    data_named = spec["data"]["source"] != _IN_MEMORY
    shell = _shell(spec) if named and data_named else None
    return [*([] if shell is None else [shell]), _python(spec)]


def stitch_words(spec: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return by label how a stitch of a run is asked for in the shell and in Python.

    Example:
        >>> stitch_words({"stitches": [{"family": "affine", "norm": "batch", "size": None}], "fit": {"objective": "match"}})
        {'affine+batch': ['--stitch affine --norm batch --objective match', "ms.StitchSpec(family='affine', norm='batch')"]}
    """
    found = {}
    for each in spec.get("stitches", []):
        stitch = StitchSpec(**each)
        text = stitch.family if stitch.size is None else f"{stitch.family}({stitch.size})"
        norm = "" if stitch.norm == "none" else f" --norm {stitch.norm}"
        fitted_to = stitch.objective or spec.get("fit", {}).get("objective", "task")
        objective = "" if fitted_to == "task" else f" --objective {fitted_to}"
        given = {name: value for name, value in each.items() if value not in (None, "none")}
        python = ", ".join(f"{name}={value!r}" for name, value in given.items())
        found[stitch.label] = [f"--stitch {shlex.quote(text)}{norm}{objective}", f"ms.StitchSpec({python})"]
    return found


def _given_in_memory(source: str, role: str) -> bool:
    return source.endswith(f" ({role})") or source == _IN_MEMORY


def _changed(fit: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a fit differs from its protocol's own values."""
    if not fit:
        return {}
    protocol, objective = fit.get("protocol", "default"), fit.get("objective", "task")
    plain = asdict(FitSpec.named(protocol, objective=objective))
    # These decide others (a number of steps leaves no number of epochs, a batch its rate), so they are told first.
    told = {
        name: fit[name]
        for name in ("epochs", "steps", "batch_size")
        if fit.get(name) is not None and fit[name] != plain[name]
    }
    usual = asdict(FitSpec.named(protocol, objective=objective, **told))
    return told | {name: fit[name] for name in usual if name in fit and fit[name] != usual[name]}


def _shell(spec: Mapping[str, Any]) -> str | None:
    """Return the command, or None where something of the run has no option."""
    words = ["modelstitch", "compare", spec["sender"]["source"], spec["receiver"]["source"]]
    data = spec["data"]
    words += ["--data", data["source"]]
    for name in ("limit", "heldout_limit", "crop", "labels", "seconds"):
        if data.get(name) is not None:
            words += [f"--{name.replace('_', '-')}", str(data[name])]
    if data.get("seed"):
        words += ["--data-seed", str(data["seed"])]
    if data.get("task", "classification") != "classification":
        words += ["--task", data["task"]]
    if data.get("rotations"):
        words.append("--rotations")
    if any(spec[role].get("partial") for role in ("sender", "receiver")):
        words.append("--partial")
    for role in ("sender", "receiver"):
        model, view = spec[role], spec[role].get("view") or {}
        if model.get("weights"):
            words += [f"--{role}-weights", model["weights"]]
        size = view.get("size")
        if size and size[0] != size[1]:
            return None
        words += [f"--{role}-size", str(size[0])] if size else []
        words += [f"--{role}-channels", str(view["channels"])] if view.get("channels") else []
        for name in ("rate", "tokenizer", "length"):
            words += [f"--{role}-{name}", str(view[name])] if view.get(name) else []
        for name in ("mean", "std"):
            if view.get(name):
                words += [f"--{role}-{name}", ",".join(map(str, view[name]))]
        for cut, layout in model.get("layouts") or ():
            words += [f"--{role}-layout", f"{cut}={layout}"]
    fit = spec.get("fit", {})
    if fit.get("protocol", "default") != "default":
        words += ["--protocol", fit["protocol"]]
    for name, value in _changed(fit).items():
        if name not in _FIT_OPTIONS:
            return None
        words += [f"--{name.replace('_', '-')}", str(value)]
    places = " --sender-cuts {sender_cut} --receiver-cuts {receiver_cut} {shell} --seeds {seed}"
    return shlex.join(words) + places


def _python(spec: Mapping[str, Any]) -> str:
    names = {
        role: role if _given_in_memory(spec[role]["source"], role) else _model(spec[role])
        for role in ("sender", "receiver")
    }
    data, fit = spec["data"], spec.get("fit", {})
    given = {name: value for name, value in data.items() if value not in (None, False, 0, "classification")}
    told = ", ".join(f"{name}={value!r}" for name, value in given.items())
    of_data = "data" if data["source"] == _IN_MEMORY else f"ms.DataSpec({told})"
    changed = _changed(fit)
    if fit.get("objective", "task") != "task":
        changed = {"objective": fit["objective"], **changed}
    protocol, fitted = fit.get("protocol", "default"), ""
    if changed or protocol != "default":
        words = [repr(protocol), *(f"{name}={value!r}" for name, value in changed.items())]
        fitted = f", fit=ms.FitSpec.named({', '.join(words)})"
    return (
        "import modelstitch as ms\n\n"
        f"stitched = ms.stitch(\n    {names['sender']}, {{sender_text}},\n    {names['receiver']}, {{receiver_text}},\n"
        f"    {of_data}, stitch={{python}}{fitted}, seed={{seed}},\n)\n"
        "stitched.accuracy, stitched.state_dict()"
    )


def _model(model: Mapping[str, Any]) -> str:
    view = {name: value for name, value in (model.get("view") or {}).items() if value is not None}
    told = ", ".join(f"{name}={tuple(v) if isinstance(v, list) else v!r}" for name, v in view.items())
    parts = [f"source={model['source']!r}"]
    parts += [f"{name}={model[name]!r}" for name in ("weights", "partial", "seed") if model.get(name)]
    parts += [f"view=ms.View({told})"] if told else []
    layouts = tuple((cut, layout) for cut, layout in model.get("layouts") or ())
    parts += [f"layouts={layouts!r}"] if layouts else []
    return f"ms.ModelSpec({', '.join(parts)})"
