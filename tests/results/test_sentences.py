from __future__ import annotations

import numpy as np
import xarray as xr

from modelstitch.results.sentences import sentences


def matrix(value: float) -> xr.DataArray:
    cuts = ["a", "b"]
    return xr.DataArray(
        np.full((2, 2), value),
        dims=("sender_cut", "receiver_cut"),
        coords={"sender_cut": cuts, "receiver_cut": cuts},
    )


def said(unconverged: int, controls: int) -> str:
    found = sentences(
        {"trained": matrix(0.9), "random-sender": matrix(0.2)},
        receiver_score=0.9,
        chance=0.1,
        n_heldout=1000,
        n_unconverged=unconverged,
        n_unconverged_controls=controls,
    )
    return " ".join(found)


def test_cells_that_had_not_converged_are_counted_apart_for_the_pair_and_its_controls() -> None:
    assert "had not converged" not in said(0, 0)
    assert "3 of 4 cells had not converged: their values are lower bounds" in said(3, 0)
    assert "2 cells of the controls had not converged: the controls may do better" in said(0, 2)
