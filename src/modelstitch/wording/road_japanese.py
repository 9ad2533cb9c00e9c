"""The sentences on the road from a run to a network in use, in Japanese."""

from __future__ import annotations

SENTENCES = {
    "decision.word.adopt": "採用",
    "decision.word.pilot": "試験導入",
    "decision.word.leave": "見送り",
    "decision.word.undecided": "判断保留",
    "decision.pilot": (
        "試験導入の価値があります（実行の結果から言えるのはここまでです）。{role}全体の代わりに、送り手の"
        "{sender}までを受け手の{receiver}以降の前に置いて試せます。節約できるのは、{saved}です。選択に使っ"
        "ていない{n:,}件での失点は多くても{most:.1f}ポイントで、許容は{margin:g}ポイントです。"
    ),
    "decision.leave": (
        "再利用する価値のあるものはありません。{n}か所のいずれも、条件を満たす見込みがありません（"
        "{reasons}）。"
    ),
    "decision.dear": "求められた費用を何も節約しないもの{n}か所",
    "decision.worse": "失点が{margin:g}ポイントを超えるもの{n}か所",
    "decision.label": "ラベル以外の保持率が{line:g}%未満か、課題を解けないもの{n}か所",
    "decision.undecided": (
        "まだ判断できません。条件を満たすと示された位置はありません。条件を満たす可能性のある位置が{n}か所"
        "残っています。"
    ),
    "decision.nearest": "最も近いのは{sender} → {receiver}です。決まっていないのは、{open}です。",
    "decision.not_asked": (
        "まだ判断できません。この実行で分かるのは何が伝わるかまでで、何を節約でき何を失うかは調べていません。"
        "次のコマンドで調べられます：modelstitch reuse {run}"
    ),
    "decision.run_leave": (
        "再利用する価値のあるものはありません。{n}か所のいずれでも、ラベル以外の保持率が{line:g}%"
        "に届かないか、課題を解けません。この実行の区間により、どの位置も除外されます。"
    ),
    "decision.stale": (
        "以前に見つけた候補は現在の実行のものではないため、載せていません。もう一度お調べください：modelsti"
        "tch reuse {run}"
    ),
    "decision.adopt": (
        "採用できます。候補{name}は試験導入に合格し、出力した本人ではない{by}が検証しました。決めるのは皆様"
        "です（modelstitch stageで記録に残ります）。"
    ),
    "decision.adopted": (
        "使用中です。候補{name}は試験導入に合格し、出力した本人ではない{by}が検証し、採用が記録されています。"
    ),
    "decision.held": (
        "決定を保留してください。この実行には試験導入の価値がある位置がありますが、その候補に問題が見つかって"
        "います。"
    ),
    "decision.against.retired": "候補{name}は引退しています。",
    "decision.against.alarm": "候補{name}の監視が警報を出しました。入力が以前と同じではなくなっています。",
    "decision.against.verify": "候補{name}は、最後の検証で成り立ちませんでした。",
    "decision.against.pilot": "候補{name}は、試験導入が不合格でした。",
    "saved.multiply_adds": "積和演算の{share:.1f}%",
    "saved.parameters": "パラメータの{share:.1f}%",
    "saved.more_multiply_adds": "ただし積和演算は{share:.1f}%多い",
    "saved.more_parameters": "ただしパラメータは{share:.1f}%多い",
    "open.no_worse": "失点が{margin:g}ポイント以下かどうか（現在の区間は{low:+z.1f}〜{high:+z.1f}{needed}）",
    "open.needed": "、確認用の例が約{n:,}件あれば決まる見込み",
    "open.no_number": "",
    "open.saves": "得点が足りるかどうか",
    "open.partly": "ラベル以外の情報が伝わるかどうか",
    "open.no_verdict": "ラベル以外の情報が伝わるかどうか（この実行には判定がない）",
    "risk.kept": (
        "受け手がクラスの中で区別していることの{kept:.0f}%を保ちます。今回と異なる入力では、別の答えが予想"
        "されます。"
    ),
    "risk.interchangeable": "受け手がクラスの中で区別していることの{kept:.0f}%を保ちます。",
    "risk.unknown": "受け手がクラスの中で区別していることをどれだけ保つかは分かっていません。",
    "risk.not_learnt": "未学習の部品でも代わりになります。再利用する必要がないかもしれません。",
    "risk.flips": "正解だった{wrong}件が誤りに、誤りだった{right}件が正解になりました。",
    "road.candidates": "候補：再利用できるかもしれない部分",
    "road.candidates_text": (
        "評価用の{choose:,}件で選び、別の{confirm:,}件で測りました。試験導入の条件は三つです。失点が"
        "{margin:g}ポイント以下であること、何かを節約すること、ラベル以外の情報も伝わること。点ではなく区間"
        "で決め、全候補の区間は同時に成り立ちます。"
    ),
    "road.place": "{sender} → {receiver}",
    "road.replaces": "{role}全体の代わり",
    "road.saves": "節約",
    "road.cost": "費用",
    "road.loses": "失点",
    "road.risk": "リスク",
    "road.open": "未決",
    "road.open_text": "未決の点：{open}",
    "road.fails": "満たさない条件",
    "road.next": "次の段階",
    "road.cost_text": "学習するパラメータ{trained:,}個{labels}、{times}",
    "road.labels": "、ラベル付きの例{n:,}件",
    "road.no_labels": "",
    "road.time": "バッチ{batch}で{ms:.2g}ミリ秒（全体のネットワークは{whole:.2g}ミリ秒）",
    "road.no_time": "時間は測っていません",
    "road.loses_text": (
        "{lost:+z.1f}ポイント（{low:+z.1f}〜{high:+z.1f}）、{name}は{score:.3f}（{score_low:.3f}〜"
        "{score_high:.3f}）"
    ),
    "road.loses_unknown": "分かっていません",
    "road.fails.no_worse": "失点が許容を超える",
    "road.fails.saves": "求められたものを何も節約しない",
    "road.fails.partly": "ラベルしか伝わらないか、課題を解けない",
    "road.misses": "求められた条件を満たさない：{what}",
    "road.elsewhere": (
        "ほかの位置：何も節約しないもの{dear}か所、失点が多すぎるもの{worse}か所、ラベルしか伝わ"
        "らないもの{label}か所、分かっていないもの{open}か所。"
    ),
    "road.none": "挙げる候補はありません。",
    "road.rivals": "同じ費用でほかに何ができるか",
    "road.rivals_text": "{sender} → {receiver}と比べました（同じ確認用の例{n:,}件）。",
    "road.rival": "競争相手",
    "road.against": "候補との差（ポイント）",
    "road.difference": "{middle:+z.1f}（{low:+z.1f}〜{high:+z.1f}）",
    "road.rival_cost": "積和演算",
    "road.stands": "結果",
    "road.not_run": "実行していない",
    "road.money": "金額（いただいた価格による）",
    "road.choice": "選択肢",
    "road.once": "初めに一度",
    "road.monthly": "1か月",
    "road.total": "{months:g}か月の合計",
    "road.assumptions": "すべての仮定",
    "road.changed": "数値を一つ、半分または2倍にしたとき",
    "road.number": "数値",
    "road.halved": "半分のとき最も安いもの",
    "road.doubled": "2倍のとき最も安いもの",
    "road.cheapest": "{choice}（{amount}）",
    "road.chains": "三つの部分からなる連鎖",
    "record.title": "記録：誰が何をし、誰が検証したか",
    "record.text": "出力された候補のフォルダにある台帳によります。どの行も、変更すれば後の行で分かります。",
    "record.stage": "段階：{stage}",
    "record.stage.candidate": "候補",
    "record.stage.pilot": "試験導入",
    "record.stage.adopted": "採用済み",
    "record.stage.retired": "引退",
    "record.when": "日時",
    "record.by": "担当",
    "record.what": "内容",
    "record.why": "本人の言葉",
    "record.accepted": "リスクを承知で出力：{why}",
    "record.shows_not": "この候補が示していないこと：",
    "record.candidate": "候補として出力",
    "record.moved": "段階「{stage}」へ移行",
    "record.skipped": "必要な条件を省いて段階「{stage}」へ移行",
    "record.pilot": "試験導入{k}：{result}{n}",
    "record.pilot_n": "（{n:,}件の後）",
    "record.pilot_no_n": "",
    "record.result.passed": "合格",
    "record.result.failed": "不合格",
    "record.result.undecided": "未決",
    "record.verified": "検証：成り立つ",
    "record.not_verified": "検証：成り立たない",
    "record.alarm": "監視が警報を出した",
    "record.monitor": "監視を開始",
    "record.none": (
        "この実行から出力された候補の記録は、まだここにありません。フォルダを指定してください：modelstitch "
        "report {run} --candidate FOLDER"
    ),
    "monitor.title": "使用中：監視の結果",
    "monitor.of": "{name}の監視",
    "monitor.alarm": "警報",
    "monitor.quiet": "警報なし",
    "monitor.evidence": "証拠の推移",
    "step.reuse": "各位置で何を節約でき何を失うかを調べる：modelstitch reuse {run}",
    "step.export": (
        "出力する：modelstitch export {run} --sender-cut {sender} --receiver-cut {receiver} --out FOLDER --"
        "by NAME"
    ),
    "step.examples": "より多くの例で確認する（約{n:,}件で決まる見込み）。",
    "step.verdict": "何が伝わるかを判定する対照実験と測定を行う。",
    "step.kept": "より多くの評価用の例（--heldout-limit）か、より多くの乱数シードで保持率を測る。",
    "step.pilot": "実際の入力で試す：modelstitch pilot {name} --against receiver --data NEW",
    "step.pilot_again": (
        "試験導入は未決です。より多くの入力で試す：modelstitch pilot {name} --against receiver --data NEW"
    ),
    "step.retire": (
        "試験導入は不合格です。別の候補を選び、これは引退させる：modelstitch stage {name} retired --by NAME"
    ),
    "step.verify": "出力した本人以外が検証する：modelstitch verify {name} --by NAME",
    "step.restore": (
        "検証で成り立ちませんでした。何が変わったかをmodelstitch verify {name} --"
        "by NAMEで調べるか、出力し直す"
    ),
    "step.review": (
        "答えの異なる例に人が目を通してから決める：modelstitch stage {name} adopted --by NAME --reviewed FI"
        "LE.csv"
    ),
    "step.adopt": "決定を記録する：modelstitch stage {name} adopted --by NAME",
    "step.monitor": "入力を監視する：modelstitch monitor {name} --data NEW",
    "step.alarm": (
        "入力の何が変わったかを調べ、引退させるかどうかを決める：modelstitch stage {name} retired --by NAME"
    ),
    "step.retired": "なし（引退しています）。",
    "step.none": "なし（見送り）。",
    "step.wait": "確実に決まる手段はありません。",
    "meeting.title": "会議で使える六つの文",
    "meeting.begin.candidate": (
        "小さな一部から始めます。{sender} → {receiver}を、実際の入力のごく一部で、現行のネットワークと並べ"
        "て動かします。"
    ),
    "meeting.begin.leave": (
        "どの部分からも始めません。{n}か所のいずれも条件を満たさないため、現行のネットワークをそのまま使い"
        "ます。"
    ),
    "meeting.begin.undecided": (
        "まず小さな問いを一つ立てます。{sender} → {receiver}は条件を満たすでしょうか。答"
        "えが出るまで何も置き換えません。"
    ),
    "meeting.begin.ask": (
        "まず小さな問いを一つ立てます。一つの部品を再利用すると、何を節約でき、何を失うでしょうか。答えが出る"
        "まで何も置き換えません。"
    ),
    "meeting.begin.folder": "小さな一部から始めます。候補{name}の現在の段階は「{stage}」です。",
    "meeting.high": (
        "正解率が高くても、二つの部品が同じように働く証明にはなりません。ラベルだけを知っている送り手の今回"
        "の正解率は{best:.2f}でした。"
    ),
    "meeting.high_not_run": (
        "正解率が高くても、二つの部品が同じように働く証明にはなりません。ラベルだけを知っている送り手でも同"
        "じくらい高くなり得ますが、今回は試していません。"
    ),
    "meeting.varied": (
        "変えたのは、送り手の切断位置{senders}か所、受け手の切断位置{receivers}か所、接合層{stitches}種類、"
        "乱数シード{seeds}種類、対照実験{controls}種類です。二つのネットワークとデータ（{data}）は変えていません"
        "。"
    ),
    "meeting.return.multiply_adds": (
        "効果が最初に現れるのは計算量です。回答1件あたりの積和演算が{share:.1f}%減ります。"
    ),
    "meeting.return.parameters": "効果が最初に現れるのはメモリです。パラメータが{share:.1f}%減ります。",
    "meeting.return.money": "いただいた価格での効果：{money}",
    "meeting.return.none": "効果は示されていません。",
    "meeting.return.ask": "何が節約できるかは、まだ調べていません。",
    "meeting.open": "まだ決まっていないこと：{open}。",
    "meeting.open_none": (
        "このページが調べることはすべて決まっています。ただし、入力がこのままかどうかは、いつまでも決まりま"
        "せん。"
    ),
    "meeting.open.reuse": "各位置で何を節約でき何を失うか",
    "meeting.open.margin": "失点が{margin:g}ポイント以下かどうか",
    "meeting.open.verdict": "ラベル以外の情報が伝わるかどうか",
    "meeting.open.other_answers": "今回と異なる入力でどの答えが変わるか",
    "meeting.open.seeds": "学習し直しても同じ結果になるか",
    "meeting.open.rivals": "同じ費用でほかに何ができるか（--rivals）",
    "meeting.open.money": "金額にしていくらになるか（--prices）",
    "meeting.open.pilot": "実際の入力ではどうか（試験導入）",
    "meeting.open.verify": "ほかの人が調べても同じか（検証）",
    "meeting.open.failed": "学習に失敗した{n}件のセル",
    "meeting.who": (
        "試験導入の前に、現行のネットワークの責任者がこのページとモデルカードを読みます。採用の前に、出力し"
        "た本人以外が検証し、人が答えの異なる例に目を通します。使用中は、担当者が監視の結果を読みます。"
    ),
    "meeting.who_so_far": (
        "これまでに{exported}。{pilot}。{verify}。採用の前に、人が答えの異なる例に目を通します。使用中は、"
        "担当者が監視の結果を読みます。"
    ),
    "meeting.who.exported": "{by}が{name}を出力しました",
    "meeting.who.pilot": "試験導入の結果は「{result}」です",
    "meeting.who.no_pilot": "結果の出た試験導入はまだありません",
    "meeting.who.verified": "{by}が検証しました",
    "meeting.who.no_verify": "採用の前に、{by}以外の人の検証が必要です",
    "not_for.title": "このページを使ってはならないこと",
    "not_for.leave_to_use": (
        "ネットワークを使い始める許可として。試験導入の合格、ほかの人による検証、記録に残る決定が必要です。"
    ),
    "not_for.other_data": "{data}と異なる入力や、別の課題に使うため。そこでは何も測っていません。",
    "not_for.alike": "二つのネットワークが同じことを学習した証明、または一方が他方の複製である証明として。",
    "not_for.safety": "安全性の証明として、または規則が求める試験を省く理由として。",
    "not_for.people": "人について決めるため、またはネットワークを作ったチームを比べるため。",
}
