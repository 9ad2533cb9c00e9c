"""The sentences on the stages of a candidate, in Japanese."""

from __future__ import annotations

SENTENCES = {
    "stages.name.candidate": "候補",
    "stages.name.pilot": "試験導入",
    "stages.name.adopted": "採用",
    "stages.name.retired": "引退",
    "stages.result.passed": "合格",
    "stages.result.failed": "不合格",
    "stages.result.undecided": "未決",
    "stages.now": "段階：{stage}。",
    "stages.step.move": "{day}、{by}：{stage}に進めました。",
    "stages.step.pilot": (
        "{day}、{by}：試験導入{k}（{against}との比較）は{result}、許容差{margin}、{n}件の例。"
    ),
    "stages.step.verify": "{day}、{by}：検証が成り立ちました。",
    "stages.step.verify_not": "{day}、{by}：検証が成り立ちませんでした。",
    "stages.step.monitor": "{day}、{by}：監視を始めました。",
    "stages.step.alarm": "{day}、{by}：監視が警報を出しました。",
    "stages.next.after_candidate": "次：試験導入（modelstitch pilot DIR --data NEW）。",
    "stages.next.adopted": "次：採用。必要なもの：{needs}。",
    "stages.next.ready": (
        "次：採用。必要なものはそろっています（modelstitch stage DIR adopted --by NAME）。"
    ),
    "stages.next.after_adopted": (
        "次：引退。決定によって行います（modelstitch stage DIR retired --by NAME）。"
    ),
    "stages.next.after_retired": "この後の段階はありません。",
    "stages.lacks.pilot": "合格した試験導入（modelstitch pilot）",
    "stages.lacks.pilot-undecided": "合格した試験導入：最新の試験導入は未決です",
    "stages.lacks.pilot-failed": "合格した試験導入：最新の試験導入は不合格でした",
    "stages.lacks.verify": "出力した本人とは別の人による検証（modelstitch verify --by NAME）",
    "stages.lacks.verify-failed": "別の人による検証：最新の検証は成り立ちませんでした",
    "stages.lacks.reviewed": "両者の答えが異なる例に人が目を通した記録（--reviewed FILE.csv）",
}
