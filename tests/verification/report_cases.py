"""A small finished report, made of invented numbers, for tests of what is made from reports."""

import dataclasses

from patchlaw.verification.checks import CheckResult
from patchlaw.verification.comparison import compare_author, compare_measured
from patchlaw.verification.measurement import BIAS_BLOCK, TERMS, MinimumMeasurement, TopEigenvalue
from patchlaw.verification.report import (
    Environment,
    Moment,
    Report,
    SupportingEigenvalue,
    TheoremResult,
    VerifyConfig,
)
from patchlaw.verification.training import Evaluation

HOSTILE = "<script>alert('1')</script> & \"quoted\""


def top(matrix: str, value: float, residual: float = 0.01) -> TopEigenvalue:
    return TopEigenvalue(matrix, value, residual, True, 20, 200, "float32", 0, 1.0)


def model(n_patches: int) -> MinimumMeasurement:
    """Every eigenvalue falls as 1/P, with A = 1/2."""
    values = {"H": 44.0, "G": 40.0, "R": 4.0, "G over the angles": 20.0, "G over the bias": 2.0}
    evaluation = Evaluation(0.5, 0.8, 0.3, 0.4, 200)
    return MinimumMeasurement(
        n_patches=n_patches,
        depth=1,
        n_parameters=1000 * n_patches,
        epoch=4,
        start_loss=5.0,
        train=evaluation,
        test=evaluation,
        top={term: top(term, 4 * values[term] / n_patches) for term in (*TERMS, BIAS_BLOCK)},
        blocks=tuple(top(f"G_{p}{p}", 160 / n_patches**2) for p in range(n_patches)),
        bias_share=0.1,
    )


def finished_report() -> Report:
    """Three models, two theorems, one check; text that must be escaped."""
    models = tuple(model(p) for p in (4, 9, 16))
    asked: tuple[tuple[Moment, str, float], ...] = (
        ("start", "G", 80.0),
        ("start", "R", 8.0),
        ("minimum", "G", 40.0),
        ("minimum", "R", 4.0),
        ("minimum", "R over the bias", 2.0),
    )
    return Report(
        VerifyConfig(True, 0, 1, 200, 200, 5, 50, 0.01, 1e-2),
        Environment("2000-01-01T00:00:00+00:00", {"python": "3"}, None, "Linux", 2, 1),
        status="complete",
        stage="done",
        theorems=(
            TheoremResult("hessian-eq6", HOSTILE, "Eq. (6)", "proved", 4, "", 0.1),
            TheoremResult("residual-spectrum", "t", "ours", "proved", 2, "", 0.1),
        ),
        checks=(CheckResult("blocks of R", "R_ij = 0", True, 0.0, 0.0, "exact zeros", 3),),
        models=models,
        comparisons=tuple(compare_measured(models)),
        author_comparisons=tuple(compare_author()),
        supporting=tuple(
            SupportingEigenvalue(m.n_patches, moment, top(matrix, value))
            for m in models
            for moment, matrix, value in asked
        ),
        seconds={"derivation": 1.0, "exact checks": 2.0},
    )


def empty_report() -> Report:
    """The report before anything was found."""
    whole = finished_report()
    return dataclasses.replace(Report(whole.config, whole.environment))
