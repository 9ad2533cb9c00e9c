"""How much memory one call of a network takes at its peak."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

from modelstitch.cutting.capture import no_fused_attention


def peak_bytes(call: Callable[[], object], held: int, device: torch.device) -> int:
    """Return the most bytes that tensors take at once during a call, with what is held all the time.

    On a CPU these are the tensors that the operations give, each from the operation that makes it until its
    last use; what a kernel takes inside of one operation is not seen, and an attention layer counts by its
    parts. On a GPU they are the bytes of the allocator, with what kernels take. Python and the libraries are
    in neither.

    Args:
        call: what is measured.
        held: bytes that are there before and after: parameters, buffers and inputs.
        device: where it runs.

    Example:
        >>> x = torch.zeros(100)
        >>> peak_bytes(lambda: ((x + 1) * 2).sum(), 400, torch.device("cpu"))
        1200
    """
    with torch.inference_mode():
        if device.type == "cuda":
            torch.cuda.synchronize(device)
            torch.cuda.reset_peak_memory_stats(device)
            before = int(torch.cuda.memory_allocated(device))
            call()
            torch.cuda.synchronize(device)
            return held + int(torch.cuda.max_memory_allocated(device)) - before
        # The fused kernel of a whole encoder layer is one operation.
        made = _Made()
        with no_fused_attention(), made:
            call()
    return held + made.most


class _Made(TorchDispatchMode):
    """Counts the bytes of the storages that operations make, while they live.

    Attributes:
        most: the most bytes at once.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.most = self._now = 0
        self._known: dict[int, weakref.ref[Any]] = {}

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        for value in pytree.tree_leaves((args, kwargs)):
            self._note(value, 0)  # a parameter or an input, of which an output may be a view
        made = func(*args, **(kwargs or {}))
        for value in pytree.tree_leaves(made):
            self._note(value, None)
        return made

    def _note(self, value: object, size: int | None) -> None:
        if not isinstance(value, Tensor):
            return
        storage = value.untyped_storage()
        number = storage._cdata
        if number in self._known:
            return
        taken = storage.nbytes() if size is None else size

        def gone(_: object) -> None:
            self._now -= taken
            del self._known[number]

        self._known[number] = weakref.ref(storage, gone)
        self._now += taken
        self.most = max(self.most, self._now)


def bytes_of(tensors: Iterable[Tensor]) -> int:
    """Return the bytes of tensors; one that is there twice counts once."""
    held = {id(value): value for value in tensors}
    return sum(value.numel() * value.element_size() for value in held.values())


def module_bytes(module: nn.Module) -> int:
    """Return the bytes of the parameters and buffers of a module."""
    return bytes_of((*module.parameters(), *module.buffers()))
