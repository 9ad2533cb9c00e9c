"""The sentences of a pilot, in Japanese."""

from __future__ import annotations

SENTENCES = {
    "pilot.passed": "合格：{against}と比べて、候補の{score}は{margin:g}以上は劣りません（{n}件の例の後）。",
    "pilot.failed": "不合格：{against}と比べて、候補は{score}を{margin:g}より多く失います（{n}件の例の後）。",
    "pilot.undecided": "{n}件の例の後で未決：候補の{score}が{against}より{margin:g}以上劣るかどうか。",
    "pilot.horizon": "{n}件の例で終わりです。これ以上の例は使いません。",
    "pilot.agree": (
        "{n}件の例のうち{value:.1%}（{low:.1%}〜{high:.1%}）で両者の答えが一致し、{n_differ}件で異なります。"
    ),
    "pilot.agree_score": (
        "{n}件の例で、{against}の答えを目標値とすると、候補の{score}は{value:.3f}（{low:.3f}〜{high:.3f}）です。"
    ),
    "pilot.difference": "数えた例での候補の{score}から、元のネットワークの値を引いた差は{value:+z.4f}です。",
    "pilot.labels": "答えが異なる例について{n}件のラベルが必要です：{file}を見てください。",
    "pilot.targets": "{n}件の目標値が必要です：{file}を見て、同じ例を目標値とともにもう一度渡してください。",
    "pilot.forecast": (
        "例が今までと同様なら、あと{n}件（中央値）が必要で、そのような試験導入の{share:.0%}が終"
        "わりまでに決まります。"
    ),
    "pilot.groups": "各グループから1件の例だけを使います：{n}グループ。",
    "pilot.own_unknown": (
        "候補の実行のデータをここでは読めません。候補の学習や選択に使われた例が新しい例に混じっていても見分け"
        "られません。含まれていないことを確かめてください。"
    ),
    "pilot.again": "この候補の{k}回目の試験導入なので、誤った答えの確率はそれぞれ最大{level:g}です。",
}
