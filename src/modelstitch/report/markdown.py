"""The same answer as Markdown, for a pull request."""

from __future__ import annotations

import re
from pathlib import Path

from modelstitch.report.answer import answer
from modelstitch.report.beyond import BeyondRun
from modelstitch.report.commands import command_of
from modelstitch.report.first_word import first_word
from modelstitch.report.limits import limits, readable
from modelstitch.report.redaction import redacted
from modelstitch.results.comparison import Comparison
from modelstitch.results.verdict_cells import legend, verdict_cells
from modelstitch.specs import TRAINED
from modelstitch.wording import plain, translated


def markdown(
    comparison: Comparison,
    language: str = "en",
    *,
    beyond: BeyondRun | None = None,
    folder: Path | None = None,
    paths: bool = False,
) -> str:
    """Return the answer, the limits, the verdicts and the accuracies as Markdown.

    Args:
        comparison: what was run.
        language: ``en`` or ``ja``.
        beyond: what is known beyond the run.
        folder: the run folder: paths inside it are shown from there.
        paths: show the paths of the user's machine as they are.

    Raises:
        RunError: no cell is finished yet.
    """
    if not paths:
        comparison = Comparison.from_json(redacted(readable(comparison).to_json(), folder))
    stitch = comparison.main_stitch
    first_screen = answer(comparison, stitch)
    names = {"sender": inert(comparison.sender), "receiver": inert(comparison.receiver)}
    lines = [f"### {plain('page.question', language, **names)}", ""]
    beyond = beyond or BeyondRun()
    first = first_word(comparison, beyond)
    badge = plain(f"decision.word.{first.word}", language)
    told = " ".join(inert(translated(text, language)) for text in first.said)
    lines += [f"**{badge}.** {told}", "", inert(translated(first_screen.headline, language)), ""]
    weak = limits(comparison)
    if weak:
        lines += [f"> - {inert(translated(text, language))}" for text in weak] + [""]
    for key, texts in (
        ("stand_in", first_screen.stand_in),
        ("not_meant", first_screen.not_meant),
        ("next", first.steps or first_screen.next_steps),
    ):
        lines += [f"**{plain(f'page.{key}', language)}**", ""]
        for text in texts:
            command = command_of(text, comparison, beyond)
            lines.append(f"- {inert(translated(text, language))}" + (f" `{command}`" if command else ""))
        lines.append("")
    if TRAINED in comparison.controls:
        lines += _table(comparison, stitch, language)
    return "\n".join(lines).rstrip() + "\n"


def inert(text: str) -> str:
    """Return a text in which nothing is markup.

    Example:
        >>> inert("a|b <i>*c*</i>")
        'a\\\\|b &lt;i&gt;\\\\*c\\\\*&lt;/i&gt;'
    """
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_\[\]|#~!@])", r"\\\1", text).replace("\n", " ")


def _table(comparison: Comparison, stitch: str, language: str) -> list[str]:
    senders, receivers = comparison.cut_names(TRAINED)
    matrix = comparison.matrix(stitch=stitch)
    verdicts = comparison.cell_verdicts(stitch)
    judged = verdict_cells(matrix, verdicts, stitch)
    head = [plain("page.sender_receiver", language).replace("\\", "\\\\"), *map(inert, receivers)]
    lines = [f"| {' | '.join(head)} |", "|" + " --- |" * len(head)]
    for sender, row in zip(senders, judged, strict=True):
        cells = [cell.score if cell.word == "–" else f"{cell.word} · {cell.score}" for cell in row]
        lines.append(f"| {' | '.join([inert(sender), *cells])} |")
    if verdicts:
        lines += [
            "",
            *(
                f"- {inert(translated(text, language))}"
                for text in legend(comparison, stitch, coloured=False)
            ),
        ]
    return lines
