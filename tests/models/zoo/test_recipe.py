from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from modelstitch.data.fingerprint import fingerprint
from modelstitch.data.parts import Data, DataPart
from modelstitch.data.views import show
from modelstitch.errors import SpecError
from modelstitch.models.zoo.recipe import Trained, channel_view, train
from modelstitch.models.zoo.training import train_network
from modelstitch.specs import View
from modelstitch.specs.training import Recipe

PLAIN = Recipe(epochs=1, batch_size=16, learning_rate=0.1, translate=0, flip=False)


def halves(n: int, noise: float = 0.3) -> tuple[Tensor, Tensor]:
    """Grey images whose label is the brighter half."""
    generator = torch.Generator().manual_seed(n)
    labels = torch.arange(n) % 2
    images = noise * torch.rand(n, 1, 8, 8, generator=generator)
    images[labels == 0, :, :4] += 0.5
    images[labels == 1, :, 4:] += 0.5
    return images, labels


def linear(seed: int = 0) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Flatten(), nn.Linear(64, 2))


def small() -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(72, 2))


def fit(module: nn.Module, recipe: Recipe, n: int = 32, view: View | None = None) -> Trained:
    images, labels = halves(n)
    return train(module, view or View(), images, labels, halves(10), recipe)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 0}, "expected epochs > 0, got 0"),
        ({"epochs": 1.5}, "expected epochs as a whole number, got 1.5"),
        ({"batch_size": -4}, "expected batch size > 0, got -4"),
        ({"batch_size": 2.0}, "expected batch size as a whole number, got 2.0"),
        ({"learning_rate": 0.0}, "expected learning rate > 0, got 0.0"),
        ({"learning_rate": float("nan")}, "expected learning rate > 0, got nan"),
        ({"learning_rate": float("inf")}, "expected learning rate > 0, got inf"),
        ({"weight_decay": -1e-4}, "expected weight decay >= 0, got -0.0001"),
        ({"weight_decay": float("nan")}, "expected weight decay >= 0, got nan"),
        ({"translate": -1}, "expected translate >= 0, got -1"),
        ({"translate": 0.5}, "expected translate as a whole number, got 0.5"),
        ({"label_smoothing": 1}, r"expected label smoothing in \[0, 1\), got 1"),
        ({"label_smoothing": -0.1}, r"expected label smoothing in \[0, 1\), got -0.1"),
        ({"warmup_share": 1.0}, r"expected warmup share in \[0, 1\), got 1.0"),
        ({"warmup_share": float("nan")}, r"expected warmup share in \[0, 1\), got nan"),
    ],
)
def test_a_wrong_number_is_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        Recipe(**changes)


def test_one_step_is_the_one_written_down() -> None:
    """One batch of everything: Nesterov's first step is 1.9 times the gradient; biases do not decay."""
    recipe = replace(PLAIN, batch_size=32, label_smoothing=0.2, weight_decay=0.05)
    images, labels = halves(32)
    module, reference = linear(), linear()
    logs = reference(images).log_softmax(1)
    target = torch.full((32, 2), 0.1)
    target[torch.arange(32), labels] = 0.9
    loss = -(target * logs).sum(1).mean()
    loss.backward()
    weight, bias = reference.get_parameter("1.weight"), reference.get_parameter("1.bias")
    assert weight.grad is not None
    assert bias.grad is not None
    trained = fit(module, recipe)
    expected = weight - 0.1 * 1.9 * (weight.grad + 0.05 * weight)
    torch.testing.assert_close(module.get_parameter("1.weight"), expected, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(
        module.get_parameter("1.bias"), bias - 0.1 * 1.9 * bias.grad, rtol=1e-5, atol=1e-6
    )
    assert trained.loss == pytest.approx(loss.item(), rel=1e-5)
    assert trained.seconds > 0


def test_training_learns_what_was_planted_and_says_how_it_goes() -> None:
    module = small()
    images, labels = halves(64)
    told: list[tuple[int, float]] = []
    trained = train(
        module,
        channel_view(images, 1),
        images,
        labels,
        halves(40),
        replace(PLAIN, epochs=6, translate=1, flip=True),
        lambda epoch, loss: told.append((epoch, loss)),
    )
    assert [epoch for epoch, _ in told] == [1, 2, 3, 4, 5, 6]
    assert told[-1][1] == trained.loss < told[0][1]
    assert trained.accuracy > 0.9
    assert not module.training


def test_the_accuracy_is_that_of_the_held_out_part_and_nothing_is_fitted_on_it() -> None:
    images, labels = halves(32)
    held_images, held_labels = halves(300, noise=1.0)  # more than one batch of scoring
    held_labels[:50] = 1 - held_labels[:50]
    view = View(mean=(0.4,), std=(0.3,))
    results = []
    for flipped in (False, True):
        module = linear()
        trained = train(
            module, view, images, labels, (held_images, 1 - held_labels if flipped else held_labels), PLAIN
        )
        results.append((module, trained.accuracy))
    with torch.no_grad():
        answers = results[0][0](show(held_images, view)).argmax(1)
    assert results[0][1] == (answers == held_labels).sum().item() / 300
    assert results[0][1] + results[1][1] == pytest.approx(1)
    assert torch.equal(results[0][0].get_parameter("1.weight"), results[1][0].get_parameter("1.weight"))


def test_the_seed_is_the_only_chance() -> None:
    recipe = replace(PLAIN, epochs=2, translate=1, flip=True)
    weights = []
    for seed in (0, 0, 1):
        state = torch.random.get_rng_state()
        module = linear()
        fit(module, replace(recipe, seed=seed))
        assert torch.equal(torch.random.get_rng_state(), state)
        torch.rand(3)
        weights.append(module.get_parameter("1.weight"))
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_the_callers_images_are_not_changed() -> None:
    images, labels = halves(16)
    before = images.clone()
    train(
        linear(), View(mean=(0.5,), std=(0.1,)), images, labels, (images, labels), replace(PLAIN, translate=2)
    )
    assert torch.equal(images, before)


@pytest.mark.parametrize(
    ("n", "changes", "view", "message"),
    [
        (15, {}, View(), "at least one batch of 16 training images, got 15; give a smaller batch size"),
        (16, {"translate": 8}, View(), r"translate below the images' height and width \(8, 8\), got 8"),
        (16, {"translate": 4}, View(size=(4, 8)), r"translate below the images' .* \(4, 8\), got 4"),
        (
            16,
            {"learning_rate": 1e30, "epochs": 3},
            View(),
            r"loss of epoch \d is not finite: expected a learning rate below 1e\+30",
        ),
    ],
)
def test_what_cannot_be_trained(n: int, changes: dict[str, Any], view: View, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        fit(linear(), replace(PLAIN, **changes), n, view)


def test_the_largest_translation_works() -> None:
    assert fit(linear(), replace(PLAIN, translate=7)).loss > 0


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
@pytest.mark.parametrize(("stored", "channels"), [(1, 1), (3, 3), (1, 3), (3, 1)])
def test_through_the_view_each_channel_has_mean_0_and_deviation_1(
    dtype: torch.dtype, stored: int, channels: int
) -> None:
    pixels = torch.randint(0, 200, (12, stored, 4, 5), generator=torch.Generator().manual_seed(0))
    images = pixels.to(torch.uint8) if dtype == torch.uint8 else pixels / 255
    view = channel_view(images, channels)
    assert (view.size, view.channels) == ((4, 5), channels)
    std, mean = torch.std_mean(show(images, view).double(), (0, 2, 3))
    torch.testing.assert_close(mean, torch.zeros(channels).double(), rtol=0, atol=1e-4)
    torch.testing.assert_close(std, torch.ones(channels).double(), rtol=0, atol=1e-4)


def test_a_channel_of_one_colour_cannot_be_standardised() -> None:
    images = torch.rand(4, 3, 5, 5)
    images[:, 1] = 0.25
    with pytest.raises(SpecError, match="images that differ from each other, got one constant colour"):
        channel_view(images, 3)


def test_a_network_takes_classes_and_channels_from_its_data() -> None:
    images, labels = halves(32)
    part = DataPart(torch.cat([images, images * 2], 1), labels + (torch.arange(32) == 31))
    data = Data(part, part, ("upper", "lower", "other"), "halves", "the same twice")
    network, card, trained = train_network("R_1111", data, replace(PLAIN, seed=3), width=1)
    assert card.arguments == {"width": 1, "classes": 3, "channels": 2}
    assert (card.network, card.seed, card.classes) == ("R1111", 3, ("upper", "lower", "other"))
    assert (card.accuracy, card.n_heldout) == (trained.accuracy, 32)
    assert card.data == {
        "name": "halves",
        "division": "the same twice",
        "n_train": 32,
        "content": data.digest,
        "fingerprint": fingerprint(part.images),
    }
    assert card.recipe["batch_size"] == 16
    assert card.view == channel_view(part.images, 2)
    assert network(part.images).shape == (32, 3)
    assert not network.training
