"""答えが変わった例についてページが述べること。"""

from __future__ import annotations

SENTENCES = {
    "examples.title": "答えが変わった例",
    "examples.text": (
        "{sender}から{receiver}への接合では、評価用の例{n:,}件のうち{different:,}件で、"
        "接合したネットワークの答えが受け手全体の答えと異なります。"
        "減（受け手だけが正解）は{lost:,}件、増（接合したネットワークだけが正解）は{gained:,}件、"
        "両方とも不正解で答えが異なるものは{other}件です。"
    ),
    "examples.answers": "変わった答え（多い順）",
    "examples.lost": "減",
    "examples.gained": "増",
    "examples.other": "両方とも不正解",
    "examples.no_class": "どのクラスでもない",
    "examples.rows": "その例の一部",
    "examples.one": "評価用の例{number}番",
    "examples.head.receiver": "受け手の答え",
    "examples.head.stitched": "接合したネットワークの答え",
    "examples.head.n": "件数",
    "examples.head.number": "例の番号",
    "examples.head.kind": "種類",
    "examples.head.label": "正解のクラス",
    "examples.head.text": "文章",
    "examples.are_here": (
        "各例の下に、正解のクラスと、受け手の答え → 接合したネットワークの答えを示します。"
        "このページにはデータの例が含まれます。例を含まないページを作るコマンド："
    ),
    "examples.left_out": "例そのものは実行フォルダーに残されています。例を含むページを作るコマンド：",
}
