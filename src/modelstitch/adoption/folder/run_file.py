"""A short program beside the network that runs it with torch alone."""

from __future__ import annotations

from modelstitch.adoption.folder.contract import Contract

RUN_FILE = "run.py"
"""Name of the file."""


def run_file(contract: Contract) -> str:
    """Return the program: it runs the network on tensors that ``torch.save`` wrote, or on zeros.

    Example:
        >>> from modelstitch.adoption.folder.contract import TensorContract
        >>> x = TensorContract(name="x", dtype="uint8", shape=(3, 8, 8))
        >>> y = TensorContract(name="output", dtype="float32", shape=(10,))
        >>> len(run_file(Contract(inputs=(x,), outputs=(y,), preprocessing={})).splitlines())
        10
    """
    zeros = ", ".join(
        f"torch.zeros({', '.join(map(str, (2, *one.shape)))}, dtype=torch.{one.dtype})"
        for one in contract.inputs
    )
    names = ", ".join(one.name for one in contract.inputs)
    files = " ".join(f"{one.name.upper()}.pt" for one in contract.inputs)
    outputs = [one.name for one in contract.outputs]
    return f'''"""python run.py [{files}]: run the network on tensors that torch.save wrote, or on zeros."""
import sys
from pathlib import Path

import torch

program = torch.export.load(Path(__file__).with_name("model.pt2")).module()
inputs = [torch.load(name, weights_only=True) for name in sys.argv[1:]] or [{zeros}]  # {names}
for name, output in zip({outputs!r}, program(*inputs)):
    print(name, output)
'''
