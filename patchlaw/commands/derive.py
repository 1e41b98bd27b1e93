"""`patchlaw derive`: list, print and re-prove the theorems."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from patchlaw.console import PlainConsole
    from patchlaw.hessian_theory.proof.derivation import Derivation, Report


@click.command()
@click.argument("name", required=False)
@click.option("--latex", is_flag=True, help="Print LaTeX instead of text.")
@click.option(
    "--check", is_flag=True, help="Re-prove everything and show how each step was decided."
)
@click.option(
    "--markdown",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Re-prove everything and write the theory page to this file.",
)
@click.option("--seed", default=0, show_default=True, help="Seed of the random points.")
@click.pass_context
def derive(
    ctx: click.Context, name: str | None, latex: bool, check: bool, markdown: Path | None, seed: int
) -> None:
    """Re-prove theorems: all of them, or the one called NAME, printed in full.

    Without arguments the theorems are listed with their status. The exit status is 1 when a step
    fails or a theorem turns out vacuous.
    """
    from patchlaw.hessian_theory.theorems import THEOREMS, find

    try:
        chosen = (find(name),) if name else THEOREMS
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="NAME") from error
    if name and markdown:
        raise click.UsageError("--markdown writes all theorems; leave NAME out")
    if latex and not name:
        raise click.UsageError("--latex prints one theorem: give its NAME")
    if markdown and markdown.exists() and not markdown.is_file():
        # a rename would put a file in its place
        raise click.UsageError(f"--markdown: expected a file to write, got {markdown}")

    from patchlaw.console import PlainConsole
    from patchlaw.hessian_theory.proof.render import as_latex, as_text

    console = PlainConsole()
    reports, seconds = _prove(chosen, console, seed)
    if name:
        theorem, report = chosen[0], reports[chosen[0].name]
        click.echo(as_latex(theorem, report) if latex else as_text(theorem, report))
    else:
        _print_list(chosen, reports, seconds, console, each_step=check)
    if markdown is not None:
        from patchlaw.hessian_theory.theory_page import theory_page
        from patchlaw.verification.store.atomic_write import write_atomically

        markdown.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(markdown, theory_page(reports))
        click.echo(f"wrote {markdown}")
    ctx.exit(int(any(r.status in ("failed", "vacuous") for r in reports.values())))


def _prove(
    chosen: tuple[Derivation, ...], console: PlainConsole, seed: int
) -> tuple[dict[str, Report], dict[str, float]]:
    from rich.progress import track

    reports, seconds = {}, {}
    for theorem in track(
        chosen, "Proving", console=console, transient=True, disable=not console.is_terminal
    ):
        start = perf_counter()
        reports[theorem.name] = theorem.report(seed=seed)
        seconds[theorem.name] = perf_counter() - start
    return reports, seconds


def _print_list(
    chosen: tuple[Derivation, ...],
    reports: dict[str, Report],
    seconds: dict[str, float],
    console: PlainConsole,
    *,
    each_step: bool,
) -> None:
    from patchlaw.hessian_theory.proof.render import outcome_text
    from patchlaw.verification.tables import Table, print_table

    styles, rows = {"proved": "green", "failed": "red", "vacuous": "yellow"}, []
    for theorem in chosen:
        report = reports[theorem.name]
        title = theorem.title + (" (counterexample)" if theorem.kind == "counterexample" else "")
        rows.append((theorem.name, title, report.status, f"{seconds[theorem.name]:.1f}"))
        if each_step:
            click.echo(f"{theorem.name}: {report.status}")
            for result in report.steps:
                how = outcome_text(result.outcome) if result.outcome else result.error
                click.echo(f"    {result.label}: {how}")
    header = ("theorem", "statement", "status", "seconds")
    table = Table("", header, tuple(rows), whole=("theorem",), right=("seconds",))
    print_table(table, console, styles)
    steps = sum(s.outcome is not None for r in reports.values() for s in r.steps)
    rest = [f"{r.name} ({r.status})" for r in reports.values() if r.status != "proved"]
    console.print(
        f"{len(reports) - len(rest)} of {len(reports)} theorems proved; {steps} steps hold"
        + (f"; not proved: {', '.join(rest)}" if rest else "")
    )
