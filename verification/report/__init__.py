"""The report of a verification run: data, files on disk, Markdown and terminal renderings."""

from verification.atomic_write import write_atomically
from verification.environment import Environment, current_environment
from verification.report.data import Report, TheoremResult, VerifyConfig
from verification.report.markdown import as_markdown
from verification.report.store import ReportStore
from verification.report.terminal import print_report

__all__ = [
    "Environment",
    "Report",
    "ReportStore",
    "TheoremResult",
    "VerifyConfig",
    "as_markdown",
    "current_environment",
    "print_report",
    "write_atomically",
]
