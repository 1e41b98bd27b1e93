"""Pauli strings of a circuit's own on states cut into two halves; see ``LocalOperators``."""

from functools import cache

import numpy as np
import torch
from torch import Tensor

from patchlaw.simulators.pauli_strings import PauliString, as_permutation


class StringOperators:
    """K Pauli strings O_k: overlaps and weighted sums, as LocalOperators has them.

    Args:
        strings: the operators.
        n_qubits: n.
        dtype: real dtype of the arithmetic.
        device: where.
    """

    def __init__(
        self,
        strings: tuple[PauliString, ...],
        n_qubits: int,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        moves = [as_permutation(string, n_qubits) for string in strings]
        self._sources = torch.from_numpy(np.stack([source for source, _ in moves])).to(device)
        factors = torch.from_numpy(np.stack([factor for _, factor in moves]))
        self._factors = factors.to(device, dtype.to_complex())

    def _turned(self, k: int, states: Tensor) -> Tensor:
        """O_k X of states (..., rows, columns), flattened to (..., 2^n)."""
        return self._factors[k] * states.flatten(-2)[..., self._sources[k]]

    def overlaps(self, left: Tensor, right: Tensor) -> Tensor:
        """Re<left, O_k right> of each pair: (..., rows, columns) complex to (..., K) real."""
        bra = torch.view_as_real(left.flatten(-2))
        values = [
            (bra * torch.view_as_real(self._turned(k, right))).sum(dim=(-2, -1))
            for k in range(len(self._factors))
        ]
        return torch.stack(values, dim=-1)

    def apply(self, coefficients: Tensor, states: Tensor) -> Tensor:
        """sum_k coefficients_k O_k X; coefficients (..., K), states (..., rows, columns)."""
        weights = coefficients.to(self._factors.real.dtype)
        terms = (weights[..., k, None] * self._turned(k, states) for k in range(len(self._factors)))
        total: Tensor = sum(terms, torch.zeros((), dtype=states.dtype, device=states.device))
        return total.reshape(states.shape)


@cache  # never dropped: a recorded pass reads it where it lies
def string_operators(
    strings: tuple[PauliString, ...], n_qubits: int, dtype: torch.dtype, device: torch.device
) -> StringOperators:
    """Built once for each circuit's observables."""
    return StringOperators(strings, n_qubits, dtype, device)
