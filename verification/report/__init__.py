"""The report of a verification run: data, files on disk, renderings."""

from verification.atomic_write import write_atomically
from verification.environment import Environment, current_environment
from verification.report.data import (
    Moment,
    Report,
    SupportingEigenvalue,
    TheoremResult,
    VerifyConfig,
)
from verification.report.markdown import as_markdown
from verification.report.page import as_html
from verification.report.recorded import recorded_densities
from verification.report.store import ReportStore
from verification.report.terminal import print_report

__all__ = [
    "Environment",
    "Moment",
    "Report",
    "ReportStore",
    "SupportingEigenvalue",
    "TheoremResult",
    "VerifyConfig",
    "as_html",
    "as_markdown",
    "current_environment",
    "print_report",
    "recorded_densities",
    "write_atomically",
]
