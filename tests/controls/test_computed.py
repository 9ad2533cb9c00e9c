"""Layers whose weights are computed from others: after a reset they are what a fresh layer is."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize, prune

import modelstitch as ms
from modelstitch.controls.computed import reset
from modelstitch.controls.reinitialise import untrained
from modelstitch.models.network import Network, wrap
from modelstitch.specs import FitSpec

Wrap = Callable[[nn.Module], nn.Module]


def old(name: str) -> Wrap:
    def wrapped(layer: nn.Module) -> nn.Module:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # torch about its older form
            made: nn.Module = getattr(nn.utils, name)(layer)
            return made

    return wrapped


class Doubled(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return 2 * x

    def right_inverse(self, x: Tensor) -> Tensor:
        return x / 2


class Symmetric(nn.Module):
    """A parametrisation without an inverse: torch takes the plain weight for its original."""

    def forward(self, x: Tensor) -> Tensor:
        return x.triu() + x.triu(1).mT


class Scaled(nn.Module):
    """A parametrisation with a parameter of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.empty(()))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.constant_(self.scale, 4.0)

    def forward(self, x: Tensor) -> Tensor:
        return self.scale * x

    def right_inverse(self, x: Tensor) -> Tensor:
        return x / self.scale.detach()


def parametrised(*steps: Callable[[], nn.Module]) -> Wrap:
    def wrapped(layer: nn.Module) -> nn.Module:
        for step in steps:
            parametrize.register_parametrization(layer, "weight", step())
        return layer

    return wrapped


def pruned(layer: nn.Module) -> nn.Module:
    made: nn.Module = prune.l1_unstructured(layer, "weight", 0.5)
    return made


def pruned_inside_weight_norm(layer: nn.Module) -> nn.Module:
    made: nn.Module = prune.l1_unstructured(old("weight_norm")(layer), "weight_v", 0.5)
    return made


def moved(network: nn.Module) -> nn.Module:
    """Return a network whose parameters and buffers are far from any start, as after training."""
    torch.manual_seed(7)
    with torch.no_grad():
        for value in (*network.parameters(), *network.buffers()):
            if value.is_floating_point() and set(value.unique().tolist()) != {0.0, 1.0}:
                value.add_(torch.randn_like(value))
    return network


# What the wrapped weight of a fresh layer is, from the plain weight.
SAME = {
    "weight norm, old": old("weight_norm"),
    "weight norm": parametrizations.weight_norm,
    "pruned": pruned,
    "with an inverse": parametrised(Doubled),
    "two with an inverse": parametrised(Doubled, Doubled),
    "with a parameter": parametrised(Scaled),
    "pruned inside weight norm": pruned_inside_weight_norm,
}


def weight_of(layer: nn.Module) -> Tensor:
    layer.eval()(torch.zeros(1, layer.in_features))  # type: ignore[call-overload]
    weight = layer.weight
    assert isinstance(weight, Tensor)
    return weight.detach()


@pytest.mark.parametrize("kind", SAME)
def test_the_weight_is_that_of_the_plain_layer_of_the_same_seed(kind: str) -> None:
    layer = moved(SAME[kind](nn.Linear(6, 6)))
    torch.manual_seed(3)
    assert reset(layer)
    torch.manual_seed(3)
    plain = nn.Linear(6, 6)
    mask = next((value for name, value in layer.named_buffers() if name.endswith("_mask")), torch.ones(6, 6))
    got = weight_of(layer)
    assert torch.equal(layer.bias, plain.bias)  # type: ignore[arg-type]
    if kind == "pruned inside weight norm":
        # The norm of the whole row stays, on the direction that is left.
        norms = [weight.norm(dim=1) for weight in (got, plain.weight.detach())]
        torch.testing.assert_close(*norms)
        assert ((got == 0) == (mask == 0)).all()
        return
    torch.testing.assert_close(got, plain.weight.detach() * mask)


@pytest.mark.parametrize("wrapper", [old("spectral_norm"), parametrizations.spectral_norm])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_spectral_norm_is_one_and_its_direction_is_drawn(wrapper: Wrap, seed: int) -> None:
    layer = moved(wrapper(nn.Linear(6, 4)))
    torch.manual_seed(seed)
    reset(layer)
    torch.manual_seed(seed)
    plain = nn.Linear(6, 4).weight.detach()
    largest = torch.linalg.svdvals(plain)[0]
    torch.testing.assert_close(weight_of(layer), plain / largest, rtol=0.05, atol=0.02)


@pytest.mark.parametrize("shape", [(4, 4), (6, 4), (4, 6)])
def test_an_orthogonal_weight_is_orthogonal_and_another(shape: tuple[int, int]) -> None:
    layer = moved(parametrizations.orthogonal(nn.Linear(*shape)))
    before = weight_of(layer)
    reset(layer)
    after = weight_of(layer)
    gram = after @ after.T if after.shape[0] <= after.shape[1] else after.T @ after
    torch.testing.assert_close(gram, torch.eye(4), rtol=0, atol=1e-5)
    assert (before - after).abs().max() > 0.1


def test_a_parametrisation_without_an_inverse_gets_the_plain_weight() -> None:
    layer = moved(parametrised(Symmetric)(nn.Linear(5, 5)))
    torch.manual_seed(3)
    reset(layer)
    torch.manual_seed(3)
    plain = nn.Linear(5, 5).weight.detach()
    assert torch.equal(weight_of(layer), plain.triu() + plain.triu(1).mT)


def test_the_weight_of_a_recurrent_layer_has_the_scale_of_a_fresh_one() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        layer = moved(nn.utils.weight_norm(nn.LSTM(8, 64), "weight_hh_l0"))
    reset(layer)
    layer(torch.zeros(1, 1, 8))
    weight = layer.weight_hh_l0
    assert isinstance(weight, Tensor)
    assert 0.9 < weight.std() * 8 * 3**0.5 < 1.1


WRAPPED = {
    **SAME,
    "spectral norm": parametrizations.spectral_norm,
    "spectral norm, old": old("spectral_norm"),
}


def net(wrapper: Wrap = lambda layer: layer) -> nn.Module:
    def block(n_in: int, n_out: int, stride: int) -> nn.Module:
        return nn.Sequential(wrapper(nn.Conv2d(n_in, n_out, 3, stride, 1)), nn.ReLU())

    return nn.Sequential(block(1, 4, 1), block(4, 6, 2), nn.Flatten(), nn.Linear(96, 3)).eval()


@pytest.mark.parametrize("kind", WRAPPED)
@pytest.mark.parametrize("grad", [False, True])
def test_nothing_of_a_wrapped_network_is_trained_in_its_untrained_copy(kind: str, grad: bool) -> None:
    network = moved(net(WRAPPED[kind]))
    with torch.set_grad_enabled(grad):
        network(torch.randn(2, 1, 8, 8))  # after training, the weight has a history
    before = copy.deepcopy(network.state_dict())
    one, two = (untrained(wrap(network, "mine"), seed) for seed in (0, 1))
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name])
        first, second = one.module.state_dict()[name], two.module.state_dict()[name]
        if one.drawn is not None and name in one.drawn.constant:
            assert torch.equal(first, second)
        else:
            assert not torch.equal(first, value)
            assert not torch.equal(first, second)


@pytest.mark.parametrize("kind", ["weight norm, old", "weight norm", "with an inverse"])
def test_a_wrapped_network_and_its_plain_twin_have_the_same_untrained_copy(kind: str) -> None:
    x = torch.randn(4, 1, 8, 8)
    twins = Network(moved(net(SAME[kind])), "wrapped", wrap(net(), "").view), wrap(net(), "plain")
    outputs = [untrained(twin, 5).module(x) for twin in twins]
    torch.testing.assert_close(*outputs)


class Blocks(nn.Module):
    """Two wrapped layers, trained on a simple task by a few steps."""

    def __init__(self, wrapper: Wrap = lambda layer: layer) -> None:
        super().__init__()
        self.first, self.act = wrapper(nn.Linear(8, 12)), nn.ReLU()
        self.second, self.last = wrapper(nn.Linear(12, 12)), nn.Linear(12, 2)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.last(self.second(self.act(self.first(x))))
        return y


@pytest.mark.parametrize("kind", ["weight norm, old", "weight norm"])
def test_a_weight_norm_and_its_folded_twin_have_the_same_random_sender(kind: str) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        x = torch.randn(400, 8)
        y = (x[:, 0] * x[:, 1] > 0).long()
        wrapped, receiver = Blocks(SAME[kind]), Blocks()
        for network in (wrapped, receiver):
            optimiser = torch.optim.Adam(network.parameters(), 0.03)
            for _ in range(60):
                optimiser.zero_grad()
                nn.functional.cross_entropy(network(x[:300]), y[:300]).backward()
                optimiser.step()
    wrapped(x[:1])  # the older form computes its weights in a call
    folded = Blocks()
    folded.load_state_dict(
        {
            f"{name}.{part}": getattr(getattr(wrapped, name), part).detach()
            for name in ("first", "second", "last")
            for part in ("weight", "bias")
        }
    )
    scores = [
        ms.compare(
            sender,
            receiver,
            ((x[:300], y[:300]), (x[300:], y[300:])),
            sender_cuts=["second"],
            receiver_cuts=["act"],
            controls=["random-sender"],
            evidence=(),
            fit=FitSpec(objective="match"),
            allow_untrained=True,
        )
        for sender in (wrapped, folded)
    ]
    (trained, random), (trained_folded, random_folded) = (
        [cell.score for cell in result.cells] for result in scores
    )
    assert trained == pytest.approx(trained_folded, abs=0.011)
    assert random == pytest.approx(random_folded, abs=0.011)
    assert trained - random > 0.15  # type: ignore[operator]
