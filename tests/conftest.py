"""Two small networks trained on the digits, once for the whole session."""

from __future__ import annotations

import gc
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jaxtyping
import jsonschema
import pytest
import torch
from hypothesis import settings
from torch import Tensor

import modelstitch as ms
from modelstitch.cli import command_schemas, json_output, result_json
from modelstitch.cutting import cut_model
from modelstitch.data.load import load_data
from modelstitch.data.parts import Data
from modelstitch.fitting.trained import Fit
from modelstitch.grid import side
from modelstitch.models.load import load_model
from modelstitch.models.network import Network
from modelstitch.models.zoo.checkpoint import save_checkpoint
from modelstitch.models.zoo.training import train_network
from modelstitch.results.comparison import Comparison
from modelstitch.runs import trial
from modelstitch.runs.prepare import prepare
from modelstitch.runs.session import Session
from modelstitch.specs import DataSpec, FitSpec, ModelSpec
from modelstitch.specs.training import Recipe
from tests.captured_once import CapturedOnce

# How long an example takes says nothing on a machine that does other things too. The examples follow from the
# test alone: one state of the code passes or fails for everybody. --hypothesis-profile=drawn draws ten times
# as many others.
settings.register_profile("untimed", deadline=None, derandomize=True, max_examples=40)
settings.register_profile("drawn", deadline=None, max_examples=400)
settings.load_profile("untimed")

N_CHECKED_STEPS = 3
"""Of each fit, at every call of which shapes are checked."""

CUTS = ("layers.0", "layers.2", "layers.4")


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Use one thread: tensors of a test are small, so a second thread mostly waits."""
    torch.set_num_threads(1)


@pytest.fixture(autouse=True, scope="session")
def seldom_collected() -> Iterator[None]:
    """Look for garbage seldom: graphs are many small objects that live long (a twentieth of the time)."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    yield
    gc.set_threshold(*before)


@pytest.fixture(autouse=True, scope="session")
def captured_once() -> Iterator[None]:
    """Capture an architecture once in a session; tests of captures call the cutting itself."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(side, "cut_model", CapturedOnce(cut_model))
        yield


@pytest.fixture(autouse=True, scope="session")
def first_steps_are_checked() -> Iterator[None]:
    """Check shapes in the first steps of a fit alone: later ones call the same with the same shapes."""
    step = Fit._step

    def checked_at_first(self: Fit, *arguments: Any) -> Tensor:
        before = jaxtyping.config.jaxtyping_disable
        jaxtyping.config.update("jaxtyping_disable", before or self.total_steps >= N_CHECKED_STEPS)
        try:
            return step(self, *arguments)
        finally:
            jaxtyping.config.update("jaxtyping_disable", before)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Fit, "_step", checked_at_first)
        yield


@pytest.fixture(autouse=True, scope="session")
def short_trials() -> Iterator[None]:
    """Let a dry run try no place, however long ten seconds are; tests/runs/test_trial.py does."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(trial, "LEAST_SECONDS", 0.0)
        yield


@pytest.fixture(autouse=True, scope="session")
def json_of_its_schema() -> Iterator[None]:
    """Hold what a command prints as JSON, in any test, to the schema that is published for it."""
    plain = json_output.as_text

    def checked(command: str, values: Any) -> str:
        text = plain(command, values)
        schema = result_json.schema() if command == "compare" else command_schemas.schema_of(command)
        jsonschema.Draft202012Validator(schema).validate(json.loads(text))
        return text

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(json_output, "as_text", checked)
        yield


@pytest.fixture
def captured_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Capture every model, as outside of the tests."""
    monkeypatch.setattr(side, "cut_model", cut_model)


@pytest.fixture(autouse=True)
def same_global_state() -> Iterator[None]:
    """Nothing in the library may leave a trace in the global random state or grad mode."""
    state = torch.random.get_rng_state()
    yield
    assert torch.is_grad_enabled()
    torch.random.set_rng_state(state)


@pytest.fixture
def wrong_types() -> Iterator[None]:
    """What the library says of an argument of a wrong type: the checks of conftest.py at the root are off."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.fixture(scope="session")
def digits() -> Data:
    return load_data(DataSpec(source="digits"))


@pytest.fixture(scope="session")
def checkpoints(digits: Data, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two R1111 of width 4 from different seeds, as files."""
    folder = tmp_path_factory.mktemp("models")
    paths = []
    for seed in (0, 1):
        recipe = Recipe(epochs=8, batch_size=64, learning_rate=0.2, translate=1, flip=False, seed=seed)
        module, card, _ = train_network("R1111", digits, recipe, width=4)
        paths.append(folder / f"seed{seed}.safetensors")
        save_checkpoint(module, card, paths[-1])
    return paths[0], paths[1]


@pytest.fixture
def networks(checkpoints: tuple[Path, Path]) -> tuple[Network, Network]:
    first, second = (load_model(ModelSpec(source=str(path))) for path in checkpoints)
    return first, second


@pytest.fixture
def plain_modules(networks: tuple[Network, Network]) -> tuple[torch.nn.Module, torch.nn.Module]:
    """Both as modules that take the digits as they are: what their views subtract and divide by is inside."""
    for network in networks:
        layers = list(network.module.modules())
        convolution = next(layer for layer in layers if isinstance(layer, torch.nn.Conv2d))
        norm = next(layer for layer in layers if isinstance(layer, torch.nn.BatchNorm2d))
        (mean,), (std,) = network.view.mean or (0.0,), network.view.std or (1.0,)
        assert norm.running_mean is not None
        with torch.no_grad():
            convolution.weight.div_(std)
            norm.running_mean.add_(mean * convolution.weight.sum((1, 2, 3)))
    return networks[0].module, networks[1].module


@pytest.fixture(scope="session")
def session(checkpoints: tuple[Path, Path], digits: Data) -> Session:
    """A pair ready to be stitched at three cuts, with a fit of a second a cell."""
    first, second = (load_model(ModelSpec(source=str(path))) for path in checkpoints)
    return prepare(
        first,
        second,
        digits,
        cuts=CUTS,
        fit=FitSpec(steps=20, batch_size=128),
        controls=("random-sender", "random-receiver", "random-both"),
    )


@pytest.fixture(scope="session")
def small_run(
    checkpoints: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Comparison, Path]:
    """A run of two cuts, two stitches and two objectives, and its folder."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    sender, receiver = map(str, checkpoints)
    result = ms.compare(
        sender,
        receiver,
        "digits",
        out=folder,
        sender_cuts=["layers.0", "layers.2"],
        receiver_cuts="layers.2",
        stitch=["affine", "affine by match", "scale"],
        fit=FitSpec(steps=2),
        controls=(),
        evidence=(),
    )
    return result, folder


@pytest.fixture
def unnamed(networks: tuple[Network, Network]) -> Network:
    """A network of which only the module is known."""
    return replace(networks[0], rebuild=None, architecture=None)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with real images and foreign weights, where there is one."""
    folder = os.environ.get("MODELSTITCH_DATA")
    if folder is None:
        pytest.skip("MODELSTITCH_DATA is not set: it names the folder with data/ and weights/")
    return Path(folder)
