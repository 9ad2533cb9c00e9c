"""``modelstitch train``: train a network of the zoo."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from modelstitch.cli.json_output import print_json
from modelstitch.errors import ModelError, SpecError


@dataclass(frozen=True)
class Train:
    """Train one of the small residual networks of Hernandez et al. 2022, and write it as a checkpoint."""

    model: tyro.conf.Positional[Annotated[str, tyro.conf.arg(metavar="MODEL")]]
    """zoo:R1111 ... zoo:R2222, zoo:R18 or zoo:R34."""
    data: str = "digits"
    """Images to train on: digits, numbers, cifar10, cifar100, or the path of the official archive of the last
    two;
    a folder with train*.parquet and test*.parquet;
    a folder that holds one folder of images a class;
    a .parquet or .npz file;
    hf:NAME_OR_FOLDER or torchvision:NAME(root=...)."""
    out: Path | None = None
    """Checkpoint to write; by default NAME-wWIDTH-sSEED.safetensors."""
    width: int = 64
    """Channels of the first stage."""
    seed: int = 0
    """Seed of the initial weights, the order of images and the augmentation."""
    epochs: int = 6
    """Passes over the training images."""
    batch_size: int = 128
    """Images a step."""
    learning_rate: float = 0.4
    """Highest learning rate."""
    translate: int = 2
    """Largest random shift in pixels."""
    flip: bool | None = None
    """Mirror images at random (True or False); by default True, but False for digits, numbers and with
    --rotations."""
    data_channels: int | None = None
    """Read all images as grey (1) or as colour (3); for data that hold both."""
    group_column: str | None = None
    """Column (or array of a .npz file) of groups, such as patients, that come into one part."""
    crop: int | None = None
    """Resize the shorter side of each image to this many pixels and take the middle square."""
    label_column: str | None = None
    """The column of labels (of a .npz file, the array), where the data have columns and it is not clear from
    names and metadata which one it is."""
    input_column: tuple[str, ...] = ()
    """The column of images, where it is not clear which one it is."""
    rotations: bool = False
    """Rotate each image by 0, 90, 180 or 270 degrees and label it by class and rotation; no mirroring."""
    labels: str | None = None
    """A coarser label set of the data to train on, such as parity for digits."""
    limit: int | None = None
    """Number of training images: a stratified choice."""
    device: str = "auto"
    """auto (a GPU if there is one), cpu or cuda."""
    json: bool = False
    """Print the checkpoint's description as JSON."""

    def run(self) -> bool:
        """Train, save and say how well it went."""
        import sys
        from dataclasses import asdict

        from modelstitch.data.load import load_data
        from modelstitch.models.zoo.checkpoint import save_checkpoint
        from modelstitch.models.zoo.training import train_network
        from modelstitch.specs import DataSpec
        from modelstitch.specs.training import Recipe
        from modelstitch.util.calls import parse_call
        from modelstitch.util.devices import choose_device
        from modelstitch.util.places import expect_writable

        target, arguments = parse_call(self.model)
        if not target.startswith("zoo:"):
            raise ModelError(f"cannot train {self.model!r}: expected a network of the zoo, such as zoo:R1111")
        if arguments:
            raise SpecError(f"expected the options --width and --data instead of arguments in {self.model!r}")
        name = target.removeprefix("zoo:").replace("_", "")
        out = self.out or Path(f"{name}-w{self.width}-s{self.seed}.safetensors")
        expect_writable(out.parent)
        if self.rotations and self.flip:
            raise SpecError(
                "expected no --flip True with --rotations: a mirror image of a turned image is turned the "
                "other way"
            )
        recipe = Recipe(
            epochs=self.epochs,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            translate=self.translate,
            flip=self.data not in ("digits", "numbers") and not self.rotations
            if self.flip is None
            else self.flip,
            seed=self.seed,
        )
        device = choose_device(self.device)
        data = load_data(
            DataSpec(
                source=self.data,
                limit=self.limit,
                rotations=self.rotations,
                labels=self.labels,
                crop=self.crop,
                channels=self.data_channels,
                group_column=self.group_column,
                label_column=self.label_column,
                input_column=self.input_column,
            )
        ).to(device)

        def tell(epoch: int, loss: float) -> None:
            print(f"epoch {epoch} of {self.epochs}: loss {loss:.3f}", file=sys.stderr)

        module, card, trained = train_network(name, data, recipe, self.width, tell)
        save_checkpoint(module, card, out)
        if self.json:
            about = {name: value for name, value in card.data.items() if name != "fingerprint"}
            print_json("train", {**asdict(card), "data": about, "seconds": trained.seconds, "path": str(out)})
        else:
            print(
                f"{out}: {trained.accuracy:.4f} of {card.n_heldout} held-out images right, "
                f"after {trained.seconds:.0f} s on {card.data['n_train']} training images"
            )
        return False
