"""Train a network of the zoo on a data set, with a card of what was done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

from modelstitch.data.fingerprint import fingerprint
from modelstitch.data.parts import Data
from modelstitch.data.ranges import expect_in_range
from modelstitch.errors import DataError
from modelstitch.models import zoo
from modelstitch.models.seeding import seeded
from modelstitch.models.zoo.checkpoint import TRAINED_FURTHER, Card
from modelstitch.models.zoo.recipe import Trained, channel_view, train
from modelstitch.models.zoo.resnet import SmallResNet
from modelstitch.specs.training import Recipe


def train_network(
    name: str,
    data: Data,
    recipe: Recipe,
    width: int = 64,
    on_epoch: Callable[[int, float], None] | None = None,
    start: SmallResNet | None = None,
) -> tuple[SmallResNet, Card, Trained]:
    """Train the network ``name`` of the zoo on ``data``, on the device where the data is.

    Args:
        name: ``R1111`` ... ``R2222``, ``R18``, ``R34``.
        data: images (N, C, H, W); classes and channels are taken from it.
        recipe: schedule, augmentation and seed.
        width: channels of the first stage.
        on_epoch: called with the number of the epoch and its mean loss.
        start: a network of the same shape, whose weights the training begins with; it stays as it is. Without
            it, weights are drawn with the seed of the recipe.

    Returns:
        The network in eval mode, its card for a checkpoint, and the outcome of the training.

    Raises:
        DataError: data that are not images, classes without a training example, or bytes that fill a small
            part of 0 to 255.
    """
    images = data.train.images
    if images.ndim != 4:
        raise DataError(f"data {data.name}: expected images (N, C, H, W), got shape {tuple(images.shape)}")
    if data.unscored is not None:
        raise DataError(
            f"data {data.name}: {data.unscored.n_classes} of {data.unscored.of} classes have no training "
            f"example ({', '.join(map(repr, data.unscored.first))}); expected at least one of each "
            "to train on: give more examples or fewer classes"
        )
    channels = images.shape[1]
    arguments = {"width": width, "classes": len(data.classes), "channels": channels}
    with seeded(recipe.seed):
        module = zoo.build(name, **arguments)
    if start is not None:
        module.load_state_dict(start.state_dict())
    module = module.to(images.device)
    view = channel_view(images, channels)
    expect_in_range(data, view, name)
    trained = train(
        module,
        view,
        images,
        data.train.labels,
        (data.heldout.images, data.heldout.labels),
        recipe,
        on_epoch,
    )
    card = Card(
        network=name.replace("_", ""),
        arguments=arguments,
        view=view,
        data={
            "name": data.name,
            "division": data.division,
            "n_train": len(data.train),
            "content": data.digest,
            "fingerprint": fingerprint(images),
        },
        recipe=asdict(recipe) | ({} if start is None else {TRAINED_FURTHER: True}),
        seed=recipe.seed,
        accuracy=trained.accuracy,
        n_heldout=len(data.heldout),
        classes=data.classes,
    )
    return module, card, trained
