"""論文の実験と並べて述べること。"""

from __future__ import annotations

SENTENCES = {
    "paper.title": "Hernandezら（2022）の実験の再現：{pairs}組、{cells:,}セル",
    "paper.source": "論文の値：{source}。こちらの値はこのフォルダのものです。",
    "paper.findings": "再現したことと、しなかったこと",
    "paper.finding": "知見",
    "paper.paper": "論文",
    "paper.ours": "ここでの値",
    "paper.outcome": "結果",
    "paper.holds": "再現した",
    "paper.holds_not": "再現しなかった",
    "paper.not_run": "実行していない",
    "paper.counts": "{judged}件の知見のうち{holds}件が再現し、{left}件は実行していません。",
    "paper.whole": "訓練済みのネットワークは優れ、訓練していないものは当て推量です。",
    "paper.whole_paper": "{trained:.2f}より上、約{untrained:.2f}",
    "paper.whole_ours": "{low:.2f}〜{high:.2f}、および{least:.2f}〜{most:.2f}",
    "paper.triangle": "送り手のどの層も、長さの割合で自分より前の受け手の層に接合できます。",
    "paper.triangle_paper": (
        "R_1111：三角形の内側の平均{below:.2f}、外側{above:.2f}。分散の{explained:.0%}を説明します"
    ),
    "paper.triangle_ours": (
        "{of}組のうち{n}組で内側が高く、平均は内側{below:.2f}、外側{above:.2f}。{explained:.0%}を説明します"
    ),
    "paper.matrix": "R_1111からR_1111への通常の接合の行列。",
    "paper.matrix_paper": "25個の値（下の表）",
    "paper.matrix_ours": (
        "順位相関{r:.2f}。受け手全体に対する割合での最大の差は{largest:.2f}（層{sender}から{receiver}）、"
        "得点そのものでは{raw:.2f}"
    ),
    "paper.sender": "訓練していない送り手R_1111が訓練済みのR_1112の役に立つのは、左上の隅だけです。",
    "paper.sender_paper": "層0へ{scores}、他は.3〜.5",
    "paper.sender_ours": "層0へ{scores}、他の平均{others:.2f}",
    "paper.receiver": "訓練していない受け手の役に立つのは、送り手の後ろの層だけです。",
    "paper.receiver_paper": "下の行で約{bottom:.1f}",
    "paper.receiver_ours": (
        "行の後ろ三分の一は前の三分の一より平均{mean:.2f}高く、{of}組のうち{n}組ではっきり高くなっています"
    ),
    "paper.similarity": "類似度で訓練した接合は機能しません。",
    "paper.similarity_paper": "最初のセルで{first:.2f}、他は約{others:.1f}（R_1111からR_1111）",
    "paper.similarity_ours": (
        "最初のセルで{first:.2f}、他の平均{others:.2f}。全組の平均{every:.2f}（閉形式の解）"
    ),
    "paper.errors_diagonal": "対角でのEV、SV、ESの順序（訓練済みから訓練済み）。",
    "paper.errors_all": "すべてのセルでの同じ順序。",
    "paper.errors_values": "EV {ev:.2g}、ES {es:.2g}、SV {sv:.2g}",
    "paper.far": "受け手が訓練されていないと、誤差は桁違いに大きくなります。",
    "paper.far_paper": "最大{maximum:.0e}",
    "paper.far_ours": "最大{maximum:.2g}、訓練済みの受け手では最大{trained:.2g}",
    "paper.triangles": "組ごとの三角形",
    "paper.pair": "組",
    "paper.inside": "内側",
    "paper.outside": "外側",
    "paper.explained": "説明する割合",
    "paper.overall": "全組の平均",
    "paper.matrices": "R_1111からR_1111への通常の接合：論文の得点と、ここでの得点",
    "paper.errors": "全組のEV、ES、SV",
    "paper.combination": "組み合わせ",
    "paper.error": "誤差",
    "paper.cells": "セル",
    "paper.minimum": "最小",
    "paper.mean": "平均",
    "paper.maximum": "最大",
    "paper.deviation": "標準偏差",
    "paper.diagonal": "対角",
    "paper.all": "すべて",
    "paper.combination.trained": "訓練済みから訓練済み",
    "paper.combination.random-sender": "未訓練から訓練済み",
    "paper.combination.random-receiver": "訓練済みから未訓練",
    "paper.combination.random-both": "未訓練から未訓練",
    "paper.pictures": "{pair}の生成画像：入力への接合が作るもの",
    "paper.rules": (
        "このページの規則は実行前に定めたものです。「高い」は得点で{clear:.1f}以上、「同じ傾向」は順位相関"
        "{alike:.1f}以上です。幅、データ、当てはめはexperiment.tomlのもので、小さい形では論文と異なります。"
    ),
}
