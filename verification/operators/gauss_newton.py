"""The Gauss-Newton term of the Hessian."""

from patchlaw.verification.operators.base import CurvatureOperator


class GaussNewtonOperator(CurvatureOperator):
    """G_ij = (1/N) sum_n sum_kl S_kl (dz_k/dt_i)(dz_l/dt_j), first term of the paper's Eq. (5).

    S = diag(pi) - pi pi^T, pi = softmax(z); the prefactor s^2 of the paper sits in z = s sum_p
    f_p. v^T G v >= 0 for every v. Arguments, attributes and errors: CurvatureOperator.
    """

    kind = "gauss_newton"
