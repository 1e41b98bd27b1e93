"""The distributed QNN in TorchQuantum: gate by gate, batched over samples, as the paper ran it."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor

from benchmarks.peers.exchange import Problem
from benchmarks.peers.patchwise import PatchwiseModel
from patchlaw.simulators.ansatz import AngleRotation, FeatureRotation


def _import_torchquantum() -> None:
    """Import the library where torchvision's compiled operators may be missing.

    TorchQuantum imports torchvision for its data sets. torchvision's wheel does not load beside
    a CPU-only torch unless two of its operators are declared; nothing here calls them.
    """
    warnings.simplefilter("ignore")
    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        for name in ("nms", "qnms"):
            torch.library.define(
                f"torchvision::{name}", "(Tensor dets, Tensor scores, float threshold) -> Tensor"
            )
    import torchquantum  # noqa: F401


class TorchQuantumModel(PatchwiseModel):
    """Logits from TorchQuantum's functional gates."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        _import_torchquantum()

    def patch_outputs(self, angles: Tensor, features: Tensor) -> Tensor:
        """f (B, C) of one patch; angles (n_angles,), features (n_features, B)."""
        import torchquantum as tq
        import torchquantum.functional as tqf

        device = tq.QuantumDevice(
            n_wires=self.ansatz.n_qubits, bsz=features.shape[1], device=features.device
        )
        phi, x = angles.unbind(), features.unbind()
        rotations = {"X": tqf.rx, "Y": tqf.ry}
        for gate in self.ansatz.gates():
            if isinstance(gate, AngleRotation):
                rotations[gate.axis](device, wires=gate.qubit, params=phi[gate.index])
            elif isinstance(gate, FeatureRotation):
                rotations[gate.axis](device, wires=gate.qubit, params=x[gate.index])
            else:
                tqf.cz(device, wires=list(gate.qubits))
        wires = list(range(self.half_classes))
        # Z first: measuring X rotates the state
        z = tq.measurement.expval(device, wires, [tq.PauliZ() for _ in wires])
        x_values = tq.measurement.expval(device, wires, [tq.PauliX() for _ in wires])
        return torch.cat([x_values, z], dim=1)
