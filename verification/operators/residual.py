"""The residual term of the Hessian."""

from patchlaw.verification.operators.base import CurvatureOperator


class ResidualOperator(CurvatureOperator):
    """R_ij = (1/N) sum_n sum_k g_k d2 z_k / dt_i dt_j, second term of the paper's Eq. (5).

    g = pi - e_y is frozen and the second derivatives of the logits are taken directly, never
    H - G. In the angles of different patches R is exactly zero. Arguments, attributes and
    errors: CurvatureOperator.
    """

    kind = "residual"
