"""A stitched network as an ordinary module."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from modelstitch.cell import FittedCell
from modelstitch.sides import Side
from modelstitch.sources.data import Split
from modelstitch.stitches import Stitch
from modelstitch.tasks import accuracy, class_scores
from modelstitch.views import show


class Stitched(nn.Module):
    """A sender's prefix, a fitted stitch and a receiver's suffix as one ordinary module.

    Takes images as the data holds them (uint8, or values in 0-1) and shows them to the sender in its own view.

    Attributes:
        stitch: the fitted stitch.
        accuracy: held-out accuracy measured when it was fitted.
    """

    def __init__(self, fitted: FittedCell, sender: Side, receiver: Side) -> None:
        super().__init__()
        self.spec = fitted.spec
        self.view = sender.network.view
        self.prefix = sender.cutting.prefix(fitted.spec.sender_cut)
        self.stitch: Stitch = fitted.stitch
        self.suffix = receiver.cutting.suffix(fitted.spec.receiver_cut)
        self.accuracy = fitted.accuracy
        self.task = receiver.data.task
        self.eval()

    def forward(self, images: Tensor) -> Tensor:
        """Map images (N, C, H, W) to the receiver's class scores (N, K)."""
        (representation,) = self.prefix(show(images, self.view))
        return class_scores(self.suffix(self.stitch(representation)))

    def score(self, part: Split) -> float:
        """Return the accuracy on a part of a data set, from 0 to 1."""
        with torch.no_grad():
            correct = [
                self.task.correct(self(images), labels)
                for images, labels in zip(part.images.split(256), part.labels.split(256), strict=True)
            ]
        return accuracy(torch.cat(correct))
