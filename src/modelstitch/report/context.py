"""What a section of the page is made of: the run, the language, and the templates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from modelstitch.report.beyond import BeyondRun
from modelstitch.report.maps import short
from modelstitch.results.comparison import Comparison
from modelstitch.specs import TRAINED
from modelstitch.wording import plain, translated


@dataclass(frozen=True)
class PageContext:
    """One run as one page shows it.

    Attributes:
        comparison: the run, its paths already shortened.
        language: ``en`` or ``ja``.
        strips: painted images by title, as ``data:`` addresses.
        beyond: what is known beyond the run.
    """

    comparison: Comparison
    language: str
    strips: Mapping[str, str] = field(default_factory=dict)
    beyond: BeyondRun = field(default_factory=BeyondRun)

    @property
    def stitch(self) -> str:
        """The stitch that the page speaks of."""
        return self.comparison.main_stitch

    @property
    def has_trained_grid(self) -> bool:
        """Whether the pair itself was run, not only its controls."""
        return TRAINED in self.comparison.controls

    def t(self, key: str, **values: Any) -> str:
        """Return a sentence of the catalogue in the language of the page."""
        return plain(key, self.language, **values)

    def text(self, text: str) -> str:
        """Return a text in the language of the page."""
        return translated(text, self.language)

    def fill(self, template: str, **facts: Any) -> Markup:
        """Return a template with its facts filled in, everything escaped.

        Args:
            template: of Jinja; it has ``t``, ``short``, and the macros ``map`` and ``table``.
            facts: by the names that the template uses.
        """
        return Markup(_environment().from_string(_MACROS + template).render(t=self.t, **facts))


_MACROS = '{% from "macros.html" import map, table %}'


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("modelstitch.report", "."), autoescape=True, undefined=StrictUndefined
    )
    environment.globals["short"] = short
    return environment
