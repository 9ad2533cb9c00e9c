"""How do many models fare as people have them? One process a model, one line a model.

    python benchmarks/zoo_exactness.py --wide [--limit SECONDS] [--for MINUTES] [--only TEXT] [--again]
    python benchmarks/zoo_exactness.py --wide --table        # of what the records hold

The models are those of ``wide_models.py``, whose rule makes the classes of transformers small, and of
``wide_own.py``. Each is read, cut and split at up to six of its default cuts, spread over all, as
:func:`modelstitch.cuts` does it, and compared with the plain model at the batch size of its examples and
at 1.

A model is *right* if it has two default cuts or more, every split is certified, and every comparison is exact
to 1e-5 of the largest value. Of a model with fewer cuts an oracle counts the modules whose output is legal by
values (it holds the output, swaps the input and compares what the model gives); with fewer than two of them
its refusal is *true*. What ends in anything but one line of a ``ModelStitchError`` is a *traceback*. A grid
of positions is checked by an impulse: a patch of the image is changed, and the position that changes most has
to lie there.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import multiprocessing
import resource
import statistics
import time
import traceback
import warnings
from pathlib import Path
from typing import Any

import torch
from options import usable_torchvision
from torch import Tensor

RECORDS = Path(__file__).parent / "records" / "zoo_wide.jsonl"
TOLERANCE = 1e-5
_MOST_CUTS = 6


def measured(name: str) -> dict[str, Any]:
    """Return the record of one model."""
    from wide_models import build

    import modelstitch as ms
    from modelstitch.errors import ModelStitchError

    started = time.process_time()
    try:
        built = build(name)
        with torch.no_grad():
            built.model(built.x, **built.kwargs)
    except Exception as error:  # what no one can run is not counted
        return {"name": name, "outcome": "not built", "said": f"{type(error).__name__}: {error}"[:400]}
    record: dict[str, Any] = {
        "name": name,
        "made": built.said,
        "parameters": sum(p.numel() for p in built.model.parameters()),
        "build_s": round(time.process_time() - started, 1),
    }
    began = time.process_time()
    try:
        found = ms.cuts(built.model, built.x, built.kwargs)
        record |= {
            "capture_s": round(time.process_time() - began, 1),
            "cuts": len(found),
            "defaults": len(found.boundaries),
            "technique": found.technique[:300],
            "layouts": list(dict.fromkeys(str(cut.layout) for cut in found.boundaries))[:4],
        }
        record |= _splits(found, built)
        record["order"] = _order(found, built)
    except ModelStitchError as error:
        record["refused"] = str(error)[:600]
    except Exception:
        record["traceback"] = traceback.format_exc()[-1500:]
    record["total_s"] = round(time.process_time() - began, 1)
    if "traceback" not in record and (record.get("defaults", 0) < 2 or "refused" in record):
        record["legal_by_oracle"] = _legal(built)
    record["memory_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    record["outcome"] = _outcome(record)
    return record


def _splits(found: Any, built: Any) -> dict[str, Any]:
    from modelstitch.cutting.certify import relative_difference
    from modelstitch.cutting.outputs import leaves, scored_leaf

    chosen = found.boundaries
    step = max(1, -(-len(chosen) // _MOST_CUTS))
    worst, n = 0.0, 0
    for cut in chosen[::step]:
        prefix, suffix = found.split(cut)
        again = getattr(suffix, "input_name", None)
        for size in (len(built.x), 1):
            x, more = built.x[:size], {key: value[:size] for key, value in built.kwargs.items()}
            with torch.no_grad(), torch.random.fork_rng():
                before = torch.backends.mha.get_fastpath_enabled()
                torch.backends.mha.set_fastpath_enabled(False)
                own = built.model(x, **more)
                torch.backends.mha.set_fastpath_enabled(before)
                got = suffix(prefix(x, **more), **more, **({again: x} if again else {}))
            place = scored_leaf(own)
            given, expected = leaves(got), leaves(own)
            if place is not None:
                names = [
                    leaf for leaf in given if isinstance(leaf, Tensor) and leaf.shape == expected[place].shape
                ]
                worst = max(worst, min(relative_difference([one], [expected[place]]) for one in names))
            else:
                worst = max(worst, relative_difference(given[:1], expected[:1]))
        n += 1
    return {"split": n, "worst": worst}


def _order(found: Any, built: Any) -> str:
    """Tell whether the grid of the first default cut with one lies as the image does."""
    if built.x.ndim != 4 or built.x.shape[1] > 4:
        return "no image"
    for cut in found.boundaries:
        if cut.layout.kind != "tokens" or len(cut.layout.positions) != 2:
            continue
        prefix, _ = found.split(cut)
        x, (rows, columns) = built.x, cut.layout.positions
        height, width = x.shape[2] // rows, x.shape[3] // columns
        off = 0
        for row, column in ((0, columns - 1), (rows - 1, 0), (rows // 2, columns // 3)):
            changed = x.clone()
            changed[:, :, row * height : (row + 1) * height, column * width : (column + 1) * width] += 1.0
            with torch.no_grad():
                one, other = (cut.layout.to_grid(prefix(image))[0] for image in (x, changed))
            most = (one - other).abs().sum((0, 1)).flatten().argmax().item()
            off = max(off, abs(most // columns - row), abs(most % columns - column))
        return "right" if off <= 1 else f"off by {off} at {cut.name} ({cut.layout})"
    return "no grid of tokens"


def _legal(built: Any) -> int:
    """Count modules whose output is a legal cut by values."""
    from modelstitch.cutting.capture import eval_mode, no_fused_attention
    from modelstitch.cutting.hook_halves import hooked
    from modelstitch.cutting.leaks import OutputsBehind, _by_values, _Held
    from modelstitch.cutting.outputs import leaves, scored_leaf

    calls: list[tuple[str, int, Tensor]] = []

    def note(path: str, number: int, output: Any) -> None:
        plain = isinstance(output, Tensor) and output.is_floating_point() and output.ndim > 1
        if plain and output.shape[0] == len(built.x) and not any(output is one for *_, one in calls):
            calls.append((path, number, output))

    try:
        with torch.no_grad(), eval_mode(built.model), no_fused_attention():
            with hooked(built.model, note):
                own = built.model(built.x, **built.kwargs)
            place, ends = scored_leaf(own), [leaf for leaf in leaves(own) if isinstance(leaf, Tensor)]
            legal = 0
            for path, number, value in calls[:400]:
                if any(value is end for end in ends):
                    continue
                found = _by_values(_Held(built.model, path, number, value), built.x, built.kwargs)
                if isinstance(found, OutputsBehind):
                    legal += all(found.given) if place is None else found.given[place]
                if legal > 1:
                    break
            return legal
    except Exception:
        return -1


def _outcome(record: dict[str, Any]) -> str:
    if "traceback" in record:
        return "traceback"
    if record.get("split", 0) >= 2 and record["worst"] <= TOLERANCE and record["defaults"] >= 2:
        return "right"
    if record.get("worst", 0.0) > TOLERANCE:
        return "inexact"
    return "true refusal" if 0 <= record.get("legal_by_oracle", 2) < 2 else "lost"


def _child(name: str, pipe: Any) -> None:
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
        record = measured(name)
    pipe.send(record)


def run(limit: float, minutes: float, only: str, again: bool) -> None:
    """Measure the models that the records lack, until the time is over."""
    from wide_models import names

    held = {} if again else {record["name"]: record for record in read()}
    until = time.monotonic() + 60 * minutes
    context = multiprocessing.get_context("fork")
    for name in names():
        if name in held or not any(part in name for part in only.split(",")):
            continue
        if time.monotonic() > until:
            break
        here, there = context.Pipe(duplex=False)
        process = context.Process(target=_child, args=(name, there))
        began = time.monotonic()
        process.start()
        there.close()
        record: dict[str, Any] = {"name": name, "outcome": "out of time", "limit_s": limit}
        try:
            if here.poll(min(limit, max(1.0, until - began + 5))):
                record = here.recv()
            elif time.monotonic() > until:
                process.kill()
                break
        except EOFError:
            record = {"name": name, "outcome": "traceback", "traceback": "the process ended"}
        process.kill()
        process.join()
        with RECORDS.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
        print(record["outcome"], name, record.get("total_s", ""), flush=True)


def read() -> list[dict[str, Any]]:
    """Return the last record of each model."""
    if not RECORDS.is_file():
        return []
    lines = [json.loads(line) for line in RECORDS.read_text(encoding="utf-8").splitlines()]
    return list({record["name"]: record for record in lines}.values())


def table() -> str:
    """Return the table of the records, one row a kind of model."""
    kinds: dict[str, list[dict[str, Any]]] = {}
    for record in read():
        source, kind, *_ = f"{record['name']}:".split(":")
        label = f"{source}, {kind}" if source == "transformers" else source
        kinds.setdefault(label, []).append(record)
    kinds["all"] = read()
    outcomes = ("right", "true refusal", "lost", "inexact", "traceback", "out of time", "not built")
    heads = (
        "models",
        "run",
        *outcomes,
        "right of those with two legal cuts",
        "grid in order",
        "seconds",
        "memory, MB",
    )
    rows = [f"| {' | '.join(heads)} |", "|" + " --- |" * len(heads)]
    for label, records in kinds.items():
        count = {name: sum(record["outcome"] == name for record in records) for name in outcomes}
        ran = len(records) - count["not built"]
        cuttable = ran - count["true refusal"]
        grids = [
            record["order"] for record in records if record.get("order", "no").split()[0] in ("right", "off")
        ]
        seconds = [record["total_s"] for record in records if "total_s" in record]
        memory = [record["memory_mb"] for record in records if "memory_mb" in record]
        share = f"{count['right'] / cuttable:.0%}" if cuttable else ""
        rows.append(
            f"| {label} | {ran} | {' | '.join(str(count[name]) for name in outcomes)} | {share} | "
            f"{sum(one == 'right' for one in grids)} of {len(grids)} | "
            f"{statistics.median(seconds) if seconds else ''} (at most {max(seconds, default='')}) | "
            f"{statistics.median(memory) if memory else ''} (at most {max(memory, default='')}) |"
        )
    return "\n".join(rows)


def main(arguments: list[str]) -> None:
    """Measure, or print the table of what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--limit", type=float, default=90, help="seconds of one model, by the clock")
    parser.add_argument("--for", type=float, default=600, dest="minutes", help="minutes of the whole")
    parser.add_argument("--only", default="", help="parts of names, with commas between: those models alone")
    parser.add_argument("--again", action="store_true", help="measure what the records hold too")
    parser.add_argument("--table", action="store_true", help="print the table of the records")
    options = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    kept = usable_torchvision()
    if not options.table:
        import modelstitch.cutting  # noqa: F401  # before the processes part

        torch.set_num_threads(1)
        run(options.limit, options.minutes, options.only, options.again)
    print(table())
    del kept
