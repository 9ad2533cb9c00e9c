from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor, nn

from modelstitch.errors import WeightsError
from modelstitch.models.weights.facts import WeightsFacts
from modelstitch.models.weights.file import read_entries
from modelstitch.models.weights.load import load_weights


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


class Own(nn.Module):
    """A model whose own keys begin with a wrapper's name, beside one that does not."""

    def __init__(self) -> None:
        super().__init__()
        self.module, self.head = nn.Linear(2, 2), nn.Linear(2, 3)


@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.module.", "net."])
def test_a_prefix_that_the_model_itself_has_is_kept(tmp_path: Path, prefix: str) -> None:
    wanted = {key: torch.rand_like(value) for key, value in Own().state_dict().items()}
    torch.save({prefix + key: value for key, value in wanted.items()}, tmp_path / "w.pt")
    module = Own()
    load_weights(module, tmp_path / "w.pt", "M")
    assert same(module, wanted)


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
        read_entries(file)
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
        read_entries(cut)


def test_other_files_and_none(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(WeightsError, match=r"no weights file '.*gone\.pt'; the folder '.*' holds notes\.txt"):
        read_entries(tmp_path / "gone.pt")
    with pytest.raises(WeightsError, match="no weights file"):
        read_entries(tmp_path)
    with pytest.raises(WeightsError, match="cannot read weights"):
        read_entries(tmp_path / "notes.txt")
    torch.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(WeightsError, match="no state dict in .*got list"):
        read_entries(tmp_path / "list.pt")
    torch.save({"epoch": 1, "best": 0.5}, tmp_path / "log.pt")
    with pytest.raises(WeightsError, match=r"expected tensors by name, got keys epoch, best"):
        read_entries(tmp_path / "log.pt")


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(["module", "_orig_mod", "model", "net", "encoder_q"]), max_size=5), st.data())
def test_prefixes_may_stand_in_any_order_and_number_and_be_nested(
    tmp_path: Path, prefixes: list[str], data: st.DataObject
) -> None:
    nested = data.draw(st.integers(0, len(prefixes)))
    saved: Any = {".".join([*prefixes[nested:], key]): value for key, value in state().items()}
    for name in reversed(prefixes[:nested]):
        saved = {name: saved, "epoch": 3}
    torch.save(saved, tmp_path / "w.pt")
    module = model()
    load_weights(module, tmp_path / "w.pt", "M")
    assert same(module, state())


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("form", ["zip", "old", "plain"])
@pytest.mark.parametrize("suffix", [".pt", ".th", ".bin", ".safetensors"])
def test_no_form_of_code_is_run(tmp_path: Path, protocol: int, form: str, suffix: str) -> None:
    marker = tmp_path / "was-run"

    class Code:
        def __reduce__(self) -> Any:
            return eval, (f"open({str(marker)!r}, 'w').close()",)

    pickle.loads(pickle.dumps(Code(), protocol))
    assert marker.exists()  # this is what opening it carelessly would do
    marker.unlink()
    file = tmp_path / f"evil{suffix}"
    content = {"state_dict": {**state(), "3.bias": Code()}}
    if form == "plain":
        file.write_bytes(pickle.dumps(content, protocol))
    else:
        torch.save(content, file, pickle_protocol=protocol, _use_new_zipfile_serialization=form == "zip")
    module = model()
    with pytest.raises(WeightsError, match=rf"evil\{suffix}'"):
        load_weights(module, file, "M")
    assert not marker.exists()
    assert same(module, state(0))


def test_a_whole_model_is_named_as_code(tmp_path: Path) -> None:
    torch.save(model(), tmp_path / "w.pt")
    with pytest.raises(
        WeightsError,
        match=r"carry code \(torch\.nn\.modules\.\w+\.\w+\).*: refused; save the state dict alone",
    ):
        read_entries(tmp_path / "w.pt")


def old_file() -> bytes:
    buffer = io.BytesIO()
    torch.save({"0.weight": torch.ones(2)}, buffer, _use_new_zipfile_serialization=False)
    return buffer.getvalue()


def test_an_old_file_cut_anywhere_is_refused(tmp_path: Path) -> None:
    whole, file = old_file(), tmp_path / "w.th"
    for keep in range(len(whole)):
        file.write_bytes(whole[:keep])
        with pytest.raises(WeightsError, match=r"^(cannot read )?weights '.*w\.th'"):
            read_entries(file)
    file.write_bytes(whole)
    assert read_entries(file)["0.weight"].value.tolist() == [1, 1]


@settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damaged_files_are_read_or_refused(tmp_path: Path, data: st.DataObject) -> None:
    form = data.draw(st.sampled_from(["old", "zip", ".safetensors"]))
    file = tmp_path / ("w.safetensors" if form == ".safetensors" else "w.pt")
    if form == "old":
        file.write_bytes(old_file())
    elif form == "zip":
        torch.save({"0.weight": torch.ones(2)}, file)
    else:
        save_file({"0.weight": torch.ones(2)}, file)
    content = bytearray(file.read_bytes())
    places = st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255))
    for place, value in data.draw(st.lists(places, min_size=1, max_size=3)):
        content[place] = value
    file.write_bytes(content)
    try:
        loaded = read_entries(file)
    except WeightsError:
        return
    assert any(isinstance(entry.value, Tensor) for entry in loaded.values())


def test_a_folder_is_named_as_one_with_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()
    with pytest.raises(
        WeightsError, match=r"no weights file '.*weights'; it is a folder; the folder '.*weights' is empty$"
    ):
        read_entries(tmp_path / "weights")
    for name in "gfedcba":
        (tmp_path / "weights" / f"{name}.pt").touch()
    with pytest.raises(
        WeightsError,
        match=r"it is a folder; the folder .* holds a\.pt, b\.pt, c\.pt, d\.pt, e\.pt, \.\.\. \(7 in ",
    ):
        load_weights(model(), tmp_path / "weights", "M")
    with pytest.raises(
        WeightsError,
        match=r"no weights file '.*gone/w\.pt'; there is no folder '.*gone', the nearest that exists is ",
    ):
        read_entries(tmp_path / "gone" / "w.pt")


def test_safetensors_are_known_by_their_content(tmp_path: Path) -> None:
    save_file(state(), tmp_path / "w.pt")
    module = model()
    load_weights(module, tmp_path / "w.pt", "M")
    assert same(module, state())
    torch.save(state(), tmp_path / "w.safetensors")
    with pytest.raises(WeightsError, match=r"cannot read weights '.*w\.safetensors'"):
        read_entries(tmp_path / "w.safetensors")


@pytest.mark.parametrize(
    ("content", "got"),
    [
        ({}, "got keys"),
        ({"state_dict": {}}, "got keys state_dict"),
        ({"state_dict": {"0.weight": 3}}, "got keys state_dict"),
        (torch.ones(3), "got Tensor"),
        (None, "got NoneType"),
        ({str(each): each for each in range(9)}, "got keys 0, 1, 2, 3, 4, 5$"),
    ],
)
def test_a_file_without_a_state_dict_says_what_it_holds(tmp_path: Path, content: Any, got: str) -> None:
    torch.save(content, tmp_path / "w.pt")
    with pytest.raises(WeightsError, match=f"no state dict in .*: expected tensors by name, {got}"):
        read_entries(tmp_path / "w.pt")


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_every_kind_of_mismatch_is_counted(tmp_path: Path, data: st.DataObject) -> None:
    """The counts of the message against the keys that were planted."""
    saved = state()
    keys = sorted(key for key in saved if "num_batches" not in key)
    missing = data.draw(st.lists(st.sampled_from(keys), unique=True, max_size=len(keys) - 1))
    reshaped = [key for key in keys if key not in missing][: data.draw(st.integers(0, 2))]
    unexpected = [f"x{index}" for index in range(data.draw(st.integers(0, 5)))]
    for key in missing:
        del saved[key]
    for key in reshaped:
        saved[key] = saved[key][None]
    saved.update({key: torch.ones(1) for key in unexpected})
    torch.save(saved, tmp_path / "w.pt")
    module = model()
    if not (missing or reshaped or unexpected):
        load_weights(module, tmp_path / "w.pt", "M")
        assert same(module, state())
        return
    with pytest.raises(WeightsError, match="do not fit model M: of 9 keys, ") as caught:
        load_weights(module, tmp_path / "w.pt", "M")
    text = str(caught.value)
    for names, what in ((missing, "missing"), (unexpected, "unexpected"), (reshaped, "of another shape")):
        assert (f"{len(names)} {what}: " in text) == bool(names)
        for name in sorted(names)[:3]:
            assert name in text
    assert same(module, state(0))


def test_numbers_of_another_type_are_converted(tmp_path: Path) -> None:
    saved = {key: value.half() if value.is_floating_point() else value for key, value in state().items()}
    torch.save(saved, tmp_path / "w.pt")
    module = model().train()
    load_weights(module, tmp_path / "w.pt", "M")
    assert same(module, {key: value.to(state()[key].dtype) for key, value in saved.items()})
    assert module.training
    assert all(parameter.requires_grad for parameter in module.parameters())


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("partial", [False, True])
def test_values_that_are_not_finite_are_counted_by_tensor(
    tmp_path: Path, value: float, partial: bool
) -> None:
    saved = state()
    keys = [key for key in sorted(saved) if saved[key].is_floating_point()]
    for key in keys:
        saved[key].view(-1)[:2] = value
    torch.save(saved, tmp_path / "w.pt")
    module = model()
    shown = ", ".join(keys[:3])
    with pytest.raises(WeightsError, match=rf"not finite, in {len(keys)} tensors: {shown}, \.\.\.$"):
        load_weights(module, tmp_path / "w.pt", "M", partial=partial)
    assert same(module, state(0))


def test_a_partial_load_takes_exactly_what_fits(tmp_path: Path) -> None:
    torch.save(mismatched(), tmp_path / "w.pt")
    module = model()
    load_weights(module, tmp_path / "w.pt", "M", partial=True)
    ours, theirs = state(0), mismatched()
    fits = {key for key in ours if key in theirs and theirs[key].shape == ours[key].shape}
    assert fits == {"0.bias", "1.running_var", "1.num_batches_tracked", "3.bias"}
    assert same(module, {key: theirs[key] if key in fits else ours[key] for key in ours})


def test_a_partial_load_of_nothing_is_refused(tmp_path: Path) -> None:
    torch.save({key: value[None] for key, value in state().items()}, tmp_path / "w.pt")
    with pytest.raises(WeightsError, match="share no key with model M at the same shape"):
        load_weights(model(), tmp_path / "w.pt", "M", partial=True)


class Tied(nn.Module):
    """Scores tokens by the weights that embed them."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.head = nn.Embedding(7, 3), nn.Linear(3, 7, bias=False)
        self.head.weight = self.embed.weight


def test_a_weight_that_is_tied_to_another_may_be_in_the_file_once(tmp_path: Path) -> None:
    source, model = Tied(), Tied()
    save_file({"embed.weight": source.embed.weight.detach().clone()}, tmp_path / "tied.safetensors")
    assert load_weights(model, tmp_path / "tied.safetensors", "tied") == WeightsFacts()
    assert model.head.weight is model.embed.weight
    assert torch.equal(model.head.weight, source.embed.weight)
    apart = nn.ModuleDict({"embed": nn.Embedding(7, 3), "head": nn.Linear(3, 7, bias=False)})
    with pytest.raises(WeightsError, match="1 missing: head.weight"):
        load_weights(apart, tmp_path / "tied.safetensors", "apart")
