"""What is on record: an eigenvalue, a trained model at its minimum, the author's numbers."""

from patchlaw.verification.records.author import (
    AuthorResult,
    AuthorRun,
    author_results,
    author_runs,
)
from patchlaw.verification.records.eigenvalue import Eigenvalue, all_converged, ratio_interval
from patchlaw.verification.records.moments import SpectrumMoment, SplitMoment
from patchlaw.verification.records.reading import ANALYSIS, read_analyses, read_model
from patchlaw.verification.records.run_facts import RunFacts
from patchlaw.verification.records.trained_model import (
    ANGLE_BLOCK,
    BIAS_BLOCK,
    TERMS,
    Minimum,
    SampleMeans,
    SubsetSpectrum,
    TrainedModel,
    Trajectory,
    alike_but_for,
    author_models,
    indistinct,
)

__all__ = [
    "ANALYSIS",
    "ANGLE_BLOCK",
    "BIAS_BLOCK",
    "TERMS",
    "AuthorResult",
    "AuthorRun",
    "Eigenvalue",
    "Minimum",
    "RunFacts",
    "SampleMeans",
    "SpectrumMoment",
    "SplitMoment",
    "SubsetSpectrum",
    "TrainedModel",
    "Trajectory",
    "alike_but_for",
    "all_converged",
    "author_models",
    "author_results",
    "author_runs",
    "indistinct",
    "ratio_interval",
    "read_analyses",
    "read_model",
]
