"""Take the user's own folders out of what others will read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

# A path is absolute, or starts from home, upwards, or with a drive. In quotes it may hold spaces. Elsewhere
# it ends at the first white space after its last separator, so that a folder with a space in its name is
# hidden as a whole. A slash behind a letter ("and/or") begins no path.
_START = r"(?:file:/*(?=/)|~|\.{1,2}|[A-Za-z]:)?[\\/]"
_QUOTED = re.compile(rf"""(['"]){_START}(?:[^'"\\/]*[\\/])*([^'"\\/]*)\1""")
_BARE = re.compile(rf"""(?<![\w…/<])(?!//){_START}(?:[^'"(),;:\\/<>|\n]+[\\/])*([^\s'"(),;:\\/<>|]*)""")


@lru_cache(maxsize=4096)  # rows of a run repeat their strings
def shown(text: str, folder: Path | None = None) -> str:
    """Return a text whose paths are shortened to their last part; paths in the run folder start there.

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
        # Whole names alone: /tmp/older is not inside of /tmp/old.
        inside = re.escape(str(folder.resolve()).rstrip("/\\"))
        text = re.sub(rf"(?<![\w.…/\\-]){inside}[\\/]", "", text)
    text = _QUOTED.sub(lambda match: f"{match[1]}…/{match[2]}{match[1]}", text)
    return _BARE.sub(lambda match: f"…/{match[1]}" if len(match[0]) > 1 and match[1] else match[0], text)


def source(text: str, folder: Path | None = None) -> str:
    """Return a source as it may be shown: the file or folder that it names without the folders above it.

    Args:
        text: what the user gave as a model, as weights or as data.
        folder: the run folder.

    Example:
        >>> source("runs/private/net.safetensors"), source("timm:resnet18"), source("hf:org/name")
        ('…/net.safetensors', 'timm:resnet18', 'hf:org/name')
    """
    named = re.match(r"([\w.]{2,}:)(.*)", text, re.DOTALL)
    if named and named[1] != "file:":
        # A hub's name has one slash. More slashes, or a slash, dot or tilde in front, mean a local folder.
        target, bracket, rest = named[2].partition("(")
        if target.startswith(("/", ".", "~", "\\")) or target.count("/") > 1:
            target = "…/" + re.split(r"[\\/]", target.rstrip("\\/"))[-1]
        return named[1] + target + bracket + shown(rest, folder)
    if folder is not None and not named:
        path, home = Path(text).expanduser().resolve(), folder.resolve()
        if path.is_relative_to(home) and path != home:
            return path.relative_to(home).as_posix()
    if not re.search(r"[\\/]", text):
        return text
    return "…/" + re.split(r"[\\/]", text.rstrip("\\/"))[-1]


_SOURCES = ("source", "weights", "classes", "data_classes")
"""Names of the choices whose value is a source or a file."""


def redacted(value: Any, folder: Path | None = None) -> Any:
    """Return plain values with every string shortened by :func:`shown`, and sources by :func:`source`."""
    if isinstance(value, float | int):  # most values are numbers
        return value
    if isinstance(value, Mapping):
        return {
            key: source(element, folder)
            if key in _SOURCES and isinstance(element, str)
            else redacted(element, folder)
            for key, element in value.items()
        }
    if isinstance(value, list | tuple):
        return [redacted(item, folder) for item in value]
    return shown(value, folder) if isinstance(value, str) else value
