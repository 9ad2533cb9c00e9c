"""``modelstitch compare``: the grid of two models."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from modelstitch.cli.options import layouts, memory, view_of
from modelstitch.errors import SpecError
from modelstitch.specs import (
    ROLE_SEEDS,
    VERDICT_CONTROLS,
    DataSpec,
    EvidenceSpec,
    FitSpec,
    ModelSpec,
    StitchSpec,
    View,
)

if TYPE_CHECKING:
    from modelstitch.grid.grid import Budget
    from modelstitch.grid.representations import Pass
    from modelstitch.results.comparison import Comparison
    from modelstitch.runs.prepare import Session


@dataclass(frozen=True)
class Compare:
    """Stitch every sender cut into every receiver cut and score each stitched network."""

    sender: tyro.conf.Positional[Annotated[str, tyro.conf.arg(metavar="SENDER")]]
    """Gives its first layers: zoo:NAME, a checkpoint of ours, or package.module:factory(name=value)."""
    receiver: tyro.conf.Positional[Annotated[str, tyro.conf.arg(metavar="RECEIVER")]]
    """Gives its last layers: a model in the same form."""
    data: str = "digits"
    """digits; cifar10 or cifar100, or the path of their official archive; a folder with train*.parquet and test*.parquet, or with one
    folder a class of images, sounds (.wav) or texts (.txt); a .parquet or .npz file; hf:NAME_OR_FOLDER or torchvision:NAME(root=...).
    Of the tasks next-token and masked-token also a .txt file, or a folder of them at any depth."""
    out: Path | None = None
    """Run folder; an existing one is continued. Without it nothing is saved."""
    sender_weights: Path | None = None
    """Weights file of the sender: .safetensors, or a state dict of torch.save."""
    receiver_weights: Path | None = None
    """Weights file of the receiver."""
    partial: bool = False
    """Load weights that fit only in part, and leave the rest of the model untrained."""
    cuts: tuple[str, ...] = ()
    """Cuts of both models; all block boundaries without it."""
    sender_cuts: tuple[str, ...] = ()
    """Cuts of the sender."""
    receiver_cuts: tuple[str, ...] = ()
    """Cuts of the receiver."""
    stitch: tuple[str, ...] = ("affine",)
    """Stitches to fit: identity, scale, orthogonal, pooled, lowrank(RANK), affine (the paper's), conv(KERNEL), mlp(HIDDEN)."""
    ladder: bool = False
    """Fit ten stitches from identity to conv(3) instead, and report how accuracy grows with parameters."""
    objective: tuple[str, ...] = ("task",)
    """What a stitch is fitted to: task (the receiver's own loss), match (the expected representation, in closed form),
    logits (the receiver's own outputs), latent (expected representations at the cut and after it); of several, every stitch is
    fitted to each."""
    norm: str = "none"
    """none (the paper's stitch) or batch (batch norm before and after the convolution)."""
    controls: tuple[str, ...] = VERDICT_CONTROLS
    """Grids beside the real one; none for the real one alone. random-sender, random-receiver, random-both (untrained copies; with
    -bn behind the name, their batch norms calibrated), clustered-noise and one-hot (senders that hold the label alone),
    self-stitch (the receiver into itself), probe (no receiver), shuffled-labels."""
    evidence: tuple[str, ...] = ("standard",)
    """What to measure beside accuracy: errors, similarity, distribution, trajectory, agreement, information, geometry (these are
    the standard), geometry-pooled, rank, robustness, selectivity, label-sets; all, or none."""
    pictures: bool = False
    """Paint what stitches from each sender cut into the receiver's input make, as pictures.png in the run folder."""
    evidence_examples: int = 1000
    """Most held-out examples to measure evidence on."""
    seeds: tuple[int, ...] = (0,)
    """Fitting seeds; each also draws its own untrained copies."""
    protocol: str = "default"
    """default (fast, and as long as it gains), paper (SGD as Hernandez et al. 2022) or bansal (Adam as Bansal et al. 2021, for
    --norm batch)."""
    epochs: float | None = None
    """A fixed number of passes over the training part for each stitch, instead of as long as it gains."""
    steps: int | None = None
    """A fixed number of optimiser steps for each stitch, likewise."""
    batch_size: int | None = None
    """Examples a step; the protocol's own without it."""
    learning_rate: float | None = None
    """Highest learning rate; the protocol's own without it."""
    limit: int | None = None
    """Number of training examples to fit on, a seeded stratified choice."""
    heldout_limit: int | None = None
    """Number of held-out examples to score on, likewise."""
    data_seed: int = 0
    """Seed of that choice, and of the split where the data has one part only."""
    crop: int | None = None
    """Bring the shorter side of each image to this many pixels as it is read, and take the middle square; for images of different
    sizes."""
    data_channels: int | None = None
    """Read all images as grey (1) or as coloured (3); for sets that hold both."""
    seconds: float | None = None
    """Length of each sound of a folder of .wav files; that of the longest one to fit on without it."""
    rotations: bool = False
    """Turn each image by 0, 90, 180 or 270 degrees and label it by class and rotation; coarser labels are then class, rotation and
    turned."""
    task: str = "classification"
    """What is scored: classification, multi-label, regression, next-token, masked-token, retrieval, or package.module:task, a
    modelstitch.Task of one's own. Of a .npz file; classification, retrieval and the two of tokens also of other data."""
    labels: str | None = None
    """A coarser label set of the data to fit and score by, such as parity for digits; how well the finest labels survive is then
    measured too (label-sets)."""
    sender_layout: tuple[str, ...] = ()
    """How to read representations of the sender where the layout that `modelstitch cuts` shows is wrong: CUT=LAYOUT, such as
    "blocks.0=tokens+1 14x14" or "stage=map2d last"."""
    receiver_layout: tuple[str, ...] = ()
    """The same for the receiver."""
    size: int | None = None
    """Height and width that both models want; sender-size and receiver-size for one of them."""
    mean: str | None = None
    """Mean of each channel that both models subtract, such as 0.485,0.456,0.406."""
    std: str | None = None
    """Standard deviation of each channel that both models divide by."""
    channels: int | None = None
    """Channels that both models want; grey images are shown as colour and colour as grey."""
    sender_channels: int | None = None
    """Channels that the sender wants."""
    receiver_channels: int | None = None
    """Channels that the receiver wants."""
    sender_size: int | None = None
    """Height and width that the sender wants."""
    sender_mean: str | None = None
    """Mean that the sender subtracts."""
    sender_std: str | None = None
    """Standard deviation that the sender divides by."""
    receiver_size: int | None = None
    """Height and width that the receiver wants."""
    receiver_mean: str | None = None
    """Mean that the receiver subtracts."""
    receiver_std: str | None = None
    """Standard deviation that the receiver divides by."""
    tokenizer: str | None = None
    """Tokenizer by which both models read texts: bytes (each byte is a token, its value plus 1; 0 fills up: 257 tokens), or the name
    or folder of one of transformers; sender-tokenizer and receiver-tokenizer for one of them. A model of hf: brings its own."""
    sender_tokenizer: str | None = None
    """Tokenizer of the sender."""
    receiver_tokenizer: str | None = None
    """Tokenizer of the receiver."""
    length: int | None = None
    """Number of tokens that texts are cut or filled up to; those of the longest one to fit on, at most 512, without it. Where
    every token is wanted, texts are cut into examples of so many tokens, 128 without it."""
    sender_length: int | None = None
    """Number of tokens of the sender's texts."""
    receiver_length: int | None = None
    """Number of tokens of the receiver's texts."""
    rate: int | None = None
    """Samples a second that both models want of a sound; sender-rate and receiver-rate for one of them."""
    sender_rate: int | None = None
    """Samples a second that the sender wants."""
    receiver_rate: int | None = None
    """Samples a second that the receiver wants."""
    device: str = "auto"
    """auto, cpu or cuda."""
    memory: str = "2GB"
    """How much memory the whole process may take; what is left of it beside models and data holds the sender's representations, in
    as many passes as that needs."""
    keep: Literal["auto", "device", "host", "disk", "recompute"] = "auto"
    """Where representations are kept; auto: on the device, in as many passes as the memory asks for."""
    dry_run: bool = False
    """Check everything, print what the run would cost, and stop."""
    json: bool = False
    """Print the results as JSON on stdout; progress goes to stderr."""

    def run(self) -> bool:
        """Run the grid; return whether some cells failed."""
        memory_bytes = memory(self.memory)
        fit = self._fit()
        if len(set(self.objective)) < len(self.objective) or not self.objective:
            raise SpecError(
                f"expected at least one objective, none twice, got {' '.join(self.objective) or 'none'}"
            )
        if self.ladder and (self.stitch != ("affine",) or self.norm != "none"):
            raise SpecError("expected either --ladder or --stitch and --norm, got both")
        data = DataSpec(
            source=self.data,
            limit=self.limit,
            heldout_limit=self.heldout_limit,
            seed=self.data_seed,
            rotations=self.rotations,
            labels=self.labels,
            crop=self.crop,
            task=self.task,
            seconds=self.seconds,
            channels=self.data_channels,
        )
        sender = self._model("sender")
        receiver = self._model("receiver")

        from modelstitch.cli.show import watching
        from modelstitch.grid.grid import Budget
        from modelstitch.runs.memory import representation_bytes
        from modelstitch.runs.prepare import prepare
        from modelstitch.runs.run import ready, run

        evidence = EvidenceSpec.parse(self.evidence, self.evidence_examples)
        stitches = self._stitches()
        with watching() as watcher:
            session = prepare(
                sender,
                receiver,
                data,
                cuts=self.cuts,
                sender_cuts=self.sender_cuts,
                receiver_cuts=self.receiver_cuts,
                stitches=stitches,
                fit=fit,
                controls=() if self.controls == ("none",) else self.controls,
                seeds=self.seeds,
                device=self.device,
                progress=watcher,
            )
            budget = Budget(representation_bytes(session, memory_bytes), self.keep, memory_bytes)
            if self.dry_run:
                ready(session)
                watcher.stage("timing one step of each cell")
                text = self._estimate(session, budget, evidence)
            else:
                comparison = run(
                    session,
                    out=self.out,
                    budget=budget,
                    evidence=evidence,
                    pictures=self.pictures,
                    progress=watcher,
                )
        if self.dry_run:
            print(text)
            return False
        return report(comparison, self.out, self.json)

    def _fit(self) -> FitSpec:
        changes: dict[str, Any] = {
            name: value
            for name in ("epochs", "steps", "batch_size", "learning_rate")
            if (value := getattr(self, name)) is not None
        }
        return FitSpec.named(self.protocol, objective=self.objective[0], **changes)

    def _stitches(self) -> list[StitchSpec]:
        from modelstitch.stitches.ladder import LADDER

        stitches = LADDER if self.ladder else [StitchSpec.parse(text, self.norm) for text in self.stitch]
        # The first objective is the fit's own, so that a run with one has plain names.
        own = [None, *self.objective[1:]]
        return [
            stitch if objective is None else replace(stitch, objective=objective)  # type: ignore[arg-type]
            for objective in own
            for stitch in stitches
        ]

    def _model(self, role: str) -> ModelSpec:
        def option(name: str) -> Any:
            own = getattr(self, f"{role}_{name}")
            return getattr(self, name) if own is None else own

        view: View = view_of(
            option("size"), option("channels"), option("mean"), option("std"), option("rate")
        )
        view = replace(view, tokenizer=option("tokenizer"), length=option("length"))
        weights = getattr(self, f"{role}_weights")
        return ModelSpec(
            source=getattr(self, role),
            weights=None if weights is None else str(weights),
            partial=self.partial,
            seed=ROLE_SEEDS[role],
            view=view,
            layouts=layouts(getattr(self, f"{role}_layout")),
        )

    def _estimate(self, session: Session, budget: Budget, evidence: EvidenceSpec) -> str:
        import json

        from modelstitch.runs.estimate import estimate

        cost = estimate(session, budget, evidence)
        if self.json:
            return json.dumps(asdict(cost))
        spec = session.spec
        return "\n".join(
            [
                f"cells:      {cost.n_cells} ({len(spec.sender_cuts)} sender cuts x {len(spec.receiver_cuts)} receiver "
                f"cuts x {len(spec.stitches)} stitches x {len(spec.controls)} grids x {len(spec.seeds)} seeds)",
                f"parameters: {cost.n_parameters:,} in all stitches",
                f"time:       about {_duration(cost.seconds + cost.evidence_seconds)}, of which evidence "
                f"{_duration(cost.evidence_seconds)}",
                f"memory:     about {cost.bytes / 1e9:.1f} GB beside Python and PyTorch",
                f"passes:     {len(cost.passes)}; " + "; ".join(map(_shown, cost.passes)),
                f"            (computing representations again at each step would add {_duration(cost.recomputed_seconds)})",
            ]
        )


def _shown(each: Pass) -> str:
    where = {"device": "kept", "recompute": "computed again"}.get(each.place, f"kept on {each.place}")
    costs = ", ".join(f"{place} {_duration(seconds)}" for place, seconds in each.costs)
    return f"{', '.join(each.names)} {where}, {each.bytes / 1e9:.2f} GB" + (
        f" (costs: {costs})" if costs else ""
    )


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def report(comparison: Comparison, out: Path | None, as_json: bool) -> bool:
    """Show a finished comparison; return whether some cells failed."""
    import json
    import sys

    if as_json:
        print(json.dumps(comparison.to_json(), allow_nan=False))
    else:
        from modelstitch.cli.show import print_curves, print_matrix, print_verdicts

        for stitch in comparison.stitches:
            accuracies = [
                f"whole {role} {value:.3f}"
                for role in ("sender", "receiver")
                if (value := comparison.baseline(role)) is not None
            ]
            print_matrix(comparison.matrix(stitch=stitch), f"{stitch}: {', '.join(accuracies)}")
            print_verdicts(comparison, stitch)
        for sentence in comparison.sentences():
            print(f"- {sentence}")
        if comparison.has_curves:
            print_curves(comparison)
        if out is not None:
            print("\nFiles:")
            for name, what in (
                ("report.html", "the page: open this one"),
                ("matrix.png", "the picture"),
                *([("pictures.png", "what stitches paint")] if (out / "pictures.png").is_file() else []),
                *([("capacity.png", "the capacity curves")] if comparison.has_curves else []),
                ("cells.csv", "the table"),
                ("cells.parquet", "the same"),
                *([("evidence.csv", "the evidence")] if comparison.evidence else []),
                *([("advantages.csv", "differences to the controls")] if comparison.advantages else []),
                *([("errors.csv", "EV, ES and SV")] if len(comparison.error_table()) else []),
                *([("verdicts.csv", "the verdicts with their reasons")] if comparison.verdicts() else []),
                ("run.sqlite", "the database"),
                ("stitches/", "the fitted stitches"),
            ):
                print(f"  {out / name}  {what}")
    if comparison.failed:
        first = comparison.failed[0]
        print(
            f"modelstitch: {len(comparison.failed)} of {len(comparison.cells)} cells failed, the first is "
            f"{first.sender_cut} -> {first.receiver_cut} ({first.control}): {first.failure}; "
            "a lower --learning-rate may help",
            file=sys.stderr,
        )
    return bool(comparison.failed)
