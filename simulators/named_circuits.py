"""Circuits and observables by name, as ``patchlaw train`` and plans ask for them.

"paper" is the paper's circuit (``Ansatz.for_patch``). The others have the same features of a patch,
h = side^2 / n a qubit, and the same d:

    interleaved    d entangling layers (RX, RY, CZ ring), then h times: one feature of every qubit
                   between two trained rotations, d layers; the last without its ring.
                   (2 d (h + 1) + 2 h) n angles. The data re-uploaded as often as there are.
    ry-cz          hardware-efficient: layers of RY on every qubit and a CZ ring, d, d and d, around
                   two encodings of h//2 and h - h//2 features a qubit, RX(x) then RY; the last
                   without its ring. (3 d + h) n angles. A ``GateBlock``, so autograd runs it.

Observables, of which C classes read the first C: "paper" X on the first C/2 qubits, then Z on the
same; "z" Z of each qubit, n of them; "zz" Z Z of pairs, neighbours on the ring first, then those
two apart, and so on, n (n - 1) / 2 of them.
"""

from collections.abc import Callable
from itertools import product
from math import isqrt

from patchlaw.simulators.ansatz import (
    Ansatz,
    EncodingBlock,
    EntanglingBlock,
    features_per_qubit,
    ring_edges,
)
from patchlaw.simulators.gates import Angle, Feature, GateBlock


def _interleaved(n_qubits: int, depth: int, patch_side: int) -> Ansatz:
    h = features_per_qubit(n_qubits, patch_side, least=1)
    middle = (EntanglingBlock(depth), EncodingBlock(1)) * h
    return Ansatz.from_blocks(n_qubits, (*middle, EntanglingBlock(depth, final_ring=False)))


def _ry_cz(n_qubits: int, depth: int, patch_side: int) -> Ansatz:
    h = features_per_qubit(n_qubits, patch_side)
    half = h // 2 * n_qubits

    def layers(final_ring: bool = True) -> GateBlock:
        gates: list[tuple[object, ...]] = []
        for layer in range(depth):
            gates += [("RY", q, Angle(layer * n_qubits + q)) for q in range(n_qubits)]
            if final_ring or layer < depth - 1:
                gates += [("CZ", *edge) for edge in ring_edges(n_qubits)]
        return GateBlock(tuple(gates))

    def encoding(features: range) -> GateBlock:
        each = len(features) // n_qubits
        gates: list[tuple[object, ...]] = []
        for number, feature in enumerate(features):
            qubit = number // each
            gates += [("RX", qubit, Feature(feature)), ("RY", qubit, Angle(number))]
        return GateBlock((*gates, *(("CZ", *edge) for edge in ring_edges(n_qubits))))

    first, second = encoding(range(half)), encoding(range(half, patch_side**2))
    return Ansatz.from_blocks(n_qubits, (layers(), first, layers(), second, layers(False)))


def _pairs(n_qubits: int) -> tuple[str, ...]:
    found = {
        tuple(sorted((q, (q + apart) % n_qubits))): None
        for apart in range(1, n_qubits // 2 + 1)
        for q in range(n_qubits)
    }
    return tuple(f"Z{a} Z{b}" for a, b in found)


CIRCUITS: dict[str, Callable[[int, int, int], Ansatz]] = {
    "paper": Ansatz.for_patch,
    "interleaved": _interleaved,
    "ry-cz": _ry_cz,
}
OBSERVABLES: dict[str, Callable[[int], tuple[str, ...]]] = {
    "paper": lambda n_qubits: (),
    "z": lambda n_qubits: tuple(f"Z{q}" for q in range(n_qubits)),
    "zz": _pairs,
}


def named_circuit(
    name: str, observables: str, n_qubits: int, depth: int, patch_side: int
) -> Ansatz:
    """A circuit by the names of its gates and of its observables; see the module.

    Args:
        name: a key of ``CIRCUITS``.
        observables: a key of ``OBSERVABLES``.
        n_qubits: n.
        depth: d.
        patch_side: of a patch in pixels.

    Raises:
        KeyError: another name.
        ValueError: pixels that cannot be dealt out to the qubits.
    """
    circuit, strings = CIRCUITS[name](n_qubits, depth, patch_side), OBSERVABLES[observables]
    return Ansatz(n_qubits, circuit.depth, circuit.blocks, strings(n_qubits))


def names_of(circuit: Ansatz, depth: int) -> str:
    """What a circuit is in words if a name gives it, other than the paper's; else empty.

    Args:
        circuit: any.
        depth: d, which a circuit of gates does not tell.
    """
    n, side = circuit.n_qubits, isqrt(circuit.n_features)
    for name, observables in product(CIRCUITS, OBSERVABLES):
        if (name, observables) == ("paper", "paper"):
            continue
        try:
            known = named_circuit(name, observables, n, depth, side)
        except ValueError:
            continue
        if (known.blocks, known.observables) == (circuit.blocks, circuit.observables):
            at = "" if side == n else f" on {side} x {side} pixels"
            return f"{name} circuit{at}, {observables} observables"
    return ""
