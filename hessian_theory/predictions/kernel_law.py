"""The tangent kernel's law for lambda_max(G) over the angles.

``TangentKernel`` gives lambda_1 of G over the angles from the data, the encodings and the softmax
outputs pi, with nothing fitted:

    lambda_1 = s^2 v lambda_1( (1/N) S^(1/2) (sum_p K_p x 1_C) S^(1/2) ),   S = diag(pi) - pi pi^T.

The law is that number at P2 over that at P1. It takes the number of each model: of a record of
``patchlaw kernel``, or ``TangentKernel.spectrum(softmax, 1)[0]`` of a circuit of any kind.
"""

from patchlaw.hessian_theory.input_checks import finite_number
from patchlaw.hessian_theory.predictions.angle_laws import block_interval
from patchlaw.hessian_theory.predictions.evidence import Number
from patchlaw.hessian_theory.predictions.laws import OVER_ANGLES, Input, Law, register
from patchlaw.hessian_theory.predictions.measured_model import MeasuredModel

_MEANING = "lambda_1 of G over the angles by TangentKernel, on the same images at both P"


def _eigenvalue(model: MeasuredModel) -> Number | None:
    value = model.known("kernel_eigenvalue")
    if value is None:
        return None
    return finite_number("kernel_eigenvalue", value, what=_MEANING, minimum=0)


KERNEL_EIGENVALUE = Input("kernel_eigenvalue", "kernel", _MEANING, _eigenvalue)

register(
    Law(
        "tangent_kernel",
        OVER_ANGLES,
        formula="T2/T1, T = lambda_1(s^2 v <S^(1/2) sum_p K_p S^(1/2)>), K_p the expected kernel",
        latex=r"T_2/T_1,\ T=\lambda_1\bigl(s^2 v\,"
        r"\langle S^{1/2}\textstyle\sum_pK_p\,S^{1/2}\rangle\bigr)",
        status="assumed",
        assumption="the data-free blocks are independent 2-designs, and slopes are independent of "
        "the softmax outputs; holds from depth 20 or so on",
        inputs=(KERNEL_EIGENVALUE,),
        interval=block_interval,
        listed="predicted",
        label="tangent kernel",
        heading="tangent kernel",
        colour="#004488",
        marker="<",
    )
)
