"""``modelstitch paper``: the experiment of Hernandez et al. 2022, whole or in part, beside their numbers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from modelstitch.cli.exits import Exit
from modelstitch.cli.json_output import print_json


@dataclass(frozen=True)
class Paper:
    """Repeat the experiment of Hernandez et al. 2022 (arXiv 2303.11277), and set its numbers beside theirs.

    Networks are trained once and kept in the folder; what stands there is not computed again, so that a
    larger part goes on where a smaller one ended. The page is paper.html.
    """

    form: Literal["full", "small", "resnet-34"] = "full"
    """full: the 16 networks of width 64, every ordered pair of them, 256 in all;
    small: four networks of width 16, 16 pairs, 2,000 images to fit stitches on and 2,000 to score;
    resnet-34: ResNet-18 into ResNet-34 and the reverse."""
    part: Literal["all", "vanilla", "similarity"] = "all"
    """What stitches are fitted to: vanilla (the task), similarity (the expected representation), or both."""
    networks: tuple[str, ...] = ()
    """Some networks of the form, such as R1111,R1112; by default all."""
    data: str | None = None
    """Images in the place of cifar10, in the same form as for `modelstitch compare`."""
    width: int | None = None
    """Channels of the first stage, in the place of those of the form."""
    limit: int | None = None
    """Images that stitches are fitted to, in the place of those of the form."""
    out: Path | None = None
    """Folder; by default modelstitch-paper-FORM. An existing one is continued."""
    plan: bool = False
    """Print cells, time, disk and memory for this machine, and stop; networks are not trained."""
    dry_run: bool = False
    """The same as --plan."""
    device: str = "auto"
    """auto (a GPU if there is one), cpu or cuda."""
    memory: str = "2GB"
    """How much memory the process may take, such as 2GB or 500MB."""
    json: bool = False
    """Print the answer as JSON on stdout; progress goes to stderr. An error is JSON, too."""

    def run(self) -> Exit:
        """Repeat the experiment, or say what it would cost."""

        from modelstitch.cli.experiment import carry_out
        from modelstitch.specs.config import to_toml
        from modelstitch.specs.experiment import experiment_from
        from modelstitch.specs.paper import chosen_part, paper_numbers

        values = chosen_part(
            self.form,
            part=self.part,
            networks=self.networks,
            data=self.data,
            width=self.width,
            limit=self.limit,
        )
        out = self.folder
        only_costs = self.plan or self.dry_run
        code = carry_out(
            experiment_from(values, lambda at: ""),
            to_toml(values, f"modelstitch run {out / 'experiment.toml'} --out {out}"),
            out=out,
            device=self.device,
            memory=self.memory,
            allow_untrained=False,
            dry_run=only_costs,
            as_json=self.json and only_costs,
        )
        if only_costs:
            return code
        from modelstitch.report.paper import write_paper
        from modelstitch.results.beside_paper import beside_paper
        from modelstitch.runs.pairs import read_pairs

        found = beside_paper(read_pairs(out), paper_numbers())
        page = write_paper(found, out)
        if self.json:
            print_json("paper", {"kind": "paper", **found.to_plain()})
        else:
            print(f"  {page}  the numbers beside the paper's\n")
            for each in found.findings:
                word = {True: "came out again", False: "did not", None: "not run"}[each.holds]
                print(f"- {each.what} {word}: {each.ours} (paper: {each.paper})")
        return code

    @property
    def folder(self) -> Path:
        """The folder of the experiment."""
        return self.out or Path(f"modelstitch-paper-{self.form}")
