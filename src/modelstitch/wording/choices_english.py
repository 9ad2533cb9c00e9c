"""One line each for what can be chosen: stitches, kinds of evidence, sources of models."""

from __future__ import annotations

SENTENCES = {
    "choice.default": "* by default. {groups}",
    "choice.stitches": (
        "A number in brackets is another size. Behind any name: +batch for batch norms around the stitch, "
        "and ' by match', ' by logits' or ' by latent' for an objective of its own."
    ),
    "choice.groups": "The names 'standard', 'all' and 'none' stand for several.",
    "choice.models": "list_models(source) lists the models of a source, such as list_models('timm:resnet*').",
    "choice.nothing": "(nothing found)",
    "choice.family.identity": "nothing is changed; both representations need one shape",
    "choice.family.scale": "a factor and an offset for each channel; both sides need equally many channels",
    "choice.family.orthogonal": "a rotation of the channels, one scale, and an offset for each channel",
    "choice.family.lowrank": "an affine map of few directions; the number is their rank",
    "choice.family.pooled": "an affine map of the channels after average pooling",
    "choice.family.affine": "any linear map of the channels with an offset, as in Hernandez et al. 2022",
    "choice.family.conv": "a convolution over neighbouring positions; the number is its kernel",
    "choice.family.mlp": "two affine maps with a ReLU between; the number is their hidden units",
    "choice.ladder": "all of {names}: the smallest that is enough is found",
    "choice.evidence.errors": "squared errors of the task-fitted and of the match-fitted stitch",
    "choice.evidence.kept": "what a linear reader recovers of the receiver's content within classes",
    "choice.evidence.similarity": "similarity of stitched and expected representation, also within classes",
    "choice.evidence.distribution": "whether stitched representations can be told from genuine ones",
    "choice.evidence.trajectory": "stitched against expected representation at every later cut",
    "choice.evidence.agreement": "whether the stitched network answers as the receiver and as the sender do",
    "choice.evidence.information": "how much of the input can be read from the stitched representation",
    "choice.evidence.geometry": "similarity of both representations without a stitch: CKA, RSA and others",
    "choice.evidence.geometry-pooled": "more such measures, of channels that are averaged over positions",
    "choice.evidence.rank": "how many directions a representation uses",
    "choice.evidence.robustness": "scores under small changes of the input",
    "choice.evidence.selectivity": "the training score beside that on shuffled labels",
    "choice.evidence.label-sets": "scores by finer and by coarser labels than those of the fit",
    "choice.source": "{what}: {written}",
    "choice.source.zoo": "small residual networks of modelstitch, untrained",
    "choice.source.timm": "image models of timm, with or without pretrained weights",
    "choice.source.torchvision": "image models of torchvision, with or without pretrained weights",
    "choice.source.hugging_face": "models of transformers, from the hub or from a folder",
    "choice.source.checkpoint": "a file that modelstitch train wrote",
    "choice.source.factory": "what a function of your own returns",
    "choice.zoo": "residual network, {blocks} blocks by stage",
    "choice.pretrained": "pretrained weights: {names}",
    "choice.untrained": "no pretrained weights",
    "choice.file": "{network}, trained",
    "choice.cached": "in the cache of this machine",
    "choice.callable": "{kind} of {module}",
}
