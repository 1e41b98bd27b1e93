"""docs/theory.md, written from the derivation objects and the outcome of checking them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from patchlaw.hessian_theory.kernel_chapter import KERNEL_CHAPTER
from patchlaw.hessian_theory.proof.derivation import Report
from patchlaw.hessian_theory.proof.render import as_markdown, prose
from patchlaw.hessian_theory.theorems import CHAPTERS

_INTRODUCTION = """\
# The theory, step by step

Written by `patchlaw derive --markdown docs/theory.md` from the derivation objects in
`hessian_theory/theorems/`; edit those, not this page.

The model (arXiv 2504.19239): P patches of an image go to P quantum neural networks, patch p
returns f_p(x) in R^C, the logits are z = s F with F = sum_p f_p and s = c P^(-alpha) (the paper:
c = 100, alpha = 1), and the loss is the mean softmax cross-entropy over N samples. Per sample,
g = dl/dz, S = d2l/dz2, pi = softmax(z), y is the label; L is the mean loss. G is the Gauss-Newton
term of the Hessian, R the residual term.

How to read it. Every step says what was shown and how. *proved*: the kernel
(`hessian_theory/proof/kernel.py`) made a theorem of it, by rules that any author of theorems must
go through: an identity between the two sides, decided by a normal form; an inequality by writing
the difference as a sum of squares, of products of non-negative factors and of multiples of earlier
formulas; convexity; instances of other theorems, whose assumptions come along. What is listed
under Assumptions and Domains is all that it rests on. A theorem whose assumptions no sample
satisfied would be listed as vacuous. Counterexamples are theorems too: they refute a statement by
exhibiting a case.
"""


# The thread through the page: theorem, and what it adds.
_ARGUMENT = (
    ("hessian-eq5", "Differentiating the model twice splits the Hessian into G (with s^2 and the "
     "loss's curvature S) and R (with s and the loss's slope g)."),
    ("hessian-eq6", "For angles of independent QNNs only two patches enter an element. R has no "
     "elements between patches; G has, with the same s^2."),
    ("derivative-bounds", "Every angle, and every pixel, enters through a Pauli rotation, so first "
     "and second derivatives of outputs lie in [-1, 1]."),
    ("gauss-newton-element-bound", "S is a covariance, so |G_ij| <= s^2 min(1, 2 <tr S>); "
     "likewise |R_ij| <= s <|g|_1> (residual-element-bound). This is the paper's 1/P^2 and 1/P."),
    ("curvature-and-loss", "tr S and |g|_1 are within a factor pi_y of each other and at most 2 l: "
     "both terms vanish linearly with the loss. The first term does not stay."),
    ("gram-bounds", "G couples patches: its top eigenvalue lies between the largest and the sum of "
     "the blocks' tops. The alignment A in [1/P, 1] says where."),
    ("gram-exponent", "So the exponent in P is -2 alpha only if the patches' top directions are "
     "orthogonal and 1 - 2 alpha if they are aligned; both happen (orthogonal-patches, "
     "replicated-patches), and on fixed data A has a floor (alignment-has-a-floor)."),
    ("residual-spectrum", "R's top eigenvalue over the angles is the largest of its blocks': "
     "patches do not add. Bias rows break this (bias-breaks-the-blocks)."),
    ("coverage", "On a fixed image a pixel is covered by a fixed share of the patches, so bias "
     "elements are bounded by s^2 m_i m_j with m proportional to P: at alpha = 1 they need not "
     "fall (bias-not-suppressed), and lambda_max(G) is bounded by a/P + b (level-off)."),
    ("trace-law", "If circuits are close to 2-designs the mean square slope is v = d^2 / (2 (d + 1)"
     "(d^2 - 1)) and tr G = s^2 P n_p v <tr S>: sizes from the architecture and the loss."),
    ("tangent-kernel", "For two samples the mean product of slopes is v q_1 q_2 delta_kl, whatever "
     "block the angle lies in, with q_e from the data's encodings alone: the expected kernel, and "
     "with it the outliers of G. The paper's circuits are orthogonal, which changes v and q by "
     "terms of order 1/d (orthogonal-blocks)."),
)  # fmt: skip

# What stands before a chapter's theorems, for who wants no steps.
_OPENINGS = {"The tangent kernel": (KERNEL_CHAPTER, "")}


def _slug(title: str) -> str:
    """The anchor that Markdown viewers give to a chapter's heading."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


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
    lines = [_INTRODUCTION, "## The argument in eleven steps", ""]
    lines += [
        f"{number}. {prose(text)} ([{name}](#{name}))"
        for number, (name, text) in enumerate(_ARGUMENT, 1)
    ]
    lines += ["", "## Contents", ""]
    for title, theorems in CHAPTERS:
        lines.append(f"- [{title}](#{_slug(title)})")
        lines += [f"  - [{prose(t.title)}](#{t.name}): {reports[t.name].status}" for t in theorems]
    lines.append("")
    for title, theorems in CHAPTERS:
        lines += [f"## {title}", ""]
        lines += [*_OPENINGS.get(title, ())]
        lines += [as_markdown(t, reports[t.name]) for t in theorems]
    return "\n".join(lines).rstrip() + "\n"
