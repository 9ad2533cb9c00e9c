"""Model stitching: can this part of one network do the job of that part of another, and is the answer real?

Public are the names in ``modelstitch.__all__`` and in :mod:`modelstitch.geometry`. Every other module is
private: its names may change without notice.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from modelstitch.api import compare as compare
    from modelstitch.api import compare_all as compare_all
    from modelstitch.api import load as load
    from modelstitch.api import stitch as stitch
    from modelstitch.cutting import Cut as Cut
    from modelstitch.cutting import cuts as cuts
    from modelstitch.cutting import split as split
    from modelstitch.data.from_arrays import data_from as data_from
    from modelstitch.data.label_sets import LabelSet as LabelSet
    from modelstitch.data.load import load_data as load_data
    from modelstitch.data.parts import Data as Data
    from modelstitch.data.parts import DataPart as DataPart
    from modelstitch.errors import InputError as InputError
    from modelstitch.errors import ModelStitchError as ModelStitchError
    from modelstitch.errors import TruthError as TruthError
    from modelstitch.evidence.verdict import Thresholds as Thresholds
    from modelstitch.evidence.verdict import Verdict as Verdict
    from modelstitch.grid.grid import Budget as Budget
    from modelstitch.grid.stitched import Stitched as Stitched
    from modelstitch.models.from_dict import FromDict as FromDict
    from modelstitch.models.load import load_model as load_model
    from modelstitch.models.network import Network as Network
    from modelstitch.results.comparison import Comparison as Comparison
    from modelstitch.results.curves import Curve as Curve
    from modelstitch.results.curves import capacity_curves as capacity_curves
    from modelstitch.specs import DataSpec as DataSpec
    from modelstitch.specs import EvidenceSpec as EvidenceSpec
    from modelstitch.specs import FitSpec as FitSpec
    from modelstitch.specs import ModelSpec as ModelSpec
    from modelstitch.specs import StitchSpec as StitchSpec
    from modelstitch.specs import View as View
    from modelstitch.tasks import Task as Task

# Names are imported when first used: `modelstitch --help` must not wait for torch.
_HOMES = {
    "Budget": "grid.grid",
    "Comparison": "results.comparison",
    "Curve": "results.curves",
    "Cut": "cutting",
    "Data": "data.parts",
    "DataSpec": "specs",
    "EvidenceSpec": "specs",
    "FitSpec": "specs",
    "FromDict": "models.from_dict",
    "InputError": "errors",
    "LabelSet": "data.label_sets",
    "ModelSpec": "specs",
    "ModelStitchError": "errors",
    "Network": "models.network",
    "DataPart": "data.parts",
    "StitchSpec": "specs",
    "Stitched": "grid.stitched",
    "Task": "tasks",
    "Thresholds": "evidence.verdict",
    "TruthError": "errors",
    "Verdict": "evidence.verdict",
    "View": "specs",
    "capacity_curves": "results.curves",
    "compare": "api",
    "compare_all": "api",
    "cuts": "cutting",
    "data_from": "data.from_arrays",
    "load": "api",
    "load_data": "data.load",
    "load_model": "models.load",
    "split": "cutting",
    "stitch": "api",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'modelstitch' has no attribute {name!r}")
    return getattr(import_module(f"modelstitch.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
