from __future__ import annotations

import torch

from modelstitch.grid import FittedCell, Pair, fit_grid
from modelstitch.session import Session
from modelstitch.sides import Representations
from modelstitch.sources.data import Data
from modelstitch.sources.models import Network
from modelstitch.specs import CellSpec, FitSpec, StitchSpec
from modelstitch.tasks import CLASSIFICATION

FIT = FitSpec(steps=6, batch_size=128)
GIGABYTE = 10**9


def cell(
    sender: int, receiver: int, control: str = "none", seed: int = 0, family: str = "affine"
) -> CellSpec:
    return CellSpec(
        sender_cut=f"layers.{sender}",
        receiver_cut=f"layers.{receiver}",
        control=control,
        seed=seed,
        stitch=StitchSpec(family=family),
    )


def weights(fitted: FittedCell) -> list[torch.Tensor]:
    return list(fitted.stitch.state_dict().values())


def test_a_cell_does_not_depend_on_the_others_or_on_what_is_kept(session: Session) -> None:
    cells = [cell(0, 2), cell(2, 0), cell(2, 4, "random-sender"), cell(4, 2, "random-both")]
    together = {each.spec: each for each in fit_grid(session.pair, cells, FIT, GIGABYTE)}
    for one in cells:
        (alone,) = fit_grid(session.pair, [one], FIT, 0)
        assert torch.equal(alone.correct, together[one].correct)
        for a, b in zip(weights(alone), weights(together[one]), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


def test_the_same_cell_twice_is_the_same_to_the_bit(session: Session) -> None:
    runs = [next(fit_grid(session.pair, [cell(2, 2)], FIT, GIGABYTE)) for _ in range(2)]
    assert all(torch.equal(a, b) for a, b in zip(*map(weights, runs), strict=True))
    (other,) = fit_grid(session.pair, [cell(2, 2, seed=1)], FIT, GIGABYTE)
    assert not torch.equal(weights(runs[0])[0], weights(other)[0])


def test_a_self_stitch_by_identity_is_the_network(networks: tuple[Network, Network], digits: Data) -> None:
    pair = Pair(networks[0], networks[0], digits)
    cells = [cell(i, i, family="identity") for i in range(5)]
    own = pair.sender.accuracy(CLASSIFICATION)
    assert own is not None
    assert own > 0.9
    for fitted in fit_grid(pair, cells, FIT, GIGABYTE):
        assert fitted.accuracy == own
        assert fitted.fitted.steps == 0


def test_identity_between_two_seeds_does_not_work(session: Session) -> None:
    (fitted,) = fit_grid(session.pair, [cell(2, 2, family="identity")], FIT, GIGABYTE)
    assert fitted.accuracy < 0.6


def test_controls_share_their_untrained_copies(session: Session) -> None:
    random_sender = session.pair.sides("random-sender", 0)
    random_receiver = session.pair.sides("random-receiver", 0)
    both = session.pair.sides("random-both", 0)
    assert random_sender[1] is session.pair.receiver
    assert random_receiver[0] is session.pair.sender
    assert both == (random_sender[0], random_receiver[1])
    assert random_sender[0].digest not in (session.pair.sender.digest, both[1].digest)
    assert session.pair.sides("random-sender", 1)[0].digest != random_sender[0].digest


def test_two_seeds_of_one_architecture_share_one_capture(session: Session) -> None:
    assert session.pair.sender.cutting._captured is session.pair.receiver.cutting._captured


def test_kept_and_computed_representations_are_the_same(session: Session) -> None:
    side = session.pair.sender
    kept = Representations(side, "layers.2", side.data.heldout, GIGABYTE)
    computed = Representations(side, "layers.2", side.data.heldout, 0)
    indices = torch.tensor([5, 0, 598, 5])
    torch.testing.assert_close(kept(indices), computed(indices), rtol=1e-5, atol=1e-6)
    assert kept.bytes == 599 * 4 * 8 * 4 * 4
