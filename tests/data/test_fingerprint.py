from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from modelstitch.data.fingerprint import fingerprint, share_seen
from modelstitch.data.parts import Data
from modelstitch.models.zoo.checkpoint import save_checkpoint
from modelstitch.models.zoo.training import train_network
from modelstitch.results.facts import BySide
from modelstitch.results.sentences import of_overlap
from modelstitch.runs.prepare import prepare
from modelstitch.specs import FitSpec
from modelstitch.specs.training import Recipe


def examples(n: int, start: int = 0) -> torch.Tensor:
    return torch.arange(start, start + n)[:, None].expand(-1, 3).contiguous()


@given(st.integers(200, 2000), st.floats(0, 1))
@settings(deadline=None, max_examples=20)
def test_the_share_is_estimated_without_bias(n: int, share: float) -> None:
    seen = round(share * n)
    found = share_seen(examples(n), fingerprint(examples(seen)))
    expected = seen / n
    if found is not None:
        assert abs(found - expected) < 0.45
    whole = share_seen(examples(20_000), fingerprint(examples(round(20_000 * share))))
    assert whole is not None
    assert abs(whole - share) < 0.06


def test_order_and_repeats_do_not_matter() -> None:
    images = examples(500)
    shuffled = torch.cat([images, images])[torch.randperm(1000, generator=torch.Generator().manual_seed(0))]
    assert fingerprint(images) == fingerprint(shuffled)
    assert share_seen(examples(20), fingerprint(images)) is None


def test_a_checkpoint_says_what_it_was_trained_on(digits: Data, tmp_path: object) -> None:
    recipe = Recipe(epochs=1, batch_size=64, translate=1, flip=False)
    module, card, _ = train_network("R1111", digits, recipe, width=2)
    path = f"{tmp_path}/net.safetensors"
    save_checkpoint(module, card, path)
    session = prepare(
        path,
        "zoo:R1111(width=2, channels=1)",
        digits,
        cuts=["layers.2"],
        fit=FitSpec(steps=1),
        allow_untrained=True,
    )
    assert session.facts.fitting_images_seen == BySide(1.0, None)


def test_the_sentence() -> None:
    assert of_overlap(BySide(None, None)) == []
    assert of_overlap(BySide(0.0, None)) == []
    (sentence,) = of_overlap(BySide(1.0, 0.4))
    assert "about 100 % are from the sender's training set and 40 % are from the receiver's" in sentence
