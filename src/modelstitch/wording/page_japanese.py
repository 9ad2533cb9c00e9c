"""The sentences of the report page in Japanese."""

from __future__ import annotations

SENTENCES = {
    "answer.shown": (
        "この課題については可能です。{of}か所のうち{n}か所で、すべての乱数シードにおいて、送り手の部品が受け手の"
        "部品の役割を果たしました。"
    ),
    "answer.interchangeable": ("{of}か所のうち{n}か所で、部品を置き換え可能と判断できる結果が得られました。"),
    "answer.partly": (
        "一部は果たせます。{of}か所のうち{n}か所で、受け手がラベル以外に把握している情報の一部が伝わります。"
        "最も高いところで{kept:.0f}%（{low:.0f}〜{high:.0f}）です。"
    ),
    "answer.replaceable": (
        "置き換えられますが、未学習の部品でも代わりになります。{of}か所のうち{n}か所がこれにあたり、学習され"
        "た部品を再利用する必要はありません。"
    ),
    "answer.nothing": (
        "果たせません。試した{of}か所のいずれでも、ラベル以外の情報はほとんど伝わりませんでした。"
    ),
    "answer.unclear": (
        "確認できませんでした。試した{of}か所のいずれでも、部品を置き換えられると言えるだけの証拠は得られてい"
        "ません。"
    ),
    "answer.unmeasured": (
        "判断できません。今回の測定で分かるのは、ネットワークから何が読み取れるかであり、どの部品を置き換えら"
        "れるかではありません。"
    ),
    "answer.tried": (
        "{sender}（送り手）の前半（切断位置{senders}か所）と{receiver}（受け手）の後半（切断位置{receivers}か"
        "所）を接合層でつなぎました。各接合層は{data}の{n_train:,}件で学習し、別の{n_heldout:,}件で評価しました"
        "。二つのネットワーク自体は変更していません。"
    ),
    "answer.controls": (
        "比較のため、何ができて何ができないかがあらかじめ分かっているネットワークや信号でも、同じことを行いま"
        "した（対照実験{n}種類）。"
    ),
    "answer.no_controls": "対照実験は行っていません。",
    "answer.no_verdict": "判定に必要な測定と対照実験がないため、お答えできません。",
    "answer.good": (
        "受け手の先頭から{receiver}までは、送り手の先頭から{sender}までで置き換えられます。受け手が各入力について把握しているラベル以外の情報の保持率は{kept:.0f}%（95%区間：{low:.0f}〜"
        "{high:.0f}）、正解率の保持率は{score:.0f}%です。確信度は「{confidence}」です。{learnt}"
    ),
    "answer.part_of": (
        "一部が伝わる位置があります。受け手が各入力について把握しているラベル以外の情報の保持率は、次のとおり"
        "です。"
    ),
    "answer.part": (
        "{sender} → {receiver}：保持率{kept:.0f}%（{low:.0f}〜{high:.0f}）、正解率の保持率{score:.0f}%、"
        "確信度「{confidence}」。{learnt}"
    ),
    "answer.spare": (
        "受け手の先頭から{receiver}までは取り替えのきく部品です。送り手の先頭から{sender}までの保持率は{kept:.0f}%（{low:.0f}〜{high:.0f}）、正解率の保持率は{score:.0f}%です。確信度は「"
        "{confidence}」です。{learnt}そこで再利用する必要はないかもしれません。"
    ),
    "answer.more_partly": "ほかに{n}か所で一部が伝わります。",
    "answer.more_spare": "ほかに{n}か所が取り替えのきく部品です。",
    "answer.learnt.learnt": "未学習の送り手では{untrained:.0f}%で、学習によるものです。",
    "answer.learnt.not learnt": "未学習の送り手でも{untrained:.0f}%で、学習によるものではありません。",
    "answer.learnt.unclear": "未学習の送り手では{untrained:.0f}%で、学習によるものかどうかは不明です。",
    "answer.learnt.not asked": "",
    "answer.more": "ほかに{n}か所あります。下の図をご覧ください。",
    "answer.none": "今回の測定で確認できたものはありません。",
    "answer.nearest": (
        "最も近いのは、受け手の先頭から{receiver}までを送り手の先頭から{sender}までで置き換える場合です。ラベル以外の情報の保持率は{kept:.0f}%（{low:.0f}〜{high:.0f}）、正解率の保持率は"
        "{score:.0f}%です。"
    ),
    "answer.sure": "測定結果から判定できたのは、{of}か所のうち{n}か所です。",
    "answer.one_seed": (
        "どの位置の学習も1回（乱数シード1種類）だけです。偶然の影響を知るには、さらに2種類の乱数シードでの実施が必要で"
        "す。"
    ),
    "answer.seeds": (
        "どの位置も{n}種類の乱数シードで学習しました。判定が一段階違う場合は弱い方を採り、それ以上違う場合は判定し"
        "ていません。"
    ),
    "answer.unconverged": (
        "{of}件の学習のうち{n}件は収束していません。その値は下限であり、実際に達成できる値はこれより高い可能"
        "性があります。"
    ),
    "answer.label_alone": (
        "入力について何も知らず、ラベルだけを知っている送り手の今回の正解率は{best:.2f}でした。正解率が高いこ"
        "とは、クラスを読み取れることを示すだけで、二つの部品が同じように働くことを示すものではありません。"
    ),
    "answer.label_alone_not_run": (
        "正解率が高いことは、クラスを読み取れることを示すだけで、二つの部品が同じように働くことを示すものでは"
        "ありません。ラベルだけを知っている送り手の正解率は、今回は測定していません。"
    ),
    "answer.this_task": (
        "この結果は、別の課題については何も示しません。この課題に必要な情報が残っていても、次の課題に必要な情"
        "報は失われている可能性があります。"
    ),
    "answer.this_data": "この結果が成り立つのは、今回と同じような入力に限られます。",
    "answer.tried_controls": (
        "対照実験だけが実施されました。{sender}の層と{receiver}の層は接合されていません。"
    ),
    "answer.other_stitch": "別の接合層（{stitch}）では、{n}か所が置き換え可能です。下の図で選択できます。",
    "advice.unfinished": (
        "{n}か所では、一部の乱数シードの測定が終わっていません。同じコマンドで続きを実行してください。"
    ),
    "limit.random": (
        "すべてのセルで、未学習のネットワークの正解率が対象の組み合わせと同等です。これらの正解率は、学習され"
        "た内容を示しません。"
    ),
    "limit.receiver_at_chance": (
        "受け手単独の正解率は{own:.2f}、偶然に正解する割合は{chance:.2f}です。重みの指定（--receiver-weights）が"
        "漏れていませんか。入力は学習時と同じ形式ですか（--mean、--std、--size、--tokenizer、--rate）。判定は行い"
        "ません。"
    ),
    "limit.sender_at_chance": (
        "送り手単独の正解率は{own:.2f}、偶然に正解する割合は{chance:.2f}です。送り手から伝わる内容は、このラベル"
        "に関するものではない可能性があります。"
    ),
    "next.pilot": "まず{sender} → {receiver}を検討してください。",
    "next.own_data": (
        "どちらのネットワークの学習にも使われていない、お手元の最近のデータで、同じ比較を行ってください。"
    ),
    "next.seeds": "決定の前に、{n}種類の乱数シードで再実施してください。",
    "next.partly": (
        "保持率{kept:.0f}%で十分な用途であれば、{sender} → {receiver}を試し、"
        "ラベル以外に必要なもの（別のラベル、まれな入力、次の課題）で評価してください。"
    ),
    "next.larger": (
        "より大きな接合層（--ladder）をお試しください。より多くが伝わるか、対照実験が追いつくかが分かります。"
    ),
    "next.replaceable": (
        "送り手を再利用する前に、受け手の先頭から{receiver}までの代わりに小さな未学習の部品をお試しください。"
    ),
    "next.measure": "標準の対照実験と測定を付けて再実施してください。このページで判断できるようになります。",
    "next.leave": "二つのネットワークは別々に使うか、つないだ全体を学習し直してください。",
    "next.feature": (
        "ラベルだけが伝わる位置では、受け手を使わずに、送り手をこの課題の分類器として利用できます。"
    ),
    "advice.between": (
        "{n}か所では、正解率が、解けたとも解けていないとも言えない水準です。より大きな接合層（--ladder）か、"
        "より多くの評価用データをお試しください。"
    ),
    "advice.loses": (
        "{n}か所では、受け手自身への接合で情報の半分以上が失われています。学習用データを増やすか（--limit）、"
        "より小さな接合層を使ってください（--stitch）。"
    ),
    "advice.wide": (
        "{n}か所では、保持率の区間が広すぎます。より多くの評価用データで測定してください（--evidence-examples"
        "、--heldout-limit）。"
    ),
    "advice.moves": (
        "{n}か所では、学習が収束していません。学習データや学習時間（--epochs）を増やしてください。"
    ),
    "advice.few": "{n}か所では、評価用データが不足しています。件数を増やしてください（--heldout-limit）。",
    "advice.few_in_classes": (
        "{n}か所では、クラスごとの評価用データが不足しています。測定に使う件数（--evidence-examples）か、評価"
        "用データの件数（--heldout-limit）を増やしてください。"
    ),
    "advice.range": (
        "{n}か所では、基準となる値が近すぎて区別できません。別の位置や、クラス数の多い課題をお試しください。"
    ),
    "advice.chance": (
        "受け手の正解率は、偶然に正解する割合を上回りません。重み（--receiver-weights）を指定するか、入力を学習時と"
        "同じ形式（--mean、--std、--size、--tokenizer、--rate）にしてください。"
    ),
    "advice.misfit": (
        "{n}か所では、データと受け手が合っていません。ラベルの番号は受け手の出力の順番どおりですか（--data-cl"
        "asses、--receiver-classes）。入力は受け手の学習時と同じ形式ですか（--mean、--std、--size）。"
    ),
    "advice.seeds": (
        "{n}か所では、乱数シードによって結果が分かれました。そこでの結果は学習のたびに変わります。学習データを増"
        "やすことができれば、結果が安定します。"
    ),
    "advice.controls": "{n}か所では、対照実験が不足しています。標準の対照実験を実施してください。",
    "advice.no_score": "{n}か所では、正解率が数値になっていません。課題の採点方法をご確認ください。",
    "advice.failed": "{n}か所では、学習に失敗しました。学習率（--learning-rate）を下げてお試しください。",
    "limit.misfit": (
        "受け手から受け手自身への接合の正解率が、{cut}では受け手単独（{whole:.2f}）を{above:.2f}上回ります。"
        "データと受け手が合っていないため、{n}か所では判定しません。"
    ),
    "role.sender": "送り手",
    "role.receiver": "受け手",
    "limit.numbering": (
        "{role}の学習データでの正解率は、ラベルの番号どおりでは{given:.0f}%ですが、{moved}とすると{best:.0f}%"
        "になります。ラベルと出力の番号が食い違っている可能性があります。クラス名を指定する（--data-classes、"
        "--receiver-classes）か、ラベルの番号を出力に合わせてください。"
    ),
    "numbering.moved": "クラス{label}が出力{output}",
    "numbering.more": "ほか{n}クラス",
    "limit.outputs": (
        "{role}の出力は{outputs}個、データのクラスは{classes}個で、番号で対応させました（{why}）。おそらく、"
        "{likely}。"
    ),
    "outputs.unnamed": "双方のクラス名がそろっていないため",
    "outputs.differ": "一致するクラス名がないため",
    "outputs.other": "別のクラスで学習されています",
    "outputs.shifted": "データに含まれないクラスがあり、以降のラベルがずれています",
    "limit.names_differ": (
        "データのクラス名と{role}のクラス名が一致しないため、番号で対応させました（クラスkは出力k）。"
    ),
    "limit.cut_texts": (
        "{role}が1件のテキストから読むのは{most:,}トークンまでです。評価用データ{n_heldout:,}件のうち"
        "{heldout:,}件、学習データ{n_train:,}件のうち{train:,}件はこれより長く、切り詰められています（--lengt"
        "h）。"
    ),
    "limit.cut_sounds": (
        "評価用データ{n_heldout:,}件のうち{heldout:,}件、学習データ{n_train:,}件のうち{train:,}件の音声は"
        "{seconds:.2f}秒より長く、切り詰められています（--seconds）。"
    ),
    "limit.unscored": (
        "{of}個のクラスのうち{n}個（{first}）には学習データがありません。採点の対象外とし、評価用データ"
        "{heldout}件を除きました。"
    ),
    "limit.memory_beforehand": (
        "--memory {bound:.1f}GBは守れません。モデル、データ、学習の1ステップで約"
        "{needed:.1f}GBを使います。このまま続けます。バッチを小さくする（--batch-siz"
        "e）、画像を減らす、受け手のより深い位置を選ぶ、のいずれかで減らせます。"
    ),
    "limit.memory": "この実験は{peak:.2f}GBのメモリを使いました（上限は{bound:.2f}GB）。",
    "limit.above_both": (
        "{n}件のセルの正解率が、送り手と受け手のどちらの単独の値も上回ります（最大{lead:.2f}）。"
        "接合層もラベルから学習するためです。これは注記であり、判定には影響しません。"
    ),
    "limit.cut_short": (
        "この実験は途中で終わっています（{of}件のうち{n}件が完了）。同じコマンドで続きから再開できます。"
    ),
    "limit.failed": "{of}件のうち{n}件は学習に失敗しました。最初の例：{sender} → {receiver}（{why}）。",
    "limit.no_controls": "対照実験がないため、高い値は接合層だけの働きかもしれません。",
    "limit.controls": "判定に必要な対照実験の一部がありません：{names}。",
    "limit.no_verdict": (
        "判定はありません。判定に必要な測定（kept）が行われていないか、以前の版で行われたか、受け手自身への接"
        "合が行われていません。"
    ),
    "limit.unconverged": "対象の組み合わせのセルのうち{n}件は収束していません（「?」印）。その値は下限です。",
    "limit.unconverged_controls": (
        "対照実験のうち{n}件は収束していません。対照実験の本来の正解率は、表示より高い可能性があります。"
    ),
    "limit.task": (
        "課題は「{task}」です。「正解率」とある箇所は、0から1の値をとる指標「{score}」と読み替えてください。"
    ),
    "limit.few_for_evidence": "評価用データが少ないため、次の測定値は示していません：{items}。",
    "evidence.lacking": "{name}（{needed}件必要、{n}件）",
    "evidence.lacking_within": "{name}（四件以上あるクラスのものが{needed}件必要、{n}件）",
    "evidence.too_few": "{n}件では少なすぎます（{needed}件必要）",
    "evidence.too_few_within": "四件以上あるクラスのものが{n}件では少なすぎます（{needed}件必要）",
    "evidence.undefined": "これらの値に対しては定義されません",
    "limit.copies": (
        "評価用データ{of}件のうち{n}件（{share:.3g}%）は、学習用データにも含まれています（完全に同じもの"
        "{exact}件{near}）。{other}その得点は暗記によるものかもしれません。--drop-copies（drop_copies）を付け"
        "ると評価から除かれます。"
    ),
    "copies.near": "、ほぼ同じ画像{near}件（画素の相関が.995以上）",
    "copies.near_not_asked": "",
    "copies.other_label": "そのうち{n}件は、学習用データでは別のラベルが付いています。",
    "copies.same_label": "",
    "limit.copies_left_out": (
        "評価用データのうち{n}件は、学習用データにも含まれているため、評価から除きました。"
    ),
    "limit.by_batch": (
        "{model}の出力は、同じバッチに入る他の事例によって変わります。ここでは、データの並び順のまま{n}件ずつ"
        "の固定したバッチで読み込んでいます。順序が変わると、正解率も変わる可能性があります。"
    ),
    "limit.permuted": (
        "{model}には、新しく初期化する手段のないテンソルが{n}個あります。未学習の対照では、それぞれの中で値を"
        "並べ替えただけで、学習済みの値が別の順序で残っています（{names}）。"
    ),
    "limit.one_seed": "乱数シードは1種類のみです。別の乱数シードでどの程度変わるかは分かりません。",
    # Two runs side by side.
    "diff.title": "{before}から{after}への変化",
    "diff.choices": "設定の違いは{n}件です。",
    "diff.same_choices": "設定はすべて同じです。",
    "diff.scores": "両方にある正解率{of}件のうち{n}件が、誤差を超えて異なります。",
    "diff.only": "一方だけにあるセルは、前の実行に{before}件、後の実行に{after}件です。",
    "diff.verdicts": "判定は{of}か所のうち{n}か所で異なります。",
    "diff.before": "前",
    "diff.after": "後",
    "diff.choice": "設定",
    "diff.change": "変化",
    "diff.noise": "誤差（標準誤差の2倍）",
    "diff.of_choices": "異なる設定",
    "diff.of_scores": "誤差を超えて異なる正解率",
    "diff.of_verdicts": "異なる判定",
    # The first lines of the page.
    "sure.word.high": "高",
    "sure.word.medium": "中",
    "sure.word.low": "低",
    "sure.line": "{confidence}：各位置の学習は{n}回、最も近い判定の境界から{points}ポイント。",
    "sure.near": "{confidence}：各位置の学習は{n}回、最も近い判定の境界から1ポイント未満。",
    "sure.fits": "{confidence}：各位置の学習は{n}回。",
    "sure.nothing": "低：どの位置についても判定がありません。",
    "saved.shares": "{role}全体の代わりに接合したネットワークを使うと、次の分を節約できます：{saved}。",
    "saved.adapter": "学習する接合層のパラメータは{n:,}個です。",
    "saved.score": "得点の変化は{change:+z.1f}ポイントです（95%区間{low:+z.1f}〜{high:+z.1f}）。",
    "saved.not_asked": "まだ調べていません。次のコマンドで分かります：modelstitch reuse {run}",
    "saved.none": "節約はありません。この得点で計算量やパラメータを減らす候補はありません。",
    "made.models": (
        "前半の層：{sender}（送り手。再利用される側）。後半の層：{receiver}（受け手。前半が置き換えられる側"
        "）。"
    ),
    "made.run": "実行：{by}{when}（UTC）、modelstitch {version}、PyTorch {torch}、{device}。",
    "made.by": "{by}、",
    "made.by_nobody": "",
    "page.how_sure": "確かさ",
    "page.saved": "節約できるもの",
    "page.grey": "灰色のセルの理由",
    "page.classes": "正解が増えたクラスと減ったクラス",
    "page.classes_text": (
        "{sender} → {receiver}：評価用データのクラス別件数。「増」は受け手単独では不正解で接合後は正解の件数"
        "、「減」はその逆です。"
    ),
    "page.class": "クラス",
    "page.n_examples": "件数",
    "page.gained": "増",
    "page.lost": "減",
    "page.net": "差",
    "page.title": "{sender}から{receiver}へ",
    "page.question": "{sender}の部品は、{receiver}の部品の役割を果たせますか",
    "page.on": "{data}、評価用データ{n:,}件",
    "page.across": "何が伝わるか",
    "page.limits": "お読みになる前に",
    "page.tried": "試したこと",
    "page.stand_in": "置き換えられる部品",
    "page.sure": "どの程度確かか",
    "page.not_meant": "高い数値からは言えないこと",
    "page.next": "次に試すこと",
    "page.maps": "結果の図",
    "page.maps_text": (
        "行：この位置までの送り手の層を使います。列：この位置より後の受け手の層を使います。セルを選ぶと、その"
        "詳細が表示されます。矢印キーで移動し、Enterキーで固定します。"
    ),
    "page.accuracy": "対象の組み合わせの正解率（評価用データ）",
    "page.verdicts": "判定：何が伝わるか、それは学習によるものか",
    "page.verdicts_note": "上段：保持率（%）、下段：{score}",
    "page.controls": "対照実験（同じ配色）",
    "page.whole": "受け手単独：{value:.3f}",
    "page.as_table": "表で見る",
    "page.sender": "送り手",
    "page.receiver": "受け手",
    "page.sender_receiver": "送り手 \\ 受け手",
    "page.said": "数値から分かること",
    "page.curves": "必要な接合層の大きさ",
    "page.curves_text": (
        "左の欄は、「置き換え可能」と判定された最小の接合層です。中央の欄の接合層までは、本当に適合していると"
        "言えます。そこまでは判定が「部分的」以上で、未学習の送り手と比べた場合には学習済みの送り手がより多く"
        "の情報を伝えます。右の欄の接合層からは、括弧内の送り手より多くを伝えるとは言えません。尺度はすべての"
        "接合層で同じで、100%は受け手自身の内部表現です。狭すぎて全体を通せない接合層も、同じ尺度で測りま"
        "す。"
    ),
    "page.interchangeable_from": "置き換え可能となる接合層",
    "page.ahead": "本当に適合する最大の接合層",
    "page.caught_up": "追いつかれる接合層",
    "page.caught_up_by": "{stitch}（{sender}）",
    "page.by_untrained": "未学習の送り手",
    "page.by_label_only": "ラベルだけの送り手",
    "page.with_kept": "{stitch}、{kept}",
    "page.with_range": "保持率{kept:.0f}%（{low:.0f}〜{high:.0f}%）",
    "page.not_judged": "判定できない",
    "page.never": "なし",
    "page.parameters": "{stitch}（パラメータ{n:,}個）",
    "page.cell": "セル",
    "page.pictures": "受け手の入力へ接合したときに描かれる画像",
    "page.pictures_text": (
        "送り手の各位置から、受け手に見せる画像を作ったものです。表現の一致（match）は、元の画像に合わせ"
        "て学習したものです。課題（task）は、ラベルに合わせて学習したもので、受け手が正しいクラスを答える"
        "ような画像であれば何でも描かれます。"
    ),
    "page.errors": "内部表現の間の誤差",
    "page.errors_text": (
        "EVは、受け手の本来の表現と、課題（task）に合わせた接合層の出力との平均二乗誤差です。ESは、本"
        "来の表現と、表現の一致（match）に合わせた接合層の出力との誤差です。SVは、この二つの接合層の出"
        "力どうしの誤差です。_shareは、本来の表現の分散で割った値です。"
    ),
    "page.grid": "条件",
    "page.error": "誤差",
    "page.part": "対象のセル",
    "page.minimum": "最小",
    "page.mean": "平均",
    "page.maximum": "最大",
    "page.deviation": "標準偏差",
    "page.geometry": "表現の類似度と接合後の正解率",
    "page.geometry_text": (
        "点はセルを表します。横軸は接合前の二つの内部表現の類似度、縦軸は接合したネットワークの正解率です。"
    ),
    "page.cells": "対象の組み合わせのすべてのセル",
    "page.cells_left_out": "残りの{n}行は、実験フォルダのcells.csvにあります。",
    "page.seed": "乱数シード",
    "page.stitch": "接合層",
    "page.interval": "95%区間",
    "page.penalty": "低下",
    "page.converged": "収束",
    "page.verdict": "判定",
    "page.kept": "保持率",
    "page.learnt": "学習によるものか",
    "page.score": "正解率",
    "page.yes": "収束",
    "page.no": "未収束",
    "page.fixed": "ステップ数固定",
    "page.how": "判定の読み方",
    "page.term_kept": "保持率",
    "page.how_kept": (
        "同じクラスの入力どうしを受け手がどう区別しているかを、接合したネットワークからどれだけ読み取れるかを"
        "表します。読み取りには、学習データに合わせた線形変換を使い、評価用データで測ります。0%はラベルだけを"
        "持つ送り手、100%は受け手自身の層の場合です。"
    ),
    "page.term_smallest": "最小の割合",
    "page.how_smallest": (
        "保持率は、受け手の接合位置、その後の各位置、出力で測り、最も低い値を採ります。ある位置で似ていても、"
        "別の位置では無視されたり、不足したりすることがあるためです。"
    ),
    "page.term_head": "この受け手にとって",
    "page.how_head": (
        "接合位置より後（後の各位置と出力）だけで測った保持率です。残りの層には十分でも、別の層が必要とする情"
        "報は欠けていることがあります。"
    ),
    "page.term_yardstick": "目安",
    "page.how_yardstick": (
        "送り手全体の出力から、受け手全体の出力のクラス内の違いをどれだけ読み取れるかを表します。同じ課題を解"
        "く二つのネットワークでも答え方は同じではありません。目安に近い保持率は、ネットワーク全体どうしの共通"
        "度に相当します。"
    ),
    "page.term_intervals": "区間",
    "page.how_intervals": (
        "保持率の95%区間は、この組み合わせのセルすべてについて同時に成り立ちます。未学習の送り手との差の区間"
        "も同様です。区間は評価用データの違いだけを表し、学習の乱数シードや学習データの違いは含みません。"
    ),
    "page.how_interchangeable": (
        "課題を解くことができ、保持率が{high:.0f}%以上のもの（受け手がラベル以外に把握している情報のほぼすべ"
        "て）"
    ),
    "page.how_partly": (
        "ラベルより多くの情報が伝わるものの、受け手自身の層には及ばないもの（保持率{low:.3g}〜{high:.0f}%）"
    ),
    "page.how_decodable": (
        "ラベルは伝わるものの、それ以外の情報の大半が伝わらないもの（保持率{low:.3g}%未満。受け手に正しいクラ"
        "スを答えさせる入力を見つけるだけの接合層でも、ここまでは可能）"
    ),
    "page.how_incompatible": (
        "課題を解くことができないもの（偶然を上回る正解率が、受け手の{share:.0f}%以下）"
    ),
    "page.how_unknown": "今回の測定では、以上のいずれとも言えないもの（理由はセルの詳細にあります）",
    "page.how_learnt": (
        "学習済みの送り手の保持率が、未学習の送り手の平均を{line:.0f}ポイントより大きく上回るもの"
    ),
    "page.how_not_learnt": (
        "上回る幅が{line:.0f}ポイントに満たないもの。置き換え可能であれば、未学習の部品でも代わりになるため、"
        "再利用する必要がないかもしれません。共通の特徴を学習した証拠にはなりません"
    ),
    "page.how_unclear": "区間がこの基準をまたぐもの",
    "page.how_not_asked": "未学習の送り手との比較がないもの、または「部分的」に満たないもの",
    "page.reproduce": "再現のための情報",
    "page.fact": "項目",
    "page.fact_value": "値",
    "page.spec": "実験の設定（全体）",
    "page.made": (
        "modelstitch {version}により作成。表示内容はすべてこのファイルに含まれ、外部への通信は行いません。"
    ),
    "page.seconds": "学習時間（全セルの合計、秒）",
    "page.weights_hash": "重みのハッシュ（{role}）",
    "page.untrained_initial": "未学習の{role}：初期値が定数のテンソル（{n}個）",
    "page.untrained_tables": "未学習の{role}：学習済みのものと同じ固定の表（{n}個）",
    "page.untrained_permuted": "未学習の{role}：初期化せず並べ替えたテンソル（{n}個）",
    "page.untrained_kept": "未学習の{role}：並べ替えても変わらず、そのまま残したテンソル（{n}個）",
    "page.left_out": "このページに収まらない{n}件の測定結果は、実験フォルダのevidence.csvにあります。",
    "part.diagonal": "対角",
    "part.all": "全体",
    "objective.task": "課題（task）",
    "objective.match": "表現の一致（match）",
    "objective.logits": "出力の一致（logits）",
    "objective.latent": "以後の表現の一致（latent）",
    "ui.percent": "%",
    "ui.comma": "、",
    "ui.colon": "：",
    "ui.between": "（{low}〜{high}）",
    "ui.sentence": "{text}。",
    "ui.not_converged": "未収束",
    "ui.by_seed": "乱数シード別",
    "ui.objective": "学習の目的",
    "ui.show": "表示",
    "ui.stitch": "接合層",
    "ui.seed": "乱数シード",
    "ui.all_seeds": "すべて",
    "ui.controls": "対照実験",
    "ui.score": "正解率",
    "ui.score_and_kept": "{score}（下段：何が伝わるか）",
    "ui.penalty": "低下（受け手単独との差）",
    "ui.normalised": "正規化した正解率（0：未学習の送り手、1：受け手自身への接合）",
    "ui.kept": "ラベル以外の情報の保持率",
    "ui.kept_short": "保持率",
    "ui.across": "何が伝わるか",
    "ui.least_at": "保持率が最も低い位置",
    "ui.head": "この受け手にとっての保持率（接合位置より後だけ）",
    "ui.recovered": "そこで読み取れる割合：このセル／受け手自身への接合／ラベルのみ",
    "ui.p_label": "「ラベルのみ」のp値",
    "ui.was_learnt": "学習によるものか",
    "ui.lead": "未学習の送り手との保持率の差（ポイント）",
    "ui.draws": "未学習の送り手それぞれの保持率",
    "ui.best_draw": "そのうち最大",
    "ui.control": "比較の対象",
    "ui.learnt_line": (
        "未学習の送り手の平均を{line}ポイントより大きく上回れば「学習による」、下回れば「学習によらない」。"
    ),
    "ui.output": "出力",
    "ui.intervals": (
        "区間はすべてのセルについて同時に成り立ちます。別の乱数シードや別の学習データによる違いは含みません。"
    ),
    "ui.evidence": "測定",
    "ui.choose": "図のセルを選んでください。",
    "ui.held": "固定中（Escapeキーで解除）",
    "ui.confidence": "確信度",
    "ui.interval": "95%区間",
    "ui.grid": "条件",
    "ui.fit": "学習",
    "ui.converged_yes": "収束",
    "ui.converged_no": "未収束（値は下限）",
    "ui.converged_": "ステップ数固定",
    "ui.failed": "失敗",
    "ui.gain": "最後にステップ数を倍にしたときの向上",
    "ui.noise": "誤差",
    "ui.steps": "ステップ数",
    "ui.start": "開始点",
    "ui.start_closed form": "最小二乗解（閉形式）",
    "ui.start_random": "乱数",
    "ui.start_none": "なし",
    "ui.bridge": "形の変換",
    "ui.parameters": "パラメータ数",
    "ui.seconds": "秒",
    "ui.share": "受け手自身への接合に対する正解率の割合",
    "ui.lines": "判定の基準：{low}%以下は「ラベルのみ伝達」、{high}%以上は「置き換え可能」。",
    "ui.measure": "測定項目",
    "ui.value": "値",
    "ui.higher": "高いほど良い",
    "ui.lower": "低いほど良い",
    "ui.along": "接合位置とその後の各位置で読み取れる割合",
    "ui.curve": "接合層のパラメータ数と正解率",
    "ui.get": "このセルの結果を再現する方法（パスは実験フォルダからの相対表示）",
    "ui.legend": "{low}から{high}",
    "ui.no_value": "値なし",
    "ui.own": "対象の組み合わせ",
}
