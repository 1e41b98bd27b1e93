r"""The group that deep blocks fill, and the moments of its 2-designs; D = 2^n.

Blocks that commute with an antiunitary T (up to a phase) are real orthogonal in some basis if
T^2 = 1, symplectic if T^2 = -1; outputs and generators A with T A T^-1 = -A then lie in the Lie
algebra. With eps = +1 and -1 for the two:

    E (d_i f_k)^2 = (D - 2 eps) / (2 (D - eps)^2),        E f_k^2 = 1 / (D - eps),
    q(W) = ((tr W)^2 - eps tr W^2) / (D (D - eps)),       W = V(x)^+ V(x'),

in place of D^2 / (2 (D + 1)(D^2 - 1)), 1 / (D + 1) and (|tr W|^2 - 1) / (D^2 - 1) of the unitary
group. For the paper's circuit T is the spin flip Y^n K, so eps = (-1)^n. Source: theorems
unitary-blocks, orthogonal-blocks and symplectic-blocks. Numbers only.
"""

from fractions import Fraction
from typing import Literal, TypeAlias, get_args

from patchlaw.hessian_theory.input_checks import bounded_integer
from patchlaw.hessian_theory.predictions.architecture import MAX_QUBITS
from patchlaw.hessian_theory.predictions.sizes import derivative_variance

CircuitGroup: TypeAlias = Literal["unitary", "orthogonal", "symplectic"]
_SIGNS = {"unitary": 0, "orthogonal": 1, "symplectic": -1}


def sign_of(group: CircuitGroup) -> int:
    """eps: +1 for the orthogonal, -1 for the symplectic, 0 for the unitary group.

    Raises:
        ValueError: another name.
    """
    if group not in _SIGNS:
        raise ValueError(
            f"group: expected {', '.join(map(repr, get_args(CircuitGroup)))}, got {group!r}"
        )
    return _SIGNS[group]


def group_variance(n_qubits: int, group: CircuitGroup) -> Fraction:
    """v = E (d_i f_k)^2 for an angle between two 2-designs of the group.

    Raises:
        TypeError: n is not an integer.
        ValueError: n is not positive or beyond 64; another group.
    """
    eps = sign_of(group)
    if not eps:
        return derivative_variance(n_qubits)
    dimension = 2 ** bounded_integer("n_qubits", n_qubits, MAX_QUBITS)
    return Fraction(dimension - 2 * eps, 2 * (dimension - eps) ** 2)


def output_variance(n_qubits: int, group: CircuitGroup) -> Fraction:
    """E f_k^2 behind a 2-design of the group; errors as ``group_variance``."""
    dimension = 2 ** bounded_integer("n_qubits", n_qubits, MAX_QUBITS)
    return Fraction(1, dimension - (sign_of(group) or -1))
