"""Data encoding: one SU(2) matrix a qubit and sample, applied qubit by qubit, then the CZ ring."""

import torch
from torch import Tensor

from patchlaw.simulators.ansatz import EncodingBlock
from patchlaw.simulators.torch_engine.quaternions import multiply, rotation
from patchlaw.simulators.torch_engine.static_blocks import ring_signs


def encoding_quaternions(
    block: EncodingBlock, n_qubits: int, angles: Tensor, features: Tensor
) -> Tensor:
    """Each qubit's product of rotations R_a(phi') R_b(x) R_a(phi) over its features.

    Args:
        block: the encoding block, h features a qubit.
        n_qubits: n.
        angles: shape (P, 2 h n), radians.
        features: shape (P, h n, N), radians.

    Returns:
        Unit quaternions, shape (P, n, N, 4).
    """
    h = block.features_per_qubit
    phi = angles.reshape(angles.shape[0], n_qubits, h, 2, 1)
    x = features.reshape(features.shape[0], n_qubits, h, -1)
    total: Tensor | None = None
    for j in range(h):
        trained, data = block.axes(j)
        first, last = rotation(trained, phi[:, :, j, 0]), rotation(trained, phi[:, :, j, 1])
        step = multiply(last, multiply(rotation(data, x[:, :, j]), first))
        total = step if total is None else multiply(step, total)
    assert total is not None  # h >= 1
    return total


def encoding_tangents(
    block: EncodingBlock, n_qubits: int, angles: Tensor, features: Tensor, *, bias: bool = False
) -> Tensor:
    """Derivatives of ``encoding_quaternions`` in each qubit's own angles, 2 h of them.

    With G the rotations before R_a(t), the product U has dU/dt = U G^-1 (-i a / 2) G.

    Args:
        block: the encoding block.
        n_qubits: n.
        angles: shape (P, 2 h n), radians.
        features: shape (P, h n, N), radians.
        bias: those in its h features as well, behind the others.

    Returns:
        Shape (P, n, 2 h or 3 h, N, 4).
    """
    h = block.features_per_qubit
    total = encoding_quaternions(block, n_qubits, angles, features)
    phi = angles.reshape(angles.shape[0], n_qubits, h, 2, 1)
    x = features.reshape(features.shape[0], n_qubits, h, -1)
    trained_ones: list[Tensor] = []
    data_ones: list[Tensor] = []
    before: Tensor | None = None
    for j in range(h):
        trained, data = block.axes(j)
        for axis, angle, found in (
            (trained, phi[:, :, j, 0], trained_ones),
            (data, x[:, :, j], data_ones),
            (trained, phi[:, :, j, 1], trained_ones),
        ):
            if axis == trained or bias:
                slope = total.new_tensor((0.0, 0.5, 0.0, 0.0) if axis == "X" else (0, 0, 0.5, 0))
                if before is not None:
                    inverse = before * before.new_tensor((1.0, -1.0, -1.0, -1.0))
                    slope = multiply(inverse, multiply(slope, before))
                found.append(multiply(total, slope))
            turn = rotation(axis, angle)
            before = turn if before is None else multiply(turn, before)
    return torch.stack([*trained_ones, *(data_ones if bias else [])], dim=2)


def apply_encoding(
    block: EncodingBlock, n_qubits: int, angles: Tensor, features: Tensor, state: Tensor
) -> Tensor:
    """Apply an encoding block to states of shape (P, 2^n, N) or (P, 2^n, 1), broadcast over N.

    Args:
        block: the encoding block.
        n_qubits: n.
        angles: shape (P, block.n_angles(n)), radians.
        features: shape (P, block.n_features(n), N), radians.
        state: shape (P, 2^n, N or 1), complex.

    Returns:
        Shape (P, 2^n, N), complex.
    """
    quaternions = encoding_quaternions(block, n_qubits, angles, features)
    patches, dimension, _ = state.shape
    for qubit in range(n_qubits):
        w, x, y, z = (part[:, None, None, :] for part in quaternions[:, qubit].unbind(-1))
        a, b = torch.complex(w, -z), torch.complex(y, -x)
        pairs = state.reshape(patches, 1 << qubit, 2, dimension >> (qubit + 1), -1)
        zero, one = pairs[:, :, 0], pairs[:, :, 1]
        state = torch.stack((a * zero - b.conj() * one, b * zero + a.conj() * one), dim=2)
    state = state.reshape(patches, dimension, -1)
    return state * ring_signs(n_qubits, angles.dtype, angles.device)[:, None]
