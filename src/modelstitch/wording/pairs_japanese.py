"""複数のモデルのすべての順序対について述べること。"""

from __future__ import annotations

SENTENCES = {
    "pairs.title": "{data}での{n}個のモデルと{pairs}組の順序対",
    "pairs.asymmetric": (
        "表は対称ではありません。AからBはAの層がBの役に立つかを、BからAはその逆を問います。"
    ),
    "pairs.ceiling": (
        "同じモデル同士の欄にあるのは自分自身への接合です。これがノイズの上限、つまり等しいネットワークが達す"
        "る値です。"
    ),
    "pairs.diagonal": "対応する深さのセルの平均です。",
    "pairs.best": (
        "受け手の切断位置ごとに最も良い送り手の切断位置を選び、平均します。同じ例で選ぶため、少し高めになりま"
        "す。"
    ),
    "pairs.interval": "区間は、別の例を使った場合の違いです。評価用の例を{n}回再抽出したうちの95%です。",
    "pairs.no_interval": "区間はありません。例ごとの値が保存されていないためです。",
    "pairs.in_words": "行が送り手、列が受け手",
    "pairs.tree": "{value}の平均連結による、近いモデル同士",
    "pairs.no_tree": (
        "{value}の樹形図はありません。すべての組の両方向が必要ですが、実行されていない組があります。"
    ),
    "pairs.verdicts": "判定",
    "pairs.page": "ページ",
    "pairs.map": "{value}によるモデルの地図。見出しは、距離の二乗のうち地図が表す割合です",
    "pairs.gap": "正解率の差とペナルティ",
    "pairs.gap_correlation": (
        "差は受け手全体の得点から送り手全体の得点を引いた値、ペナルティは対応する深さのセルの平均です。異なるモ"
        "デルの組での順位相関は{r:.2f}です。1に近ければ、ペナルティが語るのはどちらのネットワークが優れているかだけです。"
    ),
    "pairs.gap_few": "両方の値がある組が少なすぎるため、相関は求められません。",
    "pairs.pair": "組",
    "pairs.own_gap": "差",
    "pairs.penalty": "ペナルティ",
    "pairs.more": "ほかに{n}組あります。すべてはverdicts.csvとcells.csvにあります。",
    "live.pairs": "{pairs}組のうち{ended}組が終わりました。セル：完了{done:,}、失敗{failed:,}、残り{left}。",
    "live.unknown": "不明",
    "live.run": "実行中です。セル：完了{done:,}、失敗{failed:,}、残り{left:,}。",
    "live.nothing": "終わったセルはまだありません。",
}
