"""``modelstitch demo``: from training to the report, on images of numbers, without download or argument."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from modelstitch.specs import CONTROLS as ALL_CONTROLS
from modelstitch.specs import label_only_controls

if TYPE_CHECKING:
    from modelstitch.data.parts import Data
    from modelstitch.specs.training import Recipe
    from modelstitch.util.progress import Progress

NETWORK, WIDTH = "R1111", 12
"""More channels than the nine pixels of a filter: an untrained first convolution then holds all that a
trained one does, which is the example of a part that was not learnt."""

CUTS = ("layers.0.0", "layers.2", "layers.4")
"""The first convolution, and the ends of the second and of the last stage."""

CONTROLS = tuple(
    name
    for name, info in ALL_CONTROLS.items()
    if (info.random_sender and info.calibrated) or info.self_stitch or name == label_only_controls()[-1]
)
"""Untrained copies have calibrated batch norms, as have those that tell whether a part was learnt. One sender
that holds the label alone is enough."""

N_OLD = 1500
"""Images that the old network is trained on; the new one goes on from it with all of them."""

N_FITTED = 2000
"""Images that stitches are fitted to."""

STEPS = 80
"""Of each fit: fewer than by default, and the same for all of them."""

EVIDENCE = ("errors", "kept", "agreement", "geometry")
"""What the verdicts and the sections of the page read; ``modelstitch compare`` measures more."""


@dataclass(frozen=True)
class Demo:
    """Start here: train a small network, train it further on more images, stitch old into new, report."""

    out: Path = Path("modelstitch-demo")
    """Run folder; an existing one is continued."""
    seed: int = 0
    """Seed of both networks, the images and the fits; the further training takes the next seed."""

    def run(self) -> bool:
        """Train, stitch and show; return whether some cells failed."""
        from modelstitch.cli.printed import report
        from modelstitch.runs.database import expect_for_one
        from modelstitch.runs.prepare import prepare
        from modelstitch.runs.run import run
        from modelstitch.specs import DataSpec, EvidenceSpec, FitSpec
        from modelstitch.util.places import expect_writable
        from modelstitch.util.progress_bar import watching
        from modelstitch.util.workers import threads_of_torch

        expect_writable(self.out)
        expect_for_one(self.out)
        with watching() as watcher:
            with threads_of_torch(
                1
            ):  # a second one gains little in networks so small, and waits where others compute
                old, new = self._networks(watcher)
            prepared = prepare(
                str(old),
                str(new),
                DataSpec(source="numbers", limit=N_FITTED),
                cuts=CUTS,
                fit=FitSpec(steps=STEPS),
                controls=CONTROLS,
                seeds=(self.seed,),
                device="cpu",
                progress=watcher,
            )
            measured = EvidenceSpec.parse(EVIDENCE)
            comparison = run(prepared, out=self.out, evidence=measured, progress=watcher)
        return report(comparison, self.out, as_json=False)

    def _networks(self, watcher: Progress) -> tuple[Path, Path]:
        """Train the old and the new network, each unless its checkpoint is there; return the checkpoints."""
        from modelstitch.data.load import load_data
        from modelstitch.specs import DataSpec
        from modelstitch.specs.training import Recipe

        watcher.stage("drawing images of numbers")
        few, all_of_them = (load_data(DataSpec(source="numbers", limit=limit)) for limit in (N_OLD, None))
        recipe = Recipe(epochs=20, batch_size=64, learning_rate=0.2, translate=0, flip=False, seed=self.seed)
        further = replace(recipe, epochs=5, learning_rate=0.03, seed=self.seed + 1)
        old = self._checkpoint("old", few, recipe, watcher)
        return old, self._checkpoint("new", all_of_them, further, watcher, start=old)

    def _checkpoint(
        self, name: str, data: Data, recipe: Recipe, watcher: Progress, start: Path | None = None
    ) -> Path:
        from modelstitch.models.load import load_model
        from modelstitch.models.zoo.checkpoint import read_card, save_checkpoint
        from modelstitch.models.zoo.resnet import SmallResNet
        from modelstitch.models.zoo.training import train_network
        from modelstitch.specs import ModelSpec

        path = self.out / "models" / f"{name}.safetensors"
        card = read_card(path) if path.is_file() else None
        if card is None or card.seed != recipe.seed:
            watcher.stage(f"training the {name} network")
            begun = None if start is None else load_model(ModelSpec(source=str(start))).module
            assert begun is None or isinstance(begun, SmallResNet)
            module, card, _ = train_network(NETWORK, data, recipe, WIDTH, start=begun)
            save_checkpoint(module, card, path)
        return path
