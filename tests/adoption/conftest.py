"""A candidate on digits, exported once for the whole session; its networks are small and untrained."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import modelstitch as ms
from modelstitch.adoption.folder.export import Exported, ExportSpec, export
from modelstitch.results.stitched import StitchedCell


def small(seed: int, width: int) -> nn.Sequential:
    """A network of two convolutions for images of 8 x 8 pixels."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Conv2d(1, width, 3, padding=1),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, 2 * width, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(2 * width * 16, 10),
        ).eval()


def stitched_of(
    sender: nn.Module | ms.Network,
    receiver: nn.Module | ms.Network,
    data: object,
    sender_cut: str,
    receiver_cut: str,
) -> StitchedCell:
    """Fit one stitch for three steps, without controls and evidence."""
    run = ms.compare(
        sender,
        receiver,
        data,
        sender_cuts=sender_cut,
        receiver_cuts=receiver_cut,
        controls=(),
        evidence=(),
        fit=ms.FitSpec(steps=3, batch_size=64),
        allow_untrained=True,
    )
    return run.stitched(sender_cut, receiver_cut)


@pytest.fixture(scope="session")
def candidate(digits: ms.Data) -> StitchedCell:
    return stitched_of(small(0, 4), small(1, 6), digits, "2", "4")


@pytest.fixture(scope="session")
def exported(candidate: StitchedCell, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    folder = tmp_path_factory.mktemp("candidates") / "digits"
    options = ExportSpec(by="Ann", reason="smaller", accept_risk="a test", sender_licence="MIT")
    return export(candidate, folder, options)


@pytest.fixture
def copied(exported: Exported, tmp_path: Path) -> Path:
    """A copy of the candidate's folder to change."""
    folder = tmp_path / "copy"
    folder.mkdir()
    for path in exported.folder.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


def images_of(digits: ms.Data, n: int) -> Tensor:
    return digits.heldout.images[:n]
