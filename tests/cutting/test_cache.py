"""Captured graphs on disk: what is read is what was captured, and nothing else is used."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from modelstitch.cli import main
from modelstitch.cutting import GraphCutModel, cache, cuts
from modelstitch.cutting.capture import capture
from modelstitch.cutting.identity import NoIdentityError, identity_of
from modelstitch.cutting.stored import read_graph, write_graph
from modelstitch.errors import RunError
from modelstitch.util.locks import locked
from tests.cutting import models as m

pytestmark = pytest.mark.skipif(os.name == "nt", reason="permissions of a folder")


class Small(nn.Module):
    """Two layers, and numbers beside them."""

    def __init__(self, slope: float = 0.1) -> None:
        super().__init__()
        self.first, self.head = nn.Linear(3, 4), nn.Linear(4, 2)
        self.slope, self.places = slope, {"first": [1, 2], "table": torch.ones(2)}

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.head(nn.functional.leaky_relu(self.first(x), self.slope))
        return output


X = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))


def seeded(seed: int = 0, slope: float = 0.1) -> Small:
    torch.manual_seed(seed)
    return Small(slope).eval()


def stored(folder: Path) -> Path:
    (path,) = folder.glob("*.graph")
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    cuts(seeded(), X, cache=tmp_path)
    return tmp_path


def test_a_second_run_reads_what_the_first_captured_for_any_weights(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def captured(*_: object, **__: object) -> None:
        raise AssertionError("captured again")

    monkeypatch.setattr("modelstitch.cutting.graph.capture", captured)
    other = seeded(1)
    found = cuts(other, X, cache=str(folder))
    assert found.technique == "graph capture, nothing computed twice, read from the cache"
    prefix, suffix = found.split("first")
    assert torch.equal(suffix(prefix(X[:3])), other(X[:3]))
    assert prefix.get_parameter("prefix.body.first.weight") is other.first.weight


_PICTURES = torch.randn(3, 3, 8, 8, generator=torch.Generator().manual_seed(0))
_WORDS = torch.randint(0, 11, (3, 5), generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("build", "example"),
    [
        (m.FunctionalResNet, _PICTURES),
        (m.Words, _WORDS),
        (lambda: nn.Sequential(nn.LSTM(5, 4, 2, batch_first=True)), torch.randn(3, 6, 5)),
    ],
)
def test_a_graph_is_read_as_it_was_written(build: type[nn.Module], example: Tensor, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model, path = build().eval(), tmp_path / "graph"
    captured = capture(model, example)
    write_graph(captured, model, path)
    own = GraphCutModel(model, example, captured=captured)
    read = GraphCutModel(model, example, captured=read_graph(path, model))
    assert own.cuts == read.cuts
    for cut in own.cuts:
        assert own.activation_bytes(cut.name) == read.activation_bytes(cut.name)
        assert own.works[cut.name] == read.works[cut.name]
        x = example[:2]
        pairs = [(one.prefix(cut.name), one.suffix(cut.name)) for one in (own, read)]
        one, other = (suffix(prefix(x)[0]) for prefix, suffix in pairs)
        torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_the_identity_is_that_of_code_architecture_and_form_not_of_weights(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def identity(model: nn.Module | None = None, x: Tensor = X, output: str | None = None) -> str:
        return identity_of(model or seeded(), x, {}, output)

    own = identity()
    assert identity(seeded(1), X + 1) == own
    table, frozen, buffer, tied = seeded(), seeded(), seeded(), seeded()
    table.places["table"] = torch.zeros(2)
    frozen.head.bias.requires_grad_(False)
    buffer.register_buffer("more", torch.zeros(1))
    tied.more = tied.first
    others = [
        identity(seeded(slope=0.2)),
        identity(x=X[:3]),
        identity(x=X.double()),
        identity(output="0"),
        *map(identity, (table, frozen, buffer, tied)),
    ]
    monkeypatch.setattr(Small, "forward", lambda self, x: self.head(self.first(x)))
    others.append(identity())
    assert len({own, *others}) == 1 + len(others)


def test_a_model_whose_content_cannot_be_told_is_not_kept_and_the_reason_is_said(tmp_path: Path) -> None:
    hooked, closed, foreign = seeded(), seeded(), seeded()
    hooked.first.register_forward_hook(lambda *_: None)
    factor = 2.0
    closed.act = lambda x: x * factor  # type: ignore[assignment]
    foreign.handle = object()  # type: ignore[assignment]
    unwritten = type("Unwritten", (Small,), {"__module__": "nowhere"})()
    for model, reason in (
        (hooked, "its module first has a hook"),
        (closed, "its attribute act is a function that reads variables around it"),
        (foreign, r"its attribute handle \(object\) cannot be told"),
        (unwritten, "the class Unwritten has no source file"),
    ):
        with pytest.raises(NoIdentityError, match=reason):
            identity_of(model, X, {}, None)
    found = cuts(hooked, X, cache=tmp_path)
    assert "not kept in the cache: its module first has a hook" in found.technique
    assert not list(tmp_path.glob("*.graph"))


def _changed(path: Path, old: str, new: str) -> None:
    with safe_open(path, "pt") as file:
        text = file.metadata()["graph"]
    assert old in text
    save_file({}, path, {"graph": text.replace(old, new)})


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:99]), "it cannot be read"),
        (lambda path: path.write_bytes(b""), "it cannot be read"),
        (lambda path: path.write_bytes(b"\x80\x04cos\nsystem\n"), "it cannot be read"),
        (lambda path: save_file({}, path, {"other": "1"}), "it cannot be read"),
        (lambda path: _changed(path, '"version": 1', '"version": 0'), "it has another form"),
        (lambda path: _changed(path, "aten::linear.default", "os::system.default"), "it cannot be read"),
        (
            lambda path: _changed(path, "aten::leaky_relu.default", "aten::relu.default"),
            "expected at most 1 argument",
        ),
        (lambda path: _changed(path, "0.1", "0.7"), "prefix and suffix do not reproduce the model"),
        (lambda path: _changed(path, "head.weight", "head.absent"), "it cannot be read"),
    ],
)
def test_a_damaged_or_false_file_is_not_used(damage: object, reason: str, folder: Path) -> None:
    path = stored(folder)
    damage(path)  # type: ignore[operator]
    model = seeded()
    with pytest.MonkeyPatch.context() as patch:
        # What it is captured by is not what is tried here.
        again = capture(model, X)
        patch.setattr("modelstitch.cutting.graph.capture", lambda *_, **__: again)
        found = cuts(model, X, cache=folder)
    assert "captured anew: the file in the cache is not used, since" in found.technique
    assert reason in found.technique
    assert "\n" not in found.technique
    with safe_open(path, "pt") as file:
        assert "aten::leaky_relu" in json.dumps(json.loads(file.metadata()["graph"]))
    assert cuts(model, X, cache=folder).technique.endswith("read from the cache")


def test_what_was_used_longest_ago_goes_first(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = stored(folder)
    held, model = cache.GraphCache(folder), seeded()
    captured = capture(model, X)
    monkeypatch.setattr(cache, "MOST_BYTES", 2.5 * first.stat().st_size)
    os.utime(first, (1, 1))
    held.save("a" * 32, captured, model)
    os.utime(folder / f"{'a' * 32}.graph", (2, 2))
    assert held.load(first.stem, model) is not None  # now the one used last
    held.save("b" * 32, captured, model)
    assert sorted(path.stem[:2] for path in folder.glob("*.graph")) == sorted([first.stem[:2], "bb"])


def test_a_cache_in_use_or_of_others_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "_PATIENCE", 0.0)
    with locked(folder / "lock", "by the test"):
        found = cuts(seeded(slope=0.3), X, cache=folder)
    assert "not kept in the cache: it cannot be written" in found.technique
    folder.chmod(0o777)
    with pytest.raises(RunError, match="expected a cache that nobody else can write"):
        cuts(seeded(), X, cache=folder)
    folder.chmod(0o700)
    with pytest.raises(RunError, match="as a cache"):
        cuts(seeded(), X, cache=stored(folder))


def test_the_command_keeps_graphs_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for said in ("kept in the cache", "read from the cache"):
        main(["cuts", "zoo:R1111(width=4)", "--cache", str(tmp_path)])
        assert said in " ".join(capsys.readouterr().out.split())
