"""The qiskit circuit: parameters, qubit order, observables, and imports that stay light."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from qiskit.circuit import ParameterVector
from qiskit.quantum_info import Statevector

from patchlaw.simulators import Ansatz, reference
from patchlaw.simulators.qiskit_circuit import (
    pauli_observables,
    qnn_circuit,
    simulate,
    tensor_order,
)
from tests.strategies import CircuitCase, circuit_cases, qubit_counts, real_arrays


def parameter_vectors(circuit) -> dict[str, ParameterVector]:
    return {parameter.vector.name: parameter.vector for parameter in circuit.parameters}


def test_importing_the_packages_loads_neither_qiskit_nor_matplotlib() -> None:
    code = (
        "import sys\nfrom patchlaw import hessian_theory, simulators, verification, paper_figures\n"
        "from patchlaw.simulators import qiskit_circuit\n"
        "print([m for m in ('qiskit', 'matplotlib') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout.strip()) == (0, "[]"), run.stderr


@pytest.mark.parametrize("n_qubits", [2, 3, 8])
def test_gates_are_rx_ry_cz_in_the_counts_of_the_ansatz(n_qubits: int) -> None:
    ansatz = Ansatz(n_qubits, 2)
    operations = qnn_circuit(ansatz).count_ops()
    assert set(operations) == {"rx", "ry", "cz"}
    assert operations["rx"] + operations["ry"] == ansatz.n_angles + ansatz.n_features
    edges = 1 if n_qubits == 2 else n_qubits
    assert operations["cz"] == edges * (2 + 1 + 2 + 1 + 1)


@given(circuit_cases())
def test_binding_the_parameters_gives_the_circuit_of_the_values(case: CircuitCase) -> None:
    """Only this catches a parameter vector bound in another order than the ansatz's."""
    ansatz = case.ansatz
    symbolic = qnn_circuit(ansatz)
    values = {"phi": case.angles, "x": case.features}
    vectors = parameter_vectors(symbolic)
    assert {name: len(vector) for name, vector in vectors.items()} == {
        name: len(value) for name, value in values.items() if len(value)
    }
    bound = symbolic.assign_parameters({vectors[name]: values[name] for name in vectors})
    assert bound.num_parameters == 0
    expected = simulate(ansatz, case.angles, case.features)
    np.testing.assert_allclose(tensor_order(Statevector(bound)), expected, rtol=0, atol=1e-12)
    flat = symbolic.assign_parameters(np.concatenate([case.angles, case.features]))
    np.testing.assert_allclose(tensor_order(Statevector(flat)), expected, rtol=0, atol=1e-12)


def test_one_kind_of_value_can_be_given_alone() -> None:
    ansatz = Ansatz(2, 1)
    trained = qnn_circuit(ansatz, angles=np.ones(ansatz.n_angles))
    assert [p.name for p in trained.parameters] == ["x[0]", "x[1]", "x[2]", "x[3]"]
    assert qnn_circuit(ansatz, features=np.ones(4)).num_parameters == ansatz.n_angles


def test_qiskit_order_of_amplitudes_is_the_reverse_of_ours() -> None:
    """Without ``tensor_order`` the states must differ, or the cross-checks prove nothing."""
    ansatz = Ansatz(3, 1)
    draw = np.random.default_rng(7)
    angles, features = draw.uniform(0, 3, ansatz.n_angles), draw.uniform(0, 1, ansatz.n_features)
    expected = reference.simulate(ansatz, angles, features)
    raw = Statevector(qnn_circuit(ansatz, angles, features))
    assert np.abs(raw.data - expected).max() > 1e-2
    np.testing.assert_allclose(tensor_order(raw), expected, rtol=0, atol=1e-13)


def test_qubit_zero_is_most_significant() -> None:
    """RX(pi) on our qubit 0 of three must give basis state 100 = 4, in qiskit's order 1."""
    ansatz = Ansatz(3, 1)
    angles = np.zeros(ansatz.n_angles)
    angles[0] = np.pi
    features = np.zeros(ansatz.n_features)
    assert np.abs(simulate(ansatz, angles, features)).argmax() == 4
    raw = Statevector(qnn_circuit(ansatz, angles, features)).data
    assert np.abs(raw).argmax() == 1


@given(qubit_counts(0, 6).flatmap(lambda n: real_arrays(2**n)))
def test_tensor_order_is_its_own_inverse(amplitudes: np.ndarray) -> None:
    np.testing.assert_array_equal(tensor_order(tensor_order(amplitudes)), amplitudes)


def test_observables_in_class_order() -> None:
    """Qiskit's labels read from the last qubit to the first."""
    labels = [operator.paulis[0].to_label() for operator in pauli_observables(Ansatz(3, 1), 4)]
    assert labels == ["IIX", "IXI", "IIZ", "IZI"]
    assert all(operator.coeffs.tolist() == [1] for operator in pauli_observables(Ansatz(), 10))


def test_refuses_bad_input() -> None:
    ansatz = Ansatz(2, 1)
    with pytest.raises(ValueError, match=r"angles: expected shape \(20,\), got \(21,\)"):
        qnn_circuit(ansatz, angles=np.zeros(21))
    with pytest.raises(ValueError, match="features: expected finite numbers, got NaN or infinity"):
        qnn_circuit(ansatz, features=np.full(4, np.inf))
    with pytest.raises(ValueError, match=r"amplitudes: expected shape \(2\^n,\), got \(6,\)"):
        tensor_order(np.zeros(6))
    with pytest.raises(ValueError, match="n_classes: expected from 1 to"):
        pauli_observables(ansatz, 6)
