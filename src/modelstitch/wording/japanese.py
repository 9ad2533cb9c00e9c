"""The same sentences in Japanese."""

from __future__ import annotations

SENTENCES = {
    "list.one": "{items}",
    "list.comma": "、",
    "list.semicolon": "。",
    "list.or": "または",
    "list.and": "、",
    "list.sentence": "",
    "control.random-sender": "未学習の送り手",
    "control.random-sender-bn": "バッチ正規化を調整した未学習の送り手",
    "control.random-receiver": "未学習の受け手",
    "control.random-receiver-bn": "バッチ正規化を調整した未学習の受け手",
    "control.random-both": "未学習のネットワーク同士",
    "control.random-both-bn": "バッチ正規化を調整した未学習のネットワーク同士",
    "control.clustered-noise": "クラス別ノイズ",
    "control.one-hot": "ワンホット・ラベル",
    "control.self-stitch": "受け手自身への接合",
    "title.trained": "学習済みの送り手 → 学習済みの受け手",
    "title.random-sender": "未学習の送り手 → 学習済みの受け手",
    "title.random-sender-bn": "未学習の送り手（バッチ正規化は調整済み）",
    "title.random-receiver": "学習済みの送り手 → 未学習の受け手",
    "title.random-receiver-bn": "未学習の受け手（バッチ正規化は調整済み）",
    "title.random-both": "未学習の送り手 → 未学習の受け手",
    "title.random-both-bn": "両方とも未学習（バッチ正規化は調整済み）",
    "title.clustered-noise": "クラス別ノイズを送り手として使用：ラベル情報のみ",
    "title.one-hot": "ワンホット・ラベルを送り手として使用：ラベル情報のみ",
    "title.self-stitch": "受け手 → 受け手自身",
    "title.probe": "受け手を使わず、接合層の出力から直接分類",
    "title.shuffled-labels": "ラベルをシャッフルして学習",
    "weights.key": "{role}の重みは、ファイルにある組「{name}」です。",
    "weights.partial": "{role}の重みは一部しか合いません：{what}。",
    "weights.untrained": "{n}個のキーは未学習（{keys}）",
    "weights.unused": "重みのうち{n}個のキーは、ネットワークに対応するものがない（{keys}）",
    "weights.doubled": "{n}個のキーには、ネットワークでは一つの値に対して二つの値がある（{keys}）",
    "weights.left_out": "{role}の重みのうち、ネットワークの外にあるため除いたもの：{keys}。",
    "weights.converted": "{role}の重みの型を変換しました：{types}。",
    "outputs.among": "{role}の出力は複数あります（{among}）。採点するのは出力{part}です。",
    "outputs.probabilities": (
        "{role}の出力は確率です。対数をとり、ロジットとして読みます。答えの順序は変わりません。"
    ),
    "outputs.log-probabilities": "{role}の出力は対数確率です。ロジットとして読みます。",
    "outputs.sigmoid": (
        "{role}の出力は、クラスごとのシグモイドの値です。ロジットに直して読みます。答えの順序は変わりません。"
    ),
    "outputs.log-sigmoid": (
        "{role}の出力は、クラスごとのシグモイドの値の対数です。ロジットに直して読みます。答えの順序は変わりま"
        "せん。"
    ),
    "verdict.interchangeable": "置き換え可能",
    "verdict.partly": "部分的",
    "verdict.decodable only": "ラベルのみ伝達",
    "verdict.incompatible": "適合しない",
    "verdict.cannot tell": "判定できない",
    "learnt.learnt": "学習による",
    "learnt.not learnt": "学習によらない",
    "learnt.unclear": "不明",
    "learnt.not asked": "未検証",
    "because.learnt": (
        "{answer}。保持率は、未学習の送り手{n}個の平均に対して{lead:+z.0f}ポイントです（{low:.0f}〜{high:.0f}"
        "）"
    ),
    "confidence.high": "高",
    "confidence.medium": "中",
    "confidence.low": "低",
    "reason.fit-failed": "接合層の学習に失敗しました（{failure}）",
    "reason.self-stitch-failed": "受け手自身への接合の学習に失敗しました（{failure}）",
    "reason.too-few-examples": "評価用データが{n}件では少なすぎます（{needed}件必要）",
    "reason.too-few-in-classes": (
        "測定した評価用データのうち、四件以上あるクラスのものは{n}件です（{needed}件必要）"
    ),
    "reason.no-score": "この接合、受け手自身への接合、または偶然に正解する割合が有限の数値になっていません",
    "reason.self-stitch-at-chance": (
        "受け手自身への接合の正解率が{own_score:.2f}で、偶然に正解する割合（{chance:.2f}）との差が誤差の範囲内です"
    ),
    "reason.self-stitch-above-receiver": (
        "受け手自身への接合の正解率が{own_score:.2f}で、受け手単独（{whole:.2f}）を{above:.2f}上回ります。デ"
        "ータと受け手が合っていません"
    ),
    "reason.receiver-at-chance": (
        "受け手単独の正解率（{whole_score:.2f}）が、偶然に正解する割合（{chance:.2f}）を上回りません。受け手のど"
        "の部分も判定できません"
    ),
    "because.score": "正解率{score:.2f}（受け手自身への接合{own:.2f}、偶然に正解する割合{chance:.2f}）",
    "reason.task-not-done": "{score}。課題を解けていません",
    "reason.no-label-only-sender": (
        "{score}。ラベルのみの送り手（clustered-noise、one-hot）との比較がないため、保持率の零点が定まりませ"
        "ん"
    ),
    "reason.no-value": (
        "{score}。{place}表現がクラス内で変化しないか、有限の値でないため、保持率は定義できません"
    ),
    "reason.references-too-close": (
        "{score}。{place}基準となる値の間に十分な差がありません。読み取れる割合は受け手自身への接合では"
        "{own:.2f}、ラベルのみでは{label:.2f}です"
    ),
    "reason.fit-not-converged": "{score}。学習が収束していません",
    "reason.self-stitch-not-converged": "{score}。{kept}。ただし、受け手自身への接合の学習が収束していません",
    "reason.score-between": "{score}。{kept}。正解率は、解けたとも解けていないとも言えない水準です",
    "because.kept": (
        "ラベル以外の情報の保持率は{place}最も低く、{kept:.0f}%（{low:.0f}〜{high:.0f}）です{scale}"
    ),
    "because.both_scales": (
        "（下限は接合なしの受け手を、上限は受け手自身への接合を100%とした値です。受け手自身への接合は、どこかで情報"
        "の半分以上を失っています）"
    ),
    "because.one_scale": "",
    "because.at_cut": "{cut}で",
    "because.at_output": "出力で",
    "reason.kept": "{score}。{kept}",
    "reason.kept-in-part": (
        "{score}。{kept}。ラベルより多くの情報が伝わりますが、受け手自身の場合には及びません"
    ),
    "reason.score-too-low": "{score}。{kept}。ただし、正解率が受け手自身への接合の{share:.0f}%にとどまります",
    "reason.label-only": "{score}。{kept}。ラベルは伝わりますが、それ以外の情報の大半は伝わりません{depth}",
    "reason.part-of-label": (
        "{score}。{kept}。ラベルの一部は伝わりますが、それ以外の情報の大半は伝わりません{depth}"
    ),
    "reason.no-more-than-label": (
        "{score}。{kept}。ただし、クラス内で例を並べ替えても、同程度の値がどこかの組み合わせで得られます"
    ),
    "reason.kept-too-wide": "{score}。{kept}。区間が、ラベルのみの水準から受け手自身の水準にまで及んでいます",
    "reason.self-stitch-loses": (
        "{score}。{kept}。受け手自身への接合で失われる情報が多すぎて、比較の基準になりません"
    ),
    "because.depth": (
        "。受け手自身の同じ名前の位置からつないでも保持率は上回らないため（{own:.0f}%）、情報が失われる原因は"
        "、組み合わせではなく層の深さにあります"
    ),
    "because.no_depth": "",
    "reason.seeds-disagree": "乱数シードによって判定が分かれました（{counts}）。{least}",
    "because.seeds": "{name}：{n}回",
    "reason.seeds-missing": "判定に必要な測定が、すべての乱数シードでは行われていません",
    "matrix.no_real": "対照実験だけが実施されたため、対象の組み合わせ自体の結果はありません。",
    "matrix.own": "（受け手単独では{own:.2f}）",
    "matrix.no_own": "",
    "matrix.nothing": "算出不能",
    "matrix.score": "{score:.2f}",
    "matrix.mean": "接合したネットワークの平均正解率：{mean}{own}。偶然に正解する割合は{chance:.2f}です。",
    "matrix.triangle": (
        "送り手側の位置と同じか、それより浅い受け手側の位置に接合した場合の正解率は平均{below:.2f}{own}、より"
        "深い位置に接合した場合は{above:.2f}です。偶然に正解する割合は{chance:.2f}です。{more}"
    ),
    "matrix.no_direction": "この結果では、接合の向きによる差はほとんどありません。",
    "matrix.reversed": "この結果は、論文で報告された左下三角形とは逆の傾向です。",
    "matrix.plain": "",
    "matrix.no_control": (
        "対照実験がないため、高い値は接合層だけの働きかもしれません。信頼する前に対照実験を実施してください。"
    ),
    "matrix.controls_moved": (
        "対照実験のうち{n}件は収束していません。対照実験の本来の正解率は、表示より高い可能性があります。"
    ),
    "matrix.moved": (
        "セル{of}件のうち{n}件は収束していません。その値は、接合層で達成できる正解率の下限を示すだけで、ネット"
        "ワークの性質を示すものではありません。"
    ),
    "matrix.failed": (
        "対象の組み合わせのセルのうち{n}件は学習に失敗したため、ここでの説明から除外しています。"
    ),
    "matrix.all_reached": (
        "セル{n}件すべてで、未学習のネットワークを使った対照実験の正解率が、標本誤差の範囲内で学習済みの組み合わ"
        "せと同等です。これらの正解率は、二つのネットワークが似たことを学習した証拠にはなりません。"
    ),
    "matrix.lead": (
        "差が最も大きいのは{sender} → {receiver}で、学習済みの組み合わせ{score:.2f}に対し、{control}では"
        "{best:.2f}です"
    ),
    "matrix.none_reached": (
        "セル{n}件のいずれでも、未学習のネットワークを使った対照実験は学習済みの組み合わせに及びません。{lead}。"
    ),
    "matrix.some_reached": (
        "セル{of}件のうち{n}件では、未学習のネットワークを使った対照実験が、標本誤差の範囲内で学習済みの組み合わ"
        "せと同等です（{by_name}）。これらの値は、ネットワークが何を学習したかについて何も示しません。"
    ),
    "matrix.with": "{control}：{n}件",
    "matrix.rest": "残りのセル{n}件では、個別に見ると、学習済みの組み合わせが上回ります。{lead}。",
    "matrix.labels": (
        "入力の情報を持たずラベルだけを持つ送り手（{names}）が同等の正解率になるのは、セル{of}件のうち{n}件です。"
        "正解率だけでは、ラベル以外の情報が伝わっているかどうかは分かりません。"
    ),
    "matrix.verdicts": "判定：{counts}。",
    "matrix.verdicts_seeds": "判定（{seeds}種類の乱数シードの総合）：{counts}。",
    "matrix.lower": "受け手側の位置が送り手側と同じか、それより浅いセル{n}件の判定：{counts}。",
    "matrix.planted": ("正解が分かっている送り手も、同じ規則で判定しました（括弧内は正解）。{parts}。"),
    "matrix.planted_untrained": "{control}（学習した内容は伝わらない）：{counts}",
    "matrix.planted_label": "{control}（伝わるのはラベルまで）：{counts}",
    "matrix.planted_self": "同じ位置での{control}（置き換え可能）：{counts}",
    "matrix.count": "{name}{n}件",
    "matrix.ladder": "「置き換え可能」と判定された最小の接合層（{of}件）：{counts}。",
    "matrix.ladder_count": "{stitch}が{n}件",
    "matrix.ladder_none": "なしが{n}件",
    "matrix.ladder_label": (
        "次の接合層までは、ラベル以外の情報が伝わります：{counts}。それより大きい接合層でラベルだけの送り手が追いつ"
        "くのは{label}件です。未学習の送り手とは比べていません。"
    ),
    "matrix.ladder_ahead": (
        "次の接合層までは、学習済みの送り手が未学習の送り手やラベルだけの送り手より多くの情報を伝えるため、本"
        "当に適合していると言えます：{counts}。それより大きい接合層で未学習の送り手が追いつくのは"
        "{untrained}件、ラベルだけの送り手が追いつくのは{label}件、どちらも追いつかないのは"
        "{never}件です。"
    ),
    "matrix.learnt": (
        "学習によるものか：「部分的」以上の{n}件を未学習の送り手と比べた結果は、{counts}です。"
    ),
    "matrix.learnt_not_asked": (
        "未学習の送り手との比較がないため、伝わる情報が学習によるものかどうかは検証していません。"
    ),
    "matrix.replaceable": (
        "{n}件は置き換え可能ですが、学習によるものではありません。未学習の部品でも代わりになるため、再利用す"
        "る必要そのものがないかもしれません。"
    ),
    "matrix.no_shared": "この{n}件は、二つのネットワークが共通の特徴を学習したことを示すものではありません。",
    "matrix.yardstick": (
        "目安：二つのネットワーク全体では、受け手の出力のクラス内の違いのうち{share:.0f}%（{low:.0f}〜"
        "{high:.0f}）を、送り手の出力から読み取れます。"
    ),
    "map.kept": ("%の数字：保持率（受け手が入力について把握しているラベル以外の情報のうち、伝わる割合）。"),
    "map.colour": "色：同じく保持率。基準線は{low:.3g}%と{high:.3g}%、灰色は判定できないものです。",
    "map.score": "小数：接合したネットワークの{score}。",
    "map.mark": "{mark} = {word}",
    "map.marks": "{marks}。",
    "map.learnt": (
        "u：学習によらない（未学習の送り手でも同程度）。u?：不明。印なし：学習による、または未検証。"
    ),
    "map.learnt_not_asked": "学習によるものか：未学習の送り手との比較がないため、未検証です。",
    "matrix.advantages": (
        "すべての比較を合わせた誤判定の確率を5%に抑えた場合、学習済みの組み合わせが各対照実験を上回る件数と下"
        "回る件数は次のとおりです。{parts}。"
    ),
    "matrix.advantage": "{control}：{of}件中、上回るもの{ahead}件、下回るもの{behind}件",
    "matrix.label_sets": (
        "ラベル「{labels}」だけに合わせて学習した接合でも、最も細かいラベルで採点すると、受け手の正解率のうち"
        "偶然を上回る分が、平均で{share:.2f}の割合だけ保たれます{others}。これは接合層の学習には使われて"
        "いない情報です。"
    ),
    "matrix.label_others": "（{parts}）",
    "matrix.label_other": "{control}では{share:.2f}",
    "matrix.no_others": "",
    "matrix.tried": (
        "「置き換え可能」は、接合層を合わせたラベル「{labels}」についての判定です。ほかのラベルについ"
        "ては、それぞれ確かめる必要があります（--labels）。"
    ),
    "labels.tried": "どのセルも{n}種類のラベルで試しました：{names}。",
    "labels.interchangeable": (
        "{of}件のうち、すべてのラベルで置き換え可能なものが{all}件、一部のラベルだけで置き換え可能な"
        "ものが{some}件、どのラベルでも置き換え可能でないものが{none}件です。"
    ),
    "labels.kept": "ラベル以外の情報の平均保持率：{parts}。",
    "labels.one": "「{labels}」{kept:.0f}%（正解率{score:.2f}）",
    "labels.no_kept": "「{labels}」不明",
    "labels.within": (
        "ラベルが粗いほど、入力の情報のうちクラスの内側にある部分が増え、その分も保持率に数えられます。"
    ),
    "matrix.overlap": (
        "接合層の学習に使った画像のうち、{parts}学習データに含まれていました。こうした画像の内部表現は、新し"
        "い画像より整っている可能性があります。評価用データの正解率には影響しません。"
    ),
    "matrix.overlap_sender": "約{share:.0f}%が送り手の",
    "matrix.overlap_receiver": "約{share:.0f}%が受け手の",
    "matrix.shape": "{parts}。",
    "matrix.shape_triangle": "二つの位置のどちらが深いかによって、結果のばらつきの{share:.0f}%が説明されます",
    "matrix.shape_near": "対応する層同士の正解率は{near:.2f}、離れた層同士では{far:.2f}です",
    "matrix.shape_near_first": "対応する層同士の正解率は{near:.2f}、離れた層同士では{far:.2f}です",
    "matrix.shape_direction": "深い層から浅い層への接合と、逆向きの接合の正解率の差は{gap:+z.2f}です",
    "matrix.shape_direction_first": "深い層から浅い層への接合と、逆向きの接合の正解率の差は{gap:+z.2f}です",
}
