"""One circuit whose classes each read the mean of several observables (paper, below Eq. (5))."""

import math
from dataclasses import replace
from itertools import product

import torch
from torch import Tensor

from patchlaw.simulators.ansatz import Ansatz, observables
from patchlaw.simulators.torch_engine import circuit_outputs


class AveragedObservables(torch.nn.Module):
    """f_k = (1/M) sum_m <O_km> of the paper's circuit on one patch.

    For a ``PatchEnsemble`` with P = 1, which makes s = c and so, with the mean here, the paper's
    c / P for P = M observables of a single QNN.

    Args:
        n_qubits: n.
        depth: d.
        side: of the patch in pixels.
        n_classes: C.
        n_observables: M.

    Attributes:
        ansatz: the circuit, with the C M different strings that are read; class k reads those at
            k, k + C, ..., of which the first is the paper's.
        angles: shape (1, n_angles), uniform in [0, pi) by torch's generator.

    Raises:
        ValueError: more observables than ``pauli_strings`` has, or sizes that do not fit together.
    """

    def __init__(
        self, n_qubits: int, depth: int, side: int, n_classes: int, n_observables: int
    ) -> None:
        super().__init__()
        strings, needed = pauli_strings(n_qubits, n_classes), n_classes * n_observables
        if not 1 <= n_observables <= len(strings) // n_classes:
            raise ValueError(
                f"n_observables: expected from 1 to {len(strings) // n_classes}, as there are "
                f"{len(strings)} strings for {n_classes} classes, got {n_observables}"
            )
        circuit = Ansatz.for_patch(n_qubits, depth, side)
        self.ansatz = replace(circuit, observables=strings[:needed])
        self.n_observables = n_observables
        self.angles = torch.nn.Parameter(torch.rand(1, self.ansatz.n_angles) * math.pi)

    def forward(self, features: Tensor) -> Tensor:
        """f of features (N, side^2), shape (N, C)."""
        n_outputs = len(self.ansatz.observables)
        outputs: Tensor = circuit_outputs(self.ansatz, self.angles, features.T[None], n_outputs)[0]
        return outputs.reshape(self.n_observables, -1, len(features)).mean(dim=0).T


def pauli_strings(n_qubits: int, n_classes: int) -> tuple[str, ...]:
    """The paper's C outputs, then every other X, Z, Y, then ZZ, XX, YY of neighbours in a ring."""
    paper = [f"{pauli}{qubit}" for pauli, qubit in observables(n_qubits, n_classes)]
    single = [f"{pauli}{qubit}" for pauli, qubit in product("XZY", range(n_qubits))]
    ring = [(q, (q + 1) % n_qubits) for q in range(n_qubits if n_qubits > 2 else 1)]
    pairs = [f"{p}{a} {p}{b}" for p, (a, b) in product("ZXY", ring)]
    return tuple(dict.fromkeys((*paper, *single, *pairs)))


def one_observable(n_qubits: int, depth: int, side: int, n_classes: int) -> AveragedObservables:
    """A class reads one observable, as in the paper."""
    return AveragedObservables(n_qubits, depth, side, n_classes, 1)


def four_observables(n_qubits: int, depth: int, side: int, n_classes: int) -> AveragedObservables:
    """A class reads the mean of four."""
    return AveragedObservables(n_qubits, depth, side, n_classes, 4)
