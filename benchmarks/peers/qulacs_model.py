"""The distributed QNN in Qulacs: a sample at a time, gradients by its reverse pass ``backprop``.

Qulacs computes in double precision, and its rotations turn the other way: R_a(-t) of patchlaw.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.exchange import Problem
from patchlaw.simulators.ansatz import AngleRotation, Ansatz, FeatureRotation
from patchlaw.simulators.patches import PatchGrid

Float = NDArray[np.float64]


class QulacsModel:
    """Logits and gradient of the mean cross-entropy; parameters in patchlaw's order."""

    def __init__(self, problem: Problem) -> None:
        import qulacs

        self._qulacs = qulacs
        self.problem = problem
        self.ansatz = Ansatz(problem.n_qubits, problem.depth)
        self.grid = PatchGrid(problem.image_side, problem.n_qubits, problem.n_patches)
        self.output_scale = problem.scale / problem.n_patches
        half = problem.n_classes // 2
        self.paulis = [f"{name} {q}" for name in ("X", "Z") for q in range(half)]
        self.observables = [self._observable({name: 1.0}) for name in self.paulis]
        # positions, among a circuit's parametric gates, of angles and of features
        self.angle_gates = np.empty(self.ansatz.n_angles, dtype=np.int64)
        self.feature_gates = np.empty(self.ansatz.n_features, dtype=np.int64)
        self.circuits = [self._build(angles) for angles in problem.angles.astype(np.float64)]

    def _observable(self, weights: dict[str, float]) -> Any:
        observable = self._qulacs.Observable(self.problem.n_qubits)
        for pauli, weight in weights.items():
            observable.add_operator(weight, pauli)
        return observable

    def _build(self, angles: Float) -> Any:
        circuit = self._qulacs.ParametricQuantumCircuit(self.problem.n_qubits)
        add = {"X": circuit.add_parametric_RX_gate, "Y": circuit.add_parametric_RY_gate}
        parametric = 0
        for gate in self.ansatz.gates():
            if isinstance(gate, AngleRotation):
                add[gate.axis](gate.qubit, -angles[gate.index])
                self.angle_gates[gate.index] = parametric
            elif isinstance(gate, FeatureRotation):
                add[gate.axis](gate.qubit, 0.0)
                self.feature_gates[gate.index] = parametric
            else:
                circuit.add_CZ_gate(*gate.qubits)
                continue
            parametric += 1
        return circuit

    def _set_features(self, circuit: Any, features: Float) -> None:
        for gate, value in zip(self.feature_gates.tolist(), features.tolist(), strict=True):
            circuit.set_parameter(gate, -value)

    def step(self, problem: Problem) -> tuple[Float, float, Float]:
        """Logits (B, C), mean loss, gradient (D,) over a batch."""
        bias = problem.pixel_bias.astype(np.float64)
        pixels = (problem.images.astype(np.float64) + bias).reshape(len(problem.images), -1)
        state = self._qulacs.QuantumState(problem.n_qubits)
        angle_gradient = np.zeros(problem.angles.shape)
        pixel_gradient = np.zeros(bias.size)
        logits = np.zeros((len(pixels), problem.n_classes))
        loss = 0.0
        for sample, label in enumerate(problem.labels):
            for circuit, rows in zip(self.circuits, self.grid.pixel_indices, strict=True):
                self._set_features(circuit, pixels[sample, rows])
                state.set_zero_state()
                circuit.update_quantum_state(state)
                values = [o.get_expectation_value(state) for o in self.observables]
                logits[sample] += self.output_scale * np.array(values)
            shifted = np.exp(logits[sample] - logits[sample].max())
            probabilities = shifted / shifted.sum()
            loss -= float(np.log(probabilities[label]))
            weights = self.output_scale * (probabilities - np.eye(len(shifted))[label])
            weighted = self._observable(dict(zip(self.paulis, weights.tolist(), strict=True)))
            for p, circuit in enumerate(self.circuits):
                rates = -np.array(circuit.backprop(weighted))
                angle_gradient[p] += rates[self.angle_gates]
                np.add.at(pixel_gradient, self.grid.pixel_indices[p], rates[self.feature_gates])
        gradient = np.concatenate([angle_gradient.ravel(), pixel_gradient])
        return logits, loss / len(pixels), gradient / len(pixels)
