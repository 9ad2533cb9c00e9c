"""When two names are those of one person."""

from __future__ import annotations

import unicodedata


def same_name(one: str, other: str) -> bool:
    """Tell whether two names are the same but for case, spaces and forms of the same letters.

    Example:
        >>> same_name("Ann Lee", " ann  LEE"), same_name("Ann Lee", "Ann Li")
        (True, False)
    """
    return _plain(one) == _plain(other)


def _plain(name: str) -> str:
    # Case folding may leave letters that another form writes otherwise.
    folded = unicodedata.normalize("NFKC", name).casefold()
    return " ".join(unicodedata.normalize("NFKC", folded).split())
