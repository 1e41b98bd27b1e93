"""Bulk and outliers along training, as tables of docs/findings.md."""

from collections.abc import Iterable
from operator import attrgetter

from patchlaw.verification.cells import NO_NUMBER
from patchlaw.verification.claims.evolution import COURSES, power_of_loss
from patchlaw.verification.records import SpectrumMoment, TrainedModel
from patchlaw.verification.records.run_facts import AUTHOR_SEED
from patchlaw.verification.tables import markdown_lines


def moments_table(models: Iterable[TrainedModel]) -> str:
    """Every recorded moment: loss, lambda_1 and lambda_C of H, the bulk's edge, what is counted."""
    rows = [
        (_place(model), f"{moment.epoch}", f"{moment.loss:.4g}", *_cells(model, moment))
        for model in _with_spectra(models)
        for moment in model.spectra_along_training
    ]
    head = ("P, d", "epoch", "loss", "λ₁", "λ_C", "edge of the bulk", "outliers", "near zero")
    return "\n".join(markdown_lines((*head, "images"), rows))


def powers_table(models: Iterable[TrainedModel]) -> str:
    """The exponents of the loss along a run's training; in brackets the scatter of the logarithm.

    That is the standard deviation of the residuals with n - 2 degrees of freedom over n moments.
    """
    rows = []
    for model in _with_spectra(models):
        fits = [power_of_loss(model, quantity) for quantity in COURSES.values()]
        cells = (
            f"{fit.exponent:.3f} ({fit.residual_std or 0:.2g})" if fit else NO_NUMBER.text
            for fit in fits
        )
        rows.append((_place(model), f"{len(model.spectra_along_training)}", *cells))
    return "\n".join(markdown_lines(("P, d", "moments", "λ₁", "λ_C", "edge of the bulk"), rows))


def _with_spectra(models: Iterable[TrainedModel]) -> list[TrainedModel]:
    found = [model for model in models if model.spectra_along_training]
    return sorted(found, key=attrgetter("run.depth", "run.n_patches", "run.seed"))


def _place(model: TrainedModel) -> str:
    run = model.run
    seed = "" if run.seed == AUTHOR_SEED else f", seed {run.seed}"
    return f"{run.n_patches}, {run.depth}{seed}"


def _cells(model: TrainedModel, moment: SpectrumMoment) -> tuple[str, ...]:
    one, last = (quantity(moment, model.run.n_classes) for quantity in list(COURSES.values())[:2])
    sizes = (f"{value:.4g}" if value is not None else NO_NUMBER.text for value in (one, last))
    found = moment.outliers
    edge = f"{found.edge:.3g} ± {found.edge_error:.1g}"
    high = "?" if found.high is None else found.high
    count = f"{found.count}" if found.decided else f"{found.count} ({found.low} to {high})"
    near = f"{100 * moment.near_zero.value:.1f} %"
    return *sizes, edge, count, near, f"{moment.top[0].n_samples:,}"
