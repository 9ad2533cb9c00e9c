"""Every tensor of an untrained copy is drawn, a constant or a fixed table; any other is named."""

from __future__ import annotations

import copy
import math
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import modelstitch as ms
from modelstitch.controls.reinitialise import untrained
from modelstitch.data.parts import Data
from modelstitch.errors import ModelError
from modelstitch.models.drawn import Drawn
from modelstitch.models.network import Network, wrap
from modelstitch.specs import View


class Holder(nn.Module):
    """A linear layer, and one more tensor whose reset a test chooses.

    Args:
        value: a Parameter, or a tensor to be a buffer.
        redraw: what reset_parameters does to it; None for a module without one.
    """

    def __init__(self, value: Tensor, redraw: Callable[[Tensor], object] | None = None) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)
        if isinstance(value, nn.Parameter):
            self.extra = value
        else:
            self.register_buffer("extra", value)
        if redraw is not None:
            self.redraw = redraw
            self.reset_parameters = self._reset

    def _reset(self) -> None:
        with torch.no_grad():
            self.redraw(self.extra)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.linear(x)
        return y


def trained(*shape: int) -> nn.Parameter:
    return nn.Parameter(torch.randn(*shape, generator=torch.Generator().manual_seed(1)))


def half(x: Tensor) -> None:
    x[: len(x) // 2].normal_()


# Resets that leave something of the trained value.
LEAKY: dict[str, Callable[[Tensor], object] | None] = {
    "has none": None,
    "does nothing": lambda x: None,
    "reads without writing": lambda x: x.mean(),
    "resets a half": half,
    "adds noise": lambda x: x.add_(torch.randn_like(x)),
    "shrinks and adds noise": lambda x: x.mul_(0.01).add_(torch.randn_like(x)),
    "takes the trained scale": lambda x: x.copy_(torch.randn_like(x) * x.std()),
    "permutes": lambda x: x.copy_(x.flatten()[torch.randperm(x.numel())].view_as(x)),
    "changes a sign at random": lambda x: x.mul_(torch.randint(0, 2, x.shape) * 2 - 1),
    "leaves one element": lambda x: x.flatten()[1:].normal_(),
}


# One value has no scale of its own.
@pytest.mark.parametrize(
    ("kind", "shape"),
    [
        (kind, shape)
        for kind in LEAKY
        for shape in ((8, 8), (3,), (1,))
        if (kind, shape) != ("takes the trained scale", (1,))
    ],
)
def test_a_reset_that_leaves_something_trained_is_named(kind: str, shape: tuple[int, ...]) -> None:
    for value in (trained(*shape), trained(*shape).detach()):
        module = nn.Sequential(nn.Linear(4, 4), Holder(value, LEAKY[kind]))
        with pytest.raises(ModelError, match=r"copy of mine: 1 of 5 tensors .* 1\.extra \(Holder\)"):
            untrained(wrap(module, "mine"), 0)


def place(x: Tensor) -> None:
    x.copy_(torch.arange(x.numel(), dtype=x.dtype).view_as(x).log1p())


SOUND: dict[str, tuple[Callable[[Tensor], object], bool]] = {
    "normal": (lambda x: x.normal_(), False),
    "far from zero": (lambda x: x.normal_(1.0, 0.01), False),
    "near an identity": (lambda x: nn.init.eye_(x).add_(0.01 * torch.randn_like(x)), False),
    "orthogonal": (nn.init.orthogonal_, False),
    "zeros": (lambda x: x.zero_(), True),
    "layer scale": (lambda x: x.fill_(1e-6), True),
    "an identity": (nn.init.eye_, True),
    "a table": (place, True),
}


@pytest.mark.parametrize("kind", SOUND)
def test_a_reset_that_leaves_nothing_trained_is_certified(kind: str) -> None:
    redraw, is_constant = SOUND[kind]
    copied = untrained(wrap(Holder(trained(8, 8), redraw), "mine"), 0)
    assert copied.drawn == Drawn(initial=("extra",) if is_constant else ())


def test_norms_are_listed_at_their_constants_and_masks_as_tables() -> None:
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.LayerNorm(2))
    module.register_buffer("ahead", torch.ones(3, 3).triu(1), persistent=False)
    with torch.no_grad():
        for value in (*module[1].parameters(), *module[3].parameters()):
            value.normal_()
        module[1](torch.randn(8, 2, 4, 4))
    copied = untrained(wrap(module, "mine"), 0)
    names = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    assert copied.drawn == Drawn(
        initial=(*(f"1.{name}" for name in names), "3.weight", "3.bias"), tables=("ahead",)
    )
    assert (copied.module[1].running_var == 1).all()  # type: ignore[index]


def test_what_no_module_registers_is_named_too() -> None:
    class Hidden(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(4, 4)
            self.body = [nn.Linear(4, 4)]
            self.by_name = {"scale": torch.randn(3, requires_grad=True)}

    with pytest.raises(ModelError, match=r"3 of 5 .* body\[0\]\.bias .*; by_name\['scale'\] \(Hidden\)"):
        untrained(wrap(Hidden(), "mine"), 0)


def test_what_a_call_leaves_behind_is_no_weight() -> None:
    class Remembers(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(4, 4)
            self.seen: list[Tensor] = []

        def forward(self, x: Tensor) -> Tensor:
            y: Tensor = self.linear(x)
            self.last = y
            self.seen.append(y)
            return y

    module = Remembers()
    with torch.inference_mode():
        module(torch.randn(2, 4))
    module(torch.randn(2, 4))
    assert untrained(wrap(module, "mine"), 0).drawn == Drawn()


class Plain(nn.Module):
    """Two plain tensors: one is a weight, the other is what the last call gave."""

    def __init__(self, weight: Tensor | None = None) -> None:
        super().__init__()
        self.linear, self.weight = nn.Linear(64, 4), weight

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.linear(x.flatten(1))
        self.last = y if self.weight is None else y * self.weight
        return self.last


def test_what_each_call_writes_is_told_from_a_weight_by_calling_a_copy(digits: Data) -> None:
    module = Plain()
    with torch.no_grad():
        module(torch.randn(2, 1, 8, 8))
    assert untrained(wrap(module, "mine"), 0, digits).drawn == Drawn()
    weighted = Plain(torch.randn(4))
    with torch.no_grad():
        weighted(torch.randn(2, 1, 8, 8))
    with pytest.raises(ModelError, match=r"1 of 3 tensors .*: weight \(Plain\) stays as it is"):
        untrained(wrap(weighted, "mine"), 0, digits)


def test_a_hook_that_computes_a_weight_from_another_is_named() -> None:
    layer = nn.Linear(4, 4)
    weight = nn.Parameter(layer.weight.detach())
    del layer._parameters["weight"]
    layer.register_parameter("weight_orig", weight)

    def scale(module: nn.Module, _: object) -> None:
        module.weight = module.get_parameter("weight_orig") * 0.5

    layer.register_forward_pre_hook(scale)
    layer(torch.zeros(1, 4))
    with pytest.raises(ModelError, match=r"weight_orig \(Linear\) stays as it is"):
        untrained(wrap(nn.Sequential(layer), "mine"), 0)


def test_a_reset_that_fails_is_one_line() -> None:
    class Wants(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(2))

        def reset_parameters(self, std: float) -> None:
            self.weight.data.normal_(0, std)

    with pytest.raises(ModelError, match=r"the reset of 0 \(Wants\) fails .*'std'"):
        untrained(wrap(nn.Sequential(Wants()), "mine"), 0)


def test_a_layer_without_a_shape_is_named() -> None:
    with pytest.raises(ModelError, match=r"0\.weight \(LazyLinear\) has no shape before its first call"):
        untrained(
            Network(nn.Linear(2, 2), "lazy", View(), rebuild=lambda: nn.Sequential(nn.LazyLinear(3))), 0
        )


def test_a_model_of_such_layers_is_refused_before_anything_is_read(digits: Data) -> None:
    model = nn.Sequential(nn.Flatten(), nn.LazyLinear(10))
    with pytest.raises(
        ModelError, match="has a lazy module '1', which has no weights yet: run the model on one input"
    ):
        ms.compare(model, model, digits, allow_untrained=True)


def test_packed_weights_are_named() -> None:
    class Packed(nn.Module):
        def get_extra_state(self) -> Tensor:
            return torch.arange(3)

        def set_extra_state(self, state: Tensor) -> None: ...

    with pytest.raises(ModelError, match=r"0\._extra_state is packed"):
        untrained(wrap(nn.Sequential(Packed(), nn.Linear(2, 2)), "mine"), 0)


# Models that a source builds.

BODY = {key: value.clone() for key, value in nn.Linear(16, 16).state_dict().items()}


def with_loaded_body(*, frozen: bool = False, noise: float = 0.0, hidden: bool = False) -> nn.Module:
    body, head = nn.Linear(16, 16), nn.Linear(16, 3)
    body.load_state_dict(BODY)
    with torch.no_grad():
        body.weight.add_(noise * torch.randn(16, 16))
        body.bias.add_(noise * torch.randn(16))
    body.requires_grad_(not frozen)
    model = nn.Sequential(nn.Identity() if hidden else body, head)
    if hidden:
        model.body = [body]  # type: ignore[assignment]
    return model


@pytest.mark.parametrize(
    ("choices", "what"),
    [
        ({}, r"2 of 4 .* 0\.weight \(Linear\) is the same with every seed, though its layer draws it"),
        ({"frozen": True}, r"2 of 4 .* 0\.weight \(Linear\) is the same"),
        ({"hidden": True}, r"2 of 4 .* body\[0\]\.weight \(Linear\) is the same"),
        ({"hidden": True, "frozen": True}, r"2 of 4 .* body\[0\]\.weight \(Linear\) is the same"),
        ({"noise": 0.01}, r"2 of 4 .* 0\.weight \(Linear\) is nearly the same with every seed"),
    ],
)
def test_a_factory_that_loads_a_body_is_named(choices: dict[str, Any], what: str) -> None:
    def build() -> nn.Module:
        return with_loaded_body(**choices)

    with pytest.raises(ModelError, match=rf"copy of mine: {what}.*give a factory that loads no weights"):
        untrained(Network(build(), "mine", View(), rebuild=build), 0)


@pytest.mark.parametrize("n_outputs", [1, 2, 3, 4])
def test_few_outputs_are_drawn_whatever_they_correlate(n_outputs: int) -> None:
    def build() -> nn.Module:
        return nn.Sequential(nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, n_outputs))

    for seed in range(6):
        network = replace(wrap(build(), "few"), rebuild=build)
        drawn = untrained(network, seed)
        bias, own = (dict(each.module.named_parameters())["2.bias"] for each in (drawn, network))
        assert not torch.equal(bias, own)


def test_a_factory_that_loads_a_part_of_a_tensor_is_named() -> None:
    def build() -> nn.Module:
        layer = nn.Linear(16, 16)
        with torch.no_grad():
            layer.weight[:4] = BODY["weight"][:4]
        return layer

    with pytest.raises(ModelError, match=r"1 of 2 .* weight \(Linear\) is in part the same with every seed"):
        untrained(Network(build(), "mine", View(), rebuild=build), 0)


def test_a_factory_that_loads_tensors_of_no_layer_is_named() -> None:
    body = trained(6, 6)

    def build() -> nn.Module:
        return Holder(nn.Parameter(body.detach().clone()))

    with pytest.raises(ModelError, match=r"1 of 3 .* extra \(Holder\) is the same with every seed"):
        untrained(Network(build(), "mine", View(), rebuild=build), 0)


def test_a_factory_that_trains_is_named_by_the_statistics_of_its_batch_norms() -> None:
    def build() -> nn.Module:
        model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4))
        model(torch.randn(8, 4))
        return model

    with pytest.raises(ModelError, match=r"1\.running_mean \(BatchNorm1d\) is not at its start"):
        untrained(Network(build(), "mine", View(), rebuild=build), 0)


def sinusoids(length: int, width: int) -> Tensor:
    rates = torch.exp(-math.log(10_000) * torch.arange(0, width, 2) / width)
    angles = torch.arange(length)[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], 1)


class Parts(nn.Module):
    """What models of the hubs hold beside layers: constants of the initialiser, and fixed tables."""

    def __init__(self) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, 8))
        self.layer_scale = nn.Parameter(1e-6 * torch.ones(8))
        self.logit_scale = nn.Parameter(torch.tensor(2.6593))
        self.decay = nn.Parameter(torch.arange(1, 17).float().log().repeat(8, 1))
        self.rates = nn.Parameter(torch.arange(1.0, 9.0).log().view(1, 1, 8))
        self.learnt_positions = nn.Embedding(12, 8)
        self.learnt_positions.weight = nn.Parameter(sinusoids(12, 8))
        self.pos_embed = nn.Parameter(torch.randn(1, 5, 8) * 0.02)
        self.fixed_positions = nn.Parameter(sinusoids(10, 8)[None], requires_grad=False)
        self.embedded_positions = nn.Embedding(12, 8)
        self.embedded_positions.weight = nn.Parameter(sinusoids(12, 8), requires_grad=False)
        self.mix = nn.Linear(8, 8)
        nn.init.eye_(self.mix.weight)
        nn.init.zeros_(self.mix.bias)
        self.words = nn.Embedding(20, 8, padding_idx=0)
        self.register_buffer("index", torch.arange(100).view(10, 10))
        self.register_buffer("anchors", torch.rand(9, 4, generator=torch.Generator().manual_seed(0)))
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1))


def test_constants_and_tables_of_a_source_are_listed() -> None:
    model = Parts()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter))
    copied = untrained(Network(model, "parts", View(), rebuild=Parts), 0)
    assert copied.drawn == Drawn(
        initial=("cls_token", "layer_scale", "logit_scale", "decay", "rates", "mix.weight", "mix.bias"),
        tables=(
            "fixed_positions",
            *("index", "anchors", "mean"),
            *("learnt_positions.weight", "embedded_positions.weight"),
        ),
    )


def test_word_vectors_that_a_source_loads_are_no_table() -> None:
    vectors = torch.randn(12, 8)

    def build() -> nn.Module:
        return nn.Sequential(nn.Embedding.from_pretrained(vectors.clone()), nn.Linear(8, 8))

    with pytest.raises(ModelError, match=r"1 of 3 .* 0\.weight \(Embedding\)"):
        untrained(Network(build(), "words", View(), rebuild=build), 0)


def test_a_source_that_gives_the_same_module_each_time_is_refused() -> None:
    model = nn.Linear(4, 4)
    with pytest.raises(ModelError, match="its source builds the same parameters whatever the seed"):
        untrained(Network(model, "one", View(), rebuild=lambda: model), 0)


def test_a_source_that_draws_with_numpy_or_python_is_a_function_of_the_seed_and_leaves_no_trace() -> None:
    def build() -> nn.Module:
        layer = nn.Linear(4, 4)
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(np.random.randn(4, 4)))
            layer.bias.fill_(random.random())
        return layer

    states = random.getstate(), np.random.get_state()[1].copy()  # type: ignore[index]
    network = Network(build(), "numpy", View(), rebuild=build)
    random.setstate(states[0])
    np.random.seed(5)
    before = random.getstate(), np.random.get_state()[1].copy()  # type: ignore[index]
    one, again, two = (untrained(network, seed).module for seed in (0, 0, 1))
    assert torch.equal(one.weight, again.weight)  # type: ignore[arg-type]
    assert torch.equal(one.bias, again.bias)  # type: ignore[arg-type]
    assert not torch.equal(one.weight, two.weight)  # type: ignore[arg-type]
    assert random.getstate() == before[0]
    assert (np.random.get_state()[1] == before[1]).all()  # type: ignore[index]


def test_a_network_in_half_precision_is_certified_in_both_ways() -> None:
    def build() -> nn.Module:
        return nn.Sequential(nn.Linear(32, 32), nn.LayerNorm(32)).bfloat16()

    for network in (Network(build(), "half", View(), rebuild=build), wrap(build(), "half")):
        assert untrained(network, 0).drawn == Drawn(initial=("1.weight", "1.bias"))


def test_certifying_leaves_the_network_as_it_is() -> None:
    module = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4))
    before = copy.deepcopy(module.state_dict())
    state = torch.random.get_rng_state()
    untrained(wrap(module, "mine"), 0)
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert torch.equal(torch.random.get_rng_state(), state)
