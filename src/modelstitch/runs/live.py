"""The pages of a run or an experiment while it goes on: made when they are asked for, nothing is written."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from markupsafe import Markup

from modelstitch.errors import RunError
from modelstitch.report import page, read_strips
from modelstitch.report.beyond import BeyondRun
from modelstitch.report.pairs import pairs_text
from modelstitch.runs.pairs import read_pairs
from modelstitch.runs.place import has_pairs, pairs_in
from modelstitch.runs.progress import progress_of, progress_of_experiment
from modelstitch.runs.reader import read_run
from modelstitch.wording import plain

REFRESH_SECONDS = 10
"""A page asks for itself again after so long."""

_SHARE = 5
"""A page is made anew once so many times as long as making it took have passed."""


@dataclass
class LivePages:
    """The pages of one folder by path.

    Attributes:
        home: of a run or an experiment.
        language: of the pages.
    """

    home: Path
    language: str = "en"
    _made: dict[str, tuple[float, str]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, path: str) -> str | None:
        """Return the page of a path of the server; None where there is none.

        ``/`` is the page of the folder, ``/PAIR/report.html`` that of a pair of an experiment. No other path
        is looked up, and none names a file.
        """
        with self._lock:  # one page is made at a time: the run needs the processor
            fresh, text = self._made.get(path, (0.0, ""))
            if time.monotonic() < fresh:
                return text
            began = time.monotonic()
            made = self._make(path)
            if made is None:
                return None
            took = time.monotonic() - began
            self._made[path] = (time.monotonic() + max(1.0, _SHARE * took), made)
            return made

    def _make(self, path: str) -> str | None:
        many = has_pairs(self.home)
        if path == "/":
            return _again(self._of_experiment() if many else self._of_run(self.home))
        name, _, file = unquote(path.removeprefix("/")).partition("/")
        if many and file == "report.html" and name in {pair.name for pair in pairs_in(self.home)}:
            return _again(self._of_run(self.home / name))
        return None

    def _of_experiment(self) -> str:
        found = progress_of_experiment(self.home)
        left = plain("live.unknown", self.language) if found.left is None else f"{found.left:,}"
        lead = plain(
            "live.pairs",
            self.language,
            ended=found.ended,
            pairs=len(found.pairs),
            done=found.done,
            failed=found.failed,
            left=left,
        )
        try:
            pairs = read_pairs(self.home)
        except RunError as error:
            return self._bare(lead, str(error))
        links = [pair.pair for pair in found.pairs if pair.done]
        return pairs_text(pairs, self.home, self.language, lead=_paragraph(lead), linked=links)

    def _of_run(self, folder: Path) -> str:
        try:
            found = progress_of(folder)
            if not found.done:
                return self._bare(plain("live.nothing", self.language), "")
            comparison = read_run(folder)
        except RunError as error:
            return self._bare(plain("live.nothing", self.language), str(error))
        lead = plain("live.run", self.language, done=found.done, failed=found.failed, left=found.left)
        text = page(
            comparison,
            self.language,
            strips=read_strips(folder),
            beyond=BeyondRun.of_run(comparison, folder),
            folder=folder,
        )
        return text if found.ended else text.replace("<body>", f"<body>{_paragraph(lead)}", 1)

    def _bare(self, *texts: str) -> str:
        """Return a page before there are any results."""
        return str(
            Markup('<!doctype html><html lang="{}"><head><meta charset="utf-8"></head><body>{}</body></html>')
        ).format(self.language, "".join(map(_paragraph, filter(None, texts))))


def _paragraph(text: str) -> str:
    return str(Markup("<p><strong>{}</strong></p>").format(text))


def _again(text: str) -> str:
    """Return a page that asks for itself again after a while."""
    return text.replace("<head>", f'<head><meta http-equiv="refresh" content="{REFRESH_SECONDS}">', 1)
