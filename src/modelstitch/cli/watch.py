"""``modelstitch watch``: the page of a run or an experiment, in a browser, while it goes on."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from modelstitch.errors import RunError


@dataclass(frozen=True)
class Watch:
    """Serve the page of a run or an experiment, which fills in as cells finish; Ctrl-C ends it.

    It is served to this machine alone. With another --host every request needs the token in the address that
    is printed. Nothing is written.
    """

    folder: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="RUN")]]
    """A run folder, or that of an experiment."""
    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = 8765
    """Port to listen on; 0 for any free one."""
    lang: Literal["en", "ja"] = "en"
    """Language: en or ja."""

    def run(self) -> bool:
        """Serve until interrupted."""
        from modelstitch.runs.live import LivePages
        from modelstitch.runs.place import has_pairs, holds_run
        from modelstitch.util.page_server import page_server

        if not has_pairs(self.folder) and not holds_run(self.folder):
            raise RunError(
                f"expected the folder of a run or an experiment (with run.sqlite), got {str(self.folder)!r}"
            )
        with page_server(LivePages(self.folder, self.lang).get, self.host, self.port) as server:
            print(server.address, flush=True)
            try:
                server.serve_forever()
            except KeyboardInterrupt:
                print("\nended; the run goes on", file=sys.stderr)
        return False
