"""Fingerprint of a data set: a sample of hashes that estimates its overlap with another set."""

from __future__ import annotations

import hashlib

from torch import Tensor

_KEPT_ONE_IN = 16
_HEX = 12


def fingerprint(images: Tensor) -> list[str]:
    """Return the distinct hashes of the examples (N, ...) that are multiples of 16, sorted.

    Whether an example is kept depends on the example alone, so all sets keep the same ones.

    Example:
        >>> import torch
        >>> images = torch.arange(2000)[:, None].expand(-1, 4).contiguous()
        >>> 80 < len(fingerprint(images)) < 180
        True
    """
    kept = set()
    for image in images.detach().cpu().contiguous():
        digest = hashlib.blake2b(image.numpy().tobytes(), digest_size=16).hexdigest()
        if int(digest[-8:], 16) % _KEPT_ONE_IN == 0:
            kept.add(digest[:_HEX])
    return sorted(kept)


def share_seen(images: Tensor, known: list[str]) -> float | None:
    """Return the estimated share of examples that a fingerprint holds; None from fewer than 10 kept hashes.

    Example:
        >>> import torch
        >>> images = torch.arange(2000)[:, None].expand(-1, 4).contiguous()
        >>> first, second = images[:1000], images[1000:]
        >>> share_seen(first, fingerprint(images)), share_seen(second, fingerprint(first))
        (1.0, 0.0)
    """
    ours = fingerprint(images)
    if len(ours) < 10:
        return None
    others = set(known)
    return sum(digest in others for digest in ours) / len(ours)
