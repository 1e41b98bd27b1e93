"""The tables of docs/ that hold measured numbers or laws, from the records.

``python -m patchlaw.paper_figures.tables.findings_tables``

The text around them is written by hand; what can go stale with a new record is written here.
"""

import math
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import click

from patchlaw.hessian_theory.predictions import LAWS, curvature_bounds
from patchlaw.paper_figures.axes import AXES, members
from patchlaw.paper_figures.law_pairs import LawPairs, author_pairs, study_pairs
from patchlaw.paper_figures.records import SOURCE_TREE, Records
from patchlaw.paper_figures.study import paper_study, scaling_study
from patchlaw.paper_figures.tables.axis_tables import axis_table, parts_table
from patchlaw.paper_figures.tables.evolution_tables import moments_table, powers_table
from patchlaw.paper_figures.tables.kernel_tables import (
    criteria_table,
    pairs_on_their_images,
    spectra_table,
    whole_table,
)
from patchlaw.paper_figures.tables.page_markup import escaped, marked, marks, replaced_between
from patchlaw.paper_figures.tables.protocol import (
    author_by_configuration,
    select_eigenvalues,
    select_runs,
)
from patchlaw.verification.comparison import (
    FittedExponent,
    LawComparison,
    fitted_exponents,
    summarise_laws,
)
from patchlaw.verification.comparison.tables import measured_cell
from patchlaw.verification.kernels.criterion import ON_AXES
from patchlaw.verification.records import author_models
from patchlaw.verification.records.run_facts import AUTHOR_SEED
from patchlaw.verification.solvers.result import format_interval
from patchlaw.verification.store.atomic_write import write_atomically
from patchlaw.verification.tables import markdown_lines

_DOCS = SOURCE_TREE / "docs"
FINDINGS = tuple(_DOCS / f"findings{of}.md" for of in ("", "-laws", "-axes"))
OWN = _DOCS / "own-models.md"

_MATRIX = "H"
_MISSING = "not measured"


def shown_laws() -> dict[str, str]:
    """Headings of the laws that have one; those fed with every block come last."""
    laws = sorted(LAWS.values(), key=lambda law: any(each.each for each in law.inputs))
    return {law.name: law.heading for law in laws if law.heading}


def law_table() -> str:
    """Every registered law."""
    rows = [
        (
            f"`{law.name}`",
            law.matrix,
            f"${law.latex}$",
            ", ".join(f"`{each.name}`" for each in law.inputs),
            escaped(f"{law.status}: {law.assumption}" if law.assumption else law.status),
        )
        for law in LAWS.values()
    ]
    return _text(("law", "of λ_max of", "ratio, P₂ over P₁", "takes", "holds"), rows)


def minima_table(records: Records) -> str:
    """Every run by the author's protocol with lambda_max(H); the author's numbers in brackets."""
    minima, tops = select_runs(records).minima, select_eigenvalues(records)
    rows = []
    by_depth = sorted(author_by_configuration().items(), key=lambda c: (c[0].depth, c[0].patches))
    for configuration, author in by_depth:
        for seed, top in tops.get(configuration, {}).items():
            run = minima.get(configuration, {}).get(seed)
            if run is None:
                continue
            entry, own = run.value, seed == AUTHOR_SEED
            pairs = (
                (f"{entry.epoch}", f"{author.epoch_of_min_train_loss + 1}"),  # his count is from 0
                (f"{entry.train.loss:.5f}", f"{author.train_loss:.5f}"),
                (f"{entry.test.loss:.4f}", f"{author.test_loss:.4f}"),
                (f"{entry.test.accuracy:.2%}", f"{author.test_accuracy:.2%}"),
                (
                    format_interval(top.value.value, top.value.radius),
                    f"{author.top_hessian_eigenvalue:.2f}",
                ),
            )
            place = _place(f"{configuration.patches}, {configuration.depth}", seed)
            rows.append((place, *(f"{a} ({b})" if own else a for a, b in pairs)))
    head = ("P, d", "epoch", "training loss", "test loss", "test accuracy", "λ_max(H)")
    return _text(head, rows)


def ratio_table(pairs: LawPairs, of: str = "λ_max(H)", laws: Iterable[str] | None = None) -> str:
    """Every ratio of a largest eigenvalue beside the laws; in brackets predicted / measured - 1.

    Args:
        pairs: of one matrix.
        of: what its largest eigenvalue is called.
        laws: by name; None for all that have a heading.
    """
    found: dict[tuple[int, tuple[int, int], int], dict[str, LawComparison]] = {}
    for row in pairs.rows:
        key = (row.depth, row.n_patches, row.seed or AUTHOR_SEED)
        found.setdefault(key, {})[row.law] = row
    shown = shown_laws() if laws is None else {law: shown_laws()[law] for law in laws}
    rows = []
    for (depth, (one, two), seed), by_law in sorted(found.items()):
        first = next(iter(by_law.values()))
        cells = (_prediction(by_law.get(law)) for law in shown)
        rows.append((_place(f"{depth}", seed), f"{one}→{two}", measured_cell(first), *cells))
    return _text(("d", "P₁→P₂", f"measured ratio of {of}", *shown.values()), rows)


def summary_table(groups: Iterable[tuple[LawPairs, Iterable[FittedExponent]]]) -> str:
    """Every law over all ratios of each origin, and the fitted exponents of P.

    A law's cell: typical factor between prediction and measurement (e to the median of |log|), the
    worst, and how many ratios are within 20 % of those that it has a prediction for.
    """
    groups = [(pairs, tuple(exponents)) for pairs, exponents in groups]
    rows = [
        (text, *(_summary(pairs.of_law(law)) for pairs, _ in groups))
        for law, text in shown_laws().items()
    ]
    rows.append(("fitted exponent of P", *(_exponent(exponents) for _, exponents in groups)))
    titles = (f"{pairs.name}, {pairs.n_pairs} ratios" for pairs, _ in groups)
    return _text(("law", *titles), rows)


def bounds_table(records: Records) -> str:
    """lambda_max(G) of every record with bounds that use data, and what they are over it.

    The last column is the bound from architecture, loss and <tr S> alone.
    """
    rows = []
    for record in records.analyses.values():
        bounds, top, train = record.bounds, record.top("G"), record.minimum.train
        run = record.run
        if bounds is None or top is None or run.architecture is None:
            continue
        interval = bounds.interval
        proven = curvature_bounds(
            run.architecture,
            loss=train.loss,
            curvature=train.mean_softmax_trace,
            include_bias=run.pixel_bias,
        ).gauss_newton
        certain = (bounds.output_ritz, interval.lower)
        likely = (interval.upper, interval.deflated_upper, interval.frobenius_upper)
        cells = [f"{bound / top.value:.3f}" for bound in (*certain, *likely)]
        cells.append(f"{interval.trace.value / top.value:.1f}")
        cells.append(f"{proven.value / top.value:,.0f}")
        place = f"{run.n_patches}, {run.depth}"
        shown = format_interval(top.value, top.radius)
        products = f"{interval.matvecs}"
        rows.append((run, (place, f"{run.images:,}", shown, *cells, products)))
    rows.sort(key=lambda row: (-row[0].images, row[0].n_patches, row[0].depth, row[0].seed))
    head = (
        "P, d",
        "images",
        "λ_max(G)",
        "pencil of g_a",
        "Ritz value",
        "two blocks",
        "norm less Ritz values",
        "norm",
        "tr G",
        "from the architecture",
        "products",
    )
    return _text(head, (row for _, row in rows))


def tables(records: Records) -> dict[str, str]:
    """Every table by name; only those of the axes see other models than the paper's."""
    paper, scaling = paper_study(), scaling_study()
    every, records = records, records.of_the_paper
    kernels = records.kernels.values()
    ours = study_pairs("ours at his size", paper, records)
    shallow = study_pairs("shallow circuits", scaling, records)
    return {
        "registered-laws": law_table(),
        "minima": minima_table(records),
        "ratios": ratio_table(ours),
        "spectra": spectra_table(kernels),
        "criteria": criteria_table(kernels),
        "whole": whole_table(kernels, records.analyses),
        **{
            name: ratio_table(
                pairs_on_their_images(kernels, trained),
                "λ_max(G), angles",
                ("elementwise", "aligned", "tangent_kernel"),
            )
            for name, trained in (("starts", False), ("same-images", True))
        },
        "bounds": bounds_table(records),
        "evolution": moments_table(records.analyses.values()),
        "evolution-powers": powers_table(records.analyses.values()),
        "laws": summary_table(
            (
                (author_pairs(records), fitted_exponents(author_models())),
                (ours, fitted_exponents(records.analyses_of(paper))),
                (shallow, fitted_exponents(records.analyses_of(scaling))),
            )
        ),
        "axis-parts": parts_table(every),
        "all-axes": criteria_table(every.kernels.values(), ON_AXES),
        **{axis.name: axis_table(members(every, axis.study(every))) for axis in AXES},
    }


def _text(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    return "\n".join(markdown_lines(head, rows))


def _place(text: str, seed: int) -> str:
    return text if seed == AUTHOR_SEED else f"{text}, seed {seed}"


def _prediction(row: LawComparison | None) -> str:
    if row is None or row.predicted is None or row.relative_error is None:
        return _MISSING
    return f"{row.predicted:.4f} ({_signed(100 * row.relative_error, 0)} %)"


def _summary(rows: tuple[LawComparison, ...]) -> str:
    if not rows:
        return _MISSING
    (found,) = summarise_laws(replace(row, protocol="") for row in rows)  # one law, one matrix
    assert found.median_log_error is not None
    assert found.largest_log_error is not None
    typical, worst = math.exp(found.median_log_error), math.exp(found.largest_log_error)
    return f"{typical:.2f}, {worst:.2f}, {found.n_within} of {found.n_pairs}"


def _exponent(exponents: Iterable[FittedExponent]) -> str:
    """Of all depths and seeds together, which comes first."""
    found = next((e for e in exponents if e.quantity == _MATRIX and e.fit.n_groups > 1), None)
    if found is None:
        return _MISSING
    interval = ""
    if found.fit.interval is not None:
        low, high = (_signed(end) for end in found.fit.interval)
        interval = f" [{low}, {high}]"
    text = f"{_signed(found.fit.exponent)}{interval}, {found.fit.n_points} models"
    for spread in filter(None, (found.over_seeds, found.over_depths)):
        mean, low, high = map(_signed, (spread.mean, *spread.interval))
        text += f"; over {spread.where}: {mean} [{low}, {high}]"
    return text


def _signed(value: float, places: int = 2) -> str:
    return f"{value:+.{places}f}".replace("-", "\N{MINUS SIGN}").removeprefix("+" if places else "")


PAGES = (*FINDINGS, OWN)


def with_tables(pages: Mapping[Path, str], found: Mapping[str, str]) -> dict[Path, str]:
    """Pages with the tables as found, each between its marks.

    Raises:
        ValueError: marks of no table, or not in pairs; a table without marks.
    """
    written, shown = {}, set()
    for path, text in pages.items():
        names = marked(text)
        if unknown := set(names) - set(found):
            raise ValueError(f"{path.name}: expected marks of {sorted(found)}, got {unknown}")
        for name in names:
            text = replaced_between(text, *marks(name), found[name])
        written[path] = text
        shown.update(names)
    if hidden := set(found) - shown:
        raise ValueError(f"tables: expected marks of each in a page, got none of {sorted(hidden)}")
    return written


@click.command()
def main() -> None:
    """Write the tables of docs/: the laws, and what the committed records give."""
    try:
        found = tables(Records.read())
        pages = {path: path.read_text(encoding="utf-8") for path in PAGES}
        for path, text in with_tables(pages, found).items():
            write_atomically(path, text)
            click.echo(f"wrote {path.name}")
    except (OSError, ValueError) as error:
        raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    sys.exit(main())
