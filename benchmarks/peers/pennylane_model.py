"""The distributed QNN in PennyLane: lightning devices (adjoint), default.qubit (backprop)."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.peers.exchange import Problem
from benchmarks.peers.patchwise import PatchwiseModel
from patchlaw.simulators.ansatz import AngleRotation, Ansatz, FeatureRotation


def _circuit(ansatz: Ansatz, n_classes: int, device: Any, **options: Any) -> Any:
    """A QNode of (angles, features), both sequences of tensors: <X_i> then <Z_i>."""
    import pennylane as qml

    rotations = {"X": qml.RX, "Y": qml.RY}

    @qml.qnode(device, interface="torch", **options)
    def circuit(phi: Any, x: Any) -> Any:
        for gate in ansatz.gates():
            if isinstance(gate, AngleRotation):
                rotations[gate.axis](phi[gate.index], wires=gate.qubit)
            elif isinstance(gate, FeatureRotation):
                rotations[gate.axis](x[gate.index], wires=gate.qubit)
            else:
                qml.CZ(wires=gate.qubits)
        half = range(n_classes // 2)
        return [qml.expval(qml.X(i)) for i in half] + [qml.expval(qml.Z(i)) for i in half]

    return circuit


class PennyLaneModel(PatchwiseModel):
    """Logits from PennyLane's QNodes.

    Args:
        problem: the model's numbers.
        device: "lightning.qubit" or "lightning.gpu": complex64, adjoint vector-Jacobian products
            on the device, a sample at a time (they have no batches of their own);
            "default.qubit": torch backprop, parameters broadcast over the batch.
    """

    def __init__(self, problem: Problem, device: str) -> None:
        super().__init__(problem)
        import pennylane as qml

        self.by_sample = device.startswith("lightning.")
        if self.by_sample:
            simulator = qml.device(device, wires=problem.n_qubits, c_dtype=np.complex64)
            options = {"diff_method": "adjoint", "device_vjp": True}
        else:
            simulator = qml.device(device, wires=problem.n_qubits)
            options = {"diff_method": "backprop"}
        self.circuit = _circuit(self.ansatz, problem.n_classes, simulator, **options)

    def patch_outputs(self, angles: Tensor, features: Tensor) -> Tensor:
        """f (B, C) of one patch; angles (n_angles,), features (n_features, B)."""
        phi = angles.unbind()
        if self.by_sample:
            outputs = [torch.stack(self.circuit(phi, x.unbind())) for x in features.T]
            return torch.stack(outputs).float()
        return torch.stack(self.circuit(phi, features.unbind()), dim=1).float()
