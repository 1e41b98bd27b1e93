"""What the tests of the tangent and the commutator kernel share: unitaries, the dense G."""

import numpy as np
from torch import Tensor

from patchlaw.simulators import DistributedQNN
from patchlaw.simulators.ansatz import FeatureRotation
from patchlaw.simulators.reference import CONTROLLED_Z, apply_gate, rotation
from patchlaw.verification.operators import CurvatureProblem


def blocks_of(model: DistributedQNN, patch: int, image: np.ndarray) -> list[np.ndarray]:
    """The unitary of each block for one image, gate by gate on every basis state."""
    ansatz = model.ansatz
    n, shape = ansatz.n_qubits, (2,) * ansatz.n_qubits
    angles = model.angles[patch].detach().numpy()
    features = (image + model.pixel_bias.detach().numpy()).reshape(-1)
    features = features[model.grid.pixel_indices[patch]]
    found = []
    for number, block in enumerate(ansatz.blocks):
        columns = []
        for basis in np.eye(2**n, dtype=complex):
            psi = basis.reshape(shape)
            first = ansatz.angle_offsets[number], ansatz.feature_offsets[number]
            for gate in block.gates(n, *first):
                if hasattr(gate, "axis"):
                    values = features if isinstance(gate, FeatureRotation) else angles
                    psi = apply_gate(psi, rotation(gate.axis, values[gate.index]), (gate.qubit,))
                else:
                    psi = apply_gate(psi, CONTROLLED_Z, gate.qubits)
            columns.append(psi.reshape(-1))
        found.append(np.array(columns).T)
    return found


def dense_spectrum(
    model: DistributedQNN, images: Tensor, targets: Tensor, **options: str
) -> np.ndarray:
    """Eigenvalues of G over the angles, the largest first: numpy's, of autograd's columns."""
    problem = CurvatureProblem(model, images, targets, backend="autodiff", **options)
    columns = problem.gauss_newton @ np.eye(model.n_parameters)
    own = model.layout.own
    return np.linalg.eigvalsh(columns[np.ix_(own, own)])[::-1]
