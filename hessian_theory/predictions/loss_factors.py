"""What a mean loss implies about the per-sample factors of G and R: ceilings, each proven.

For softmax cross-entropy with the label's probability pi_y = exp(-l), write q = 1 - pi_y =
1 - exp(-l). Each ceiling below is a concave, non-decreasing function of q, and q is a concave
function of l; their composition is concave in l, so by Jensen's inequality its mean over the
samples is at most its value at the mean loss L. Every ceiling vanishes linearly with L: both
terms of the Hessian do.
"""

import math

from patchlaw.hessian_theory.input_checks import finite_number
from patchlaw.hessian_theory.predictions.evidence import Number

_ROUNDING = 1e-2


def error_ceiling(loss: Number | None) -> float:
    """Ceiling on <1 - pi_y>: 1 - exp(-L) <= L; 1 where the loss is not known."""
    return 1.0 if loss is None else -math.expm1(-float(loss))


def gradient_norm_ceiling(loss: Number | None) -> float:
    """Ceiling on <|g|_1>, g = pi - e_y: 2 (1 - exp(-L)) <= 2 L.

    Proof: |g|_1 = (1 - pi_y) + sum_(k != y) pi_k = 2 q, and <q> <= 1 - exp(-L).
    """
    return 2 * error_ceiling(loss)


def curvature_ceiling(loss: Number | None, n_classes: int | None = None) -> float:
    """Ceiling on <tr S>, S = diag(pi) - pi pi^T: 2 q - q^2 C/(C - 1) at q = 1 - exp(-L).

    Proof: tr S = 1 - sum_k pi_k^2 and sum_(k != y) pi_k^2 >= q^2 / (C - 1), so
    tr S <= 1 - (1 - q)^2 - q^2 / (C - 1) = 2 q - q^2 C / (C - 1), concave in q, rising up to
    q = (C - 1)/C where it is 1 - 1/C, the largest value of tr S; beyond it the ceiling stays
    there. At most 2 L.

    Args:
        loss: mean loss L, or None where it is not known.
        n_classes: C >= 2; None for any number of classes, the limit C -> infinity.
    """
    share = 1.0 if n_classes is None else n_classes / (n_classes - 1)
    q = min(error_ceiling(loss), 1 / share)
    return q * (2 - q * share)


def check_curvature(curvature: Number, *, loss: Number | None, n_classes: int | None) -> Number:
    """Return <tr S> if some model could have it, up to the digits of printed values (1 %).

    Args:
        curvature: <tr S>.
        loss: mean loss L over the same samples, or None.
        n_classes: C, or None.

    Raises:
        TypeError: the curvature is not a real number.
        ValueError: it is negative, not finite, or above ``curvature_ceiling``.
    """
    what = "the mean of tr S = 1 - sum pi^2 over the samples"
    value = finite_number("curvature", curvature, what=what, minimum=0)
    ceiling = curvature_ceiling(loss, n_classes)
    if value > ceiling * (1 + _ROUNDING):
        at_loss = "" if loss is None else f" at loss {float(loss):.6g}"
        classes = "" if n_classes is None else f" with {n_classes} classes"
        raise ValueError(
            f"curvature: expected at most {ceiling:.6g}{at_loss}{classes}, got {float(value):.6g}; "
            "take <tr S> and the loss over the same samples"
        )
    return value


def variance_ceiling(loss: Number | None, curvature: Number | None = None) -> float:
    """Ceiling on <d^T S d> for any d with |d_k| <= 1: min(phi(L), 2 <tr S>).

    phi(L) = 4 exp(-L) (1 - exp(-L)) for L <= log 2 and 1 beyond; at most 4 L.

    Proof: d^T S d = Var_pi(d) is convex in d, so it is largest at a vertex d in {-1, 1}^C, where
    it is 1 - (E_pi d)^2 <= 1. If q <= 1/2 then |E_pi d| >= (1 - q) - q, so the variance is at
    most 1 - (1 - 2 q)^2 = 4 q (1 - q); 4 q (1 - q), continued by 1 beyond q = 1/2, is concave.
    Also Var_pi(d) = (1/2) sum_kl pi_k pi_l (d_k - d_l)^2 <= 2 sum_(k != l) pi_k pi_l = 2 tr S.
    Both are attained: d_y = 1, all other d_k = -1; and, for the second, two classes. (S <= I/2
    gives C/2, which is never smaller.)

    Args:
        loss: mean loss L, or None where it is not known.
        curvature: <tr S>, or None where it is not known.
    """
    q = min(error_ceiling(loss), 0.5)
    ceiling = 4 * q * (1 - q)
    return ceiling if curvature is None else min(ceiling, 2 * float(curvature))
