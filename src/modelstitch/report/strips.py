"""Painted images as small strips that can stand inside a page."""

from __future__ import annotations

import base64
import io
import zipfile
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from modelstitch.errors import RunError

FILE = "painted.npz"
"""In the run folder: pictures (n, H, W, C) in 0-255, by title."""

SIDE = 48
"""Pixels to which larger pictures are reduced, so that the strips of nine cuts stay below 150 kB."""


def read_strips(folder: Path) -> dict[str, str]:
    """Return the painted pictures of a run as ``data:`` addresses by title; none where none were painted.

    Raises:
        RunError: the file is damaged.
    """
    path = folder / FILE
    if not path.is_file():
        return {}
    try:
        # By handle: numpy leaves a damaged file open that it was given by name.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as pictures:
            return {title: strip(pictures[title]) for title in pictures.files}
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise RunError(f"cannot read the pictures {str(path)!r}: {error}") from error


def strip(images: np.ndarray) -> str:
    """Return images side by side as the ``data:`` address of one JPEG.

    Args:
        images: (n, H, W, C) in 0-255, C 1 or 3.
    """
    side = min(SIDE, max(images.shape[1:3]))
    parts = [
        Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image[..., :3]).resize(
            (side, side), Image.Resampling.BOX
        )
        for image in images
    ]
    row = Image.new(
        parts[0].mode, (len(parts) * (side + 2) - 2, side), 255 if parts[0].mode == "L" else (255,) * 3
    )
    for index, part in enumerate(parts):
        row.paste(part, (index * (side + 2), 0))
    buffer = io.BytesIO()
    row.save(buffer, "JPEG", quality=82)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
