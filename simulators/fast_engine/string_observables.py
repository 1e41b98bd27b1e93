"""Pauli strings of a circuit's own, in numpy: what the measurement kernels do for the paper's."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from patchlaw.simulators.fast_engine.buffers import Real
from patchlaw.simulators.pauli_strings import PauliString, as_permutation


class StringObservables:
    """O_1, O_2, ... on states (2, 2^n, m), real and imaginary parts apart.

    A string moves amplitudes and multiplies them by 1, -1, i or -i, all real or all imaginary.

    Args:
        strings: the observables; C outputs are of the first C.
        n_qubits: n.
    """

    def __init__(self, strings: tuple[PauliString, ...], n_qubits: int) -> None:
        self._moves: list[tuple[NDArray[np.int64], NDArray[np.int8], bool]] = []
        for string in strings:
            source, factor = as_permutation(string, n_qubits)
            imaginary = bool(factor[0].imag)
            signs = (factor.imag if imaginary else factor.real).astype(np.int8)
            self._moves.append((source, signs[:, None], imaginary))

    def _turned(self, k: int, state: Real) -> Real:
        """O_k S."""
        source, signs, imaginary = self._moves[k]
        re, im = state[:, source]
        return np.stack((-signs * im, signs * re) if imaginary else (signs * re, signs * im))

    def overlaps(self, left: Real, right: Real, factor: np.floating, out: Real) -> None:
        """out[k] = factor Re<left|O_k|right>, shape (C, m)."""
        for k in range(len(out)):
            out[k] = factor * np.einsum("prm,prm->m", left, self._turned(k, right))

    def weighted(self, state: Real, weights: Real, out: Real, accumulate: bool) -> None:
        """out = 2 sum_k weights_k O_k S (added to out if accumulate), weights (C, m)."""
        if not accumulate:
            out[:] = 0
        for k, weight in enumerate(weights):
            out += 2 * weight * self._turned(k, state)


@lru_cache(maxsize=16)
def string_observables(strings: tuple[PauliString, ...], n_qubits: int) -> StringObservables:
    """The same for every patch."""
    return StringObservables(strings, n_qubits)
