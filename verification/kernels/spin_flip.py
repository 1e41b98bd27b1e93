"""Whether a circuit commutes with the spin flip, and so which group its deep blocks fill."""

from collections.abc import Iterable

from patchlaw.hessian_theory.predictions import CircuitGroup
from patchlaw.simulators.ansatz import Ansatz, ControlledZ, Gate
from patchlaw.simulators.gates import NamedGate


def circuit_group(ansatz: Ansatz, n_classes: int) -> CircuitGroup:
    """Orthogonal (n even) or symplectic (n odd) where the spin flip T = Y^n K allows no more.

    T U T^-1 = U up to a phase for every single-qubit gate U, and U Z_a Z_b for CZ on a and b, so
    each block is to have every qubit in an even number of CZ before another gate turns it: in
    the ring n >= 3. An output, a Pauli string of w letters, has T O T^-1 = (-1)^w O: "even" if all
    have an even weight. Everything else is "unitary": n = 2, a gate that has not been decided here.

    Args:
        ansatz: the circuit.
        n_classes: C, of the outputs that are read.

    Raises:
        TypeError: outputs of odd and of even weight where the group tells them apart.
    """
    n = ansatz.n_qubits
    if not all(_flips(block.gates(n, 0, 0)) for block in ansatz.blocks):
        return "unitary"
    odd = {bool(len(string) % 2) for string in ansatz.outputs(n_classes)}
    if len(odd) > 1:
        raise TypeError(
            "observables: expected Pauli strings all of odd or all of even weight, as the circuit "
            "commutes with the spin flip, under which their variances differ, got both: "
            f"{', '.join(ansatz.observables[:n_classes])}; give group= if one will do"
        )
    if odd == {True}:
        return "symplectic" if n % 2 else "orthogonal"
    return "symplectic-even" if n % 2 else "orthogonal-even"


def _flips(gates: Iterable[Gate]) -> bool:
    """Whether T U T^-1 = U up to a phase, for a block of gates; False also if undecided."""
    open_ends: set[int] = set()  # qubits with a Z left over
    for gate in gates:
        if isinstance(gate, ControlledZ) or (isinstance(gate, NamedGate) and gate.name == "CZ"):
            open_ends ^= set(gate.qubits)
            continue
        qubits = gate.qubits if isinstance(gate, NamedGate) else (gate.qubit,)
        if len(qubits) > 1 or open_ends & set(qubits):
            return False
    return not open_ends
