"""The page in a real browser: headless Chromium, offline."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from modelstitch.report import page as page_of
from modelstitch.results.comparison import Comparison
from modelstitch.specs import DataSpec, ModelSpec
from tests.made import run_spec
from tests.report.made import run, with_objective, with_stitches

pytestmark = pytest.mark.browser

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
            "expected a browser for the tests of the report, found none: "
            "install Chromium, set MODELSTITCH_BROWSER to one, "
            "or leave these tests out with NO_BROWSER=1 make test"
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


def square(page: Page, name: str, row: int, column: int, n_columns: int = 3):  # type: ignore[no-untyped-def]
    return page.locator(f'figure[data-map="{name}"] [data-index="{n_columns * row + column}"]')


def test_a_cell_shows_all_that_is_known_of_it_by_mouse(opened: Page) -> None:
    detail = opened.locator("#detail")
    # The page opens with the cell that it names first.
    assert detail.inner_text().replace("\u00a0", " ").startswith("c0 → c0")
    square(opened, "verdict", 1, 2).hover()
    text = detail.inner_text().replace("\u00a0", " ")
    assert text.startswith("c1 → c2")
    for expected in (
        "interchangeable, confidence: high",
        "score 0.93",
        "kept beyond the label\t95 % (92 – 98)",
        "where least is kept\tc2",
        "kept for this head (behind the cut alone)\t105 %",
        "recovered there: cell / self-stitch / label alone\t0.86 / 0.90 / 0.10",
        "learnt, confidence: high",
        "kept, less untrained senders (points)\t55 (52 – 58)",
        "the best of them\t42 %",
        "compared with\trandom sender, trained receiver",
        "within_cka",
        "ms.stitch(",
    ):
        assert expected in text
    assert '"c1"' in text
    assert "--sender-cuts" not in text  # the data of this run were given in memory
    square(opened, "trained", 0, 1).click()
    square(opened, "trained", 1, 1).hover()
    assert detail.inner_text().startswith("c0 → c1")  # held
    opened.keyboard.press("Escape")
    square(opened, "trained", 1, 0).hover()
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
    cell = square(opened, "trained", 0, 0).locator("text")
    assert cell.text_content() == "0.93"
    # A control has what it keeps below its score; the pair has its own map for that.
    beside = square(opened, "random-sender", 0, 0).locator("text")
    assert beside.all_text_contents() == ["0.50", "◐ 40\u00a0%"]
    opened.get_by_label("show", exact=True).select_option("penalty")
    assert cell.text_content() == "0.02"
    assert beside.all_text_contents() == ["0.45", ""]
    legend = " ".join(opened.locator("#legend").inner_text().split())
    assert legend == "penalty (whole receiver minus stitched): from -0.05 to 0.45"
    opened.get_by_label("show", exact=True).select_option("similarity.cka")
    assert cell.text_content() == "0.31"
    control = square(opened, "random-sender", 0, 0)
    assert control.locator("text").first.text_content() == "–"
    opened.get_by_label("show", exact=True).select_option("kept")
    assert cell.text_content() == "0.95"
    # What controls keep stands beside it, in the colours of the map of verdicts.
    assert control.locator("text").first.text_content() == "0.4"
    verdict = square(opened, "verdict", 0, 0)
    assert square(opened, "trained", 0, 0).locator("rect").evaluate(FILL) == verdict.locator("rect").evaluate(
        FILL
    )
    opened.get_by_label("seed", exact=True).select_option("1")
    assert verdict.locator("text").all_text_contents() == ["✓ 95\u00a0%", "0.93"]
    opened.get_by_role("checkbox", name="one-hot label").uncheck()
    assert not opened.locator('figure[data-map="one-hot"]').is_visible()


FILL = "each => each.style.fill"


def test_a_cell_that_was_not_learnt_says_so_beside_its_score(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(page_of(run(2, 2, lead=0.0)), encoding="utf-8")
    page = browser.new_page()
    page.goto(path.as_uri())
    cell = square(page, "verdict", 1, 0, 2)
    assert cell.locator("text").all_text_contents() == ["✓ 95\u00a0%", "0.93 u"]
    label = cell.get_attribute("aria-label")
    assert label == "c1 → c0: interchangeable, kept beyond the label: 95\u00a0%, not learnt, accuracy: 0.93"
    cell.click()
    assert "not learnt, confidence: low" in page.locator("#detail").inner_text()
    page.close()


def test_what_cannot_be_told_has_no_colour_of_the_scale(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(page_of(run(2, 2, converged=False)), encoding="utf-8")
    page = browser.new_page()
    page.goto(path.as_uri())
    cell = square(page, "verdict", 0, 0, 2)
    assert cell.locator("rect").evaluate(FILL) == "var(--none)"
    assert cell.locator("text").first.text_content() == "? 95\u00a0%"
    page.close()


def test_family_and_objective_have_a_switch_each(browser: Browser, tmp_path: Path) -> None:
    several = with_objective(with_stitches(run(2, 2), {"scale": (4, 0.5)}), "match", 0.3)
    path = tmp_path / "report.html"
    path.write_text(page_of(several), encoding="utf-8")
    page = browser.new_page()
    page.goto(path.as_uri())
    cell, family, objective = (
        square(page, "trained", 0, 0).locator("text"),
        page.get_by_label("stitch", exact=True),
        page.get_by_label("objective", exact=True),
    )
    for select in (family, objective):
        assert select.locator("option").count() == 2
    assert cell.text_content() == "0.93"
    objective.select_option("match")
    assert cell.text_content() == "0.30"
    family.select_option("scale")
    assert (cell.text_content(), objective.input_value()) == ("0.30", "match")
    objective.select_option("task")
    assert (cell.text_content(), family.input_value()) == ("0.50", "scale")
    page.close()


def test_an_objective_that_one_family_lacks_shows_the_family_that_has_it(
    browser: Browser, tmp_path: Path
) -> None:
    both = with_objective(with_stitches(run(2, 2), {"scale": (4, 0.5)}), "match", 0.3)
    several = replace(both, cells=tuple(each for each in both.cells if each.stitch != "scale by match"))
    path = tmp_path / "report.html"
    path.write_text(page_of(several), encoding="utf-8")
    page = browser.new_page()
    page.goto(path.as_uri())
    page.get_by_label("stitch", exact=True).select_option("scale")
    page.get_by_label("objective", exact=True).select_option("match")
    assert page.get_by_label("stitch", exact=True).input_value() == "affine"
    assert square(page, "trained", 0, 0).locator("text").text_content() == "0.30"
    page.close()


def test_colours_of_the_maps_agree_with_the_static_page(opened: Page, file: Path) -> None:
    static = re.findall(r'data-map="trained".*?</figure>', file.read_text(encoding="utf-8"), re.DOTALL)[0]
    fills = re.findall(r'<rect fill="(#\w+)"/>', static)
    assert len(fills) == 6
    drawn = opened.evaluate(
        """[...document.querySelectorAll('figure[data-map="trained"] rect')].map(each => each.style.fill)"""
    )
    assert [_rgb(fill) for fill in fills] == drawn


def test_the_map_of_verdicts_is_the_same_with_and_without_the_program(
    browser: Browser, opened: Page, file: Path
) -> None:
    look = """[...document.querySelectorAll('figure[data-map="verdict"] g')].map(each => [
        getComputedStyle(each.querySelector('rect')).fill,
        ...[...each.querySelectorAll('text')].map(text => text.textContent.replaceAll('\u00a0', ' '))])"""
    drawn = opened.evaluate(look)
    context = browser.new_context(java_script_enabled=False, offline=True)
    page = context.new_page()
    page.goto(file.as_uri())
    texts = page.locator('figure[data-map="verdict"] g text').all_text_contents()
    static = file.read_text(encoding="utf-8").split('data-map="verdict"')[1].split("</figure>")[0]
    fills = re.findall(r'<rect fill="(#\w+)"/>', static)
    assert drawn == [[_rgb(fill), *texts[2 * k : 2 * k + 2]] for k, fill in enumerate(fills)]
    assert page.locator(".kept-bar").is_visible()
    context.close()


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


def test_the_print_is_one_page_with_the_answer_and_the_map(opened: Page) -> None:
    printed = opened.pdf(prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) == 1
    opened.emulate_media(media="print")
    assert opened.locator("#answer").is_visible()
    assert opened.locator("#maps .map[data-map=verdict] svg").is_visible()


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
    assert "This command finds out: modelstitch reuse RUN" in text
    assert page.locator('figure[data-map="verdict"] text').first.is_visible()
    assert not page.locator("#switches").is_visible()
    context.close()


def test_a_cell_of_several_stitches_shows_its_curve(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    several = with_stitches(run(2, 3), {"identity": (0, 0.15), "scale": (4, 0.5)})
    path.write_text(page_of(several), encoding="utf-8")
    page = browser.new_page()
    page.goto(path.as_uri())
    square(page, "trained", 0, 0).click()
    curve = page.get_by_role("img", name="Accuracy against parameters of the stitch")
    assert curve.locator("path[fill=none]").count() == 5
    assert curve.locator("circle").count() == 15
    assert square(page, "trained", 0, 0).locator("text").text_content() == "0.93"
    page.get_by_label("stitch", exact=True).select_option("scale")
    assert square(page, "trained", 0, 0).locator("text").text_content() == "0.50"
    page.close()


def distinct(comparison: Comparison) -> Comparison:
    """Give every cell an accuracy of its own, so that one that is read at a wrong place is seen."""
    cells = tuple(
        replace(cell, score=round(0.1 + 0.007 * index, 3)) for index, cell in enumerate(comparison.cells)
    )
    return replace(comparison, cells=cells)


def test_each_cell_is_shown_with_the_controls_that_stand_beside_it(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    several = distinct(
        with_stitches(run(2, 3, receiver_prefix="r"), {"identity": (0, 0.15), "scale": (4, 0.5)})
    )
    path.write_text(page_of(several), encoding="utf-8")
    known = {(c.control, c.stitch, c.sender_cut, c.receiver_cut): c.score for c in several.cells}
    page = browser.new_page()
    page.goto(path.as_uri())
    detail = page.locator("#detail")
    square(page, "trained", 0, 2).click()
    text = detail.inner_text()
    assert text.startswith("c0 → r2")
    assert f"{known['trained', 'affine', 'c0', 'r2']:.3f}" in text
    assert f"receiver into itself\t{known['self-stitch', 'affine', 'r2', 'r2']:.3f}" in text
    # The curve of the receiver into itself is that of its own cut too.
    details = detail.locator("details").last
    details.locator("summary").click()
    assert f"{known['self-stitch', 'scale', 'r2', 'r2']:.2f}" in details.inner_text()
    # A cell of the receiver into itself is shown as what it is.
    page.keyboard.press("Escape")
    square(page, "self-stitch", 2, 1).click()
    text = detail.inner_text()
    assert text.startswith("r2 → r1\n\nreceiver into itself")
    assert f"{known['self-stitch', 'affine', 'r2', 'r1']:.3f}" in text
    assert "ms.stitch(" not in text
    page.close()


def test_a_run_of_controls_alone_can_be_looked_at(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(page_of(run(2, 3, controls=("random-sender", "self-stitch"))), encoding="utf-8")
    page = browser.new_page()
    page.goto(path.as_uri())
    square(page, "random-sender", 1, 2).hover()
    text = page.locator("#detail").inner_text()
    assert text.startswith("c1 → c2\n\nrandom sender")
    assert "undefined" not in text
    page.close()


def test_names_of_cuts_are_quoted_in_what_one_is_to_paste(browser: Browser, tmp_path: Path) -> None:
    cuts, model = ["a;touch hacked;0", "a;touch hacked;1"], ModelSpec(source="zoo:R1111")
    spec = run_spec(cuts, cuts, sender=model, receiver=model, data=DataSpec(source="digits"))
    path = tmp_path / "report.html"
    path.write_text(page_of(run(2, 2, prefix="a;touch hacked;", spec=spec)), encoding="utf-8")
    page = browser.new_page()
    page.goto(path.as_uri())
    square(page, "trained", 0, 0, 2).click()
    shell, python = page.locator("#detail pre").all_inner_texts()
    assert shlex.split(shell)[shlex.split(shell).index("--sender-cuts") + 1] == "a;touch hacked;0"
    assert '"a;touch hacked;0"' in python
    page.close()


def test_tables_and_descriptions_follow_the_switches(opened: Page) -> None:
    figure = opened.locator('figure[data-map="trained"]')
    assert figure.locator(".shown").inner_text() == "accuracy"
    opened.get_by_label("show", exact=True).select_option("penalty")
    assert figure.locator("tbody td").first.text_content() == "0.02"
    assert figure.locator(".shown").inner_text() == "penalty (whole receiver minus stitched)"
    label = square(opened, "trained", 0, 0).get_attribute("aria-label")
    assert label == "c0 → c0: penalty (whole receiver minus stitched): 0.02"
    square(opened, "trained", 1, 1).click()
    assert square(opened, "trained", 1, 1).get_attribute("aria-pressed") == "true"
    assert figure.locator('g[tabindex="0"]').count() == 1
    assert opened.locator("#status").text_content() == "c1 → c1, interchangeable, accuracy: 0.930"


def test_hostile_names_run_nothing(browser: Browser, tmp_path: Path) -> None:
    name = "<img src=x onerror=window.hacked=1><script>window.hacked=1</script>"
    path = tmp_path / "report.html"
    path.write_text(page_of(run(names=(name, name, name), prefix=name, bridge=name)), encoding="utf-8")
    page = browser.new_page()
    page.goto(path.as_uri())
    square(page, "trained", 0, 0).click()
    page.get_by_label("show", exact=True).select_option("similarity.cka")
    assert page.evaluate("window.hacked") is None
    assert page.locator("img").count() == 0
    assert name in page.locator("#detail").inner_text()
    page.close()
