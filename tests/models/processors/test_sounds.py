"""Views of feature extractors, against the extractors themselves, on a real sound."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from options import usable_torchvision
from scipy.io import wavfile
from torch import Tensor

usable_torchvision()  # which transformers looks at when it is imported

import transformers  # noqa: E402
from transformers.models.auto.feature_extraction_auto import FEATURE_EXTRACTOR_MAPPING_NAMES  # noqa: E402
from transformers.models.auto.modeling_auto import (  # noqa: E402
    MODEL_FOR_AUDIO_CLASSIFICATION_MAPPING_NAMES,
)

import modelstitch as ms  # noqa: E402
from modelstitch.data.load import load_data  # noqa: E402
from modelstitch.data.parts import Data  # noqa: E402
from modelstitch.data.views import ends, play  # noqa: E402
from modelstitch.errors import SpecError  # noqa: E402
from modelstitch.grid.side import make_side  # noqa: E402
from modelstitch.models.processors.sounds import view_of  # noqa: E402
from modelstitch.specs import DataSpec, ModelSpec, View  # noqa: E402

NAMES = sorted(
    {
        FEATURE_EXTRACTOR_MAPPING_NAMES[model]
        for model in MODEL_FOR_AUDIO_CLASSIFICATION_MAPPING_NAMES
        if model in FEATURE_EXTRACTOR_MAPPING_NAMES
    }
)


def speech() -> np.ndarray:
    """A sound with an offset, a rise and a fall, like a spoken syllable."""
    t = np.arange(3000) / 4000
    voice = sum(np.sin(2 * np.pi * 130 * k * t + k) / k for k in range(1, 9))
    return (0.1 + 0.2 * np.hanning(len(t)) * voice).astype(np.float32)


@pytest.mark.filterwarnings("ignore:At least one mel filter")
def test_every_extractor_that_audio_classifiers_name_is_read_or_named() -> None:
    assert "Wav2Vec2FeatureExtractor" in NAMES
    for name in NAMES:
        extractor = getattr(transformers, name)()
        view = view_of(extractor, extractor.to_dict())
        if name == "Wav2Vec2FeatureExtractor":
            assert (view.rate, view.flat, view.standardised, view.unread) == (16_000, True, True, None)
            continue
        assert view == View(unread=name)
        with pytest.raises(SpecError, match=f"cannot show sounds .*{name} is not known here.*npz"):
            play(torch.zeros(1, 1, 100), view, 16_000)


@pytest.mark.parametrize("do_normalize", [True, False])
@pytest.mark.parametrize("return_attention_mask", [True, False])
def test_a_sound_is_what_the_extractor_makes_of_it(do_normalize: bool, return_attention_mask: bool) -> None:
    extractor = transformers.Wav2Vec2FeatureExtractor(
        sampling_rate=4000, do_normalize=do_normalize, return_attention_mask=return_attention_mask
    )
    view = view_of(extractor, extractor.to_dict())
    waves = [speech(), speech()[:1700]]
    theirs = extractor(waves, padding="max_length", max_length=3000, sampling_rate=4000, return_tensors="pt")
    sounds = torch.zeros(2, 1, 3000)
    for row, wave in zip(sounds, waves, strict=True):
        row[0, : len(wave)] = torch.from_numpy(wave)
    samples = torch.tensor([3000, 1700])
    torch.testing.assert_close(
        play(sounds, view, 4000, samples), theirs["input_values"], rtol=1e-4, atol=1e-5
    )
    if return_attention_mask:
        assert torch.equal(ends(sounds, view, 4000, samples), theirs["attention_mask"].long())


@pytest.mark.parametrize(
    ("keys", "named"),
    [
        ({"do_denoise": True}, "the key 'do_denoise'"),
        ({"padding_side": "left"}, "padding_side 'left'"),
        ({"padding_value": 0.5}, "padding_value 0.5"),
        ({"feature_size": 2}, "feature_size 2"),
    ],
)
def test_what_is_not_known_of_an_extractor_is_named(keys: dict[str, Any], named: str) -> None:
    known = {key: value for key, value in keys.items() if key != "do_denoise"}
    extractor = transformers.Wav2Vec2FeatureExtractor(**known)
    view = view_of(extractor, {**extractor.to_dict(), **keys})
    assert view.unread == f"{named} of Wav2Vec2FeatureExtractor"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes of short sounds; the longest one is held out."""
    root = tmp_path_factory.mktemp("sounds")
    generator = np.random.default_rng(0)
    for part, n in (("train", 8), ("test", 4)):
        for label, pitch in (("low", 200), ("high", 450)):
            (root / part / label).mkdir(parents=True)
            for index in range(n):
                length = 1600 if part == "test" and index == 0 else int(generator.integers(500, 900))
                wave = 0.1 + 0.3 * np.sin(2 * np.pi * pitch * np.arange(length) / 4000 + generator.random())
                wavfile.write(root / part / label / f"{index}.wav", 4000, wave.astype(np.float32))
    return root


def wav2vec2(folder: Path, *, masked: bool) -> transformers.Wav2Vec2ForSequenceClassification:
    config = transformers.Wav2Vec2Config(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=16,
        conv_dim=(8, 8),
        conv_kernel=(10, 3),
        conv_stride=(5, 2),
        num_feat_extract_layers=2,
        feat_extract_norm="layer" if masked else "group",
        do_stable_layer_norm=masked,
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=2,
        classifier_proj_size=8,
        num_labels=2,
    )
    torch.manual_seed(0)
    module = transformers.Wav2Vec2ForSequenceClassification(config).eval()
    module.save_pretrained(folder)
    extractor = transformers.Wav2Vec2FeatureExtractor(sampling_rate=4000, return_attention_mask=masked)
    extractor.save_pretrained(folder)
    return module


def outputs_of(module: Any, folder: Path, data: Data) -> Tensor:
    """Return what transformers gives for the held-out sounds."""
    extractor = transformers.Wav2Vec2FeatureExtractor.from_pretrained(folder)
    part, length = data.heldout, data.heldout.images.shape[-1]
    samples = torch.full((len(part),), length) if part.samples is None else part.samples.clamp(max=length)
    waves = [row[0, :n].numpy() for row, n in zip(part.images, samples.tolist(), strict=True)]
    inputs = extractor(
        waves, padding="max_length", max_length=length, sampling_rate=4000, return_tensors="pt"
    )
    with torch.no_grad():
        outputs: Tensor = module(**inputs).logits
    return outputs


@pytest.mark.parametrize("masked", [True, False])
def test_a_model_gives_what_it_gives_with_its_own_extractor(
    masked: bool, folder: Path, tmp_path: Path
) -> None:
    module = wav2vec2(tmp_path, masked=masked)
    network = ms.load_model(ModelSpec(source=f"hf:{tmp_path}(pretrained=True)"))
    data = load_data(DataSpec(source=str(folder)))
    side = make_side(network, data)
    assert side.inputs.names == (("attention_mask",) if masked else ())
    batch = side.inputs.batch("held-out", torch.arange(len(data.heldout)))
    with torch.no_grad():
        ours = module(batch.x, **batch.kwargs).logits
    torch.testing.assert_close(ours, outputs_of(module, tmp_path, data), rtol=1e-4, atol=1e-6)


def test_the_longest_sound_is_not_cut_and_what_is_cut_is_counted(folder: Path, tmp_path: Path) -> None:
    module = wav2vec2(tmp_path, masked=True)
    source = f"hf:{tmp_path}(pretrained=True)"
    data = load_data(DataSpec(source=str(folder)))
    assert data.train.images.shape[-1] == 1600
    cut = "wav2vec2.encoder.layers.1"
    whole = ms.compare(
        source,
        source,
        data,
        cuts=[cut],
        controls=(),
        evidence=(),
        fit=ms.FitSpec(steps=2),
        allow_untrained=True,
    )
    right = (outputs_of(module, tmp_path, data).argmax(1) == data.heldout.labels).float().mean()
    assert whole.baseline("receiver") == pytest.approx(float(right))
    assert (whole.facts.pair.cut.sender, whole.facts.pair.cut.receiver) == (None, None)
    warnings: list[str] = []
    short = ms.compare(
        source,
        source,
        DataSpec(source=str(folder), seconds=0.2),
        cuts=[cut],
        controls=(),
        evidence=(),
        fit=ms.FitSpec(steps=2),
        progress=Said(warnings),
        allow_untrained=True,
    )
    counted = load_data(DataSpec(source=str(folder), seconds=0.2))
    assert counted.train.samples is not None
    assert counted.heldout.samples is not None
    facts = short.facts.pair.cut.receiver
    assert facts is not None
    assert (facts.unit, facts.most, facts.n_heldout) == (
        "seconds",
        0.2,
        int((counted.heldout.samples > 800).sum()),
    )
    assert facts.n_train == int((counted.train.samples > 800).sum())
    assert facts.n_heldout >= 2
    said = f"{facts.n_heldout} of 8 held-out sounds and {facts.n_train} of 16 training sounds are longer"
    assert any(said in text for text in warnings)
    assert type(short).from_json(short.to_json()).facts.pair.cut == short.facts.pair.cut


def test_a_stitched_network_is_told_where_sounds_end(folder: Path, tmp_path: Path) -> None:
    wav2vec2(tmp_path, masked=True)
    source, cut = f"hf:{tmp_path}(pretrained=True)", "wav2vec2.encoder.layers.1"
    data = load_data(DataSpec(source=str(folder)))
    assert data.heldout.samples is not None
    stitched = ms.stitch(source, cut, source, cut, data, stitch="identity", allow_untrained=True)
    assert stitched.score(data.heldout) == stitched.accuracy
    few = data.heldout.take(torch.arange(3))
    assert few.samples is not None
    assert few.samples[-1] < 1600
    told, untold = stitched(few.images, few.samples), stitched(few.images)
    assert not torch.allclose(told, untold)
    module = ms.load_model(ModelSpec(source=source)).module
    torch.testing.assert_close(told, outputs_of(module, tmp_path, data)[:3], rtol=1e-4, atol=1e-5)


class Said(ms.Progress):
    """Progress that keeps its warnings."""

    def __init__(self, warnings: list[str]) -> None:
        self._warnings = warnings

    def warn(self, text: str) -> None:
        self._warnings.append(str(text))
