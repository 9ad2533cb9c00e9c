"""Take the user's own folders out of what others will read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# Absolute, from home, or with a drive; in quotes it may hold spaces, elsewhere white space, brackets and commas end it. A stroke
# behind a letter ("and/or", the address of a page) begins no path.
_START = r"(?:~|\.{1,2}|[A-Za-z]:)?[\\/]"
_QUOTED = re.compile(rf"""(['"]){_START}(?:[^'"\\/]*[\\/])*([^'"\\/]*)\1""")
_BARE = re.compile(rf"""(?<![\w…/<])(?!//){_START}(?:[^\s'"(),;:\\/<>|]+[\\/])*([^\s'"(),;:\\/<>|]*)""")


def shown(text: str, folder: Path | None = None) -> str:
    """Return a text whose absolute paths are shortened to their last part; a path inside the run folder stays, seen from there.

    Args:
        text: any text.
        folder: the run folder.

    Example:
        >>> shown("cannot read '/home/ann/secret/net.pt'")
        "cannot read '…/net.pt'"
        >>> shown("/tmp/run/models/a.safetensors", Path("/tmp/run"))
        'models/a.safetensors'
        >>> shown("torchvision:resnet18, 3 / 4")
        'torchvision:resnet18, 3 / 4'
    """
    if folder is not None:
        for known in (str(folder.resolve()), str(folder)):
            text = text.replace(known.rstrip("/\\") + "/", "")
    text = _QUOTED.sub(lambda found: f"{found[1]}…/{found[2]}{found[1]}", text)
    return _BARE.sub(lambda found: f"…/{found[1]}" if len(found[0]) > 1 else found[0], text)


def source(text: str, folder: Path | None = None) -> str:
    """Return a source as it may be shown: the file or folder that it names without the folders above it.

    Args:
        text: what the user gave as a model, as weights or as data.
        folder: the run folder.

    Example:
        >>> source("runs/private/net.safetensors"), source("timm:resnet18"), source("hf:org/name")
        ('…/net.safetensors', 'timm:resnet18', 'hf:org/name')
    """
    if folder is not None and (inside := shown(text, folder)) != text and "…" not in inside:
        return inside
    if re.match(r"[\w.]{2,}:", text) or not re.search(r"[\\/]", text):
        return shown(text, folder)
    return "…/" + re.split(r"[\\/]", text.rstrip("\\/"))[-1]


def redacted(value: Any, folder: Path | None = None) -> Any:
    """Return plain values with every string in them shortened by :func:`shown`, and sources by :func:`source`."""
    if isinstance(value, Mapping):
        return {
            key: source(each, folder)
            if key in ("source", "weights") and isinstance(each, str)
            else redacted(each, folder)
            for key, each in value.items()
        }
    if isinstance(value, list | tuple):
        return [redacted(each, folder) for each in value]
    return shown(value, folder) if isinstance(value, str) else value
