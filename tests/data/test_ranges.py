"""What lies in the range of a view is read, anything else is refused with what it looks like."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from modelstitch import Network, compare, stitch
from modelstitch.cli import main, read
from modelstitch.cli.compare import Compare
from modelstitch.data.load import as_data, load_data
from modelstitch.data.parts import Data
from modelstitch.data.ranges import expect_in_range, range_like, range_of
from modelstitch.data.views import show
from modelstitch.errors import DataError, InputError, SpecError
from modelstitch.grid.inputs import network_inputs
from modelstitch.models.load import load_model
from modelstitch.models.zoo.training import train_network
from modelstitch.specs import DataSpec, FitSpec, ModelSpec, View
from modelstitch.specs.training import Recipe

UNIT = View(mean=(0.5,), std=(0.25,))
BYTES = View(mean=(127.5,), std=(63.75,), range=(0, 255))
MNIST_MEAN, MNIST_STD = 0.1307, 0.3081


def shares(n: int = 40, channels: int = 1) -> Tensor:
    """Images whose values fill 0 to 1, whichever of them are taken."""
    x = torch.rand(n, channels, 4, 4, generator=torch.Generator().manual_seed(0))
    x[:, :, 0, 0], x[:, :, 3, 3] = 0, 1
    return x


def data_of(x: Tensor, **changes: Any) -> Data:
    return replace(as_data((x, torch.arange(len(x)) % 2)), **changes)


def sounds(x: Tensor) -> Data:
    return data_of(x, rate=8000)


def fake_bytes(x: Tensor) -> Tensor:
    return (255 * x).round()


WRONG: dict[str, tuple[Tensor, View, str]] = {
    "bytes made floating": (
        fake_bytes(shares()),
        UNIT,
        "expected values from 0 to 1 before mean and std, got 0 to 255: they look like bytes that were made "
        "floating values, divide them by 255",
    ),
    "half precision": (
        fake_bytes(shares()).half(),
        UNIT,
        "got 0 to 255: they look like bytes",
    ),
    "dark bytes made floating": (
        fake_bytes(shares()).clamp(max=180),
        UNIT,
        "got 0 to 180: they look like bytes",
    ),
    "normalised": (
        (shares() - MNIST_MEAN) / MNIST_STD,
        UNIT,
        "got -0.424213 to 2.82149: they look normalised already: give them as they were, or a view with mean "
        "0 and std 1",
    ),
    "normalised by a half": (
        2 * shares() - 1,
        UNIT,
        r"got -1 to 1: they look like values of -1 to 1, take 0\.5 \* x \+ 0\.5",
    ),
    "levels of 0 to 16": (
        16 * shares(),
        UNIT,
        "got 0 to 16: they look like levels of 0 to 16, divide them by 16",
    ),
    "16 bits made floating": (65535 * shares(), UNIT, "images of 16 bits, divide them by 65535"),
    "12 bits made floating": (4095 * shares(), UNIT, "images of 12 bits, divide them by 4095"),
    "divided by 255 twice": (
        shares() / 255,
        UNIT,
        r"got 0 to 0.00392157, less than 10.0% of it: they look divided by 255 twice, multiply them by 255",
    ),
    "shares where bytes are wanted": (
        shares(),
        BYTES,
        "expected values from 0 to 255 .* got 0 to 1, less than 10.0% of it: they look like shares of 0 to "
        "1, multiply them by 255",
    ),
    "shares where -1 to 1 is wanted": (
        shares(),
        View(range=(-1, 1)),
        r"got 0 to 1, none below 0: they look like shares of 0 to 1, take 2 \* x - 1",
    ),
    "levels made bytes": (
        (16 * shares()).byte(),
        View(),
        "expected bytes that fill 0 to 255, got bytes from 0 to 16, which a model would see as 0 to 0.063 of",
    ),
    "bytes for a model of other values": (
        (255 * shares()).byte(),
        View(mean=(0,), std=(1,), range=(-2, 3)),
        "expected floating values from -2 to 3 before mean and std, got bytes",
    ),
    "a mask made bytes": (shares().round().byte(), UNIT, "got bytes from 0 to 1, "),
}


@pytest.mark.parametrize("case", WRONG)
def test_values_on_another_scale_are_refused_with_what_they_look_like(case: str) -> None:
    x, view, message = WRONG[case]
    data = data_of(x)
    with pytest.raises(DataError, match=f"data in memory do not fit the view of net: .*{message}") as error:
        expect_in_range(data, view, "net")
    assert "\n" not in str(error.value)
    network = Network(nn.Flatten(), "net", view)
    with pytest.raises(DataError, match="do not fit the view of net"):
        network_inputs(network, data)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (
            32768 * (2 * shares()[:, :, 0] - 1),
            "expected values from -1 to 1 .* look like samples of 16 bits, divide",
        ),
        (128 * (2 * shares()[:, :, 0] - 1), "look like samples of 8 bits, divide them by 128"),
        ((2 * shares()[:, :, 0] - 1) * 2.0**31, "look like samples of 32 bits"),
        ((2 * shares()[:, :, 0] - 1) / 32768, "less than 0.1% of it: bring them to that range"),
    ],
)
def test_samples_of_a_sound_lie_between_minus_one_and_one(x: Tensor, message: str) -> None:
    for view in (View(rate=8000), View(flat=True), UNIT):
        with pytest.raises(DataError, match=message):
            expect_in_range(sounds(x), view, "net")
    expect_in_range(sounds(x), View(), "net")  # nothing is known of a model without a view


def test_what_lies_in_the_range_is_read() -> None:
    x = shares()
    for data, view in (
        (data_of(x), UNIT),
        (data_of((255 * x).byte()), UNIT),
        (data_of((255 * x).byte()), BYTES),
        (data_of((255 * x).byte()), View(range=(-1, 1))),
        (data_of(fake_bytes(x)), BYTES),
        (data_of(2 * x - 1), View(range=(-1, 1))),
        (data_of(1.1 * x - 0.05), UNIT),  # resized with overshoot
        (data_of((x - MNIST_MEAN) / MNIST_STD), View(mean=(0,), std=(1,), range=(-3, 3))),
        (data_of(fake_bytes(x)), View()),
        (data_of(fake_bytes(x)), View(size=(4, 4))),
        (sounds(1.3 * (2 * x[:, :, 0] - 1)), View(rate=8000)),
        (sounds(0.01 * (2 * x[:, :, 0] - 1)), View(rate=8000)),
    ):
        expect_in_range(data, view, "net")


def test_both_parts_are_looked_at() -> None:
    data = data_of(shares(24))
    wrong = data.train.images[:9].clone()
    wrong[7] *= 255
    few = [part.take(torch.arange(8)) for part in (data.train, data.heldout)]
    own = replace(few[0], images=wrong[1:])  # fewer than the parts are compared from
    for parts, part in (((own, few[1]), "training"), ((few[0], own), "held-out")):
        changed = replace(data, train=parts[0], heldout=parts[1])
        with pytest.raises(DataError, match=rf"got 0 to 255.*\(the {part} part\)"):
            expect_in_range(changed, UNIT, "net")


@pytest.mark.parametrize(
    ("train", "heldout", "message"),
    [
        (
            shares(),
            fake_bytes(shares()),
            "one scale, got values from 0 to 1 in the training part and from 0 to 255",
        ),
        (
            fake_bytes(shares()),
            shares(),
            "one scale, got values from 0 to 255 in the training part and from 0 to 1",
        ),
        (
            shares(),
            (shares() - MNIST_MEAN) / MNIST_STD,
            "one scale, .* from -0.424213 to 2.82149 in the held-out",
        ),
        (
            (255 * shares()).byte(),
            fake_bytes(shares()),
            "one type, got torch.uint8 in the training part and torch.float32",
        ),
        (
            shares(),
            (255 * shares()).byte(),
            "one type, got torch.float32 in the training part and torch.uint8",
        ),
    ],
)
def test_parts_on_two_scales_are_refused_whatever_the_model(
    train: Tensor, heldout: Tensor, message: str
) -> None:
    y = torch.arange(40) % 2
    with pytest.raises(DataError, match=f"expected both parts .*{message}"):
        as_data(((train, y), (heldout, y)))


@pytest.mark.parametrize(
    ("dtype", "advice"),
    [
        (torch.bool, "give floating values, or 255 times these in uint8"),
        (torch.uint16, "of images of 16 bits give x / 65535 as floating values"),
        (torch.int32, "give bytes in uint8, or floating values"),
        (torch.int64, "give bytes in uint8, or floating values"),
        (torch.int8, "give bytes in uint8, or floating values"),
    ],
)
def test_whole_numbers_that_are_not_bytes_are_refused(dtype: torch.dtype, advice: str) -> None:
    x = (100 * shares() - 50).clamp(min=0).to(dtype)
    with pytest.raises(DataError, match=rf"or tokens .*; got {dtype} of shape \(\d+, 1, 4, 4\): {advice}"):
        data_of(x)
    with pytest.raises(SpecError, match=f"cannot show images in {dtype}"):
        show(x, UNIT)


@pytest.mark.parametrize(
    ("view", "message"),
    [
        (
            View(mean=(123.7, 116.3, 103.5), std=(58.4, 57.1, 57.4)),
            "in the range 0 to 1, got mean 123.7: .*--range",
        ),
        (View(mean=(0.485,), std=(58.4,)), "in the range 0 to 1, got std 58.4"),
        (View(mean=(0.5,), std=(300.0,), range=(0, 255)), "in the range 0 to 255, got std 300"),
    ],
)
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_mean_and_std_on_another_scale_than_the_range_are_refused(
    view: View, message: str, dtype: torch.dtype
) -> None:
    x = shares(channels=3)
    data = data_of((255 * x).byte() if dtype == torch.uint8 else x)
    with pytest.raises(SpecError, match=f"view of net: expected mean and std of values {message}"):
        expect_in_range(data, view, "net")


scales = st.tuples(st.floats(-200, 200), st.floats(0.1, 400)).map(lambda pair: (pair[0], pair[0] + pair[1]))


@settings(max_examples=40)
@given(scales, st.floats(0.1, 3))
def test_bytes_are_brought_to_the_range_exactly(ends: tuple[float, float], std: float) -> None:
    x = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    low, high = ends
    mean = low + (high - low) / 3
    shown = show(x, View(mean=(mean,), std=(std,), range=ends))
    expected = (low + np.arange(256) / 255 * (high - low) - mean) / std
    scale = max(abs(low), abs(high)) / std
    np.testing.assert_allclose(
        shown.flatten().double().numpy(), expected, rtol=1e-5, atol=1e-5 * max(1, scale)
    )


def test_bytes_in_the_range_0_to_255_stay_the_same_numbers() -> None:
    x = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    assert torch.equal(show(x, View(range=(0, 255))).flatten(), torch.arange(256.0))
    assert torch.equal(show(x, View(range=(0, 1))), show(x, View()))
    assert torch.equal(show(x, View(range=(0, 255), channels=3))[0, 2], x[0, 0].float())


@pytest.mark.parametrize(
    ("view", "image", "sound"),
    [
        (View(), None, None),
        (View(size=(8, 8)), None, (-1.0, 1.0)),
        (UNIT, (0.0, 1.0), (-1.0, 1.0)),
        (View(rate=8000), None, (-1.0, 1.0)),
        (View(range=(0, 255)), (0, 255), (0, 255)),
    ],
)
def test_the_range_of_a_view(view: View, image: Any, sound: Any) -> None:
    assert (range_of(view), range_of(view, is_sound=True)) == (image, sound)


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        ((255 * shares()).byte(), None),
        (shares(), None),
        (1.05 * shares(), None),
        (2 * shares() - 1, (-1.0, 1.0)),
        (fake_bytes(shares()), (0.0, 255.0)),
        (16 * shares(), (-8.0, 24.0)),
        (1.6 * shares(), (-0.8, 2.4)),
    ],
)
def test_a_network_that_is_trained_here_declares_the_range_of_its_data(x: Tensor, expected: Any) -> None:
    assert range_like(x) == expected
    data = data_of(x)
    _, card, _ = train_network("R1111", data, Recipe(epochs=1, batch_size=16, translate=0), width=1)
    assert card.view.range == expected
    expect_in_range(data, card.view, "net")


def net(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.ReLU()), nn.Linear(8, 10))


def fitted(images: Tensor, labels: Tensor, seed: int) -> nn.Module:
    module = net(seed)
    optimiser = torch.optim.Adam(module.parameters(), 1e-2)
    for _ in range(60):
        loss = nn.functional.cross_entropy(module(images), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return module.eval()


def receiver_score(networks: list[Network], data: Any) -> float:
    fit = FitSpec(steps=5)
    result = compare(networks[0], networks[1], data, cuts=["0"], controls=(), evidence=(), fit=fit)
    (score,) = (row.score for row in result.baselines if row.role == "receiver")
    assert score is not None
    return score


def test_the_same_pictures_give_the_same_score_or_none(digits: Data) -> None:
    """The reported kind: bytes that were made floating under mean and std of the model scored .35 for .96."""
    x, y = digits.train.images, digits.train.labels
    held_x, held_y = digits.heldout.images, digits.heldout.labels
    view = View(mean=(0.3,), std=(0.4,))
    networks = [Network(fitted(show(x, view), y, seed), f"net {seed}", view) for seed in (0, 1)]
    right = receiver_score(networks, ((x, y), (held_x, held_y)))
    assert right > 0.85
    pictures = [(255 * images).round().byte() for images in (x, held_x)]
    as_bytes = receiver_score(networks, ((pictures[0], y), (pictures[1], held_y)))
    assert as_bytes == pytest.approx(right, abs=0.01)
    for factor, shift in ((255, 0), (2.5, -0.75)):
        with pytest.raises(DataError, match="do not fit the view of net 0"):
            receiver_score(networks, ((factor * x + shift, y), (factor * held_x + shift, held_y)))
    # The same scale on both sides is a choice, and gives the same score.
    wide = View(mean=(0.3 * 255,), std=(0.4 * 255,), range=(0, 255))
    scaled = [replace(network, view=wide) for network in networks]
    by_choice = receiver_score(scaled, ((255 * x, y), (255 * held_x, held_y)))
    assert by_choice == pytest.approx(right, abs=0.005)


def test_a_stitched_network_refuses_what_its_sender_would_not_have_read(digits: Data) -> None:
    view = View(mean=(0.3,), std=(0.4,))
    network = Network(net(0), "net", view)
    module = stitch(network, "0", network, "0", digits, fit=FitSpec(steps=1), allow_untrained=True)
    x = digits.heldout.images[:4]
    assert module(x).shape == (4, 10)
    with pytest.raises(DataError, match="got 0 to 255: they look like bytes that were made floating"):
        module(255 * x)


def test_the_shell_says_it_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    digits = load_data(DataSpec(source="digits"))
    path = tmp_path / "floating.npz"
    np.savez(path, x=255 * digits.train.images.numpy(), y=digits.train.labels.numpy())
    command = [
        "compare",
        "--allow-untrained",
        "zoo:R1111(width=1, channels=1)",
        "zoo:R1111(width=1, channels=1)",
    ]
    command += ["--data", str(path), "--controls", "none", "--dry-run", "--cuts", "layers.0"]
    assert main([*command, "--mean", "0.3", "--std", "0.4"]) == 2
    error = capsys.readouterr().err
    assert "expected values from 0 to 1 before mean and std, got 0 to 255" in error
    chosen = read([*command, "--range", "0,255", "--receiver-range", "-1", "1"])
    assert isinstance(chosen, Compare)
    config = chosen.run_config()
    assert [model.view.range for model in (config.sender, config.receiver)] == [(0, 255), (-1, 1)]


@pytest.mark.parametrize("values", [(0.0,), (1.0, 0.0), (0.0, 0.0), (0.0, float("inf")), (0.0, 1.0, 2.0), ()])
def test_a_range_is_two_numbers(values: Any, wrong_types: None) -> None:
    with pytest.raises(SpecError, match="expected a range of two numbers, the lowest value and a higher one"):
        View(range=values)


def test_a_range_holds_the_mean() -> None:
    with pytest.raises(SpecError, match="expected a mean of values in the range 0 to 1, got 123.7"):
        View(mean=(123.7,), std=(58.0,), range=(0, 1))


def test_grey_images_under_three_means_are_told_how_to_become_coloured() -> None:
    with pytest.raises(
        InputError, match=r"expected 1 value of mean and std .* got 3, or channels=3 \(--channels\)"
    ):
        show(shares(), View(mean=(0.5,) * 3, std=(0.5,) * 3))


def test_channels_that_stand_last_are_told() -> None:
    x = shares(channels=8)[..., :3]
    for view in (View(channels=3), View(mean=(0.5,) * 3, std=(0.5,) * 3)):
        with pytest.raises(SpecError, match=r"; they look like \(N, H, W, C\), give \(N, C, H, W\)"):
            show(x, view)


def test_a_range_given_beside_a_source_wins() -> None:
    network = load_model(ModelSpec(source="zoo:R1111(width=1)", view=View(range=(0, 255))))
    assert network.view.range == (0, 255)
