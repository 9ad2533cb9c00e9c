"""How alike are two representations? Pure functions of two sets of rows, one row an example.

>>> import torch
>>> x = torch.randn(100, 8, generator=torch.Generator().manual_seed(0))
>>> round(cka(x, 3 * x.flip(1) + 1), 6)
1.0
"""

from __future__ import annotations

from modelstitch.geometry.cca import canonical_correlations, pwcca, svcca
from modelstitch.geometry.cka import cka, hsic, minibatch_cka, within_cka
from modelstitch.geometry.information import mutual_information
from modelstitch.geometry.inputs import Centred
from modelstitch.geometry.maps import as_rows
from modelstitch.geometry.measure import MEASURES, STANDARD, Measure, Measured, compare
from modelstitch.geometry.neighbours import mutual_knn
from modelstitch.geometry.null import Estimate, Null, jackknife, permutation_null
from modelstitch.geometry.procrustes import procrustes_distance, procrustes_similarity
from modelstitch.geometry.regression import cosine, linear_r2
from modelstitch.geometry.rsa import rsa

__all__ = [
    "MEASURES",
    "STANDARD",
    "Centred",
    "Estimate",
    "Measure",
    "Measured",
    "Null",
    "as_rows",
    "canonical_correlations",
    "cka",
    "compare",
    "cosine",
    "hsic",
    "jackknife",
    "linear_r2",
    "minibatch_cka",
    "mutual_information",
    "mutual_knn",
    "permutation_null",
    "procrustes_distance",
    "procrustes_similarity",
    "pwcca",
    "rsa",
    "svcca",
    "within_cka",
]
