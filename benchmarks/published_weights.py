"""Do networks that others trained score here as they were measured? All 10,000 held-out images of CIFAR-10.

    MODELSTITCH_DATA=FOLDER python benchmarks/published_weights.py

ResNet-20 into ResNet-32, through the command line. The accuracies are those of the weights on these images,
which were stored as JPEG. The tests ask the same of 1,000 images, against plain PyTorch.

Prints both accuracies and the score of a late stitch, and fails where one is not as stated.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from pathlib import Path

from modelstitch.cli import main as modelstitch

ROOT = Path(__file__).parent.parent
SENDER, RECEIVER, TOLERANCE = 0.8103, 0.8256, 0.002
LEAST = 0.6
"""Of a late stitch after 30 steps."""


def arguments(folder: Path, *more: str) -> list[str]:
    """Return the words of the command, with further options."""
    return [
        *("compare", "examples.cifar_resnet:resnet20", "examples.cifar_resnet:resnet32"),
        *("--sender-weights", str(folder / "weights" / "resnet20-12fca82f.th")),
        *("--receiver-weights", str(folder / "weights" / "resnet32-d509ac18.th")),
        *("--mean", "0.485,0.456,0.406", "--std", "0.229,0.224,0.225"),
        *("--data", str(folder / "data" / "cifar10-jpeg"), "--limit", "500"),
        *("--sender-cuts", "layer3.2", "--receiver-cuts", "layer3.4"),
        *("--controls", "none", "--evidence", "none", "--steps", "30", "--device", "cpu", "--json"),
        *more,
    ]


def main() -> None:
    os.chdir(ROOT)  # where the factories of the example are found
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        code = modelstitch(arguments(Path(os.environ["MODELSTITCH_DATA"])))
    if code != 0:
        sys.exit(code)
    result = json.loads(printed.getvalue())
    (cell,) = result["cells"]
    print(f"held-out images {cell['n_heldout']}")
    print(f"sender {result['sender_accuracy']:.4f} (expected {SENDER} ± {TOLERANCE})")
    print(f"receiver {result['receiver_accuracy']:.4f} (expected {RECEIVER} ± {TOLERANCE})")
    print(f"stitched {cell['score']:.4f} (expected more than {LEAST})")
    as_stated = (
        cell["n_heldout"] == 10_000
        and abs(result["sender_accuracy"] - SENDER) <= TOLERANCE
        and abs(result["receiver_accuracy"] - RECEIVER) <= TOLERANCE
        and cell["score"] > LEAST
    )
    if not as_stated:
        sys.exit("not as stated")


if __name__ == "__main__":
    main()
