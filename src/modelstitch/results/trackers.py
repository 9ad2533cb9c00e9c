"""Trackers of experiments as callbacks of a run: TensorBoard, MLflow, Weights & Biases."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelstitch.results.plain_numbers import choices_of, numbers_of
from modelstitch.util.optional import optional_package
from modelstitch.util.progress import Progress

if TYPE_CHECKING:
    from modelstitch.results.comparison import Comparison

LIVE = "live/score"
"""The name of the score of each cell in the order in which cells are finished."""


class _Tracker(Progress, ABC):
    """Counts the cells, and hands on each score and every finished comparison."""

    def __init__(self) -> None:
        self._n_cells = 0

    def cell(self, text: str, accuracy: float | None) -> None:
        if accuracy is not None:
            self._live(accuracy, self._n_cells)
            self._n_cells += 1

    @abstractmethod
    def _live(self, score: float, step: int) -> None:
        """Hand on the score of the cell that was finished as number ``step``."""


class TensorBoard(_Tracker):
    """Writes scores, numbers, sentences and the map of a comparison for TensorBoard.

    Args:
        folder: where TensorBoard looks.

    Raises:
        MissingExtraError: tensorboard is not installed; the message says what to do.

    Example:
        ``old`` and ``new`` are two trained modules, ``images`` and ``labels`` tensors::

            ms.compare(old, new, (images, labels), progress=[True, ms.TensorBoard("runs/stitch")])
    """

    def __init__(self, folder: str | Path = "runs") -> None:
        super().__init__()
        optional_package("tensorboard", "tensorboard", "the tracker TensorBoard")
        module = optional_package("torch.utils.tensorboard", "tensorboard", "the tracker TensorBoard")
        self._writer = module.SummaryWriter(str(folder))

    def _live(self, score: float, step: int) -> None:
        self._writer.add_scalar(LIVE, score, step)

    def finished(self, comparison: Comparison) -> None:
        for name, value in numbers_of(comparison).items():
            self._writer.add_scalar(name, value, 0)
        choices = choices_of(comparison)
        self._writer.add_text("choices", "\n".join(f"- {name}: {value}" for name, value in choices.items()))
        self._writer.add_text("sentences", "\n".join(f"- {sentence}" for sentence in comparison.sentences()))
        self._writer.add_figure("matrices", comparison.figure())

    def closed(self) -> None:
        self._writer.flush()


class MLflow(_Tracker):
    """Logs a comparison as a run of MLflow, inside of a run that is open, or as one of its own.

    Args:
        run_name: of the run; by default sender and receiver.

    Raises:
        MissingExtraError: mlflow is not installed; the message says what to do.

    Example:
        ``old`` and ``new`` are two trained modules, ``images`` and ``labels`` tensors::

            ms.compare(old, new, (images, labels), progress=[True, ms.MLflow()])
    """

    def __init__(self, run_name: str | None = None) -> None:
        super().__init__()
        self._mlflow = optional_package("mlflow", "mlflow", "the tracker MLflow")
        self._run_name = run_name
        self._is_open = False

    def _open(self) -> None:
        if not self._is_open:
            nested = self._mlflow.active_run() is not None
            self._mlflow.start_run(run_name=self._run_name, nested=nested)
            self._is_open = True

    def _live(self, score: float, step: int) -> None:
        self._open()
        self._mlflow.log_metric(_plain(LIVE), score, step=step)

    def finished(self, comparison: Comparison) -> None:
        self._open()
        if self._run_name is None:
            self._mlflow.set_tag("mlflow.runName", f"{comparison.sender} into {comparison.receiver}")
        self._mlflow.log_params({_plain(name): value[:500] for name, value in choices_of(comparison).items()})
        self._mlflow.log_metrics({_plain(name): value for name, value in numbers_of(comparison).items()})
        self._mlflow.log_text("\n".join(map(str, comparison.sentences())), "sentences.txt")
        self._mlflow.log_figure(comparison.figure(), "matrices.png")
        self._end("FINISHED")

    def closed(self) -> None:
        self._end("FAILED")  # one that is finished has been ended

    def _end(self, status: str) -> None:
        if self._is_open:
            self._mlflow.end_run(status)
            self._is_open = False


class WeightsAndBiases(_Tracker):
    """Logs a comparison as a run of Weights & Biases.

    Args:
        options: of ``wandb.init``, such as ``project``.

    Raises:
        MissingExtraError: wandb is not installed; the message says what to do.

    Example:
        ``old`` and ``new`` are two trained modules, ``images`` and ``labels`` tensors::

            tracker = ms.WeightsAndBiases(project="stitching")
            ms.compare(old, new, (images, labels), progress=[True, tracker])
    """

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self._wandb = optional_package("wandb", "wandb", "the tracker WeightsAndBiases")
        self._options: Mapping[str, Any] = options
        self._run: Any = None

    def _open(self) -> Any:
        if self._run is None:
            self._run = self._wandb.init(**self._options)
        return self._run

    def _live(self, score: float, step: int) -> None:
        self._open().log({LIVE: score}, step=step)

    def finished(self, comparison: Comparison) -> None:
        run = self._open()
        run.config.update(choices_of(comparison), allow_val_change=True)
        run.summary.update(numbers_of(comparison))
        run.log(
            {
                "verdicts": self._wandb.Table(dataframe=comparison.verdict_frame()),
                "matrices": self._wandb.Image(comparison.figure()),
            }
        )
        self._end(0)

    def closed(self) -> None:
        self._end(1)  # one that is finished has been ended

    def _end(self, code: int) -> None:
        if self._run is not None:
            self._run.finish(exit_code=code)
            self._run = None


def _plain(name: str) -> str:
    """Return a name with the signs that MLflow takes alone.

    Example:
        >>> _plain("score/layers.1 into 2/lowrank(8)+batch")
        'score/layers.1 into 2/lowrank_8__batch'
    """
    return re.sub(r"[^\w\-./ ]", "_", name)
