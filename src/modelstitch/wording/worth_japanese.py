"""The sentences on what a candidate is worth, in Japanese."""

from __future__ import annotations

SENTENCES = {
    "money.choice.leave": "受け手をこのまま使い続ける",
    "money.choice.reuse": "候補を再利用する",
    "money.choice.retrain": "受け手を学習し直す",
    "money.of": "{choice}：{amount}",
    "money.answer": "{months:g}か月の合計では「{cheapest}」のが最も安い（{amounts}）。",
    "money.at_once": "再利用は「{other}」より初日から安い。",
    "money.from": "再利用の費用は「{other}」に対して{months:.1f}か月で回収できる。",
    "money.until": "再利用は最初の{months:.1f}か月だけ「{other}」より安く、その後は高くなる。",
    "money.never": "再利用の費用は「{other}」に対して回収できない。",
    "money.stays": "どの数値を一つだけ半分または2倍にしても「{cheapest}」のが最も安い。",
    "money.changes": "数値を一つ変えると「{cheapest}」が最も安いとは限らない：{others}。",
    "money.halved": "{what}が半分なら「{cheapest}」のが最も安い",
    "money.doubled": "{what}が2倍なら「{cheapest}」のが最も安い",
    "money.number.labelling_hour": "ラベル付け1時間の価格",
    "money.number.gpu_hour": "GPU1時間の価格",
    "money.number.engineer_hour": "技術者1時間の価格",
    "money.number.million_inferences": "受け手による推論100万回の価格",
    "money.number.months": "期間（月）",
    "money.number.inferences_a_month": "1か月の推論回数",
    "money.number.labels_an_hour": "1時間に付けられるラベル数",
    "money.number.engineer_hours_retrain": "学習し直すための技術者の時間",
    "money.number.engineer_hours_reuse": "再利用のための技術者の時間",
    "money.number.gpu_hours_retrain": "学習し直すためのGPUの時間",
    "money.assumed": "利用者による仮定：{what} {value}。",
    "money.measured": "測定値：候補に必要なのはラベル付きの例{labels_reuse:,}件、当てはめ{hours:.2g}時間、"
    "受け手の{load:.2f}倍の積和演算。学習し直す場合は学習用の例{labels_retrain:,}件を使う。",
    "money.load": "仮定：推論の費用は積和演算の数に比例し、"
    "この計算機での当てはめ1時間はGPU1時間と同じ費用とする。",
    "money.today": "仮定：現在使われているのは受け手であり、学習し直しても運用の費用は変わらない。",
    "money.unpriced": "金額に含めないもの："
    "新たに誤りまたは正解になる答え、リスク、時間とともに変わるデータ。",
}
