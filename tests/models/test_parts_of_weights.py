"""Weights of sources that fit only in part: one rule for files, folders of the hub, timm and factories."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from options import usable_torchvision
from safetensors.torch import load_file, save_file
from torch import Tensor

import modelstitch as ms
from modelstitch.cli import main
from modelstitch.errors import SpecError, WeightsError
from modelstitch.models.load import load_model
from modelstitch.models.weights.facts import WeightsFacts
from modelstitch.specs import ModelSpec

usable_torchvision()  # which transformers and timm look at when they are imported

from transformers import (  # noqa: E402
    GPT2Config,
    GPT2LMHeadModel,
    ViTConfig,
    ViTForImageClassification,
    ViTModel,
)

VIT = ViTConfig(
    hidden_size=8,
    num_hidden_layers=1,
    num_attention_heads=2,
    intermediate_size=8,
    image_size=8,
    patch_size=4,
    num_channels=1,
    num_labels=10,
)
HEAD = ("classifier.bias", "classifier.weight")


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    ViTForImageClassification(VIT).save_pretrained(tmp_path / "vit")
    return tmp_path / "vit"


def changed(folder: Path, **changes: Tensor | None) -> None:
    """Add keys to the file of a folder, with dots for double underscores; None removes one."""
    file = folder / "model.safetensors"
    values = load_file(file)
    for name, value in changes.items():
        key = name.replace("__", ".")
        if value is None:
            del values[key]
        else:
            values[key] = value
    save_file(values, file, metadata={"format": "pt"})


def load(source: str, **options: Any) -> ms.Network:
    return load_model(ModelSpec(source=source, **options))


def facts_of(network: ms.Network) -> WeightsFacts:
    assert network.weights is not None
    return network.weights


def test_a_whole_folder_is_taken_whole(whole: Path) -> None:
    network = load(f"hf:{whole}(pretrained=True)")
    assert facts_of(network) == WeightsFacts()
    assert not network.name.endswith("untrained")


def test_a_body_without_its_head_is_refused(tmp_path: Path) -> None:
    ViTModel(VIT, add_pooling_layer=False).save_pretrained(tmp_path)
    source = f"hf:{tmp_path}(pretrained=True, head='image-classification')"
    with pytest.raises(WeightsError, match=r"2 missing: classifier\.bias, classifier\.weight; .*--partial"):
        load(source)
    network = load(source, partial=True)
    assert facts_of(network).untrained == HEAD
    assert network.name.endswith(f"2 of {len(network.module.state_dict())} keys untrained")


def test_a_new_head_is_untrained_unless_a_file_fills_it(whole: Path, tmp_path: Path) -> None:
    source = f"hf:{whole}(pretrained=True, num_labels=3)"
    with pytest.raises(
        WeightsError, match=r"2 of another shape: classifier\.bias \(file \(10,\), model \(3,\)\)"
    ):
        load(source)
    network = load(source, partial=True)
    assert facts_of(network).untrained == HEAD
    tuned = {key: torch.rand_like(value) for key, value in network.module.state_dict().items()}
    torch.save(tuned, tmp_path / "tuned.pt")
    filled = load(source, weights=str(tmp_path / "tuned.pt"))
    assert facts_of(filled) == WeightsFacts()
    assert torch.equal(filled.module.get_parameter("classifier.weight"), tuned["classifier.weight"])
    # A file with the head alone: the body is that of the folder, so that nothing is untrained.
    torch.save({key: tuned[key] for key in HEAD}, tmp_path / "head.pt")
    both = load(source, weights=str(tmp_path / "head.pt"), partial=True)
    assert facts_of(both).untrained == ()
    assert not both.name.endswith("untrained")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"vit__layernorm__weight": None}, r"1 missing: vit\.layernorm\.weight"),
        ({"vit__extra__weight": torch.ones(3)}, r"1 unexpected: vit\.extra\.weight"),
        ({"head2__weight": torch.ones(3)}, r"1 unexpected: head2\.weight"),
        ({"vit__layernorm__weight": torch.ones(5)}, r"1 of another shape: vit\.layernorm\.weight"),
    ],
)
def test_a_folder_that_fits_in_part_is_refused(
    whole: Path, changes: dict[str, Tensor | None], message: str
) -> None:
    changed(whole, **changes)
    with pytest.raises(WeightsError, match=f"the source's own weights do not fit model .*{message}"):
        load(f"hf:{whole}(pretrained=True)")
    assert facts_of(load(f"hf:{whole}(pretrained=True)", partial=True)).is_partial


def test_a_folder_with_two_values_for_a_tied_weight_is_refused(tmp_path: Path) -> None:
    config = GPT2Config(n_embd=8, n_layer=1, n_head=2, vocab_size=20, n_positions=8, bos_token_id=1)
    GPT2LMHeadModel(config).save_pretrained(tmp_path)
    assert facts_of(load(f"hf:{tmp_path}(pretrained=True)")) == WeightsFacts()
    changed(tmp_path, lm_head__weight=torch.rand(20, 8))
    with pytest.raises(WeightsError, match=r"2 with two values: lm_head\.weight, transformer\.wte\.weight"):
        load(f"hf:{tmp_path}(pretrained=True)")


def test_a_new_head_of_timm_is_untrained(tmp_path: Path) -> None:
    import timm

    torch.manual_seed(0)
    known = timm.create_model("test_resnet", num_classes=1000)
    save_file(known.state_dict(), tmp_path / "w.safetensors")
    overlay = json.dumps({"file": str(tmp_path / "w.safetensors"), "hf_hub_id": ""})
    source = f"timm:test_resnet(pretrained=True, num_classes=3, pretrained_cfg_overlay={overlay})"
    with pytest.raises(WeightsError, match=r"2 missing: fc\.bias, fc\.weight"):
        load(source)
    network = load(source, partial=True)
    assert facts_of(network).untrained == ("fc.bias", "fc.weight")
    key = next(iter(known.state_dict()))
    assert torch.equal(network.module.state_dict()[key], known.state_dict()[key])
    whole = load(source.replace("num_classes=3, ", ""))
    assert facts_of(whole) == WeightsFacts()


FACTORY = """
import torch
from torch import nn

def net(head=None):
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 3))
    state = torch.load("body.pt")
    print(model.load_state_dict(state, strict=False))
    if head == "set":
        with torch.no_grad():
            model[2].weight.fill_(0.5), model[2].bias.fill_(0.5)
    if head == "loaded":
        model[2].load_state_dict({"weight": torch.ones(3, 4), "bias": torch.ones(3)})
    return model
"""


def test_a_factory_that_loads_a_part_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "partly_loading.py").write_text(FACTORY)
    torch.save({"0.weight": torch.ones(4, 4), "0.bias": torch.ones(4)}, tmp_path / "body.pt")
    with pytest.raises(WeightsError, match=r"2 missing: 2\.bias, 2\.weight"):
        load("partly_loading:net")
    assert facts_of(load("partly_loading:net", partial=True)).untrained == ("2.bias", "2.weight")
    for head in ("set", "loaded"):
        network = load(f"partly_loading:net(head={head!r})")
        assert facts_of(network) == WeightsFacts()
        assert not network.name.endswith("untrained")


def test_a_key_needs_a_file() -> None:
    with pytest.raises(SpecError, match="expected a weights file beside the key 'ema'"):
        load("zoo:R1111(width=2)", weights_key="ema")


def test_choices_stand_in_the_result(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = "zoo:R1111(width=2, channels=1)"
    one, other = (load(source, seed=seed).module.state_dict() for seed in (3, 4))
    del other["head.2.bias"]
    torch.save({"model": one, "ema": other, "epoch": 3}, tmp_path / "w.pt")
    words = [
        "compare",
        "--allow-untrained",
        source,
        source,
        "--data",
        "digits",
        "--limit",
        "100",
        "--heldout-limit",
        "100",
    ]
    words += ["--cuts", "layers.2", "--controls", "none", "--evidence", "none", "--steps", "2"]
    words += ["--sender-weights", str(tmp_path / "w.pt"), "--receiver-weights", str(tmp_path / "w.pt")]
    assert main(words) == 2
    assert "several sets of weights for model" in capsys.readouterr().err
    words += ["--weights-key", "ema", "--sender-weights-key", "model", "--partial"]
    assert main([*words, "--out", str(tmp_path / "run")]) == 0
    err = capsys.readouterr().err
    assert "The weights of the sender are the set model of its file." in err
    assert "Left out of the weights of the sender, outside the network: ema.* (" in err
    found = ms.load(tmp_path / "run")
    assert found.sender.endswith(", weights model")
    assert found.receiver.endswith(f", weights ema, 1 of {len(one)} keys untrained")
    assert found.facts.pair.weights.receiver == WeightsFacts(
        key="ema", left_out=("epoch", f"model.* ({len(one)})"), untrained=("head.2.bias",)
    )
    assert (found.spec.sender.weights_key, found.spec.receiver.weights_key) == ("model", "ema")
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "The weights of the receiver fit only in part: 1 key is untrained (head.2.bias)." in page
    assert "--receiver-weights-key ema" in page
