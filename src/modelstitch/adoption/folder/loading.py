"""Build the network of a candidate's folder again, without the source of either original."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import final

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.export import ExportedProgram

from modelstitch.adoption.folder.calibration_file import features_of
from modelstitch.adoption.folder.manifest import changes
from modelstitch.adoption.folder.program import (
    PROGRAM,
    Tapped,
    bytes_of,
    load_program,
    make_tensors_on,
    module_of,
)
from modelstitch.adoption.folder.spec_file import FolderSpec, read_spec
from modelstitch.errors import ModelError, RunError, first_line
from modelstitch.util.arguments import checked

WEIGHTS = "model.safetensors"
"""Name of the file with the weights."""


@final
class LoadedStitched(nn.Module):
    """The stitched network of a folder as an ordinary module, in eval mode.

    It can be moved to a device, copied, pickled and trained by its gradients. Its mode and its precision are
    part of the program: it refuses ``train()`` and another precision.

    Attributes:
        program: the operations, with their parameters.
        spec: what the folder says of it; ``spec.contract`` says what it takes and gives.
    """

    def __init__(self, exported: ExportedProgram, spec: FolderSpec) -> None:
        super().__init__()
        self.__dict__["_exported"] = exported
        self.program, self.spec = module_of(exported), spec
        self.training = False

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
        """Stay in eval mode.

        Raises:
            ModelError: ``mode`` is true: dropout and statistics of batches are no part of the program.
        """
        if mode:
            raise ModelError(
                "expected eval mode: the network of a candidate was written in it, without dropout and "
                "statistics of batches; leave train() out (its parameters can be trained as they are), or "
                "stitch the originals again"
            )
        return self

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> LoadedStitched:
        held = (*self.program.parameters(), *self.program.buffers())
        for dtype, device in dict.fromkeys((value.dtype, value.device) for value in held):
            found = fn(torch.zeros(2, 2, 2, 2, dtype=dtype, device=device))
            if found.dtype != dtype or not found.is_contiguous():
                got = str(found.dtype).removeprefix("torch.") if found.dtype != dtype else "channels_last"
                raise ModelError(
                    "expected the precision and the layout in memory that the network of a candidate was "
                    f"written in, got {got}: its device alone can be changed"
                )
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        devices = {value.device for value in (*self.program.parameters(), *self.program.buffers())}
        if len(devices) == 1:
            make_tensors_on(self.program, devices.pop())
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> LoadedStitched:
        return _again(self.__dict__["_exported"], self.spec, self._held())

    def __reduce__(self) -> tuple[Callable[..., LoadedStitched], tuple[object, ...]]:
        # A program of torch.export holds functions that cannot be pickled, its file does not.
        return _unpickled, (bytes_of(self.__dict__["_exported"]), self.spec, self._held())

    def _held(self) -> dict[str, Tensor]:
        """Return copies of all parameters and buffers by name, as they are now; one that is tied is one."""
        copies: dict[int, Tensor] = {}
        for _, value in _tensors(self.program):
            copies.setdefault(id(value), value.detach().clone().requires_grad_(value.requires_grad))
        return {name: copies[id(value)] for name, value in _tensors(self.program)}

    def _given(self, x: Tensor, further: dict[str, Tensor]) -> list[Tensor]:
        contract = self.spec.contract
        named = {contract.inputs[0].name: x, **further}
        if not torch.compiler.is_compiling():  # a check of values is no part of a graph
            contract.expect(named)
        return [named[one.name] for one in contract.inputs]


@checked()
def load_stitched(folder: str | Path) -> LoadedStitched:
    """Load the stitched network of a folder that ``modelstitch export`` wrote.

    Args:
        folder: of a candidate.

    Returns:
        An ordinary module in eval mode, on the CPU.

    Raises:
        RunError: no such folder, or a file in it was changed, replaced or is missing.
        ModelError: the program cannot be read by this torch.

    Example:
        ``candidate`` is a folder that :meth:`StitchedCell.export` wrote, ``images`` what it takes.

        >>> import modelstitch as ms
        >>> ms.load_stitched(candidate)(images[:3]).shape
        torch.Size([3, 10])
    """
    folder = Path(folder)
    found = changes(folder)
    if not found.none:
        raise RunError(
            f"candidate {str(folder)!r} is not what was exported ({found.said}): export it again, or restore "
            "its files"
        )
    return network_in(folder)


def _unpickled(program: bytes, spec: FolderSpec, held: Mapping[str, Tensor]) -> LoadedStitched:
    return _again(load_program(io.BytesIO(program)), spec, held)


def _again(exported: ExportedProgram, spec: FolderSpec, held: Mapping[str, Tensor]) -> LoadedStitched:
    """Return a network with these parameters and buffers, on their device."""
    module = LoadedStitched(exported, spec)
    own: dict[int, Tensor] = {}
    for name, old in _tensors(module.program):
        new = held[name]
        if isinstance(old, nn.Parameter):
            new = own.setdefault(id(new), nn.Parameter(new.detach(), new.requires_grad))
        path, _, leaf = name.rpartition(".")
        setattr(module.program.get_submodule(path), leaf, new)
    devices = {value.device for value in held.values()}
    if len(devices) == 1:
        make_tensors_on(module.program, devices.pop())
    return module


def _tensors(module: nn.Module) -> list[tuple[str, Tensor]]:
    """Return all parameters and buffers, a tied one by each of its names."""
    return [
        *module.named_parameters(remove_duplicate=False),
        *module.named_buffers(remove_duplicate=False),
    ]


def network_in(folder: Path) -> LoadedStitched:
    """Return the network of a folder, whatever its manifest says."""
    spec = read_spec(folder)
    module = LoadedStitched(load_program(folder / PROGRAM), spec)
    try:
        module.program.load_state_dict(load_file(folder / WEIGHTS))
    except (OSError, SafetensorError, RuntimeError) as error:
        raise RunError(
            f"cannot read the weights in {str(folder / WEIGHTS)!r}: {first_line(error)}"
        ) from error
    return module
