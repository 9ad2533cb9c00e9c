"""``modelstitch verify``: check a run or a candidate again, by somebody else, on another machine."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from modelstitch.cli.exits import Exit
from modelstitch.cli.json_output import print_json
from modelstitch.cli.screen import tell

if TYPE_CHECKING:
    from modelstitch.adoption.folder.signature import Trust
    from modelstitch.adoption.verify.record import Verification


@dataclass(frozen=True)
class Verify:
    """Check a run, or the folder of a candidate, again; what was not checked is said.

    Exit code 0 where everything that was checked holds, 4 where something does not.
    """

    folder: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="RUN|DIR")]]
    """A run folder, or the folder of a candidate."""
    by: str
    """Who checks: the name in the record. Adopting a candidate needs another name than the exporter's."""
    sample: int = 8
    """Of a run: how many cells of the real grid are scored again, and how many of the controls, drawn at
    random, each control once at least; a number as large as the run takes all."""
    data: str | None = None
    """Where the data of the run lie on this machine. Of a candidate they are needed to check the score; other
    data are scored, and check nothing."""
    seed: int | None = None
    """Seed of the random choice; drawn where it is not given, and recorded."""
    public_key: Path | None = None
    """Check the signature of a candidate by this public key (PEM); needs the extra sign."""
    certificates: tuple[str, ...] = ()
    """Or by these certificates, from the root on."""
    cache: Path | None = None
    """Of a run: folder where captured graphs are kept, and looked for first; each is certified again."""
    json: bool = False
    """Print the record as JSON on stdout."""

    def run(self) -> Exit:
        """Check, and write the record."""
        from modelstitch.adoption.folder.ledger import expect_name

        expect_name(self.by)
        found = self._found(secrets.randbelow(2**31) if self.seed is None else self.seed)
        if self.json:
            print_json("verify", found.to_plain())
        else:
            for line in lines_of(found):
                tell(line)
        return Exit.HOLDS if found.holds else Exit.DOES_NOT_HOLD

    def _found(self, seed: int) -> Verification:
        from modelstitch.adoption.verify.verbs import kind_of, verify_either
        from modelstitch.util.progress_bar import watching

        kind_of(self.folder)  # refused before anything is shown
        trust = self._trust()
        with watching() as watcher:
            return verify_either(
                self.folder,
                self.by,
                sample=self.sample,
                seed=seed,
                data=self.data,
                trust=trust,
                cache=self.cache,
                progress=watcher,
            )

    def _trust(self) -> Trust | None:
        from modelstitch.adoption.folder.signature import Trust

        if self.public_key is None and not self.certificates:
            return None
        return Trust(key=self.public_key, chain=tuple(map(Path, self.certificates)))


def lines_of(found: Verification) -> list[str]:
    """Return what is printed of a record."""
    checks = [f"{'holds' if one.holds else 'DOES NOT HOLD'}: {one.name}: {one.said}" for one in found.checks]
    left = [f"not checked: {text}" for text in found.not_checked]
    last = f"{found.target} {found.name}: {found.result}, checked by {found.by}, {found.when}"
    return [*checks, *left, last]
