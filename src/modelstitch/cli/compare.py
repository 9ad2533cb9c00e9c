"""``modelstitch compare``: the grid of two models."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import tyro

from modelstitch.cli.config_options import plain_of
from modelstitch.cli.estimate import DryRun, estimated, print_estimates
from modelstitch.cli.exits import Exit, exit_of
from modelstitch.cli.options import memory
from modelstitch.errors import RunError, SpecError
from modelstitch.specs import (
    CONTROLS,
    DEFAULT_FAMILY,
    EVIDENCE,
    FAMILIES,
    TRAINED,
    VERDICT_CONTROLS,
    DataSpec,
    RandomName,
)
from modelstitch.specs.config import (
    ROLES,
    RunConfig,
    config_from,
    config_of_file,
    merged,
    read_config,
    to_toml,
)
from modelstitch.util.atomic_files import atomic_write
from modelstitch.util.places import expect_writable, why_not_written
from modelstitch.wording import say

if TYPE_CHECKING:
    from modelstitch.results.comparison import Comparison
    from modelstitch.util.progress import Progress

_FAMILY_NAMES = [
    family.name if family.size is None else f"{family.name}({family.size.upper()})"
    for family in FAMILIES.values()
]
_CONTROL_NAMES = [
    f"{control.name}: {say(control.title)}" for control in CONTROLS.values() if control.name != TRAINED
]

# The help of options whose values are rows of a table.
_STITCH_HELP = (
    f"Stitches to fit, from the smallest capacity up: {', '.join(_FAMILY_NAMES)}. "
    "affine is that of Hernandez et al. 2022."
)
_CONTROLS_HELP = (
    "Grids to run beside the real one, to read it against; none for the real one alone, all for all. "
    f"{'; '.join(_CONTROL_NAMES)}."
)
_EVIDENCE_HELP = (
    "What to measure beside accuracy; standard is the first eight, all is all, none is nothing: "
    f"{', '.join(EVIDENCE)}."
)


@dataclass(frozen=True)
class Compare:
    """Stitch every cut of one model into every cut of another; score each result, beside its controls."""

    sender: tyro.conf.Positional[Annotated[str | None, tyro.conf.arg(metavar="SENDER")]] = None
    """The model whose first layers are used: zoo:NAME, a checkpoint of modelstitch train,
    package.module:factory(name=value), hf:NAME_OR_FOLDER, timm:NAME or torchvision:NAME."""
    receiver: tyro.conf.Positional[Annotated[str | None, tyro.conf.arg(metavar="RECEIVER")]] = None
    """The model whose last layers are used, in the same form."""
    config: Path | None = None
    """TOML file of a run, such as run.toml of a run folder: models, data, cuts, stitches, objectives,
    controls, seeds, evidence and fit. Options beside it take the place of its values."""
    save_config: Path | None = None
    """TOML file to write before the run: --config FILE repeats the command with it."""
    data: str = "digits"
    """Examples to fit and score on:
    digits, numbers, cifar10, cifar100, or the path of the official archive of CIFAR;
    a folder with train*.parquet and test*.parquet;
    a folder that holds one folder a class, of images, sounds (.wav) or texts (.txt);
    a .parquet or .npz file;
    hf:NAME_OR_FOLDER or torchvision:NAME(root=...).
    For the tasks next-token and masked-token also a .txt file, or a folder with .txt files at any depth."""
    out: Path | None = None
    """Run folder; an existing one is continued, and grows by what it lacks: more --seeds, cuts, stitches,
    --controls or --evidence. By default nothing is saved."""
    sender_weights: Path | None = None
    """Weights file of the sender: .safetensors, or a state dict that torch.save wrote."""
    receiver_weights: Path | None = None
    """Weights file of the receiver."""
    weights_key: str | None = None
    """Which weights of the file, for both models: the name that stands before their keys, such as ema or
    state_dict; . is the top of the file. Asked for where a file holds several.
    --sender-weights-key or --receiver-weights-key for one of them."""
    sender_weights_key: str | None = None
    """Which weights of the sender's file."""
    receiver_weights_key: str | None = None
    """Which weights of the receiver's file."""
    names: tuple[str, ...] = ()
    """What to call sender and receiver in every answer, such as old,new; by default by their source."""
    allow_untrained: bool = False
    """Go on with a receiver that does no better than a guess; no verdict is made then.
    Without it such a receiver ends the run, with the likely causes."""
    partial: bool = False
    """Load weights that fit the model only in part, and leave the rest of the model untrained: weights of a
    file, of hf:, timm: or package.module:factory. The result names what stays untrained."""
    sender_output: str | None = None
    """Which of several outputs of the sender is scored: its name or number, such as logits, 1 or heads.a.
    By default the one that fits the labels, where there is one such."""
    receiver_output: str | None = None
    """Which of several outputs of the receiver is scored."""
    sender_output_scale: str | None = None
    """What the sender's outputs are, where it cannot be recognised: logits, probabilities (of a softmax),
    log-probabilities, sigmoid or log-sigmoid (of each class by itself)."""
    receiver_output_scale: str | None = None
    """What the receiver's outputs are."""
    cuts: tuple[str, ...] = ()
    """Cuts of both models, by the names that `modelstitch cuts` lists; by default the ends of all blocks."""
    sender_cuts: tuple[str, ...] = ()
    """Cuts of the sender, instead of --cuts."""
    receiver_cuts: tuple[str, ...] = ()
    """Cuts of the receiver, instead of --cuts."""
    stitch: tuple[str, ...] = field(default=(DEFAULT_FAMILY,), metadata={"help": _STITCH_HELP})
    ladder: bool = False
    """Fit eleven stitches from identity to mlp(64) instead, and report the smallest that is interchangeable,
    and up to which one the trained sender keeps more than an untrained or label-only one."""
    objective: tuple[str, ...] = ("task",)
    """What a stitch is fitted to; if several are given, every stitch is fitted to each:
    task, the receiver's own loss;
    match, the expected representation, in closed form;
    logits, the receiver's own outputs;
    latent, the expected representations at the cut and after it."""
    norm: str = "none"
    """none, or batch: a batch norm before and after the convolution of the stitch."""
    controls: tuple[str, ...] = field(default=VERDICT_CONTROLS, metadata={"help": _CONTROLS_HELP})
    evidence: tuple[str, ...] = field(default=("standard",), metadata={"help": _EVIDENCE_HELP})
    pictures: bool = False
    """Write pictures.png to the run folder: what the stitches into the receiver's input make of images."""
    evidence_examples: int = 1000
    """Number of held-out examples to measure evidence on, at most."""
    seeds: tuple[int, ...] = (0,)
    """Seeds of the fits; each also draws its own untrained copies."""
    random: RandomName = "redraw"
    """What becomes of values of an untrained copy that nothing draws: redraw stops and names them,
    permute permutes each tensor within itself, which the report says."""
    protocol: str = "default"
    """How stitches are fitted: default (fast, and as long as accuracy rises),
    paper (SGD as in Hernandez et al. 2022) or bansal (Adam as in Bansal et al. 2021, for --norm batch)."""
    epochs: float | None = None
    """A fixed number of passes over the training examples for each stitch.
    By default a fit goes on as long as accuracy rises."""
    steps: int | None = None
    """A fixed number of optimiser steps for each stitch, instead of --epochs."""
    batch_size: int | None = None
    """Examples a step; by default that of the protocol."""
    learning_rate: float | None = None
    """Highest learning rate; by default that of the protocol."""
    limit: int | None = None
    """Number of training examples to fit on: a stratified choice."""
    heldout_limit: int | None = None
    """Number of held-out examples to score on: a stratified choice."""
    data_seed: int = 0
    """Seed for --limit and --heldout-limit sampling, and for the train/held-out split of data in one part."""
    drop_copies: bool = False
    """Leave out held-out examples that also stand in the training part, as they are or as near copies."""
    group_column: str | None = None
    """Column (or array of a .npz file) of groups, such as patients, that come into one part.
    For data in one part, which is divided; data in two parts that share a group are refused."""
    within_column: str | None = None
    """Array of a .npz file with the groups that "within class" means, for a task without classes."""
    crop: int | None = None
    """Resize the shorter side of each image to this many pixels and take the middle square.
    For images of different sizes. What a model's own processor scales and cuts comes after it: give the size
    that the processor scales to, such as 256 before a cut of 224."""
    data_channels: int | None = None
    """Read all images as grey (1) or as colour (3); for data that hold both."""
    seconds: float | None = None
    """Length of each sound of a folder of .wav files; by default that of the longest.
    What is cut is counted and said."""
    label_column: str | None = None
    """The column of labels (of a .npz file, the array), where the data have columns and it is not clear from
    names and metadata which one it is."""
    input_column: tuple[str, ...] = ()
    """The column of images or texts, where it is not clear which one it is; two names are a pair of texts,
    such as premise,hypothesis."""
    rotations: bool = False
    """Rotate each image by 0, 90, 180 or 270 degrees and label it by class and rotation.
    Coarser label sets are then class, rotation and turned."""
    task: str = "classification"
    """What is scored: classification, retrieval, next-token, masked-token;
    with a .npz file also multi-label, regression, or package.module:task, a modelstitch.Task of your own."""
    labels: tuple[str, ...] = ()
    """A coarser label set of the data to fit and score by, such as parity for digits.
    The evidence label-sets then measures how well the finest labels survive.
    With several, finest among them if you like, stitches are fitted to each, and a table says for which of
    them a cell is interchangeable; --out then holds a run folder for each."""
    data_classes: Path | None = None
    """File with the names of the classes of the data, in the order of the labels: one name a line, or JSON.
    Classes are matched with the outputs of a model by name, where both have names."""
    sender_classes: Path | None = None
    """File with the name of the class of each output of the sender, in their order."""
    receiver_classes: Path | None = None
    """The same for the receiver; by default the names that the model's source gives."""
    sender_layout: tuple[str, ...] = ()
    """How to read representations of the sender, where the layout that `modelstitch cuts` shows is wrong:
    CUT=LAYOUT, such as "blocks.0=tokens+1 14x14" or "stage=map2d last"."""
    receiver_layout: tuple[str, ...] = ()
    """The same for the receiver."""
    size: int | None = None
    """Height and width of images for both models; --sender-size or --receiver-size for one of them."""
    mean: tuple[float, ...] = ()
    """Mean of each channel that both models subtract, such as 0.485,0.456,0.406."""
    std: tuple[float, ...] = ()
    """Standard deviation of each channel that both models divide by."""
    range: tuple[float, ...] = ()
    """Lowest and highest value of images or sounds before mean and std, such as 0,255.
    By default 0,1 where mean and std are given; of sounds -1,1.
    Bytes are brought to it, floating values have to lie in it."""
    channels: int | None = None
    """Channels that both models take; grey images are shown as colour, and colour as grey."""
    sender_channels: int | None = None
    """Channels that the sender takes."""
    receiver_channels: int | None = None
    """Channels that the receiver takes."""
    sender_size: int | None = None
    """Height and width that the sender takes."""
    sender_mean: tuple[float, ...] = ()
    """Mean that the sender subtracts."""
    sender_std: tuple[float, ...] = ()
    """Standard deviation that the sender divides by."""
    sender_range: tuple[float, ...] = ()
    """Lowest and highest value that the sender takes before mean and std."""
    receiver_size: int | None = None
    """Height and width that the receiver takes."""
    receiver_mean: tuple[float, ...] = ()
    """Mean that the receiver subtracts."""
    receiver_std: tuple[float, ...] = ()
    """Standard deviation that the receiver divides by."""
    receiver_range: tuple[float, ...] = ()
    """Lowest and highest value that the receiver takes before mean and std."""
    tokenizer: str | None = None
    """Tokenizer of both models: bytes, or the name or folder of a tokenizer of transformers.
    With bytes a token is the value of a byte plus 1, and 0 is padding: 257 tokens.
    Models of hf: bring their own; --sender-tokenizer or --receiver-tokenizer for one of them."""
    sender_tokenizer: str | None = None
    """Tokenizer of the sender."""
    receiver_tokenizer: str | None = None
    """Tokenizer of the receiver."""
    length: int | None = None
    """Number of tokens that texts are cut or padded to; by default as many as the longest has, within what
    the model and its tokenizer take (512 where they do not say). What is cut is counted and said.
    For next-token and masked-token, texts are cut into examples of so many tokens; by default 128."""
    sender_length: int | None = None
    """Number of tokens of the sender's texts."""
    receiver_length: int | None = None
    """Number of tokens of the receiver's texts."""
    rate: int | None = None
    """Samples a second that both models take of a sound; --sender-rate or --receiver-rate for one of them."""
    sender_rate: int | None = None
    """Samples a second that the sender takes."""
    receiver_rate: int | None = None
    """Samples a second that the receiver takes."""
    device: str = "auto"
    """auto (a GPU if there is one), cpu or cuda."""
    memory: str = "2GB"
    """How much memory the process may take, such as 2GB or 500MB.
    What models and data leave of it holds representations of the sender, in as many passes as that needs."""
    keep: Literal["auto", "device", "host", "disk", "recompute"] = "auto"
    """Where representations are kept; auto keeps them on the device."""
    cache: Path | None = None
    """Folder where captured graphs are kept, and looked for first; it holds no weights."""
    dry_run: bool = False
    """Check everything, print what the run would cost, and stop."""
    json: bool = False
    """Print the answer and all numbers as JSON on stdout; progress goes to stderr. An error is JSON, too."""
    by: str = ""
    """Name of the person who runs it, for the page."""
    fail_unless: Literal["pilot"] | None = None
    """Set the exit code by the recommendation: 0 for pilot, 4 for leave, 3 for undecided."""
    typed: ClassVar[tuple[str, ...]] = ()
    """Options that were typed, also with the value of their default; no option itself."""

    def with_typed(self, names: Iterable[str]) -> Compare:
        """Return the same command that remembers which options were typed."""
        same = replace(self)
        object.__setattr__(same, "typed", tuple(names))
        return same

    def run(self) -> bool | Exit:
        """Run the grid; return whether some cells failed, or what the recommendation says."""
        began = time.perf_counter()
        memory_bytes = memory(self.memory)
        if self.out is not None:
            from modelstitch.runs.database import expect_for_one

            expect_writable(self.out)
            expect_for_one(self.out)
        if self.ladder and (self.stitch != (DEFAULT_FAMILY,) or self.norm != "none"):
            raise SpecError("expected either --ladder or --stitch and --norm, got both")
        config = self.run_config()
        if self.fail_unless is not None and len(self.labels) > 1:
            raise SpecError(
                f"expected one label set with --fail-unless, got {len(self.labels)}: each has its own answer"
            )
        if self.weights_key is not None and not (self.sender_weights or self.receiver_weights):
            raise SpecError(
                f"expected a weights file beside the key {self.weights_key!r} of its weights, got none: give "
                "--sender-weights or --receiver-weights"
            )
        by_name = self._by_label_set(config.data)

        from modelstitch.util.progress_bar import watching

        found: dict[str, Comparison] = {}
        costs: dict[str, DryRun] = {}
        with watching() as watcher:
            for name, (one, out) in by_name.items():
                if len(by_name) > 1:
                    watcher.stage(f"label set {name}")
                outcome = self._outcome(replace(config, data=one), out, memory_bytes, began, watcher)
                if isinstance(outcome, DryRun):
                    costs[name] = outcome
                else:
                    found[name] = outcome
        if self.dry_run:
            print_estimates(costs, self.json)
            return False
        from modelstitch.cli.printed import report, report_labels

        if len(found) == 1:
            (comparison,) = found.values()
            failed = report(comparison, self.out, self.json, time.perf_counter() - began)
            return (
                failed if self.fail_unless is None else exit_of(_word(comparison, self.out), self.fail_unless)
            )
        from modelstitch.results.by_labels import ByLabels

        return report_labels(ByLabels(found), self.out, self.json)

    def _by_label_set(self, data: DataSpec) -> dict[str, tuple[DataSpec, Path | None]]:
        """Return data and run folder for each label set, by name."""
        if len(self.labels) < 2:
            return {"": (data, self.out)}

        from modelstitch.data.several_labels import by_each, run_folders

        folders = run_folders(self.out, self.labels)
        return {name: (one, folders[name]) for name, one in by_each(data, self.labels).items()}

    def run_config(self) -> RunConfig:
        """Return what the options ask for, over what the config file does.

        Raises:
            SpecError: an option or a key that cannot be; no models.
        """
        over = plain_of(self._given())
        if self.config is None:
            if self.sender is None or self.receiver is None:
                got = "none" if self.sender is None else f"{self.sender!r} alone"
                raise SpecError(f"expected a sender and a receiver, or --config FILE.toml, got {got}")
            config = config_from(over, lambda at: "")
        else:
            if not self.names:  # the file has names, or an order
                over["models"] = [{key: one[key] for key in one if key != "name"} for one in over["models"]]
            config = config_of_file(self.config, over)
        if self.save_config is not None:
            values = over if self.config is None else merged(read_config(self.config), over)
            self._save(values, self.save_config)
        return config

    def _given(self) -> dict[str, Any]:
        """Return the options that are not their defaults, or were typed; without a file, the data too."""
        found = {
            one.name: value
            for one in fields(self)
            if (value := getattr(self, one.name)) != one.default or one.name in self.typed
        }
        if self.config is None:
            found["data"] = self.data
        if self.ladder:
            found["stitch"] = ("ladder",)
        if self.weights_key is not None:  # of the models that have a file
            del found["weights_key"]
            for role in ROLES:
                if getattr(self, f"{role}_weights"):
                    found.setdefault(f"{role}_weights_key", self.weights_key)
        return found

    @staticmethod
    def _save(values: Mapping[str, Any], path: Path) -> None:
        text = to_toml(values, f"modelstitch compare --config {path.name}")
        try:
            atomic_write(path, lambda unfinished: unfinished.write_text(text, encoding="utf-8"))
        except OSError as error:
            why = why_not_written(path, error, "--save-config")
            raise RunError(f"cannot write {str(path)!r}: {why}") from error

    def _outcome(
        self, config: RunConfig, out: Path | None, memory_bytes: int, began: float, watcher: Progress
    ) -> Comparison | DryRun:
        """Run the grid on some data, or estimate its cost."""
        from modelstitch.grid.grid import Budget
        from modelstitch.results.facts import BySide
        from modelstitch.runs.memory import representation_bytes
        from modelstitch.runs.prepare import prepare
        from modelstitch.runs.run import ready, run
        from modelstitch.stitches.ladder import LADDER

        session = prepare(
            config.sender,
            config.receiver,
            config.data,
            cuts=config.cuts.both,
            sender_cuts=config.cuts.sender,
            receiver_cuts=config.cuts.receiver,
            stitches=config.stitches(LADDER),
            fit=config.fit,
            controls=config.controls,
            seeds=config.seeds,
            random=config.random,
            names=None if config.names is None else BySide(*config.names),
            device=self.device,
            allow_untrained=self.allow_untrained,
            cache=None if config.cache is None else Path(config.cache),
            progress=watcher,
        )
        budget = Budget(representation_bytes(session, memory_bytes), self.keep, memory_bytes)
        if self.dry_run:
            ready(session)
            watcher.stage("timing one step of each cell")
            return estimated(session, budget, config.evidence, began)
        return run(
            session,
            out=out,
            budget=budget,
            evidence=config.evidence,
            pictures=self.pictures,
            by=self.by,
            progress=watcher,
        )


def _word(comparison: Comparison, out: Path | None) -> str:
    """Return the decision word of a run, with the candidates of its folder."""
    from modelstitch.report.beyond import BeyondRun, word_of

    return word_of(comparison, BeyondRun.of_run(comparison, out))
