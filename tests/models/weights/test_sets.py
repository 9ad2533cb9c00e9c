"""Which of the weights in a file a network takes: planted sets, each known by its values."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from modelstitch.errors import WeightsError
from modelstitch.models.weights.facts import WeightsFacts
from modelstitch.models.weights.load import load_weights

State = dict[str, Tensor]


def model(seed: int = 0) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(8, 3))


def state(seed: int = 1) -> State:
    """The weights of one seed, with running statistics of their own."""
    values = {key: value.clone() for key, value in model(seed).state_dict().items()}
    values["1.running_mean"] += seed
    return values


def behind(prefix: str, values: State) -> State:
    return {f"{prefix}.{key}": value for key, value in values.items()}


def same(module: nn.Module, wanted: State) -> bool:
    return all(torch.equal(value, wanted[key]) for key, value in module.state_dict().items())


def loaded(folder: Path, content: Any, **options: Any) -> tuple[nn.Module, WeightsFacts]:
    """Save and load; what is refused leaves the model as it was."""
    torch.save(content, folder / "w.pt")
    module = model()
    before = {key: value.clone() for key, value in module.state_dict().items()}
    try:
        return module, load_weights(module, folder / "w.pt", "M", **options)
    except WeightsError:
        assert same(module, before)
        raise


ADAM = {
    "state": {0: {"step": torch.tensor(3.0), "exp_avg": torch.ones(2, 1, 3, 3)}},
    "param_groups": [{"lr": 1}],
}


def test_what_stands_outside_the_networks_own_prefix_is_left_out_and_listed(tmp_path: Path) -> None:
    of_lightning: Any = {
        "state_dict": behind("model", state())
        | {"criterion.weight": torch.ones(3), "n_seen": torch.tensor(7), "head.weight": torch.ones(4, 3)},
        "optimizer_states": [ADAM],
        "epoch": 3,
    }
    module, facts = loaded(tmp_path, of_lightning)
    assert same(module, state())
    assert facts == WeightsFacts(
        left_out=(
            "epoch",
            "optimizer_states.* (3)",
            "state_dict.criterion.weight",
            "state_dict.head.weight",
            "state_dict.n_seen",
        )
    )


@pytest.mark.parametrize(
    "further",
    [
        {"criterion.weight": torch.ones(3)},
        {"loss_fn.pos_weight": torch.ones(3)},
        {"train_acc.total": torch.tensor(9.0)},
        {"global_step": torch.tensor(7)},
        {"n_averaged": torch.tensor(7)},
        {"epoch": 3},
    ],
)
def test_a_loss_a_metric_or_a_counter_beside_the_layers_is_left_out(
    tmp_path: Path, further: dict[str, Any]
) -> None:
    module, facts = loaded(tmp_path, {"state_dict": state() | further, "epoch": 3})
    assert same(module, state())
    assert facts.left_out == ("epoch", *(f"state_dict.{key}" for key in further))
    assert loaded(tmp_path, state() | further)[1].left_out == tuple(further)


@pytest.mark.parametrize("extra", ["4.weight", "head.weight", "3.scale", "0.0.weight", "lossless.weight"])
def test_a_key_that_may_be_a_layer_is_refused_and_accepted_by_choice(tmp_path: Path, extra: str) -> None:
    content = state() | {extra: torch.ones(3)}
    with pytest.raises(WeightsError, match=f"of 9 keys, 1 unexpected: {extra};"):
        loaded(tmp_path, content)
    module, facts = loaded(tmp_path, content, partial=True)
    assert same(module, state())
    assert facts == WeightsFacts(unused=(extra,))


OTHERS = {
    "ema": {"state_dict": state(), "ema": state(2)},
    "state_dict_ema": {"state_dict": state(), "state_dict_ema": state(2), "optimizer": ADAM},
    "ema_model.module": {"model": state(), "ema_model": behind("module", state(2))},
    "state_dict.teacher": {"state_dict": behind("student", state()) | behind("teacher", state(2))},
    "module.encoder_k": behind("module.encoder_q", state()) | behind("module.encoder_k", state(2)),
    "net_g_ema": {"net_g": state(), "net_g_ema": state(2)},
    "extra.ema.module._orig_mod": {
        "model": state(),
        "extra": {"ema": behind("module._orig_mod", state(2))},
    },
    "models.1": {"models": [state(), state(2)]},
    "module": state() | behind("module", state(2)),
    "swa_model.module": {
        "model": state(),
        "swa_model": behind("module", state(2)) | {"n_averaged": torch.tensor(3)},
    },
    "model_ema": state()
    | {f"model_ema.{key.replace('.', '')}": value for key, value in state(2).items()}
    | {"model_ema.decay": torch.tensor(0.99), "model_ema.num_updates": torch.tensor(5)},
    "ema_": state() | {f"ema_{key.replace('.', '_')}": value for key, value in state(2).items()},
}
"""Files that hold two sets of weights, by the name of the second."""


@pytest.mark.parametrize("second", OTHERS)
def test_of_two_sets_of_weights_none_is_taken_without_a_choice(tmp_path: Path, second: str) -> None:
    content = OTHERS[second]
    with pytest.raises(WeightsError, match="several sets of weights for model M: ") as caught:
        loaded(tmp_path, content)
    assert repr(second) in str(caught.value)
    assert "--weights-key NAME" in str(caught.value)
    with pytest.raises(WeightsError, match="several sets"):
        loaded(tmp_path, content, partial=True)  # a part of which?
    module, facts = loaded(tmp_path, content, key=second)
    assert same(module, state(2))
    assert facts.key == second
    assert facts.left_out
    first = str(caught.value).split("model M: ")[1].split(";")[0].replace(repr(second), "")
    module, facts = loaded(tmp_path, content, key=first.replace(" or ", "").strip("'"))
    assert same(module, state(1))
    assert not facts.unused


def test_a_part_of_the_name_is_enough_where_it_means_one_set(tmp_path: Path) -> None:
    both = {"state_dict": behind("student.net", state()) | behind("teacher.net", state(2)), "ema": state(3)}
    assert same(loaded(tmp_path, both, key="teacher")[0], state(2))
    with pytest.raises(
        WeightsError, match=r"under 'state_dict': 'state_dict.student.net' or 'state_dict.teac"
    ):
        loaded(tmp_path, both, key="state_dict")
    with pytest.raises(WeightsError, match="no weights for model M under 'emma': expected .*'ema'"):
        loaded(tmp_path, both, key="emma")


def test_an_average_without_running_statistics_is_a_set_and_misses_them(tmp_path: Path) -> None:
    parameters = {key: value for key, value in state(2).items() if key[2:] in ("weight", "bias")}
    both = {"model": state(), "ema": parameters}
    with pytest.raises(WeightsError, match="several sets of weights for model M: 'model' or 'ema'"):
        loaded(tmp_path, both)
    with pytest.raises(WeightsError, match="2 missing: 1.running_mean, 1.running_var"):
        loaded(tmp_path, both, key="ema")
    module, facts = loaded(tmp_path, both, key="ema", partial=True)
    assert facts.untrained == ("1.running_mean", "1.running_var")
    assert torch.equal(module.get_parameter("3.weight"), parameters["3.weight"])


def test_an_average_without_names_is_seen_and_cannot_be_loaded(tmp_path: Path) -> None:
    content = {"model": state(), "ema": {"shadow_params": list(model(2).parameters()), "decay": 0.9}}
    with pytest.raises(WeightsError, match="several sets .* 'model' or 'ema.shadow_params'"):
        loaded(tmp_path, content)
    assert same(loaded(tmp_path, content, key="model")[0], state())
    with pytest.raises(WeightsError, match="no names for the weights in 'ema.shadow_params'"):
        loaded(tmp_path, content, key="ema.shadow_params")


def test_the_same_values_under_two_names_are_one_set(tmp_path: Path) -> None:
    module, facts = loaded(tmp_path, {"state_dict": state(), "ema": state()})
    assert same(module, state())
    assert facts.left_out in (("ema.* (9)",), ("state_dict.* (9)",))
    assert same(loaded(tmp_path, state() | behind("module", state()))[0], state())


def test_moments_of_an_optimiser_by_the_names_of_weights_are_no_set(tmp_path: Path) -> None:
    module, facts = loaded(tmp_path, {"model": state(), "optim": {"exp_avg": state(2)}})
    assert same(module, state())
    assert facts.left_out == ("optim.* (9)",)


def test_a_wrapper_inside_of_a_key_is_looked_through(tmp_path: Path) -> None:
    parallel = {key.replace("0.", "0.module.", 1) if key[0] == "0" else key: v for key, v in state().items()}
    assert same(loaded(tmp_path, parallel)[0], state())
    with pytest.raises(WeightsError, match="2 with two values: 0.bias, 0.weight"):
        loaded(tmp_path, parallel | {key: state(2)[key] for key in ("0.weight", "0.bias")})


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed, self.head = nn.Embedding(7, 3), nn.Linear(3, 7, bias=False)
        self.head.weight = self.embed.weight


def test_two_values_for_one_tied_weight_are_refused(tmp_path: Path) -> None:
    one, other = torch.rand(7, 3), torch.rand(7, 3)
    torch.save({"embed.weight": one, "head.weight": one.clone()}, tmp_path / "equal.pt")
    module = Tied()
    assert load_weights(module, tmp_path / "equal.pt", "M") == WeightsFacts()
    assert torch.equal(module.head.weight, one)
    torch.save({"embed.weight": one, "head.weight": other}, tmp_path / "w.pt")
    with pytest.raises(WeightsError, match="2 with two values: embed.weight, head.weight"):
        load_weights(Tied(), tmp_path / "w.pt", "M")
    facts = load_weights(module := Tied(), tmp_path / "w.pt", "M", partial=True)
    assert facts == WeightsFacts(doubled=("embed.weight", "head.weight"))
    assert torch.equal(module.head.weight, one)


class Turned(nn.Module):
    """Its second weight is the first one turned: one memory under two shapes."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.rand(2, 3))
        self.b = nn.Parameter(self.a.detach().T)


def test_a_weight_that_does_not_keep_its_value_is_refused(tmp_path: Path) -> None:
    torch.save({"a": torch.ones(2, 3), "b": torch.zeros(3, 2)}, tmp_path / "w.pt")
    with pytest.raises(WeightsError, match="that model M does not keep, in 1 tensors: a"):
        load_weights(Turned(), tmp_path / "w.pt", "M")


class Positions(nn.Module):
    """Keeps a table that its own state dict leaves out, as older versions did not."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(2, 3)
        self.register_buffer("position_ids", torch.arange(4), persistent=False)


def test_a_fixed_table_of_the_network_may_be_in_the_file_with_the_same_values(tmp_path: Path) -> None:
    own = {key: torch.rand_like(value) for key, value in Positions().state_dict().items()}
    torch.save(own | {"position_ids": torch.arange(4)}, tmp_path / "w.pt")
    assert load_weights(Positions(), tmp_path / "w.pt", "M") == WeightsFacts()
    torch.save(own | {"position_ids": torch.arange(4) + 1}, tmp_path / "w.pt")
    with pytest.raises(WeightsError, match="1 with two values: position_ids"):
        load_weights(Positions(), tmp_path / "w.pt", "M")


class Masked(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(2, 3)
        self.register_buffer("mask", torch.full((2, 2), -torch.inf).triu(1))


def test_a_mask_of_minus_infinity_is_no_damage(tmp_path: Path) -> None:
    torch.save(Masked().state_dict(), tmp_path / "w.pt")
    assert load_weights(Masked(), tmp_path / "w.pt", "M") == WeightsFacts()
    torch.save(Masked().state_dict() | {"mask": torch.full((2, 2), -torch.inf)}, tmp_path / "w.pt")
    with pytest.raises(WeightsError, match="not finite, in 1 tensors: mask"):
        load_weights(Masked(), tmp_path / "w.pt", "M")


@pytest.mark.parametrize(
    ("change", "types"),
    [
        (lambda v: v.int(), "int32"),
        (lambda v: v.to(torch.complex64), "complex64"),
        (lambda v: torch.quantize_per_tensor(v, 0.1, 0, torch.qint8), "qint8"),
    ],
)
@pytest.mark.filterwarnings("ignore")  # quantisation of PyTorch is deprecated
def test_numbers_of_another_kind_are_refused(tmp_path: Path, change: Any, types: str) -> None:
    content = state() | {"3.weight": change(state()["3.weight"])}
    with pytest.raises(WeightsError, match=rf"1 of another type: 3.weight \(file {types}, model float32\)"):
        loaded(tmp_path, content)
    assert loaded(tmp_path, content, partial=True)[1].untrained == ("3.weight",)


def test_another_precision_is_converted_and_told(tmp_path: Path) -> None:
    half = {key: value.half() if value.is_floating_point() else value for key, value in state().items()}
    module, facts = loaded(tmp_path, half)
    assert facts == WeightsFacts(converted=("float16 to float32",))
    assert torch.equal(module.get_parameter("3.weight"), half["3.weight"].float())
    torch.save(state() | {"3.weight": torch.full((3, 8), 1e6)}, tmp_path / "w.pt")
    with pytest.raises(WeightsError, match=r"not finite, in 1 tensors: 3\.weight"):
        load_weights(model().half(), tmp_path / "w.pt", "M")


def test_a_module_of_a_larger_network_needs_a_choice_where_several_are_like_it(tmp_path: Path) -> None:
    larger = {f"encoder.{place}.{key}": value for place in range(3) for key, value in state(place).items()}
    with pytest.raises(WeightsError, match=r"several sets .* 'encoder\.0' or 'encoder\.1' or 'encoder\.2'"):
        loaded(tmp_path, larger)
    assert same(loaded(tmp_path, larger, key="encoder.2")[0], state(2))


def sharded(folder: Path, cut: int = 4) -> Path:
    values = state()
    names = list(values)
    parts = {"a.safetensors": names[:cut], "b.safetensors": names[cut:]}
    for file, keys in parts.items():
        save_file({key: values[key] for key in keys}, folder / file)
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {key: file for file, keys in parts.items() for key in keys}}))
    return index


def test_weights_in_several_files_are_read_by_their_index(tmp_path: Path) -> None:
    index = sharded(tmp_path)
    module = model()
    assert load_weights(module, index, "M") == WeightsFacts()
    assert same(module, state())
    with pytest.raises(WeightsError, match="do not fit model M: of 9 keys, 4 missing"):
        load_weights(model(), tmp_path / "b.safetensors", "M")
    (tmp_path / "b.safetensors").unlink()
    with pytest.raises(WeightsError, match=r"no weights file '.*b\.safetensors'"):
        load_weights(model(), index, "M")
    save_file({"0.weight": torch.ones(1)}, tmp_path / "b.safetensors")
    with pytest.raises(WeightsError, match=r"say that 'b.safetensors' holds '.*', and it does not"):
        load_weights(model(), index, "M")
    index.write_text('{"weight_map": {"0.weight": "../b.safetensors"}}')
    with pytest.raises(WeightsError, match="expected a file in the folder of the index"):
        load_weights(model(), index, "M")
    index.write_text("{}")
    with pytest.raises(WeightsError, match="expected an index with a weight_map"):
        load_weights(model(), index, "M")


@pytest.mark.parametrize("form", ["tf", "flax", "mlx"])
def test_weights_with_the_axes_of_another_framework_are_refused(tmp_path: Path, form: str) -> None:
    save_file(state(), tmp_path / "w.safetensors", metadata={"format": form})
    with pytest.raises(WeightsError, match=f"were written for {form}: expected the format pt"):
        load_weights(model(), tmp_path / "w.safetensors", "M")


def test_a_file_of_another_network_names_both(tmp_path: Path) -> None:
    with pytest.raises(
        WeightsError, match="share no key with model M: the file has other, the model has 0.wei"
    ):
        loaded(tmp_path, {"other": torch.ones(1)})
