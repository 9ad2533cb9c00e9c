"""What `load_stitched` gives is an ordinary module: what cannot be right is refused by name."""

from __future__ import annotations

import copy
import io
import pickle

import pytest
import torch
from torch import Tensor, nn

import modelstitch as ms
from modelstitch.adoption.folder.contract import Contract, TensorContract
from modelstitch.adoption.folder.export import Exported
from modelstitch.adoption.folder.loading import LoadedStitched
from modelstitch.adoption.folder.spec_file import FolderSpec
from modelstitch.errors import ModelError
from modelstitch.results.stitched import StitchedCell


@pytest.fixture(scope="module")
def shared(exported: Exported) -> LoadedStitched:
    return ms.load_stitched(exported.folder)


@pytest.fixture
def module(shared: LoadedStitched) -> LoadedStitched:
    return copy.deepcopy(shared)


@pytest.mark.parametrize("n", [0, 1, 2, 257])
def test_any_number_of_examples(
    shared: LoadedStitched, candidate: StitchedCell, digits: ms.Data, n: int
) -> None:
    x = digits.heldout.images[:n]
    with torch.no_grad():
        torch.testing.assert_close(shared(x), candidate(x), rtol=1e-5, atol=1e-6)


def test_any_layout_of_the_inputs_in_memory(
    shared: LoadedStitched, exported: Exported, digits: ms.Data
) -> None:
    x = digits.heldout.images[:6]
    layouts = [
        x.to(memory_format=torch.channels_last),
        x.permute(3, 2, 1, 0).contiguous().permute(3, 2, 1, 0),
        torch.stack([x, x], -1)[..., 0],
    ]
    assert all(value.stride() != x.stride() for value in layouts)
    alone = torch.export.load(exported.folder / "model.pt2").module()
    with torch.no_grad():
        expected = shared(x)
        for value in layouts:
            assert torch.equal(value, x)
            assert torch.equal(shared(value), expected)
            assert torch.equal(alone(value)[0], expected)  # and where nobody has this package
        torch.testing.assert_close(shared(x[:1].expand(3, -1, -1, -1)), expected[:1].expand(3, -1))


def test_it_stays_in_eval_mode(module: LoadedStitched) -> None:
    assert not module.training
    assert module.eval() is module
    with pytest.raises(ModelError, match="expected eval mode: the network of a candidate was written in it"):
        module.train()
    assert not module.training


@pytest.mark.parametrize(
    ("change", "got"),
    [
        (lambda module: module.half(), "float16"),
        (lambda module: module.double(), "float64"),
        (lambda module: module.to(torch.bfloat16), "bfloat16"),
        (lambda module: nn.Sequential(module, nn.Flatten()).to(torch.float64), "float64"),
        (lambda module: module.to(memory_format=torch.channels_last), "channels_last"),
    ],
)
def test_another_precision_is_refused_and_nothing_is_changed(
    module: LoadedStitched, digits: ms.Data, change: object, got: str
) -> None:
    assert callable(change)
    x = digits.heldout.images[:3]
    before = module(x)
    with pytest.raises(ModelError, match=f"got {got}: its device alone can be changed"):
        change(module)
    assert torch.equal(module(x), before)
    assert module.to(torch.float32).float() is module


def test_it_moves_to_a_device(module: LoadedStitched, digits: ms.Data) -> None:
    # No other device is at hand here; tensors without numbers refuse to meet those of the CPU as well.
    moved = module.to("meta")
    assert moved(digits.heldout.images[:3].to("meta")).shape == (3, 10)
    assert moved.represent(digits.heldout.images[:3].to("meta")).device.type == "meta"
    with pytest.raises(Exception, match="meta"):
        moved(digits.heldout.images[:3])


class Placed(nn.Module):
    """Adds to each example a line that it makes itself, and a constant."""

    def forward(self, x: Tensor) -> tuple[Tensor]:
        line = torch.arange(x.shape[1], device=x.device, dtype=x.dtype)
        return (
            x + line + torch.full((x.shape[1],), 2.0, device=x.device) + torch.tensor([1.0]).to(x.device),
        )


def test_tensors_that_the_program_makes_move_too() -> None:
    tied = nn.Linear(4, 4, bias=False)
    network = nn.Sequential(tied, tied, Placed())
    batch = {0: torch.export.Dim("batch", min=1)}
    program = torch.export.export(network, (torch.zeros(3, 4),), dynamic_shapes=(batch,))
    contract = Contract(
        inputs=(TensorContract(name="x", dtype="float32", shape=(4,)),),
        outputs=(TensorContract(name="output", dtype="float32", shape=(4,)),),
        preprocessing={},
    )
    spec = FolderSpec(
        contract=contract,
        forms=(),
        stitched_value=None,
        channel_axis=1,
        cell={},
        sources={},
        digests={},
        division={},
        margin=0.02,
    )
    module = LoadedStitched(program, spec)
    with torch.no_grad():
        torch.testing.assert_close(module(torch.ones(2, 4)), network(torch.ones(2, 4))[0])
        next(module.parameters()).add_(1)  # a weight that is used twice
        again = copy.deepcopy(module)
        assert torch.equal(again(torch.ones(2, 4)), module(torch.ones(2, 4)))
    assert module.to("meta")(torch.ones(2, 4, device="meta")).shape == (2, 4)
    assert again(torch.ones(2, 4)).shape == (2, 4)


def test_gradients_are_those_of_the_stitched_network(
    module: LoadedStitched, candidate: StitchedCell, digits: ms.Data
) -> None:
    x = digits.heldout.images[:5]
    found, expected = (
        torch.autograd.grad(network(given).square().sum(), given)[0]
        for network in (module, candidate)
        for given in [x.clone().requires_grad_()]
    )
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)
    optimiser = torch.optim.SGD(module.parameters(), lr=0.01)
    before = module(x)
    before.square().sum().backward()
    optimiser.step()
    assert not torch.allclose(module(x), before)


@pytest.mark.parametrize("way", ["deepcopy", "pickle", "torch.save"])
def test_a_copy_holds_what_the_module_holds_now(module: LoadedStitched, digits: ms.Data, way: str) -> None:
    x = digits.heldout.images[:4]
    with torch.no_grad():
        for value in module.parameters():
            value.mul_(1.5)
    next(module.parameters()).requires_grad_(False)
    expected = module(x)
    if way == "deepcopy":
        again = copy.deepcopy(module)
    elif way == "pickle":
        again = pickle.loads(pickle.dumps(module))
    else:
        torch.save(module, held := io.BytesIO())
        again = torch.load(io.BytesIO(held.getvalue()), weights_only=False)
    assert torch.equal(again(x), expected)
    assert [value.requires_grad for value in again.parameters()][:2] == [False, True]
    assert torch.equal(again.represent(x), module.represent(x))
    with torch.no_grad():
        next(again.parameters()).zero_()
    assert torch.equal(module(x), expected)  # no tensor is shared


def test_weights_go_from_one_to_another(
    module: LoadedStitched, shared: LoadedStitched, digits: ms.Data
) -> None:
    with torch.no_grad():
        for value in module.parameters():
            value.zero_()
    module.load_state_dict(shared.state_dict())
    x = digits.heldout.images[:4]
    assert torch.equal(module(x), shared(x))
