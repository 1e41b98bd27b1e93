"""Predicted against measured: ratios beside the laws, fitted exponents, and how each law does."""

from patchlaw.verification.comparison.compared_model import ComparedModel, indistinct
from patchlaw.verification.comparison.exponents import (
    QUANTITIES,
    FittedExponent,
    exponents_of_author,
    exponents_of_records,
    fitted_exponents,
)
from patchlaw.verification.comparison.ratios import (
    LawComparison,
    compare_author,
    compare_measured,
    compare_models,
    compare_records,
    ratio_interval,
)
from patchlaw.verification.comparison.summaries import LawSummary, summarise_laws

__all__ = [
    "QUANTITIES",
    "ComparedModel",
    "FittedExponent",
    "LawComparison",
    "LawSummary",
    "compare_author",
    "compare_measured",
    "compare_models",
    "compare_records",
    "exponents_of_author",
    "exponents_of_records",
    "fitted_exponents",
    "indistinct",
    "ratio_interval",
    "summarise_laws",
]
