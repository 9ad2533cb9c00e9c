"""What the examples share: train a network for a few seconds, and stitch two of them both ways."""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

import modelstitch as ms


def train(
    factory: Callable[[], nn.Module],
    data: ms.Data,
    n_steps: int,
    path: Path,
    *,
    learning_rate: float = 3e-3,
    batch_size: int = 128,
) -> ms.ModelSpec:
    """Build and train a network, save its weights, and say where it comes from."""
    model = factory()
    optimiser = torch.optim.AdamW(model.parameters(), learning_rate, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, learning_rate, total_steps=n_steps)
    generator = torch.Generator().manual_seed(0)
    for _ in range(n_steps):
        indices = torch.randint(0, len(data.train), (batch_size,), generator=generator)
        some = data.train.take(indices)
        outputs = data.task.outputs_of(model(some.images, **some.kwargs))
        loss = data.task.loss(outputs, some.targets)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    save_file(model.state_dict(), path)
    source = Path(inspect.getfile(factory)).stem
    return ms.ModelSpec(source=f"{source}:{factory.__name__}", weights=str(path))


QUICK_EVIDENCE = ("kept",)
"""What a verdict needs, for a quick look."""

QUICK_CONTROLS = ("random-sender", "one-hot", "self-stitch")
"""An untrained sender, one that holds the label alone, and the receiver itself."""


def stitch_both_ways(
    pairs: Mapping[str, tuple[ms.ModelSpec, ms.ModelSpec]],
    data: ms.Data,
    *,
    cuts: Mapping[str, Sequence[str]] | None = None,
    fit: ms.FitSpec | None = None,
    controls: str | Sequence[str] = "standard",
    evidence: str | ms.EvidenceSpec = "standard",
    out: Path | None = None,
) -> None:
    """Stitch each pair, and print its matrix, that of an untrained sender, the verdicts and the sentences.

    Args:
        pairs: sender and receiver by name.
        data: what both were trained on.
        cuts: by the name of a network's function; all block boundaries without it.
        fit: how; until converged without it.
        controls: what to hold the pair against.
        evidence: which, and on how many examples.
        out: folder of run folders.
    """
    for name, pair in pairs.items():
        chosen = [None if cuts is None else cuts[spec.source.partition(":")[2]] for spec in pair]
        result = ms.compare(
            *pair,
            data,
            sender_cuts=chosen[0],
            receiver_cuts=chosen[1],
            fit=fit,
            controls=controls,
            evidence=evidence,
            out=None if out is None else out / name,
        )
        whole_sender, whole_receiver = result.baseline("sender"), result.baseline("receiver")
        print(f"{name}: whole sender {whole_sender:.3f}, receiver {whole_receiver:.3f}")
        print(result.matrix().to_pandas().round(3), "\n\nuntrained sender")
        print(result.matrix("random-sender").to_pandas().round(3), "\n")
        for cell, verdict in result.cell_verdicts().items():
            print(f"  {cell[0]} -> {cell[1]}: {verdict.name}, {100 * verdict.kept:.0f} % kept")
        print("\n".join(f"- {sentence}" for sentence in result.sentences()), "\n")


def train_and_stitch(
    data: ms.Data,
    networks: Mapping[str, Callable[[], nn.Module]],
    cuts: Mapping[str, Sequence[str]],
    *,
    n_steps: int,
    quick: bool,
    out: Path | None,
    learning_rate: float = 3e-3,
    batch_size: int = 128,
) -> None:
    """Train two networks and stitch each into the other.

    Args:
        data: to train and stitch on.
        networks: two functions that build one, by a short name.
        cuts: for a quick look, by the name of a network's function.
        n_steps: of the training of each.
        quick: a third of the training, these cuts and three controls alone, short fits, 100 examples for a
            verdict.
        out: folder of run folders.
    """
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        trained = {
            name: train(
                factory,
                data,
                n_steps // 3 if quick else n_steps,
                Path(folder, f"{name}.safetensors"),
                learning_rate=learning_rate,
                batch_size=batch_size,
            )
            for name, factory in networks.items()
        }
        (one, first), (other, second) = trained.items()
        stitch_both_ways(
            {f"{one}-to-{other}": (first, second), f"{other}-to-{one}": (second, first)},
            data,
            cuts=cuts if quick else None,
            fit=ms.FitSpec(steps=8, batch_size=32) if quick else None,
            controls=QUICK_CONTROLS if quick else "standard",
            evidence=ms.EvidenceSpec.parse(QUICK_EVIDENCE, 100) if quick else "standard",
            out=out,
        )
