"""Networks with masks, tokens, sounds and several outputs; with a backward of their own; beyond ONNX."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnxruntime
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

import modelstitch as ms
from modelstitch.adoption.folder.export import Exported, ExportSpec, export
from modelstitch.adoption.monitor.new_stream import arrivals_of_items
from modelstitch.adoption.monitor.stream import read_line
from modelstitch.adoption.pilot.both import both_networks, expect_further
from modelstitch.adoption.pilot.new_data import expect_fit
from modelstitch.errors import DataError, RunError
from modelstitch.results.stitched import StitchedCell

from .conftest import small, stitched_of

OPTIONS = ExportSpec(by="Ann", accept_risk="a test")


def drawn(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class Words(nn.Module):
    """Tokens and their mask to two outputs; the tokens of the first half decide the label."""

    def __init__(self, seed: int, width: int) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.embed = nn.Embedding(20, width)
            self.mix = nn.Linear(width, width)
            self.head = nn.Linear(width, 2)

    def forward(self, x: Tensor, attention_mask: Tensor) -> dict[str, Tensor]:
        tokens = torch.relu(self.mix(self.embed(x)))
        here = attention_mask[:, :, None].to(tokens.dtype)
        pooled = (tokens * here).sum(1) / here.sum(1).clamp_min(1)
        return {"pooled": pooled, "logits": self.head(pooled)}


def words() -> ms.Data:
    x = torch.randint(1, 20, (1800, 6), generator=drawn(0))
    mask = (torch.arange(6) < torch.randint(2, 7, (1800, 1), generator=drawn(1))).long()
    return ms.data_from(x * mask, (x[:, 0] > 9).long(), kwargs={"attention_mask": mask})


def test_tokens_a_mask_and_two_outputs(tmp_path: Path) -> None:
    data = words()
    stitched = stitched_of(Words(0, 4), Words(1, 5), data, "mix", "mix")
    found = export(stitched, tmp_path / "words", OPTIONS)
    assert all(one.holds for one in found.card.forms)
    assert [one.form for one in found.card.forms][-1] == "model.onnx"
    module = ms.load_stitched(found.folder)
    few = data.heldout.take(torch.arange(5))
    with torch.no_grad():
        outputs = module.outputs(few.images, **few.kwargs)
        assert list(outputs) == ["logits", "pooled"]
        torch.testing.assert_close(outputs["logits"], stitched(few.images, **few.kwargs))
        other = module(few.images, attention_mask=torch.ones_like(few.kwargs["attention_mask"]))
    assert not torch.allclose(other, outputs["logits"])
    session = onnxruntime.InferenceSession(str(found.folder / "model.onnx"))
    assert [(one.name, one.shape[0]) for one in session.get_inputs()] == [
        ("x", "batch"),
        ("attention_mask", "batch"),
    ]
    with pytest.raises(DataError, match="expected the inputs x, attention_mask, got x"):
        module(few.images)
    # The same examples as lines of a stream, and beside the receiver.
    lines = [
        json.dumps({"x": x.tolist(), "attention_mask": mask.tolist()}) + "\n"
        for x, mask in zip(few.images, few.kwargs["attention_mask"], strict=True)
    ]
    receiver = ms.Network(module=Words(1, 5).eval(), name="words", view=ms.View())
    got = of_lines(found.folder, receiver, lines)
    torch.testing.assert_close(got, receiver.module(few.images, **few.kwargs)["logits"])
    # Without the mask that the receiver had in the run, its answers would be others.
    bare = replace(data, heldout=replace(few, kwargs={}), train=replace(data.train, kwargs={}))
    with pytest.raises(DataError, match="do not fit the candidate: .* got none for attention_mask"):
        both_networks(found.folder, receiver, bare)
    with pytest.raises(DataError, match="do not fit the receiver: .* got none for attention_mask"):
        expect_further(receiver, module.spec, bare)


def of_lines(folder: Path, receiver: ms.Network, lines: list[str]) -> Tensor:
    """Return what the receiver says of the examples of a stream."""
    spec = ms.load_stitched(folder).spec
    items = [read_line(line, number, spec.contract) for number, line in enumerate(lines, 1)]
    arrived = arrivals_of_items(items, folder, spec, receiver, {})
    assert arrived.original is not None
    return arrived.original(torch.arange(len(lines)))


class Calls(nn.Module):
    """Sounds and where they end to two scores."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.first, self.second = nn.Conv1d(1, 4, 3, padding=1), nn.Conv1d(4, 4, 3, padding=1)
            self.head = nn.Linear(4, 2)

    def forward(self, x: Tensor, attention_mask: Tensor) -> Tensor:
        y = torch.relu(self.second(torch.relu(self.first(x))))
        here = attention_mask[:, None].to(y.dtype)
        scores: Tensor = self.head((y * here).sum(2) / here.sum(2))
        return scores


def test_sounds_of_several_lengths(tmp_path: Path) -> None:
    def part(n: int, seed: int) -> ms.DataPart:
        samples = torch.randint(20, 41, (n,), generator=drawn(seed))
        x = torch.rand(n, 1, 40, generator=drawn(seed + 1)) * 2 - 1
        x = x * (torch.arange(40) < samples[:, None])[:, None]
        return ms.DataPart(x, (x[:, 0, 0] > 0).long(), samples=samples)

    data = ms.Data(part(600, 0), part(600, 2), ("low", "high"), "calls", "as made", rate=1000)
    networks = [
        ms.Network(module=Calls(seed).eval(), name=f"calls {seed}", view=ms.View(masked=True))
        for seed in (0, 1)
    ]
    stitched = stitched_of(networks[0], networks[1], data, "first", "first")
    found = export(stitched, tmp_path / "calls", OPTIONS)
    assert all(one.holds for one in found.card.forms)
    module = ms.load_stitched(found.folder)
    assert [one.name for one in module.spec.contract.inputs] == ["x", "samples"]
    assert module.spec.contract.rate == 1000
    few = data.heldout.take(torch.arange(7))
    assert few.samples is not None
    with torch.no_grad():
        got = module(few.images, samples=few.samples)
        torch.testing.assert_close(got, stitched(few.images, few.samples))
        assert not torch.allclose(got, module(few.images, samples=torch.full((7,), 40)))
    lines = [
        json.dumps({"x": x.tolist(), "samples": n}) + "\n"
        for x, n in zip(few.images, few.samples.tolist(), strict=True)
    ]
    inside = (torch.arange(40) < few.samples[:, None]).long()
    heard = of_lines(found.folder, networks[1], lines)
    torch.testing.assert_close(heard, networks[1].module(few.images, inside))


def test_sounds_at_another_rate_than_the_senders(tmp_path: Path) -> None:
    def part(n: int, seed: int) -> ms.DataPart:
        x = torch.rand(n, 1, 40, generator=drawn(seed)) * 2 - 1
        return ms.DataPart(x, (x[:, 0, 0] > 0).long(), samples=torch.full((n,), 40))

    def data(n: int, rate: int) -> ms.Data:
        return ms.Data(part(200, 0), part(n, 2), ("low", "high"), "calls", "as made", rate=rate)

    networks = [
        ms.Network(module=Low(seed).eval(), name=f"low {seed}", view=ms.View(rate=rate))
        for seed, rate in ((0, 500), (1, None))
    ]
    stitched = stitched_of(networks[0], networks[1], data(600, 1000), "first", "first")
    found = export(stitched, tmp_path / "low", OPTIONS)
    contract = found.card.contract
    assert (contract.rate, contract.data_rate, contract.inputs[0].shape) == (500, 1000, (1, 20))
    # Both are given the sounds of new data as they were given those of the run.
    new = data(30, 1000)
    both, rows = both_networks(found.folder, networks[1], new), torch.arange(30)
    with torch.no_grad():
        torch.testing.assert_close(both.candidate(rows), stitched(new.heldout.images))
        torch.testing.assert_close(both.original(rows), networks[1].module(new.heldout.images))
    # At the sender's own rate they are for the candidate alone; another rate is for nobody.
    spec = ms.load_stitched(found.folder).spec
    expect_fit(data(30, 500), spec)
    with pytest.raises(DataError, match="do not fit the original: expected the rate 1000, .* got 500"):
        both_networks(found.folder, networks[1], _halved(data(30, 500)))
    with pytest.raises(DataError, match="expected the rate 1000, got 250"):
        expect_fit(data(30, 250), spec)


def _halved(data: ms.Data) -> ms.Data:
    train, heldout = (replace(part, images=part.images[..., :20]) for part in (data.train, data.heldout))
    return replace(data, train=train, heldout=heldout)


class Low(nn.Module):
    """Sounds to two scores."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.first, self.head = nn.Conv1d(1, 4, 3, 2), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.head(torch.relu(self.first(x)).mean(2))
        return scores


class _Half(torch.autograd.Function):
    """Has a backward that is no derivative, which no graph keeps: networks with it are cut by hooks."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x / 2

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return gradients[0]


class Halving(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        halved: Tensor = _Half.apply(x)  # type: ignore[no-untyped-call]
        return halved


class Wrapped(nn.Module):
    """A network around another one, which hooks must run as a whole."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.inner(x)
        return output


def hooked(seed: int, width: int) -> Wrapped:
    layers = small(seed, width)
    return Wrapped(nn.Sequential(*list(layers)[:3], Halving(), *list(layers)[3:]))


def test_a_network_that_is_cut_by_hooks(digits: ms.Data, tmp_path: Path) -> None:
    stitched = stitched_of(hooked(0, 4), hooked(1, 6), digits, "inner.2", "inner.5")
    assert [side.cutting.technique for side in stitched.sides] != ["", ""]
    assert type(stitched.prefix).__name__ == "HookPrefix"
    found = export(stitched, tmp_path / "hooked", OPTIONS)
    weights = load_file(found.folder / "model.safetensors")
    n_sender = 4 * 9 + 4 + 4 * 4  # a convolution, and the four vectors of a batch norm
    n_stitch = 4 * 12 * 4 + 12  # 4 channels to 12, in patches of 2 x 2
    n_receiver = 12 * 16 * 10 + 10
    counted = sum(value.numel() for value in weights.values() if value.is_floating_point())
    assert counted == n_sender + n_stitch + n_receiver
    everything = [path.read_bytes() for path in found.folder.iterdir()]
    rows = torch.cat([part.images[:20, 0, 2:6].reshape(20, -1) for part in (digits.train, digits.heldout)])
    assert not any(row.contiguous().numpy().tobytes() in held for row in rows for held in everything)
    with torch.no_grad():
        x = digits.heldout.images[:3]
        torch.testing.assert_close(ms.load_stitched(found.folder)(x), stitched(x), rtol=1e-4, atol=1e-5)


class BesselScaled(nn.Module):
    """An operation that ONNX does not have."""

    def forward(self, x: Tensor) -> Tensor:
        scaled: Tensor = torch.special.i0e(x)
        return scaled


def test_an_operator_that_onnx_lacks_is_named(digits: ms.Data, tmp_path: Path) -> None:
    layers = small(1, 6)
    receiver = nn.Sequential(*list(layers)[:5], BesselScaled(), *list(layers)[5:])
    found = export(stitched_of(small(0, 4), receiver, digits, "2", "4"), tmp_path / "bessel", OPTIONS)
    assert found.card.not_written == {
        "model.onnx": "model.onnx is not written: ONNX lacks the operator prims.bessel_i0e"
    }
    assert [one.form for one in found.card.forms] == ["model.pt2", "model.safetensors"]
    assert not (found.folder / "model.onnx").exists()
    assert "ONNX lacks the operator" in (found.folder / "README.md").read_text()


def test_a_missing_extra_leaves_the_other_forms(
    candidate: StitchedCell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnxscript", None)
    found: Exported = export(candidate, tmp_path / "new", OPTIONS)
    assert 'pip install "modelstitch[onnx]"' in found.card.not_written["model.onnx"]
    assert [one.form for one in found.card.forms] == ["model.pt2", "model.safetensors"]


def test_data_that_changed_since_the_run_are_refused(
    candidate: StitchedCell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    facts = replace(candidate.comparison.facts, data_content="0" * 64)
    monkeypatch.setattr(candidate, "comparison", replace(candidate.comparison, facts=facts))
    with pytest.raises(RunError, match="the data digits have changed since the run"):
        export(candidate, tmp_path / "new", OPTIONS)
    assert not list(tmp_path.iterdir())


def test_fewer_than_a_hundred_calibrating_examples_are_refused(digits: ms.Data, tmp_path: Path) -> None:
    few = ms.Data(digits.train, digits.heldout.take(torch.arange(490)), digits.classes, "few", "by hand")
    stitched = stitched_of(small(0, 4), small(1, 6), few, "2", "4")
    with pytest.raises(DataError, match=r"at least 100 examples to calibrate .*got 98.*at least 500"):
        export(stitched, tmp_path / "new", OPTIONS)
    assert not list(tmp_path.iterdir())


def test_onnxruntime_may_not_run_what_onnx_can_say(digits: ms.Data, tmp_path: Path) -> None:
    stitched = stitched_of(small(0, 4).bfloat16(), small(1, 6).bfloat16(), digits, "2", "4")
    found = export(stitched, tmp_path / "größe 名前", OPTIONS)
    assert "onnxruntime does not run it" in found.card.not_written["model.onnx"]
    assert str(tmp_path) not in found.card.not_written["model.onnx"]
    assert sorted(path.name for path in found.folder.glob("model.*")) == ["model.pt2", "model.safetensors"]
    assert [one.form for one in found.card.forms] == ["model.pt2", "model.safetensors"]
    assert ms.verify(found.folder, "Bo").holds
