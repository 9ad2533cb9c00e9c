"""The page in a real browser: headless Chromium, offline."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from modelstitch.report import page as page_of
from tests.report.made import run, with_stitches

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

# Chromium's own errands (updates, sync, first run) would ask for the network.
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def browser_path() -> str:
    """Return the browser to test in: ``MODELSTITCH_BROWSER``, or a Chromium on the path."""
    given = os.environ.get("MODELSTITCH_BROWSER")
    found = given or next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.fail(
            "no browser to test the report in: install Chromium (apt-get install chromium, brew install chromium), or set "
            "MODELSTITCH_BROWSER to one"
        )
    return found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=browser_path(), args=QUIET)
        yield started
        started.close()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    comparison = run(2, 3, seeds=(0, 1))
    path.write_text(page_of(comparison), encoding="utf-8")
    return path


@pytest.fixture
def opened(browser: Browser, file: Path) -> Iterator[Page]:
    """The page, and at the end the proof that it complained of nothing and asked for nothing."""
    context = browser.new_context(offline=True, viewport={"width": 1280, "height": 900})
    page = context.new_page()
    complaints: list[str] = []
    requests: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type != "log" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(file.as_uri())
    yield page
    context.close()
    assert complaints == []
    assert [url for url in requests if not url.startswith(("file:", "data:"))] == []


def square(page: Page, name: str, row: int, column: int):  # type: ignore[no-untyped-def]
    return page.locator(f'figure[data-map="{name}"] [data-index="{3 * row + column}"]')


def test_a_cell_shows_all_that_is_known_of_it_by_mouse(opened: Page) -> None:
    detail = opened.locator("#detail")
    assert detail.inner_text() == "Choose a cell in a map."
    square(opened, "verdict", 1, 2).hover()
    text = detail.inner_text()
    assert text.startswith("c1 → c2")
    for expected in (
        "interchangeable",
        "score 0.93",
        "random sender, trained receiver",
        "within_cka",
        "ms.stitch(",
    ):
        assert expected in text
    assert "'c1'" in text
    assert "--sender-cuts" not in text  # the data of this run were given in memory
    square(opened, "none", 0, 1).click()
    square(opened, "none", 1, 1).hover()
    assert detail.inner_text().startswith("c0 → c1")  # held
    opened.keyboard.press("Escape")
    square(opened, "none", 1, 0).hover()
    assert detail.inner_text().startswith("c1 → c0")


def test_a_cell_is_reached_by_keyboard_alone(opened: Page) -> None:
    for _ in range(40):
        opened.keyboard.press("Tab")
        if opened.evaluate("document.activeElement.closest('figure')?.dataset.map") == "verdict":
            break
    where = "document.activeElement.dataset.index"
    assert opened.evaluate(where) == "0"
    opened.keyboard.press("ArrowRight")
    opened.keyboard.press("ArrowDown")
    assert opened.evaluate(where) == "4"
    opened.keyboard.press("ArrowDown")  # no row below
    assert opened.evaluate(where) == "4"
    opened.keyboard.press("End")
    opened.keyboard.press("ArrowRight")  # no column beside, and no leap into another row
    assert opened.evaluate(where) == "5"
    assert opened.locator("#detail").inner_text().startswith("c1 → c2")
    opened.keyboard.press("Enter")
    assert "held" in opened.locator("#detail").inner_text()
    label = opened.evaluate("document.activeElement.getAttribute('aria-label')")
    assert "interchangeable" in label


def test_switches_change_what_the_maps_show(opened: Page) -> None:
    cell = square(opened, "none", 0, 0).locator("text")
    assert cell.text_content() == "0.93"
    opened.get_by_label("show", exact=True).select_option("penalty")
    assert cell.text_content() == "0.02"
    assert (
        "from 0 to 1" in opened.locator("#legend").inner_text()
        or "from" in opened.locator("#legend").inner_text()
    )
    opened.get_by_label("show", exact=True).select_option("similarity.cka")
    assert cell.text_content() == "0.31"
    assert square(opened, "random-sender", 0, 0).locator("text").text_content() == "–"
    opened.get_by_label("show", exact=True).select_option("kept")
    assert cell.text_content() == "0.98"
    opened.get_by_label("seed", exact=True).select_option("1")
    assert square(opened, "verdict", 0, 0).locator("text").text_content() == "✓ 98"
    opened.get_by_role("checkbox", name="one-hot label").uncheck()
    assert not opened.locator('figure[data-map="one-hot"]').is_visible()


def test_colours_of_the_maps_agree_with_the_static_page(opened: Page, file: Path) -> None:
    static = re.findall(r'data-map="none".*?</figure>', file.read_text(encoding="utf-8"), re.DOTALL)[0]
    fills = re.findall(r'style="fill:(#\w+)"/>', static)
    drawn = opened.evaluate(
        """[...document.querySelectorAll('figure[data-map="none"] rect')].map(each => each.style.fill)"""
    )
    assert [_rgb(fill) for fill in fills] == drawn


def _rgb(colour: str) -> str:
    return "rgb({}, {}, {})".format(*(int(colour[i : i + 2], 16) for i in (1, 3, 5)))


def test_dark_mode_and_print_have_readable_ink(opened: Page) -> None:
    colours = "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
    light = opened.evaluate(colours)
    opened.emulate_media(color_scheme="dark")
    dark = opened.evaluate(colours)
    assert light != dark
    for ink, paper in (light, dark):
        assert _contrast(ink, paper) > 7
    opened.emulate_media(media="print", color_scheme="dark")
    assert _contrast(*opened.evaluate(colours)) > 7
    assert not opened.locator("#switches").is_visible()
    assert not opened.locator("#detail").is_visible()
    opened.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert opened.evaluate("[...document.querySelectorAll('main details')].every(each => each.open)")


def _contrast(ink: str, paper: str) -> float:
    lights = []
    for colour in (ink, paper):
        parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        lights.append(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2])
    return (max(lights) + 0.05) / (min(lights) + 0.05)


@pytest.mark.parametrize("width", [320, 768, 1600])
def test_no_width_makes_the_page_scroll_sideways(opened: Page, width: int) -> None:
    opened.set_viewport_size({"width": width, "height": 700})
    square(opened, "verdict", 0, 0).click()
    assert opened.evaluate("document.documentElement.scrollWidth") <= width


def test_without_its_program_the_page_still_answers(browser: Browser, file: Path) -> None:
    context = browser.new_context(java_script_enabled=False, offline=True)
    page = context.new_page()
    page.goto(file.as_uri())
    text = page.locator("main").inner_text()
    assert "Worth a pilot" in text
    assert page.locator('figure[data-map="verdict"] text').first.is_visible()
    assert not page.locator("#switches").is_visible()
    context.close()


def test_a_cell_of_several_stitches_shows_its_curve(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    several = with_stitches(run(2, 3), {"identity": (0, 0.15), "scale": (4, 0.5)})
    path.write_text(page_of(several), encoding="utf-8")
    page = browser.new_page()
    page.goto(path.as_uri())
    square(page, "none", 0, 0).click()
    curve = page.get_by_role("img", name="Accuracy against parameters of the stitch")
    assert curve.locator("path[fill=none]").count() == 5
    assert curve.locator("circle").count() == 15
    assert square(page, "none", 0, 0).locator("text").text_content() == "0.93"
    page.get_by_label("stitch", exact=True).select_option("scale")
    assert square(page, "none", 0, 0).locator("text").text_content() == "0.50"
    page.close()


def test_hostile_names_run_nothing(browser: Browser, tmp_path: Path) -> None:
    name = "<img src=x onerror=window.hacked=1><script>window.hacked=1</script>"
    path = tmp_path / "report.html"
    path.write_text(page_of(run(names=(name, name, name), prefix=name, bridge=name)), encoding="utf-8")
    page = browser.new_page()
    page.goto(path.as_uri())
    square(page, "none", 0, 0).click()
    page.get_by_label("show", exact=True).select_option("similarity.cka")
    assert page.evaluate("window.hacked") is None
    assert page.locator("img").count() == 0
    assert name in page.locator("#detail").inner_text()
    page.close()
