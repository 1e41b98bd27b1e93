"""A small finished report, made of invented numbers, for tests of what is made from reports."""

import dataclasses

from patchlaw.paper_figures.report.data import Report, VerifyConfig
from patchlaw.verification.checks import CheckResult
from patchlaw.verification.claims import TheoremResult
from patchlaw.verification.comparison import compare_author, compare_models
from patchlaw.verification.records import Eigenvalue, SplitMoment, TrainedModel
from patchlaw.verification.store.environment import Environment
from tests.verification.comparison_cases import analysed, solved

HOSTILE = "<script>alert('1')</script> & \"quoted\""


def top(value: float, residual: float = 0.01) -> Eigenvalue:
    return dataclasses.replace(solved(value, residual), n_samples=200)


def having(model: TrainedModel, **tops: Eigenvalue) -> TrainedModel:
    """The model with other top eigenvalues of some matrices."""
    found = {name: (value,) for name, value in tops.items()}
    return dataclasses.replace(model, eigenvalues={**model.eigenvalues, **found})


def model(n_patches: int) -> TrainedModel:
    """Every eigenvalue falls as 1/P, with A = 1/2."""
    values = {"H": 44.0, "G": 40.0, "R": 4.0, "G over the angles": 20.0, "G over the bias": 2.0}
    values |= {"R over the bias": 2.0}
    split = ((0, 5.0, 80.0, 8.0), (5, 0.5, 40.0, 4.0))
    found = analysed(
        n_patches,
        depth=1,
        images=200,
        epochs=5,
        suffix="_0123abcd",
        loss=0.5,
        curvature=0.3,
        top={name: top(4 * value / n_patches) for name, value in values.items()},
        blocks=[top(160 / n_patches**2)] * n_patches,
        along_training=[
            SplitMoment(epoch, loss, {"G": top(g), "R": top(r)}) for epoch, loss, g, r in split
        ],
    )
    return dataclasses.replace(found, bias_share=0.1, origin="verify")


def finished_report() -> Report:
    """Three models, two theorems, one check; text that must be escaped."""
    models = tuple(model(p) for p in (4, 9, 16))
    return Report(
        VerifyConfig(True, 0, 1, 200, 5, 50, 1e-2),
        Environment("2000-01-01T00:00:00+00:00", {"python": "3"}, None, "Linux", 2, 1),
        status="complete",
        stage="done",
        theorems=(
            TheoremResult("hessian-eq6", "proved", 4, HOSTILE, "Eq. (6)"),
            TheoremResult("residual-spectrum", "proved", 2, "t", "ours"),
        ),
        checks=(CheckResult("blocks of R", "R_ij = 0", True, 0.0, 0.0, "exact zeros", 3),),
        models=models,
        start_losses={m.name: 5.0 for m in models},
        comparisons=tuple(compare_models(models)),
        author_comparisons=tuple(compare_author()),
        seconds={"derivation": 1.0, "exact checks": 2.0},
    )


def empty_report() -> Report:
    """The report before anything was found."""
    whole = finished_report()
    return dataclasses.replace(Report(whole.config, whole.environment))
