"""Model stitching: can this part of one network do the job of that part of another, and is the answer real?

Public are the names in ``modelstitch.__all__`` and the module :mod:`modelstitch.geometry`. All other modules
are private: their names may change without notice. docs/api.md lists what is public.
"""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:  # for type checkers and editors: the same names as in the table below, which a test holds
    from modelstitch.adoption.candidates.candidate import Candidate as Candidate
    from modelstitch.adoption.candidates.candidate import Candidates as Candidates
    from modelstitch.adoption.candidates.candidate import Latency as Latency
    from modelstitch.adoption.candidates.candidate import Whole as Whole
    from modelstitch.adoption.folder.loading import LoadedStitched as LoadedStitched
    from modelstitch.adoption.folder.loading import load_stitched as load_stitched
    from modelstitch.adoption.pilot.decision import PilotDecision as PilotDecision
    from modelstitch.adoption.pilot.decision import PilotForecast as PilotForecast
    from modelstitch.adoption.pilot.decision import PilotRule as PilotRule
    from modelstitch.adoption.pilot.outcome import PilotOutcome as PilotOutcome
    from modelstitch.adoption.pilot.record import PilotExample as PilotExample
    from modelstitch.adoption.pilot.record import PilotFacts as PilotFacts
    from modelstitch.adoption.rivals.rival_kinds import Contender as Contender
    from modelstitch.adoption.rivals.rival_kinds import RivalFits as RivalFits
    from modelstitch.adoption.rivals.table import Rival as Rival
    from modelstitch.adoption.rivals.table import RivalTable as RivalTable
    from modelstitch.adoption.rivals.training import Spent as Spent
    from modelstitch.adoption.verify.record import Verification as Verification
    from modelstitch.adoption.verify.record import VerifiedCheck as VerifiedCheck
    from modelstitch.adoption.work import Load as Load
    from modelstitch.adoption.worth.chains import Chain as Chain
    from modelstitch.adoption.worth.chains import ChainTable as ChainTable
    from modelstitch.adoption.worth.money import Changed as Changed
    from modelstitch.adoption.worth.money import Cost as Cost
    from modelstitch.adoption.worth.money import Money as Money
    from modelstitch.adoption.worth.money import Needs as Needs
    from modelstitch.adoption.worth.prices import Prices as Prices
    from modelstitch.adoption.worth.regret import ProxyRegret as ProxyRegret
    from modelstitch.adoption.worth.regret import Regret as Regret
    from modelstitch.adoption.worth.regret import RegretTable as RegretTable
    from modelstitch.adoption.worth.verbs import chains_of as chains_of
    from modelstitch.adoption.worth.verbs import cost_of as cost_of
    from modelstitch.adoption.worth.verbs import regret_of as regret_of
    from modelstitch.adoption.worth.verbs import rivals_of as rivals_of
    from modelstitch.api.choices import LabelOptions as LabelOptions
    from modelstitch.api.choices import PairOptions as PairOptions
    from modelstitch.api.compare import compare as compare
    from modelstitch.api.compare import stitch as stitch
    from modelstitch.api.compare_many import compare_all as compare_all
    from modelstitch.api.compare_many import compare_labels as compare_labels
    from modelstitch.api.lists import list_controls as list_controls
    from modelstitch.api.lists import list_evidence as list_evidence
    from modelstitch.api.lists import list_models as list_models
    from modelstitch.api.lists import list_stitches as list_stitches
    from modelstitch.api.use import candidates as candidates
    from modelstitch.api.use import load as load
    from modelstitch.api.use import pilot as pilot
    from modelstitch.api.use import verify as verify
    from modelstitch.api.use import write_report as write_report
    from modelstitch.cutting import Cut as Cut
    from modelstitch.cutting import CutList as CutList
    from modelstitch.cutting import cuts as cuts
    from modelstitch.cutting import split as split
    from modelstitch.cutting.cost import Share as Share
    from modelstitch.cutting.cost import Work as Work
    from modelstitch.cutting.layouts import Layout as Layout
    from modelstitch.data.absent import Unscored as Unscored
    from modelstitch.data.copies import Copies as Copies
    from modelstitch.data.from_arrays import data_from as data_from
    from modelstitch.data.label_sets import FinestLabels as FinestLabels
    from modelstitch.data.label_sets import LabelSet as LabelSet
    from modelstitch.data.load import load_data as load_data
    from modelstitch.data.parts import Data as Data
    from modelstitch.data.parts import DataPart as DataPart
    from modelstitch.errors import CutError as CutError
    from modelstitch.errors import DataError as DataError
    from modelstitch.errors import GeometryError as GeometryError
    from modelstitch.errors import InputError as InputError
    from modelstitch.errors import MissingExtraError as MissingExtraError
    from modelstitch.errors import ModelError as ModelError
    from modelstitch.errors import ModelStitchError as ModelStitchError
    from modelstitch.errors import OptionError as OptionError
    from modelstitch.errors import RunError as RunError
    from modelstitch.errors import SpecError as SpecError
    from modelstitch.errors import StitchError as StitchError
    from modelstitch.errors import TruthError as TruthError
    from modelstitch.errors import WeightsError as WeightsError
    from modelstitch.evidence.verdict import Thresholds as Thresholds
    from modelstitch.evidence.verdict import Verdict as Verdict
    from modelstitch.grid.grid import Budget as Budget
    from modelstitch.grid.stitched import Stitched as Stitched
    from modelstitch.models.drawn import Drawn as Drawn
    from modelstitch.models.from_dict import FromDict as FromDict
    from modelstitch.models.load import load_model as load_model
    from modelstitch.models.network import Network as Network
    from modelstitch.models.weights.facts import WeightsFacts as WeightsFacts
    from modelstitch.results.by_labels import ByLabels as ByLabels
    from modelstitch.results.comparison import Comparison as Comparison
    from modelstitch.results.curves import Curve as Curve
    from modelstitch.results.curves import CurvePoint as CurvePoint
    from modelstitch.results.curves import capacity_curves as capacity_curves
    from modelstitch.results.decision import CandidateConditions as CandidateConditions
    from modelstitch.results.decision import ConditionState as ConditionState
    from modelstitch.results.decision import DecisionWord as DecisionWord
    from modelstitch.results.disagreements import Disagreements as Disagreements
    from modelstitch.results.facts import BySide as BySide
    from modelstitch.results.facts import CutFacts as CutFacts
    from modelstitch.results.facts import LabelFacts as LabelFacts
    from modelstitch.results.facts import MemoryFacts as MemoryFacts
    from modelstitch.results.facts import OutputFacts as OutputFacts
    from modelstitch.results.facts import PairFacts as PairFacts
    from modelstitch.results.facts import RunFacts as RunFacts
    from modelstitch.results.facts import RunMade as RunMade
    from modelstitch.results.facts import Versions as Versions
    from modelstitch.results.facts import WholeScore as WholeScore
    from modelstitch.results.pairs import Comparisons as Comparisons
    from modelstitch.results.rows import AdvantageRow as AdvantageRow
    from modelstitch.results.rows import Baseline as Baseline
    from modelstitch.results.rows import CellKey as CellKey
    from modelstitch.results.rows import CellRow as CellRow
    from modelstitch.results.rows import EvidenceRow as EvidenceRow
    from modelstitch.results.rows import KeptRow as KeptRow
    from modelstitch.results.stitched import GivesStitched as GivesStitched
    from modelstitch.results.stitched import StitchedCell as StitchedCell
    from modelstitch.results.trackers import MLflow as MLflow
    from modelstitch.results.trackers import TensorBoard as TensorBoard
    from modelstitch.results.trackers import WeightsAndBiases as WeightsAndBiases
    from modelstitch.results.triangle import MatrixShape as MatrixShape
    from modelstitch.specs import CellSpec as CellSpec
    from modelstitch.specs import DataSpec as DataSpec
    from modelstitch.specs import EvidenceSpec as EvidenceSpec
    from modelstitch.specs import FitSpec as FitSpec
    from modelstitch.specs import ModelSpec as ModelSpec
    from modelstitch.specs import RunSpec as RunSpec
    from modelstitch.specs import StitchSpec as StitchSpec
    from modelstitch.specs import View as View
    from modelstitch.specs.families import FamilyInfo as FamilyInfo
    from modelstitch.specs.verdicts import Confidence as Confidence
    from modelstitch.specs.verdicts import KeptScale as KeptScale
    from modelstitch.specs.verdicts import Learnt as Learnt
    from modelstitch.specs.verdicts import Reason as Reason
    from modelstitch.specs.verdicts import VerdictName as VerdictName
    from modelstitch.specs.verdicts import VerdictReason as VerdictReason
    from modelstitch.tasks import Numbering as Numbering
    from modelstitch.tasks import Task as Task
    from modelstitch.util.listing import Listing as Listing
    from modelstitch.util.progress import Progress as Progress
    from modelstitch.util.workers import Workers as Workers
    from modelstitch.wording import Sentence as Sentence

_HOMES = {
    "AdvantageRow": "results.rows",
    "Baseline": "results.rows",
    "Budget": "grid.grid",
    "ByLabels": "results.by_labels",
    "BySide": "results.facts",
    "Candidate": "adoption.candidates.candidate",
    "CandidateConditions": "results.decision",
    "Candidates": "adoption.candidates.candidate",
    "CellKey": "results.rows",
    "CellRow": "results.rows",
    "CellSpec": "specs",
    "Chain": "adoption.worth.chains",
    "ChainTable": "adoption.worth.chains",
    "Changed": "adoption.worth.money",
    "Comparison": "results.comparison",
    "Comparisons": "results.pairs",
    "ConditionState": "results.decision",
    "Confidence": "specs.verdicts",
    "Contender": "adoption.rivals.rival_kinds",
    "Copies": "data.copies",
    "Cost": "adoption.worth.money",
    "Curve": "results.curves",
    "CurvePoint": "results.curves",
    "Cut": "cutting",
    "CutError": "errors",
    "CutFacts": "results.facts",
    "CutList": "cutting",
    "Data": "data.parts",
    "DataError": "errors",
    "DataPart": "data.parts",
    "DataSpec": "specs",
    "DecisionWord": "results.decision",
    "Disagreements": "results.disagreements",
    "Drawn": "models.drawn",
    "EvidenceRow": "results.rows",
    "EvidenceSpec": "specs",
    "FamilyInfo": "specs.families",
    "FinestLabels": "data.label_sets",
    "FitSpec": "specs",
    "FromDict": "models.from_dict",
    "GeometryError": "errors",
    "GivesStitched": "results.stitched",
    "InputError": "errors",
    "KeptRow": "results.rows",
    "KeptScale": "specs.verdicts",
    "LabelFacts": "results.facts",
    "LabelOptions": "api.choices",
    "RunMade": "results.facts",
    "WholeScore": "results.facts",
    "Workers": "util.workers",
    "LabelSet": "data.label_sets",
    "Latency": "adoption.candidates.candidate",
    "Layout": "cutting.layouts",
    "Learnt": "specs.verdicts",
    "Listing": "util.listing",
    "Load": "adoption.work",
    "LoadedStitched": "adoption.folder.loading",
    "MLflow": "results.trackers",
    "MatrixShape": "results.triangle",
    "MemoryFacts": "results.facts",
    "MissingExtraError": "errors",
    "ModelError": "errors",
    "ModelSpec": "specs",
    "ModelStitchError": "errors",
    "Money": "adoption.worth.money",
    "Needs": "adoption.worth.money",
    "Network": "models.network",
    "Numbering": "tasks",
    "OptionError": "errors",
    "OutputFacts": "results.facts",
    "PairFacts": "results.facts",
    "PairOptions": "api.choices",
    "PilotDecision": "adoption.pilot.decision",
    "PilotExample": "adoption.pilot.record",
    "PilotFacts": "adoption.pilot.record",
    "PilotForecast": "adoption.pilot.decision",
    "PilotOutcome": "adoption.pilot.outcome",
    "PilotRule": "adoption.pilot.decision",
    "Prices": "adoption.worth.prices",
    "Progress": "util.progress",
    "ProxyRegret": "adoption.worth.regret",
    "Reason": "specs.verdicts",
    "Regret": "adoption.worth.regret",
    "RegretTable": "adoption.worth.regret",
    "Rival": "adoption.rivals.table",
    "RivalFits": "adoption.rivals.rival_kinds",
    "RivalTable": "adoption.rivals.table",
    "RunError": "errors",
    "RunFacts": "results.facts",
    "RunSpec": "specs",
    "Sentence": "wording",
    "Share": "cutting.cost",
    "SpecError": "errors",
    "Spent": "adoption.rivals.training",
    "StitchError": "errors",
    "StitchSpec": "specs",
    "Stitched": "grid.stitched",
    "StitchedCell": "results.stitched",
    "Task": "tasks",
    "TensorBoard": "results.trackers",
    "Thresholds": "evidence.verdict",
    "TruthError": "errors",
    "Unscored": "data.absent",
    "Verdict": "evidence.verdict",
    "VerdictName": "specs.verdicts",
    "VerdictReason": "specs.verdicts",
    "Verification": "adoption.verify.record",
    "VerifiedCheck": "adoption.verify.record",
    "Versions": "results.facts",
    "View": "specs",
    "WeightsAndBiases": "results.trackers",
    "WeightsError": "errors",
    "WeightsFacts": "models.weights.facts",
    "Whole": "adoption.candidates.candidate",
    "Work": "cutting.cost",
    "candidates": "api.use",
    "capacity_curves": "results.curves",
    "chains_of": "adoption.worth.verbs",
    "compare": "api.compare",
    "compare_all": "api.compare_many",
    "compare_labels": "api.compare_many",
    "cost_of": "adoption.worth.verbs",
    "cuts": "cutting",
    "data_from": "data.from_arrays",
    "list_controls": "api.lists",
    "list_evidence": "api.lists",
    "list_models": "api.lists",
    "list_stitches": "api.lists",
    "load": "api.use",
    "load_data": "data.load",
    "load_model": "models.load",
    "load_stitched": "adoption.folder.loading",
    "pilot": "api.use",
    "regret_of": "adoption.worth.verbs",
    "rivals_of": "adoption.worth.verbs",
    "split": "cutting",
    "stitch": "api.compare",
    "verify": "api.use",
    "write_report": "api.use",
}
"""The module of each public name, imported at first use: ``modelstitch --help`` must not wait for torch."""

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name == "geometry":
        return import_module("modelstitch.geometry")
    if name not in _HOMES:
        near = get_close_matches(name, __all__, n=1)
        hint = f": did you mean {near[0]!r}?" if near else ""
        raise AttributeError(f"module 'modelstitch' has no attribute {name!r}{hint}")
    return getattr(import_module(f"modelstitch.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    # What is public, and nothing else: completion in a notebook is a first look at a package.
    return sorted([*__all__, "geometry", "__version__", "__doc__", "__all__"])
