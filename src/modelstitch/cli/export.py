"""``modelstitch export``: a folder that carries a candidate."""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from modelstitch.cli.json_output import print_json
from modelstitch.cli.screen import tell
from modelstitch.errors import RunError, SpecError

if TYPE_CHECKING:
    from modelstitch.adoption.folder.card import CandidateCard
    from modelstitch.adoption.folder.signature import Signer


@dataclass(frozen=True)
class Export:
    """Write the stitched network of one cell of a run: weights, program, ONNX, model card, sums, ledger."""

    run_folder: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="RUN")]]
    """The run folder."""
    sender_cut: str
    """Where the sender ends."""
    receiver_cut: str
    """Where the receiver begins."""
    out: Path
    """The folder to write; it must not exist yet."""
    by: str
    """Who exports: the first name in the ledger of the candidate."""
    stitch: str | None = None
    """Which stitch, where several were fitted."""
    seed: int | None = None
    """Fitting seed of the cell; needed where several were fitted."""
    objective: str | None = None
    """Objective of the cell; needed where its stitch was fitted to several."""
    reason: str = ""
    """Why this candidate, for the ledger."""
    margin: float = 0.02
    """The most of the score that may be lost against the whole receiver, shown on the confirming examples."""
    accept_risk: str = ""
    """Export a candidate that is not shown to be at least partly, or to lose no more than the margin: say
    why. The reason stands in the card and in the ledger."""
    finetune: int | None = None
    """Train the network further for so many steps before it is written, by its task, on the training
    examples. The verdict is that of the network before; scores and forms are those after."""
    finetune_part: Literal["stitch", "stitch-and-receiver"] | None = None
    """What is trained further: the stitch (by default), or also the receiver's half, which is then frozen no
    longer. The sender's half is always frozen."""
    sender_licence: str = ""
    """Licence of the sender, such as MIT; without it the card says unknown."""
    receiver_licence: str = ""
    """Licence of the receiver."""
    sign_key: Path | None = None
    """Sign the folder with this private key (PEM, elliptic curve); needs the extra sign."""
    sign_certificate: Path | None = None
    """The certificate of that key."""
    sign_chain: tuple[str, ...] = ()
    """The certificates above it."""
    division_seed: int = 0
    """Seed of the division of the held-out examples; the same as for modelstitch reuse."""
    cache: Path | None = None
    """Folder where captured graphs are kept, and looked for first; it holds no weights."""
    json: bool = False
    """Print the card as JSON on stdout; news go to stderr."""

    def run(self) -> bool:
        """Write the folder; no cell can fail here."""
        from modelstitch.adoption.folder.new_folder import expect_new

        # Refused before anything is loaded.
        expect_new(self.out)
        if not self.run_folder.is_dir():
            raise RunError(
                f"expected a run folder, got {str(self.run_folder)!r}: a saved comparison holds no stitches; "
                "models given in memory are exported from Python, by result.stitched(...).export(...)"
            )
        from modelstitch.adoption.folder.export import ExportSpec, export
        from modelstitch.adoption.folder.finetune import finetune_spec
        from modelstitch.api.use import load_one
        from modelstitch.results.stitched import cell_of
        from modelstitch.util.progress_bar import watching

        options = ExportSpec(
            by=self.by,
            reason=self.reason,
            margin=self.margin,
            accept_risk=self.accept_risk,
            sender_licence=self.sender_licence,
            receiver_licence=self.receiver_licence,
            signer=self._signer(),
            finetune=finetune_spec(self.finetune, self.finetune_part),
            division_seed=self.division_seed,
            command=shlex.join(["modelstitch", *sys.argv[1:]]),
        )
        comparison = load_one(self.run_folder, self.cache)
        cell = cell_of(comparison, self.sender_cut, self.receiver_cut, self.stitch, self.seed, self.objective)
        with watching() as watcher:
            watcher.stage("loading both networks and the data again")
            stitched = comparison.stitched(
                cell.sender_cut,
                cell.receiver_cut,
                stitch=cell.stitch,
                seed=cell.seed,
                objective=cell.objective,
            )
            card = export(stitched, self.out, options, watcher).card
        for why in card.not_written.values():
            tell(f"modelstitch: {why}", file=sys.stderr)
        if self.json:
            print_json("export", card.to_plain())
        else:
            self._show(card)
        return False

    def _signer(self) -> Signer | None:
        from modelstitch.adoption.folder.signature import Signer

        chain = tuple(map(Path, self.sign_chain))
        if self.sign_key is not None:
            return Signer(key=self.sign_key, certificate=self.sign_certificate, chain=chain)
        if self.sign_certificate is not None or chain:
            raise SpecError("expected a private key beside the certificates, got none: give --sign-key")
        return None

    def _show(self, card: CandidateCard) -> None:
        from modelstitch.adoption.folder.card import CARD

        value, low, high = card.score
        print(f"{card.name}: {card.n_parameters:,} parameters")
        tell(
            f"{card.score_name} {value:.3f} ({low:.3f} to {high:.3f}) on {card.n_confirm} confirming examples"
        )
        if card.lost is not None:
            lost, least, most = card.lost
            tell(f"lost against the whole receiver: {lost:.3f} ({least:.3f} to {most:.3f})")
        for line in tuned_lines(card):
            tell(line)
        for reason in card.risk_reasons:
            tell(f"accepted risk: {reason}")
        for one in card.forms:
            tell(f"  {self.out / one.form}  differs by {one.difference:.2g}, {one.answers} other answers")
        print(f"  {self.out / CARD}  the model card")


def tuned_lines(card: CandidateCard) -> list[str]:
    """Return what is printed of a network that was trained further; nothing of another one."""
    if card.finetuned is None:
        return []
    before, after = card.finetuned["score_before"], card.score[0]
    halves = "both halves are frozen" if card.frozen else "the receiver's half is frozen no longer"
    return [
        f"fine-tuned for {card.finetuned['steps']:,} steps ({halves}): {card.score_name} {before:.3f} "
        f"before, {after:.3f} after",
        "the verdict and the controls are of the network before fine-tuning",
    ]
