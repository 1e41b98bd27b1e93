"""Blocks without data: the same unitary for every sample, applied layer by layer."""

from functools import cache, reduce

import numpy as np
import torch
from torch import Tensor

from patchlaw.simulators.ansatz import EntanglingBlock
from patchlaw.simulators.ansatz import ring_signs as ring_signs_array
from patchlaw.simulators.torch_engine.quaternions import multiply, rotation, to_matrix


def ring_signs(n_qubits: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Diagonal of the CZ ring, shape (2^n,), entries +1 or -1 in a real dtype.

    A new tensor at each call: one kept from inside a torch.func transform would outlive it.
    """
    return torch.from_numpy(ring_signs_array(n_qubits).astype(np.float32)).to(device, dtype)


@cache  # never dropped: a recorded pass reads it where it lies
def kept_ring_signs(n_qubits: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """``ring_signs`` made once, for the engine, which runs in no transform."""
    return ring_signs(n_qubits, dtype, device)


def kron(left: Tensor, right: Tensor) -> Tensor:
    """Kronecker product of the last two axes, (..., r, r) and (..., s, s); others broadcast."""
    product = left[..., :, None, :, None] * right[..., None, :, None, :]
    rows, cols = left.shape[-2] * right.shape[-2], left.shape[-1] * right.shape[-1]
    return product.reshape(*product.shape[:-4], rows, cols)


def kron_all(matrices: Tensor) -> Tensor:
    """Kronecker product over axis -3 of (..., q, 2, 2), first factor most significant."""
    return reduce(kron, matrices.unbind(-3))


def apply_entangling(
    block: EntanglingBlock, n_qubits: int, angles: Tensor, state: Tensor
) -> Tensor:
    """Apply an entangling block to every column of a state.

    The 2n rotations of a layer are fused into two dense factors of about sqrt(2^n) rows each
    (the upper and the lower half of the qubits), so a layer is two small matrix products.

    Args:
        block: the block.
        n_qubits: n.
        angles: shape (P, block.n_angles(n)), radians, real.
        state: shape (P, 2^n, M), complex.

    Returns:
        Shape (P, 2^n, M), complex.
    """
    if block.n_layers == 0:
        return state
    patches, dimension, columns = state.shape
    phi = angles.reshape(patches, block.n_layers, 2, n_qubits)
    fused = to_matrix(multiply(rotation("Y", phi[:, :, 1]), rotation("X", phi[:, :, 0])))
    half = n_qubits // 2
    upper, lower = kron_all(fused[:, :, :half]), kron_all(fused[:, :, half:])
    signs = ring_signs(n_qubits, angles.dtype, angles.device)[:, None]
    rows = 1 << half
    for layer in range(block.n_layers):
        state = upper[:, layer] @ state.reshape(patches, rows, -1)
        state = state.reshape(patches, rows, dimension // rows, columns)
        state = (lower[:, layer, None] @ state).reshape(patches, dimension, columns)
        if block.has_ring(layer):
            state = state * signs
    return state


def zero_state(patches: int, n_qubits: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """|0...0> for every patch, shape (P, 2^n, 1), complex dtype."""
    state = torch.zeros(patches, 1 << n_qubits, 1, dtype=dtype, device=device)
    state[:, 0] = 1
    return state


def block_unitary(block: EntanglingBlock, n_qubits: int, angles: Tensor) -> Tensor:
    """The block as dense matrices, shape (P, 2^n, 2^n): column j is the image of basis state j."""
    dtype = torch.complex128 if angles.dtype == torch.float64 else torch.complex64
    identity = torch.eye(1 << n_qubits, dtype=dtype, device=angles.device)
    start = identity.expand(angles.shape[0], -1, -1)
    return apply_entangling(block, n_qubits, angles, start)
