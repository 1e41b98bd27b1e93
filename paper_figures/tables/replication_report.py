"""docs/paper.md: the replication report; ``paper.md.jinja`` has its words, the records its numbers.

Written with the page of the claims (``claims_page``), of the same ledger.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from jinja2 import Environment, StrictUndefined

from patchlaw.hessian_theory.theorems import THEOREMS
from patchlaw.paper_figures.law_pairs import LawPairs, study_pairs
from patchlaw.paper_figures.records import Records
from patchlaw.paper_figures.study import paper_study
from patchlaw.paper_figures.tables.findings_tables import tables
from patchlaw.paper_figures.tables.page_markup import escaped
from patchlaw.verification.claims import Entry
from patchlaw.verification.records import TrainedModel, author_models, author_runs
from patchlaw.verification.records.run_facts import AUTHOR_SEED
from patchlaw.verification.runs.replay import JUDGED_EPOCHS, LOSS_TOLERANCE, ReplayComparison
from patchlaw.verification.tables import markdown_lines

TEMPLATE = Path(__file__).with_name("paper.md.jinja")


def replication_report(entries: Sequence[Entry], records: Records) -> str:
    """The page as Markdown.

    Raises:
        jinja2.UndefinedError: the template names a number that is not computed here.
        ValueError: no record has what a sentence speaks of.
    """
    template = Environment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)
    text = template.from_string(TEMPLATE.read_text(encoding="utf-8"))
    return text.render(numbers(entries, records))


def numbers(entries: Sequence[Entry], records: Records) -> dict[str, Any]:
    """Everything that the template names."""
    shown = tables(records)
    models = [m for m in records.analyses.values() if m.at_paper_scale and m.run.same_but_for()]
    pairs = study_pairs("", paper_study(), records)
    replays = list(_replays(records))
    alignments = [a.value for m in models if (a := m.alignment) is not None]
    residuals = list(_residuals(models))
    bias = [m.bias_share for m in models if m.bias_share is not None]
    near_zero = [m.near_zero.value for m in models if m.near_zero is not None]
    for what, values in (("alignment", alignments), ("pixel bias", bias), ("density", near_zero)):
        if not values:
            raise ValueError(f"records: expected a run at the paper's scale with {what}, got none")
    return {
        "n_claims": len(entries),
        "verdicts": _verdicts(entries),
        "law_verdict": next(str(e.judgement.verdict) for e in entries if e.claim.id == "4"),
        "n_scale": len(models),
        "n_configurations": len({(m.run.n_patches, m.run.depth) for m in models}),
        "n_theorems": len(THEOREMS),
        "seed": AUTHOR_SEED,
        "replays": replays,
        "replay_table": "\n".join(
            markdown_lines(("P, d", "steps", "five epochs", "first step above 10⁻³"), replays)
        ),
        "minima": shown["minima"],
        "laws": shown["laws"],
        "criteria": shown["criteria"],
        **{law: _typical(pairs, law) for law in ("elementwise", "aligned_loss", "tangent_kernel")},
        "n_alignments": len(alignments),
        "alignment_low": f"{min(alignments):.2f}",
        "alignment_high": f"{max(alignments):.2f}",
        "apart_median": f"{median(_apart(models)):.0%}",
        "apart_worst": f"{max(_apart(models)):.0%}",
        "n_residuals": len(residuals),
        "residual": f"{max(residuals):.3f}",
        "bias_low": f"{min(bias):.1%}",
        "bias_high": f"{max(bias):.1%}",
        "near_zero_low": f"{min(near_zero):.1%}",
        "near_zero_high": f"{max(near_zero):.1%}",
        "claims_table": "\n".join(
            markdown_lines(
                ("claim", "the paper says", "verdict"),
                (
                    (
                        f"[{e.claim.id}](claims.md#claim-{e.claim.id})",
                        escaped(e.claim.title),
                        f"{e.judgement.verdict}",
                    )
                    for e in entries
                ),
            )
        ),
    }


def _verdicts(entries: Iterable[Entry]) -> str:
    """How many have which verdict."""
    counts = Counter(str(entry.judgement.verdict) for entry in entries)
    return ", ".join(f"{text} {n}" for text, n in counts.items())


def _apart(models: Iterable[TrainedModel]) -> list[float]:
    """|ours / the author's - 1| of lambda_max(H), ascending, where the seed is his."""
    his = {(m.run.n_patches, m.run.depth): m.top("H") for m in author_models()}
    found = []
    for model in models:
        own, other = model.top("H"), his.get((model.run.n_patches, model.run.depth))
        if model.run.seed == AUTHOR_SEED and own is not None and other is not None:
            found.append(abs(own.value / other.value - 1))
    return sorted(found)


def _replays(records: Records) -> Iterable[tuple[str, ...]]:
    for (patches, depth), author in sorted(author_runs().items(), key=lambda each: each[0][::-1]):
        run = records.runs.get(f"P{patches}_d{depth}_s{AUTHOR_SEED}")
        if run is None:
            continue
        epochs = min(run.epochs_done, len(author.epoch_test_loss))
        compared = ReplayComparison(run, author, epochs)
        step = compared.departure(LOSS_TOLERANCE)
        yield (
            f"{patches}, {depth}",
            f"{len(compared.losses):,}",
            f"{compared.largest[:JUDGED_EPOCHS].max():.1e}",
            "none" if step is None else f"{step + 1:,}",
        )


def _typical(pairs: LawPairs, law: str) -> str:
    """e to the median of |log(predicted / measured)| over the ratios at the paper's scale."""
    ratios = [row.predicted / row.measured for row in pairs.of_law(law) if row.predicted]
    if not ratios:
        raise ValueError(f"records: expected ratios that {law} predicts, got none")
    return f"{math.exp(median(abs(math.log(ratio)) for ratio in ratios)):.2f}"


def _residuals(models: Iterable[TrainedModel]) -> Iterable[float]:
    for model in models:
        first, residual = model.top("G"), model.top("R")
        if first is not None and residual is not None:
            yield residual.value / first.value
