"""``modelstitch demo``: from training to the report, on real digits, without download or argument."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from modelstitch.specs import VERDICT_CONTROLS

if TYPE_CHECKING:
    from modelstitch.data.parts import Data
    from modelstitch.util.progress import Progress

NETWORK, WIDTH = "R1111", 16


@dataclass(frozen=True)
class Demo:
    """Start here: train two small networks on digits, stitch every layer into every layer, report."""

    out: Path = Path("modelstitch-demo")
    """Run folder; an existing one is continued."""
    seed: int = 0
    """Seed of everything; the receiver is trained from the next one."""

    def run(self) -> bool:
        """Train, stitch and show; return whether some cells failed."""
        from modelstitch.cli.compare import report
        from modelstitch.cli.terminal import watching
        from modelstitch.data.load import load_data
        from modelstitch.runs.prepare import prepare
        from modelstitch.runs.run import run
        from modelstitch.specs import DataSpec, FitSpec

        with watching() as watcher:
            watcher.stage("reading the digits")
            data = load_data(DataSpec(source="digits"))
            paths = []
            for role, seed in (("sender", self.seed), ("receiver", self.seed + 1)):
                paths.append(self._checkpoint(role, seed, data, watcher))
            prepared = prepare(
                str(paths[0]),
                str(paths[1]),
                DataSpec(source="digits"),
                fit=FitSpec(),
                controls=VERDICT_CONTROLS,
                seeds=(self.seed,),
                device="cpu",
                progress=watcher,
            )
            comparison = run(prepared, out=self.out, progress=watcher)
        return report(comparison, self.out, as_json=False)

    def _checkpoint(self, role: str, seed: int, data: Data, watcher: Progress) -> Path:
        from modelstitch.models.zoo.checkpoint import read_card, save_checkpoint
        from modelstitch.models.zoo.recipe import Recipe
        from modelstitch.models.zoo.training import train_network

        path = self.out / "models" / f"{role}.safetensors"
        card = read_card(path) if path.is_file() else None
        if card is None or card.seed != seed:
            watcher.stage(f"training the {role}")
            recipe = Recipe(epochs=15, batch_size=64, learning_rate=0.2, translate=1, flip=False, seed=seed)
            module, card, _ = train_network(NETWORK, data, recipe, WIDTH)
            save_checkpoint(module, card, path)
        return path
