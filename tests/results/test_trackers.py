"""Trackers of experiments: what they hand on, to fakes with the signatures of the packages themselves."""

from __future__ import annotations

import math
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from matplotlib.figure import Figure

import modelstitch as ms
from modelstitch.errors import MissingExtraError
from modelstitch.results.plain_numbers import choices_of, numbers_of
from modelstitch.util.progress import listening
from tests.report.made import run

COMPARISON = run(2, 3)
TRACKERS = (("TensorBoard", "tensorboard"), ("MLflow", "mlflow"), ("WeightsAndBiases", "wandb"))


class SummaryWriter:
    """torch.utils.tensorboard.SummaryWriter, as far as it is called."""

    made: list[SummaryWriter] = []  # noqa: RUF012

    def __init__(
        self,
        log_dir: str | None = None,
        comment: str = "",
        purge_step: int | None = None,
        max_queue: int = 10,
        flush_secs: int = 120,
        filename_suffix: str = "",
    ) -> None:
        self.log_dir, self.scalars, self.texts, self.figures = log_dir, [], {}, {}  # type: ignore[var-annotated]
        self.flushed = 0
        self.made.append(self)

    def add_scalar(
        self,
        tag: str,
        scalar_value: float,
        global_step: int | None = None,
        walltime: float | None = None,
        new_style: bool = False,
        double_precision: bool = False,
    ) -> None:
        self.scalars.append((tag, float(scalar_value), global_step))

    def add_text(
        self, tag: str, text_string: str, global_step: int | None = None, walltime: float | None = None
    ) -> None:
        self.texts[tag] = text_string

    def add_figure(
        self,
        tag: str,
        figure: Figure,
        global_step: int | None = None,
        close: bool = True,
        walltime: float | None = None,
    ) -> None:
        self.figures[tag] = figure

    def flush(self) -> None:
        self.flushed += 1


class FakeMLflow(ModuleType):
    """The module mlflow, as far as it is called."""

    def __init__(self) -> None:
        super().__init__("mlflow")
        self.runs: list[dict[str, Any]] = []
        self.open: list[dict[str, Any]] = []

    def active_run(self) -> dict[str, Any] | None:
        return self.open[-1] if self.open else None

    def start_run(
        self,
        run_id: str | None = None,
        experiment_id: str | None = None,
        run_name: str | None = None,
        nested: bool = False,
        parent_run_id: str | None = None,
        tags: dict[str, Any] | None = None,
        description: str | None = None,
        log_system_metrics: bool | None = None,
    ) -> None:
        assert nested == bool(self.open), "mlflow refuses a second run that is not nested"
        self.open.append({"name": run_name, "params": {}, "metrics": {}, "files": {}, "live": []})
        self.runs.append(self.open[-1])

    def end_run(self, status: str = "FINISHED") -> None:
        self.open.pop()["status"] = status

    def set_tag(self, key: str, value: Any, synchronous: bool | None = None) -> None:
        self.open[-1]["name"] = value

    def log_params(
        self, params: dict[str, Any], synchronous: bool | None = None, run_id: str | None = None
    ) -> None:
        assert all(len(str(value)) <= 500 for value in params.values())
        self.open[-1]["params"] |= params

    def log_metric(self, key: str, value: float, step: int | None = None, **_: Any) -> None:
        self.open[-1]["live"].append((key, value, step))

    def log_metrics(self, metrics: dict[str, float], step: int | None = None, **_: Any) -> None:
        allowed = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./ ")
        assert all(set(key) <= allowed for key in metrics)
        self.open[-1]["metrics"] |= metrics

    def log_text(self, text: str, artifact_file: str, run_id: str | None = None) -> None:
        self.open[-1]["files"][artifact_file] = text

    def log_figure(
        self, figure: Figure, artifact_file: str, *, save_kwargs: dict[str, Any] | None = None
    ) -> None:
        self.open[-1]["files"][artifact_file] = figure


class FakeWandb(ModuleType):
    """The module wandb, as far as it is called."""

    def __init__(self) -> None:
        super().__init__("wandb")
        self.runs: list[Any] = []

    def init(self, entity: str | None = None, project: str | None = None, **_: Any) -> Any:
        run_ = SimpleNamespace(project=project, logged=[], summary={}, code=None)
        run_.config = SimpleNamespace(values={})
        run_.config.update = lambda d, allow_val_change=None: run_.config.values.update(d)
        run_.log = lambda data, step=None, commit=None: run_.logged.append((data, step))

        def finish(exit_code: int | None = None, quiet: bool | None = None) -> None:
            run_.code = exit_code

        run_.finish = finish
        self.runs.append(run_)
        return run_

    @staticmethod
    def Table(  # noqa: N802
        columns: Any = None, data: Any = None, rows: Any = None, dataframe: pd.DataFrame | None = None
    ) -> Any:
        assert isinstance(dataframe, pd.DataFrame)
        return dataframe

    @staticmethod
    def Image(data_or_path: Any, mode: str | None = None, caption: str | None = None) -> Any:  # noqa: N802
        assert isinstance(data_or_path, Figure)
        return data_or_path


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    board = ModuleType("torch.utils.tensorboard")
    board.SummaryWriter = SummaryWriter  # type: ignore[attr-defined]
    SummaryWriter.made.clear()
    made = {"mlflow": FakeMLflow(), "wandb": FakeWandb(), "tensorboard": ModuleType("tensorboard")}
    for name, module in {**made, "torch.utils.tensorboard": board}.items():
        monkeypatch.setitem(sys.modules, name, module)
    return made


def a_run(tracker: ms.Progress) -> None:
    with listening([tracker]) as progress:
        progress.stage("reading the data")
        progress.start(3, 0)
        progress.cell("a", 0.5)
        progress.cell("b", None)
        progress.cell("c", 0.75)
        progress.finished(COMPARISON)


def test_numbers_are_those_of_the_tables_and_every_one_is_finite() -> None:
    numbers = numbers_of(COMPARISON)
    cell = next(each for each in COMPARISON.cells if each.control == "trained")
    name = f"{cell.sender_cut} into {cell.receiver_cut}/{cell.stitch}"
    assert numbers[f"score/{name}"] == pytest.approx(cell.score)
    assert numbers[f"low/{name}"] < numbers[f"score/{name}"] < numbers[f"high/{name}"]
    assert numbers["receiver_score"] == COMPARISON.baseline("receiver")
    assert all(math.isfinite(value) for value in numbers.values())
    counts = sum(value for key, value in numbers.items() if key.startswith("verdicts/"))
    assert counts == len(COMPARISON.cell_verdicts())
    assert choices_of(COMPARISON)["controls"] == ", ".join(COMPARISON.controls)


def test_tensorboard_gets_each_score_and_every_number(fakes: dict[str, Any]) -> None:
    a_run(ms.TensorBoard("board"))
    (writer,) = SummaryWriter.made
    assert writer.log_dir == "board"
    live = [each for each in writer.scalars if each[0] == "live/score"]
    assert live == [("live/score", 0.5, 0), ("live/score", 0.75, 1)]
    rest = {tag: value for tag, value, _ in writer.scalars if tag != "live/score"}
    assert rest == numbers_of(COMPARISON)
    assert str(COMPARISON.sentences()[0]) in writer.texts["sentences"]
    assert set(writer.figures) == {"matrices"}
    assert writer.flushed == 1


def test_mlflow_gets_one_run_that_is_ended_whatever_happens(fakes: dict[str, Any]) -> None:
    a_run(ms.MLflow())
    (logged,) = fakes["mlflow"].runs
    assert logged["status"] == "FINISHED"
    assert logged["name"] == f"{COMPARISON.sender} into {COMPARISON.receiver}"
    assert [each[1:] for each in logged["live"]] == [(0.5, 0), (0.75, 1)]
    assert len(logged["metrics"]) == len(numbers_of(COMPARISON))
    assert set(logged["files"]) == {"sentences.txt", "matrices.png"}

    def stopped() -> None:
        with listening(ms.MLflow("mine")) as progress:
            progress.cell("a", 0.5)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert (fakes["mlflow"].runs[1]["status"], fakes["mlflow"].runs[1]["name"]) == ("FAILED", "mine")
    fakes["mlflow"].start_run(run_name="outer")
    a_run(ms.MLflow())  # inside of a run that is open
    assert fakes["mlflow"].active_run()["name"] == "outer"


def test_weights_and_biases_gets_tables_and_is_finished_whatever_happens(fakes: dict[str, Any]) -> None:
    a_run(ms.WeightsAndBiases(project="stitching"))
    (logged,) = fakes["wandb"].runs
    assert (logged.project, logged.code) == ("stitching", 0)
    assert logged.summary == numbers_of(COMPARISON)
    assert logged.config.values == choices_of(COMPARISON)
    assert [data for data, _ in logged.logged[:2]] == [{"live/score": 0.5}, {"live/score": 0.75}]
    assert set(logged.logged[2][0]) == {"verdicts", "matrices"}

    def stopped() -> None:
        with listening(ms.WeightsAndBiases()) as progress:
            progress.cell("a", 0.5)
            raise ValueError

    with pytest.raises(ValueError):
        stopped()
    assert fakes["wandb"].runs[1].code == 1


@pytest.mark.parametrize(("name", "extra"), TRACKERS)
def test_a_missing_package_is_said_with_the_command_that_installs_it(
    name: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, extra, None)
    with pytest.raises(MissingExtraError, match=rf'{name} needs .*: pip install "modelstitch\[{extra}\]"'):
        getattr(ms, name)()
