"""The models of a study of one axis side by side, and what their parts of the ledger say."""

from collections.abc import Iterable

from patchlaw.paper_figures.axes import MOMENTS, Member
from patchlaw.paper_figures.records import Records
from patchlaw.verification.cells import NO_NUMBER, Number, cell_text
from patchlaw.verification.claims import CLAIMS, Findings, Outcome, Reach, Verdict
from patchlaw.verification.claims.piece_of_evidence import Evidence
from patchlaw.verification.records import ANGLE_BLOCK, Eigenvalue
from patchlaw.verification.tables import markdown_lines


def axis_table(found: Iterable[Member]) -> str:
    """Every model at its minimum, and the tangent kernel's law beside its spectra.

    A column in which nothing is known is left out. The last two have the law's relative error of
    lambda_1, and the worst of all measured eigenvalues without its sign.
    """
    rows = []
    for member in found:
        run, model = member.run, member.model
        train, test, alignment = model.minimum.train, model.minimum.test, model.alignment
        rows.append(
            (
                member.words,
                f"{run.n_patches}, {run.depth}",
                f"{run.n_parameters:,}",
                _plain(train.loss),
                _plain(test.loss),
                NO_NUMBER.text if test.accuracy is None else f"{test.accuracy:.1%}",
                *map(_value, (model.top("H"), model.top(ANGLE_BLOCK), model.top("R"))),
                NO_NUMBER.text if alignment is None else f"{alignment.value:.2f}",
                *(_errors(member.errors(moment)) for moment in MOMENTS),
            )
        )
    head = (
        *("model", "P, d", "D", "training loss", "test loss", "test accuracy"),
        *(
            "λ_max(H)",
            "λ_max(G), angles",
            "λ_max(R)",
            "A",
            "law at the start",
            "law at the minimum",
        ),
    )
    every = range(len(head))
    shown = [k for k in every if any(row[k] != NO_NUMBER.text for row in rows)] or every
    kept = ([row[k] for k in shown] for row in rows)
    return "\n".join(markdown_lines([head[k] for k in shown], kept))


def parts_table(records: Records) -> str:
    """Every part that asks for other models: verdict, pieces, and whether it needs more size."""
    findings = Findings(
        models=tuple(records.analyses.values()), kernels=tuple(records.kernels.values())
    )
    rows = []
    for part in (part for claim in CLAIMS for part in claim.parts if part.variants):
        evidence = part.gather(findings)
        verdict = part.judge(evidence).verdict
        counts = [sum(piece.outcome is outcome for piece in evidence) for outcome in Outcome]
        cells = (
            f"{counts[0]}, {counts[1]}, {counts[2]}",
            needs_scale(part.reach, verdict, evidence),
        )
        rows.append((part.id, part.statement, str(verdict), *cells))
    head = (
        "part",
        "statement",
        "verdict",
        "for, against, undecided",
        "the paper's scale is needed",
    )
    return "\n".join(markdown_lines(head, rows))


def needs_scale(reach: Reach, verdict: Verdict, evidence: Iterable[Evidence]) -> str:
    """The rule that says when small models do not settle a part.

    They do not where it speaks of the paper's size, or where pieces fall on both sides of its
    criterion. A refutation of what is said of every size stands where no piece holds; where all
    hold, an unqualified confirmation needs more.
    """
    outcomes = {piece.outcome for piece in evidence}
    if verdict is Verdict.NOT_MEASURED:
        return "nothing is measured"
    if verdict is Verdict.UNDECIDED:
        return "yes, or more seeds: nothing decides"
    if reach is Reach.PAPER_SCALE:
        return "yes, it speaks of that"
    if {Outcome.FOR, Outcome.AGAINST} <= outcomes:
        return "yes, pieces fall on both sides"
    if verdict is Verdict.REFUTED:
        return "not for the refutation"
    return "for a confirmation without qualification"


def _plain(value: float | None) -> str:
    return NO_NUMBER.text if value is None else f"{value:.3g}"


def _value(found: Eigenvalue | None) -> str:
    return NO_NUMBER.text if found is None else f"{found.value:.4g}"


def _errors(errors: tuple[float, ...]) -> str:
    if not errors:
        return NO_NUMBER.text
    first = cell_text(Number(errors[0], 0, signed=True, percent=True))
    return f"{first}, {100 * max(map(abs, errors)):.0f} %"
