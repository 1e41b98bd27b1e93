"""Reference, torch engine and qiskit on the same circuits; and that this agreement can fail."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import expm

from patchlaw.simulators import (
    Angle,
    Ansatz,
    DistributedQNN,
    EncodingBlock,
    EntanglingBlock,
    Feature,
    GateBlock,
    qiskit_circuit,
    reference,
)
from patchlaw.simulators.ansatz import AngleRotation, ControlledZ, FeatureRotation, Gate
from patchlaw.simulators.torch_engine.circuit import circuit_outputs, final_states
from tests.strategies import (
    Array,
    CircuitCase,
    circuit_cases,
    class_counts,
    examples,
    gate_ansaetze,
    own_ansaetze,
    paper_ansaetze,
    qubit_counts,
    real_arrays,
)

PAULI = {
    "X": np.array([[0, 1], [1, 0]], dtype=complex),
    "Y": np.array([[0, -1j], [1j, 0]]),
    "Z": np.diag([1, -1]).astype(complex),
    "0": np.diag([1, 0]).astype(complex),
    "1": np.diag([0, 1]).astype(complex),
}

# Rounding of the longest circuit drawn (n = 8, depth 2): about 300 unitary 2x2 products of a few
# ulp each, 300 * 4 * 2.2e-16 = 3e-13. A wrong gate shows at 1e-3 and above (see the mutants).
TOLERANCE = 1e-10


def torch_state(ansatz: Ansatz, angles: Array, features: Array) -> np.ndarray:
    states = final_states(ansatz, torch.tensor(angles)[None], torch.tensor(features)[None, :, None])
    assert states.dtype == torch.complex128
    return states[0, :, 0].numpy()


def torch_outputs(ansatz: Ansatz, angles: Array, features: Array, n_classes: int) -> np.ndarray:
    columns = torch.tensor(features)[None, :, None]
    return circuit_outputs(ansatz, torch.tensor(angles)[None], columns, n_classes)[0, :, 0].numpy()


def on(n_qubits: int, factors: dict[int, str]) -> np.ndarray:
    """Kronecker product, the identity where nothing is named."""
    return reduce(np.kron, [PAULI.get(factors.get(q, ""), np.eye(2)) for q in range(n_qubits)])


def dense_gate(n: int, name: str, qubits: tuple[int, ...], values: list[float]) -> np.ndarray:
    """Full matrices from exponentials and projectors, none of them written as 2 x 2 entries."""
    a = qubits[0]
    if name == "U3":  # up to the phase that makes its first entry cos(t/2)
        theta, phi, lam = values
        turns = [("Z", lam), ("Y", theta), ("Z", phi)]
        parts = [expm(-0.5j * angle * on(n, {a: axis})) for axis, angle in turns]
        return np.exp(0.5j * (phi + lam)) * parts[2] @ parts[1] @ parts[0]
    if name == "H":
        return (on(n, {a: "X"}) + on(n, {a: "Z"})) / 2**0.5
    if name in ("CNOT", "CZ"):
        turned = {"CNOT": "X", "CZ": "Z"}[name]
        return on(n, {a: "0"}) + on(n, {a: "1", qubits[1]: turned})
    generator = on(n, dict.fromkeys(qubits, "Z")) if name == "RZZ" else on(n, {a: name[1]})
    return np.asarray(expm(-0.5j * values[0] * generator))


def dense_state(ansatz: Ansatz, angles: Array, features: Array) -> np.ndarray:
    """The product of the full 2^n x 2^n matrices."""
    n = ansatz.n_qubits
    state = np.eye(2**n)[0].astype(complex)
    for block, first, read in zip(
        ansatz.blocks, ansatz.angle_offsets, ansatz.feature_offsets, strict=False
    ):
        if isinstance(block, GateBlock):
            for name, *rest in block.entries:
                qubits = tuple(v for v in rest if type(v) is int)
                values = [
                    angles[first + v.index]
                    if isinstance(v, Angle)
                    else (features[v.index] if isinstance(v, Feature) else v)
                    for v in rest[len(qubits) :]
                ]
                state = dense_gate(n, name, qubits, values) @ state
            continue
        for gate in block.gates(n, first, read):
            if isinstance(gate, ControlledZ):
                state = dense_gate(n, "CZ", gate.qubits, []) @ state
            else:
                angle = (angles if isinstance(gate, AngleRotation) else features)[gate.index]
                state = dense_gate(n, f"R{gate.axis}", (gate.qubit,), [angle]) @ state
    return state


@given(circuit_cases() | circuit_cases(gate_ansaetze()), st.data())
@examples(70)
def test_three_simulators_agree(case: CircuitCase, data: st.DataObject) -> None:
    """States catch what outputs miss (the sign of RX, see below), outputs the order of classes.

    Only this catches a gate or a string that one of them misreads.
    """
    run = (case.ansatz, case.angles, case.features)
    state = reference.simulate(*run)
    np.testing.assert_allclose(torch_state(*run), state, rtol=0, atol=TOLERANCE)
    np.testing.assert_allclose(qiskit_circuit.simulate(*run), state, rtol=0, atol=TOLERANCE)
    own = len(case.ansatz.observables)
    counts = st.integers(1, own) if own else class_counts(case.ansatz.n_qubits)
    n_classes = data.draw(counts, label="n_classes")
    outputs = reference.qnn_outputs(*run, n_classes)
    for simulate in (torch_outputs, qiskit_circuit.qnn_outputs):
        np.testing.assert_allclose(simulate(*run, n_classes), outputs, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("n_qubits", range(2, 9))
def test_three_simulators_agree_on_the_paper_circuit(n_qubits: int) -> None:
    """Generic angles at every size, in case the drawn ones are all round numbers."""
    ansatz, angles, features = generic_run(n_qubits, depth=2)
    state = reference.simulate(ansatz, angles, features)
    for simulate in (torch_state, qiskit_circuit.simulate):
        np.testing.assert_allclose(
            simulate(ansatz, angles, features), state, rtol=0, atol=TOLERANCE
        )


SMALL = paper_ansaetze(qubit_counts(2, 4)) | own_ansaetze(qubit_counts(2, 4))


@given(circuit_cases(SMALL) | circuit_cases(gate_ansaetze(n_features=2)))
@examples(65)
def test_reference_multiplies_the_full_matrices(case: CircuitCase) -> None:
    """Only this catches an error in the reference's own rotation, tensor axes or CZ.

    And a formula that the three simulators share (U3's phases, say).
    """
    run, n = (case.ansatz, case.angles, case.features), case.ansatz.n_qubits
    state = dense_state(*run)
    np.testing.assert_allclose(reference.simulate(*run), state, rtol=0, atol=TOLERANCE)
    expected = [
        np.vdot(state, on(n, {int(w[1:]): w[0] for w in text.split()}) @ state).real
        for text in case.ansatz.observables or ("X0", "Z0")
    ]
    got = reference.qnn_outputs(*run, len(expected))
    np.testing.assert_allclose(got, expected, rtol=0, atol=TOLERANCE)


@given(circuit_cases(own_ansaetze() | paper_ansaetze(depth=st.just(1))), st.data())
def test_torch_engine_keeps_patches_and_samples_apart(
    case: CircuitCase, data: st.DataObject
) -> None:
    """Only this catches mixed patch or sample axes: the other tests run one patch, one sample.

    With two samples and more the engine goes through ``block_unitary``, with one it does not.
    """
    ansatz = case.ansatz
    patches = data.draw(st.integers(1, 3), label="patches")
    samples = data.draw(st.integers(1, 3), label="samples")
    shifts = data.draw(real_arrays((patches, samples), bound=1.0), label="shifts")
    angles = case.angles + shifts[:, :1]
    features = case.features[None, :, None] * (1 + shifts[:, None, :])
    states = final_states(ansatz, torch.tensor(angles), torch.tensor(features))
    assert states.shape == (patches, ansatz.dimension, samples)
    for p in range(patches):
        for s in range(samples):
            expected = reference.simulate(ansatz, angles[p], features[p, :, s])
            np.testing.assert_allclose(states[p, :, s], expected, rtol=0, atol=TOLERANCE)


@given(real_arrays(4))
def test_one_layer_on_two_qubits_in_closed_form(angles: Array) -> None:
    """RX(a) then RY(b) takes |0> to the Bloch vector (cos a sin b, -sin a, cos a cos b)."""
    a, b = angles[:2], angles[2:]
    x, z = np.cos(a) * np.sin(b), np.cos(a) * np.cos(b)
    expected = {False: [*x, *z], True: [x[0] * z[1], x[1] * z[0], *z]}  # CZ: X_0 -> X_0 Z_1
    for ring, values in expected.items():
        ansatz = Ansatz.from_blocks(2, (EntanglingBlock(1, final_ring=ring),))
        for outputs in (reference.qnn_outputs, torch_outputs, qiskit_circuit.qnn_outputs):
            got = outputs(ansatz, angles, np.empty(0), 4)
            np.testing.assert_allclose(got, values, rtol=0, atol=1e-14)


@given(real_arrays(4), real_arrays(2))
def test_one_encoding_on_two_qubits_in_closed_form(angles: Array, features: Array) -> None:
    """RY(p) RX(x) RY(q) on |0>, then CZ; catches swapped encoding axes or angle order."""
    p, q = angles[0::2], angles[1::2]
    x = np.sin(p) * np.cos(q) + np.cos(p) * np.cos(features) * np.sin(q)
    z = -np.sin(p) * np.sin(q) + np.cos(p) * np.cos(features) * np.cos(q)
    ansatz = Ansatz.from_blocks(2, (EncodingBlock(1),))
    for outputs in (reference.qnn_outputs, torch_outputs, qiskit_circuit.qnn_outputs):
        got = outputs(ansatz, angles, features, 4)
        np.testing.assert_allclose(got, [x[0] * z[1], x[1] * z[0], *z], rtol=0, atol=1e-14)


# --- the tests above can fail: circuits with one mistake each ------------------------------


def generic_run(n_qubits: int, depth: int) -> tuple[Ansatz, Array, Array]:
    ansatz = Ansatz(n_qubits, depth)
    draw = np.random.default_rng(20250419 + n_qubits)
    return ansatz, draw.uniform(0, np.pi, ansatz.n_angles), draw.uniform(0, 1, ansatz.n_features)


Mutation = Callable[[Ansatz, Iterable[Gate]], Iterator[Gate]]


@dataclass(frozen=True)
class MutatedCircuit(Ansatz):
    """The paper's circuit with its gates passed through a mistake."""

    mutation: Mutation = lambda ansatz, gates: iter(gates)

    def gates(self) -> Iterator[Gate]:
        """Every gate, mistaken."""
        return self.mutation(self, super().gates())


def qubits_reversed(ansatz: Ansatz, gates: Iterable[Gate]) -> Iterator[Gate]:
    last = ansatz.n_qubits - 1
    for gate in gates:
        if isinstance(gate, ControlledZ):
            yield ControlledZ((last - gate.qubits[0], last - gate.qubits[1]))
        else:
            yield replace(gate, qubit=last - gate.qubit)


def without_edge(edge: int) -> Mutation:
    """Every ring lacks one edge."""

    def mutation(ansatz: Ansatz, gates: Iterable[Gate]) -> Iterator[Gate]:
        missing = (edge, (edge + 1) % ansatz.n_qubits)
        return (g for g in gates if not (isinstance(g, ControlledZ) and g.qubits == missing))

    return mutation


def without_last_edge(ansatz: Ansatz, gates: Iterable[Gate]) -> Iterator[Gate]:
    """One edge of one ring only: the last CZ of the circuit."""
    sequence = list(gates)
    last = max(i for i, gate in enumerate(sequence) if isinstance(gate, ControlledZ))
    return (gate for i, gate in enumerate(sequence) if i != last)


def with_closing_ring(ansatz: Ansatz, gates: Iterable[Gate]) -> Iterator[Gate]:
    yield from gates
    yield from (ControlledZ((i, (i + 1) % ansatz.n_qubits)) for i in range(ansatz.n_qubits))


def angles_off_by_one(ansatz: Ansatz, gates: Iterable[Gate]) -> Iterator[Gate]:
    for gate in gates:
        if isinstance(gate, AngleRotation):
            yield replace(gate, index=(gate.index + 1) % ansatz.n_angles)
        else:
            yield gate


def last_block_reuses_block_b(ansatz: Ansatz, gates: Iterable[Gate]) -> Iterator[Gate]:
    """A wrong offset of block C alone."""
    shift = ansatz.angle_offsets[4] - ansatz.angle_offsets[2]
    for gate in gates:
        if isinstance(gate, AngleRotation) and gate.index >= ansatz.angle_offsets[4]:
            yield replace(gate, index=gate.index - shift)
        else:
            yield gate


def features_feature_major(ansatz: Ansatz, gates: Iterable[Gate]) -> Iterator[Gate]:
    """Feature j of qubit i read at j n + i in place of h i + j."""
    order = np.arange(ansatz.n_features)
    for first, stop in zip(ansatz.feature_offsets, ansatz.feature_offsets[1:], strict=False):
        order[first:stop] = order[first:stop].reshape(-1, ansatz.n_qubits).T.ravel()
    for gate in gates:
        if isinstance(gate, FeatureRotation):
            yield replace(gate, index=int(order[gate.index]))
        else:
            yield gate


def axes_swapped(kind: type[AngleRotation] | type[FeatureRotation]) -> Mutation:
    def mutation(ansatz: Ansatz, gates: Iterable[Gate]) -> Iterator[Gate]:
        for gate in gates:
            if isinstance(gate, kind):
                yield replace(gate, axis="Y" if gate.axis == "X" else "X")
            else:
                yield gate

    return mutation


def negated(ansatz: Ansatz, angles: Array, features: Array, axes: str) -> tuple[Array, Array]:
    """The angles and features that turn every rotation about ``axes`` backwards."""
    angles, features = angles.copy(), features.copy()
    for gate in ansatz.gates():
        if not isinstance(gate, ControlledZ) and gate.axis in axes:
            values = angles if isinstance(gate, AngleRotation) else features
            values[gate.index] *= -1
    return angles, features


MUTATIONS = {
    "qubits reversed": qubits_reversed,
    "edge 0-1 missing": without_edge(0),
    "edge 1-2 missing": without_edge(1),
    "edge n-0 missing": without_edge(3),
    "last edge missing": without_last_edge,
    "closing ring added": with_closing_ring,
    "angles off by one": angles_off_by_one,
    "block C offset": last_block_reuses_block_b,
    "features transposed": features_feature_major,
    "trained axes swapped": axes_swapped(AngleRotation),
    "data axes swapped": axes_swapped(FeatureRotation),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mistake_in_the_circuit_breaks_the_agreement(name: str) -> None:
    """Each mistake moves states and outputs by at least 1e7 times the tolerance."""
    ansatz, angles, features = generic_run(4, depth=2)
    mutant = MutatedCircuit(4, 2, mutation=MUTATIONS[name])
    state = reference.simulate(mutant, angles, features)
    outputs = reference.expectations(state, 4, mutant.outputs(8))
    assert np.abs(state - torch_state(ansatz, angles, features)).max() > 1e-3
    assert np.abs(state - qiskit_circuit.simulate(ansatz, angles, features)).max() > 1e-3
    assert np.abs(outputs - torch_outputs(ansatz, angles, features, 8)).max() > 1e-3
    assert np.abs(outputs - qiskit_circuit.qnn_outputs(ansatz, angles, features, 8)).max() > 1e-3


@pytest.mark.parametrize("axes", ["X", "Y", "XY"])
def test_a_backward_rotation_breaks_the_agreement_of_states(axes: str) -> None:
    ansatz, angles, features = generic_run(4, depth=2)
    backwards = reference.simulate(ansatz, *negated(ansatz, angles, features, axes))
    assert np.abs(backwards - torch_state(ansatz, angles, features)).max() > 1e-3
    assert np.abs(backwards - qiskit_circuit.simulate(ansatz, angles, features)).max() > 1e-3


@given(circuit_cases())
def test_outputs_cannot_see_the_sign_of_rx(case: CircuitCase) -> None:
    """Why states are compared and not outputs alone: f is even in all X angles together.

    R_X(-t) = R_X(t)*, R_Y and CZ are real: turning every RX backwards conjugates the state, and
    X and Z are real observables. Turning every RX and RY backwards conjugates by Z on all qubits:
    <X> changes sign, <Z> stays.
    """
    ansatz, n = case.ansatz, case.ansatz.n_qubits
    outputs = reference.qnn_outputs(ansatz, case.angles, case.features, 2 * n)
    for axes, signs in (("X", [1] * 2 * n), ("XY", [-1] * n + [1] * n)):
        mirrored = negated(ansatz, case.angles, case.features, axes)
        got = torch_outputs(ansatz, *mirrored, 2 * n)
        np.testing.assert_allclose(got, np.array(signs) * outputs, rtol=0, atol=TOLERANCE)


def test_reference_refuses_bad_vectors() -> None:
    ansatz = Ansatz(2, 1)
    angles, features = np.zeros(ansatz.n_angles), np.zeros(ansatz.n_features)
    with pytest.raises(ValueError, match=r"angles: expected shape \(20,\), got \(19,\)"):
        reference.simulate(ansatz, angles[1:], features)
    with pytest.raises(ValueError, match=r"features: expected shape \(4,\), got \(2, 2\)"):
        reference.simulate(ansatz, angles, features.reshape(2, 2))
    with pytest.raises(ValueError, match="features: expected finite numbers, got NaN or infinity"):
        reference.simulate(ansatz, angles, features + np.nan)


# torch builds its forward-mode rules with torch.jit.script, deprecated in 2.13
@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")
def test_forward_mode_first_leaves_no_trace() -> None:
    """Only this catches a constant cached inside a torch.func transform and used after it."""
    model = DistributedQNN(1, 1, n_qubits=3, image_side=3, n_classes=2, dtype=torch.float64)
    images = torch.zeros(1, 3, 3, dtype=torch.float64)

    def logits(angles: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(model, {"angles": angles}, (images,))

    angles = model.angles.detach()
    _, along = torch.func.jvp(logits, (angles,), (torch.ones_like(angles),))
    step = 1e-6
    difference = (logits(angles + step) - logits(angles - step)) / (2 * step)
    torch.testing.assert_close(along, difference, rtol=1e-6, atol=1e-6)
