"""The report of a verification run: data, files on disk, renderings."""

from patchlaw.verification.atomic_write import write_atomically
from patchlaw.verification.environment import Environment, current_environment
from patchlaw.verification.report.data import (
    Moment,
    Report,
    SupportingEigenvalue,
    TheoremResult,
    VerifyConfig,
)
from patchlaw.verification.report.markdown import as_markdown
from patchlaw.verification.report.page import as_html
from patchlaw.verification.report.recorded import recorded_densities
from patchlaw.verification.report.store import ReportStore
from patchlaw.verification.report.terminal import print_report

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
