from __future__ import annotations

import pytest
import torch
from torch import nn

from modelstitch.data.load import as_data
from modelstitch.data.parts import Data
from modelstitch.data.views import show
from modelstitch.errors import DataError
from modelstitch.grid.grid import Budget
from modelstitch.grid.paint import contact_sheet, paint, unshow
from modelstitch.grid.pool import Pair
from modelstitch.models.network import Network, wrap
from modelstitch.specs import FitSpec, View

FIT, BUDGET = FitSpec(steps=20), Budget(10**9)


def test_a_linear_cut_paints_the_image_itself(digits: Data) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 4, 1), nn.Conv2d(4, 6, 1), nn.ReLU(), nn.Flatten(), nn.Linear(6 * 64, 10)
    ).eval()
    network = wrap(model, "linear")
    found = paint(Pair(network, network, digits), ("0",), FIT, BUDGET, n_images=5)
    titles = list(found)
    assert titles[0] == "original"
    assert titles[1].startswith("match, 0 (")
    torch.testing.assert_close(found[titles[1]], found["original"], rtol=0, atol=1e-3)


def test_a_trained_pair_paints_more_of_the_image_when_asked_to_match(
    networks: tuple[Network, Network], digits: Data
) -> None:
    found = paint(Pair(*networks, digits), ("layers.0", "layers.4"), FIT, BUDGET, n_images=30)
    original = found.pop("original")
    errors = {
        title.split(" (")[0]: float((image - original).square().mean()) for title, image in found.items()
    }
    assert errors["match, layers.0"] < errors["match, layers.4"] < float(original.var())
    assert errors["match, layers.0"] < errors["task, layers.0"]
    for image in found.values():
        assert image.shape == original.shape
        assert 0 <= float(image.min()) <= float(image.max()) <= 1
    sheet = contact_sheet({"original": original[:4], **{t: i[:4] for t, i in found.items()}}, "heading")
    assert len(sheet.axes) == 4 * 5


def test_networks_stay_frozen(networks: tuple[Network, Network], digits: Data) -> None:
    before = [p.requires_grad for p in networks[1].module.parameters()]
    pair = Pair(*networks, digits)
    paint(pair, ("layers.2",), FIT, BUDGET, n_images=2)
    assert [p.requires_grad for p in networks[1].module.parameters()] == before
    assert all(p.grad is None for p in networks[1].module.parameters())


def test_only_images_can_be_painted() -> None:
    x, y = torch.randn(80, 6), torch.arange(80) % 2
    model = wrap(nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 2)).eval(), "vectors")
    pair = Pair(model, model, as_data((x, y)))
    with pytest.raises(DataError, match=r"expected images \(N, C, H, W\) to paint, got \(\d+, 6\)"):
        paint(pair, ("1",), FIT, BUDGET)


def test_a_view_is_undone_exactly() -> None:
    images = torch.randint(0, 256, (3, 3, 4, 4), dtype=torch.uint8)
    view = View(mean=(0.4, 0.5, 0.6), std=(0.2, 0.25, 0.3))
    torch.testing.assert_close(unshow(show(images, view), view), images / 255)
    torch.testing.assert_close(unshow(show(images, View()), View()), images / 255)
    blue_first = View(mean=(0.4, 0.5, 0.6), std=(0.2, 0.25, 0.3), bgr=True)
    torch.testing.assert_close(unshow(show(images, blue_first), blue_first), images / 255)
    for ends in ((0, 255), (-1, 1)):
        wide = View(mean=(0.1,), std=(0.5,), range=ends)
        torch.testing.assert_close(unshow(show(images, wide), wide), images / 255, rtol=1e-4, atol=1e-6)


def test_pictures_of_a_model_that_reads_blue_first_are_turned_back() -> None:
    view = View(mean=(0.1, 0.2, 0.3), std=(0.5, 0.25, 2.0), bgr=True)
    x = torch.rand(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    shown = show(x, view)
    torch.testing.assert_close(shown[:, 0], (x[:, 2] - 0.3) / 2.0)
    torch.testing.assert_close(unshow(shown, view), x)
