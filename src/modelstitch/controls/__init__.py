"""Grids that ought to fail, or to succeed: what is left of a score when one part of the claim is taken away.

Each file defines one control, or one in two forms, as a function of sender, receiver, data and seed. The
table :data:`modelstitch.specs.CONTROLS` says what each is, and where its function is.
"""

from __future__ import annotations

from collections.abc import Callable

from modelstitch.controls.roles import Roles
from modelstitch.data.parts import Data
from modelstitch.errors import SpecError
from modelstitch.models.network import Network
from modelstitch.specs import CONTROLS
from modelstitch.util.imported import imported

__all__ = ["Control", "roles_of"]

Control = Callable[[Network, Network, Data, int], Roles]
"""Makes what is stitched from the sender, the receiver, the data and a seed."""


def roles_of(name: str) -> Control:
    """Return the function of the control called ``name``, which the table names as its code.

    Example:
        >>> roles_of("one-hot").__name__
        'one_hot'
    """
    control: Control = imported(CONTROLS[name].code, "function", "control", SpecError)
    return control
