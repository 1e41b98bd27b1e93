"""The report as one self-contained HTML page."""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING

from patchlaw.paper_figures.report.data import Report
from patchlaw.paper_figures.report.figures import (
    Drawing,
    density_figure,
    eigenvalue_figure,
    law_figure,
)
from patchlaw.paper_figures.report.tables import (
    check_table,
    eigenvalue_table,
    formula_table,
    law_tables,
    model_table,
    theorem_table,
)
from patchlaw.paper_figures.report.text import summary_lines
from patchlaw.verification.claims import Verdict
from patchlaw.verification.claims.text import criterion_text, evidence_table, rule_text
from patchlaw.verification.comparison import LawComparison
from patchlaw.verification.tables import Table

if TYPE_CHECKING:
    from jinja2 import Template

_SECTIONS = (
    ("summary", "Summary"),
    ("ledger", "Ledger"),
    ("evidence", "Evidence"),
    ("ratios", "Predicted against measured"),
    ("spectra", "Spectra"),
    ("proofs", "Proofs and checks"),
    ("where", "What ran where"),
)
_CLASSES = {
    Verdict.CONFIRMED: "confirmed",
    Verdict.QUALIFIED: "qualified",
    Verdict.IN_PART: "qualified",
    Verdict.REFUTED: "refuted",
    Verdict.UNDECIDED: "not-measured",
    Verdict.NOT_MEASURED: "not-measured",
}
# whose ratios are drawn: H is the paper's matrix, G over the angles the one the laws speak of
_DRAWN = ("H", "G over the angles", "R")


class Page:
    """Renders reports of one verification, drawing a figure again only when its numbers change."""

    def __init__(self) -> None:
        self._drawn: dict[str, tuple[object, Drawing]] = {}

    def render(self, report: Report) -> str:
        """The page, valid at every stage of the run."""
        counted = Counter(entry.judgement.verdict for entry in report.ledger)
        return template("page.html.jinja").render(
            css=page_part("page.css"),
            sections=_SECTIONS,
            report=report,
            counts=[(word, counted[word]) for word in Verdict],
            summary=summary_lines(report),
            evidence_table=evidence_table,
            rule_text=rule_text,
            criterion_text=criterion_text,
            ratio_figures=self._ratio_figures(report),
            ratio_tables=_filled((*law_tables(report), formula_table(report))),
            spectra_figures=self._spectra_figures(report),
            spectra_tables=_filled((eigenvalue_table(report), model_table(report))),
            proof_tables=_filled((theorem_table(report), check_table(report))),
            environment=_environment(report),
            stage_table=stage_table(report),
        )

    def _ratio_figures(self, report: Report) -> list[Drawing]:
        found = []
        for matrix in _DRAWN:
            rows = tuple(row for row in report.comparisons if row.matrix == matrix)
            found += self._law_figure(f"ratios of {matrix}", f"Our lambda_max({matrix})", rows)
        return found + self._law_figure(
            "ratios of the author", "The author's lambda_max(H), Table 3", report.author_comparisons
        )

    def _law_figure(
        self, title: str, subject: str, rows: tuple[LawComparison, ...]
    ) -> list[Drawing]:
        if not any(row.predicted is not None and row.measured > 0 for row in rows):
            return []
        name = "figure-" + title.replace(" ", "-")
        return [self._cached(name, rows, lambda: law_figure(name, subject, rows))]

    def _spectra_figures(self, report: Report) -> list[Drawing]:
        found = []
        if report.models:
            name = "figure-eigenvalues"
            found.append(
                self._cached(name, report.models, lambda: eigenvalue_figure(name, report.models))
            )
        known = [model for model in report.experiments if model.density is not None]
        for depth in sorted({model.run.depth for model in known}):
            models = tuple(model for model in known if model.run.depth == depth)
            name = f"figure-densities-depth-{depth}"
            found.append(self._cached(name, models, partial(density_figure, name, depth, models)))
        return found

    def _cached(self, name: str, data: object, draw: Callable[[], Drawing]) -> Drawing:
        known = self._drawn.get(name)
        if known is None or known[0] != data:
            self._drawn[name] = known = (data, draw())
        return known[1]


def as_html(report: Report) -> str:
    """The report as one HTML page: styles and figures inline, no script, no address elsewhere."""
    return Page().render(report)


def stage_table(report: Report) -> Table:
    """Seconds of every finished stage."""
    rows = tuple((stage, f"{seconds:.1f}") for stage, seconds in report.seconds.items())
    total = ("all finished stages", f"{sum(report.seconds.values()):.1f}")
    return Table("Wall-clock time", ("stage", "seconds"), (*rows, total))


def _filled(tables: Sequence[Table]) -> list[Table]:
    return [table for table in tables if table.rows]


def _environment(report: Report) -> list[tuple[str, str]]:
    environment, config = report.environment, report.config
    return [
        ("Command", config.command),
        ("Images", f"{config.images:,} for training and curvature, every test image"),
        ("Seed", f"{config.seed} (subset, circuits, Lanczos); initial angles: the author's 1001"),
        ("Eigenvalue tolerance", f"{config.tol:g}, relative"),
        (
            "Analysed runs on record",
            ", ".join(model.label for model in report.experiments) or "none",
        ),
        (
            "Machine",
            f"{environment.machine}, {environment.cpus} CPUs, {environment.processor or 'unknown'}",
        ),
        ("Threads", str(environment.threads)),
        ("Commit", environment.commit or "unknown"),
        ("Versions", ", ".join(f"{name} {v}" for name, v in environment.versions.items())),
    ]


@cache
def template(name: str) -> "Template":
    """One of the templates of pages."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("patchlaw.paper_figures.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
    )
    environment.filters["css_class"] = _CLASSES.__getitem__
    return environment.get_template(name)


@cache
def page_part(name: str) -> str:
    """One of the files that a page holds within itself."""
    from importlib.resources import files

    return files("patchlaw.paper_figures.report").joinpath(name).read_text(encoding="utf-8")
