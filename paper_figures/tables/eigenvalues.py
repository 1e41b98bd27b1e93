"""Tables 3 and 5: the largest Hessian eigenvalue at the minimum of the training loss."""

from patchlaw.paper_figures.records import Records
from patchlaw.paper_figures.tables.cells import NO_NUMBER, Cell, Count, Number, places_of
from patchlaw.paper_figures.tables.comparison import N_SEEDS, Quantity, n_seeds
from patchlaw.paper_figures.tables.content import Column, Group, Panel, Row, TableContent
from patchlaw.paper_figures.tables.notes import (
    LOST,
    OF_SEEDS,
    OUR_PROTOCOL,
    not_run,
    short_of_seeds,
)
from patchlaw.paper_figures.tables.protocol import (
    AUTHOR_SEED,
    analyse,
    analyse_all,
    author_by_configuration,
    planned_seeds,
    train,
    train_all,
)
from patchlaw.paper_figures.tables.selection import TopEigenvalue, select_eigenvalues, select_runs

# Three digits after the point: the author's iteration stopped at changes of 1e-3.
_TOP = Quantity("top_eigenvalue", "lambda_max(H)", 3, r"$\lambda_{\max}(H)$", relative=True)
_EVIDENCE = Group(
    "evidence for ours",
    (Column("residual_norm", "residual norm"), Column("n_samples", "images")),
)
_STAGE = "hessian"

TITLE_3 = "Largest Hessian eigenvalue at the minimum of the training loss"
TITLE_5 = "Largest Hessian eigenvalue at the minimum of the training loss, over seeds"


def table_3(records: Records) -> TableContent:
    """Our eigenvalues with the author's seed beside the author's, with their certificates."""
    found, minima = select_eigenvalues(records), select_runs(records).minima
    rows, notes, sources, missing = [], [], [], []
    for configuration, author in author_by_configuration().items():
        ours = found.get(configuration, {}).get(AUTHOR_SEED)
        value, radius = (None, None) if ours is None else (ours.eigenvalue.value, ours.radius)
        cells = {
            **_TOP.compared(author.top_hessian_eigenvalue, value, radius),
            **_evidence(ours),
        }
        rows.append(Row(configuration.patches, configuration.depth, cells))
        if ours is None:
            commands = [analyse(configuration, AUTHOR_SEED, _STAGE)]
            if AUTHOR_SEED not in minima.get(configuration, {}):
                commands.insert(0, train(configuration, AUTHOR_SEED))
            missing += commands
            notes.append(not_run(configuration, commands))
            continue
        sources.append(ours.source)
        if not ours.eigenvalue.converged:
            notes.append(
                f"{configuration}: stopped before the tolerance {ours.eigenvalue.tol:g} was "
                "reached; the interval holds all the same."
            )
    return TableContent(
        number=3,
        title=TITLE_3,
        panels=(Panel((_TOP.comparison(radius=True), _EVIDENCE)),),
        rows=tuple(rows),
        notes=(
            "Author: recorded, seed 1001, 60,000 images, power iteration until the estimate "
            "changed by less than 0.001. Ours: one run, the author's seed; Table 5 has all seeds.",
            "An eigenvalue of our matrix lies within ± of our value: ± is the residual norm, the "
            "norm of Hv less value times v for the unit vector v found, from a fresh product over "
            "all images, plus an allowance for rounding. Difference: ours less the author's.",
            *notes,
        ),
        sources=tuple(sources),
        missing=tuple(missing),
        n_found=len(sources),
        n_missing=len(rows) - len(sources),
    )


def table_5(records: Records) -> TableContent:
    """Mean and standard deviation of our eigenvalues over the seeds; the author's are lost."""
    found, seeds = select_eigenvalues(records), planned_seeds()
    rows, sources, none = [], [], []
    for configuration in author_by_configuration():
        of_seeds = found.get(configuration, {})
        ours = [of_seeds[seed] for seed in seeds if seed in of_seeds]
        cells = {
            **_TOP.averaged([each.eigenvalue.value for each in ours], lost=True),
            **n_seeds(len(ours)),
            "largest_radius": _largest_radius(ours),
        }
        rows.append(Row(configuration.patches, configuration.depth, cells))
        sources += [each.source for each in ours]
        if not ours:
            none.append(configuration)
    n_missing = len(rows) * len(seeds) - len(sources)
    missing = (train_all(), analyse_all(_STAGE)) if n_missing else ()
    return TableContent(
        number=5,
        title=TITLE_5,
        panels=(
            Panel(
                (
                    N_SEEDS,
                    _TOP.over_seeds(lost=True),
                    Group("", (Column("largest_radius", "largest error of one"),)),
                )
            ),
        ),
        rows=tuple(rows),
        notes=(
            LOST,
            f"{OUR_PROTOCOL} {OF_SEEDS} Over the 60,000 training images; the largest error of one "
            "is the widest half-width of the seeds' certified intervals (Table 3).",
            *short_of_seeds(none, n_missing, len(rows) * len(seeds), missing),
        ),
        sources=tuple(sources),
        missing=missing,
        n_found=len(sources),
        n_missing=n_missing,
    )


def _evidence(ours: TopEigenvalue | None) -> dict[str, Cell]:
    if ours is None:
        return {"residual_norm": NO_NUMBER, "n_samples": NO_NUMBER}
    return {
        "residual_norm": _error(ours.eigenvalue.residual_norm),
        "n_samples": Count(ours.eigenvalue.n_samples),
    }


def _largest_radius(ours: list[TopEigenvalue]) -> Cell:
    return _error(max(each.radius for each in ours)) if ours else NO_NUMBER


def _error(value: float) -> Number:
    """An error, to two digits, rounded upwards."""
    return Number(value, decimals=places_of(value) if value else 0, bound=True)
