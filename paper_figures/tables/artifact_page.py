"""docs/artifact.md: for each claim the command, what it prints, and what its evidence cost.

Written with the page of the claims (``claims_page``), of the same ledger. Times are those in the
records, so they are of the machines that made these; none is estimated.
"""

import json
import re
from collections.abc import Iterable, Mapping

from patchlaw.paper_figures import recipes
from patchlaw.paper_figures.axes import AXES
from patchlaw.paper_figures.records import SOURCE_TREE, Records
from patchlaw.paper_figures.study import paper_study, scaling_study
from patchlaw.paper_figures.tables.page_markup import escaped
from patchlaw.verification.claims import Entry, Grade
from patchlaw.verification.records import TrainedModel
from patchlaw.verification.runs import Run
from patchlaw.verification.tables import markdown_lines

_RUN = re.compile(r"\bP\d+_d\d+_s\d+(?:_[0-9a-f]{8})?\b")
_HOUR = 3600.0
_MODULES = "python -m patchlaw.paper_figures.averaged_observables --out mine/runs"  # of no plan
_MEMORY = SOURCE_TREE / "benchmarks" / "results" / "peak_memory.json"

_INTRODUCTION = """\
# Artifact: from each claim to its evidence

<!-- Written by `make docs` (paper_figures/tables/artifact_page.py); do not edit. -->

What is here to be evaluated: the program (MIT), its theorems, and the records of every run behind
the verdicts. It needs Python 3.11 or newer on Linux, two processor cores and 8 GB of memory, no GPU
and, once installed, no network: MNIST and a part of Fashion-MNIST are in the package
(`simulators/datasets/NOTICE` has every licence). `patchlaw doctor` checks an installation.

## In minutes

```sh
make verify                # derive, check, train small models, measure, judge every claim
patchlaw claim 9 --full    # one claim: criteria, every number with its interval, its command
patchlaw figures table-3   # a table or figure from the records; all of them without a name
```

`patchlaw claim N` proves the claim's theorems again, runs its exact checks again and reads the
committed records. The table says what it should print. "Measured" counts numbers of our own at the
paper's scale, then small ones. The last columns are what their records cost: hours of training and
of analysis over all runs that the claim uses, on the machines below. A run that several claims use
counts in each.
"""

_RUNS = """\
## From nothing

Every record can be made again by two commands such as these, into a folder of your own, which
`--records` then takes in place of the committed one:

```sh
patchlaw train --patches 4 --depth 50 --out mine/runs
patchlaw analyse mine/runs/P4_d50_s1001 --out mine/analyses
```

Both go on where they were stopped; losses of a run trained again on the same machine are the same
bits, on another they agree until rounding is amplified (docs/findings.md). At the
largest size (P = 16, d = 200, all images) a process took {memory} GB
(`benchmarks/results/peak_memory.json`); `--memory` lowers that. What each run took, in hours of
wall-clock time on what made it:
"""


def artifact_page(entries: Iterable[Entry], records: Records) -> str:
    """The page as Markdown."""
    lines = [_INTRODUCTION]
    head = ("claim", "command", "prints", "theorems", "measured", "runs", "training", "analysis")
    lines += markdown_lines(head, (_claim(entry, records) for entry in entries))
    lines += ["", _RUNS.format(memory=_peak_memory())]
    columns = ("run", "command", "trained on", "training", "analysed on", "analysis", "landscape")
    lines += markdown_lines(columns, _runs(records))
    return "\n".join(lines) + "\n"


def _claim(entry: Entry, records: Records) -> tuple[str, ...]:
    pieces = [piece for part in entry.parts for piece in part.evidence]
    measured = [p for p in pieces if p.samples != "not run"]
    ids = {name for piece in measured for name in _RUN.findall(piece.reproduce)}
    trained = [training_seconds(run) for name, run in records.runs.items() if name in ids]
    analysed = [analysis_seconds(m) for name, m in records.analyses.items() if name in ids]
    counts = [sum(p.grade is grade for p in measured) for grade in (Grade.SCALE, Grade.SMALL)]
    return (
        f"[{entry.claim.id}](claims.md#claim-{entry.claim.id}) {escaped(entry.claim.title)}",
        f"`patchlaw claim {entry.claim.id}`",
        f"Verdict: {entry.judgement.verdict}",
        f"{len({name for part in entry.claim.parts for name in part.all_theorems})}",
        f"{counts[0]} and {counts[1]}" if any(counts) else "none",
        f"{len(ids)}",
        f"{sum(trained) / _HOUR:.1f} h" if ids else "none",
        f"{sum(analysed) / _HOUR:.1f} h" if ids else "none",
    )


def _runs(records: Records) -> Iterable[tuple[str, ...]]:
    studies = paper_study(), scaling_study(), *(axis.study(records) for axis in AXES)
    planned = {run.run_id: run.request for study in studies for run in study.runs if run.request}
    for name, run in sorted(records.runs.items(), key=_place):
        model, land = records.analyses.get(name), records.landscapes.get(name)
        train = recipes.train(planned[name]).text("mine") if name in planned else _MODULES
        yield (
            name,
            f"`{train}`",
            machines(s.environment for s in run.checkpoint.sessions),
            f"{training_seconds(run) / _HOUR:.2f} h",
            "" if model is None else machines(model.environments),
            "" if model is None else f"{analysis_seconds(model) / _HOUR:.2f} h",
            "" if land is None else f"{land.seconds / _HOUR:.2f} h",
        )


def _place(named: tuple[str, Run]) -> tuple[int, int, int, int]:
    """The paper's runs first, then by P, d and seed."""
    model = named[1].config.model
    return -named[1].history[-1].train.n_samples, model.n_patches, model.depth, model.seed


def training_seconds(run: Run) -> float:
    """Of all epochs, evaluations included."""
    return sum(entry.seconds for entry in run.history)


def analysis_seconds(model: TrainedModel) -> float:
    """Of all stages and the sessions before them."""
    marks = [m for stage in model.stages.values() for m in (*stage.get("earlier", ()), stage)]
    return sum(float(mark.get("seconds", 0.0)) for mark in marks)


def _peak_memory() -> str:
    (figure,) = json.loads(_MEMORY.read_text(encoding="utf-8"))["figures"]
    return f"{figure['value']:.1f}"


def machines(environments: Iterable[Mapping[str, object]]) -> str:
    """Accelerators, or processors, by name where the record has it, each once."""
    found = [_machine(each) for each in environments if each]
    return ", ".join(dict.fromkeys(found))


def _machine(environment: Mapping[str, object]) -> str:
    name = environment.get("processor")
    processors = f"x {name}" if name else "CPUs"
    return str(environment.get("accelerator") or f"{environment['cpus']} {processors}")
