"""What each measurement is, and its range, in Japanese, by measure."""

from __future__ import annotations

MEASURES: dict[str, tuple[str, str]] = {
    "errors.ev": ("学習した接合層（通常はタスクに合わせて学習）の平均二乗誤差", "0以上"),
    "errors.es": (
        "同じ種類の接合層を、学習用データ1,500件の最小二乗法で表現に合わせたときの平均二乗誤差",
        "0以上",
    ),
    "errors.sv": ("上の二つの接合層の出力の差の二乗平均", "0以上"),
    "errors.ev_share": ("受け手本来の表現の分散に対するevの比", "0以上"),
    "errors.es_share": ("同じ分散に対するesの比。1は平均値で答えるのと変わらないことを示す", "0以上"),
    "errors.sv_share": ("同じ分散に対するsvの比", "0以上"),
    "kept.recovered": (
        "受け手本来の表現のクラス内分散のうち、接合後の表現からリッジ回帰で読み取れる割合（すべての位置に共通"
        "の線形写像一つを、学習用データ2,000件に合わせたもの）",
        "1以下。何も伝わらなければ0",
    ),
    "kept.more_than_label": (
        "読み取った残差と受け手本来の残差の積を、クラス内でデータを並べ替えた499通りと比べたp値（どの位置も"
        "同じ重み）",
        "0から1",
    ),
    "similarity.cka": (
        "接合後の表現と受け手本来の表現の、偏りを除いた線形CKA（500件）",
        "1以下。無関係ならほぼ0",
    ),
    "similarity.within_cka": (
        "各クラスの平均を除いた残りについての同じ値。ラベルだけを伝える接合層では0になる",
        "1以下。無関係ならほぼ0",
    ),
    "similarity.procrustes": ("回転を許したときの、二つの表現の最大のコサイン（500件）", "0から1"),
    "similarity.r2": (
        "1から、受け手本来の表現の分散に対する平均二乗誤差の比を引いた値（追加の学習なし）",
        "1以下。タスクに合わせた接合層では尺度がずれるため、0を下回ることが多い",
    ),
    "similarity.within_r2": ("各クラスの平均を除いた残差についての同じ値", "1以下"),
    "distribution.mahalanobis_auroc": (
        "接合後の表現と、評価用データに対する受け手本来の表現を、全体の平均へのマハラノビス距離（共分散は"
        "縮小推定）でどの程度見分けられるか（ROC曲線の下側面積）",
        "0から1。0.5は見分けられないことを示す",
    ),
    "distribution.mahalanobis_auroc_genuine": (
        "評価用データの本来の表現を半分ずつに分けて比べたときの同じ値",
        "0から1",
    ),
    "distribution.class_mahalanobis_auroc": (
        "接合後の表現と、評価用データに対する受け手本来の表現を、自分のクラスの平均へのマハラノビス距離"
        "（クラス内共分散は縮小推定）でどの程度見分けられるか（ROC曲線の下側面積）",
        "0から1。0.5は見分けられないことを示す",
    ),
    "distribution.class_mahalanobis_auroc_genuine": (
        "評価用データの本来の表現を半分ずつに分けて比べたときの同じ値",
        "0から1",
    ),
    "distribution.neighbour_ratio_auroc": (
        "接合後の表現と、評価用データに対する受け手本来の表現を、学習用データの本来の表現のうち5番目に近"
        "いものまでの距離（通常の距離に対する比）でどの程度見分けられるか（ROC曲線の下側面積）",
        "0から1。0.5は見分けられないことを示す",
    ),
    "distribution.neighbour_ratio_auroc_genuine": (
        "評価用データの本来の表現を半分ずつに分けて比べたときの同じ値",
        "0から1",
    ),
    "distribution.size_auroc": (
        "接合後の表現と、評価用データに対する受け手本来の表現を、ノルムの対数の、通常の値からのずれでどの"
        "程度見分けられるか（ROC曲線の下側面積）",
        "0から1。0.5は見分けられないことを示す",
    ),
    "distribution.size_auroc_genuine": (
        "評価用データの本来の表現を半分ずつに分けて比べたときの同じ値",
        "0から1",
    ),
    "distribution.sparsity_auroc": (
        "接合後の表現と、評価用データに対する受け手本来の表現を、0の割合の、通常の値からのずれでどの程度"
        "見分けられるか（ROC曲線の下側面積）",
        "0から1。0.5は見分けられないことを示す",
    ),
    "distribution.sparsity_auroc_genuine": (
        "評価用データの本来の表現を半分ずつに分けて比べたときの同じ値",
        "0から1",
    ),
    "trajectory.error": ("その位置での受け手本来の表現の分散に対する平均二乗誤差の比", "0以上"),
    "trajectory.within_error": ("各クラスの平均を除いた残差についての同じ値", "0以上"),
    "trajectory.retrieval": (
        "接合後の表現が、同じクラスの中で、同じデータの受け手本来の表現に最も近い（クラス平均を除いた残差"
        "のコサイン）データの割合",
        "0から1。偶然ならクラスの件数分の1",
    ),
    "trajectory.within_cka": ("各クラスの平均を除いた残差の、偏りを除いた線形CKA", "1以下。無関係ならほぼ0"),
    "agreement.agreement_receiver": ("受け手と同じ答えになるデータの割合", "0から1"),
    "agreement.agreement_sender": ("送り手と同じ答えになるデータの割合", "0から1"),
    "agreement.kappa_receiver": (
        "受け手と正誤が一致する度合い（コーエンのκ）。二つの正解率から偶然に生じる一致を差し引いたもの",
        "-1から1。偶然なら0",
    ),
    "agreement.kappa_sender": ("送り手についての同じ値", "-1から1。偶然なら0"),
    "agreement.kl_receiver": (
        "受け手のクラス確率から見た、接合後のネットワークのクラス確率のKLダイバージェンス（ナット）",
        "0以上",
    ),
    "agreement.calibration_error": ("確信度と正解率の差の平均（等幅の15区間）", "0から1"),
    "agreement.receiver_calibration_error": ("受け手全体についての同じ値", "0から1"),
    "information.retrieval": (
        "接合後の表現が、同じクラスの中で、同じデータの受け手本来の表現に最も近いデータの割合",
        "0から1。偶然ならクラスの件数分の1",
    ),
    "information.retrieval_chance": ("当てずっぽうで選んだときの値", "0から1"),
    "information.retrieval_moved": (
        "画像を1画素ずらしたときの受け手本来の表現についての同じ値。表現そのものが何を保つかを示す",
        "0から1",
    ),
    "information.pixels_r2": (
        "8 x 8に平均した画像の分散のうち、接合後の表現の線形写像が未使用のデータで説明する割合（リッジ回"
        "帰、500件）",
        "1以下",
    ),
    "information.pixels_r2_expected": ("受け手本来の表現についての同じ値", "1以下"),
    "geometry.cka": ("偏りを除いた線形CKA（500件）", "1以下。無関係ならほぼ0"),
    "geometry.within_cka": ("クラス内での同じ値", "1以下"),
    "geometry.procrustes": ("回転を許したときの最大のコサイン（500件）", "0から1"),
    "geometry.mutual_knn": (
        "コサインで測った最近傍のうち共通するものの割合の平均（500件中10件、同距離は等分）",
        "0から1",
    ),
    "geometry.linear_r2": (
        "受け手本来の表現の分散のうち、送り手が渡した表現の線形写像が学習に使っていないデータで説明する割合"
        "（5分割、リッジは学習側の一般化交差検証で選択、500件）",
        "1以下",
    ),
    "geometry.cka_null": ("行を3回並べ替えたときの同じ値の平均。同じ形の無関係な行から得られる値を示す", ""),
    "geometry.procrustes_null": (
        "行を1回並べ替えたときの同じ値の平均。同じ形の無関係な行から得られる値を示す",
        "",
    ),
    "geometry.mutual_knn_null": (
        "行を1回並べ替えたときの同じ値の平均。同じ形の無関係な行から得られる値を示す",
        "",
    ),
    "geometry.linear_r2_null": (
        "行を1回並べ替えたときの同じ値の平均。同じ形の無関係な行から得られる値を示す",
        "",
    ),
    "geometry-pooled.svcca": (
        "送り手が渡した表現と受け手本来の表現のSVCCA（各チャネルを位置について平均、1,000件）",
        "0から1",
    ),
    "geometry-pooled.pwcca": (
        "送り手が渡した表現と受け手本来の表現のPWCCA（各チャネルを位置について平均、1,000件）",
        "0から1",
    ),
    "geometry-pooled.rsa": (
        "送り手が渡した表現と受け手本来の表現のRSA（表現類似度分析）（各チャネルを位置について平均、"
        "1,000件）",
        "-1から1",
    ),
    "geometry-pooled.rsa_correlation": (
        "送り手が渡した表現と受け手本来の表現の相関距離によるRSA（各チャネルを位置について平均、1,000件）",
        "-1から1",
    ),
    "geometry-pooled.mutual_information": (
        "送り手が渡した表現と受け手本来の表現の相互情報量（各チャネルを位置について平均、1,000件）",
        "制限なし",
    ),
    "geometry-pooled.cosine": (
        "送り手が渡した表現と受け手本来の表現のコサイン類似度（各チャネルを位置について平均、1,000件）",
        "-1から1",
    ),
    "geometry-pooled.svcca_null": ("行を3回並べ替えたときの同じ値の平均", ""),
    "geometry-pooled.pwcca_null": ("行を3回並べ替えたときの同じ値の平均", ""),
    "geometry-pooled.rsa_null": ("行を3回並べ替えたときの同じ値の平均", ""),
    "geometry-pooled.rsa_correlation_null": ("行を3回並べ替えたときの同じ値の平均", ""),
    "geometry-pooled.mutual_information_null": ("行を3回並べ替えたときの同じ値の平均", ""),
    "geometry-pooled.cosine_null": ("行を3回並べ替えたときの同じ値の平均", ""),
    "geometry-pooled.svcca_thin": (
        "1は値が当てにならないことを示す（1次元あたりのデータが10件未満、または片方が一定）",
        "0または1",
    ),
    "geometry-pooled.pwcca_thin": (
        "1は値が当てにならないことを示す（1次元あたりのデータが10件未満、または片方が一定）",
        "0または1",
    ),
    "geometry-pooled.rsa_thin": (
        "1は値が当てにならないことを示す（1次元あたりのデータが10件未満、または片方が一定）",
        "0または1",
    ),
    "geometry-pooled.rsa_correlation_thin": (
        "1は値が当てにならないことを示す（1次元あたりのデータが10件未満、または片方が一定）",
        "0または1",
    ),
    "geometry-pooled.mutual_information_thin": (
        "1は値が当てにならないことを示す（1次元あたりのデータが10件未満、または片方が一定）",
        "0または1",
    ),
    "geometry-pooled.cosine_thin": (
        "1は値が当てにならないことを示す（1次元あたりのデータが10件未満、または片方が一定）",
        "0または1",
    ),
    "geometry-pooled.features_provided": ("送り手が渡した表現のチャネル数", "1以上"),
    "geometry-pooled.features_expected": ("受け手本来の表現のチャネル数", "1以上"),
    "geometry-pooled.rank_provided": ("行の違いが丸め誤差を超える次元の数", "0以上"),
    "geometry-pooled.rank_expected": ("受け手本来の表現についての同じ値", "0以上"),
    "rank.effective_rank_provided": (
        "分散の各方向への割合のエントロピーの指数（送り手が渡した表現）",
        "1からデータ数または特徴数まで",
    ),
    "rank.effective_rank_stitched": (
        "分散の各方向への割合のエントロピーの指数（接合後の表現）",
        "1からデータ数または特徴数まで",
    ),
    "rank.effective_rank_expected": (
        "分散の各方向への割合のエントロピーの指数（受け手本来の表現）",
        "1からデータ数または特徴数まで",
    ),
    "rank.rank_95_provided": ("分散の95%を占める方向の数（送り手が渡した表現）", "1以上"),
    "rank.rank_95_stitched": ("分散の95%を占める方向の数（接合後の表現）", "1以上"),
    "rank.rank_95_expected": ("分散の95%を占める方向の数（受け手本来の表現）", "1以上"),
    "rank.effective_rank_stitch": (
        "接合層が一つの線形写像のとき、その重みの特異値の二乗についての同じ値",
        "1以上",
    ),
    "rank.rank_95_stitch": ("重みの二乗の95%を占める方向の数", "1以上"),
    "robustness.score_clean": ("接合後のネットワークのスコア", "0から1"),
    "robustness.receiver_score_clean": ("受け手全体のスコア", "0から1"),
    "robustness.score_shift_1": ("接合後のネットワークのスコア", "0から1"),
    "robustness.receiver_score_shift_1": ("受け手全体のスコア", "0から1"),
    "robustness.score_shift_2": ("接合後のネットワークのスコア", "0から1"),
    "robustness.receiver_score_shift_2": ("受け手全体のスコア", "0から1"),
    "robustness.score_noise_5": ("接合後のネットワークのスコア", "0から1"),
    "robustness.receiver_score_noise_5": ("受け手全体のスコア", "0から1"),
    "robustness.score_noise_10": ("接合後のネットワークのスコア", "0から1"),
    "robustness.receiver_score_noise_10": ("受け手全体のスコア", "0から1"),
    "selectivity.train_score": (
        "接合層の学習に使ったラベルでの、学習用データのスコア。対照「shuffled-labels」での同じ値を引いた"
        "ものが選択性",
        "0から1",
    ),
    "label-sets.score_by": (
        "どのラベルで学習したかにかかわらず、各ラベル体系（最も細かいものは`labels finest`）で採点した接"
        "合後のネットワークのスコア",
        "0から1",
    ),
    "label-sets.receiver_score_by": ("受け手全体についての同じ値", "0から1"),
    "label-sets.share_by": (
        "（スコア − 偶然）÷（受け手のスコア − 偶然）。偶然は、そのラベル体系で最も多いラベルを常に答えた"
        "ときの値",
        "およそ0から1",
    ),
    "label-sets.finest_if_right": (
        "接合後のネットワークがこの体系のラベルを正しく答えたデータのうち、最も細かいラベルも正しく答えた"
        "割合",
        "0から1",
    ),
    "label-sets.receiver_finest_if_right": ("受け手全体についての同じ値", "0から1"),
}
"""What is measured, and its range, by ``kind.name``."""
