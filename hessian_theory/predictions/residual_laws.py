"""Laws for lambda_max(R) over the angles.

There R is block-diagonal, R_pp = s <sum_k g_k Hess f_pk> with s = c P^(-alpha), so
lambda_max(R) = max_p lambda_max(R_pp): nothing adds up over patches and no alignment enters.
``residual_blocks`` is exact, and its interval is that single value; without the blocks there is no
interval, as R_pp may be anything below its bound.
"""

from functools import partial

from patchlaw.hessian_theory.predictions.angle_laws import LOSS
from patchlaw.hessian_theory.predictions.evidence import Number
from patchlaw.hessian_theory.predictions.laws import (
    RESIDUAL,
    Input,
    Law,
    register,
)
from patchlaw.hessian_theory.predictions.measured_model import MeasuredModel


def _largest(model: MeasuredModel) -> Number | None:
    return None if model.residual_blocks is None else max(model.residual_blocks)


RESIDUAL_BLOCKS = Input(
    "residual_blocks",
    "largest R_pp",
    "max_p lambda_max(R_pp)",
    _largest,
    each="lambda_max(R_pp)",
)


_law = partial(Law, matrix=RESIDUAL)

register(
    _law(
        "residual_elementwise",
        formula="(P1/P2)^alpha",
        latex=r"(P_1/P_2)^{\alpha}",
        status="assumed",
        assumption="the largest lambda_max of <sum_k g_k Hess f_pk> is the same at both P; the "
        "paper's law",
        power=lambda alpha: alpha,
    ),
    _law(
        "residual_loss",
        formula="(P1/P2)^alpha L2/L1",
        latex=r"(P_1/P_2)^{\alpha}\,L_2/L_1",
        status="assumed",
        assumption="the largest lambda_max of <sum_k g_k Hess f_pk> follows the loss, as its bound "
        "<|g|_1> <= 2 (1 - exp(-L)) does for a small one",
        inputs=(LOSS,),
        power=lambda alpha: alpha,
    ),
    _law(
        "residual_blocks",
        formula="max_p lambda_max(R_pp) at P2 / the same at P1, over the angles",
        latex=r"\max_p\lambda_{\max}(R_{pp})_2/\max_p\lambda_{\max}(R_{pp})_1",
        status="proven",
        inputs=(RESIDUAL_BLOCKS,),
        listed="predicted",
    ),
)
