"""The sentences of a monitor, in Japanese."""

from __future__ import annotations

SENTENCES = {
    "watch.process.distance": "縫合表現の距離",
    "watch.process.coordinate": "主座標{number}",
    "watch.process.loss": "損失",
    "watch.process.label": "ラベルのクラス",
    "watch.process.paired": "受け手との差",
    "watch.seen": (
        "流れの例は{examples}件で、そのうちラベル付きは{labels}件です。較正用の{calibrating}件の中で順位を付けます。"
    ),
    "watch.alarm": "警報: {process}。この過程の{at}件目の例で鳴りました。",
    "watch.quiet": (
        "警報はありません。これまでで最も強い証拠は{process}の{most}で、警報には{threshold}が要ります。"
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
        "損失が変わり、ほかには変化が見られません。同じ入力に別のラベルが付くようになったとみられます(概念の変化)。"
    ),
    "watch.cause.worse": "候補は受け手より許容幅を超えて悪くなりました。",
    "watch.cause.mixed": (
        "いくつかのものが変わったか、すべては追跡されていません。どれが原因かは見分けられません。"
    ),
    "watch.rate": (
        "流れが較正用の例と交換可能なら、{k}個の過程のどれかがこの流れの全期間に誤って警報を出す確率は"
        "{share}%以下です。"
    ),
    "watch.own_unknown": (
        "候補の実行のデータをここでは読めません。候補の当てはめ、選択、較正に使われた例が流れに混じっていても"
        "見分けられません。含まれていないことを確かめてください。"
    ),
    "watch.dependent": "同じ動画のフレームや重なり合う窓など、互いに依存する例は対象外です。",
}
