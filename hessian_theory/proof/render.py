"""Derivations as text, LaTeX and Markdown."""

from __future__ import annotations

from collections.abc import Iterable

from hessian_theory.latex import to_latex
from hessian_theory.proof.decide import Decision
from hessian_theory.proof.derivation import Derivation, Report, Step, StepResult
from hessian_theory.proof.formula import Formula

_TEX_RELATION = {"=": "=", "<=": r"\le", ">=": r"\ge"}
_UNICODE_RELATION = {"=": "=", "<=": "<=", ">=": ">="}


def formula_text(formula: Formula) -> str:
    """`left relation right` in sympy's plain notation."""
    return f"{formula.left} {_UNICODE_RELATION[formula.relation]} {formula.right}"


def formula_latex(formula: Formula) -> str:
    """`left relation right` as LaTeX, without dollar signs."""
    left, right = to_latex(formula.left), to_latex(formula.right)
    return f"{left} {_TEX_RELATION[formula.relation]} {right}"


def decision_text(decision: Decision) -> str:
    """How a step was decided, in one line."""
    if decision.method == "numerical":
        return f"numerical: {decision.detail} ({decision.samples} points, {decision.digits} digits)"
    return f"{decision.method}: {decision.detail}"


def status_text(theorem: Derivation, report: Report) -> str:
    """Status, with how much of the proof rests on numbers.

    A numerical step that is no claim and that no other step uses is a check on the side; only the
    others weaken the proof.
    """
    used = {label for step in theorem.steps for label in step.evidence.uses}
    numerical = {
        result.label
        for result in report.steps
        if result.decision is not None and result.decision.method == "numerical"
    }
    relied_on = {s.label for s in theorem.steps if s.claim or s.label in used} & numerical
    if report.status != "proved" or not numerical:
        return report.status
    if relied_on:
        return f"proved, resting on {len(relied_on)} numerical steps"
    return "proved, and tried on random instances"


def _outcomes(theorem: Derivation, report: Report) -> Iterable[tuple[Step, StepResult | None]]:
    found = {result.label: result for result in report.steps}
    return ((step, found.get(step.label)) for step in theorem.steps)


def _how(result: StepResult | None) -> str:
    if result is None:
        return "not reached"
    return decision_text(result.decision) if result.decision else f"FAILED: {result.error}"


def as_text(theorem: Derivation, report: Report) -> str:
    """The whole derivation as plain text."""
    lines = [f"{theorem.title}  [{theorem.name}]", "", theorem.summary, ""]
    lines += [f"Kind: {theorem.kind}. Source: {theorem.source}.", ""]
    if theorem.assumptions or theorem.premises:
        lines.append("Assumptions")
        lines += [f"  - {a.text}" for a in theorem.assumptions]
        lines += [
            f"  - [{x.label}] {formula_text(x.formula)}  ({x.origin})" for x in theorem.premises
        ]
        lines.append("")
    lines.append("Steps (* = part of the statement)")
    for step, result in _outcomes(theorem, report):
        uses = f"  uses: {', '.join(step.evidence.uses)}" if step.evidence.uses else ""
        lines += [
            f"  {'*' if step.claim else ' '} [{step.label}] {formula_text(step.formula)}",
            f"      {step.rule}{uses}",
            f"      -> {_how(result)}",
        ]
    if theorem.consequence:
        lines += ["", f"Consequence: {theorem.consequence}"]
    lines += [
        "",
        f"Status: {status_text(theorem, report)}",
        f"Tested on the model: {theorem.numerical_test}",
    ]
    return "\n".join(lines)


def as_latex(theorem: Derivation, report: Report) -> str:
    """The whole derivation as a LaTeX fragment (amsmath)."""
    lines = [rf"\paragraph{{{_escape(theorem.title)}}}", _escape(theorem.summary)]
    for x in theorem.premises:
        lines += [rf"Given ({_escape(x.origin)}):", rf"\[ {formula_latex(x.formula)} \]"]
    for step, result in _outcomes(theorem, report):
        mark = "Claim" if step.claim else "Step"
        lines += [
            f"{mark}: {_escape(step.rule)} ({_escape(_how(result).split(':')[0])}).",
            rf"\[ {formula_latex(step.formula)} \]",
        ]
    return "\n".join(lines)


def _escape(text: str) -> str:
    for char in "&%#_{}":
        text = text.replace(char, "\\" + char)
    return text.replace("^", r"\^{}").replace("|", r"$|$").replace("<", r"$<$").replace(">", r"$>$")


def _block(tex: str) -> list[str]:
    return ["   ```math", f"   {tex}", "   ```"]


def _certificate(step: Step) -> list[str]:
    """What is visibly non-negative in an inequality's certificate."""
    remainder = getattr(step.evidence, "remainder", 0)
    if remainder == 0:
        return []
    return ["   Non-negative part of the difference:", "", *_block(to_latex(remainder))]


def as_markdown(theorem: Derivation, report: Report, level: int = 3) -> str:
    """The whole derivation as Markdown with math blocks."""
    kind = "Counterexample" if theorem.kind == "counterexample" else "Theorem"
    lines = [f'<a id="{theorem.name}"></a>', "", f"{'#' * level} {prose(theorem.title)}", ""]
    lines += [
        f"{kind} `{theorem.name}`. Source: {theorem.source}. {status_text(theorem, report)}.",
        "",
    ]
    lines += [prose(theorem.summary), ""]
    if theorem.assumptions or theorem.premises:
        lines += ["Assumptions:", ""]
        lines += [f"- {prose(a.text)}" for a in theorem.assumptions]
        lines += [
            f"- ${formula_latex(x.formula)}$"
            + ("" if x.origin == "assumption" else f" ({prose(x.origin)})")
            for x in theorem.premises
        ]
        lines.append("")
    lines += ["Statement and proof (statements in bold):", ""]
    for number, (step, result) in enumerate(_outcomes(theorem, report), 1):
        label = f"**{prose(step.label)}**" if step.claim else prose(step.label)
        uses = f" Uses {', '.join(step.evidence.uses)}." if step.evidence.uses else ""
        lines += [f"{number}. {label}: {prose(step.rule)}.{prose(uses)}", ""]
        lines += _block(formula_latex(step.formula))
        lines += _certificate(step)
        lines += [f"   *{prose(_how(result))}*", ""]
    if theorem.consequence:
        lines += [f"For the paper's claims: {prose(theorem.consequence)}", ""]
    lines += [f"Tested on the model by `{theorem.numerical_test}`.", ""]
    return "\n".join(lines)


def prose(text: str) -> str:
    """Escape what Markdown would read as markup in plain sentences."""
    for char in "*_|<>":
        text = text.replace(char, "\\" + char)
    return text
