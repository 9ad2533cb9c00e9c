"""The sentences on the stages of a candidate, in Japanese."""

from __future__ import annotations

SENTENCES = {
    "stages.lacks.pilot": "合格した試行(modelstitch pilot)",
    "stages.lacks.pilot-undecided": "合格した試行：最新の試行は未決です",
    "stages.lacks.pilot-failed": "合格した試行：最新の試行は不合格でした",
    "stages.lacks.verify": "書き出した人とは別の人による検査(modelstitch verify --by NAME)",
    "stages.lacks.verify-failed": "別の人による検査：最新の検査は成立しませんでした",
    "stages.lacks.reviewed": "両者の答えが異なる例を人が見た記録(--reviewed FILE.csv)",
}
