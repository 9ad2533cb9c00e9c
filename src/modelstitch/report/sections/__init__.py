"""The sections of the report page, one file each, in the order in which they stand.

To add one, write ``report/sections/NAME.py`` with a template and a function ``section(context)``. The
function returns the section as HTML, or None for a run that has nothing to show in it. Then add a row to
:data:`SECTIONS`. The sentences of a section are keys of ``wording/page_english.py`` and
``wording/page_japanese.py``.
"""

from __future__ import annotations

from collections.abc import Callable

from markupsafe import Markup

from modelstitch.report.context import PageContext
from modelstitch.report.sections import (
    answer,
    candidates,
    cells,
    classes,
    curves,
    errors,
    examples,
    geometry,
    how_to_read,
    maps,
    meeting,
    monitors,
    pictures,
    record,
    reproduce,
    sentences,
    worth,
)

SECTIONS: dict[str, Callable[[PageContext], Markup | None]] = {
    "answer": answer.section,
    "candidates": candidates.section,
    "worth": worth.section,
    "record": record.section,
    "monitors": monitors.section,
    "meeting": meeting.section,
    "maps": maps.section,
    "classes": classes.section,
    "examples": examples.section,
    "how_to_read": how_to_read.section,
    "sentences": sentences.section,
    "curves": curves.section,
    "pictures": pictures.section,
    "geometry": geometry.section,
    "errors": errors.section,
    "cells": cells.section,
    "reproduce": reproduce.section,
}
"""By name: what makes the section, None for a run without it."""
