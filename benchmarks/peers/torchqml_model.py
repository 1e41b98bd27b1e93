"""The distributed QNN in torchqml: adjoint differentiation on a CUDA device, one observable a run.

torchqml has no CPU path, so nothing but a device runs this module's circuits.
"""

from __future__ import annotations

import torch
from torch import Tensor

from benchmarks.peers.exchange import Problem
from benchmarks.peers.patchwise import PatchwiseModel
from patchlaw.simulators.ansatz import AngleRotation, FeatureRotation


class TorchQMLModel(PatchwiseModel):
    """Logits from torchqml's circuit, whose parameters are a patch's angles, then its features."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        import torchqml

        self.circuit = torchqml.QuantumCircuit(self.ansatz.n_qubits)
        add = {"X": self.circuit.rx, "Y": self.circuit.ry}
        for gate in self.ansatz.gates():
            if isinstance(gate, AngleRotation):
                add[gate.axis](gate.qubit, param_index=gate.index)
            elif isinstance(gate, FeatureRotation):
                add[gate.axis](gate.qubit, param_index=self.ansatz.n_angles + gate.index)
            else:
                self.circuit.cz(*gate.qubits)
        half = range(self.half_classes)
        self.observables = [pauli(q) for pauli in (torchqml.X, torchqml.Z) for q in half]

    def patch_outputs(self, angles: Tensor, features: Tensor) -> Tensor:
        """f (B, C) of one patch; angles (n_angles,), features (n_features, B)."""
        rows = angles.expand(features.shape[1], -1)
        parameters = torch.cat([rows, features.T], dim=1)
        values = [self.circuit.expectation(parameters, each) for each in self.observables]
        return torch.stack(values, dim=-1).reshape(len(rows), -1)
