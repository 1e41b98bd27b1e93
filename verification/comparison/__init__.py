"""Predicted against measured: ratios beside the laws, fitted exponents, and how each law does."""

from patchlaw.verification.comparison.calibration import calibrate, choice_coverage
from patchlaw.verification.comparison.exponents import (
    QUANTITIES,
    ExponentSpread,
    FittedExponent,
    fit_exponent,
    fitted_exponents,
)
from patchlaw.verification.comparison.ratios import (
    LawComparison,
    compare_author,
    compare_models,
    on_their_images,
)
from patchlaw.verification.comparison.summaries import LawSummary, summarise_laws

__all__ = [
    "QUANTITIES",
    "ExponentSpread",
    "FittedExponent",
    "LawComparison",
    "LawSummary",
    "calibrate",
    "choice_coverage",
    "compare_author",
    "compare_models",
    "fit_exponent",
    "fitted_exponents",
    "on_their_images",
    "summarise_laws",
]
