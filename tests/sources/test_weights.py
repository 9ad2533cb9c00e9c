from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from modelstitch.errors import WeightsError
from modelstitch.sources.models.weights import load_weights, read_state_dict, strip_prefixes


def model(seed: int = 0) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(8, 3))


def state(seed: int = 1) -> dict[str, Tensor]:
    return {key: value.clone() for key, value in model(seed).state_dict().items()}


def same(module: nn.Module, wanted: dict[str, Tensor]) -> bool:
    return all(torch.equal(value, wanted[key]) for key, value in module.state_dict().items())


@pytest.mark.parametrize("nested", [None, "state_dict", "model_state_dict", "model", "net"])
@pytest.mark.parametrize(
    "prefix", ["", "module.", "_orig_mod.", "model.", "module._orig_mod.", "_orig_mod.module."]
)
def test_usual_checkpoints(tmp_path: Path, nested: str | None, prefix: str) -> None:
    saved: Any = {prefix + key: value for key, value in state().items()}
    if nested is not None:
        saved = {nested: saved, "epoch": 3}
    torch.save(saved, tmp_path / "w.pt")
    module = model()
    load_weights(module, tmp_path / "w.pt", "M")
    assert same(module, state())


def test_safetensors_and_the_old_format_of_torch(tmp_path: Path) -> None:
    save_file(state(), tmp_path / "w.safetensors")
    torch.save(state(), tmp_path / "w.th", _use_new_zipfile_serialization=False)
    for name in ("w.safetensors", "w.th"):
        module = model()
        load_weights(module, tmp_path / name, "M")
        assert same(module, state())


def test_a_prefix_that_the_model_itself_has_is_kept() -> None:
    wanted = {"model.a", "model.b"}
    kept = strip_prefixes({"model.a": torch.ones(1), "model.b": torch.ones(1)}, wanted)
    assert set(kept) == wanted
    assert set(strip_prefixes({"module.model.a": torch.ones(1)}, wanted)) == {"model.a"}


def test_counters_of_old_files_may_be_missing(tmp_path: Path) -> None:
    saved = {key: value for key, value in state().items() if "num_batches" not in key}
    torch.save(saved, tmp_path / "w.pt")
    load_weights(model(), tmp_path / "w.pt", "M")


def mismatched() -> dict[str, Tensor]:
    saved = state()
    for key in ("0.weight", "1.bias", "1.weight", "1.running_mean"):
        del saved[key]
    saved["3.weight"] = torch.zeros(3, 9)
    saved["extra.weight"] = torch.zeros(1)
    return saved


def test_a_mismatch_is_counted_listed_and_loads_nothing(tmp_path: Path) -> None:
    torch.save(mismatched(), tmp_path / "w.pt")
    module = model()
    with pytest.raises(WeightsError) as caught:
        load_weights(module, tmp_path / "w.pt", "M")
    text = str(caught.value)
    assert "do not fit model M: of 9 keys, 4 missing: 0.weight, 1.bias, 1.running_mean, ...;" in text
    assert "1 unexpected: extra.weight;" in text
    assert "1 of another shape: 3.weight (file (3, 9), model (3, 8))" in text
    assert "nothing was loaded" in text
    assert same(module, state(0))


def test_a_partial_load_is_explicit(tmp_path: Path) -> None:
    torch.save(mismatched(), tmp_path / "w.pt")
    module = model()
    load_weights(module, tmp_path / "w.pt", "M", partial=True)
    assert torch.equal(module.get_parameter("3.bias"), state()["3.bias"])
    assert torch.equal(module.get_parameter("0.weight"), state(0)["0.weight"])
    torch.save({"other": torch.ones(1)}, tmp_path / "x.pt")
    with pytest.raises(WeightsError, match="share no key with model M"):
        load_weights(module, tmp_path / "x.pt", "M", partial=True)


def test_weights_that_are_not_numbers_are_refused(tmp_path: Path) -> None:
    saved = state()
    saved["3.weight"][0, 0] = float("nan")
    torch.save(saved, tmp_path / "w.pt")
    with pytest.raises(WeightsError, match=r"not finite, in 1 tensors: 3\.weight"):
        load_weights(model(), tmp_path / "w.pt", "M")


class Attack:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return Path.touch, (self.marker,)


@pytest.mark.parametrize("with_torch", [True, False])
def test_a_file_that_carries_code_is_refused_and_not_run(tmp_path: Path, with_torch: bool) -> None:
    marker, file = tmp_path / "was-run", tmp_path / "evil.pt"
    content = {"state_dict": state(), "x": Attack(marker)}
    if with_torch:
        torch.save(content, file)
    else:
        file.write_bytes(pickle.dumps(content))
    with pytest.raises(WeightsError, match=r"evil\.pt' carry code|cannot read weights .*evil\.pt"):
        read_state_dict(file)
    assert not marker.exists()


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
@pytest.mark.parametrize("keep", [0, 1, 10, 100, 700])
def test_truncated_files(tmp_path: Path, suffix: str, keep: int) -> None:
    whole, cut = tmp_path / f"w{suffix}", tmp_path / f"cut{suffix}"
    if suffix == ".pt":
        torch.save(state(), whole)
    else:
        save_file(state(), whole)
    cut.write_bytes(whole.read_bytes()[:keep])
    with pytest.raises(WeightsError, match=rf"cannot read weights '.*cut\{suffix}'"):
        read_state_dict(cut)


def test_other_files_and_none(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(WeightsError, match=r"no weights file '.*gone\.pt'; files there: notes\.txt"):
        read_state_dict(tmp_path / "gone.pt")
    with pytest.raises(WeightsError, match="no weights file"):
        read_state_dict(tmp_path)
    with pytest.raises(WeightsError, match="cannot read weights"):
        read_state_dict(tmp_path / "notes.txt")
    torch.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(WeightsError, match="no state dict in .*got list"):
        read_state_dict(tmp_path / "list.pt")
    torch.save({"epoch": 1, "best": 0.5}, tmp_path / "log.pt")
    with pytest.raises(
        WeightsError, match=r"under one of state_dict, model_state_dict, model, net, got keys epoch, best"
    ):
        read_state_dict(tmp_path / "log.pt")
