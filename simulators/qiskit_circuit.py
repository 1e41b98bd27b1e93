"""The circuit in qiskit: gates and observables, for drawing, transpiling and cross-checking.

Qubit i of the ansatz is qubit i of the qiskit circuit. Qiskit counts qubit 0 as the LEAST
significant bit of a basis state's index, this project as the MOST significant;
``tensor_order`` turns the one order of amplitudes into the other.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from patchlaw.simulators.ansatz import AngleRotation, Ansatz, ControlledZ, FeatureRotation
from patchlaw.simulators.gates import Angle, Feature, NamedGate, Parameter
from patchlaw.simulators.reference import finite_vector

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.quantum_info import SparsePauliOp


def qnn_circuit(
    ansatz: Ansatz, angles: ArrayLike | None = None, features: ArrayLike | None = None
) -> "QuantumCircuit":
    """One QNN gate by gate; values that are not given stay symbolic.

    Rotations are exp(-i t a / 2), in qiskit as in the ansatz, so no factor is needed.

    Args:
        ansatz: the circuit.
        angles: trainable angles in radians, shape (ansatz.n_angles,). If None, a
            ``ParameterVector`` named "phi", in the ansatz's order.
        features: the patch's data in radians, shape (ansatz.n_features,). If None, a
            ``ParameterVector`` named "x".

    Returns:
        The circuit on ansatz.n_qubits qubits, without measurements. Bind what is symbolic with
        ``circuit.assign_parameters({phi: ..., x: ...})``; ``circuit.parameters`` lists "phi"
        before "x", each by its index.

    Raises:
        ValueError: wrong shape, NaN or infinity.
    """
    from qiskit import QuantumCircuit
    from qiskit.circuit import ParameterVector

    phi = ParameterVector("phi", ansatz.n_angles)
    x = ParameterVector("x", ansatz.n_features)
    if angles is not None:
        phi = finite_vector("angles", angles, ansatz.n_angles).tolist()
    if features is not None:
        x = finite_vector("features", features, ansatz.n_features).tolist()
    circuit = QuantumCircuit(ansatz.n_qubits)

    def value(parameter: Parameter) -> Any:
        if isinstance(parameter, Angle):
            return phi[parameter.index]
        return x[parameter.index] if isinstance(parameter, Feature) else parameter

    rotations = {"X": circuit.rx, "Y": circuit.ry}
    named = {"CNOT": circuit.cx, "U3": circuit.u}
    for gate in ansatz.gates():
        match gate:
            case AngleRotation(axis, qubit, index):
                rotations[axis](phi[index], qubit)
            case FeatureRotation(axis, qubit, index):
                rotations[axis](x[index], qubit)
            case ControlledZ(qubits):
                circuit.cz(*qubits)
            case NamedGate(name, qubits, parameters):
                method = named.get(name) or getattr(circuit, name.lower())
                method(*(value(p) for p in parameters), *qubits)
    return circuit


def pauli_observables(ansatz: Ansatz, n_classes: int) -> "list[SparsePauliOp]":
    """O_1..O_C in class order; errors as ``Ansatz.outputs``."""
    from qiskit.quantum_info import SparsePauliOp

    return [
        SparsePauliOp.from_sparse_list(
            [("".join(pauli for pauli, _ in string), [qubit for _, qubit in string], 1.0)],
            num_qubits=ansatz.n_qubits,
        )
        for string in ansatz.outputs(n_classes)
    ]


def tensor_order(amplitudes: ArrayLike) -> NDArray[np.complex128]:
    """Amplitudes with qubit 0 least significant to qubit 0 most significant, or back.

    Args:
        amplitudes: a qiskit ``Statevector`` or an array, shape (2^n,).

    Returns:
        The same amplitudes in the other order, shape (2^n,), complex128.

    Raises:
        ValueError: the length is not a power of two.
    """
    flat = np.asarray(amplitudes, dtype=np.complex128)
    n_qubits = flat.size.bit_length() - 1
    if flat.ndim != 1 or flat.size != 1 << n_qubits:
        raise ValueError(f"amplitudes: expected shape (2^n,), got {flat.shape}")
    return flat.reshape((2,) * n_qubits).T.ravel()


def simulate(ansatz: Ansatz, angles: ArrayLike, features: ArrayLike) -> NDArray[np.complex128]:
    """Final state by qiskit's ``Statevector``; arguments and result as ``reference.simulate``."""
    from qiskit.quantum_info import Statevector

    return tensor_order(Statevector(qnn_circuit(ansatz, angles, features)))


def qnn_outputs(
    ansatz: Ansatz, angles: ArrayLike, features: ArrayLike, n_classes: int
) -> NDArray[np.float64]:
    """Outputs f_1..f_C of one QNN on one input by qiskit, shape (C,), float64."""
    from qiskit.quantum_info import Statevector

    state = Statevector(qnn_circuit(ansatz, angles, features))
    operators = pauli_observables(ansatz, n_classes)
    return np.array([state.expectation_value(operator).real for operator in operators])
