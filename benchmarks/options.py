"""Options that several benchmarks of a pair read alike."""

from __future__ import annotations

import argparse
import json
from typing import Any


def parser_of_pair(doc: str | None, limit: int = 10_000) -> argparse.ArgumentParser:
    """Return a parser with SENDER, RECEIVER, --data, --limit and --json."""
    parser = argparse.ArgumentParser(description=(doc or "").splitlines()[0])
    parser.add_argument("sender")
    parser.add_argument("receiver")
    parser.add_argument("--data", required=True)
    parser.add_argument("--limit", type=int, default=limit)
    parser.add_argument("--json", action="store_true")
    return parser


def show(found: Any, as_json: bool) -> None:
    """Print a result: one line for a program, indented for a reader."""
    print(json.dumps(found) if as_json else json.dumps(found, indent=1))
