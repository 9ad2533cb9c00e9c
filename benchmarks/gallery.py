"""Make the pictures of docs/gallery.md again, each by the commands that the page shows beside it.

    MODELSTITCH_DATA=... python benchmarks/gallery.py [--only NAME ...] [--runs build/gallery]
    python benchmarks/gallery.py --page > docs/gallery.md

Commands run one after another in the folder ``--runs``, where finished runs are read again. ``--finished``
takes the pictures alone. ``MODELSTITCH_DATA`` is the folder of CONTRIBUTING. The first picture is taken in
Chromium (extra ``dev``).
"""

from __future__ import annotations

import argparse
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
BED = "benchmarks/records/cifar_bed"
CIFAR = "$MODELSTITCH_DATA/data/cifar10-jpeg"
WEIGHTS = "$MODELSTITCH_DATA/weights"
MOST_BYTES, MOST_PIXELS = 150_000, 1200

Colour = tuple[int, int, int]


@dataclass(frozen=True, kw_only=True)
class Shot:
    """One picture of the gallery.

    Attributes:
        name: of the file in docs/images.
        title: heading on the page.
        shows: what to look at, in a few sentences.
        commands: what makes it, as typed in the folder of the package.
        picture: the file that the last command leaves in the folder of the runs.
        legal: exit codes that are no failure.
        before: makes a file that no command makes, in the folder of the runs.
    """

    name: str
    title: str
    shows: str
    commands: tuple[str, ...]
    picture: str
    legal: tuple[int, ...] = (0,)
    before: Callable[[Path], None] | None = None


def blur(runs: Path) -> None:
    """Write ``sharp.npz`` and ``blurred.npz``: 1,000 test images each that the run has not seen."""
    import numpy as np
    import torch

    import modelstitch as ms

    for made in ("candidate", "candidate-monitor"):  # an existing folder of a candidate is not written again
        shutil.rmtree(runs / made, ignore_errors=True)
    data = ms.load_data(ms.DataSpec(source=os.path.expandvars(CIFAR), heldout_limit=9000, seed=1))
    images = data.heldout.images[-2000:].float()
    labels = np.full(1000, -1)
    kernel = images.new_full((3, 1, 5, 5), 1 / 25)
    soft = torch.nn.functional.conv2d(images[1000:], kernel, padding=2, groups=3)
    for name, some in (("sharp", images[:1000]), ("blurred", soft)):
        pixels = some.permute(0, 2, 3, 1).round().byte().numpy()
        np.savez(runs / f"{name}.npz", x=pixels, y=labels)


SHOTS = (
    Shot(
        name="report",
        title="The first screen of a page",
        shows="What a reader who decides sees first: the word, how sure it is, what is saved, what to try "
        "next, and what was tried. It ends the demo.",
        commands=("modelstitch demo --out demo",),
        picture="demo/report.html",
    ),
    Shot(
        name="gallery-demo",
        title="An old network into its update",
        shows="The matrices of the demo. Top left the verdicts, coloured by what is kept, then the "
        "accuracies of the trained pair, of an untrained sender, of a sender that holds the label "
        "alone, and of the receiver into itself.",
        commands=("modelstitch demo --out demo",),
        picture="demo/matrix.png",
    ),
    Shot(
        name="gallery-cifar",
        title="Two seeds on CIFAR-10",
        shows="Two R_1111 of width 8 that differ in their seed alone. On the diagonal 81, 45 and 33 % are "
        "kept. The last stage into earlier stages is right on .61 and .68, and keeps 1 and 8 %.",
        commands=(
            f"modelstitch compare {BED}/a.safetensors {BED}/b.safetensors --data {CIFAR} --limit 2000 "
            "--heldout-limit 1000 --cuts layers.0,layers.2,layers.4 --memory 4GB --out cifar",
        ),
        picture="cifar/matrix.png",
    ),
    Shot(
        name="gallery-resnets",
        title="ResNet-20 into ResNet-32, trained by others",
        shows="Stitches in closed form (`match`) on 1,000 images, without a step of training. The accuracy "
        "is highest into the last stage (.79), and the most is kept between the first stages (46 %). "
        "[Reuse](reuse.md#measured) has the same pair with stitches that are fitted to the task.",
        commands=(
            "modelstitch compare examples.cifar_resnet:resnet20 examples.cifar_resnet:resnet32 "
            f"--sender-weights {WEIGHTS}/resnet20-12fca82f.th "
            f"--receiver-weights {WEIGHTS}/resnet32-d509ac18.th "
            f"--mean 0.485,0.456,0.406 --std 0.229,0.224,0.225 --data {CIFAR} "
            "--limit 1000 --heldout-limit 500 "
            "--sender-cuts layer1.2,layer2.2,layer3.2 --receiver-cuts layer1.4,layer2.4,layer3.4 "
            "--objective match --memory 4GB --out resnets",
        ),
        picture="resnets/matrix.png",
    ),
    Shot(
        name="gallery-vowels",
        title="Networks that hear",
        shows="A 1-D convolutional network into a recurrent one. Both tell nine men apart by two vowels. "
        "Frames of a map become steps of a sequence. Every cell is right on .96 to .99, and a sender "
        "that holds the label alone on 1.00. What is kept lies between 18 and 75 %.",
        commands=("python examples/vowels.py --out vowels",),
        picture="vowels/conv-to-gru/matrix.png",
    ),
    Shot(
        name="gallery-ladder",
        title="How much stitch does it take?",
        shows="Eleven stitches from `identity` to `mlp(64)`, in closed form where there is one: what is "
        "kept and the score, against the number of parameters. Beside the trained sender stand the "
        "controls.",
        commands=(
            f"modelstitch compare {BED}/a.safetensors {BED}/b.safetensors --data {CIFAR} --limit 2000 "
            "--heldout-limit 1000 --cuts layers.2 --ladder --objective match --memory 4GB --out ladder",
        ),
        picture="ladder/capacity.png",
    ),
    Shot(
        name="gallery-candidates",
        title="What is worth reusing",
        shows="The named cells of ResNet-20 into ResNet-32 by their multiply-adds and their accuracy on 150"
        " images that chose nothing, beside both whole networks. The last cell is as accurate as "
        "ResNet-32 at .59 of its work. 150 images leave seven points open either way, so the answer "
        "is *undecided*.",
        commands=("modelstitch reuse resnets --no-latency",),
        picture="resnets/candidates.png",
        legal=(0, 3, 4),
    ),
    Shot(
        name="gallery-monitor",
        title="A monitor's alarm",
        shows="The stitched network of `layers.2` into `layers.2` of the CIFAR pair in use, without labels."
        " The first 924 images are as before: of 1,000, those that the run had used are left out. The"
        " next 1,000 are blurred (the mean of 5 x 5 pixels; the script writes both files). The first "
        "alarm comes after 32 of them. A line is the evidence of one process: the distance, or a "
        "leading coordinate, of the stitched representation.",
        commands=(
            "modelstitch export cifar --sender-cut layers.2 --receiver-cut layers.2 --margin 0.1 "
            '--out candidate --by "Ann Lee" --accept-risk "for a picture"',
            'modelstitch monitor candidate --data sharp.npz --by "Ann Lee"',
            'modelstitch monitor candidate --data blurred.npz --by "Ann Lee"',
        ),
        picture="candidate-monitor/evidence.png",
        legal=(0, 4),
        before=blur,
    ),
)

HEAD = """# Gallery

Pictures of real runs, each with the command that makes it. `python benchmarks/gallery.py` makes all of them
again, and `--page` prints this page. `$MODELSTITCH_DATA` holds CIFAR-10 saved again as JPEG, and weights that
others trained. Limits keep each run within a few minutes on one core. Figures to quote stand in
[Findings](findings.md) and [Measurements](measurements.md).

"""


def page() -> str:
    """Return docs/gallery.md."""
    parts = []
    for shot in SHOTS:
        shown = "\n".join(broken(command) for command in shot.commands)
        picture = f"![{shot.title}](images/{shot.name}.png)"
        shows = textwrap.fill(shot.shows, 118, break_long_words=False, break_on_hyphens=False)
        parts.append(f"## {shot.title}\n\n{shows}\n\n{picture}\n\n```\n{shown}\n```\n")
    return HEAD + "\n".join(parts)


def broken(command: str) -> str:
    """Return a command over several lines of a shell, each of at most 100 characters where options allow."""
    lines = [""]
    for part in re.split(r" (?=--)", command):
        if len(lines[-1]) + len(part) > 95 and lines[-1]:
            lines.append(f"    {part}")
        else:
            lines[-1] = f"{lines[-1]} {part}" if lines[-1] else part
    return " \\\n".join(lines)


def carry_out(command: str, runs: Path, legal: Sequence[int]) -> None:
    """Run one command in the folder of the runs; stop if it ends with another exit code than ``legal``."""
    words = shlex.split(os.path.expandvars(command))
    words = [str(ROOT / word) if word.startswith((BED, "examples/")) else word for word in words]
    start = ["-c", "import sys; from modelstitch.cli import main; sys.exit(main(sys.argv[1:]))"]
    arguments = words[1:] if words[0] == "python" else [*start, *words[1:]]
    paths = os.pathsep.join([str(ROOT), str(ROOT / "examples"), os.environ.get("PYTHONPATH", "")])
    print(f"$ {command}", flush=True)
    done = subprocess.run(
        [sys.executable, *arguments], cwd=runs, env={**os.environ, "PYTHONPATH": paths}, check=False
    )
    if done.returncode not in legal:
        raise SystemExit(f"expected exit code {' or '.join(map(str, legal))}, got {done.returncode}")


def screen(path: Path) -> bytes:
    """Return the first screen of a page, as PNG."""
    from playwright.sync_api import sync_playwright

    names = ("chromium", "chromium-browser", "google-chrome")
    found = os.environ.get("MODELSTITCH_BROWSER") or next(filter(None, map(shutil.which, names)), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        window = browser.new_page(viewport={"width": 1100, "height": 900})
        window.goto(path.resolve().as_uri())
        window.wait_for_timeout(500)
        taken = window.screenshot()
        browser.close()
    return taken


def small(picture: bytes) -> bytes:
    """Return a PNG of at most so many pixels and bytes: few colours, and fewer where that is not enough."""
    from PIL import Image

    image = Image.open(io.BytesIO(picture)).convert("RGB")
    image.thumbnail((MOST_PIXELS, 4 * MOST_PIXELS), Image.Resampling.LANCZOS)
    counted = image.getcolors(image.width * image.height) or []
    often = [colour for _, colour in sorted(counted, reverse=True)]
    for colours in (256, 128, 64):
        # The colours of most pixels stay exact, which are those of cells; the others cover what bars hold.
        exact = often[: colours // 4]
        rest = image.quantize(colours - len(exact), method=Image.Quantize.MAXCOVERAGE).getpalette() or []
        palette = Image.new("P", (1, 1))
        palette.putpalette([channel for colour in exact for channel in cast("Colour", colour)] + rest)
        file = io.BytesIO()
        image.quantize(palette=palette, dither=Image.Dither.NONE).save(file, "PNG", optimize=True)
        if file.tell() <= MOST_BYTES:
            return file.getvalue()
    raise SystemExit(f"expected a picture of at most {MOST_BYTES} bytes with 64 colours, got {file.tell()}")


def make(shot: Shot, runs: Path, finished: bool) -> None:
    """Run the commands of a shot, unless they are finished, and leave its picture in docs/images."""
    runs.mkdir(parents=True, exist_ok=True)
    if not finished:
        if shot.before is not None:
            shot.before(runs)
        for command in shot.commands:
            carry_out(command, runs, shot.legal)
    found = runs / shot.picture
    taken = screen(found) if found.suffix == ".html" else found.read_bytes()
    target = IMAGES / f"{shot.name}.png"
    target.write_bytes(small(taken))
    print(f"{target.relative_to(ROOT)}: {target.stat().st_size / 1000:.0f} kB", flush=True)


def main() -> None:
    """Make all pictures, or print the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--only", nargs="+", choices=[shot.name for shot in SHOTS])
    parser.add_argument("--runs", type=Path, default=ROOT / "build" / "gallery")
    parser.add_argument("--finished", action="store_true", help="take the pictures of runs that are there")
    parser.add_argument("--page", action="store_true", help="print docs/gallery.md")
    options = parser.parse_args()
    if options.page:
        print(page(), end="")
        return
    for shot in SHOTS:
        if options.only is None or shot.name in options.only:
            make(shot, options.runs, options.finished)


if __name__ == "__main__":
    main()
