from __future__ import annotations

from itertools import combinations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from modelstitch.data.parts import Data
from modelstitch.data.splitting import choose, choose_parts, divide, hold_out_third, stratified_order
from modelstitch.data.together import Together
from modelstitch.errors import DataError
from modelstitch.specs import DataSpec

many = st.lists(st.integers(0, 5), min_size=2, max_size=60).map(torch.tensor)
seeds = st.integers(0, 5)


@settings(deadline=None, max_examples=60)
@given(many, seeds, st.data())
def test_shares_are_those_of_an_election(labels: torch.Tensor, seed: int, data: st.DataObject) -> None:
    """Seats by votes as Sainte-Lague gives them: no class could gain one that another has less right to."""
    limit = data.draw(st.integers(1, len(labels)))
    votes = labels.bincount().tolist()
    seats = labels[choose(labels, limit, seed)].bincount(minlength=len(votes)).tolist()
    assert sum(seats) == limit
    for have, got in zip(votes, seats, strict=True):
        for others_have, others_got in zip(votes, seats, strict=True):
            if got and others_got < others_have:
                # have / (2 got - 1) was served before others_have / (2 others_got + 1).
                assert have * (2 * others_got + 1) >= others_have * (2 * got - 1)


@settings(deadline=None, max_examples=30)
@given(many, seeds)
def test_the_order_does_not_depend_on_what_classes_are_called(labels: torch.Tensor, seed: int) -> None:
    other_names = torch.tensor([7, 3, 9, 0, 5, 1])
    assert torch.equal(stratified_order(other_names[labels], seed), stratified_order(labels, seed))


@settings(deadline=None, max_examples=30)
@given(many, seeds, st.data())
def test_a_larger_choice_holds_the_smaller_one(labels: torch.Tensor, seed: int, data: st.DataObject) -> None:
    few = data.draw(st.integers(1, len(labels)))
    kwargs = data.draw(st.integers(few, len(labels) + 3))
    assert set(choose(labels, few, seed).tolist()) <= set(choose(labels, kwargs, seed).tolist())


@settings(deadline=None, max_examples=60)
@given(many, seeds)
def test_a_third_is_held_out_and_no_class_of_two_leaves_the_training_part(
    labels: torch.Tensor, seed: int
) -> None:
    train, heldout = hold_out_third(labels, seed)
    assert len(heldout) == max(1, round(len(labels) / 3))
    assert torch.equal(torch.cat([train, heldout]).sort().values, torch.arange(len(labels)))
    assert torch.equal(train, train.sort().values)
    assert torch.equal(heldout, heldout.sort().values)
    for label, members in enumerate(labels.bincount().tolist()):
        if members >= 2:
            assert (labels[train] == label).any()


@settings(deadline=None, max_examples=30)
@given(many, seeds, st.integers(1, 60), st.integers(1, 60))
def test_limits_choose_within_each_part(
    labels: torch.Tensor, seed: int, limit: int, heldout_limit: int
) -> None:
    train, heldout = hold_out_third(labels, seed)
    few, few_heldout = hold_out_third(labels, seed, limit, heldout_limit)
    assert len(few) == min(limit, len(train))
    assert len(few_heldout) == min(heldout_limit, len(heldout))
    assert set(few.tolist()) <= set(train.tolist())
    assert set(few_heldout.tolist()) <= set(heldout.tolist())


def test_an_extreme_share_leaves_one_example_on_each_side() -> None:
    labels = torch.tensor([0, 1, 0])
    for share, n_heldout in ((0.0, 1), (1.0, 2)):
        train, heldout = divide(labels, share, 0)
        assert (len(train), len(heldout)) == (3 - n_heldout, n_heldout)


def test_every_member_of_a_class_is_as_likely() -> None:
    labels = torch.tensor([0, 0, 0, 0, 1, 1])
    drawn = [tuple(choose(labels, 3, seed)[:2].tolist()) for seed in range(600)]
    for pair in combinations(range(4), 2):
        assert 70 <= drawn.count(pair) <= 130  # 100 expected, standard deviation 9


def test_classes_of_one_are_as_likely_too() -> None:
    drawn = torch.cat([choose(torch.arange(6), 3, seed) for seed in range(400)]).bincount()
    assert ((drawn > 150) & (drawn < 250)).all()  # 200 expected of each, standard deviation 10


def test_the_seed_is_the_only_chance() -> None:
    labels = torch.arange(40) % 4
    state = torch.random.get_rng_state()
    first = stratified_order(labels, 1)
    torch.rand(5)
    assert torch.equal(stratified_order(labels, 1), first)
    assert not torch.equal(stratified_order(labels, 2), first)
    torch.random.set_rng_state(state)
    stratified_order(labels, 1)
    assert torch.equal(torch.random.get_rng_state(), state)


# Examples that come into one part.

DIGITS = "92fbc3981a770c8d3662855f1eb0ccd327bbbc687afa4128080787d2a9bb1bc5"
"""Digest of the digits as modelstitch 0.1 divided them."""


def test_where_there_are_no_copies_nothing_changes(digits: Data) -> None:
    assert digits.digest == DIGITS


@settings(deadline=None, max_examples=30)
@given(many, seeds)
def test_sets_of_one_change_nothing(labels: torch.Tensor, seed: int) -> None:
    alone = torch.arange(len(labels)).flip(0)
    for plain, kept in zip(
        hold_out_third(labels, seed),
        hold_out_third(labels, seed, together=Together(groups=alone)),
        strict=True,
    ):
        assert torch.equal(plain, kept)


@settings(deadline=None, max_examples=80)
@given(st.data(), seeds)
def test_sets_come_into_one_part_whole(data: st.DataObject, seed: int) -> None:
    n = data.draw(st.integers(12, 60))
    labels = torch.tensor(data.draw(st.lists(st.integers(0, 2), min_size=n, max_size=n)))
    together = torch.tensor(data.draw(st.lists(st.integers(0, n), min_size=n, max_size=n)))
    sizes = together.bincount()
    try:
        train, heldout = hold_out_third(labels, seed, together=Together(groups=together))
    except DataError:
        # Each set holds all examples of a class.
        assert all(
            any((together[labels == c] == k).all() for c in labels.unique()) and size > 1
            for k, size in enumerate(sizes.tolist())
            if size
        )
        return
    assert not set(together[train].tolist()) & set(together[heldout].tolist())
    assert torch.equal(torch.cat([train, heldout]).sort().values, torch.arange(n))
    assert [part.tolist() for part in hold_out_third(labels, seed, together=Together(groups=together))] == [
        train.tolist(),
        heldout.tolist(),
    ]
    aim = round(n / 3)
    if int(sizes.max()) <= aim:
        assert aim - int(sizes.max()) < len(heldout) <= aim or len(heldout) == 0 or _blocked(labels, together)
    # A class that was more than one set keeps training examples.
    for c in labels.unique():
        if len(together[labels == c].unique()) > 1 and (sizes[together[labels == c]] > 1).all():
            assert (labels[train] == c).any()


def _blocked(labels: torch.Tensor, together: torch.Tensor) -> bool:
    """Whether some set holds all examples of a class, so that it could not be held out."""
    return any(len(together[labels == c].unique()) == 1 for c in labels.unique())


def test_copies_keep_the_shares_of_the_classes() -> None:
    # 300 examples of three classes; each example of the second has two copies.
    labels = torch.tensor([0] * 100 + [1] * 120 + [2] * 80)
    together = torch.cat([torch.arange(100), 100 + torch.arange(120) // 3, 500 + torch.arange(80)])
    for seed in range(5):
        train, heldout = hold_out_third(labels, seed, together=Together(groups=together))
        assert not set(together[train].tolist()) & set(together[heldout].tolist())
        assert len(heldout) == 100
        held = labels[heldout].bincount()
        assert (held - torch.tensor([33, 40, 27])).abs().max() <= 2


def test_large_sets_are_held_out_as_often_as_small_ones() -> None:
    labels, together = (
        torch.zeros(60, dtype=torch.int64),
        torch.cat([torch.arange(30), torch.arange(30) // 3 + 50]),
    )
    times = torch.zeros(60)
    for seed in range(300):
        times[hold_out_third(labels, seed, together=Together(groups=together))[1]] += 1
    assert times[:30].mean() / 300 == pytest.approx(1 / 3, abs=0.04)
    assert times[30:].mean() / 300 == pytest.approx(1 / 3, abs=0.04)


def test_groups_of_mixed_classes_keep_their_shares() -> None:
    """Thirty patients with both classes in different shares."""
    generator = torch.Generator().manual_seed(0)
    patients = torch.arange(300) // 10
    share = torch.rand(30, generator=generator)[patients]
    labels = (torch.rand(300, generator=generator) < share).long()
    for seed in range(5):
        train, heldout = hold_out_third(labels, seed, together=Together(groups=patients))
        assert len(heldout) == 100
        assert not set(patients[train].tolist()) & set(patients[heldout].tolist())
        assert abs(float(labels[heldout].float().mean() - labels.float().mean())) < 0.1


def test_two_groups_are_divided_though_neither_is_a_third() -> None:
    labels = torch.arange(20) % 2
    train, heldout = hold_out_third(labels, 0, together=Together(groups=(torch.arange(20) >= 12).long()))
    assert (train.tolist(), heldout.tolist()) == (list(range(12)), list(range(12, 20)))


def test_groups_that_cannot_be_divided_are_refused() -> None:
    one = torch.zeros(6, dtype=torch.int64)
    with pytest.raises(
        DataError, match="expected groups that can be divided, got 6 examples in groups that each hold"
    ):
        hold_out_third(torch.tensor([0, 1] * 3), 0, together=Together(groups=one))


def test_copies_that_are_a_whole_class_come_apart_and_no_other() -> None:
    """The first class is one picture; of the second, pairs are copies."""
    labels = torch.tensor([0] * 12 + [1] * 12)
    copies = torch.cat([torch.zeros(12, dtype=torch.int64), 1 + torch.arange(12) // 2])
    train, heldout = hold_out_third(labels, 0, together=Together(copies))
    assert labels[heldout].bincount().tolist() == [4, 4]
    assert not set(copies[train].tolist()) & set(copies[heldout].tolist()) - {0}
    everything = torch.zeros(24, dtype=torch.int64)
    for plain, kept in zip(
        hold_out_third(labels, 0), hold_out_third(labels, 0, together=Together(everything)), strict=True
    ):
        assert torch.equal(plain, kept)


def test_copies_that_join_all_groups_come_apart_and_the_groups_do_not() -> None:
    """An empty picture of each of twelve patients."""
    labels, patients = torch.arange(60) % 2, torch.arange(60) // 5
    copies = torch.where(torch.arange(60) % 5 == 0, 1000, torch.arange(60))
    train, heldout = hold_out_third(labels, 0, together=Together(copies, patients))
    assert len(heldout) == 20
    assert not set(patients[train].tolist()) & set(patients[heldout].tolist())


def test_a_set_is_asked_for_only_where_data_are_divided() -> None:
    def never() -> Together:
        raise AssertionError("asked")

    spec = DataSpec(source="D")
    labels = torch.arange(8) % 2
    rows, held = choose_parts(labels, labels[:2], spec, never)
    assert (len(rows), len(held)) == (8, 2)
    with pytest.raises(AssertionError):
        choose_parts(labels, None, spec, never)
