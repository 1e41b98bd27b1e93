"""The distributed QNN in PennyLane: lightning.qubit (adjoint) and default.qubit (backprop)."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.peers.exchange import Problem
from patchlaw.simulators.ansatz import AngleRotation, Ansatz, FeatureRotation
from patchlaw.simulators.patches import PatchGrid


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


class PennyLaneModel(torch.nn.Module):
    """Logits from PennyLane's QNodes; parameters in patchlaw's order.

    Args:
        problem: the model's numbers.
        device: "lightning.qubit": complex64, adjoint vector-Jacobian products on the device, a
            sample at a time (it has no batches of its own); "default.qubit": torch backprop,
            parameters broadcast over the batch.
    """

    def __init__(self, problem: Problem, device: str) -> None:
        super().__init__()
        import pennylane as qml

        ansatz = Ansatz(problem.n_qubits, problem.depth)
        self.by_sample = device == "lightning.qubit"
        if self.by_sample:
            simulator = qml.device(device, wires=problem.n_qubits, c_dtype=np.complex64)
            options = {"diff_method": "adjoint", "device_vjp": True}
        else:
            simulator = qml.device(device, wires=problem.n_qubits)
            options = {"diff_method": "backprop"}
        self.circuit = _circuit(ansatz, problem.n_classes, simulator, **options)
        grid = PatchGrid(problem.image_side, problem.n_qubits, problem.n_patches)
        self.pixel_indices = torch.from_numpy(grid.pixel_indices)
        self.output_scale = problem.scale / problem.n_patches
        self.angles = torch.nn.Parameter(torch.from_numpy(problem.angles.copy()))
        self.pixel_bias = torch.nn.Parameter(torch.from_numpy(problem.pixel_bias.copy()))

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, C)."""
        pixels = (images + self.pixel_bias).reshape(len(images), -1)
        logits = torch.zeros(())
        for angles, rows in zip(self.angles, self.pixel_indices, strict=True):
            phi, features = angles.unbind(), pixels[:, rows]
            if self.by_sample:
                outputs = [torch.stack(self.circuit(phi, x.unbind())) for x in features]
                logits = logits + torch.stack(outputs)
            else:
                logits = logits + torch.stack(self.circuit(phi, features.T.unbind()), dim=1)
        return (self.output_scale * logits).float()
