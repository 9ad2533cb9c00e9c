"""CKA of one layer by several packages: of two seeds of a small network on digits, and of a seed with itself.

    python benchmarks/cka_packages.py

``ckatorch`` and ``rsatoolbox`` come with the extra ``dev``; ``pip install torch_cka`` adds the third.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import sys
import warnings

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from modelstitch.geometry import cka

TRAINED, HIDDEN, BATCH, LAYER = 1200, 32, 64, 3


def digits() -> tuple[Tensor, Tensor]:
    """Return the images of the digits, and their labels."""
    read = load_digits()
    return torch.tensor(read.images, dtype=torch.float32) / 16, torch.tensor(read.target)


def network(seed: int) -> nn.Sequential:
    """Return a network of two hidden layers, trained for 40 epochs on the first 1,200 digits."""
    torch.manual_seed(seed)
    images, labels = digits()
    layers = [nn.Flatten(), nn.Linear(64, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, HIDDEN), nn.ReLU()]
    made = nn.Sequential(*layers, nn.Linear(HIDDEN, 10))
    optimiser = torch.optim.Adam(made.parameters(), 3e-3)
    for _ in range(40):
        for some in torch.randperm(TRAINED).split(BATCH):
            optimiser.zero_grad()
            nn.functional.cross_entropy(made(images[some]), labels[some]).backward()
            optimiser.step()
    return made.eval()


def by_torch_cka(first: int, second: int, shuffle: bool) -> float:
    """Return what torch_cka says, which hooks two networks of its own and reads a loader."""
    from torch_cka import CKA  # type: ignore[import-not-found]

    images, labels = digits()
    held_out = TensorDataset(images[TRAINED:], labels[TRAINED:])
    measure = CKA(network(first), network(second), "first", "second", [str(LAYER)], [str(LAYER)])
    torch.manual_seed(3)
    measure.compare(DataLoader(held_out, batch_size=BATCH, shuffle=shuffle))
    return float(measure.export()["CKA"])


def main() -> None:
    """Print one line a package: the other seed, and the network with itself."""
    from ckatorch.core import cka_base
    from rsatoolbox.data import Dataset
    from rsatoolbox.rdm import calc_rdm, compare

    warnings.filterwarnings("ignore")
    images, _ = digits()
    one, other = (network(seed)[: LAYER + 1](images[TRAINED:]).detach() for seed in (0, 1))

    def distances(rows: Tensor) -> object:
        return calc_rdm(Dataset(rows.double().numpy()), method="euclidean")

    rows = {
        "modelstitch.geometry.cka(x, y)": (cka(one, other), cka(one, one)),
        "modelstitch.geometry.cka(x, y, debiased=False)": (
            cka(one, other, debiased=False),
            cka(one, one, debiased=False),
        ),
        "ckatorch cka_base(x, y, unbiased=True)": (
            float(cka_base(one, other, unbiased=True)),
            float(cka_base(one, one, unbiased=True)),
        ),
        'rsatoolbox compare(..., method="cosine_cov")': (
            compare(distances(one), distances(other), method="cosine_cov").item(),
            compare(distances(one), distances(one), method="cosine_cov").item(),
        ),
    }
    if importlib.util.find_spec("torch_cka") is None:
        print("torch_cka is not installed: its rows are left out", file=sys.stderr)
    else:
        name = f"torch_cka {importlib.metadata.version('torch_cka')}"
        for shuffle in (False, True):
            rows[f"{name}, shuffle={shuffle}"] = by_torch_cka(0, 1, shuffle), by_torch_cka(0, 0, shuffle)
    for name, (between, within) in rows.items():
        print(f"{name:<50} {between:7.4f} {within:7.4f}")


if __name__ == "__main__":
    main()
