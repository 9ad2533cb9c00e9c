"""Options that several benchmarks of a pair read alike."""

from __future__ import annotations

import argparse
import json
import sys
from functools import cache
from typing import Any

import torch


def parser_of_pair(doc: str | None, limit: int = 10_000) -> argparse.ArgumentParser:
    """Return a parser with SENDER, RECEIVER, --data, --limit and --json."""
    parser = argparse.ArgumentParser(description=(doc or "").splitlines()[0])
    parser.add_argument("sender")
    parser.add_argument("receiver")
    parser.add_argument("--data", required=True)
    parser.add_argument("--limit", type=int, default=limit)
    parser.add_argument("--json", action="store_true")
    return parser


def show(outcome: Any, as_json: bool) -> None:
    """Print a result: one line for a program, indented for a reader."""
    print(json.dumps(outcome) if as_json else json.dumps(outcome, indent=1))


@cache
def usable_torchvision() -> object:
    """Import torchvision also where its compiled part does not load.

    Classifiers need only the names of two of its operators.

    Returns:
        What declares these names; they last as long as it does, so it is cached.
    """
    try:
        import torchvision
    except RuntimeError:
        for name in [module for module in sys.modules if module.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        library = torch.library.Library("torchvision", "FRAGMENT")
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        import torchvision  # noqa: F401

        return library
    return None
