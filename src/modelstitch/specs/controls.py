"""The table of controls: what each grid of a run stitches, and what it is for. One row is one control."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from modelstitch.errors import SpecError, expect_one_of


@dataclass(frozen=True, kw_only=True)
class ControlInfo:
    """What one grid stitches instead of the trained pair, and which evidence means something for it.

    Attributes:
        name: as specs, rows, files and pages write it.
        code: ``package.module:function``, a function of sender, receiver, data and seed that makes what is
            stitched.
        sender: what provides the representations: the sender as it is, an untrained copy, the label alone, or
            the receiver.
        receiver: what reads them: the receiver as it is, an untrained copy, or a fixed read-out without
            parameters.
        labels: what stitches are fitted to: the training labels as they are, or shuffled.
        calibrated: whether the batch norms of untrained copies hold the statistics of their own activations.
        ought_to: whether the grid has to ``succeed`` or to ``fail`` for a high score of the trained pair to
            mean anything; None for a grid that is measured for itself.
        in_verdict: whether a verdict is read against it, so that it is run unless the user chooses controls.
        evidence: kinds of evidence that mean something for it; None for all.

    Example:
        >>> CONTROLS["random-both"].reaches, CONTROLS["one-hot"].label_only
        (('sender', 'receiver'), True)
    """

    name: str
    code: str
    sender: Literal["own", "untrained", "label", "receiver"] = "own"
    receiver: Literal["own", "untrained", "read-out"] = "own"
    labels: Literal["own", "shuffled"] = "own"
    calibrated: bool = False
    ought_to: Literal["succeed", "fail"] | None = None
    in_verdict: bool = False
    evidence: tuple[str, ...] | None = None

    @property
    def reaches(self) -> tuple[str, ...]:
        """What is not the trained pair's own: some of sender, receiver and labels; none for the real grid."""
        parts = {"sender": self.sender, "receiver": self.receiver, "labels": self.labels}
        return tuple(part for part, value in parts.items() if value != "own")

    @property
    def random(self) -> bool:
        """Whether a network is re-initialised."""
        return "untrained" in (self.sender, self.receiver)

    @property
    def random_sender(self) -> bool:
        """Whether only the sender is re-initialised: a verdict asks whether the trained one keeps more."""
        return self.random and self.receiver == "own"

    @property
    def label_only(self) -> bool:
        """Whether the sender holds the label and nothing else of the example."""
        return self.sender == "label"

    @property
    def self_stitch(self) -> bool:
        """Whether the receiver is its own sender, so that the sender's cuts are the receiver's."""
        return self.sender == "receiver"

    @property
    def read_out(self) -> bool:
        """Whether a fixed read-out stands in the place of the receiver's later layers."""
        return self.receiver == "read-out"

    @property
    def shuffled(self) -> bool:
        """Whether stitches are fitted to shuffled labels."""
        return self.labels == "shuffled"

    @property
    def needs_task(self) -> bool:
        """Whether it is about labels, so that stitches have to be fitted to the objective ``task``."""
        return self.read_out or self.shuffled

    @property
    def title(self) -> str:
        """Key of the sentence that is the title of its picture."""
        return f"title.{self.name}"

    @property
    def phrase(self) -> str:
        """Key of what it is called inside a sentence."""
        return f"control.{self.name}"


_ROWS = (
    ControlInfo(name="trained", code="modelstitch.controls.trained:roles"),
    ControlInfo(
        name="random-sender",
        code="modelstitch.controls.random_sender:roles",
        sender="untrained",
        ought_to="fail",
        in_verdict=True,
        evidence=("errors", "kept", "label-sets"),
    ),
    ControlInfo(
        name="random-sender-bn",
        code="modelstitch.controls.random_sender:calibrated_roles",
        sender="untrained",
        calibrated=True,
        ought_to="fail",
        evidence=("errors", "kept", "label-sets"),
    ),
    ControlInfo(
        name="random-receiver",
        code="modelstitch.controls.random_receiver:roles",
        receiver="untrained",
        ought_to="fail",
        evidence=("errors",),
    ),
    ControlInfo(
        name="random-receiver-bn",
        code="modelstitch.controls.random_receiver:calibrated_roles",
        receiver="untrained",
        calibrated=True,
        ought_to="fail",
        evidence=("errors",),
    ),
    ControlInfo(
        name="random-both",
        code="modelstitch.controls.random_both:roles",
        sender="untrained",
        receiver="untrained",
        ought_to="fail",
        evidence=("errors",),
    ),
    ControlInfo(
        name="random-both-bn",
        code="modelstitch.controls.random_both:calibrated_roles",
        sender="untrained",
        receiver="untrained",
        calibrated=True,
        ought_to="fail",
        evidence=("errors",),
    ),
    ControlInfo(
        name="clustered-noise",
        code="modelstitch.controls.label_only:clustered_noise",
        sender="label",
        ought_to="fail",
        in_verdict=True,
        evidence=("kept", "label-sets"),
    ),
    ControlInfo(
        name="one-hot",
        code="modelstitch.controls.label_only:one_hot",
        sender="label",
        ought_to="fail",
        in_verdict=True,
        evidence=("kept", "label-sets"),
    ),
    ControlInfo(
        name="self-stitch",
        code="modelstitch.controls.self_stitch:roles",
        sender="receiver",
        ought_to="succeed",
        in_verdict=True,
    ),
    ControlInfo(
        name="probe",
        code="modelstitch.controls.probe:roles",
        receiver="read-out",
        evidence=(),
    ),
    ControlInfo(
        name="shuffled-labels",
        code="modelstitch.controls.shuffled_labels:roles",
        labels="shuffled",
        ought_to="fail",
        evidence=("selectivity",),
    ),
)

_TABLE = {row.name: row for row in _ROWS}

CONTROLS: Mapping[str, ControlInfo] = MappingProxyType(_TABLE)
"""Every grid by name, in the order in which grids are shown: the real one, then its controls."""

TRAINED = "trained"
"""The real grid: trained sender, trained receiver."""

RANDOM_SENDER = "random-sender"
"""The control that scores are normalised by: its score is 0 of the scale."""

SELF_STITCH = "self-stitch"
"""The control that ought to succeed: its score is 1 of the scale."""

SHUFFLED_LABELS = "shuffled-labels"
"""The control that selectivity is measured against."""

VERDICT_CONTROLS = tuple(row.name for row in _ROWS if row.in_verdict)
"""What a verdict is read against; run unless the user chooses controls."""


def control_names(names: Sequence[str]) -> tuple[str, ...]:
    """Return the controls that names mean; ``standard``, ``all`` and ``none`` stand for several.

    Raises:
        SpecError: an unknown name.

    Example:
        >>> control_names(["standard", "probe"])
        ('random-sender', 'clustered-noise', 'one-hot', 'self-stitch', 'probe')
        >>> control_names(["none"])
        ()
    """
    every = tuple(name for name in CONTROLS if name != TRAINED)
    groups: dict[str, tuple[str, ...]] = {"standard": VERDICT_CONTROLS, "all": every, "none": ()}
    for name in names:
        expect_one_of("control", name, (*CONTROLS, *groups), SpecError)
    if not set(names) & set(groups):
        return tuple(names)
    return tuple(dict.fromkeys(each for name in names for each in groups.get(name, (name,))))


def random_controls() -> tuple[str, ...]:
    """Return the names of the controls in which a network is re-initialised, in the order of the table.

    Example:
        >>> random_controls()[:3]
        ('random-sender', 'random-sender-bn', 'random-receiver')
    """
    return tuple(name for name, info in CONTROLS.items() if info.random)


def label_only_controls() -> tuple[str, ...]:
    """Return the names of the controls whose sender holds the label alone, in the order of the table.

    Example:
        >>> label_only_controls()
        ('clustered-noise', 'one-hot')
    """
    return tuple(name for name, info in CONTROLS.items() if info.label_only)


def combinations() -> dict[tuple[bool, bool], str]:
    """Return the grid of trained or untrained sender into trained or untrained receiver, copies as drawn.

    Returns:
        Names by whether the sender and the receiver are untrained: the four combinations of Hernandez et al.

    Example:
        >>> combinations()[True, False], list(combinations().values())
        ('random-sender', ['trained', 'random-sender', 'random-receiver', 'random-both'])
    """
    plain = [info for info in CONTROLS.values() if not info.calibrated and info.labels == "own"]
    return {
        (info.sender == "untrained", info.receiver == "untrained"): info.name
        for info in plain
        if {info.sender, info.receiver} <= {"own", "untrained"}
    }
