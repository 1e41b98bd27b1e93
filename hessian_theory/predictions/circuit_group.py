r"""The group that deep blocks fill, and the moments of its 2-designs; D = 2^n.

Blocks that commute with an antiunitary T (up to a phase) are real orthogonal in some basis if
T^2 = 1, symplectic if T^2 = -1: eps = +1, -1. Generators A, with T A T^-1 = -A, lie in the Lie
algebra, and so do outputs of the groups of that name; outputs with T O T^-1 = +O are those of
"orthogonal-even" and "symplectic-even". With (kappa, lambda) =

    unitary (0, 1),    orthogonal, symplectic (-eps, 0),    the even ones (eps, 2),
    E_2 = D^2 + kappa D - lambda, the dimension of the outputs' representation up to a factor:

    E f_k^2 = (D - lambda) / E_2,        E (d_i f_k)^2 = D (D - lambda) (D + 2 kappa) / (2 E_2^2),
    q(W) = (|tr W|^2 + kappa tr W^2 - lambda) / E_2,       W = V(x)^+ V(x'),

for a start |psi> orthogonal to T |psi>. For the paper's circuit T is the spin flip Y^n K, so
eps = (-1)^n, and a Pauli string of w letters has T O T^-1 = (-1)^w O. Source: theorems
unitary-blocks, orthogonal-blocks and symplectic-blocks. The even ones come from the same steps with
the projection on the even traceless operators (2nd moment F + eps Omega - (2/D) 1 up to a factor);
no theorem here states them, tests count them on every Pauli string. Numbers only.
"""

from fractions import Fraction
from typing import Literal, TypeAlias, get_args

from patchlaw.hessian_theory.input_checks import bounded_integer
from patchlaw.hessian_theory.predictions.architecture import MAX_QUBITS

CircuitGroup: TypeAlias = Literal[
    "unitary", "orthogonal", "symplectic", "orthogonal-even", "symplectic-even"
]


def sign_of(group: CircuitGroup) -> int:
    """eps: +1 for the orthogonal, -1 for the symplectic, 0 for the unitary group.

    Raises:
        ValueError: another name.
    """
    if group not in get_args(CircuitGroup):
        raise ValueError(
            f"group: expected {', '.join(map(repr, get_args(CircuitGroup)))}, got {group!r}"
        )
    return {"unitary": 0, "orthogonal": 1, "symplectic": -1}[group.removesuffix("-even")]


def moments_of(group: CircuitGroup) -> tuple[int, int]:
    """(kappa, lambda); errors as ``sign_of``."""
    eps = sign_of(group)
    if not eps:
        return 0, 1
    return (eps, 2) if group.endswith("-even") else (-eps, 0)


def group_variance(n_qubits: int, group: CircuitGroup) -> Fraction:
    """v = E (d_i f_k)^2 for an angle between two 2-designs of the group.

    Raises:
        TypeError: n is not an integer.
        ValueError: n is not positive or beyond 64; another group.
    """
    size, kappa, lam, width = _sizes(n_qubits, group)
    if not width:  # one qubit has no even output
        return Fraction(0)
    return Fraction(size * (size - lam) * (size + 2 * kappa), 2 * width**2)


def output_variance(n_qubits: int, group: CircuitGroup) -> Fraction:
    """E f_k^2 behind a 2-design of the group; errors as ``group_variance``."""
    size, _, lam, width = _sizes(n_qubits, group)
    return Fraction(size - lam, width) if width else Fraction(0)


def _sizes(n_qubits: int, group: CircuitGroup) -> tuple[int, int, int, int]:
    size, (kappa, lam) = 2 ** bounded_integer("n_qubits", n_qubits, MAX_QUBITS), moments_of(group)
    return size, kappa, lam, size**2 + kappa * size - lam
