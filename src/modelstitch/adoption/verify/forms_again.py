"""The forms of a candidate compared with each other, on examples or on drawn inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from modelstitch.adoption.folder.agreement import MOST_DIFFERENCE, difference
from modelstitch.adoption.folder.contract import Contract, TensorContract
from modelstitch.adoption.folder.loading import WEIGHTS, network_in
from modelstitch.adoption.folder.onnx_form import ONNX, cannot_run, onnx_runner
from modelstitch.adoption.folder.program import PROGRAM, load_program, module_of
from modelstitch.adoption.folder.spec_file import FolderSpec
from modelstitch.adoption.verify.record import VerifiedCheck
from modelstitch.errors import MissingExtraError

TensorsOfBatch = Mapping[str, Tensor]
RunsForm = Callable[[TensorsOfBatch], TensorsOfBatch]


def drawn_inputs(contract: Contract, n: int, seed: int) -> dict[str, Tensor]:
    """Return inputs (n, ...) by name that keep a contract, drawn evenly from the values that were seen.

    Example:
        >>> x = TensorContract(name="x", dtype="float32", shape=(3,), seen=(0.0, 2.0))
        >>> drawn = drawn_inputs(Contract(inputs=(x,), outputs=(x,), preprocessing={}), 4, 0)["x"]
        >>> drawn.shape, bool((drawn <= 2).all())
        (torch.Size([4, 3]), True)
    """
    generator = torch.Generator().manual_seed(seed)
    return {one.name: _drawn(one, n, generator) for one in contract.inputs}


def _drawn(one: TensorContract, n: int, generator: torch.Generator) -> Tensor:
    low, high = one.seen or (0.0, 1.0)
    if one.torch_dtype.is_floating_point:
        values = torch.rand(n, *one.shape, generator=generator) * (high - low) + low
    else:
        values = torch.randint(int(low), int(high) + 1, (n, *one.shape), generator=generator)
    return values.to(one.torch_dtype)


def forms_again(
    folder: Path, spec: FolderSpec, batches: Sequence[Mapping[str, Tensor]]
) -> tuple[VerifiedCheck, list[str]]:
    """Compare the forms of a folder with its program; return the check, and what could not be checked.

    Args:
        folder: of a candidate whose files are those of its manifest.
        spec: of the candidate.
        batches: inputs by name.
    """
    names = [one.name for one in spec.contract.outputs]
    program = module_of(load_program(folder / PROGRAM))
    weights = network_in(folder)
    left: list[str] = []

    def with_weights(given: TensorsOfBatch) -> TensorsOfBatch:
        return dict(zip(names, weights.program(*given.values()), strict=True))

    with torch.no_grad():
        expected = [dict(zip(names, program(*given.values()), strict=True)) for given in batches]
        found = {WEIGHTS: _apart(with_weights, batches, expected)}
        if (folder / ONNX).is_file():
            try:
                found[ONNX] = _apart(onnx_runner(folder / ONNX, names), batches, expected)
            except MissingExtraError as error:
                left.append(f"{ONNX}, which needs a package: {error}")
            except Exception as error:  # another version of onnxruntime may not read it
                left.append(f"{ONNX}: {cannot_run(error)}")
    off = [f"{form} by {value:.2g}" for form, value in found.items() if value > MOST_DIFFERENCE]
    most = f"{max(found.values()):.2g} of the largest output"
    said = (
        f"differ from {PROGRAM}: {', '.join(off)} of the largest output"
        if off
        else f"{', '.join(found)} give what {PROGRAM} gives, to {most}"
    )
    sizes = [len(next(iter(given.values()))) for given in batches]
    return VerifiedCheck(
        name="forms", holds=not off, said=said, facts={"differences": found, "batches": sizes}
    ), left


def _apart(run: RunsForm, batches: Sequence[TensorsOfBatch], expected: Sequence[TensorsOfBatch]) -> float:
    """Return the largest difference of a form, as a share of the largest output."""
    return max(difference(run(given), outputs) for given, outputs in zip(batches, expected, strict=True))
