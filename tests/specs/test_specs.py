from __future__ import annotations

from collections.abc import Callable
from dataclasses import FrozenInstanceError, asdict, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelstitch.errors import SpecError
from modelstitch.specs import CellSpec, DataSpec, FitSpec, ModelSpec, RunSpec, StitchSpec, View, content_hash


def run_spec(**changes: Any) -> RunSpec:
    values: dict[str, Any] = {
        "sender": ModelSpec(source="zoo:R1111"),
        "receiver": ModelSpec(source="zoo:R1112"),
        "data": DataSpec(source="digits"),
        "sender_cuts": ("layers.0", "layers.1"),
        "receiver_cuts": ("layers.0",),
    }
    return RunSpec(**{**values, **changes})


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: StitchSpec(family="affin"), "unknown stitch family 'affin'.*did you mean 'affine'"),
        (lambda: StitchSpec(norm="bach"), "unknown norm 'bach'.*did you mean 'batch'"),  # type: ignore[arg-type]
        (lambda: StitchSpec(family="conv", size=2), r"an odd kernel for the family conv, got 2"),
        (lambda: StitchSpec(family="affine", size=2), "no size with the family affine, got 2"),
        (lambda: FitSpec(objective="mach"), "unknown objective 'mach'.*did you mean 'match'"),  # type: ignore[arg-type]
        (lambda: StitchSpec(objective="mach"), "unknown objective 'mach'.*did you mean 'match'"),  # type: ignore[arg-type]
        (lambda: StitchSpec.parse("affine by mach"), "unknown objective 'mach'.*did you mean 'match'"),
        (
            lambda: run_spec(
                stitches=(StitchSpec(), StitchSpec(objective="match")), controls=("trained", "probe")
            ),
            "objective task with the control probe, which is about labels, got 'match'",
        ),
        (lambda: FitSpec(first_steps=0), "first steps > 0, got 0"),
        (lambda: StitchSpec(family="identity", norm="batch"), "norm 'none' with the family identity"),
        (lambda: FitSpec(learning_rate=0.0), "learning rate > 0, got 0.0"),
        (lambda: FitSpec(learning_rate=float("nan")), "learning rate > 0, got nan"),
        (lambda: FitSpec(momentum=1.0), r"momentum in \[0, 1\), got 1.0"),
        (lambda: FitSpec(warmup_share=1.0), r"warm-up share in \[0, 1\), got 1.0"),
        (lambda: FitSpec(steps=0), "steps > 0, got 0"),
        (lambda: FitSpec.named("papr"), "unknown protocol 'papr'.*did you mean 'paper'"),
        (lambda: DataSpec(source="digits", limit=-3), "limit > 0, got -3"),
        (lambda: View(mean=(0.5,)), "mean and std together"),
        (lambda: View(mean=(0.5,), std=(0.5, 0.5)), "as many values in std as in mean, got 2 and 1"),
        (lambda: View(mean=(0.5,), std=(0.0,)), "std > 0, got 0.0"),
        (lambda: View(size=(0, 8)), "image size > 0, got 0"),
        (
            lambda: CellSpec(sender_cut="a", receiver_cut="b", control="random"),
            "unknown control 'random'",
        ),
        (lambda: run_spec(sender_cuts=()), "at least one of sender_cuts"),
        (lambda: run_spec(seeds=(1, 1)), r"seeds without repeats, got \[1, 1\]"),
        (lambda: run_spec(controls=("trained", "random-sendr")), "did you mean 'random-sender'"),
    ],
)
def test_a_wrong_value_is_named(build: Any, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        build()


def test_a_stitch_may_have_an_objective_of_its_own() -> None:
    spec = run_spec(stitches=(StitchSpec(), StitchSpec(objective="match")), fit=FitSpec(objective="latent"))
    assert spec.objectives == ("latent", "match")
    assert [(cell.stitch.label, cell.objective) for cell in spec.cells()[:2]] == [
        ("affine", "latent"),
        ("affine by match", "match"),
    ]
    for label in ("affine by match", "lowrank(4) by logits+batch"):
        assert StitchSpec.parse(label).label == label


def test_specs_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        FitSpec().epochs = 3  # type: ignore[misc]


def test_the_papers_protocol() -> None:
    spec = FitSpec.named("paper")
    assert (spec.optimiser, spec.momentum, spec.learning_rate, spec.weight_decay) == ("sgd", 0.9, 0.01, 0.01)
    assert (spec.epochs, spec.batch_size, spec.warmup_share, spec.coordinates) == (4, 256, 0.1, "plain")
    assert FitSpec.named("paper", batch_size=512, epochs=1).learning_rate == 0.02
    assert (spec.schedule, spec.start, spec.precision, spec.automatic) == (
        "cosine",
        "random",
        "float32",
        False,
    )
    assert FitSpec.named("paper", steps=7).n_steps(10_000) == 7


def test_bansals_protocol() -> None:
    spec = FitSpec.named("bansal")
    assert (spec.optimiser, spec.learning_rate, spec.weight_decay, spec.schedule) == (
        "adam",
        1e-3,
        0.0,
        "cosine",
    )
    assert not spec.automatic


def test_a_protocol_is_the_name_of_values_and_decides_nothing() -> None:
    for name in ("paper", "bansal"):
        spec = FitSpec.named(name)
        assert (spec.accelerate, spec.scale_errors, spec.least_squares, spec.needs_moments) == (False,) * 4
        other = replace(spec, protocol="default")
        assert {**asdict(other), "protocol": name} == asdict(spec)
    default = FitSpec()
    assert (default.accelerate, default.scale_errors, default.least_squares, default.needs_moments) == (
        True,
    ) * 4
    assert not FitSpec(start="random", coordinates="plain").needs_moments
    assert FitSpec(start="random", coordinates="plain", objective="match").needs_moments


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            lambda: FitSpec(protocol="paper"),
            r"protocol 'paper', got .*optimiser='muon' \(not 'sgd'\).*no length",
        ),
        (lambda: FitSpec(protocol="paper"), r"build it with FitSpec.named\('paper'\)"),
        (lambda: FitSpec(protocol="bansal", steps=3), r"accelerate=True \(not False\)"),
        (lambda: FitSpec.named("paper", optimiser="adam"), r"got optimiser='adam' \(not 'sgd'\): build"),
        (lambda: FitSpec.named("paper", epochs=None), r"got no length \(not epochs or steps\): build"),
        (
            lambda: replace(FitSpec.named("bansal"), weight_decay=0.1),
            r"got weight_decay=0.1 \(not 0.0\): build",
        ),
        (
            lambda: FitSpec(precision="bfloat16", accelerate=False),
            "accelerate=True with precision 'bfloat16'",
        ),
    ],
)
def test_a_fit_that_is_not_the_papers_is_not_called_the_papers(build: Any, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        build()


def test_what_a_protocol_leaves_free_is_changed() -> None:
    spec = FitSpec.named("paper", objective="match", learning_rate=1.0, steps=3, batch_size=64)
    assert (spec.protocol, spec.objective, spec.learning_rate, spec.steps) == ("paper", "match", 1.0, 3)


def test_a_fit_is_automatic_unless_its_length_is_given() -> None:
    assert FitSpec().automatic
    assert not FitSpec(steps=3).automatic
    assert not FitSpec(epochs=1).automatic
    assert FitSpec(max_epochs=20).max_steps(6400) == 2000
    assert FitSpec(max_epochs=1).max_steps(10) == 640


def test_a_set_smaller_than_a_batch_still_takes_one_step_an_epoch() -> None:
    assert FitSpec(epochs=3, batch_size=256).n_steps(10) == 3
    assert FitSpec(steps=7).n_steps(10) == 7
    assert FitSpec(epochs=0.5, batch_size=256).n_steps(10_000) == 20


def test_cells_are_the_whole_product() -> None:
    spec = run_spec(controls=("trained", "random-both"), seeds=(0, 1), receiver_cuts=("a", "b", "c"))
    cells = spec.cells()
    assert len(cells) == len(set(cells)) == 2 * 2 * 2 * 3


@given(st.integers(0, 5), st.sampled_from(["a", "b"]), st.sampled_from(["trained", "random-both"]))
def test_equal_specs_hash_alike_and_others_do_not(seed: int, cut: str, control: str) -> None:
    cell = CellSpec(sender_cut=cut, receiver_cut="x", control=control, seed=seed)
    assert content_hash(cell) == content_hash(replace(cell))
    assert content_hash(cell) != content_hash(replace(cell, seed=seed + 1))
    assert content_hash(cell, 1) != content_hash(cell, 2)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: View(size=(1_000_000, 8)), "expected image size of at most 16,384, got 1,000,000"),
        (lambda: View(rate=10**12), "expected rate of at most 10,000,000"),
        (lambda: View(length=10**8), "expected length of at most 1,000,000"),
        (lambda: DataSpec(source="x", crop=10**6), "expected crop of at most 16,384"),
        (lambda: DataSpec(source="x", seconds=1e9), r"expected seconds of at most 86,400, got 1,000,000,000"),
        (lambda: DataSpec(source="x", length=10**8), "expected length of at most 1,000,000"),
    ],
)
def test_numbers_that_were_mistyped_are_told(build: Callable[[], object], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        build()


@pytest.mark.parametrize(
    ("source", "given"),
    [
        ("Net (sender)", True),
        ("R1111 (width 4, seed 0)", True),  # a loaded network, by its name
        ("in memory", True),
        ("zoo:R1111(width=2, channels=1)", False),
        ("timm:vit_tiny_patch16_224", False),
        ("nets (old)/a.safetensors", False),
        ("package.module:net(seed=1)", False),
    ],
)
def test_what_was_given_in_memory_is_told_by_its_name(source: str, given: bool) -> None:
    spec = RunSpec(
        sender=ModelSpec(source=source),
        receiver=ModelSpec(source="a.safetensors"),
        data=DataSpec(source="d"),
        sender_cuts=("0",),
        receiver_cuts=("0",),
    )
    assert spec.in_memory == (("sender",) if given else ())
