"""Steps of framing, as arithmetic of sizes."""

from __future__ import annotations

import pytest

from modelstitch.errors import SpecError
from modelstitch.specs import View
from modelstitch.specs.framing import changes, final_size


@pytest.mark.parametrize(
    ("step", "size", "expected"),
    [
        ("resize 8x6", (50, 70), (8, 6)),
        ("shorter 256", (300, 400), (256, 341)),  # 341.33 is cut, as torchvision cuts it
        ("shorter 256", (401, 300), (342, 256)),
        ("shorter 256 rounded", (300, 401), (256, 342)),
        ("shorter 640 by 32", (300, 401), (640, 864)),
        ("shorter 64 at most 80", (100, 200), (40, 80)),
        ("shorter 64 at most 200", (100, 200), (64, 128)),
        ("within 64x50", (211, 297), (35, 50)),
        ("cover 60x50", (100, 200), (60, 120)),
        ("thumbnail 96x80", (100, 60), (96, 57)),
        ("thumbnail 96x80", (50, 60), (50, 60)),
        ("middle 0.875x0.5", (64, 100), (56, 32)),
        ("crop 224x200", (10, 10), (224, 200)),
        ("pad 20x30", (10, 10), (20, 30)),
    ],
)
def test_what_a_step_makes_of_a_size(step: str, size: tuple[int, int], expected: tuple[int, int]) -> None:
    (change,) = changes((step,), size)
    assert change.size == expected


def test_steps_follow_each_other_and_the_last_one_may_fix_the_size() -> None:
    steps = ("shorter 256", "crop 224x224 rounded")
    assert [change.size for change in changes(steps, (500, 300))] == [(426, 256), (224, 224)]
    assert [change.rounded for change in changes(steps, (500, 300))] == [False, True]
    assert final_size(steps) == (224, 224)
    assert final_size(("shorter 256",)) is None


@pytest.mark.parametrize(
    "step", ["shorter", "shorter 0", "crop 3", "crop 0x4", "turn 90", "resize 8 x 8", "middle 0.0x1", ""]
)
def test_a_step_that_is_none_is_refused_with_all_there_are(step: str) -> None:
    with pytest.raises(SpecError, match=r"expected steps of framing such as 'resize HxW', 'shorter N'"):
        View(framing=(step,))


def test_a_view_that_contradicts_itself() -> None:
    with pytest.raises(SpecError, match=r"ends in the size 8 x 8, got shorter 9, crop 7x7"):
        View(size=(8, 8), framing=("shorter 9", "crop 7x7"))
    with pytest.raises(SpecError, match="expected at least one step of framing"):
        View(framing=())
    with pytest.raises(SpecError, match="expected the step 'pad' at the end"):
        View(framing=("pad 8x8", "crop 4x4"))
    with pytest.raises(SpecError, match="unknown interpolation 'cubic'.*'bicubic'"):
        View(size=(8, 8), interpolation="cubic")
    with pytest.raises(SpecError, match="at most 16 tokens.*got 17"):
        View(length=17, most_tokens=16)


def test_no_pixel_is_left_and_a_border_that_is_too_small() -> None:
    with pytest.raises(SpecError, match="no pixel is left"):
        changes(("middle 0.01x0.5",), (20, 20))
    with pytest.raises(SpecError, match="expected a smaller image"):
        changes(("pad 8x8",), (9, 3))
