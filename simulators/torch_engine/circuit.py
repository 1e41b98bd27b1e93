"""The whole circuit of all patches: blocks in order, then the Pauli expectations."""

import torch
from torch import Tensor

from patchlaw.simulators.ansatz import Ansatz, EncodingBlock, EntanglingBlock
from patchlaw.simulators.pauli_strings import PauliString, as_permutation
from patchlaw.simulators.torch_engine.encoding import apply_encoding
from patchlaw.simulators.torch_engine.gate_blocks import apply_gates
from patchlaw.simulators.torch_engine.static_blocks import (
    apply_entangling,
    block_unitary,
    zero_state,
)


def pauli_expectations(state: Tensor, n_qubits: int, outputs: tuple[PauliString, ...]) -> Tensor:
    """<O_k> of every column: shape (P, 2^n, N) complex to (P, C, N) real."""
    patches, dimension, _ = state.shape
    values = []
    for string in outputs:
        pauli, qubit = string[0]
        if len(string) > 1 or pauli == "Y":
            values.append(_string_expectation(state, n_qubits, string))
            continue
        pairs = state.reshape(patches, 1 << qubit, 2, dimension >> (qubit + 1), -1)
        zero, one = pairs[:, :, 0], pairs[:, :, 1]
        if pauli == "X":
            density = 2 * (zero.real * one.real + zero.imag * one.imag)
        else:
            density = zero.real**2 + zero.imag**2 - one.real**2 - one.imag**2
        values.append(density.sum(dim=(1, 2)))
    return torch.stack(values, dim=1)


def _string_expectation(state: Tensor, n_qubits: int, string: PauliString) -> Tensor:
    """Re<psi|O psi>, (P, N)."""
    source, factor = as_permutation(string, n_qubits)
    turned = state[:, torch.from_numpy(source).to(state.device)]
    turned = turned * torch.from_numpy(factor).to(state.device, state.dtype)[:, None]
    return (state.real * turned.real + state.imag * turned.imag).sum(dim=1)


def final_states(ansatz: Ansatz, angles: Tensor, features: Tensor) -> Tensor:
    """States of every patch and sample at the circuit's end.

    Args:
        ansatz: the circuit.
        angles: shape (P, ansatz.n_angles), radians, float32 or float64.
        features: shape (P, ansatz.n_features, N), radians, same dtype.

    Returns:
        Shape (P, 2^n, N), complex64 or complex128.
    """
    n = ansatz.n_qubits
    dtype = torch.complex128 if angles.dtype == torch.float64 else torch.complex64
    state = zero_state(angles.shape[0], n, dtype, angles.device)
    for i, block in enumerate(ansatz.blocks):
        phi = angles[:, ansatz.angle_offsets[i] : ansatz.angle_offsets[i + 1]]
        if isinstance(block, EncodingBlock):
            x = features[:, ansatz.feature_offsets[i] : ansatz.feature_offsets[i + 1]]
            state = apply_encoding(block, n, phi, x, state)
        elif not isinstance(block, EntanglingBlock):
            state = apply_gates(block, n, phi, features, state)
        elif state.shape[-1] == 1:
            state = apply_entangling(block, n, phi, state)
        else:
            state = block_unitary(block, n, phi) @ state
    return state.expand(-1, -1, features.shape[-1])


def circuit_outputs(ansatz: Ansatz, angles: Tensor, features: Tensor, n_classes: int) -> Tensor:
    """Outputs f of every patch, class and sample, shape (P, C, N); arguments as final_states."""
    states = final_states(ansatz, angles, features)
    return pauli_expectations(states, ansatz.n_qubits, ansatz.outputs(n_classes))
