"""Gate by gate through a block of named gates, every operation differentiable by autograd."""

from collections.abc import Callable

import torch
from torch import Tensor

from patchlaw.simulators.gates import Angle, Feature, GateBlock, Parameter
from patchlaw.simulators.torch_engine.quaternions import rotation, to_matrix

_CONSTANT = {
    "H": [[0.5**0.5, 0.5**0.5], [0.5**0.5, -(0.5**0.5)]],
    "CNOT": [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]],
    "CZ": [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, -1]],
}


def apply_gates(
    block: GateBlock, n_qubits: int, angles: Tensor, features: Tensor, state: Tensor
) -> Tensor:
    """Apply the block to states of shape (P, 2^n, N) or (P, 2^n, 1), broadcast over N.

    Args:
        block: the gates.
        n_qubits: n.
        angles: the block's own, shape (P, block.n_angles(n)), radians.
        features: all of the patch's, shape (P, n_features, N), radians.
        state: shape (P, 2^n, N or 1), complex.

    Returns:
        Shape (P, 2^n, N or 1), complex: a block without features leaves one column one.
    """

    def value(parameter: Parameter) -> Tensor:
        """Shape (P, 1), (P, N) or (1, 1)."""
        if isinstance(parameter, Angle):
            return angles[:, parameter.index, None]
        if isinstance(parameter, Feature):
            return features[:, parameter.index]
        return angles.new_full((1, 1), parameter)

    for gate in block.gates(n_qubits, 0, 0):
        if gate.name in _CONSTANT:
            constant = torch.tensor(_CONSTANT[gate.name], dtype=state.dtype, device=state.device)
            matrix = constant[None, None]
        else:
            matrix = _MATRIX[gate.name](*(value(p) for p in gate.parameters))
        state = _applied(matrix, gate.qubits, n_qubits, state)
    return state


def _applied(matrix: Tensor, qubits: tuple[int, ...], n_qubits: int, state: Tensor) -> Tensor:
    """A matrix (P or 1, N or 1, 2^k, 2^k) on k qubits of states (P, 2^n, N or 1)."""
    k, axes = len(qubits), [1 + qubit for qubit in qubits]
    first = list(range(1, 1 + k))
    parts = state.reshape(len(state), *[2] * n_qubits, -1).movedim(axes, first)
    moved = torch.einsum(
        "pnab,pbrn->parn", matrix, parts.reshape(len(state), 1 << k, -1, parts.shape[-1])
    )
    shape = (len(moved), *[2] * n_qubits, moved.shape[-1])
    return moved.reshape(shape).movedim(first, axes).reshape(len(moved), 1 << n_qubits, -1)


def _turn_about_z(angle: Tensor) -> Tensor:
    """R_Z(t) = diag(e^(-i t/2), e^(i t/2))."""
    phase = torch.polar(torch.ones_like(angle), angle / 2)
    return torch.diag_embed(torch.stack((phase.conj(), phase), dim=-1))


def _turn_about_zz(angle: Tensor) -> Tensor:
    phase = torch.polar(torch.ones_like(angle), angle / 2)
    return torch.diag_embed(torch.stack((phase.conj(), phase, phase, phase.conj()), dim=-1))


def _u3(theta: Tensor, phi: Tensor, lam: Tensor) -> Tensor:
    """e^(i (f + l)/2) R_Z(f) R_Y(t) R_Z(l)."""
    theta, phi, lam = torch.broadcast_tensors(theta, phi, lam)
    phase = torch.polar(torch.ones_like(phi), (phi + lam) / 2)
    turns = _turn_about_z(phi) @ to_matrix(rotation("Y", theta)) @ _turn_about_z(lam)
    return phase[..., None, None] * turns


_MATRIX: dict[str, Callable[..., Tensor]] = {
    "RX": lambda angle: to_matrix(rotation("X", angle)),
    "RY": lambda angle: to_matrix(rotation("Y", angle)),
    "RZ": _turn_about_z,
    "RZZ": _turn_about_zz,
    "U3": _u3,
}
