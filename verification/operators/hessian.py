"""The Hessian of the mean loss."""

from patchlaw.verification.operators.base import CurvatureOperator


class HessianOperator(CurvatureOperator):
    """H_ij = (1/N) sum_n d2 l_n / dt_i dt_j, the whole of Eq. (5) of the paper.

    H v = G v + R v and (u, H v) = (H u, v). Arguments, attributes and errors: CurvatureOperator.
    """

    kind = "hessian"
