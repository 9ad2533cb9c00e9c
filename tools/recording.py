"""Make the animated picture of the demo: what the terminal shows, then the page that the run ends with.

    python tools/recording.py [--run build/recording] [--out docs/images/demo.webp]

The demo runs once in a terminal of its own, and every output is noted with its time (``session.json`` in the
run's folder, which a second call reads again). Frames come from that record. Times are shortened by one
factor, and each frame says the real time; what the run prints at its end is shown line by line. The page is
opened in Chromium. Needs the extras ``dev`` and ``docs``.
"""

from __future__ import annotations

import argparse
import codecs
import fcntl
import io
import json
import os
import pty
import shutil
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import matplotlib
import pyte
from PIL import Image, ImageDraw, ImageFont
from playwright.sync_api import sync_playwright

COLUMNS, ROWS = 100, 26
SIZE = 15
BARS_SECONDS, FRAMES_A_SECOND = 17, 2
LINES_A_FRAME = 3
PAGE_SECONDS = 24
HEADINGS = (
    "Before you read on",
    "The maps",
    "Controls, on the same colour scale",
    "Classes gained and lost",
)
"""Where the page is shown, after its first screen."""
BARS_END = "\x1b[?25h"
"""What a terminal is told after the last bar: show the cursor again."""

FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
GROUND, INK, BAR = "#0f1117", "#d8dbe2", "#272b36"
COLOURS = {
    "black": "#14161c",
    "red": "#f07178",
    "green": "#8fd17f",
    "brown": "#e5c07b",
    "blue": "#7aa2f7",
    "magenta": "#c792ea",
    "cyan": "#6cc7d8",
    "white": INK,
    "default": INK,
}

Session = list[tuple[float, str]]
Frame = tuple[Image.Image, int]
"""A picture, and for how many milliseconds it stands."""


def record(folder: Path) -> Session:
    """Run the demo in a terminal and return what it printed, with seconds since its start."""
    environment = {
        **os.environ,
        "TERM": "xterm-256color",
        "COLUMNS": str(COLUMNS),
        "LINES": str(ROWS),
        "PYTHONUNBUFFERED": "1",
    }
    code = "import sys; from modelstitch.cli import main; sys.exit(main(sys.argv[1:]))"
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    start = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-c", code, "demo"],
        cwd=folder,
        env=environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    session: Session = []
    while True:
        try:
            said = os.read(ours, 65536)
        except OSError:  # the terminal is closed when its last program ends
            break
        if not said:
            break
        session.append((time.monotonic() - start, decoder.decode(said)))
    if process.wait():
        raise SystemExit(f"expected the demo to end with 0, got {process.returncode}")
    return session


def clock(seconds: float) -> str:
    """Return minutes and seconds."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def colour(name: str) -> str:
    """Return a colour of pyte for Pillow: a name, or six digits."""
    return COLOURS.get(name, f"#{name}" if len(name) == 6 else INK)


class Painter:
    """Draws a terminal, and the line below it that says the real time."""

    def __init__(self) -> None:
        self.font = ImageFont.truetype(FONTS / "DejaVuSansMono.ttf", SIZE)
        self.bold = ImageFont.truetype(FONTS / "DejaVuSansMono-Bold.ttf", SIZE)
        self.wide = self.font.getlength("M")
        self.high = SIZE + 5
        self.size = (int(COLUMNS * self.wide) + 24, (ROWS + 1) * self.high + 30)

    def blank(self, caption: str) -> Image.Image:
        """Return an empty frame with its caption."""
        image = Image.new("RGB", self.size, GROUND)
        draw = ImageDraw.Draw(image)
        draw.rectangle((0, self.size[1] - 28, *self.size), fill=BAR)
        draw.text((12, self.size[1] - 24), caption, font=self.font, fill=INK)
        return image

    def terminal(self, screen: pyte.Screen, caption: str) -> Image.Image:
        """Return what the screen shows."""
        image = self.blank(caption)
        draw = ImageDraw.Draw(image)
        for row in range(ROWS):
            for column, cell in screen.buffer[row].items():
                place = (12 + column * self.wide, 8 + row * self.high)
                if cell.bg != "default":
                    corner = (place[0] + self.wide, place[1] + self.high)
                    draw.rectangle((*place, *corner), fill=colour(cell.bg))
                if cell.data.strip():
                    ink = colour(cell.fg)
                    draw.text(place, cell.data, font=self.bold if cell.bold else self.font, fill=ink)
        return image


def typed(painter: Painter) -> Iterator[Frame]:
    """Yield the frames in which the command is typed."""
    command = "$ modelstitch demo"
    for length in (2, 6, 10, 14, len(command)):
        screen = pyte.Screen(COLUMNS, ROWS)
        pyte.Stream(screen).feed(command[:length])
        yield painter.terminal(screen, "no data and no weights are downloaded"), 1200 if length == 18 else 160


def in_terminal(painter: Painter, session: Session) -> Iterator[Frame]:
    """Yield the bars of the run in equal steps of its time, then what it prints at its end line by line."""
    whole = session[-1][0]
    text = "".join(said for _, said in session)
    bars = len(text) - len(text.rpartition(BARS_END)[2])
    screen = pyte.Screen(COLUMNS, ROWS)
    stream = pyte.Stream(screen)
    stream.feed("$ modelstitch demo\r\n")
    frames = BARS_SECONDS * FRAMES_A_SECOND
    at = read = 0
    for number in range(1, frames + 1):
        now = whole * number / frames
        while at < len(session) and session[at][0] <= now and read < bars:
            said = session[at][1][: bars - read]
            stream.feed(said)
            at, read = at + 1, read + len(said)
        caption = f"{clock(now)} of {clock(whole)}, shown {whole / BARS_SECONDS:.1f} times as fast"
        yield painter.terminal(screen, caption), 1000 // FRAMES_A_SECOND
    lines = text[bars:].splitlines(keepends=True)
    for start in range(0, len(lines), LINES_A_FRAME):
        stream.feed("".join(lines[start : start + LINES_A_FRAME]))
        table = any("Yardstick" in line for line in lines[start : start + LINES_A_FRAME])
        yield (
            painter.terminal(screen, f"after {clock(whole)}: the answer, printed at once"),
            3500 if table else 350,
        )
    yield painter.terminal(screen, f"after {clock(whole)}: the page is report.html"), 2500


def of_page(painter: Painter, page: Path) -> Iterator[Frame]:
    """Yield the first parts of the page as stills."""
    width, height = painter.size[0], painter.size[1] - 28
    names = ("chromium", "chromium-browser", "google-chrome")
    found = os.environ.get("MODELSTITCH_BROWSER") or next(filter(None, map(shutil.which, names)), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        window = browser.new_page(viewport={"width": 1200, "height": round(1200 * height / width)})
        window.goto(page.resolve().as_uri())
        window.wait_for_timeout(500)
        below = window.evaluate(
            "[...document.querySelectorAll('h2, h3')]"
            ".map(heading => [heading.innerText, heading.getBoundingClientRect().top - 12])"
        )
        chosen = [("the first screen", 0.0), *(place for place in below if place[0] in HEADINGS)]
        for heading, top in chosen:
            window.evaluate(f"window.scrollTo({{top: {top}, behavior: 'instant'}})")
            window.wait_for_timeout(200)
            shot = Image.open(io.BytesIO(window.screenshot())).convert("RGB")
            image = painter.blank(f"modelstitch-demo/report.html: {heading}")
            image.paste(shot.resize((width, height), Image.Resampling.LANCZOS))
            yield image, 1000 * PAGE_SECONDS // len(chosen)
        browser.close()


def main() -> None:
    """Record, draw, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, default=Path("build/recording"))
    parser.add_argument("--out", type=Path, default=Path("docs/images/demo.webp"))
    options = parser.parse_args()
    noted = options.run / "session.json"
    if not noted.is_file():
        options.run.mkdir(parents=True, exist_ok=True)
        noted.write_text(json.dumps(record(options.run)), encoding="utf-8")
    session: Session = [(at, text) for at, text in json.loads(noted.read_text(encoding="utf-8"))]
    painter = Painter()
    frames = [
        *typed(painter),
        *in_terminal(painter, session),
        *of_page(painter, options.run / "modelstitch-demo" / "report.html"),
    ]
    first, *rest = (image for image, _ in frames)
    first.save(
        options.out,
        save_all=True,
        append_images=rest,
        duration=[milliseconds for _, milliseconds in frames],
        loop=0,
        quality=70,
        method=4,
    )
    print(
        f"{options.out}: {len(frames)} frames, {sum(t for _, t in frames) / 1000:.0f} s, "
        f"{options.out.stat().st_size / 1e6:.2f} MB"
    )


if __name__ == "__main__":
    main()
