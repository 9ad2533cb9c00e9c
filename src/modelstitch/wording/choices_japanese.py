"""選べるもの（接合層、根拠、モデルの出所）を、それぞれ一行で。"""

from __future__ import annotations

SENTENCES = {
    "choice.default": "* は既定値です。{groups}",
    "choice.stitches": (
        "括弧の中の数で大きさを変えられます。名前の後に +batch を付けるとバッチ正規化が加わり、' by match'、"
        "' by logits'、' by latent' を付けると目的関数が変わります。"
    ),
    "choice.groups": "'standard'（標準）、'all'（すべて）、'none'（なし）は、複数をまとめて表します。",
    "choice.models": (
        "list_models(source) は、一つの出所のモデルを一覧にします。例：list_models('timm:resnet*')"
    ),
    "choice.nothing": "（見つかりません）",
    "choice.family.identity": "何も変えない。両方の表現の形が等しいこと",
    "choice.family.scale": "チャネルごとに一つの倍率と一つの定数。チャネル数が等しいこと",
    "choice.family.orthogonal": "チャネルの回転と一つの倍率、チャネルごとの定数",
    "choice.family.lowrank": "少数の方向だけのアフィン写像。数は階数",
    "choice.family.pooled": "平均プーリングの後のチャネルのアフィン写像",
    "choice.family.affine": "チャネルの任意の線形写像と定数（Hernandez et al. 2022）",
    "choice.family.conv": "隣り合う位置の畳み込み。数はカーネルの大きさ",
    "choice.family.mlp": "ReLUを挟む二つのアフィン写像。数は隠れユニット数",
    "choice.ladder": "{names}のすべて。足りるもののうち最小のものを探す",
    "choice.evidence.errors": "課題に合わせた接合層と、表現に合わせた接合層の二乗誤差",
    "choice.evidence.kept": "クラス内の受け手の内容のうち、線形の読み取りで復元できる割合",
    "choice.evidence.similarity": "接合後の表現と本来の表現の類似度（全体とクラス内）",
    "choice.evidence.distribution": "接合後の表現を本物の表現と見分けられるか",
    "choice.evidence.trajectory": "後のすべての切断位置での、接合後の表現と本来の表現の比較",
    "choice.evidence.agreement": "接合したネットワークの答えが、受け手や送り手と一致するか",
    "choice.evidence.information": "接合後の表現から入力をどれだけ読み取れるか",
    "choice.evidence.geometry": "接合しないときの二つの表現の類似度（CKA、RSAなど）",
    "choice.evidence.geometry-pooled": "位置について平均したチャネルでの、さらに多くの類似度",
    "choice.evidence.rank": "表現が使う方向の数",
    "choice.evidence.robustness": "入力を少し変えたときのスコア",
    "choice.evidence.selectivity": "学習データでのスコアと、シャッフルしたラベルでのスコア",
    "choice.evidence.label-sets": "学習に使ったラベルより細かい、または粗いラベルでのスコア",
    "choice.source": "{what}：{written}",
    "choice.source.zoo": "modelstitchの小さな残差ネットワーク（未学習）",
    "choice.source.timm": "timmの画像モデル（学習済みの重みの有無を選べる）",
    "choice.source.torchvision": "torchvisionの画像モデル（学習済みの重みの有無を選べる）",
    "choice.source.hugging_face": "transformersのモデル（ハブまたはフォルダ）",
    "choice.source.checkpoint": "modelstitch trainが書いたファイル",
    "choice.source.factory": "自作の関数が返すもの",
    "choice.zoo": "残差ネットワーク。段ごとのブロック数：{blocks}",
    "choice.pretrained": "学習済みの重み：{names}",
    "choice.untrained": "学習済みの重みなし",
    "choice.file": "{network}（学習済み）",
    "choice.cached": "このコンピューターのキャッシュにある",
    "choice.callable": "{module}の{kind}",
}
