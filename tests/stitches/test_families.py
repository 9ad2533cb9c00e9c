from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from modelstitch.errors import SpecError, StitchError
from modelstitch.specs import FAMILIES, StitchSpec
from modelstitch.stitches import Stitch, Values, build, class_of
from modelstitch.stitches.ladder import LADDER, within
from modelstitch.stitches.orthogonal import polar

Shape = tuple[int, ...]


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def stitch_of(spec: StitchSpec | str, provided: Shape, expected: Shape, seed: int = 0) -> Stitch:
    spec = StitchSpec.parse(spec) if isinstance(spec, str) else spec
    return build(spec, provided, expected, torch.Generator().manual_seed(seed)).double()


sides = st.integers(1, 7)
shapes = st.one_of(st.tuples(st.integers(1, 4)), st.tuples(st.integers(1, 4), sides, sides))
specs = st.builds(
    lambda family, size, normed: StitchSpec(
        family=family,
        size=(2 * size - 1 if family == "conv" else size) if FAMILIES[family].size else None,
        norm="batch" if normed and FAMILIES[family].takes_norm else "none",
    ),
    st.sampled_from(sorted(FAMILIES)),
    st.integers(1, 3),
    st.booleans(),
)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_has_a_class_that_is_what_its_row_says(family: str) -> None:
    info = FAMILIES[family]
    stitch = stitch_of(StitchSpec(family=family), (4, 6, 6), (4, 6, 6))
    assert issubclass(class_of(family), Stitch)
    assert bool(list(stitch.parameters())) == info.has_parameters
    refused = {"shapes": ((4, 6, 6), (4, 3, 3)), "channels": ((4, 6, 6), (5, 6, 6))}
    for needed, shapes in refused.items():
        if info.needs_equal in (needed, "shapes"):
            with pytest.raises(StitchError):
                stitch_of(StitchSpec(family=family), *shapes)
        else:
            stitch_of(StitchSpec(family=family), *shapes)


@settings(deadline=None, max_examples=40)
@given(specs, shapes, shapes)
def test_a_stitch_gives_what_the_receiver_expects(spec: StitchSpec, provided: Shape, expected: Shape) -> None:
    if spec.family == "identity":
        expected = provided
    if spec.family == "scale":
        expected = (provided[0], *expected[1:])
    output = stitch_of(spec, provided, expected).eval()(normal(2, *provided))
    assert output.shape == (2, *expected)
    assert output.isfinite().all()


@settings(deadline=None, max_examples=40)
@given(specs)
def test_a_label_is_read_back(spec: StitchSpec) -> None:
    assert StitchSpec.parse(spec.label) == spec


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_alone_is_read_with_its_default_size(family: str) -> None:
    assert StitchSpec.parse(f" {family} ") == StitchSpec(family=family, size=FAMILIES[family].default_size)


@pytest.mark.parametrize(
    ("spec", "expected", "count"),
    [
        ("identity", (3, 8, 8), 0),
        ("scale", (3, 4, 4), 2 * 3),
        ("orthogonal", (5, 4, 4), 5 * 12 - 5 * 6 // 2 + 1 + 5),
        ("orthogonal", (20, 4, 4), 20 * 12 - 12 * 13 // 2 + 1 + 20),
        ("pooled", (5, 4, 4), 5 * 3 + 5),
        ("lowrank(2)", (5, 4, 4), 2 * 12 + 5 * 2 - 2 * 2 + 5),
        ("lowrank(9)", (5, 4, 4), 5 * 12 + 5),
        ("affine", (5, 4, 4), 5 * 12 + 5),
        ("affine", (5, 16, 16), 5 * 3 + 5),
        ("conv(3)", (5, 4, 4), 5 * 3 * 4 * 4 + 5),
        ("conv(5)", (5, 8, 8), 5 * 3 * 5 * 5 + 5),
        ("mlp(4)", (5, 4, 4), 4 * 12 + 4 + 5 * 4 + 5),
        ("affine+batch", (5, 4, 4), 5 * 12 + 2 * 3 + 2 * 5),
        ("lowrank(2)+batch", (5, 4, 4), 2 * 12 + 5 * 2 - 2 * 2 + 2 * 3 + 2 * 5),
        ("mlp(4)+batch", (5, 4, 4), 4 * 12 + 4 + 5 * 4 + 2 * 3 + 2 * 5),
    ],
)
def test_parameters_are_counted_by_formula(spec: str, expected: Shape, count: int) -> None:
    assert stitch_of(spec, (3, 8, 8), expected).n_parameters == count


def dimension(function: Callable[..., Any], at: Sequence[Tensor]) -> int:
    """How many directions the result can move in."""
    jacobians = torch.autograd.functional.jacobian(function, tuple(at))
    n_rows = function(*at).numel()
    return int(torch.linalg.matrix_rank(torch.cat([each.reshape(n_rows, -1) for each in jacobians], 1)))


@pytest.mark.parametrize(("provided", "expected"), [(3, 5), (5, 3), (4, 4), (1, 3), (3, 1)])
def test_constrained_parameters_are_counted_as_degrees_of_freedom(provided: int, expected: int) -> None:
    rotation = stitch_of("orthogonal", (provided,), (expected,))
    assert rotation.n_parameters == dimension(polar, [normal(expected, provided)]) + expected
    thin = stitch_of("lowrank(2)", (provided,), (expected,))
    rank = min(2, provided, expected)
    factors = [normal(expected, rank), normal(rank, provided, seed=1)]
    assert thin.n_parameters == dimension(torch.matmul, factors) + expected


@pytest.mark.parametrize(("rows", "columns"), [(4, 4), (2, 6), (6, 2)])
def test_the_nearest_rotation_is_one_and_no_random_one_is_nearer(rows: int, columns: int) -> None:
    matrix = normal(rows, columns)
    found = polar(matrix)
    gram = found @ found.T if rows <= columns else found.T @ found
    torch.testing.assert_close(gram, gram[0, 0] * torch.eye(len(gram), dtype=gram.dtype))
    torch.testing.assert_close(polar(found), found)
    others = [polar(normal(rows, columns, seed=seed)) for seed in range(1, 101)]
    best = [(other * matrix).sum() / other.square().sum() * other for other in others]
    assert min((other - matrix).norm() for other in best) >= (found - matrix).norm()


def diagonal(values: Values) -> Values:
    return {"weight": torch.diag(values["scale"])[:, :, None, None], "bias": values["bias"]}


def unit(values: Values, wider: Stitch) -> Values:
    found = {name: torch.zeros_like(value) for name, value in wider.named_parameters()}
    if "scale" in found:
        found["scale"] += 1
    else:
        found["weight"] += torch.eye(len(found["weight"]), dtype=torch.float64)[:, :, None, None]
    return found


def spread(values: Values, wider: Stitch) -> Values:
    kernel = wider.get_parameter("weight").shape[2:]
    weight = values["weight"].expand(-1, -1, *kernel) / kernel.numel()
    return {"weight": weight, "bias": values["bias"]}


def multiplied(values: Values, wider: Stitch) -> Values:
    weight = torch.einsum("okab,kihw->oihw", values["up_weight"], values["down_weight"])
    return {"weight": weight, "bias": values["bias"]}


def bordered(values: Values, wider: Stitch) -> Values:
    # One more on each side, but where a map has one position.
    sizes = zip(wider.get_parameter("weight").shape[:1:-1], values["weight"].shape[:1:-1], strict=True)
    around = [(wide - narrow) // 2 for wide, narrow in sizes for _ in range(2)]
    return {"weight": F.pad(values["weight"], around), "bias": values["bias"]}


def filled(values: Values, wider: Stitch) -> Values:
    found = {name: torch.zeros_like(value) for name, value in wider.named_parameters()}
    for name, value in values.items():
        found[name][tuple(slice(length) for length in value.shape)] = value
    return found


SAME = [((3, 4, 4), (3, 4, 4)), ((4,), (4,))]
EQUAL_CHANNELS = [*SAME, ((3, 4, 4), (3, 2, 2)), ((3, 2, 5), (3, 4, 3))]
ANY = [
    ((3, 4, 4), (5, 4, 4)),
    ((3, 6, 4), (5, 2, 2)),
    ((3, 2, 2), (5, 4, 6)),
    ((3, 5, 2), (2, 3, 3)),
    ((4,), (2, 3, 3)),
    ((2, 3, 3), (4,)),
]
EMBEDDINGS: list[tuple[str, str, Callable[[Values, Stitch], Values], list[tuple[Shape, Shape]]]] = [
    ("identity", "scale", unit, SAME),
    ("identity", "orthogonal", unit, SAME),
    ("scale", "pooled", lambda values, wider: diagonal(values), EQUAL_CHANNELS),
    ("orthogonal", "affine", lambda values, wider: values, ANY),
    ("pooled", "affine", spread, ANY),
    ("lowrank(1)", "lowrank(2)", filled, ANY),
    ("lowrank(2)", "lowrank(4)", filled, ANY),
    ("lowrank(4)", "lowrank(8)", filled, ANY),
    ("lowrank(8)", "affine", multiplied, ANY),
    ("affine", "conv(3)", bordered, ANY),
    ("conv(3)", "conv(5)", bordered, ANY),
    ("mlp(2)", "mlp(3)", filled, ANY),
]


@pytest.mark.parametrize(("narrow", "wide", "embed", "pairs"), EMBEDDINGS)
def test_a_family_lies_within_a_wider_one(
    narrow: str, wide: str, embed: Callable[[Values, Stitch], Values], pairs: list[tuple[Shape, Shape]]
) -> None:
    assert within(StitchSpec.parse(narrow), StitchSpec.parse(wide))
    for provided, expected in pairs:
        one, other = stitch_of(narrow, provided, expected), stitch_of(wide, provided, expected, seed=1)
        one.requires_grad_(False)
        for index, parameter in enumerate(one.parameters()):
            parameter.copy_(normal(*parameter.shape, seed=index))
        one.load_state_dict(one.project(dict(one.named_parameters())))
        other.load_state_dict(embed({name: p.detach() for name, p in one.named_parameters()}, other))
        if wide == "orthogonal":
            weight = other.get_parameter("weight")
            torch.testing.assert_close(polar(weight.detach()), weight.detach())
        x = normal(3, *provided, seed=9)
        torch.testing.assert_close(other(x).detach(), one(x).detach(), rtol=1e-9, atol=1e-9)


def test_the_order_is_that_of_the_embeddings() -> None:
    """On the ladder: all chains of embeddings, and nothing else."""
    ladder = {each.label for each in LADDER}
    order = {(label, label) for label in ladder}
    order |= {(narrow, wide) for narrow, wide, *_ in EMBEDDINGS if {narrow, wide} <= ladder}
    for middle in ladder:
        order |= {(a, c) for a, c in product(ladder, ladder) if {(a, middle), (middle, c)} <= order}
    assert {(a.label, b.label) for a, b in product(LADDER, LADDER) if within(a, b)} == order


def test_within_is_a_partial_order() -> None:
    everything = [*LADDER, *(StitchSpec.parse(text) for text in ("conv(5)", "mlp(4)", "affine+batch"))]
    for a, b, c in product(everything, repeat=3):
        assert within(a, a)
        assert a == b or not (within(a, b) and within(b, a))
        assert within(a, c) or not (within(a, b) and within(b, c))


def test_families_with_and_without_norms_are_not_compared() -> None:
    assert within(StitchSpec.parse("affine+batch"), StitchSpec.parse("conv(3)+batch"))
    assert not within(StitchSpec.parse("affine"), StitchSpec.parse("conv(3)+batch"))
    assert not within(StitchSpec.parse("affine+batch"), StitchSpec.parse("conv(3)"))


@pytest.mark.parametrize(
    "family", ["scale", "orthogonal", "pooled", "lowrank(32)", "affine", "conv(1)", "mlp(64)"]
)
def test_a_random_start_gives_white_features_the_variance_of_white_targets(family: str) -> None:
    stitch = stitch_of(family, (64,), (64,))
    first, again, other = (stitch.random_start(torch.Generator().manual_seed(seed)) for seed in (0, 0, 1))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)
    stitch.load_state_dict(first)
    output = stitch(normal(500, 64)).detach()
    assert output.square().mean().item() == pytest.approx(1, rel=0.15)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("conv(2)", r"expected an odd kernel for the family conv, got 2"),
        ("lowrank(0)", r"expected a size of at least 1 for the family lowrank, got 0"),
        ("orthogonal+batch", r"expected norm 'none' with the family orthogonal, got 'batch'"),
        ("scale+batch", r"expected norm 'none' with the family scale, got 'batch'"),
        ("affine(3)", r"expected no size with the family affine, got 3"),
        ("affine(", r"expected a stitch such as affine, lowrank\(8\) or affine\+batch, got 'affine\('"),
        ("lowrank(-1)", r"expected a stitch such as affine"),
        ("lowrank(two)", r"expected a stitch such as affine"),
        ("", r"unknown stitch family ''"),
        ("affin", r"unknown stitch family 'affin'.*did you mean 'affine'"),
        ("lowrnk(4)", r"unknown stitch family 'lowrnk'.*did you mean 'lowrank'"),
        ("affine+bach", r"unknown norm 'bach'.*did you mean 'batch'"),
    ],
)
def test_a_stitch_that_cannot_be_is_refused(text: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        StitchSpec.parse(text)


def test_a_scale_between_different_channels_is_refused() -> None:
    with pytest.raises(
        StitchError, match=r"as many channels on both sides, got 3 -> 4; choose the family affine"
    ):
        stitch_of("scale", (3, 4, 4), (4, 4, 4))
