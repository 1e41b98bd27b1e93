"""docs/theory.md, written from the derivation objects and the outcome of checking them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from hessian_theory.proof.derivation import Report
from hessian_theory.proof.render import as_markdown, status_text
from hessian_theory.theorems import CHAPTERS

_INTRODUCTION = """\
# The theory, step by step

Written by `patchlaw derive --markdown docs/theory.md` from the derivation objects in
`hessian_theory/theorems/`; edit those, not this page.

The model (arXiv 2504.19239): P patches of an image go to P quantum neural networks, patch p
returns f_p(x) in R^C, the logits are z = s F with F = sum_p f_p and s = c P^(-alpha) (the paper:
c = 100, alpha = 1), and the loss is the mean softmax cross-entropy over N samples. Per sample,
g = dl/dz, S = d2l/dz2, pi = softmax(z), y is the label; L is the mean loss. G is the Gauss-Newton
term of the Hessian, R the residual term.

How to read it. Every step carries the evidence that decided it. *symbolic*: an identity between
the two sides, established by rewriting; inequalities are such identities too, the difference
being written as a sum of squares and of products of non-negative factors. *exact*: rational
numbers or all instances of a finite range. *numerical*: a textbook lemma, named, and tried on
random instances at 50 digits, near-ties again at 100; such a step is evidence and a citation, not
a proof. A theorem whose assumptions no sample satisfied would be listed as vacuous.
Counterexamples are theorems too: they refute a statement by exhibiting a case.
"""


def _anchor(title: str) -> str:
    kept = re.sub(r"[^\w\- ]", "", title.lower())
    return kept.replace(" ", "-")


def theory_page(reports: Mapping[str, Report]) -> str:
    """The page as Markdown.

    Args:
        reports: outcome of checking each theorem, by name.

    Raises:
        ValueError: a theorem has no report.
    """
    missing = [t.name for _, chapter in CHAPTERS for t in chapter if t.name not in reports]
    if missing:
        raise ValueError(f"no report for {', '.join(missing)}; check every theorem first")
    lines = [_INTRODUCTION, "## Contents", ""]
    for title, theorems in CHAPTERS:
        lines.append(f"- [{title}](#{_anchor(title)})")
        lines += [
            f"  - [{t.title}](#{_anchor(t.title)}): {status_text(reports[t.name])}"
            for t in theorems
        ]
    lines.append("")
    for title, theorems in CHAPTERS:
        lines += [f"## {title}", ""]
        lines += [as_markdown(t, reports[t.name]) for t in theorems]
    return "\n".join(lines).rstrip() + "\n"
