"""Single-qubit operators on states cut into two halves of the qubits: matrix elements and sums.

A state of n qubits is a matrix X of 2^(n//2) rows (upper half, most significant) and 2^(n - n//2)
columns (lower half). An operator on one qubit is then O X or X O^T, and all its matrix elements
come from two small reduced matrices, so a handful of products serve any number of operators.
"""

from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor

from patchlaw.simulators.ansatz import observables

PAULI = {
    "X": ((0, 1), (1, 0)),
    "Y": ((0, -1j), (1j, 0)),
    "Z": ((1, 0), (0, -1)),
}


def halves(n_qubits: int) -> tuple[int, int]:
    """(rows, columns) of a state as a matrix: upper and lower half of the qubits."""
    upper = n_qubits // 2
    return 1 << upper, 1 << (n_qubits - upper)


def _embed(matrix: Tensor, qubit: int, n_qubits: int) -> Tensor:
    """``matrix`` on one of n_qubits qubits, qubit 0 the most significant."""
    before = torch.eye(1 << qubit, dtype=matrix.dtype)
    after = torch.eye(1 << (n_qubits - qubit - 1), dtype=matrix.dtype)
    return torch.kron(torch.kron(before, matrix), after)


class LocalOperators:
    """K operators O_k, each a 2x2 matrix on one qubit.

    Args:
        n_qubits: n.
        operators: (matrix as nested pairs, qubit) of each operator.
        dtype: real dtype of the arithmetic.
        device: where.
    """

    def __init__(
        self,
        n_qubits: int,
        operators: Sequence[tuple[tuple[tuple[complex, complex], ...], int]],
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        self._rows, self._columns = halves(n_qubits)
        split = n_qubits // 2
        uppers = torch.zeros(len(operators), self._rows, self._rows, dtype=torch.complex128)
        lowers = torch.zeros(len(operators), self._columns, self._columns, dtype=torch.complex128)
        for k, (entries, qubit) in enumerate(operators):
            matrix = torch.tensor(entries, dtype=torch.complex128)
            if qubit < split:
                uppers[k] = _embed(matrix, qubit, split)
            else:
                lowers[k] = _embed(matrix, qubit - split, n_qubits - split)

        def table(matrices: Tensor) -> Tensor:
            """Real and imaginary parts as one row an operator."""
            parts = torch.view_as_real(matrices.resolve_conj().contiguous())
            return parts.reshape(len(matrices), -1).to(device, dtype)

        self._has_lower = any(qubit >= split for _, qubit in operators)
        self._upper, self._lower = table(uppers), table(lowers)
        self._lower_conj, self._lower_transposed = table(lowers.conj()), table(lowers.mT)

    def overlaps(self, left: Tensor, right: Tensor) -> Tensor:
        """Re<left, O_k right> of each pair: (..., rows, columns) complex to (..., K) real."""
        upper = left @ right.mH
        lower = left.mH @ right if self._has_lower else None
        return self.overlaps_of_reduced(upper, lower)

    def overlaps_of_reduced(self, upper: Tensor, lower: Tensor | None) -> Tensor:
        """Re<left, O_k right> from the reduced matrices.

        Args:
            upper: left right^†, shape (..., rows, rows).
            lower: left^† right, shape (..., columns, columns); None if no operator needs it.
        """
        result = _real_rows(upper) @ self._upper.T
        if lower is not None:
            result = result + _real_rows(lower) @ self._lower_conj.T
        return result

    def combine(self, coefficients: Tensor) -> tuple[Tensor, Tensor | None]:
        """A = sum_k coefficients_k O_k as (its upper part, its lower part transposed).

        Args:
            coefficients: shape (..., K), real.
        """
        upper = _complex_matrices(coefficients @ self._upper, self._rows)
        if not self._has_lower:
            return upper, None
        return upper, _complex_matrices(coefficients @ self._lower_transposed, self._columns)

    def apply(self, coefficients: Tensor, states: Tensor) -> Tensor:
        """sum_k coefficients_k O_k X; coefficients (..., K), states (..., rows, columns)."""
        return apply_combined(self.combine(coefficients), states)


def apply_combined(operator: tuple[Tensor, Tensor | None], states: Tensor) -> Tensor:
    """A X for what ``LocalOperators.combine`` gave; states (..., rows, columns)."""
    upper, lower = operator
    result = upper @ states
    return result if lower is None else result.add_(states @ lower)


def _real_rows(matrices: Tensor) -> Tensor:
    """(..., r, r) complex to (..., 2 r r) real."""
    return torch.view_as_real(matrices.resolve_conj().contiguous()).flatten(-3)


def _complex_matrices(rows: Tensor, size: int) -> Tensor:
    """The inverse of ``_real_rows``."""
    return torch.view_as_complex(rows.reshape(*rows.shape[:-1], size, size, 2))


@cache  # never dropped: a recorded pass reads it where it lies
def rotation_generators(n_qubits: int, dtype: torch.dtype, device: torch.device) -> LocalOperators:
    """(-i/2) sigma_a on every qubit, in the order qubit, then a = X, Y, Z: K = 3 n."""
    generators = [
        (tuple(tuple(-0.5j * entry for entry in row) for row in PAULI[axis]), qubit)
        for qubit in range(n_qubits)
        for axis in "XYZ"
    ]
    return LocalOperators(n_qubits, generators, dtype, device)  # type: ignore[arg-type]


@cache  # never dropped: a recorded pass reads it where it lies
def class_observables(
    n_qubits: int, n_classes: int, dtype: torch.dtype, device: torch.device
) -> LocalOperators:
    """The observable of every class, K = C."""
    operators = [(PAULI[pauli], qubit) for pauli, qubit in observables(n_qubits, n_classes)]
    return LocalOperators(n_qubits, operators, dtype, device)
