"""Run benchmarks: ``python -m benchmarks.run [NAME ...]``.

Each writes benchmarks/results/NAME.json; docs/performance.md is then made anew from all results.
"""

import importlib
import time
from pathlib import Path

import click
import torch

from benchmarks.environment import describe, load_average
from benchmarks.peers.client import peers_python
from benchmarks.performance_page import PAGE, render
from benchmarks.record import RESULTS, Record, read_records
from benchmarks.workload import Scale
from patchlaw.verification.store.atomic_write import write_atomically

OWN = (
    "gemm_floor",
    "training_step",
    "module_calls",
    "full_data_forward",
    "curvature_products",
    "hessian_depth",
    "growth",
    "peak_memory",
    "spectrum_prediction",
    "ranks",
)
PEERS = (
    "training_step_peers",
    "training_step_gpu_peers",
    "hessian_product_peers",
    "top_eigenvalue_peers",
)
GPU = ("cuda_engine", "cuda_kernels")
NAMES = OWN + PEERS + GPU


def run_benchmark(name: str, scale: Scale, folder: Path) -> Record:
    """Run one benchmark and write its record into ``folder``."""
    before = load_average()
    benchmark = importlib.import_module(f"benchmarks.claims.{name}")
    record = Record(name, benchmark.CLAIM, scale.name)
    if name in GPU and scale.device == "cuda" and not torch.cuda.is_available():
        record.unavailable["CUDA"] = "no such device on this machine"
    else:
        benchmark.run(scale, record)
    record.environment.update(
        describe(), load_average_before=before, load_average_after=load_average()
    )
    record.write(folder)
    return record


@click.command()
@click.argument("names", nargs=-1, type=click.Choice([*NAMES, "own", "peers", "gpu"]))
@click.option("--tiny", is_flag=True, help="Small sizes, to try a script out; needs --out.")
@click.option(
    "--device",
    default="cuda",
    show_default=True,
    help="For the benchmarks of a GPU; another one tries them out, with --tiny.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=RESULTS,
    help="Folder for the results; with another than the committed one the page is left alone.",
)
def main(names: tuple[str, ...], tiny: bool, device: str, out: Path) -> None:
    """Run the benchmarks NAMES.

    "own" are patchlaw's alone, "peers" those against others, "gpu" those on a CUDA device; without
    NAMES all that this machine can run.
    """
    if tiny and out == RESULTS:
        raise click.UsageError("--tiny: expected --out FOLDER, so that no result is overwritten")
    if device != "cuda" and not tiny:
        raise click.UsageError("--device: expected --tiny beside it, as floors are a GPU's")
    groups = {"own": OWN, "peers": PEERS, "gpu": GPU}
    chosen = dict.fromkeys(n for name in names or _possible() for n in groups.get(name, (name,)))
    for name in chosen:
        begin = time.perf_counter()
        record = run_benchmark(name, Scale(tiny=tiny, device=device), out)
        click.echo(f"{name}: {time.perf_counter() - begin:.0f} s")
        for figure in record.figures:
            value = "not measured" if figure.value is None else f"{figure.value:.3g} {figure.unit}"
            verdict = {True: "met", False: "NOT MET", None: ""}[figure.met]
            click.echo(f"  {figure.what}: {value} {verdict}".rstrip())
        for peer, reason in record.unavailable.items():
            click.echo(f"  {peer}: unavailable: {reason}")
    if out == RESULTS:
        write_atomically(PAGE, render(read_records()))


def _possible() -> list[str]:
    """The groups that this machine can run; says what it leaves out."""
    found = ["own"]
    if peers_python().exists():
        found.append("peers")
    else:
        click.echo("peers: left out, no environment; python -m benchmarks.peers.install makes it")
    if torch.cuda.is_available():
        found.append("gpu")
    else:
        click.echo("gpu: left out, no CUDA device")
    return found


if __name__ == "__main__":
    main()
