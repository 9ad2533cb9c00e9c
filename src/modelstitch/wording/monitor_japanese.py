"""The sentences of a monitor, in Japanese."""

from __future__ import annotations

SENTENCES = {
    "watch.process.distance": "接合後の表現の距離",
    "watch.process.coordinate": "主座標{number}",
    "watch.process.loss": "損失",
    "watch.process.label": "ラベルのクラス",
    "watch.process.paired": "受け手との差",
    "watch.seen": (
        "届いた例は{examples}件で、そのうちラベル付きは{labels}件です。較正用の"
        "{calibrating}件の中での順位を調べます。"
    ),
    "watch.alarm": "警報：{process}。この項目の{at}件目の例で警報が出ました。",
    "watch.quiet": (
        "警報はありません。これまでで最も強い証拠は{process}の{most}で、警報は{threshold}から出ます。"
    ),
    "watch.cause.none": (
        "ラベルがなければ、答えが今も正しいかは分かりません。ラベルの意味の変化は見えません。"
    ),
    "watch.cause.inputs": (
        "入力が変わりました。答えが今も正しいかは、これだけでは見分けられません。無作為に選んだ一部の例に"
        "ラベルを付けてください。"
    ),
    "watch.cause.classes": "クラスの頻度が変わりました。",
    "watch.cause.concept": (
        "損失が変わり、ほかには変化が見られません。同じ入力に別のラベルが付くようになったとみられます（概念の"
        "変化）。"
    ),
    "watch.cause.worse": "候補は受け手より許容幅を超えて悪くなりました。",
    "watch.cause.mixed": "複数の項目が変わったか、追跡していない項目があります。原因は見分けられません。",
    "watch.rate": (
        "届く例が較正用の例と交換可能なら、{k}個の項目のどれかが全期間を通じて誤って警報を出す確率は"
        "{share}%以下です。"
    ),
    "watch.own_unknown": (
        "候補の実行のデータをここでは読めません。候補の学習、選択、較正に使われた例が混じっていても見分けられ"
        "ません。含まれていないことを確かめてください。"
    ),
    "watch.dependent": "同じ動画のフレームや重なり合う窓など、互いに依存する例は対象外です。",
}
