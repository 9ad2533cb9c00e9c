"""The sentences on what a candidate is worth, in Japanese."""

from __future__ import annotations

SENTENCES = {
    "money.choice.leave": "受け手をこのまま使い続ける",
    "money.choice.reuse": "候補を再利用する",
    "money.choice.retrain": "受け手を学習し直す",
    "money.of": "{choice}：{amount}",
    "money.answer": ("{months:g}か月の合計では、「{cheapest}」のが最も安くなります（{amounts}）。"),
    "money.at_once": "再利用は「{other}」より初日から安くなります。",
    "money.from": "再利用の費用は、「{other}」に対して{months:.1f}か月で回収できます。",
    "money.until": "再利用は最初の{months:.1f}か月だけ「{other}」より安く、その後は高くなります。",
    "money.never": "再利用の費用は、「{other}」に対して回収できません。",
    "money.stays": "どの数値を一つだけ半分または2倍にしても、「{cheapest}」のが最も安くなります。",
    "money.changes": "数値を一つ変えると、「{cheapest}」のが最も安いとは限りません：{others}。",
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
    "money.measured": (
        "測定値：候補に必要なのは、ラベル付きの例{labels_reuse:,}件、学習"
        "{hours:.2g}時間、受け手の{load:.2f}倍の積和演算です。学習し直す場合は、学習用の"
        "例{labels_retrain:,}件を使います。"
    ),
    "money.load": (
        "仮定：推論の費用は積和演算の数に比例し、このコンピューターでの学習1時間はGPU1時間と同じ費用とし"
        "ます。"
    ),
    "money.today": "仮定：現在使われているのは受け手であり、学習し直しても運用の費用は変わらないとします。",
    "money.unpriced": "金額に含めないもの：新たに誤りや正解になる答え、リスク、時間とともに変わるデータ。",
    "rival.title.whole-receiver": "受け手全体",
    "rival.title.fine-tuned-receiver": "追加学習した受け手",
    "rival.title.sender-new-head": "新しい線形ヘッドを付けた送り手全体",
    "rival.title.sender-probe": "送り手の切断位置での線形プローブ",
    "rival.title.short-receiver": "途中で切って線形ヘッドを付けた受け手",
    "rival.title.distilled-student": "同じ費用の蒸留された生徒",
    "rival.title.student-from-scratch": "同じ生徒を初めから学習したもの",
    "rival.as_it_is": "そのまま、学習なし",
    "rival.tuned": "学習済みの値から全パラメータを学習",
    "rival.head": "{cut}の後のヘッド",
    "rival.taught": "教師：{by}、{student}",
    "rival.of_receiver": "受け手",
    "rival.of_sender": "送り手",
    "rival.student.slim": "チャネル数を{share:.2f}倍にした受け手の写し",
    "rival.student.zoo": "幅{width}のR1111、画像は一辺{pool}画素を1画素に平均",
    "rival.not_run": "実行していない：{why}",
    "rival.standing.wins": "勝ち",
    "rival.standing.better-but-dearer": "優れているが費用が高い",
    "rival.standing.level": "互角：どちらが優れているとも示されていない",
    "rival.standing.loses": "負け",
    "rival.standing.unfair": "不公平：予定の終わりにまだ向上していたため、勝ちとも負けともしない",
    "rival.of": "{sender} -> {receiver}（{score:.3f}）と同じ費用でほかにできること：",
    "rival.won": "候補に勝つ競争相手があります（{n}件）：{names}。{unfair}{missing}",
    "rival.none_won": (
        "候補に勝つと示された競争相手はありません（負け{lost}件、同じ費用での優劣が示されていないもの"
        "{level}件）。{unfair}{missing}"
    ),
    "rival.unfair_ones": "収束しなかった競争相手については何も分かりません：{names}。",
    "rival.missing_ones": "実行していないもの：{names}。",
    "rival.none": "",
    "rival.line": "{name}（{what}）：{score:.3f}、候補との差 {difference:+z.3f} [{low:+z.3f}, {high:+z.3f}]、"
    "積和演算は候補の{cost:.2f}倍、パラメータは{size:.2f}倍。{standing}。"
    "学習：{steps:,}ステップ、例{examples:,}件、積和演算{spent}回。",
    "rival.line_not_run": "{name}：{what}。",
    "rival.rule": (
        "確認用の例{n:,}件の得点です。各区間の信頼度は{level:.2f}%で、全区間が同時に成り立つ"
        "確率は95%です。積和演算が1.05倍以下で候補より優れるか、0.95倍未満で{margin:g}ポイント"
        "より悪くなければ、競争相手の勝ちとします。すべて同じ学習用の例とラベルを使い、画像は変化させません。"
        "収束は学習用部分の1割で判定します。"
    ),
    "rival.unchanged_pictures": (
        "画像のネットワークは、ふつう、無作為にずらしたり左右を反転したりした画像で学習し、それによって得点が"
        "上がります。ここで学習した競争相手は、そのような画像を使っていません。差の小さいものがあれば、"
        "そのような画像で学習してから決めてください。"
    ),
    "rival.candidate_unconverged": "候補自身の学習は収束していません。得点はもっと高い可能性があります。",
    "regret.name.cka": "CKA（類似度）",
    "regret.name.mutual-knn": "相互k近傍",
    "regret.name.probes": "プローブ間のKL",
    "regret.name.closed-form": "閉形式の得点",
    "regret.name.kept": "保持率",
    "regret.name.deepest": "送り手の最も深い切断位置",
    "regret.proxy": (
        "「{proxy}」で送り手の切断位置を選ぶと、受け手の切断位置の平均で得点を{mean:.3f} ["
        "{low:.3f}, {high:.3f}]失い、全体から一つ選ぶ場合は{whole:.3f}失いま"
        "す。"
    ),
    "regret.rule": (
        "比較相手は、{choose:,}件の例で得点が最も高いセルです。損失は別の{confirm:,}件で"
        "測るため、偶然により負になることもあります。"
    ),
    "chain.looked": (
        "三つの部分からなる連鎖は{possible:,}通り可能です。積和演算が{outer}の"
        "{at_most:g}倍以下のものは{affordable:,}通りで、うち{scored:,}通り"
        "を採点しました。"
    ),
    "chain.none": "予算に収まる連鎖はありません。",
    "chain.best": "最良の連鎖：{outer}の{leave}まで、{inner}の{enter}から{exit}まで、{outer}の{back}以降。"
    "確認用の例{n:,}件での得点は{score:.3f}、{outer}単独に対する損失は{lost:+z.3f} "
    "[{low:+z.3f}, {high:+z.3f}]、積和演算は{cost:.2f}倍、パラメータは{size:.2f}倍。",
    "chain.rule": (
        "各接合層はそれぞれの組のために学習したもので、連鎖のための学習はしていません。最良のものは、採点とは"
        "別の例で選びました。"
    ),
    # 候補。
    "reuse.looked": (
        "{n}件のセルを学習し、そのうち{cheaper}件が、置き換える対象のネットワークより安くなります"
        "。選択用の例で、より安く、より良いセルがほかにないもの{named}件を示します。"
    ),
    "reuse.division": (
        "評価用の例{choose}件で選び、別の{confirm}件で測りました。{calibrate}件は"
        "監視のために残します。失点の区間は全候補で同時に成り立ちます。判定は実行全体のもので、すべての評価用"
        "の例によります。"
    ),
    "reuse.groups": (
        "確認用の例{n}件は{groups}個のグループからなり、どのグループも一つの部分に入ります。区間と"
        "必要な例の数は、グループを単位とします。"
    ),
    "reuse.at_chance": (
        "{role}全体が偶然より良いとは示されていません（{score:.3f}、偶然に正解する割合は"
        "{chance:.3f}）。このネットワークに対して何も失わないことには意味がありません。"
    ),
    "reuse.outcome.candidate": (
        "置き換えるネットワークに対する失点が{margin:g}以下と示され、求められた条件を満たす候補があります。"
    ),
    "reuse.outcome.undecided": "未決：失点が{margin:g}以下と示された候補はなく、可能性のある候補があります。",
    "reuse.outcome.none": (
        "再利用する価値のあるものはありません。より安く、失点が{margin:g}以下で、条件を満たすセルは"
        "ありません。ネットワーク全体を使い続けてください。"
    ),
    "reuse.best": (
        "最上位：送り手の{sender}までを受け手の{receiver}以降の前に置き、{role}全体の"
        "代わりにします。積和演算の{fewer:.1%}、パラメータの{parameters:.1%}を節約"
        "し、学習するパラメータは{trained:,}個です。"
    ),
    "reuse.flips": (
        "確認用の例{n}件のうち、正解だった{wrong}件が誤りに、誤りだった{right}件が正解になります。"
    ),
    "reuse.risk": "置き換え可能ではありません。これらと異なる入力では、別の答えが予想されます。",
    "reuse.no_verdict": "判定は求められていません。ラベル以外の情報が伝わるかどうかは分かりません。",
    "reuse.missing": "実行は終わっていません（未完のセル{n}件）。同じコマンドをもう一度実行してください。",
    "reuse.failed": "{n}件のセルの学習に失敗しました。その価値は分かりません。",
    "further.no_candidate": "候補がないため、競争相手や価格と比べるものがありません。",
}
