"""Build the network of a candidate's folder again, without the source of either original."""

from __future__ import annotations

from pathlib import Path
from typing import final

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.fx import GraphModule

from modelstitch.adoption.folder.calibration_file import features_of
from modelstitch.adoption.folder.manifest import changes
from modelstitch.adoption.folder.program import PROGRAM, Tapped, load_program, module_of
from modelstitch.adoption.folder.spec_file import FolderSpec, read_spec
from modelstitch.errors import ModelError, RunError, first_line

WEIGHTS = "model.safetensors"
"""Name of the file with the weights."""


@final
class LoadedStitched(nn.Module):
    """The stitched network of a folder as an ordinary module.

    Attributes:
        spec: what the folder says of it; ``spec.contract`` says what it takes and gives.
    """

    def __init__(self, program: GraphModule, spec: FolderSpec) -> None:
        super().__init__()
        self.program, self.spec = program, spec

    def forward(self, x: Tensor, **further: Tensor) -> Tensor:
        """Return the output that is scored.

        Args:
            x: (N, ...) examples, as the contract says.
            further: (N, ...) further inputs by name.

        Raises:
            DataError: inputs that do not keep the contract.
        """
        return next(iter(self.outputs(x, **further).values()))

    def outputs(self, x: Tensor, **further: Tensor) -> dict[str, Tensor]:
        """Return every output by its name, the one that is scored first."""
        given = self._given(x, further)
        names = [one.name for one in self.spec.contract.outputs]
        return dict(zip(names, self.program(*given), strict=True))

    def represent(self, x: Tensor, **further: Tensor) -> Tensor:
        """Return the stitched representation (N, ...), as the receiver's half takes it.

        Raises:
            ModelError: the folder does not say where it is.
        """
        if self.spec.stitched_value is None:
            raise ModelError("expected a folder that names the stitched representation, got one without")
        represented: Tensor = Tapped(self.program, self.spec.stitched_value)(*self._given(x, further))
        return represented

    def features(self, x: Tensor, **further: Tensor) -> Tensor:
        """Return the features (N, D) that the distance of a monitor is made of."""
        return features_of(self.represent(x, **further), self.spec.channel_axis)

    def train(self, mode: bool = True) -> LoadedStitched:
        """Do nothing: the network is frozen in eval mode."""
        return self

    def _given(self, x: Tensor, further: dict[str, Tensor]) -> list[Tensor]:
        contract = self.spec.contract
        named = {contract.inputs[0].name: x, **further}
        if not torch.compiler.is_compiling():  # a check of values is no part of a graph
            contract.expect(named)
        return [named[one.name] for one in contract.inputs]


def load_stitched(folder: str | Path) -> LoadedStitched:
    """Load the stitched network of a folder that ``modelstitch export`` wrote.

    Args:
        folder: of a candidate.

    Returns:
        An ordinary module in eval mode, on the CPU.

    Raises:
        RunError: no such folder, or a file in it was changed, replaced or is missing.
        ModelError: the program cannot be read by this torch.
    """
    folder = Path(folder)
    found = changes(folder)
    if not found.none:
        raise RunError(
            f"candidate {str(folder)!r} is not what was exported ({found.said}): export it again, or restore "
            "its files"
        )
    return network_in(folder)


def network_in(folder: Path) -> LoadedStitched:
    """Return the network of a folder, whatever its manifest says."""
    spec = read_spec(folder)
    module = module_of(load_program(folder / PROGRAM))
    try:
        module.load_state_dict(load_file(folder / WEIGHTS))
    except (OSError, SafetensorError, RuntimeError) as error:
        raise RunError(
            f"cannot read the weights in {str(folder / WEIGHTS)!r}: {first_line(error)}"
        ) from error
    return LoadedStitched(module, spec)
