"""Pauli strings such as "X0" or "Z0 Y2": products of Pauli matrices on different qubits."""

import re
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

PauliString: TypeAlias = tuple[tuple[str, int], ...]

_FACTOR = re.compile(r"[XYZ]\d{1,3}")


def parse_pauli_string(text: str, n_qubits: int) -> PauliString:
    """(Pauli, qubit) of each factor of a text like "X0 Z3".

    Raises:
        TypeError: no text.
        ValueError: another form, a qubit twice or out of range, no factor.
    """
    if not isinstance(text, str):
        raise TypeError(f"observables: expected texts such as 'Z0 X1', got {text!r}")
    found = tuple((word[0], int(word[1:])) for word in text.split() if _FACTOR.fullmatch(word))
    qubits = {qubit for _, qubit in found}
    if not found or not len(text.split()) == len(found) == len(qubits):
        raise ValueError(
            "observables: expected factors X, Y or Z on different qubits, such as 'Z0 X1', got "
            f"{text!r}"
        )
    if max(qubits) >= n_qubits:
        raise ValueError(f"observables: expected qubits 0 to {n_qubits - 1}, got {text!r}")
    return found


def as_permutation(
    string: PauliString, n_qubits: int
) -> tuple[NDArray[np.int64], NDArray[np.complex128]]:
    """(source, factor), each (2^n,), with (O psi)[k] = factor[k] psi[source[k]].

    Qubit 0 is the most significant bit of k. X and Y flip their qubit's bit; Z and Y give a sign
    where the source's bit is 1, Y a factor i besides.
    """
    index = np.arange(1 << n_qubits)
    source, factor = index, np.ones(len(index), dtype=np.complex128)
    for pauli, qubit in string:
        bit = 1 << (n_qubits - 1 - qubit)
        if pauli != "Z":
            source = source ^ bit
        if pauli != "X":
            sign = np.where((index ^ (bit if pauli == "Y" else 0)) & bit, -1, 1)
            factor = factor * sign * (1j if pauli == "Y" else 1)
    return source, factor
