"""What there is to choose from: stitches, controls, kinds of evidence, models."""

from __future__ import annotations

from modelstitch.models.sources.table import MODEL_SOURCES, source_called
from modelstitch.specs import (
    CONTROLS,
    DEFAULT_FAMILY,
    EVIDENCE,
    FAMILIES,
    STANDARD_EVIDENCE,
    TRAINED,
    VERDICT_CONTROLS,
    StitchSpec,
)
from modelstitch.stitches.ladder import LADDER, LADDER_NAME
from modelstitch.util.arguments import checked
from modelstitch.util.listing import Listing
from modelstitch.wording import Listed, say


@checked()
def list_stitches() -> Listing:
    """Return the stitches that ``stitch=`` takes, from the smallest capacity up, and what each can do.

    Example:
        >>> stitches = list_stitches()
        >>> list(stitches)[:4], stitches.default
        (['identity', 'scale', 'orthogonal', 'lowrank(8)'], ('affine',))
    """
    meanings: dict[str, str] = {
        StitchSpec(family=name).label: say(f"choice.family.{name}") for name in FAMILIES
    }
    ladder = say("choice.ladder", names=Listed([stitch.label for stitch in LADDER]))
    return Listing(
        {**meanings, LADDER_NAME: ladder},
        "stitches",
        (StitchSpec(family=DEFAULT_FAMILY).label,),
        say("choice.default", groups=say("choice.stitches")),
    )


@checked()
def list_controls() -> Listing:
    """Return the grids that ``controls=`` takes beside the real one, and what each stitches.

    Example:
        >>> controls = list_controls()
        >>> controls["one-hot"]
        'one-hot label for a sender: the label only'
    """
    return Listing(
        {name: say(control.title) for name, control in CONTROLS.items() if name != TRAINED},
        "controls",
        VERDICT_CONTROLS,
        say("choice.default", groups=say("choice.groups")),
    )


@checked()
def list_evidence() -> Listing:
    """Return the kinds of evidence that ``evidence=`` takes, and what each measures.

    Example:
        >>> evidence = list_evidence()
        >>> "kept" in evidence, "kept" in evidence.default, "rank" in evidence.default
        (True, True, False)
    """
    return Listing(
        {kind: say(f"choice.evidence.{kind}") for kind in EVIDENCE},
        "evidence",
        STANDARD_EVIDENCE,
        say("choice.default", groups=say("choice.groups")),
    )


@checked()
def list_models(source: str | None = None) -> Listing:
    """Return the sources of models; or the models of one, as they are given to :func:`compare`.

    Args:
        source: such as ``"zoo"``, ``"timm"`` or ``"torchvision"``; with a pattern after a colon those that
            fit it, as in ``"timm:resnet*"``. ``"hf"`` lists what the cache of this machine holds, a folder
            its checkpoints, a package of your own, such as ``"mypackage.models"``, its functions and classes
            that may build one.

    Raises:
        ModelError: no such source, or a package that cannot be imported.
        MissingExtraError: the package of that source is not installed.

    Example:
        >>> list_models("zoo:R11*")
        models of zoo:R11*
          zoo:R1111  residual network, 1, 1, 1, 1 blocks by stage
          zoo:R1112  residual network, 1, 1, 1, 2 blocks by stage
          zoo:R1121  residual network, 1, 1, 2, 1 blocks by stage
          zoo:R1122  residual network, 1, 1, 2, 2 blocks by stage
    """
    if source is None:
        return Listing(
            {
                row.prefix or row.where: say(
                    "choice.source", what=say(f"choice.source.{row.file}"), written=row.written[0]
                )
                for row in MODEL_SOURCES
            },
            "sources of models",
            note=say("choice.models"),
        )
    row, pattern = source_called(source)
    found = row.names(pattern)
    return Listing(found, f"models of {source}", note="" if found else say("choice.nothing"))
