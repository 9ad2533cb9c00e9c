"""What a reader sees of a run: one self-contained page, Markdown for a pull request, figures for a paper."""

from __future__ import annotations

from modelstitch.report.markdown import markdown
from modelstitch.report.page import page, write_page
from modelstitch.report.strips import read_strips

__all__ = ["markdown", "page", "read_strips", "write_page"]
