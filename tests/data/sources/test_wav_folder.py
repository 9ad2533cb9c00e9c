"""Sounds in class folders, from file to stitched network."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.io import wavfile
from torch import Tensor, nn

import modelstitch as ms
from modelstitch.data.load import load_data
from modelstitch.data.parts import Data
from modelstitch.data.views import play, resampled, show
from modelstitch.errors import DataError, SpecError
from modelstitch.specs import DataSpec, ModelSpec, View

RATE, LENGTH = 8000, 800
PITCH = {"low": 220.0, "middle": 520.0, "high": 1200.0}


def tone(pitch: float, seed: int, rate: int = RATE, n: int = LENGTH) -> np.ndarray:
    """A tone with an overtone, a random phase and noise, from -1 to 1."""
    random = np.random.default_rng(seed)
    time = np.arange(n) / rate
    wave = np.sin(2 * np.pi * pitch * time + random.uniform(0, 6)) + 0.4 * np.sin(4 * np.pi * pitch * time)
    return (0.4 * wave + 0.05 * random.standard_normal(n)).clip(-1, 1).astype(np.float32)


def write(path: Path, wave: np.ndarray, rate: int = RATE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    wavfile.write(path, rate, wave)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("tones")
    for label, pitch in PITCH.items():
        for index in range(40):
            wave = tone(pitch, 100 * index + round(pitch))
            write(root / label / f"{index}.wav", (32767 * wave).astype(np.int16))
    return root


def test_sounds_are_read_labelled_and_divided(folder: Path) -> None:
    data = load_data(DataSpec(source=str(folder)))
    assert data.classes == ("high", "low", "middle")
    assert (data.rate, tuple(data.train.images.shape[1:])) == (RATE, (1, LENGTH))
    assert (len(data.train), len(data.heldout)) == (80, 40)
    loudest = data.train.images[:, 0].float().sub(data.train.images.mean(2)).numpy()
    peaks = np.abs(np.fft.rfft(loudest)).argmax(1) * RATE / LENGTH
    wanted = [PITCH[data.classes[label]] for label in data.train.labels.tolist()]
    np.testing.assert_allclose(peaks, wanted, atol=RATE / LENGTH)


@pytest.mark.parametrize(
    ("kind", "scale"), [(np.int16, 32767), (np.int32, 2**31 - 128), (np.float32, 1), (np.uint8, 127)]
)
def test_every_width_of_sample_gives_the_same_sound(tmp_path: Path, kind: type, scale: float) -> None:
    wave = tone(300.0, 0)
    stored: np.ndarray = (wave * scale + (128 if kind is np.uint8 else 0)).astype(kind)
    for label in ("a", "b"):
        for index in range(3):
            write(tmp_path / label / f"{index}.wav", stored)
    data = load_data(DataSpec(source=str(tmp_path)))
    np.testing.assert_allclose(data.train.images[0, 0].numpy(), wave, atol=0.02 if kind is np.uint8 else 1e-4)


def test_lengths_rates_and_channels_become_one(tmp_path: Path) -> None:
    left, right = tone(300.0, 0), tone(300.0, 1)
    for label in ("a", "b"):
        write(tmp_path / label / "0.wav", left)
        write(tmp_path / label / "1.wav", left[:500])
        write(tmp_path / label / "2.wav", np.stack([left, right], 1))
        write(tmp_path / label / "3.wav", tone(300.0, 0, 2 * RATE, 2 * LENGTH), 2 * RATE)
    data = load_data(DataSpec(source=str(tmp_path)))
    rows = torch.cat([data.train.images, data.heldout.images])[:, 0]
    assert rows.shape[1] == LENGTH
    assert any(
        (row[500:] == 0).all() and torch.equal(row[:500], torch.from_numpy(left[:500])) for row in rows
    )
    mean = torch.from_numpy((left + right) / 2)
    assert any(torch.allclose(row, mean, atol=1e-6) for row in rows)
    short = load_data(DataSpec(source=str(tmp_path), seconds=0.025))
    assert short.train.images.shape[2] == 200
    with pytest.raises(SpecError, match="expected seconds > 0, got -1"):
        DataSpec(source="x", seconds=-1)


@settings(max_examples=20)
@given(st.sampled_from([(8000, 16000), (16000, 8000), (44100, 16000)]), st.floats(50, 1500))
def test_a_tone_keeps_its_pitch_and_its_size_at_another_rate(rates: tuple[int, int], pitch: float) -> None:
    rate, wanted = rates
    time = torch.arange(rate // 2) / rate
    found = resampled((2 * math.pi * pitch * time).sin()[None], rate, wanted)
    assert found.shape == (1, wanted // 2)
    ideal = (2 * math.pi * pitch * torch.arange(wanted // 2) / wanted).sin()
    middle = slice(wanted // 20, -wanted // 20)
    torch.testing.assert_close(found[0, middle], ideal[middle], atol=0.02, rtol=0)


def test_a_model_hears_at_its_own_rate_with_or_without_channels() -> None:
    sounds = torch.randn(3, 2, 800)
    assert play(sounds, View(), 8000).shape == (3, 2, 800)
    assert play(sounds, View(rate=4000, flat=True), 8000).shape == (3, 400)
    louder = play(sounds[:, :1], View(mean=(1.0,), std=(2.0,)), 8000)
    torch.testing.assert_close(louder, (sounds[:, :1] - 1) / 2)
    with pytest.raises(SpecError, match="cannot play sounds of 2 channels"):
        play(sounds, View(size=(3, 3)), 8000)
    with pytest.raises(SpecError, match="cannot show data of shape"):
        show(torch.zeros(2, 3, 4, 4), View(rate=8000))


class Ear(nn.Module):
    """Convolutions over time, pooled."""

    def __init__(self, width: int, stride: int) -> None:
        super().__init__()
        self.blocks = nn.Sequential(
            nn.Sequential(nn.Conv1d(1, width, 32, stride), nn.ReLU()),
            nn.Sequential(nn.Conv1d(width, width, 8, 2), nn.ReLU()),
        )
        self.head = nn.Linear(width, 3)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.head(self.blocks(x).mean(2))
        return output


def hearing(width: int, stride: int, view: View, data: Data, seed: int) -> ms.Network:
    torch.manual_seed(seed)
    model = Ear(width, stride)
    optimiser = torch.optim.Adam(model.parameters(), 0.01)
    x = play(data.train.images, view, RATE)
    for _ in range(120):
        loss = nn.functional.cross_entropy(model(x), data.train.labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return ms.Network(model.eval(), f"ear {width}", view)


def test_networks_that_hear_at_different_rates_are_stitched(folder: Path, tmp_path: Path) -> None:
    data = load_data(DataSpec(source=str(folder)))
    sender = hearing(12, 4, View(rate=4000), data, 0)
    receiver = hearing(16, 8, View(), data, 1)
    found = ms.compare(
        sender, receiver, data, cuts=("blocks.0", "blocks.1"), out=tmp_path / "run", allow_untrained=True
    )
    assert found.baseline("sender") == found.baseline("receiver") == 1
    assert float(found.matrix().min()) > 0.9
    assert {cell.bridge.split(",")[0] for cell in found.cells if cell.control == "trained"} == {
        "map1d to map1d"
    }
    kinds = {(row.kind, row.name) for row in found.evidence}
    assert ("information", "pixels_r2") in kinds
    stitched = ms.stitch(
        sender, "blocks.0", receiver, "blocks.0", data, fit=ms.FitSpec(steps=30), allow_untrained=True
    )
    assert stitched.score(data.heldout) == stitched.accuracy


def test_a_transformer_of_sounds_comes_with_its_view(folder: Path, tmp_path: Path) -> None:
    from options import usable_torchvision

    usable_torchvision()
    from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2ForSequenceClassification

    config = Wav2Vec2Config(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        conv_dim=(8, 8),
        conv_stride=(5, 4),
        conv_kernel=(10, 8),
        num_feat_extract_layers=2,
        num_conv_pos_embeddings=8,
        num_conv_pos_embedding_groups=2,
        classifier_proj_size=8,
        num_labels=3,
    )
    Wav2Vec2ForSequenceClassification(config).save_pretrained(tmp_path)
    Wav2Vec2FeatureExtractor(sampling_rate=4000).save_pretrained(tmp_path)
    network = ms.load_model(ModelSpec(source=f"hf:{tmp_path}(pretrained=True)"))
    assert network.view == View(rate=4000, flat=True, standardised=True)
    data = load_data(DataSpec(source=str(folder), limit=24, heldout_limit=12))
    found = ms.compare(
        network,
        network,
        data,
        cuts=("wav2vec2.encoder.layers.0",),
        controls=(),
        evidence=(),
        fit=ms.FitSpec(steps=2),
        allow_untrained=True,
    )
    assert not found.failed


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "cannot read the sound '.*bad.wav'"),
        (b"RIFF\x00\x00\x00\x00WAVE", "cannot read the sound '.*bad.wav'"),
        (b"hello, this is no sound at all", "cannot read the sound '.*bad.wav': File format"),
    ],
)
def test_a_file_that_is_no_sound_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    for label in ("a", "b"):
        write(tmp_path / label / "good.wav", tone(300.0, 0))
        (tmp_path / label / "bad.wav").write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        load_data(DataSpec(source=str(tmp_path)))
    assert "\n" not in str(caught.value)


def test_sounds_that_hold_nothing_or_no_numbers(tmp_path: Path) -> None:
    for label in ("a", "b"):
        write(tmp_path / label / "0.wav", tone(300.0, 0))
        write(tmp_path / label / "1.wav", np.full(10, np.nan, np.float32))
    with pytest.raises(DataError, match=r"1.wav': it holds NaN or infinity"):
        load_data(DataSpec(source=str(tmp_path)))
    for label in ("a", "b"):
        write(tmp_path / label / "1.wav", np.zeros(0, np.int16))
    with pytest.raises(DataError, match=r"1.wav': it holds no samples"):
        load_data(DataSpec(source=str(tmp_path)))


def test_an_empty_class_is_named(tmp_path: Path) -> None:
    write(tmp_path / "a" / "0.wav", tone(300.0, 0))
    (tmp_path / "b").mkdir()
    with pytest.raises(DataError, match=r"class folder '.*b' holds no sound: expected files ending in .wav"):
        load_data(DataSpec(source=str(tmp_path)))


def test_a_sound_that_ends_before_its_time_is_named(tmp_path: Path) -> None:
    for label in ("a", "b"):
        write(tmp_path / label / "0.wav", tone(300.0, 0))
        write(tmp_path / label / "1.wav", tone(300.0, 1))
    whole = (tmp_path / "b" / "1.wav").read_bytes()
    (tmp_path / "b" / "1.wav").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"b/1.wav': it ends before its declared length"):
        load_data(DataSpec(source=str(tmp_path)))
    size = whole.index(b"data") + 4
    (tmp_path / "b" / "1.wav").write_bytes(
        whole[:size] + (2**32 - 100).to_bytes(4, "little") + whole[size + 4 :]
    )
    with pytest.raises(DataError, match=r"b/1.wav': it .*ends before its declared length"):
        load_data(DataSpec(source=str(tmp_path)))


def test_a_sound_of_a_program_that_did_not_know_its_length_is_read(tmp_path: Path) -> None:
    for label in ("a", "b"):
        for number in range(2):
            write(tmp_path / label / f"{number}.wav", tone(300.0, number))
    expected = load_data(DataSpec(source=str(tmp_path)))
    for path in tmp_path.rglob("*.wav"):
        content = path.read_bytes()
        size = content.index(b"data") + 4
        path.write_bytes(content[:4] + b"\xff" * 4 + content[8:size] + b"\xff" * 4 + content[size + 4 :])
    assert torch.equal(load_data(DataSpec(source=str(tmp_path))).train.images, expected.train.images)
