from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import nn

from modelstitch.cutting.layouts import channels_last
from modelstitch.errors import RunError, WeightsError
from modelstitch.models.zoo.checkpoint import Card, read_card, save_checkpoint
from modelstitch.specs import View

ARGUMENTS = {"width": 2, "classes": 3, "channels": 1}
numbers = st.floats(-1, 1)
views = st.builds(
    View,
    size=st.none() | st.tuples(st.integers(1, 99), st.integers(1, 99)),
    channels=st.none() | st.integers(1, 3),
    mean=st.just((0.25, 0.5)),
    std=st.tuples(st.floats(0.1, 1), st.floats(0.1, 1)),
) | st.just(View())
plain = st.dictionaries(
    st.text(max_size=3), st.none() | st.integers() | numbers | st.text(max_size=5), max_size=3
)
cards = st.builds(
    Card,
    network=st.sampled_from(["R1111", "R34"]),
    arguments=st.fixed_dictionaries(dict.fromkeys(ARGUMENTS, st.integers(1, 99))),
    view=views,
    data=plain,
    recipe=plain,
    seed=st.integers(-5, 2**40),
    accuracy=st.none() | numbers,
    n_heldout=st.integers(0, 9),
    classes=st.lists(st.text(max_size=5), max_size=3).map(tuple),
)


def module(seed: int = 0) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))


def card(**changes: Any) -> Card:
    values: dict[str, Any] = {"network": "R1111", "arguments": ARGUMENTS, "view": View(), **changes}
    return Card(**values)


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cards)
def test_a_card_is_read_as_it_was_written(tmp_path: Path, written: Card) -> None:
    save_checkpoint(nn.Linear(1, 1), written, tmp_path / "net.safetensors")
    assert read_card(tmp_path / "net.safetensors") == written


def test_weights_are_written_bit_by_bit_however_they_are_stored(tmp_path: Path) -> None:
    for each in (module(), channels_last(module()), module().double()):
        save_checkpoint(each, card(), tmp_path / "new" / "folder" / "net.safetensors")
        loaded = load_file(tmp_path / "new" / "folder" / "net.safetensors")
        assert loaded.keys() == each.state_dict().keys()
        assert all(torch.equal(loaded[key], value) for key, value in each.state_dict().items())
        assert all(loaded[key].dtype == value.dtype for key, value in each.state_dict().items())


def test_a_checkpoint_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    save_checkpoint(module(0), card(seed=0), path)
    save_checkpoint(module(1), card(seed=1), path)
    read = read_card(path)
    assert read is not None
    assert read.seed == 1
    assert torch.equal(load_file(path)["0.weight"], module(1).get_parameter("0.weight"))
    assert [each.name for each in tmp_path.iterdir()] == ["net.safetensors"]


def test_a_write_that_fails_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "net.safetensors"
    path.mkdir()
    with pytest.raises(RunError, match=r"cannot write '.*net\.safetensors': .*directory"):
        save_checkpoint(module(), card(), path)
    assert list(tmp_path.iterdir()) == [path]
    path.rmdir()
    save_checkpoint(module(0), card(seed=0), path)
    whole = path.read_bytes()

    def half(state: Any, file: Path, metadata: dict[str, str]) -> None:
        file.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("modelstitch.models.zoo.checkpoint.save_file", half)
    with pytest.raises(RunError, match=r"cannot write '.*net\.safetensors': .*No space left on device"):
        save_checkpoint(module(1), card(seed=1), path)
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == whole


GOOD = {"network": "R1111", "arguments": ARGUMENTS, "view": {}, "classes": ["a"]}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "JSONDecodeError"),
        ('{"network": "R1', "JSONDecodeError"),
        ("[]", "TypeError"),
        ("null", "TypeError"),
        ("{}", "KeyError.*view"),
        (json.dumps({"network": "R1111"}), "KeyError.*view"),
        (json.dumps({**GOOD, "classes": 3}), "TypeError"),
        (json.dumps({**GOOD, "view": []}), "AttributeError"),
        (json.dumps({**GOOD, "view": {"colour": 1}}), r"View\(\) has no option 'colour'"),
        (json.dumps({**GOOD, "view": {"size": [0, 8]}}), "image size > 0, got 0"),
        (json.dumps({**GOOD, "view": {"mean": [0.5]}}), "mean and std together"),
        (json.dumps({**GOOD, "newer": 1}), "unexpected keyword argument 'newer'"),
        (json.dumps({**GOOD, "network": 5}), "network 5 with"),
        (json.dumps({**GOOD, "arguments": {}}), r"network 'R1111' with \{\}"),
        (json.dumps({**GOOD, "arguments": {**ARGUMENTS, "depth": 4}}), "'depth': 4"),
        (json.dumps({**GOOD, "arguments": None}), "TypeError"),
    ],
)
def test_a_damaged_card_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "net.safetensors"
    save_file({"a": torch.ones(1)}, path, metadata={"modelstitch": json.dumps(GOOD)})
    assert read_card(path) == card(classes=("a",))
    save_file({"a": torch.ones(1)}, path, metadata={"modelstitch": text})
    with pytest.raises(
        WeightsError,
        match=(
            r"cannot read the card of checkpoint '.*net\.safetensors', "
            rf"expected what modelstitch train .*{reason}"
        ),
    ):
        read_card(path)


def test_files_that_are_no_checkpoints_have_no_card(tmp_path: Path) -> None:
    save_checkpoint(module(), card(), tmp_path / "whole.safetensors")
    whole = (tmp_path / "whole.safetensors").read_bytes()
    file = tmp_path / "other"
    for content in (b"", b"x", whole[:-1], whole[:40], whole + b"more"):
        file.write_bytes(content)
        assert read_card(file) is None
    torch.save(module().state_dict(), file)
    assert read_card(file) is None
    assert read_card(tmp_path) is None
    assert read_card(tmp_path / "gone") is None
    assert read_card(tmp_path / "whole.safetensors") == card()


def test_the_label_is_short() -> None:
    assert card(seed=7).label == "R1111 (width 2, seed 7)"
