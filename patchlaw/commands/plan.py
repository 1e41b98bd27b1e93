"""``patchlaw plan``: what the runs of a plan cost, or those that are left."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import click

from patchlaw.commands.options import ExistingPath, check_plan_tables, data_option
from patchlaw.verification.run_settings import RunSettings

if TYPE_CHECKING:
    from patchlaw.verification.runs import RunRequest
    from patchlaw.verification.runs.cost import CostModel, Machine, RunCost
    from patchlaw.verification.tables import Table

MEASURED_SECONDS = 1.0
MOST_QUBITS = 12  # a product with a larger matrix takes longer than that


@click.command()
@click.argument("path", metavar="PLAN", type=ExistingPath(dir_okay=False))
@click.option(
    "--in",
    "runs",
    type=ExistingPath(file_okay=False),
    help="Folder of runs; what is trained there is not counted again.",
)
@click.option(
    "--analyses",
    type=ExistingPath(file_okay=False),
    help="Folder of records; runs with all stages there are not counted again.",
)
@click.option(
    "--device",
    default="cpu",
    show_default=True,
    help="An accelerator on record, or another one's name beside --gflops.",
)
@click.option(
    "--gflops",
    type=float,
    help="Rate of its complex64 products, GFLOP/s at 8 operations a multiply-add.  [default: "
    "measured here for the CPU; on record]",
)
@data_option()
def plan(
    path: Path,
    runs: Path | None,
    analyses: Path | None,
    device: str,
    gflops: float | None,
    data: Path | str | None,
) -> None:
    """Print what training and analysing every run of PLAN costs: memory, products and hours.

    With --in and --analyses, what is left to do, in the plan's order.

    Hours are those of one machine, one run after another, with all stages of `patchlaw analyse` at
    default options: operations, by a model fitted to the benchmarks on record, over the machine's
    rate of dense products. GB is the peak of an analysis on the CPU, above that of training;
    products are an analysis' with H, G and R. How far off the model was for runs and analyses on
    record stands below the table. Exit code: 0, or 2 if refused.
    """
    import torch

    from patchlaw.console import PlainConsole
    from patchlaw.simulators.fast_engine.product_rate import dense_product_rate
    from patchlaw.verification.runs import RunSamples, load_samples
    from patchlaw.verification.runs.cost import RunCost, cost_model
    from patchlaw.verification.runs.plan import read_plan
    from patchlaw.verification.tables import as_rich

    threads, model, console = torch.get_num_threads(), cost_model(), PlainConsole()
    files = data if isinstance(data, Path) else None

    @cache
    def rate(qubits: int) -> float:
        if gflops is None and machine.threads:
            return dense_product_rate(min(qubits, MOST_QUBITS), threads, MEASURED_SECONDS)
        return gflops or machine.gflops

    @cache
    def samples_of(source: str | Path | None, images: int | None) -> RunSamples:
        return load_samples(source, images)

    def cost_of(request: "RunRequest") -> RunCost:
        found = samples_of(request.source(files), request.images)
        sizes = len(found.train_labels), len(found.test_labels)
        found_rate = rate(request.qubits)
        return RunCost.of(request, *sizes, machine=machine, memory=model.memory, gflops=found_rate)

    try:
        machine = model.machine(device, gflops)
        check_plan_tables(path)
        counts: dict[RunRequest, tuple[int, int]] = {}
        for request in read_plan(path, data if isinstance(data, str) else None):
            epochs, analysed = _done(request, files, runs, analyses)
            left = max(0, request.epochs - epochs)
            kind = replace(  # runs that differ in these alone cost the same
                request, epochs=left or request.epochs, seed=0, learning_rate=None, alpha=1, scale=1
            )
            train, analyse = counts.get(kind, (0, 0))
            counts[kind] = train + (left > 0), analyse + (not analysed)
        kinds = {kind: count for kind, count in counts.items() if any(count)}
        costs = [(cost_of(kind), *count) for kind, count in kinds.items()]
    except (ValueError, OSError) as error:
        raise click.UsageError(str(error)) from error
    if not costs:
        console.say("Nothing is left to do.")
        return
    console.print(as_rich(_table(costs, model), console, framed=False))
    training = _hours(sum(n * cost.training() for cost, n, _ in costs))
    analysis = _hours(sum(n * cost.analysis(model.products(cost.images)) for cost, _, n in costs))
    to_train, to_analyse = (sum(column) for column in zip(*kinds.values(), strict=True))
    console.say(
        f"In turn: {to_train:,} runs to train in {training} h, {to_analyse:,} to analyse in "
        f"{analysis} h"
    )
    rates = ", ".join(f"{rate(n):,.0f} at n = {n}" for n in sorted({r.qubits for r in kinds}))
    measured = f"measured here with {threads} threads" if gflops is None else "as given"
    what = f"{machine.name}, on record" if gflops is None and not machine.threads else measured
    console.say(f"GFLOP/s in dense products: {rates} ({what})")
    for line in _errors(model, machine, device, kinds):
        console.say(line)


def _done(
    request: "RunRequest", files: Path | None, runs: Path | None, analyses: Path | None
) -> tuple[int, bool]:
    """Epochs trained, and whether all stages are on record."""
    if runs is None and analyses is None:
        return 0, False
    from patchlaw.paper_figures.study import run_id
    from patchlaw.verification.analysis.document import stages_on_record
    from patchlaw.verification.analysis.options import check_stages
    from patchlaw.verification.runs.run import CONFIG_FILE, RunHeader
    from patchlaw.verification.runs.status import status_of

    epochs, analysed, name = 0, False, run_id(request, files)
    if runs is not None and (runs / name / CONFIG_FILE).exists():
        held, found = RunHeader.read(runs / name).config.run_id, status_of(runs / name)
        if found.problem or held != name:
            raise ValueError(found.problem or f"{runs / name}: expected {name} in it, got {held}")
        epochs = found.epochs_done or 0
        if found.state == "thinned" and epochs < request.epochs:  # it cannot be trained on
            epochs = 0
    if analyses is not None and (record := analyses / f"{name}.json").exists():
        analysed = stages_on_record(record, request.epochs) >= set(check_stages(()))
    return epochs, analysed


def _table(costs: Sequence[tuple["RunCost", int, int]], model: "CostModel") -> "Table":
    from patchlaw.verification.tables import Table

    header = (
        *("P", "d", "n", "images", "epochs", "parameters", "GB", "products"),
        *("to\ntrain", "h\neach", "to\nanalyse", "h\neach"),
    )
    rows = []
    for cost, to_train, to_analyse in costs:
        config, products = cost.config, model.products(cost.images)
        sizes = (config.model.n_patches, config.model.depth, config.model.n_qubits, cost.images)
        integers = (*sizes, config.training.epochs, config.model.build().n_parameters)
        total = sum(sum(of_matrix.values()) for of_matrix in products.values())
        rows.append(
            (
                *(f"{number:,}" for number in integers),
                f"{cost.peak_bytes / 1e9:.1f}",
                f"{total:,.0f}",
                *(f"{to_train:,}", _hours(cost.training())),
                *(f"{to_analyse:,}", _hours(cost.analysis(products))),
            )
        )
    return Table("", header, tuple(rows), whole=header, right=header)


def _hours(seconds: float) -> str:
    return _rough(seconds / 3600)


def _rough(number: float) -> str:
    """Two digits: more than the model is good for."""
    return f"{float(f'{number:.2g}'):,.10g}"


def _errors(
    model: "CostModel", machine: "Machine", device: str, requests: Collection["RunRequest"]
) -> Iterator[str]:
    """How far the model has been off, and where nothing is on record."""
    for what, name in (("training", "runs"), ("analysis", "analyses")):
        held = model.held.get(what if machine.threads else f"{what}, {machine.name}")
        if held is not None:
            yield (
                f"{what}: the {held.n} {name} of {machine.name} on record took "
                f"{_rough(held.median)} times as long (median); 4 of 5 lie within a factor of "
                f"{_rough(held.factor)}, all within {_rough(held.largest)}"
            )
    if not machine.threads and device.lower() not in machine.name.lower():
        yield f"{device}: not on record; at the rate given, with the overheads of {machine.name}"
    if other := sorted({request.qubits for request in requests} - set(model.qubits)):
        listed = ", ".join(map(str, other))
        yield f"n = {listed}: on no record; by the number of operations alone"
    if others := sorted({request.ansatz for request in requests} - {RunSettings.ansatz}):
        yield f"ansatz {', '.join(others)}: on no record; counted as the paper's circuit"
