"""What a finished cell is worth: its rivals, its money, chains with it, and the regret of short cuts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from modelstitch.adoption.division import Division, divide_heldout
from modelstitch.adoption.rivals.rival_kinds import Contender, RivalFits
from modelstitch.adoption.rivals.table import RIVALS, Known, RivalTable, rivals
from modelstitch.adoption.rivals.training import FORWARD_AND_BACK, Spent
from modelstitch.adoption.work import Load, load_of, whole_load
from modelstitch.adoption.worth.chains import ChainTable, chains
from modelstitch.adoption.worth.money import Money, Needs, money
from modelstitch.adoption.worth.prices import Prices, read_prices
from modelstitch.adoption.worth.proxies import heldout_scores, proxy_regrets
from modelstitch.adoption.worth.regret import RegretTable
from modelstitch.errors import SpecError
from modelstitch.specs import TRAINED
from modelstitch.util.arguments import checked, several
from modelstitch.util.progress import SILENT, Progress, ProgressChoice, listening
from modelstitch.util.random_state import kept_random_state

if TYPE_CHECKING:
    from modelstitch.results.comparison import Comparison
    from modelstitch.results.stitched import StitchedCell

_FORWARD_AND_BACK_FROZEN = 2
"""The same for a frozen part behind a stitch: a gradient takes one more pass, for its input alone."""


@checked()
def rivals_of(
    result: Comparison,
    sender_cut: str,
    receiver_cut: str,
    *,
    stitch: str | None = None,
    seed: int | None = None,
    names: str | Sequence[str] = RIVALS,
    fits: RivalFits | None = None,
    margin: float = 0.02,
    progress: ProgressChoice = None,
) -> RivalTable:
    """Fit what else one could do for the cost of a cell, and score it beside the cell.

    The whole receiver, the receiver fine-tuned, the whole sender with a new linear head, a linear probe at
    the sender's cut, the receiver cut short, a distilled student of equal cost, and that student from
    scratch. All get the same examples and labels and are fitted by the rule of stitches. Scores are those of
    the confirming examples, 30 % of the held-out ones.

    Args:
        result: a run that can give its networks.
        sender_cut, receiver_cut: of the cell.
        stitch, seed: which fit; needed where several were made.
        names: one rival or several by name; all of them by default.
        fits: how they are fitted, and how long at most.
        margin: points of score up to which a cheaper rival counts as no worse.
        progress: as for :func:`modelstitch.compare`.

    Returns:
        The table; a rival that still gained at the end is *unfair*, and neither wins nor loses.

    Raises:
        SpecError: no such cell, or no such rival.
        RunError: the run cannot give its networks.

    Example:
        ``result`` is what :func:`modelstitch.compare` returned.

        >>> import modelstitch as ms
        >>> table = ms.rivals_of(result, "2", "2", names="whole-receiver")
        >>> [rival.name for rival in table.rivals]
        ['whole-receiver']
    """
    network = result.stitched(sender_cut, receiver_cut, stitch=stitch, seed=seed)
    with listening(progress) as listener:
        return rivals_beside(network, names=several(names), fits=fits, margin=margin, progress=listener)


def rivals_beside(
    network: StitchedCell,
    *,
    names: Sequence[str] = RIVALS,
    fits: RivalFits | None = None,
    margin: float = 0.02,
    n_candidates: int = 1,
    known: Known | None = None,
    progress: Progress = SILENT,
) -> RivalTable:
    """Return the rivals of a finished cell, one of some that are read together.

    Args:
        network: of the cell.
        names, fits, margin, progress: as for :func:`rivals_of`.
        n_candidates: cells whose tables are read together; intervals hold for all of them at once.
        known: rivals fitted for other cells of the run, which gets those of this one.
    """
    division = division_of(network)
    with kept_random_state():
        return rivals(
            *network.sides,
            contender_of(network),
            division.choose,
            division.confirm,
            names=names,
            fits=fits,
            margin=margin,
            n_candidates=n_candidates,
            known=known,
            progress=progress,
        )


@checked()
def cost_of(
    result: Comparison,
    sender_cut: str,
    receiver_cut: str,
    prices: Prices | str | Path,
    *,
    stitch: str | None = None,
    seed: int | None = None,
    labels_needed: int | None = None,
) -> Money:
    """Return what it costs to reuse a cell, to train the receiver again, and to leave things as they are.

    Args:
        result: a run that can give its networks.
        sender_cut, receiver_cut: of the cell.
        prices: of the user, or the TOML file that holds them.
        stitch, seed: which fit; needed where several were made.
        labels_needed: labelled examples that the stitch needs; by default all that it was fitted on.

    Raises:
        SpecError: no such cell, or prices that cannot be.
        RunError: the run cannot give its networks.

    Example:
        ``result`` is what :func:`modelstitch.compare` returned.

        >>> import modelstitch as ms
        >>> hours = {"labelling_hour": 20, "gpu_hour": 2, "engineer_hour": 80, "labels_an_hour": 100}
        >>> use = {"million_inferences": 5, "months": 12, "inferences_a_month": 1e6, "currency": "EUR"}
        >>> work = {"engineer_hours_retrain": 40, "engineer_hours_reuse": 16, "gpu_hours_retrain": 50}
        >>> money = ms.cost_of(result, "2", "2", ms.Prices(**hours, **use, **work))
        >>> money.prices.currency
        'EUR'
    """
    known = prices if isinstance(prices, Prices) else read_prices(prices)
    network = result.stitched(sender_cut, receiver_cut, stitch=stitch, seed=seed)
    n_train = len(network.sides[0].data.train)
    whole = whole_load(network.sides[1])
    needs = Needs(
        labels_reuse=n_train if labels_needed is None else labels_needed,
        labels_retrain=n_train,
        gpu_hours_reuse=network.cell.seconds / 3600,
        load=load_of_cell(network).multiply_adds / max(1, whole.multiply_adds),
    )
    return money(known, needs)


@checked()
def chains_of(
    forward: Comparison,
    backward: Comparison,
    *,
    at_most: float = 1.0,
    stitch: str | None = None,
    seed: int | None = None,
    progress: ProgressChoice = None,
) -> ChainTable:
    """Compose the stitches of A into B and of B into A to chains of three parts, under a budget.

    Args:
        forward, backward: two runs that can give their networks, sender and receiver exchanged.
        at_most: bound on the multiply-adds of a chain, in those of A.
        stitch, seed: which fits; by default the stitch of the run's sentences, and its first seed.
        progress: as for :func:`modelstitch.compare`.

    Returns:
        Chains with their scores on the choosing examples, and the best one on the confirming examples.

    Raises:
        SpecError: no fitted cell, or a budget that is not above 0.
        RunError: the runs are not two directions of one pair, or cannot give their networks.

    Example:
        ``old`` and ``new`` are two trained modules, ``images`` and ``labels`` tensors.

        >>> import modelstitch as ms
        >>> short = {"fit": ms.FitSpec(steps=5), "controls": "none", "evidence": "none"}
        >>> every = ms.compare_all({"a": old, "b": new}, (images, labels), cuts=["2", "4"], **short)
        >>> table = ms.chains_of(every["a", "b"], every["b", "a"], at_most=2.0)
        >>> len(table.chains) > 0
        True
    """
    division = _division(forward)
    with listening(progress) as listener:
        return chains(
            forward,
            backward,
            division.choose,
            division.confirm,
            at_most=at_most,
            stitch=stitch,
            seed=seed,
            progress=listener,
        )


@checked()
def regret_of(
    result: Comparison,
    *,
    stitch: str | None = None,
    seed: int | None = None,
    progress: ProgressChoice = None,
) -> RegretTable:
    """Return the score lost by choosing sender cuts by CKA, mutual k-NN, probes, the closed form or *kept*.

    Args:
        result: a run that can give its networks. The closed form is looked at where a stitch was fitted to
            ``match`` too, *kept* where the run has measured it.
        stitch, seed: which fits; by default the stitch of the run's sentences, and its first seed.
        progress: as for :func:`modelstitch.compare`.

    Raises:
        SpecError: no cell of that stitch and seed.
        RunError: the run cannot give its networks.

    Example:
        ``result`` is what :func:`modelstitch.compare` returned.

        >>> import modelstitch as ms
        >>> table = ms.regret_of(result)
        >>> "cka" in table.proxies
        True
    """
    division = _division(result)
    with kept_random_state(), listening(progress) as listener:
        return proxy_regrets(
            result, division.choose, division.confirm, stitch=stitch, seed=seed, progress=listener
        )


def division_of(network: StitchedCell) -> Division:
    """Return the division of the held-out examples of a run, the same for everything that is chosen on it."""
    return divide_heldout(network.sides[0].data)


def _division(result: Comparison) -> Division:
    row = next((row for row in result.cells if row.control == TRAINED and row.failure is None), None)
    if row is None:
        raise SpecError("expected a run with a finished cell, got none: fit one first")
    network = result.stitched(row.sender_cut, row.receiver_cut, stitch=row.stitch, seed=row.seed)
    return division_of(network)


def contender_of(network: StitchedCell) -> Contender:
    """Return a finished cell as its rivals meet it."""
    return Contender(
        network.spec.sender_cut,
        network.spec.receiver_cut,
        heldout_scores(network),
        load_of_cell(network),
        _spent(network),
        network.cell.converged,
    )


def load_of_cell(network: StitchedCell) -> Load:
    """Return what the joined network of a cell costs."""
    sender, receiver = network.sides
    front, end = (
        sender.cut(network.spec.sender_cut).before,
        receiver.cut(network.spec.receiver_cut).after,
    )
    own = Load(front.parameters + end.parameters, front.multiply_adds + end.multiply_adds)
    return own + _of_stitch(network)


def _of_stitch(network: StitchedCell) -> Load:
    device = network.sides[0].data.train.images.device
    return load_of(network.stitch, torch.zeros(2, *network.stitch.provided_layout.shape, device=device))


def _spent(network: StitchedCell) -> Spent:
    """Return what the fit of a cell took: the sender runs once, the receiver's rest at every step."""
    sender, receiver = network.sides
    cell, n_train = network.cell, len(sender.data.train)
    n_seen = cell.total_steps * min(network.comparison.spec.fit.batch_size, n_train)
    once = n_train * sender.cut(network.spec.sender_cut).before.multiply_adds
    each = FORWARD_AND_BACK * _of_stitch(network).multiply_adds
    each += _FORWARD_AND_BACK_FROZEN * receiver.cut(network.spec.receiver_cut).after.multiply_adds
    return Spent(cell.total_steps, n_seen, once + n_seen * each)
