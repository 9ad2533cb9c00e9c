"""How to get one cell of a run again, from the shell and from Python; ``page.js`` fills in the cell."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from modelstitch.specs import StitchSpec

_IN_MEMORY = "in memory"


def recipes(spec: Mapping[str, Any]) -> list[str]:
    """Return the commands with ``{sender_cut}``, ``{receiver_cut}``, ``{shell}``, ``{python}`` and ``{seed}`` to be filled in.

    Models and data that were given in memory have no command, and stand in the Python text by their role.

    Args:
        spec: of the run, as plain values, paths already shortened.
    """
    if not {"sender", "receiver", "data"} <= set(spec):
        return []
    named = all(not _given_in_memory(spec[role]["source"], role) for role in ("sender", "receiver"))
    data_named = spec["data"]["source"] != _IN_MEMORY
    found = [_shell(spec)] if named and data_named else []
    found.append(_python(spec))
    return found


def stitch_words(stitches: list[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return by label how a stitch is asked for in the shell and in Python.

    Example:
        >>> stitch_words([{"family": "affine", "norm": "batch", "size": None}])
        {'affine+batch': ['--stitch affine --norm batch', "ms.StitchSpec(family='affine', norm='batch')"]}
    """
    found = {}
    for each in stitches:
        stitch = StitchSpec(**each)
        text = stitch.family if stitch.size is None else f"{stitch.family}({stitch.size})"
        norm = "" if stitch.norm == "none" else f" --norm {stitch.norm}"
        given = {name: value for name, value in each.items() if value not in (None, "none")}
        python = ", ".join(f"{name}={value!r}" for name, value in given.items())
        found[stitch.label] = [f"--stitch {shlex.quote(text)}{norm}", f"ms.StitchSpec({python})"]
    return found


def _given_in_memory(source: str, role: str) -> bool:
    return source.endswith(f" ({role})") or source == _IN_MEMORY


def _shell(spec: Mapping[str, Any]) -> str:
    words = ["modelstitch", "compare", spec["sender"]["source"], spec["receiver"]["source"]]
    data = spec["data"]
    words += ["--data", data["source"]]
    for name in ("limit", "heldout_limit", "crop", "labels"):
        if data.get(name) is not None:
            words += [f"--{name.replace('_', '-')}", str(data[name])]
    if data.get("seed"):
        words += ["--data-seed", str(data["seed"])]
    if data.get("rotations"):
        words.append("--rotations")
    for role in ("sender", "receiver"):
        model = spec[role]
        if model.get("weights"):
            words += [f"--{role}-weights", model["weights"]]
        words += _view_words(role, model.get("view") or {})
        for cut, layout in model.get("layouts") or ():
            words += [f"--{role}-layout", f"{cut}={layout}"]
    fit = spec.get("fit", {})
    for name, usual in (("protocol", "default"), ("objective", "task")):
        if fit.get(name, usual) != usual:
            words += [f"--{name}", fit[name]]
    for name in ("epochs", "steps"):
        if fit.get(name) is not None:
            words += [f"--{name}", str(fit[name])]
    return (
        shlex.join(words)
        + " --sender-cuts {sender_cut} --receiver-cuts {receiver_cut} {shell} --seeds {seed}"
    )


def _view_words(role: str, view: Mapping[str, Any]) -> list[str]:
    words = []
    size = view.get("size")
    if size and size[0] == size[1]:
        words += [f"--{role}-size", str(size[0])]
    if view.get("channels"):
        words += [f"--{role}-channels", str(view["channels"])]
    for name in ("mean", "std"):
        if view.get(name):
            words += [f"--{role}-{name}", ",".join(map(str, view[name]))]
    return words


def _python(spec: Mapping[str, Any]) -> str:
    names = {
        role: role if _given_in_memory(spec[role]["source"], role) else _model(spec[role])
        for role in ("sender", "receiver")
    }
    data = spec["data"]
    given = {name: value for name, value in data.items() if value not in (None, False, 0)}
    told = ", ".join(f"{name}={value!r}" for name, value in given.items())
    of_data = "data" if data["source"] == _IN_MEMORY else f"ms.DataSpec({told})"
    fit = spec.get("fit", {})
    changed = {
        name: fit[name]
        for name, usual in (("objective", "task"), ("epochs", None), ("steps", None))
        if fit.get(name, usual) != usual
    }
    fitted = ""
    if changed or fit.get("protocol", "default") != "default":
        words = [
            repr(fit.get("protocol", "default")),
            *(f"{name}={value!r}" for name, value in changed.items()),
        ]
        fitted = f", fit=ms.FitSpec.named({', '.join(words)})"
    return (
        "import modelstitch as ms\n\n"
        f"stitched = ms.stitch(\n    {names['sender']}, '{{sender_cut}}',\n    {names['receiver']}, '{{receiver_cut}}',\n"
        f"    {of_data}, family={{python}}{fitted}, seed={{seed}},\n)\n"
        "stitched.accuracy, stitched.state_dict()"
    )


def _model(model: Mapping[str, Any]) -> str:
    view = {name: value for name, value in (model.get("view") or {}).items() if value is not None}
    told = ", ".join(f"{name}={tuple(v) if isinstance(v, list) else v!r}" for name, v in view.items())
    parts = [f"source={model['source']!r}"]
    parts += [f"{name}={model[name]!r}" for name in ("weights", "partial", "seed") if model.get(name)]
    parts += [f"view=ms.View({told})"] if told else []
    return f"ms.ModelSpec({', '.join(parts)})"
