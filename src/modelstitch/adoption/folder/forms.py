"""Write a stitched network in every form, and keep those alone that give what the network gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save
from torch import Tensor
from torch.export import ExportedProgram
from torch.fx import GraphModule

from modelstitch.adoption.folder.agreement import Agreement, Compared, agreement
from modelstitch.adoption.folder.contract import Contract
from modelstitch.adoption.folder.deployed import Deployed
from modelstitch.adoption.folder.loading import WEIGHTS
from modelstitch.adoption.folder.onnx_form import ONNX, onnx_runner, write_onnx
from modelstitch.adoption.folder.program import (
    PROGRAM,
    NotWrittenError,
    load_program,
    module_of,
    program_of,
    save_program,
    value_equal_to,
)
from modelstitch.errors import TruthError


@dataclass(frozen=True, kw_only=True)
class Written:
    """What was written of a network.

    Attributes:
        agreements: of the forms that were written.
        not_written: why other forms were not, by name of file.
        stitched_value: name of the value of the program that is the stitched representation; None where none
            equals it.
        n_parameters: numbers that the network holds.
    """

    agreements: tuple[Agreement, ...]
    not_written: Mapping[str, str]
    stitched_value: str | None
    n_parameters: int


def write_forms(folder: Path, deployed: Deployed, contract: Contract, batches: Sequence[Compared]) -> Written:
    """Write program, weights and ONNX file, and compare each with the original on some batches.

    Args:
        folder: to write to.
        deployed: the network.
        contract: what it takes and gives.
        batches: with the outputs of the original.

    Raises:
        NotWrittenError: the network cannot be traced at all.
        TruthError: the program gives other outputs than the network.
    """
    program = program_of(deployed, {one.name: (one.torch_dtype, one.shape) for one in contract.inputs})
    save_program(program, folder / PROGRAM)
    (folder / WEIGHTS).write_bytes(save(_weights(program)))
    module = module_of(load_program(folder / PROGRAM))
    found = [_compared(PROGRAM, module, deployed, contract, batches)]
    with_weights = module_of(load_program(folder / PROGRAM))
    for value in with_weights.state_dict().values():
        value.zero_()  # what the file does not fill would show
    with_weights.load_state_dict(load_file(folder / WEIGHTS))
    found.append(_compared(WEIGHTS, with_weights, deployed, contract, batches))
    for each in found:
        if not each.holds:
            raise TruthError(f"{each.said}; nothing is written")
    few = tuple(batches[1].inputs.values())
    not_written = {}
    try:
        found.append(_onnx(folder, program, deployed, contract, batches))
    except NotWrittenError as error:
        not_written[ONNX] = str(error)
    with torch.no_grad():
        stitched = value_equal_to(module, few, deployed.represent(*few))
    parameters = [program.state_dict[name] for name in program.graph_signature.parameters]
    return Written(
        agreements=tuple(found),
        not_written=not_written,
        stitched_value=stitched,
        n_parameters=sum(value.numel() for value in parameters),
    )


def _compared(
    form: str, module: GraphModule, deployed: Deployed, contract: Contract, batches: Sequence[Compared]
) -> Agreement:
    names = [one.name for one in contract.outputs]

    def run(inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return dict(zip(names, module(*inputs.values()), strict=True))

    return agreement(form, run, batches, deployed.reading)


def _onnx(
    folder: Path,
    program: ExportedProgram,
    deployed: Deployed,
    contract: Contract,
    batches: Sequence[Compared],
) -> Agreement:
    """Write the ONNX file and compare it.

    Raises:
        NotWrittenError: it cannot be written, or differs; no file is left then.
    """
    inputs, outputs = ([one.name for one in side] for side in (contract.inputs, contract.outputs))
    path = folder / ONNX
    write_onnx(program, path, inputs, outputs)
    try:
        found = agreement(ONNX, onnx_runner(path, outputs), batches, deployed.reading)
    except NotWrittenError:
        path.unlink()
        raise
    if not found.holds:
        path.unlink()
        raise NotWrittenError(f"{ONNX} is not written: {found.said}")
    return found


def _weights(program: ExportedProgram) -> dict[str, Tensor]:
    """Return the parameters and buffers of a program, each with its own memory."""
    return {name: value.detach().clone().contiguous() for name, value in program.state_dict.items()}
