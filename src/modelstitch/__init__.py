"""Model stitching: can this part of one network do the job of that part of another, and is the answer real?"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from modelstitch.curves import Curve as Curve
    from modelstitch.curves import capacity_curves as capacity_curves
    from modelstitch.cutting import Cut as Cut
    from modelstitch.cutting import cuts as cuts
    from modelstitch.cutting import split as split
    from modelstitch.errors import InputError as InputError
    from modelstitch.errors import ModelStitchError as ModelStitchError
    from modelstitch.errors import TruthError as TruthError
    from modelstitch.evidence.verdict import Thresholds as Thresholds
    from modelstitch.evidence.verdict import Verdict as Verdict
    from modelstitch.grid import Budget as Budget
    from modelstitch.results import Comparison as Comparison
    from modelstitch.sources.data import Data as Data
    from modelstitch.sources.data import LabelSet as LabelSet
    from modelstitch.sources.data import Split as Split
    from modelstitch.sources.data import data_from as data_from
    from modelstitch.sources.data import load_data as load_data
    from modelstitch.sources.models import Network as Network
    from modelstitch.sources.models import load_model as load_model
    from modelstitch.sources.models.from_dict import FromDict as FromDict
    from modelstitch.specs import DataSpec as DataSpec
    from modelstitch.specs import EvidenceSpec as EvidenceSpec
    from modelstitch.specs import FitSpec as FitSpec
    from modelstitch.specs import ModelSpec as ModelSpec
    from modelstitch.specs import StitchSpec as StitchSpec
    from modelstitch.specs import View as View
    from modelstitch.stitched import Stitched as Stitched
    from modelstitch.tasks import Task as Task
    from modelstitch.verbs import compare as compare
    from modelstitch.verbs import compare_all as compare_all
    from modelstitch.verbs import load as load
    from modelstitch.verbs import stitch as stitch

# Names are imported when first used: `modelstitch --help` must not wait for torch.
_HOMES = {
    "Budget": "grid",
    "Comparison": "results",
    "Curve": "curves",
    "Cut": "cutting",
    "Data": "sources.data",
    "DataSpec": "specs",
    "EvidenceSpec": "specs",
    "FitSpec": "specs",
    "FromDict": "sources.models.from_dict",
    "InputError": "errors",
    "LabelSet": "sources.data",
    "ModelSpec": "specs",
    "ModelStitchError": "errors",
    "Network": "sources.models",
    "Split": "sources.data",
    "StitchSpec": "specs",
    "Stitched": "stitched",
    "Task": "tasks",
    "Thresholds": "evidence.verdict",
    "TruthError": "errors",
    "Verdict": "evidence.verdict",
    "View": "specs",
    "capacity_curves": "curves",
    "compare": "verbs",
    "compare_all": "verbs",
    "cuts": "cutting",
    "data_from": "sources.data",
    "load": "verbs",
    "load_data": "sources.data",
    "load_model": "sources.models",
    "split": "cutting",
    "stitch": "verbs",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'modelstitch' has no attribute {name!r}")
    return getattr(import_module(f"modelstitch.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
