"""What each measurement is, and its range, in Japanese; by the English sentence of its definition."""

from __future__ import annotations

_AREA = (
    "接合後の表現と、評価用データに対する受け手本来の表現を、{}でどの程度見分けられるか（ROC曲線の下側面積）"
)
_SHARED = "送り手が渡した表現と受け手本来の表現の{}（各チャネルを位置について平均、1,000件）"
_SHUFFLED = "行を{}回並べ替えたときの同じ値の平均"
_DIRECTIONS = "分散の各方向への割合のエントロピーの指数（{}）"
_MOST = "分散の95 %を占める方向の数（{}）"
_PROVIDED, _STITCHED, _EXPECTED = "送り手が渡した表現", "接合後の表現", "受け手本来の表現"

_POOLED = {
    "svcca": "SVCCA",
    "pwcca": "PWCCA",
    "rsa": "RSA（表現類似度分析）",
    "rsa_correlation": "相関距離によるRSA",
    "mutual_information": "相互情報量",
    "cosine": "コサイン類似度",
}

TEXTS = {
    "mean squared error of the stitch as it was fitted (by default to the task)": "学習した接合層（通常はタスクに合わせて学習）の平均二乗誤差",
    "mean squared error of the match-fitted stitch: least squares on 1,500 training examples, the same family": "同じ種類の接合層を、学習用データ1,500件の最小二乗法で表現に合わせたときの平均二乗誤差",
    "mean squared difference of the two stitches": "上の二つの接合層の出力の差の二乗平均",
    "ev over the variance of the expected representation": "受け手本来の表現の分散に対するevの比",
    "es over the same variance; 1 says no better than the mean": "同じ分散に対するesの比。1は平均値で答えるのと変わらないことを示す",
    "sv over the same variance": "同じ分散に対するsvの比",
    "debiased linear CKA of stitched and expected representation, 500 examples": "接合後の表現と受け手本来の表現の、偏りを除いた線形CKA（500件）",
    "the same of what is left when the mean of each class is taken away: 0 for a stitch that keeps the label alone": "各クラスの平均を除いた残りについての同じ値。ラベルだけを伝える接合層では0になる",
    "largest cosine of the two after a rotation, 500 examples": "回転を許したときの、二つの表現の最大のコサイン（500件）",
    "1 - mean squared error / variance of the expected representation, nothing fitted": "1から、受け手本来の表現の分散に対する平均二乗誤差の比を引いた値（追加の学習なし）",
    "the same of residuals after class means": "各クラスの平均を除いた残差についての同じ値",
    **{
        "how well this tells stitched from genuine held-out representations: "
        + english
        + "; area under the ROC curve": _AREA.format(name)
        for english, name in (
            (
                "Mahalanobis distance to the mean of all genuine ones, shrunk covariance",
                "全体の平均へのマハラノビス距離（共分散は縮小推定）",
            ),
            (
                "Mahalanobis distance to the mean of its own class, shrunk covariance within classes",
                "自分のクラスの平均へのマハラノビス距離（クラス内共分散は縮小推定）",
            ),
            (
                "distance to its fifth nearest genuine training example, over the usual such distance there",
                "学習用データの本来の表現のうち5番目に近いものまでの距離（通常の距離に対する比）",
            ),
            (
                "distance of the logarithm of its norm from the usual one",
                "ノルムの対数の、通常の値からのずれ",
            ),
            ("distance of its share of zeros from the usual one", "0の割合の、通常の値からのずれ"),
        )
    },
    "the same of one half of the genuine held-out ones against the other": "評価用データの本来の表現を半分ずつに分けて比べたときの同じ値",
    "mean squared error at a cut over the variance of the expected representation there": "その位置での受け手本来の表現の分散に対する平均二乗誤差の比",
    "share of examples whose stitched representation is nearest, by cosine of residuals after class means, to the expected representation of the same example among its class": "接合後の表現が、同じクラスの中で、同じデータの受け手本来の表現に最も近い（クラス平均を除いた残差のコサイン）データの割合",
    "debiased linear CKA of residuals after class means": "各クラスの平均を除いた残差の、偏りを除いた線形CKA",
    "share of examples with the receiver's answer": "受け手と同じ答えになるデータの割合",
    "share of examples with the sender's answer": "送り手と同じ答えになるデータの割合",
    "Cohen's kappa of being right and wrong on the same examples as the receiver: agreement beyond what the two accuracies give by chance": "受け手と正誤が一致する度合い（コーエンのκ）。二つの正解率から偶然に生じる一致を差し引いたもの",
    "the same with the sender": "送り手についての同じ値",
    "Kullback-Leibler divergence of the stitched network's class probabilities from the receiver's, in nats": "受け手のクラス確率から見た、接合後のネットワークのクラス確率のKLダイバージェンス（ナット）",
    "mean distance of confidence and accuracy over 15 bins of equal width": "確信度と正解率の差の平均（等幅の15区間）",
    "the same of the whole receiver": "受け手全体についての同じ値",
    "share of examples whose stitched representation is nearest to the expected one of the same example, within its class": "接合後の表現が、同じクラスの中で、同じデータの受け手本来の表現に最も近いデータの割合",
    "what a guess retrieves": "当てずっぽうで選んだときの値",
    "the same for the expected representation of the image shifted by one pixel: what the representation itself keeps": "画像を1画素ずらしたときの受け手本来の表現についての同じ値。表現そのものが何を保つかを示す",
    "share of the variance of the image, averaged to 8 x 8, that a linear map of the stitched representation explains on examples left out (ridge, 500 examples)": "8 x 8に平均した画像の分散のうち、接合後の表現の線形写像が未使用のデータで説明する割合（リッジ回帰、500件）",
    "the same of the expected representation": "受け手本来の表現についての同じ値",
    "debiased linear CKA, 500 examples": "偏りを除いた線形CKA（500件）",
    "the same within classes": "クラス内での同じ値",
    "largest cosine after a rotation, 500 examples": "回転を許したときの最大のコサイン（500件）",
    "mean share of common nearest neighbours, 10 of 500 examples": "共通する最近傍の割合の平均（500件中10件）",
    "share of the expected variance that a linear map of the provided representation explains on examples left out, 500 examples": "受け手本来の表現の分散のうち、送り手が渡した表現の線形写像が未使用のデータで説明する割合（500件）",
    **{
        f"mean of the same over {n} permutations of the rows: what unrelated rows of these shapes give": _SHUFFLED.format(
            n
        )
        + "。同じ形の無関係な行から得られる値を示す"
        for n in (1, 3)
    },
    "mean of the same over 3 permutations of the rows": _SHUFFLED.format(3),
    **{
        f"{english} of provided and expected representation, each channel averaged over positions, 1,000 examples": _SHARED.format(
            name
        )
        for english, name in _POOLED.items()
    },
    "1 where the measure warns of its own value: fewer than 10 examples for each dimension that it fits, or a constant side": "1は値が当てにならないことを示す（1次元あたりのデータが10件未満、または片方が一定）",
    "channels of the provided representation": "送り手が渡した表現のチャネル数",
    "channels of the expected representation": "受け手本来の表現のチャネル数",
    "dimensions in which its rows differ by more than rounding": "行の違いが丸め誤差を超える次元の数",
    **{
        f"exponential of the entropy of the variance's shares over directions, {english} representation": _DIRECTIONS.format(
            name
        )
        for english, name in (("provided", _PROVIDED), ("stitched", _STITCHED), ("expected", _EXPECTED))
    },
    **{
        f"directions that hold 95 % of the variance, {english} representation": _MOST.format(name)
        for english, name in (("provided", _PROVIDED), ("stitched", _STITCHED), ("expected", _EXPECTED))
    },
    "the same of the squared singular values of the stitch's weight, where it is one linear map": "接合層が一つの線形写像のとき、その重みの特異値の二乗についての同じ値",
    "directions that hold 95 % of the weight's squares": "重みの二乗の95 %を占める方向の数",
    "score of the stitched network": "接合後のネットワークのスコア",
    "score of the whole receiver": "受け手全体のスコア",
    "score on training examples with the labels that the stitch was fitted to; its selectivity is this less the same under the control shuffled-labels": "接合層の学習に使ったラベルでの、学習用データのスコア。対照「shuffled-labels」での同じ値を引いたものが選択性",
    "score of the stitched network by each label set (and by the finest labels, `labels finest`), whichever one it was fitted to": "どのラベルで学習したかにかかわらず、各ラベル体系（最も細かいものは`labels finest`）で採点した接合後のネットワークのスコア",
    "(score - chance) / (receiver's score - chance), where chance is to name the commonest label of the set": "（スコア − 偶然）÷（受け手のスコア − 偶然）。偶然は、そのラベル体系で最も多いラベルを常に答えたときの値",
    "of the examples whose label in this set the stitched network gets right, the share whose finest label it gets right too": "接合後のネットワークがこの体系のラベルを正しく答えたデータのうち、最も細かいラベルも正しく答えた割合",
}

RANGES = {
    "": "",
    "0 and up": "0以上",
    "1 and up": "1以上",
    "0 to 1": "0から1",
    "0 or 1": "0または1",
    "-1 to 1": "-1から1",
    "-inf to inf": "制限なし",
    "at most 1": "1以下",
    "at most 1, about 0 if unrelated": "1以下。無関係ならほぼ0",
    "at most 1; often below 0, since the scale of a task-fitted stitch drifts": "1以下。タスクに合わせた接合層では尺度がずれるため、0を下回ることが多い",
    "0 to 1, 0.5 says it cannot": "0から1。0.5は見分けられないことを示す",
    "0 to 1; one in the size of the class by chance": "0から1。偶然ならクラスの件数分の1",
    "-1 to 1, 0 by chance": "-1から1。偶然なら0",
    "1 to the number of examples or features": "1からデータ数または特徴数まで",
    "about 0 to 1": "およそ0から1",
}
