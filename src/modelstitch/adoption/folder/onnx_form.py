"""The ONNX form: a file with a free, named batch axis, for runtimes without torch."""

from __future__ import annotations

import contextlib
import io
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.export import ExportedProgram

from modelstitch.adoption.folder.program import NotWrittenError
from modelstitch.cutting.capture import no_logs
from modelstitch.errors import MissingExtraError, first_line
from modelstitch.util.optional import optional_package

ONNX = "model.onnx"
"""Name of the file."""

BATCH = "batch"
"""Name of the free axis."""


def write_onnx(program: ExportedProgram, path: Path, inputs: Sequence[str], outputs: Sequence[str]) -> None:
    """Write a program as ONNX.

    Args:
        program: with a free batch.
        path: the file.
        inputs, outputs: their names, in their order.

    Raises:
        NotWrittenError: ONNX lacks an operator, which is named; or the packages are not installed.
    """
    try:
        for package in ("onnx", "onnxscript", "onnxruntime"):
            optional_package(package, "onnx", ONNX)
    except MissingExtraError as error:
        raise NotWrittenError(f"{ONNX} is not written: {error}") from error
    batch = {0: BATCH}
    free = (batch, tuple(batch for _ in inputs[1:])) if len(inputs) > 1 else (batch,)
    try:
        with warnings.catch_warnings(), no_logs(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            written = torch.onnx.export(
                program,
                dynamo=True,
                input_names=list(inputs),
                output_names=list(outputs),
                dynamic_shapes=free,
                verbose=False,
            )
            assert written is not None
            written.save(path)
    except OSError:  # a full disk is no fault of ONNX
        raise
    except Exception as error:  # the exporter raises many unrelated types
        path.unlink(missing_ok=True)
        raise NotWrittenError(f"{ONNX} is not written: {_why(error)}") from error
    try:
        _expect_free_batch(path)
    except NotWrittenError:
        raise
    except Exception as error:  # onnxruntime raises types of its own
        path.unlink(missing_ok=True)
        raise NotWrittenError(f"{ONNX} is not written: {cannot_run(error)}") from error


def cannot_run(error: BaseException) -> str:
    """Return why onnxruntime does not run a file, without the folder that it lies in."""
    said = re.sub(r"Load model from .*?failed:", "", first_line(error))
    return f"onnxruntime does not run it ({said})"


def _why(error: BaseException) -> str:
    """Return why there is no ONNX form: the operator that ONNX lacks, or else the exporter's own line."""
    cause: BaseException | None = error
    while cause is not None:
        found = re.search(r"OpOverload\(op='([\w.]+)'", str(cause))
        if found:
            return f"ONNX lacks the operator {found[1]}"
        cause = cause.__cause__
    return f"the exporter of torch fails ({type(error).__name__}: {first_line(error)})"


def _expect_free_batch(path: Path) -> None:
    """Raise unless the first axis of every input and output is free, and has a name.

    Raises:
        NotWrittenError: one is fixed; the file is removed.
    """
    session = _session(path)
    for value in (*session.get_inputs(), *session.get_outputs()):
        if not value.shape or not isinstance(value.shape[0], str):
            path.unlink()
            raise NotWrittenError(
                f"{ONNX} is not written: the exporter of torch fixed the batch of {value.name} at "
                f"{value.shape[:1]}"
            )


def onnx_runner(path: Path, outputs: Sequence[str]) -> Callable[[Mapping[str, Tensor]], dict[str, Tensor]]:
    """Return an ONNX file as a function of inputs by name, computed by onnxruntime on the CPU.

    Args:
        path: the file.
        outputs: names, in their order.

    Raises:
        MissingExtraError: onnxruntime is not installed.
        NotWrittenError: when it is run, and onnxruntime cannot.
    """
    session = _session(path)
    taken = {value.name for value in session.get_inputs()}

    def run(inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        try:
            given = {name: value.numpy() for name, value in inputs.items() if name in taken}
            found = session.run(list(outputs), given)
        except Exception as error:  # a type that numpy lacks, or one of onnxruntime's own
            raise NotWrittenError(f"{ONNX} is not written: {cannot_run(error)}") from error
        return {name: torch.from_numpy(value) for name, value in zip(outputs, found, strict=True)}

    return run


def _session(path: Path) -> Any:
    runtime = optional_package("onnxruntime", "onnx", ONNX)
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = torch.get_num_threads()
    return runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
