"""The paper's tables of EV, ES and SV: errors between expected and stitched representations."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from modelstitch.results.rows import EvidenceRow

_ERRORS = ("ev", "es", "sv", "ev_share", "es_share", "sv_share")


def error_table(evidence: Sequence[EvidenceRow], diagonal: Sequence[tuple[str, str]]) -> pd.DataFrame:
    """Return minimum, mean, maximum and standard deviation of each error, over diagonal and all cells.

    Args:
        evidence: rows of a run.
        diagonal: sender and receiver cut of the cells of the diagonal.

    Returns:
        One row for each control, stitch, error and part (``diagonal``, ``all``), with the number of cells.
        The standard deviation is the population's (divided by n).

    Source: Hernandez et al. 2022, tables of section 4.
    """
    rows = []
    frame = pd.DataFrame(
        [
            {
                "control": row.control,
                "stitch": row.stitch,
                "error": row.name,
                "value": row.value,
                "diagonal": (row.sender_cut, row.receiver_cut) in set(diagonal),
            }
            for row in evidence
            if row.kind == "errors" and row.name in _ERRORS and row.value is not None
        ],
        columns=["control", "stitch", "error", "value", "diagonal"],
    )
    for (control, stitch, error), group in frame.groupby(["control", "stitch", "error"], sort=False):
        for part, chosen in (("diagonal", group[group["diagonal"]]), ("all", group)):
            values = chosen["value"].astype(float)
            if len(values):
                rows.append(
                    {
                        "control": control,
                        "stitch": stitch,
                        "error": error,
                        "cells": part,
                        "n": len(values),
                        "minimum": values.min(),
                        "mean": values.mean(),
                        "maximum": values.max(),
                        "standard_deviation": values.std(ddof=0),
                    }
                )
    return pd.DataFrame(rows)
