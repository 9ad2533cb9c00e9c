"""The grids of a run: the real one, and the controls beside it."""

from __future__ import annotations

TRAINED = "trained"
"""The real grid: trained sender, trained receiver."""
