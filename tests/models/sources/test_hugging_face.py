"""Models of transformers, from local folders in the hub's own format."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from options import usable_torchvision

import modelstitch as ms
from modelstitch.cutting import GraphCutModel, certify, cut_model
from modelstitch.data.parts import Data
from modelstitch.errors import MissingExtraError, ModelError, SpecError
from modelstitch.models.load import load_model
from modelstitch.specs import ModelSpec, View

usable_torchvision()  # which transformers looks at when it is imported

from transformers import (  # noqa: E402
    AutoConfig,
    BertConfig,
    BertForMaskedLM,
    BertForSequenceClassification,
    CLIPTextConfig,
    CLIPTextModel,
    GPT2Config,
    GPT2ForSequenceClassification,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    LlamaForSequenceClassification,
    PreTrainedModel,
    ResNetConfig,
    ResNetForImageClassification,
    ViTConfig,
    ViTForImageClassification,
)


def vit(folder: Path) -> ViTForImageClassification:
    """Save a small vision transformer for grey 8 x 8 images, with what the hub says of its images."""
    config = ViTConfig(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        image_size=8,
        patch_size=2,
        num_channels=1,
        num_labels=10,
    )
    torch.manual_seed(0)
    module = ViTForImageClassification(config).eval()
    module.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(
        json.dumps(
            {
                "image_processor_type": "ViTImageProcessor",
                "size": {"height": 8, "width": 8},
                "do_normalize": True,
                "image_mean": [0.25],
                "image_std": [0.5],
            }
        )
    )
    return module


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("hub") / "tiny-vit"
    vit(path)
    return path


def test_a_folder_gives_the_model_its_weights_and_its_view(folder: Path) -> None:
    network = load_model(ModelSpec(source=f"hf:{folder}(pretrained=True)"))
    assert network.view == View(size=(8, 8), channels=1, mean=(0.25,), std=(0.5,))
    known = ViTForImageClassification.from_pretrained(folder)
    x = torch.randn(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(network.module(x).logits, known(x).logits)
    untrained = load_model(ModelSpec(source=f"hf:{folder}", seed=1))
    assert "untrained (seed 1)" in untrained.name
    with torch.no_grad():
        assert not torch.equal(untrained.module(x).logits, known(x).logits)


def with_processor(folder: Path, **keys: Any) -> ModelSpec:
    """Return the spec of the vision transformer with other keys in its processor's file."""
    vit(folder)
    file = folder / "preprocessor_config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **keys}))
    return ModelSpec(source=f"hf:{folder}(pretrained=True)")


def test_the_keys_of_a_processor_file_reach_the_view(tmp_path: Path) -> None:
    spec = with_processor(
        tmp_path,
        do_center_crop=True,
        size={"height": 10, "width": 12},
        crop_size={"height": 8, "width": 8},
        resample=3,
        rescale_factor=1 / 127.5,
    )
    assert load_model(spec).view == View(
        size=(8, 8),
        channels=1,
        mean=(0.125,),
        std=(0.25,),
        framing=("resize 10x12", "crop 8x8"),
        interpolation="bicubic",
    )


def test_an_unknown_key_of_a_processor_file_stops_a_run_by_name(tmp_path: Path, digits: Data) -> None:
    spec = with_processor(tmp_path, do_sharpen=True)
    with pytest.raises(SpecError, match="the key 'do_sharpen' of ViTImageProcessor is not known here"):
        ms.compare(spec, spec, digits, controls=(), evidence=(), allow_untrained=True)
    own = replace(spec, view=View(size=(8, 8), mean=(0.25,), std=(0.5,)))
    assert load_model(own).view == View(size=(8, 8), channels=1, mean=(0.25,), std=(0.5,))
    half = replace(spec, view=View(mean=(0.25,), std=(0.5,)))
    assert load_model(half).view.unread == "the key 'do_sharpen' of ViTImageProcessor"


def test_a_processor_that_is_not_there_is_named(tmp_path: Path) -> None:
    spec = with_processor(tmp_path, image_processor_type="OwnImageProcessor")
    unread = load_model(spec).view.unread
    assert unread is None or unread.startswith("OwnImageProcessor")


def test_a_model_built_for_another_size_is_shown_that_size(folder: Path) -> None:
    network = load_model(ModelSpec(source=f"hf:{folder}(image_size=12)"))
    assert (network.view.size, network.view.mean) == ((12, 12), (0.25,))


def test_values_of_the_configuration_can_be_replaced(folder: Path) -> None:
    network = load_model(ModelSpec(source=f"hf:{folder}(num_labels=3, num_hidden_layers=1)"))
    x = torch.zeros(2, 1, 8, 8)
    assert network.module(x).logits.shape == (2, 3)
    with pytest.raises(ModelError, match="its configuration has no num_lables"):
        load_model(ModelSpec(source=f"hf:{folder}(num_lables=3)"))


def test_its_blocks_are_cut_and_stitched_with_any_other_network(folder: Path, digits: Data) -> None:
    names = [
        cut.name
        for cut in ms.cuts(load_model(ModelSpec(source=f"hf:{folder}")).module, torch.zeros(2, 1, 8, 8))
    ]
    assert any(name.endswith("layers.0") for name in names)
    blocks = [name for name in names if name.endswith(("layers.0", "layer.1"))]
    result = ms.compare(
        f"hf:{folder}(pretrained=True)",
        "zoo:R1111(width=4, channels=1)",
        digits,
        sender_cuts=blocks,
        receiver_cuts=["layers.2"],
        fit=ms.FitSpec(steps=5),
        controls=["random-sender"],
        evidence=["agreement"],
        allow_untrained=True,
    )
    assert result.baseline("sender") is not None
    assert not result.failed
    back = ms.stitch(
        "zoo:R1111(width=4, channels=1)",
        "layers.2",
        f"hf:{folder}(pretrained=True)",
        blocks[0],
        digits,
        fit=ms.FitSpec(steps=5),
        allow_untrained=True,
    )
    assert back(digits.heldout.images[:3]).shape == (3, 10)
    assert back.score(digits.heldout) == back.accuracy


def test_a_convolutional_network_without_a_preprocessor(tmp_path: Path) -> None:
    config = ResNetConfig(
        num_channels=3,
        embedding_size=8,
        hidden_sizes=[8, 16],
        depths=[1, 1],
        layer_type="basic",
        num_labels=4,
    )
    ResNetForImageClassification(config).save_pretrained(tmp_path)
    network = load_model(ModelSpec(source=f"hf:{tmp_path}(pretrained=True)"))
    assert network.view == View(channels=3)
    cuts = ms.cuts(network.module, torch.zeros(2, 3, 32, 32))
    assert any("stages.0" in cut.name for cut in cuts)


SMALL = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "vocab_size": 30,
    "max_position_embeddings": 16,
}
GPT2 = {
    "n_embd": 16,
    "n_layer": 2,
    "n_head": 2,
    "vocab_size": 30,
    "n_positions": 16,
    "bos_token_id": 1,
    "eos_token_id": 1,
}


def text_models() -> dict[str, PreTrainedModel]:
    torch.manual_seed(0)
    return {
        "bert": BertForSequenceClassification(BertConfig(**SMALL, num_labels=3)),
        "gpt2": GPT2LMHeadModel(GPT2Config(**GPT2)),
        "llama": LlamaForCausalLM(LlamaConfig(**SMALL, bos_token_id=1, eos_token_id=1)),
        "masked": BertForMaskedLM(BertConfig(**SMALL)),
    }


@pytest.mark.parametrize("name", ["bert", "gpt2", "llama", "masked"])
def test_models_that_read_come_with_their_own_head_and_are_cut_exactly_with_masks(
    name: str, tmp_path: Path
) -> None:
    text_models()[name].save_pretrained(tmp_path)
    network = load_model(ModelSpec(source=f"hf:{tmp_path}(pretrained=True)"))
    assert network.view == View(most_tokens=16)
    assert type(network.module) is type(text_models()[name])
    tokens = torch.randint(0, 30, (5, 8), generator=torch.Generator().manual_seed(0))
    mask = (torch.arange(8)[None] < torch.tensor([8, 3, 5, 8, 2])[:, None]).long()
    cutting = cut_model(network.module, tokens, name, {"attention_mask": mask})
    assert isinstance(cutting, GraphCutModel)
    assert len(cutting.boundaries) >= 3
    for cut in cutting.cuts:
        halves = cutting.prefix(cut.name), cutting.suffix(cut.name)
        assert certify(network.module, *halves, tokens, cut.name, {"attention_mask": mask}) == 0


@pytest.mark.parametrize("name", ["llama", "gpt2 for classes", "llama for classes", "clip"])
def test_models_are_cut_as_they_are_configured(name: str) -> None:
    torch.manual_seed(0)
    built: dict[str, Callable[[], PreTrainedModel]] = {
        "llama": lambda: LlamaForCausalLM(LlamaConfig(**SMALL)),
        "gpt2 for classes": lambda: GPT2ForSequenceClassification(GPT2Config(**GPT2, pad_token_id=0)),
        "llama for classes": lambda: LlamaForSequenceClassification(LlamaConfig(**SMALL, pad_token_id=0)),
        "clip": lambda: CLIPTextModel(CLIPTextConfig(**SMALL, eos_token_id=29)),
    }
    model = built[name]().eval()
    tokens = torch.randint(2, 29, (5, 8), generator=torch.Generator().manual_seed(0))
    ends = torch.tensor([8, 3, 5, 8, 2])
    tokens[torch.arange(8)[None] >= ends[:, None]] = 0
    tokens[torch.arange(5), ends - 1] = 29
    model_cuts = ms.cuts(model, tokens)
    assert model_cuts.technique.startswith("graph capture")
    assert ("without its cache" in model_cuts.technique) == (name != "clip")
    blocks = [cut.name for cut in model_cuts.boundaries if cut.name.rpartition(".")[2].isdigit()]
    assert len(blocks) == 2
    other = tokens.flip(0)
    expected = model(other)
    for block in blocks:
        prefix, suffix = model_cuts.split(block)
        again = {} if name == "llama" else {"input_ids": other}
        got = suffix(prefix(other), **again)
        assert not {"past_key_values", "cache"} & set(got)
        assert all(torch.equal(got[key], expected[key]) for key in got)


def test_language_models_of_two_kinds_are_stitched(tmp_path: Path) -> None:
    models = text_models()
    for name in ("gpt2", "llama"):
        models[name].save_pretrained(tmp_path / name)
    tokens = torch.randint(2, 30, (40, 8), generator=torch.Generator().manual_seed(0))
    mask = (
        torch.arange(8)[None] < torch.randint(3, 9, (40, 1), generator=torch.Generator().manual_seed(1))
    ).long()
    data = ms.data_from(tokens, task="next-token", kwargs={"attention_mask": mask})
    found = ms.compare(
        f"hf:{tmp_path / 'gpt2'}(pretrained=True)",
        f"hf:{tmp_path / 'llama'}(pretrained=True)",
        data,
        sender_cuts=("transformer.h.0",),
        receiver_cuts=("model.layers.0",),
        fit=ms.FitSpec(steps=3),
        evidence=("kept",),
        allow_untrained=True,
    )
    assert not found.failed
    assert found.controls == ("trained", "random-sender", "clustered-noise", "one-hot", "self-stitch")


def test_what_a_model_ends_in_can_be_asked_for(tmp_path: Path) -> None:
    text_models()["gpt2"].save_pretrained(tmp_path)
    network = load_model(
        ModelSpec(source=f"hf:{tmp_path}(head='text-classification', num_labels=4, pad_token_id=0)")
    )
    assert type(network.module).__name__ == "GPT2ForSequenceClassification"
    with pytest.raises(ModelError, match="unknown head of hf:.* 'causal_lm'.*did you mean 'causal-lm'"):
        load_model(ModelSpec(source=f"hf:{tmp_path}(head='causal_lm')"))
    with pytest.raises(ModelError, match="cannot build 'hf:.*'") as caught:
        load_model(ModelSpec(source=f"hf:{tmp_path}(head='image-classification')"))
    assert "\n" not in str(caught.value)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "architectures": ["GPT2DoubleHeadsModel"]}))
    with pytest.raises(
        ModelError, match="its architecture GPT2DoubleHeadsModel has none of the heads image-classification"
    ):
        load_model(ModelSpec(source=f"hf:{tmp_path}"))


def test_folders_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such folder"):
        load_model(ModelSpec(source=f"hf:{tmp_path / 'missing'}"))
    with pytest.raises(ModelError, match=r"expected a folder with config\.json"):
        load_model(ModelSpec(source=f"hf:{tmp_path}"))
    (tmp_path / "config.json").write_text("{broken")
    with pytest.raises(ModelError, match="cannot build"):
        load_model(ModelSpec(source=f"hf:{tmp_path}"))


def test_weights_that_were_cut_short(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes((folder / "config.json").read_bytes())
    (tmp_path / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:1000])
    with pytest.raises(ModelError, match="cannot build") as caught:
        load_model(ModelSpec(source=f"hf:{tmp_path}(pretrained=True)"))
    assert "\n" not in str(caught.value)


def test_code_that_came_with_a_model_is_not_run(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(
        json.dumps(
            {"model_type": "own", "auto_map": {"AutoConfig": "own.OwnConfig"}, "architectures": ["Own"]}
        )
    )
    (tmp_path / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    with pytest.raises(ModelError, match="cannot build"):
        load_model(ModelSpec(source=f"hf:{tmp_path}"))
    assert not (tmp_path / "ran").exists()


def test_without_transformers_the_way_out_is_said(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtraError, match=r'pip install "modelstitch\[hf\]"'):
        load_model(ModelSpec(source=f"hf:{folder}"))


def test_the_commit_of_the_hub_stands_in_the_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = AutoConfig.from_pretrained

    def with_commit(*arguments: Any, **options: Any) -> Any:
        config = known(*arguments, **options)
        config._commit_hash = "0123456789abcdef0123"
        return config

    monkeypatch.setattr(AutoConfig, "from_pretrained", with_commit)
    assert load_model(ModelSpec(source=f"hf:{folder}(pretrained=True)")).name.endswith("commit 0123456789ab")
