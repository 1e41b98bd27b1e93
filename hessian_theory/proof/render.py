"""Derivations as text, LaTeX and Markdown."""

from __future__ import annotations

from collections.abc import Iterable

from sympy import IndexedBase, Symbol
from sympy.core.function import AppliedUndef

from patchlaw.hessian_theory.latex import to_latex
from patchlaw.hessian_theory.proof.derivation import (
    Citation,
    Derivation,
    Premise,
    Report,
    Step,
    StepResult,
)
from patchlaw.hessian_theory.proof.evidence import Outcome
from patchlaw.hessian_theory.proof.language import Formula

_TEX_RELATION = {"=": "=", "<=": r"\le", ">=": r"\ge", ">": ">"}
_DOMAINS = (
    "positive integer",
    "nonnegative integer",
    "integer",
    "positive",
    "negative",
    "nonnegative",
    "real",
    "complex",
    "operator",
)


def formula_text(theorem: Derivation, formula: Formula) -> str:
    """`left relation right` in sympy's plain notation, with the theorem's abbreviations."""
    left, right = map(theorem.shown, (formula.left, formula.right))
    return f"{left} {formula.relation} {right}"


def formula_latex(theorem: Derivation, formula: Formula) -> str:
    """`left relation right` as LaTeX, without dollar signs, with the theorem's abbreviations."""
    left, right = (to_latex(theorem.shown(side)) for side in (formula.left, formula.right))
    return f"{left} {_TEX_RELATION[formula.relation]} {right}"


def outcome_text(outcome: Outcome) -> str:
    """How a step was decided, in one line."""
    return f"proved: {outcome.detail}"


def _outcomes(theorem: Derivation, report: Report) -> Iterable[tuple[Step, StepResult | None]]:
    found = {result.label: result for result in report.steps}
    return ((step, found.get(step.label)) for step in theorem.steps)


def _how(result: StepResult | None) -> str:
    if result is None:
        return "not reached"
    return outcome_text(result.outcome) if result.outcome else f"FAILED: {result.error}"


def _condition(premise: Premise | Citation) -> str:
    """What a premise quantifies and where it comes from, in words."""
    parts = []
    if isinstance(premise, Premise) and premise.forall:
        parts.append("for all " + ", ".join(x.name for x in premise.forall))
        parts += [f"1 <= {x.index} <= {x.upper}" for x in premise.within]
    if premise.origin != "assumption":
        parts.append(premise.origin)
    return "; ".join(parts)


def domains(theorem: Derivation) -> list[str]:
    """What the theorem's symbols and functions are declared as: it holds in these domains."""
    formulas = [premise.formula for premise in theorem.premises]
    formulas += [step.formula for step in theorem.steps]
    sides = [theorem.shown(side) for f in formulas for side in (f.left, f.right)]
    found: dict[str, set[str]] = {}
    for side in sides:
        bases = side.atoms(IndexedBase)
        named = {(f"{b.label}[.]", b.label) for b in bases}
        named |= {(f"{f.func}(.)", f) for f in side.atoms(AppliedUndef)}
        named |= {(s.name, s) for s in side.atoms(Symbol) - {b.label for b in bases}}
        for name, declared in named:
            found.setdefault(_domain(declared), set()).add(name)
    return [
        f"{domain}: {', '.join(sorted(found[domain]))}" for domain in _DOMAINS if domain in found
    ]


def _domain(declared: Symbol) -> str:
    if not declared.is_commutative:
        return "operator"
    signs = ("positive", "negative", "nonnegative")
    sign = next((sign for sign in signs if getattr(declared, f"is_{sign}")), "")
    number = "real" if declared.is_real else "complex"
    return f"{sign} integer".strip() if declared.is_integer else sign or number


def as_text(theorem: Derivation, report: Report) -> str:
    """The whole derivation as plain text."""
    lines = [f"{theorem.title}  [{theorem.name}]", "", theorem.summary, ""]
    lines += [f"Kind: {theorem.kind}. Source: {theorem.source}.", ""]
    if theorem.assumptions or theorem.premises:
        lines.append("Assumptions")
        lines += [f"  - {a.text}" for a in theorem.assumptions]
        for x in theorem.premises:
            condition = _condition(x)
            lines.append(
                f"  - [{x.label}] {formula_text(theorem, x.formula)}"
                + (f"  ({condition})" if condition else "")
            )
        lines.append("")
    lines += ["Domains"] + [f"  - {line}" for line in domains(theorem)] + [""]
    lines += [f"Here {short} stands for {long}." for short, long in theorem.abbreviations]
    lines.append("Steps (* = part of the statement)")
    for step, result in _outcomes(theorem, report):
        uses = f"  uses: {', '.join(step.evidence.uses)}" if step.evidence.uses else ""
        lines += [
            f"  {'*' if step.claim else ' '} [{step.label}] {formula_text(theorem, step.formula)}",
            f"      {step.rule}{uses}",
            f"      -> {_how(result)}",
        ]
    if theorem.consequence:
        lines += ["", f"Consequence: {theorem.consequence}"]
    lines += [
        "",
        f"Status: {report.status}",
        f"Tested on the model: {theorem.numerical_test}",
    ]
    return "\n".join(lines)


def as_latex(theorem: Derivation, report: Report) -> str:
    """The whole derivation as a LaTeX fragment (amsmath)."""
    lines = [rf"\paragraph{{{_escape(theorem.title)}}}", _escape(theorem.summary)]
    for x in theorem.premises:
        given = f"Given ({_escape(_condition(x) or 'assumption')}):"
        lines += [given, rf"\[ {formula_latex(theorem, x.formula)} \]"]
    for step, result in _outcomes(theorem, report):
        mark = "Claim" if step.claim else "Step"
        lines += [
            f"{mark}: {_escape(step.rule)} ({_escape(_how(result).split(':')[0])}).",
            rf"\[ {formula_latex(theorem, step.formula)} \]",
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
    lines += [f"{kind} `{theorem.name}`. Source: {theorem.source}. {report.status}.", ""]
    lines += [prose(theorem.summary), ""]
    if theorem.assumptions or theorem.premises:
        lines += ["Assumptions:", ""]
        lines += [f"- {prose(a.text)}" for a in theorem.assumptions]
        for x in theorem.premises:
            condition = _condition(x)
            lines.append(
                f"- ${formula_latex(theorem, x.formula)}$"
                + (f" ({prose(condition)})" if condition else "")
            )
        lines.append("")
    lines += [f"Domains: {prose('; '.join(domains(theorem)))}.", ""]
    for short, long in theorem.abbreviations:
        lines += [f"- ${to_latex(short)}$ is, to second order about the logits,", ""]
        lines += [*_block(to_latex(long)), ""]
    lines += ["Statement and proof (statements in bold):", ""]
    for number, (step, result) in enumerate(_outcomes(theorem, report), 1):
        label = f"**{prose(step.label)}**" if step.claim else prose(step.label)
        uses = f" Uses {', '.join(step.evidence.uses)}." if step.evidence.uses else ""
        lines += [f"{number}. {label}: {prose(step.rule)}.{prose(uses)}", ""]
        lines += _block(formula_latex(theorem, step.formula))
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
