"""The report in a few sentences, computed from its numbers."""

from patchlaw.paper_figures.report.data import Report
from patchlaw.verification.comparison import LawComparison
from patchlaw.verification.records import all_converged


def summary_lines(report: Report) -> list[str]:
    """What was run, what holds, and how far each law is from the measurements."""
    c = report.config
    lines = [
        f"Status: {report.status}"
        + ("" if report.status == "complete" else f" (stopped during: {report.stage})")
        + f"; {'quick run: fewer images and epochs; ' if c.quick else ''}"
        + f"depth {c.depth}, {c.images:,} images, {c.epochs} epochs, seed {c.seed}."
    ]
    if report.theorems:
        proved = sum(t.status == "proved" for t in report.theorems)
        lines.append(f"Theorems: {proved} of {len(report.theorems)} re-proved.")
    if report.checks:
        held = sum(check.passed for check in report.checks)
        lines.append(f"Exact checks: {held} of {len(report.checks)} hold.")
    unconverged = [
        f"P={model.run.n_patches} {matrix}"
        for model in report.models
        for matrix, values in model.eigenvalues.items()
        if not all_converged(values)
    ]
    if unconverged:
        lines.append(f"NOT converged, so not to be relied on: {', '.join(unconverged)}.")
    for matrix in ("H", "G over the angles"):  # the laws are derived for the latter
        rows = [r for r in report.comparisons if r.matrix == matrix]
        lines += _law_lines(f"Our lambda_max({matrix})", rows)
    lines += _law_lines("The author's lambda_max(H)", list(report.author_comparisons))
    return lines


def _law_lines(subject: str, rows: list[LawComparison]) -> list[str]:
    worst: dict[str, float] = {}
    for row in rows:
        # an identity uses the measured alignment, so it is no prediction
        if row.relative_error is not None and row.status != "proven":
            worst[row.law] = max(worst.get(row.law, 0.0), abs(row.relative_error))
    if not worst:
        return []
    ranked = sorted(worst.items(), key=lambda item: item[1])
    errors = ", ".join(f"{law.replace('_', ' ')} {error:.0%}" for law, error in ranked)
    pairs = len({(row.depth, row.n_patches) for row in rows})
    return [f"{subject}: largest error of each law over {pairs} ratios: {errors}."]
