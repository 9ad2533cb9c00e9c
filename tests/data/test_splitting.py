from __future__ import annotations

from itertools import combinations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from modelstitch.data.splitting import choose, divide, hold_out_third, stratified_order

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
