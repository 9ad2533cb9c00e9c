"""Fit and score one cell: a function of its spec, the two networks and the data."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from modelstitch.cutting.accelerate import has_fast_bfloat16
from modelstitch.cutting.layouts import mask_fits, without_padding
from modelstitch.fitting.closed_form import coordinates_of, solve
from modelstitch.fitting.gram import Moments
from modelstitch.fitting.objectives import CRITERIA, Criterion, Padding, Parts, Trail, no_padding
from modelstitch.fitting.schedules import spread
from modelstitch.fitting.trained import Fit, Fitted, Least, paired_gain
from modelstitch.grid import checks
from modelstitch.grid.representations import Lookup
from modelstitch.grid.scoring import score_batches, scored
from modelstitch.grid.side import Side
from modelstitch.specs import OBJECTIVES, CellSpec, FitSpec
from modelstitch.stitches import Stitch, build
from modelstitch.tasks import Targets, Task, mean_score

_VALIDATION_SHARE, _VALIDATION_MOST = 0.1, 1000
_PRECISION_EXAMPLES = 256


@dataclass(frozen=True)
class FittedCell:
    """A finished cell.

    Attributes:
        spec: what was fitted.
        stitch: the fitted stitch.
        fitted: how the fit went.
        correct: (n_heldout,) the score of each held-out example: true or false, or from 0 to 1.
    """

    spec: CellSpec
    stitch: Stitch
    fitted: Fitted
    correct: Tensor

    @property
    def accuracy(self) -> float:
        """Mean score on held-out examples; NaN where the fit failed."""
        return math.nan if self.fitted.failure is not None else mean_score(self.correct)


@dataclass(frozen=True)
class CellInputs:
    """What one cell is fitted from.

    Attributes:
        provided: the sender's representations of the training part, in the precision of the fit.
        exact: the same in float32, computed when asked for.
        heldout: the sender's representations of the held-out part, in float32.
        expected: the receiver's representations of the training part at its cut; None where the objective
            does not need them.
        outputs: the whole receiver's outputs for training examples; None likewise.
        moments: of fitting and of validation examples; None where the fit reads none.
        least: what the fit has to reach; None where its own gain alone decides.
        most_steps: length of the longest automatic schedule, if it is below that of the fit.
    """

    provided: Lookup
    exact: Lookup
    heldout: Lookup
    expected: Lookup | None = None
    outputs: Lookup | None = None
    moments: tuple[Moments, Moments] | None = None
    least: Least | None = None
    most_steps: int | None = None


def divide_validation(n_examples: int, *, automatic: bool) -> tuple[Tensor, Tensor]:
    """Divide training examples into fitting and validation examples, the same for every cell.

    A tenth, at most 1,000, validates; none where the length of the fit is fixed.

    Example:
        >>> [len(part) for part in divide_validation(600, automatic=True)]
        [540, 60]
    """
    if not automatic:
        return torch.arange(n_examples), torch.arange(0)
    n_validation = min(_VALIDATION_MOST, max(1, round(_VALIDATION_SHARE * n_examples)))
    order = torch.randperm(n_examples, generator=torch.Generator().manual_seed(0))
    return order[n_validation:].sort().values, order[:n_validation].sort().values


def fit_dtype(spec: FitSpec, device: torch.device) -> torch.dtype:
    """Return the precision in which the frozen halves run while stitches are fitted."""
    if spec.precision == "auto":
        # Least squares takes one pass, so bfloat16 would save little and cost digits.
        by_gradient = not OBJECTIVES[spec.objective].least_squares
        fast = by_gradient and spec.accelerate and has_fast_bfloat16(device)
        return torch.bfloat16 if fast else torch.float32
    return torch.bfloat16 if spec.precision == "bfloat16" else torch.float32


def fit_cell(cell: CellSpec, sender: Side, receiver: Side, inputs: CellInputs, spec: FitSpec) -> FittedCell:
    """Fit and score one cell.

    Args:
        cell: what to fit.
        sender, receiver: the two networks.
        inputs: representations and moments.
        spec: how to fit.

    Raises:
        TruthError: a network changed, or the stitch did not.
    """
    data, task = sender.data, sender.data.task
    device = data.train.images.device
    dtype = fit_dtype(spec, device)
    fitted, stitch = _fit(cell, sender, receiver, inputs, spec, task, dtype)
    if dtype == torch.bfloat16 and fitted.failure is None and spec.precision == "auto" and fitted.total_steps:
        few = spread(divide_validation(len(data.train), automatic=True)[1], _PRECISION_EXAMPLES)
        if _loses(stitch, receiver, cell.receiver_cut, inputs, few, task):
            exact = replace(inputs, provided=inputs.exact)
            fitted, stitch = _fit(cell, sender, receiver, exact, spec, task, torch.float32)
    checks.stitch_changed(fitted, cell)
    checks.still_frozen(sender, cell)
    checks.still_frozen(receiver, cell)
    suffix = scoring_suffix(receiver, cell.receiver_cut, spec)
    correct = score(stitch, receiver, suffix, inputs.heldout, task)
    return FittedCell(cell, stitch, fitted, correct)


def scoring_suffix(receiver: Side, name: str, spec: FitSpec) -> nn.Module:
    """Return the suffix that held-out examples are scored through, in float32."""
    return receiver.fast_suffix(name, torch.float32) if spec.accelerate else receiver.suffix(name)


def _fit(
    cell: CellSpec,
    sender: Side,
    receiver: Side,
    inputs: CellInputs,
    spec: FitSpec,
    task: Task,
    dtype: torch.dtype,
) -> tuple[Fitted, Stitch]:
    data = sender.data
    device = data.train.images.device
    generator = torch.Generator().manual_seed(cell.seed)
    layouts = sender.cut(cell.sender_cut).layout, receiver.cut(cell.receiver_cut).layout
    stitch = build(cell.stitch, *layouts, generator).to(device)
    closed = coordinates = None
    if inputs.moments is not None and list(stitch.parameters()):
        failure = _not_finite(cell, inputs.moments)
        if failure is not None:
            stitch.eval()
            return Fitted(math.nan, 0, 0.0, "none", failure=failure), stitch
        exact = spec.least_squares and cell.stitch.is_solved(spec.objective)
        closed = solve(stitch, *inputs.moments, refit=exact)
        if closed is not None and exact:
            for name, value in closed.items():
                stitch.get_parameter(name).data.copy_(value)
            stitch.eval()
            return Fitted(math.nan, 0, 0.0, "closed form", converged=True), stitch
        coordinates = coordinates_of(stitch, inputs.moments[0], device, torch.float32)
    examples, validation = divide_validation(len(data.train), automatic=spec.automatic)
    criterion = _criterion(cell, receiver, inputs, spec, task, dtype)
    fit = Fit(
        stitch,
        criterion,
        inputs.provided,
        examples,
        validation,
        spec,
        generator,
        coordinates if spec.coordinates == "whitened" else None,
        closed if spec.start != "random" else None,
        validation_batch=receiver.score_batch,
        least=inputs.least,
        most_steps=inputs.most_steps,
    )
    fitted = fit.run()
    return replace(fitted, precision=str(dtype).removeprefix("torch.")), stitch


def _not_finite(cell: CellSpec, moments: tuple[Moments, Moments]) -> str | None:
    """Return whose representations are no finite numbers; None where all are."""
    if all(part.finite for part in moments):
        return None
    if all(bool(part.gram.covariance.isfinite().all()) for part in moments):
        return f"the receiver at {cell.receiver_cut} is not finite for some training examples"
    return f"the sender at {cell.sender_cut} is not finite for some training examples"


def _criterion(
    cell: CellSpec, receiver: Side, inputs: CellInputs, spec: FitSpec, task: Task, dtype: torch.dtype
) -> Criterion:
    """Make the criterion of the objective from the parts of the receiver."""
    name = cell.receiver_cut
    train = receiver.data.train
    half = receiver.fast_suffix(name, dtype) if spec.accelerate else receiver.suffix(name)

    def targets(indices: Tensor | None) -> Targets:
        return train.targets_for(task, indices)

    def variance() -> float:
        assert inputs.expected is not None
        few = spread(torch.arange(len(train)), _PRECISION_EXAMPLES)
        return max(float(inputs.expected(few).float().var()) if spec.scale_errors else 1.0, 1e-12)

    def trail() -> Trail:
        later = receiver.later(name)
        return receiver.bound(receiver.trail(name, later, dtype), "train") if later else _nothing_later

    def padding(with_later: bool) -> Padding:
        return _padding(receiver, (name, *(receiver.later(name) if with_later else ())))

    parts = Parts(
        task=task,
        targets=targets,
        suffix=receiver.bound(half, "train"),
        outputs=inputs.outputs,
        expected=inputs.expected,
        variance=variance,
        trail=trail,
        padding=padding,
    )
    return CRITERIA[spec.objective](parts)


def _padding(receiver: Side, names: tuple[str, ...]) -> Padding:
    """Return what masks padding at the given cuts."""
    if receiver.inputs.tokenized["train"].present is None:
        return no_padding
    layouts = [receiver.cut(name).layout for name in names]

    def padding(values: Tensor, indices: Tensor, index: int) -> tuple[Tensor, Tensor | float]:
        layout, mask = layouts[index], receiver.inputs.mask("train", indices)
        if mask is None or not mask_fits(layout, mask):
            return values, 1.0
        return without_padding(values, layout, mask), mask.float().mean(1).clamp_min(1 / mask.shape[1])

    return padding


def _nothing_later(y: Tensor, indices: Tensor) -> tuple[Tensor, ...]:
    return ()


def _loses(stitch: Stitch, receiver: Side, name: str, inputs: CellInputs, few: Tensor, task: Task) -> bool:
    """Tell whether a stitch fitted in bfloat16 does worse in float32 than in bfloat16, beyond noise."""
    scores, train = [], receiver.data.train
    with torch.no_grad():
        for lookup, dtype in ((inputs.exact, torch.float32), (inputs.provided, torch.bfloat16)):
            x = lookup(few)
            outputs = receiver.bound(receiver.fast_suffix(name, dtype), "train")(
                stitch(x.float()).to(dtype), few
            )
            scores.append(task.score(outputs.float(), train.targets_for(task, few)).float().cpu())
    gain, noise = paired_gain(*scores)
    return gain < -noise


def score(stitch: Stitch, receiver: Side, suffix: nn.Module, provided: Lookup, task: Task) -> Tensor:
    """Return the stitched network's score (N,) on held-out examples, on the CPU; bool for classification."""
    return scored(task, heldout_outputs(stitch, receiver, suffix, provided, task)).cpu()


def heldout_outputs(
    stitch: Stitch, receiver: Side, suffix: nn.Module, provided: Lookup, task: Task
) -> Iterator[tuple[Tensor, Targets]]:
    """Yield the stitched network's outputs on held-out examples, and their targets, batch by batch."""
    stitch.eval()
    heldout = receiver.data.heldout
    run = receiver.bound(suffix, "held-out")
    for indices in score_batches(len(heldout), receiver.score_batch):
        with torch.inference_mode():
            outputs = run(stitch(provided(indices)), indices)
        yield outputs, heldout.targets_for(task, indices)
