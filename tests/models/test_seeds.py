from __future__ import annotations

from pathlib import Path

import torch

from modelstitch.models.load import load_model
from modelstitch.models.network import digest
from modelstitch.specs import ModelSpec


def test_an_untrained_model_is_a_function_of_its_seed_and_leaves_no_trace() -> None:
    state = torch.random.get_rng_state()
    one, again, two = (load_model(ModelSpec(source="zoo:R1111(width=2)", seed=seed)) for seed in (0, 0, 1))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert digest(one.module) == digest(again.module) != digest(two.module)
    assert two.name == "zoo:R1111(width=2), untrained (seed 1)"


def test_a_partial_load_stands_in_the_name(tmp_path: Path) -> None:
    source = "zoo:R1111(width=2)"
    whole = load_model(ModelSpec(source=source)).module.state_dict()
    torch.save({key: value for key, value in whole.items() if key != "head.2.bias"}, tmp_path / "w.pt")
    spec = ModelSpec(source=source, weights=str(tmp_path / "w.pt"), partial=True)
    assert load_model(spec).name == f"{source}, 1 of {len(whole)} keys untrained"
