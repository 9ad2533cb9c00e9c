"""The range of values that a view takes: which it is, and whether examples lie in it."""

from __future__ import annotations

import torch
from torch import Tensor

from modelstitch.data.checks import FEW, extent
from modelstitch.data.parts import Data
from modelstitch.errors import DataError, SpecError
from modelstitch.specs import View

_SLACK, _SOUND_SLACK = 0.1, 0.5
"""Share of a range that values may lie beyond it: resized images overshoot, mixed sounds have high peaks."""

_FILLED, _SOUND_FILLED = 0.1, 0.001
"""Least share of a range that all examples of a part together fill; recordings may be faint."""

_SCALE_SLACK = 3
"""How many times the width of a range mean may lie beyond it."""

_IMAGE_SCALES = (
    (1, "shares of 0 to 1"),
    (255, "bytes that were made floating values"),
    (4095, "images of 12 bits"),
    (65_535, "images of 16 bits"),
)
_SOUND_SCALES = tuple((2 ** (n - 1), f"samples of {n} bits") for n in (8, 16, 24, 32))
"""Highest values that examples are commonly written with, and what they are."""

_NORMALISED = 20
"""Highest size of a value that looks like one minus a mean, divided by a standard deviation."""


def range_of(view: View, *, is_sound: bool = False) -> tuple[float, float] | None:
    """Return the lowest and the highest value that a view takes before mean and std; None if it says nothing.

    Args:
        view: of a model.
        is_sound: whether the examples are sounds: then 0 to 1 is -1 to 1, and any view says it.

    Example:
        >>> view = View(mean=(0.5,), std=(0.25,))
        >>> range_of(view), range_of(view, is_sound=True), range_of(View(size=(8, 8)))
        ((0.0, 1.0), (-1.0, 1.0), None)
    """
    if view.range is not None:
        low, high = view.range
        return low, high
    if is_sound:
        return None if view == View() else (-1.0, 1.0)
    return None if view.mean is None else (0.0, 1.0)


def expect_in_range(data: Data, view: View, model: str) -> None:
    """Raise unless the images or sounds of both parts have values that a model's view takes.

    Args:
        data: the examples; texts and tokens have no range.
        view: how the model reads them.
        model: its name, for the message.

    Raises:
        DataError: values outside the range, or in a small part of it alone.
        SpecError: mean and std on another scale than the range.

    Example:
        >>> from modelstitch.data.load import as_data
        >>> data = as_data((torch.rand(40, 1, 4, 4) * 255, torch.arange(40) % 2))
        >>> expect_in_range(data, View(mean=(0.5,), std=(0.25,)), "net")
        Traceback (most recent call last):
        ...
        modelstitch.errors.DataError: data in memory do not fit the view of net: expected ...
    """
    images = data.train.images
    if data.is_text or not (images.dtype == torch.uint8 or images.is_floating_point()):
        return
    is_sound = data.rate is not None
    expected = range_of(view, is_sound=is_sound)
    if expected is not None:
        _expect_one_scale(view, expected, model)
    parts = {"training": data.train.images, "held-out": data.heldout.images}
    for name, values in parts.items():
        low, high = extent(values)
        if values.dtype == torch.uint8:
            problem = _bytes_into(expected) or (_of_bytes(low, high) if len(values) >= FEW else None)
        elif expected is None:
            problem = None
        else:
            problem = _outside(low, high, expected, is_sound)
            if problem is None and len(values) >= FEW:
                problem = _unfilled(low, high, expected, is_sound)
        if problem is not None:
            raise DataError(f"data {data.name} do not fit the view of {model}: {problem} (the {name} part)")


def expect_values_in_range(values: Tensor, view: View, *, is_sound: bool) -> None:
    """Raise unless some floating values lie in the range that a view takes.

    Raises:
        DataError: they lie outside.
    """
    expected = range_of(view, is_sound=is_sound)
    if expected is None or not values.is_floating_point():
        return
    problem = _outside(*extent(values), expected, is_sound)
    if problem is not None:
        raise DataError(problem)


def range_like(images: Tensor) -> tuple[float, float] | None:
    """Return the range to declare for a model that is trained on ``images``; None for bytes and for 0 to 1.

    It is the first common range that they fit, or else their own, half as wide again on both sides.

    Example:
        >>> range_like(torch.rand(9, 1, 2, 2)), range_like(torch.linspace(0, 16, 40).view(10, 1, 2, 2))
        (None, (-8.0, 24.0))
    """
    if images.dtype == torch.uint8:
        return None
    low, high = extent(images)
    for common in ((0.0, 1.0), (-1.0, 1.0), (0.0, 255.0)):
        if _outside(low, high, common, False) is None and _unfilled(low, high, common, False) is None:
            return None if common == (0.0, 1.0) else common
    margin = (high - low) / 2
    return round(low - margin, 6), round(high + margin, 6)


def _expect_one_scale(view: View, expected: tuple[float, float], model: str) -> None:
    """Raise where mean or std cannot be of values in the range: where they are of bytes, and it is 0 to 1."""
    low, high = expected
    # Some processors subtract more than the highest value, but none a few times as much.
    slack = _SCALE_SLACK * (high - low)
    wrong = [f"mean {value:g}" for value in view.mean or () if not low - slack <= value <= high + slack]
    wrong += [f"std {value:g}" for value in view.std or () if value > high - low]
    if wrong:
        raise SpecError(
            f"view of {model}: expected mean and std of values in the range {low:g} to {high:g}, got "
            f"{wrong[0]}: give them on that scale, or the range that they are on, such as range=(0, 255) "
            "(--range 0,255)"
        )


def _bytes_into(expected: tuple[float, float] | None) -> str | None:
    if expected is None or expected[0] in (0, -expected[1]):
        return None
    return (
        f"expected floating values from {expected[0]:g} to {expected[1]:g} before mean and std, got bytes, "
        "which are brought to a range that begins at 0 or has 0 in its middle: give the values that the "
        "model was trained on"
    )


def _of_bytes(low: float, high: float) -> str | None:
    if high - low >= _FILLED * 255:
        return None
    return (
        f"expected bytes that fill 0 to 255, got bytes from {low:g} to {high:g}, which a model would see as "
        f"{low / 255:.2g} to {high / 255:.2g} of the full scale: give floating values on the scale that the "
        f"model was trained on, such as x / {high:g}, or spread the bytes over 0 to 255"
    )


def _outside(low: float, high: float, expected: tuple[float, float], is_sound: bool) -> str | None:
    slack = (_SOUND_SLACK if is_sound else _SLACK) * (expected[1] - expected[0])
    if expected[0] - slack <= low and high <= expected[1] + slack:
        return None
    return _said(low, high, expected, is_sound, "")


def _unfilled(low: float, high: float, expected: tuple[float, float], is_sound: bool) -> str | None:
    least = _SOUND_FILLED if is_sound else _FILLED
    if high - low < least * (expected[1] - expected[0]):
        return _said(low, high, expected, is_sound, f", less than {least:.1%} of it")
    if expected[0] == -expected[1] and low >= 0 and not is_sound:
        return _said(low, high, expected, is_sound, ", none below 0")
    return None


def _said(low: float, high: float, expected: tuple[float, float], is_sound: bool, more: str) -> str:
    looks = _looks(low, high, expected, is_sound)
    return (
        f"expected values from {expected[0]:g} to {expected[1]:g} before mean and std, got {low:g} to "
        f"{high:g}{more}: {looks}; or give the view the range of these values, and mean and std on that "
        "scale (--range, --mean, --std)"
    )


def _looks(low: float, high: float, expected: tuple[float, float], is_sound: bool) -> str:
    """Say what values look like, and how to bring them to the range that was expected."""
    size = max(-low, high)
    anything = "bring them to that range"
    if is_sound:
        found = next(((top, what) for top, what in _SOUND_SCALES if 2 < size <= top), None)
        return (
            anything
            if found is None
            else f"they look like {found[1]}, {_change(found[0], expected, -found[0])}"
        )
    if low < 0 and size > 1:
        normalised = "they look normalised already: give them as they were, or a view with mean 0 and std 1"
        return normalised if size <= _NORMALISED else anything
    if low < 0:
        return f"they look like values of -1 to 1, {_change(1, expected, -1)}"
    if high * 255 <= 1.01 and expected[1] == 1:
        return "they look divided by 255 twice, multiply them by 255"
    if high - low < high / 2:  # far from 0
        return anything
    what = next((what for top, what in _IMAGE_SCALES if top / 2 < high <= top), f"levels of 0 to {high:g}")
    top = next((top for top, _ in _IMAGE_SCALES if top / 2 < high <= top), high)
    return f"they look like {what}, {_change(top, expected)}"


def _change(top: float, expected: tuple[float, float], bottom: float = 0) -> str:
    """Say how to bring values that reach from ``bottom`` to ``top`` to another range.

    Example:
        >>> _change(255, (0, 1)), _change(1, (0, 255)), _change(1, (-1, 1))
        ('divide them by 255', 'multiply them by 255', 'take 2 * x - 1')
    """
    factor = (expected[1] - expected[0]) / (top - bottom)
    shift = expected[0] - factor * bottom
    if shift == 0:
        return f"divide them by {1 / factor:g}" if factor < 1 else f"multiply them by {factor:g}"
    return f"take {factor:g} * x {'+' if shift > 0 else '-'} {abs(shift):g}"
