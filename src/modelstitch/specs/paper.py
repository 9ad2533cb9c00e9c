"""The paper's experiment as files that ship with the package, and the numbers that the paper reports."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from modelstitch.errors import SpecError, expect_one_of

FORMS: Mapping[str, str] = {
    "full": "paper.toml",
    "small": "paper-small.toml",
    "resnet-34": "paper-resnet-34.toml",
}
"""File of each form of the experiment."""

PARTS: Mapping[str, tuple[str, ...]] = {
    "all": ("task", "match"),
    "vanilla": ("task",),
    "similarity": ("match",),
}
"""What stitches are fitted to, by what the paper calls them."""


def paper_text(form: str) -> str:
    """Return the file of a form.

    Raises:
        SpecError: no such form.

    Example:
        >>> paper_text("small").count("[[models]]"), paper_text("full").count("[[models]]")
        (4, 16)
    """
    expect_one_of("form", form, FORMS, SpecError)
    return (files("modelstitch.specs") / "experiments" / FORMS[form]).read_text(encoding="utf-8")


def paper_numbers() -> dict[str, Any]:
    """Return what the paper reports.

    Example:
        >>> paper_numbers()["vanilla"]["scores"][0][1]
        0.54
    """
    text = (files("modelstitch.specs") / "experiments" / "paper-numbers.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def chosen_part(
    form: str,
    *,
    part: str = "all",
    networks: Sequence[str] = (),
    data: str | None = None,
    width: int | None = None,
    limit: int | None = None,
) -> dict[str, Any]:
    """Return the plain values of a form, or of a part of it.

    Args:
        form: one of :data:`FORMS`.
        part: one of :data:`PARTS`.
        networks: those of the form that are stitched, such as ``R1111``; all without it.
        data: source of the images, in the place of the form's.
        width: channels of the first stage, likewise.
        limit: images that stitches are fitted to, likewise.

    Raises:
        SpecError: an unknown form, part or network.

    Example:
        >>> [one["source"] for one in chosen_part("full", networks=["R_1112"], width=8)["models"]]
        ['zoo:R1112(width=8)']
    """
    values = tomllib.loads(paper_text(form))
    expect_one_of("part", part, PARTS, SpecError)
    names = [name.replace("_", "") for name in networks]
    known = [one["name"] for one in values["models"]]
    for name in names:
        expect_one_of(f"network of the form {form}", name, known, SpecError)
    models = [one for one in values["models"] if not names or one["name"] in names]
    if width is not None:
        models = [{**one, "source": f"zoo:{one['name']}(width={width})"} for one in models]
    left = {one["name"] for one in models}
    given = {"source": data, "limit": limit}
    return {
        **values,
        "objective": list(PARTS[part]),
        "models": models,
        "pictures": [pair for pair in values["pictures"] if left.issuperset(pair) and part != "similarity"],
        "data": {**values["data"], **{name: value for name, value in given.items() if value is not None}},
    }
