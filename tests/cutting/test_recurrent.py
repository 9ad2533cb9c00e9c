"""Recurrent layers: kept whole, cut between their layers, and their final states, against layers of one."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.fx.experimental.proxy_tensor import make_fx

from modelstitch.cutting import cuts
from modelstitch.cutting.capture import no_fused_attention
from modelstitch.cutting.hooks import HookCutModel
from modelstitch.cutting.recurrent import PACKED, WHOLE, empty_outputs, shapes_at_once
from modelstitch.errors import CutError

pytestmark = pytest.mark.filterwarnings("ignore:LSTM with projections")

KINDS = {"lstm": nn.LSTM, "gru": nn.GRU, "tanh": nn.RNN}


def _last(h: Tensor) -> Tensor:
    return h[-1]


def _last_in_every_spelling(h: Tensor) -> Tensor:
    by_layer: Tensor = h.view(3, 1, h.shape[1], h.shape[2])[-1].mean(0)
    return h[2] + h.transpose(0, 1)[:, -1] + by_layer + h.unbind(0)[-1] + h[-1:].squeeze(0)


def _both_directions(h: Tensor) -> Tensor:
    return torch.cat([h[-2], h[-1]], 1)


def _every(h: Tensor) -> Tensor:
    return h.transpose(0, 1).flatten(1)


class Recurrent(nn.Module):
    """Recurrent layers between an embedding and a head that reads their last output or their final states."""

    def __init__(self, kind: str, states: Any = None, **options: Any) -> None:
        super().__init__()
        self.states = states
        self.embed = nn.Linear(5, 8)
        self.rnn = KINDS[kind](8, 8, 3, batch_first=True, **options)
        self.head = nn.LazyLinear(4)

    def forward(self, x: Tensor) -> Tensor:
        y, held = self.rnn(self.embed(x))
        held = held[0] if isinstance(held, tuple) else held
        output: Tensor = self.head(y.mean(1) if self.states is None else self.states(held))
        return output


def made(kind: str = "lstm", states: Any = None, **options: Any) -> tuple[Recurrent, Tensor]:
    torch.manual_seed(0)
    model, x = Recurrent(kind, states, **options).eval(), torch.randn(4, 7, 5)
    model(x)
    return model, x


def one_layer(model: Recurrent, index: int) -> nn.Module:
    """Return a layer of one layer with the weights of layer ``index``: an oracle that torch computes."""
    whole = model.rnn
    many = 2 if whole.bidirectional else 1
    width = 8 if index == 0 else many * (whole.proj_size or 8)
    kwargs = {"proj_size": whole.proj_size} if whole.proj_size else {}
    kwargs |= {"nonlinearity": whole.nonlinearity} if isinstance(whole, nn.RNN) else {}
    layer = type(whole)(
        width, 8, batch_first=True, bias=whole.bias, bidirectional=whole.bidirectional, **kwargs
    )
    weights = {
        name.replace(f"_l{index}", "_l0"): value
        for name, value in whole.state_dict().items()
        if f"_l{index}" in name
    }
    layer.load_state_dict(weights)
    return layer.eval()  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("lstm", {"bidirectional": True}),
        ("lstm", {"proj_size": 4, "bias": False, "dropout": 0.3}),
        ("gru", {"bidirectional": True, "bias": False}),
        ("tanh", {"nonlinearity": "relu"}),
    ],
)
def test_cut_between_the_layers_of_one_module(kind: str, options: dict[str, Any]) -> None:
    model, x = made(kind, **options)
    found = cuts(model, x)
    assert [cut.name for cut in found.boundaries] == ["embed", "rnn.l0", "rnn.l1", "rnn"]
    y = model.embed(x)
    for index, name in enumerate(("rnn.l0", "rnn.l1", "rnn")):
        y, _ = one_layer(model, index)(y)
        prefix, suffix = found.split(name)
        for graded in (True, False):
            with torch.set_grad_enabled(graded):
                torch.testing.assert_close(prefix(x), y, rtol=0, atol=1e-6)
                torch.testing.assert_close(suffix(prefix(x[:3])), model(x[:3]), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("states", "options", "between"),
    [
        (_last_in_every_spelling, {}, ["rnn.l0", "rnn.l1"]),
        (_both_directions, {"bidirectional": True}, ["rnn.l0", "rnn.l1"]),
        (_both_directions, {}, ["rnn.l0"]),
        (_every, {}, []),
    ],
)
def test_final_states(states: Any, options: dict[str, Any], between: list[str]) -> None:
    model, x = made("lstm", states, **options)
    found = cuts(model, x)
    inside = [cut for cut in found if cut.name.startswith("rnn")]
    assert [cut.name for cut in inside[:-1]] == between
    assert inside[-1].layout.kind == "vector"
    assert all(cut.shape == (7, 16 if options else 8) for cut in inside[:-1])
    for cut in found:
        prefix, suffix = found.split(cut)
        assert torch.equal(suffix(prefix(x)), model(x))


def test_layers_whose_states_are_read_are_no_cut_and_the_reason_is_named() -> None:
    model, x = made("gru", lambda h: torch.relu(h).sum(0))
    found = cuts(model, x)
    assert [cut.name for cut in found] == ["embed", "rnn+sum"]
    with pytest.raises(
        CutError, match=r"'rnn' in model model: it gives the final states of its layers, of which none is a"
    ):
        found.find("rnn")
    with pytest.raises(
        CutError, match=r"'rnn.l0' in model model: the final states of a recurrent layer before it are read"
    ):
        found.find("rnn.l0")


def test_layers_alone_are_a_model() -> None:
    torch.manual_seed(0)
    model, x = nn.LSTM(5, 8, 2, batch_first=True).eval(), torch.randn(3, 6, 5)
    found = cuts(model, x)
    prefix, suffix = found.split("l0")
    assert [cut.name for cut in found] == ["l0"]
    assert torch.equal(suffix(prefix(x))[0], model(x)[0])


def test_no_step_is_traced(monkeypatch: pytest.MonkeyPatch) -> None:
    def step_by_step(*_: Any) -> Any:
        raise AssertionError("the recurrence was traced")

    monkeypatch.setattr("torch._decomp.decompositions._rnn_helper", step_by_step)
    model, x = made("gru")
    assert len(cuts(model, x)) == 5


@given(
    kind=st.sampled_from(["lstm", "gru", "tanh"]),
    layers=st.integers(1, 3),
    bidirectional=st.booleans(),
    batch_first=st.booleans(),
    sizes=st.tuples(*[st.integers(1, 4)] * 4),
    projected=st.booleans(),
)
@settings(max_examples=30)
def test_shapes_are_those_that_torch_gives(
    kind: str,
    layers: int,
    bidirectional: bool,
    batch_first: bool,
    sizes: tuple[int, ...],
    projected: bool,
) -> None:
    n, t, d, h = sizes
    options: dict[str, Any] = {"proj_size": h} if projected and kind == "lstm" else {}
    layer = KINDS[kind](d, h + 1, layers, bidirectional=bidirectional, batch_first=batch_first, **options)
    x = torch.zeros((n, t, d) if batch_first else (t, n, d))
    with torch.no_grad():
        output, held = layer.eval()(x)
    states = held if isinstance(held, tuple) else (held,)
    got = empty_outputs(x, states, bidirectional=bidirectional, batch_first=batch_first)
    assert [y.shape for y in got] == [output.shape, *(state.shape for state in states)]
    if min(n, t) > 1:
        assert got[0].is_contiguous() == output.is_contiguous()


def test_values_are_recorded_as_ever_where_operations_are_recorded_one_by_one() -> None:
    layer, x = nn.GRU(3, 4).eval(), torch.randn(5, 2, 3)
    before = {op: dict(op.py_kernels) for op in WHOLE | PACKED}
    with shapes_at_once(), torch.no_grad():
        recorded = make_fx(layer, tracing_mode="symbolic", _allow_non_fake_inputs=True)(x)
    assert {op: dict(op.py_kernels) for op in WHOLE | PACKED} == before
    torch.testing.assert_close(recorded(x)[0], layer(x)[0])


def test_cost_of_each_layer() -> None:
    model, x = made("lstm", bidirectional=True, proj_size=4)
    found = cuts(model, x)
    # Four gates and a projection, in both directions, at each of 7 steps.
    layers = [2 * 7 * (4 * 8 * (width + 4) + 4 * 8) for width in (8, 8, 8)]
    embed, head = 7 * 5 * 8, 8 * 4
    for index, name in enumerate(("embed", "rnn.l0", "rnn.l1", "rnn")):
        cut = found.find(name)
        assert cut.before.multiply_adds == embed + sum(layers[:index])
        assert cut.after.multiply_adds == sum(layers[index:]) + head
        weights = [one_layer(model, layer).parameters() for layer in range(index)]
        assert cut.before.parameters == 48 + sum(p.numel() for layer in weights for p in layer)


def test_halves_are_exported_again() -> None:
    model, x = made("lstm", _last)
    prefix, suffix = cuts(model, x).split("rnn.l1")
    batch = {0: torch.export.Dim.AUTO}
    with torch.no_grad(), no_fused_attention(), shapes_at_once():
        first = torch.export.export(prefix, (x,), dynamic_shapes=(batch,))
        last = torch.export.export(suffix, (prefix(x),), dynamic_shapes=(batch,))
        got = last.module()(first.module()(x[:3]))
        assert torch.equal(got, model(x[:3]))


def test_hooks_say_that_they_cut_nothing_inside_one_module() -> None:
    model, x = made("gru")
    hooks = HookCutModel(model, x, "model", "asked for")
    assert [cut.name for cut in hooks.cuts] == ["embed"]
    with pytest.raises(CutError, match="nothing between the layers of one GRU; write them as modules of one"):
        hooks.find("rnn.l0")
    with pytest.raises(CutError, match="it gives its output together with its final states"):
        hooks.find("rnn")
