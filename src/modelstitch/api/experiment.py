"""Many pairs of models as one experiment: all prepared and checked first, then run one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from modelstitch.api.choices import PairChoices
from modelstitch.cutting.cache import GraphCache
from modelstitch.grid.grid import Budget
from modelstitch.grid.pool import Pool
from modelstitch.models.given import Model, as_network, device_for, in_eval_mode
from modelstitch.models.network import Network
from modelstitch.results.comparison import Comparison
from modelstitch.results.facts import BySide
from modelstitch.results.pairs import Comparisons, ModelPair
from modelstitch.runs.database import Writing, expect_experiment
from modelstitch.runs.engine import in_process
from modelstitch.runs.experiment import PairUnit, expect_same_experiment, write_plan
from modelstitch.runs.pairs import pair_folders, planned, write_whole
from modelstitch.runs.place import PairName
from modelstitch.runs.prepare import expect_trained, in_colour, read, read_alike
from modelstitch.runs.session import Session
from modelstitch.specs import DataSpec
from modelstitch.util.progress import Progress


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """Models, the pairs of them that are compared, and the choices of every pair.

    Attributes:
        models: by name.
        data: as for :func:`modelstitch.compare`.
        pairs: names of sender and receiver.
        choices: the same for every pair.
        out: folder; None where nothing is written.
        device: as for :func:`modelstitch.compare`.
        painted: pairs with pictures; None for all, if the choices have them.
        budget_of: how much memory a pair may take; None for the budget of the choices.
        file: the text of the file that asks for the experiment, to be stored with it.
    """

    models: Mapping[str, Model]
    data: DataSpec | Any
    pairs: Sequence[ModelPair]
    choices: PairChoices
    out: Path | None
    device: str = "auto"
    painted: Sequence[ModelPair] | None = None
    budget_of: Callable[[Session], Budget] | None = None
    file: str | None = None

    def run(self, progress: Progress) -> Comparisons:
        """Prepare every pair, then run them; return the comparison of each.

        Raises:
            InputError: a model, the data or a choice cannot be used, or the folder holds something else;
                nothing was fitted then.
            TruthError: a check failed.
        """
        return Comparisons({(pair.sender, pair.receiver): found for pair, found in self.each(progress)})

    def each(self, progress: Progress) -> Iterator[tuple[PairName, Comparison]]:
        """Prepare every pair, then yield each with its comparison as it finishes, and write the page of all.

        Nothing of a pair is held once it was yielded, so that memory does not grow with their number.

        Raises:
            InputError, TruthError: as for :meth:`run`.
        """
        self.expect_folder()
        with in_eval_mode(self.models.values()), ExitStack() as stack:
            units = self.prepared(progress)
            writing = None
            if self.out is not None:
                expect_same_experiment(self.out, units)
                writing = stack.enter_context(Writing(self.out, [unit.pair for unit in units]))
                write_plan(writing, units, self.file)

            def work(unit: PairUnit) -> Comparison:
                progress.stage(f"{unit.pair.sender} into {unit.pair.receiver}")
                return self._choices_of(unit).run(
                    unit.session, out=unit.folder, writing=writing, progress=progress
                )

            for unit, found in in_process(units, work):
                yield unit.pair, found
            if self.out is not None:
                write_whole(self.out)  # with the pairs that the folder had before

    def expect_folder(self) -> None:
        """Raise where the folder cannot be that of the experiment, before anything is loaded.

        Raises:
            InputError: it cannot, or an option cannot be.
        """
        self.choices.evidence_spec()
        if self.choices.folder_of_graphs is not None:
            GraphCache(self.choices.folder_of_graphs)
        pair_folders(self.out, list(self.models), self.pairs)
        if self.out is not None:
            expect_experiment(self.out, planned(list(self.models), self.pairs))

    def prepared(self, progress: Progress) -> list[PairUnit]:
        """Return every pair, checked; each model is loaded, captured and scored once.

        Raises:
            InputError: a model, the data or a choice cannot be used.
            TruthError: a cut does not reproduce its model.
        """
        where = device_for(self.device, self.models.values())
        networks = {
            name: as_network(model, name, seed, where)
            for seed, (name, model) in enumerate(self.models.items())
        }
        data = self.data
        progress.stage("reading the data")
        if isinstance(data, DataSpec):
            data = read_alike(data, list(networks.values()))
        whole = read(data, list(networks.values())).to(where)
        pool = Pool(whole, many=True, cache=self.choices.folder_of_graphs)
        if not self.choices.allow_untrained:
            self._expect_trained(networks, pool)
        progress.stage(f"checking {len(self.pairs)} pairs of {len(networks)} models")
        once, units = _WarnsOnce(progress), []
        for name, folder in zip(
            planned(list(networks), self.pairs),
            pair_folders(self.out, list(networks), self.pairs).values(),
            strict=True,
        ):
            session = self.choices.session(
                networks[name.sender],
                networks[name.receiver],
                data,
                names=BySide(name.sender, name.receiver),
                device=str(where),
                pool=pool,
                progress=once,
            )
            units.append(PairUnit(name, session, folder))
        return units

    def _expect_trained(self, networks: Mapping[str, Network], pool: Pool) -> None:
        """Raise where a receiver of some pair was not trained, before any pair is fitted."""
        receivers = {receiver for _, receiver in self.pairs}
        for name, network in networks.items():  # what is made ready here is what every pair uses
            if name in receivers:
                expect_trained(pool.side(replace(in_colour(network, pool.data), name=name)))

    def _choices_of(self, unit: PairUnit) -> PairChoices:
        choices = self.choices
        if self.painted is not None:
            choices = replace(choices, pictures=(unit.pair.sender, unit.pair.receiver) in self.painted)
        return choices if self.budget_of is None else replace(choices, budget=self.budget_of(unit.session))


class _WarnsOnce(Progress):
    """Hands on what is wrong, once; many pairs share a model."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._said: set[str] = set()

    def warn(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            self._progress.warn(text)
