"""Which examples a set holds, in a few kilobytes: enough to say how many of another set's are among them."""

from __future__ import annotations

import hashlib

from torch import Tensor

_KEPT_ONE_IN = 16
_HEX = 12


def fingerprint(images: Tensor) -> list[str]:
    """Return the hashes of those examples (N, ...) whose hash is a multiple of 16, sorted and without repeats.

    The choice depends on the example alone, so the same example is kept or left out in every set.

    Example:
        >>> import torch
        >>> images = torch.arange(2000)[:, None].expand(-1, 4).contiguous()
        >>> 80 < len(fingerprint(images)) < 180
        True
    """
    found = set()
    for image in images.detach().cpu().contiguous():
        digest = hashlib.blake2b(image.numpy().tobytes(), digest_size=16).hexdigest()
        if int(digest[-8:], 16) % _KEPT_ONE_IN == 0:
            found.add(digest[:_HEX])
    return sorted(found)


def share_seen(images: Tensor, known: list[str]) -> float | None:
    """Return the share of examples that are among those of a fingerprint, estimated from one in 16; None from fewer than 10.

    Example:
        >>> import torch
        >>> images = torch.arange(2000)[:, None].expand(-1, 4).contiguous()
        >>> share_seen(images[:1000], fingerprint(images)), share_seen(images[1000:], fingerprint(images[:1000]))
        (1.0, 0.0)
    """
    mine = fingerprint(images)
    if len(mine) < 10:
        return None
    held = set(known)
    return sum(each in held for each in mine) / len(mine)
