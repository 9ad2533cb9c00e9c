"""``modelstitch reuse``: which part of one network is worth keeping in front of a part of another."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from modelstitch.cli.compare import Compare
from modelstitch.cli.exits import Exit
from modelstitch.cli.json_output import print_json
from modelstitch.cli.options import memory
from modelstitch.cli.screen import tell
from modelstitch.errors import RunError, SpecError
from modelstitch.specs import (
    DEFAULT_FAMILY,
    VERDICT_CONTROLS,
    DataSpec,
    EvidenceSpec,
    StitchSpec,
    control_names,
)
from modelstitch.util.places import expect_writable, why_not_written

if TYPE_CHECKING:
    from modelstitch.adoption.candidates.candidate import Candidates
    from modelstitch.adoption.candidates.constraints import Constraints
    from modelstitch.adoption.candidates.reuse import ReuseSpec
    from modelstitch.adoption.worth.beside import BesideSpec, Further
    from modelstitch.results.comparison import Comparison
    from modelstitch.util.progress import Progress


@dataclass(frozen=True)
class Reuse:
    """Say which part of one model is worth reusing in another: what it saves, what it loses, how sure.

    Exit code 0: a candidate qualifies by its score and cost; 4: none does; 3: undecided. It does not speak of
    the verdict: the decision word (decision in the JSON) does, which may be undecided or leave beside 0.
    """

    sender: tyro.conf.Positional[Annotated[str, tyro.conf.arg(metavar="SENDER")]]
    """The model whose first layers would be reused, as for compare; or a finished run folder, alone."""
    receiver: tyro.conf.Positional[Annotated[str | None, tyro.conf.arg(metavar="RECEIVER")]] = None
    """The model whose last layers would be kept; none with a run folder."""
    data: str = "digits"
    """Examples to fit and score on, as for compare."""
    out: Path | None = None
    """Run folder, which gets candidates.csv, candidates.json and candidates.png too. A finished run grows."""
    margin: float = 0.02
    """Points of score up to which a candidate counts as no worse than the network that it would replace."""
    at_most_multiply_adds: str | None = None
    """Most multiply-adds of a candidate: a number, such as 30M, or a share of the network that it would
    replace, such as 0.6x."""
    at_most_parameters: str | None = None
    """Most parameters of a candidate: a number, such as 2M, or a share of the replaced network, such as
    0.6x."""
    at_most_latency: str | None = None
    """Most milliseconds of a call with one example (median): a number, or a share of the replaced network,
    such as 0.6x."""
    at_least_score: float | None = None
    """Least score on the confirming examples."""
    rank_by: str = "multiply-adds"
    """Order of the candidates: score, multiply-adds, parameters or latency."""
    latency: bool = True
    """Measure latency and peak memory at batch 1 and 64, each candidate and both networks in turn."""
    rivals: bool = False
    """Fit what else one could do for the cost of the first candidate, and of every other one that is not
    shown to be worse, and score it beside: the receiver fine-tuned or cut short, linear heads, a distilled
    student. Takes longer than the search."""
    prices: Path | None = None
    """TOML file of prices (an hour of labelling, of a GPU, of an engineer, a million inferences) and of
    what you assume: what it costs to reuse the first candidate, to train again, to leave all as it is."""
    parts: int = 2
    """3 composes chains sender, receiver, sender from fitted stitches, with --back."""
    back: Path | None = None
    """Finished run folder of the receiver into the sender."""
    at_most_chain: float = 1.0
    """Most multiply-adds of a chain, as a multiple of the sender's multiply-adds."""
    labels: bool = False
    """Also find how many labelled examples each candidate needs: its stitch is fitted on 50, 100, 200, ... of
    them, until it is within the margin of that of all."""
    sender_weights: Path | None = None
    """Weights file of the sender."""
    receiver_weights: Path | None = None
    """Weights file of the receiver."""
    names: tuple[str, ...] = ()
    """What to call sender and receiver in every answer, such as old,new; by default by their source."""
    allow_untrained: bool = False
    """Go on with a receiver that does no better than a guess; no verdict is made then."""
    cuts: tuple[str, ...] = ()
    """Cuts of both models; by default the ends of all blocks."""
    sender_cuts: tuple[str, ...] = ()
    """Cuts of the sender, instead of --cuts."""
    receiver_cuts: tuple[str, ...] = ()
    """Cuts of the receiver, instead of --cuts."""
    stitch: tuple[str, ...] = (DEFAULT_FAMILY,)
    """Stitches to fit."""
    controls: tuple[str, ...] = VERDICT_CONTROLS
    """Controls of the cells on the front of score against cost; none for no verdict."""
    evidence: tuple[str, ...] = ("standard",)
    """Evidence about the same cells."""
    seeds: tuple[int, ...] = (0,)
    """Seeds of the fits of the same cells."""
    limit: int | None = None
    """Number of training examples to fit on: a stratified choice."""
    heldout_limit: int | None = None
    """Number of held-out examples to choose and confirm on: a stratified choice."""
    task: str = "classification"
    """What is scored, as for compare."""
    group_column: str | None = None
    """Column (or array of a .npz file) of groups, such as patients, that come into one part: of training and
    held-out examples, and of the examples that choose and confirm."""
    label_column: str | None = None
    """The column of labels, as for compare."""
    input_column: tuple[str, ...] = ()
    """The column of images or texts, as for compare."""
    size: int | None = None
    """Height and width of images for both models."""
    mean: tuple[float, ...] = ()
    """Mean of each channel that both models subtract."""
    std: tuple[float, ...] = ()
    """Standard deviation of each channel that both models divide by."""
    device: str = "auto"
    """auto (a GPU if there is one), cpu or cuda."""
    memory: str = "2GB"
    """How much memory the process may take."""
    cache: Path | None = None
    """Folder where captured graphs are kept, and looked for first; it holds no weights."""
    json: bool = False
    """Print the table as JSON on stdout; news go to stderr."""

    def run(self) -> Exit:
        """Look for candidates; the exit code says whether there is one."""
        from modelstitch.adoption.candidates.reuse import candidates
        from modelstitch.adoption.worth.beside import further
        from modelstitch.util.progress_bar import watching

        if self.out is not None:
            from modelstitch.runs.database import expect_for_one

            expect_writable(self.out)
            expect_for_one(self.out)
        options, beside = self._reuse_spec(), self._beside()
        with watching() as watcher, tempfile.TemporaryDirectory() as scratch:
            folder = self.out or Path(scratch) / "run"
            comparison = (
                self._stored()
                if self.receiver is None
                else self._searched(folder, options.constraints, watcher)
            )
            found = candidates(comparison, options, watcher)
            told = further(comparison, found, beside, watcher)
        from modelstitch.runs.place import holds_run

        out = self.out if self.receiver is not None else Path(self.sender)
        if out is not None:
            self._write(found, told, out)
            if holds_run(out):  # not where nothing was worth fitting
                self._write_page(comparison, out)
        self._show(found, told, out)
        return {"candidate": Exit.HOLDS, "undecided": Exit.INCOMPLETE, "none": Exit.DOES_NOT_HOLD}[
            found.outcome
        ]

    def _reuse_spec(self) -> ReuseSpec:
        from modelstitch.adoption.candidates.constraints import Bound, Constraints
        from modelstitch.adoption.candidates.reuse import BATCHES, ReuseSpec

        bounds = {
            name: None if text is None else Bound.parse(name.replace("_", "-"), text)
            for name, text in (
                ("multiply_adds", self.at_most_multiply_adds),
                ("parameters", self.at_most_parameters),
                ("latency", self.at_most_latency),
            )
        }
        return ReuseSpec(
            margin=self.margin,
            constraints=Constraints(score=self.at_least_score, **bounds),
            rank_by=self.rank_by,
            batches=BATCHES if self.latency else (),
            labels=self.labels,
        )

    def _beside(self) -> BesideSpec:
        """Return what is asked for beside candidates; wrong prices are refused before anything is fitted."""
        from modelstitch.adoption.worth.beside import BesideSpec, expect_parts
        from modelstitch.adoption.worth.prices import read_prices
        from modelstitch.api.use import load_one

        expect_parts(self.parts, None if self.back is None else str(self.back), self.at_most_chain)
        return BesideSpec(
            rivals=self.rivals,
            prices=None if self.prices is None else read_prices(self.prices),
            back=None if self.back is None else load_one(self.back, self.cache),
            at_most=self.at_most_chain,
        )

    def _stored(self) -> Comparison:
        from modelstitch.api.use import load_one

        if not Path(self.sender).is_dir():
            raise RunError(
                f"expected a sender and a receiver, or a finished run folder, got {self.sender!r} alone, "
                "which is no folder: give the receiver, too"
            )
        given = [name for name, value in _DEFAULTS.items() if getattr(self, name) != value]
        if given:
            options = ", ".join(f"--{name.replace('_', '-')}" for name in given)
            raise SpecError(
                f"expected {options} with a sender and a receiver, got {'it' if len(given) == 1 else 'them'} "
                "with a finished run folder, which is read as it is: leave it out, or give both models and "
                "--out RUN, which grows"
            )
        return load_one(self.sender, self.cache)

    def _searched(self, out: Path, constraints: Constraints, watcher: Progress) -> Comparison:
        from modelstitch.adoption.candidates.search import search
        from modelstitch.grid.grid import Budget
        from modelstitch.results.facts import BySide
        from modelstitch.runs.memory import representation_bytes
        from modelstitch.runs.prepare import prepare

        memory_bytes = memory(self.memory)
        evidence = EvidenceSpec.parse(self.evidence)
        names = ("sender_weights", "receiver_weights", "size", "mean", "std", "names")
        assert self.receiver is not None
        given = Compare(self.sender, self.receiver, **{name: getattr(self, name) for name in names})
        models = given.run_config()
        session = prepare(
            models.sender,
            models.receiver,
            self._data(),
            cuts=self.cuts,
            sender_cuts=self.sender_cuts,
            receiver_cuts=self.receiver_cuts,
            stitches=[StitchSpec.parse(text) for text in self.stitch],
            controls=control_names(self.controls),
            seeds=self.seeds,
            device=self.device,
            names=None if models.names is None else BySide(*models.names),
            allow_untrained=self.allow_untrained,
            cache=self.cache,
            progress=watcher,
        )
        budget = Budget(representation_bytes(session, memory_bytes), "auto", memory_bytes)
        return search(
            session, out=out, budget=budget, evidence=evidence, constraints=constraints, progress=watcher
        )

    def _data(self) -> DataSpec:
        return DataSpec(
            source=self.data,
            limit=self.limit,
            heldout_limit=self.heldout_limit,
            task=self.task,
            group_column=self.group_column,
            label_column=self.label_column,
            input_column=self.input_column,
        )

    def _write(self, found: Candidates, told: Further, out: Path) -> None:
        from modelstitch.adoption.candidates.picture import picture
        from modelstitch.runs.sums import note_written
        from modelstitch.util.atomic_files import atomic_write

        text = json.dumps({**found.to_json(), **told.to_plain()}, allow_nan=False, indent=1)
        drawn, rows = picture(found), found.to_csv()
        try:
            atomic_write(out / "candidates.json", lambda path: path.write_text(text, encoding="utf-8"))
            atomic_write(out / "candidates.csv", lambda path: path.write_text(rows, encoding="utf-8"))
            atomic_write(out / "candidates.png", lambda path: drawn.savefig(path, format="png", dpi=150))
        except OSError as error:
            raise RunError(
                f"cannot write candidates to {str(out)!r}: {why_not_written(out, error)}"
            ) from error
        for ending in ("json", "csv", "png"):
            note_written(out / f"candidates.{ending}")

    @staticmethod
    def _write_page(comparison: Comparison, out: Path) -> None:
        """Write the page of the run again, which now leads on to its candidates."""
        from modelstitch.cli.page_parts import strips_of
        from modelstitch.report import page, write_page
        from modelstitch.report.beyond import BeyondRun
        from modelstitch.runs.sums import note_written

        beyond = BeyondRun.of_run(comparison, out, shows_examples=True)
        text = page(comparison, strips=strips_of(out), folder=out, beyond=beyond)
        write_page(text, out / "report.html")
        note_written(out / "report.html")

    def _show(self, found: Candidates, told: Further, out: Path | None) -> None:
        if self.json:
            print_json("reuse", {**found.to_json(), **told.to_plain()})
            return
        from modelstitch.cli.candidate_table import print_candidates
        from modelstitch.results.decision_sentences import decision_sentences
        from modelstitch.results.reuse_table import reuse_table_from
        from modelstitch.wording import say

        print_candidates(found)
        said = decision_sentences(reuse_table_from(found.to_json()))
        tell(f"\n{say(f'decision.word.{found.decision}')}. {' '.join(said)}")
        for sentence in told.sentences():
            tell(f"\n{sentence}")
        if out is not None:
            from modelstitch.runs.place import holds_run

            print("\nFiles:")
            for name, what in (("csv", "the table"), ("json", "all numbers"), ("png", "score against cost")):
                tell(f"  {out / f'candidates.{name}'}  {what}")
            if holds_run(out):
                tell(f"  {out / 'report.html'}  the page")


_OF_A_FINISHED_RUN = {
    *("sender", "receiver", "margin", "at_most_multiply_adds", "at_most_parameters", "at_most_latency"),
    *("at_least_score", "rank_by", "latency", "rivals", "prices", "parts", "back", "at_most_chain", "labels"),
    *("cache", "json"),
}
"""Options that mean something for a finished run; all others say what to load and to fit."""

_DEFAULTS = {one.name: one.default for one in fields(Reuse) if one.name not in _OF_A_FINISHED_RUN}
