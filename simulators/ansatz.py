"""The circuit of one QNN as data: the single description that every simulator reads."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import accumulate
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from patchlaw.simulators.gates import GateBlock, NamedGate
from patchlaw.simulators.pauli_strings import PauliString, parse_pauli_string

Axis: TypeAlias = Literal["X", "Y"]


@dataclass(frozen=True)
class AngleRotation:
    """R_axis(phi[index]) = exp(-i phi[index] axis / 2) on one qubit; phi is trainable."""

    axis: Axis
    qubit: int
    index: int


@dataclass(frozen=True)
class FeatureRotation:
    """R_axis(x[index]) = exp(-i x[index] axis / 2) on one qubit; x is the patch's data."""

    axis: Axis
    qubit: int
    index: int


@dataclass(frozen=True)
class ControlledZ:
    """CZ on two qubits; diagonal, so the order of several does not matter."""

    qubits: tuple[int, int]


Gate: TypeAlias = AngleRotation | FeatureRotation | ControlledZ | NamedGate


def ring_edges(n_qubits: int) -> tuple[tuple[int, int], ...]:
    """Edges (i, i+1 mod n) of the CZ ring; for two qubits the single edge (0, 1)."""
    if n_qubits == 2:
        return ((0, 1),)
    return tuple((i, (i + 1) % n_qubits) for i in range(n_qubits))


@lru_cache(maxsize=32)
def ring_signs(n_qubits: int) -> NDArray[np.int8]:
    """Diagonal of the CZ ring, shape (2^n,), entries +1 and -1, read-only."""
    bits = (np.arange(1 << n_qubits)[:, None] >> np.arange(n_qubits - 1, -1, -1)) & 1
    flips = sum(bits[:, i] * bits[:, j] for i, j in ring_edges(n_qubits))
    signs = (1 - 2 * (np.asarray(flips) % 2)).astype(np.int8)
    signs.setflags(write=False)
    return signs


@dataclass(frozen=True)
class EntanglingBlock:
    """``n_layers`` layers without data: RX on every qubit, RY on every qubit, then the CZ ring.

    Attributes:
        n_layers: number of layers, at least 0.
        final_ring: whether the last layer ends with the ring (the paper's last block does not).
    """

    n_layers: int
    final_ring: bool = True

    def __post_init__(self) -> None:
        """Refuse a negative or fractional number of layers."""
        if not isinstance(self.n_layers, int) or self.n_layers < 0:
            raise ValueError(f"n_layers: expected an integer >= 0, got {self.n_layers!r}")

    def n_angles(self, n_qubits: int) -> int:
        """Trainable angles: 2 n a layer, layer by layer, X before Y, qubit by qubit."""
        return 2 * n_qubits * self.n_layers

    def n_features(self, n_qubits: int) -> int:
        """Features consumed: none."""
        return 0

    def has_ring(self, layer: int) -> bool:
        """Whether ``layer`` (0-based) ends with the ring."""
        return self.final_ring or layer < self.n_layers - 1

    def gates(self, n_qubits: int, first_angle: int, first_feature: int) -> Iterator[Gate]:
        """Gates in time order, angles numbered from ``first_angle``."""
        index = first_angle
        for layer in range(self.n_layers):
            for axis in ("X", "Y"):
                for qubit in range(n_qubits):
                    yield AngleRotation(axis, qubit, index)
                    index += 1
            if self.has_ring(layer):
                yield from (ControlledZ(edge) for edge in ring_edges(n_qubits))


@dataclass(frozen=True)
class EncodingBlock:
    """Data encoding: ``features_per_qubit`` features a qubit, each between two trained rotations.

    Feature j of a qubit is encoded as R_a(phi) R_b(x) R_a(phi'), applied in that order, with
    (a, b) = (Y, X) for even j and (X, Y) for odd j; the CZ ring closes the block.
    """

    features_per_qubit: int

    def __post_init__(self) -> None:
        """Refuse fewer than one feature a qubit."""
        if not isinstance(self.features_per_qubit, int) or self.features_per_qubit < 1:
            raise ValueError(
                f"features_per_qubit: expected an integer >= 1, got {self.features_per_qubit!r}"
            )

    def n_angles(self, n_qubits: int) -> int:
        """Trainable angles: two a feature."""
        return 2 * self.features_per_qubit * n_qubits

    def n_features(self, n_qubits: int) -> int:
        """Features consumed, qubit by qubit."""
        return self.features_per_qubit * n_qubits

    @staticmethod
    def axes(feature: int) -> tuple[Axis, Axis]:
        """(axis of the trained rotations, axis of the data rotation) of a qubit's feature j."""
        return ("Y", "X") if feature % 2 == 0 else ("X", "Y")

    def gates(self, n_qubits: int, first_angle: int, first_feature: int) -> Iterator[Gate]:
        """Gates in time order, angles and features numbered from the given offsets."""
        for qubit in range(n_qubits):
            for j in range(self.features_per_qubit):
                feature = first_feature + qubit * self.features_per_qubit + j
                angle = first_angle + 2 * (qubit * self.features_per_qubit + j)
                trained, data = self.axes(j)
                yield AngleRotation(trained, qubit, angle)
                yield FeatureRotation(data, qubit, feature)
                yield AngleRotation(trained, qubit, angle + 1)
        yield from (ControlledZ(edge) for edge in ring_edges(n_qubits))


Block: TypeAlias = EntanglingBlock | EncodingBlock | GateBlock


@dataclass(frozen=True)
class Ansatz:
    """A data re-uploading circuit on ``n_qubits`` qubits, as an immutable list of blocks.

    With ``blocks`` left out this is the paper's ansatz (Appendix A, Fig. 5): ``depth`` entangling
    layers, an encoding of n//2 features a qubit, ``depth`` layers, an encoding of the other
    n - n//2 features a qubit, ``depth`` layers without the closing ring. It has (6 depth + 2 n) n
    angles and n^2 features (48 depth + 128 and 64 for the paper's n = 8).

    Conventions: R_a(t) = exp(-i t a / 2); qubit 0 is the first tensor axis (most significant bit
    of a basis state's index); the state starts in |0...0>; angles and features are numbered in
    the order of ``gates()``'s blocks.

    Attributes:
        n_qubits: number of qubits n, at least 2 (paper: 8).
        depth: layers of each entangling block (paper: 50, 100, 150, 200).
        blocks: the blocks in time order.
        observables: Pauli strings such as "Z0" or "X0 Y2", of which C classes read the first C;
            empty for the paper's, X on the first C/2 qubits and Z on the same.

    Raises:
        ValueError: n_qubits below 2 or depth below 1 (0 is allowed with explicit blocks); gates or
            observables on other qubits; a feature that no gate reads.
        TypeError: a block of another type.
    """

    n_qubits: int = 8
    depth: int = 50
    blocks: tuple[Block, ...] = ()
    # not in the text of the paper's circuits, which names solvers' checkpoints
    observables: tuple[str, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        """Check the sizes and fill in the paper's blocks."""
        if not isinstance(self.n_qubits, int) or self.n_qubits < 2:
            raise ValueError(f"n_qubits: expected an integer >= 2, got {self.n_qubits!r}")
        object.__setattr__(self, "observables", tuple(self.observables))
        for text in self.observables:
            parse_pauli_string(text, self.n_qubits)
        if self.blocks:
            object.__setattr__(self, "blocks", tuple(self.blocks))
            self._check_blocks()
            return
        if not isinstance(self.depth, int) or self.depth < 1:
            raise ValueError(f"depth: expected an integer >= 1, got {self.depth!r}")
        half = self.n_qubits // 2
        paper = (
            EntanglingBlock(self.depth),
            EncodingBlock(half),
            EntanglingBlock(self.depth),
            EncodingBlock(self.n_qubits - half),
            EntanglingBlock(self.depth, final_ring=False),
        )
        object.__setattr__(self, "blocks", paper)

    def _check_blocks(self) -> None:
        for number, block in enumerate(self.blocks):
            if not isinstance(block, EntanglingBlock | EncodingBlock | GateBlock):
                raise TypeError(
                    f"blocks: expected EntanglingBlock or EncodingBlock or GateBlock, got {block!r}"
                )
            if isinstance(block, GateBlock) and (high := max(block.qubits, default=0)) > (
                last := self.n_qubits - 1
            ):
                raise ValueError(
                    f"blocks: expected gates on qubits 0 to {last}, got qubit {high} in block "
                    f"{number}"
                )
        encoded = self.feature_offsets[-1]
        others = {feature for feature in self._features_of_gates if feature >= encoded}
        if len(others) < self.n_features - encoded:
            first = next(f for f in range(encoded, self.n_features) if f not in others)
            raise ValueError(
                f"blocks: expected every feature from 0 to {self.n_features - 1} to be read by a "
                f"gate, got none for {first}"
            )

    @classmethod
    def from_blocks(
        cls, n_qubits: int, blocks: tuple[Block, ...], observables: tuple[str, ...] = ()
    ) -> "Ansatz":
        """An ansatz of one's own; ``depth`` records its largest entangling block.

        Raises:
            ValueError: no blocks, or as the class.
        """
        if not blocks:
            raise ValueError("blocks: expected at least one block, got none")
        depth = max((b.n_layers for b in blocks if isinstance(b, EntanglingBlock)), default=0)
        return cls(n_qubits, depth, tuple(blocks), tuple(observables))

    @classmethod
    def for_patch(cls, n_qubits: int, depth: int, patch_side: int) -> "Ansatz":
        """The paper's circuit for patches of patch_side^2 pixels, h = patch_side^2 / n a qubit.

        The first encoding takes h//2 of a qubit's features, the second the others; patch_side = n
        is the paper's.

        Raises:
            ValueError: pixels that cannot be dealt out so, or as the class.
        """
        paper = cls(n_qubits, depth)
        h = features_per_qubit(n_qubits, patch_side)
        halves = iter((EncodingBlock(h // 2), EncodingBlock(h - h // 2)))
        blocks = (next(halves) if isinstance(b, EncodingBlock) else b for b in paper.blocks)
        return cls(n_qubits, depth, tuple(blocks))

    def outputs(self, n_classes: int) -> tuple[PauliString, ...]:
        """The observable of each class.

        Raises:
            ValueError: more classes than observables, or less than one.
        """
        if not self.observables:
            return tuple((pair,) for pair in observables(self.n_qubits, n_classes))
        n = len(self.observables)
        if not isinstance(n_classes, int) or not 1 <= n_classes <= n:
            raise ValueError(
                f"n_classes: expected from 1 to {n}, the number of observables, got {n_classes!r}"
            )
        return tuple(
            parse_pauli_string(text, self.n_qubits) for text in self.observables[:n_classes]
        )

    def to_json(self) -> dict[str, Any]:
        """The circuit as plain JSON data; ``from_json`` gives it back."""
        blocks: list[dict[str, Any]] = []
        for block in self.blocks:
            match block:
                case EntanglingBlock(n_layers, final_ring):
                    blocks.append({"layers": n_layers, "final_ring": final_ring})
                case EncodingBlock(features_per_qubit):
                    blocks.append({"features_per_qubit": features_per_qubit})
                case GateBlock():
                    blocks.append({"gates": block.to_json()})
        return {
            "n_qubits": self.n_qubits,
            "blocks": blocks,
            "observables": list(self.observables),
        }

    @classmethod
    def from_json(cls, record: Any) -> "Ansatz":
        """The inverse of ``to_json``.

        Raises:
            TypeError, ValueError: another form, or what the blocks refuse.
        """
        keys = {"n_qubits", "blocks", "observables"}
        if not isinstance(record, dict) or set(record) != keys:
            raise TypeError(f"ansatz: expected an object with {sorted(keys)}, got {record!r}")
        if not all(isinstance(record[key], list) for key in ("blocks", "observables")):
            raise TypeError("ansatz: expected lists of blocks and of observables")
        blocks = tuple(_parsed_block(block) for block in record["blocks"])
        return cls.from_blocks(record["n_qubits"], blocks, tuple(record["observables"]))

    @cached_property
    def angle_offsets(self) -> tuple[int, ...]:
        """Index of each block's first angle, and the total as the last entry."""
        return tuple(accumulate((b.n_angles(self.n_qubits) for b in self.blocks), initial=0))

    @cached_property
    def feature_offsets(self) -> tuple[int, ...]:
        """Index of each block's first feature, and the total as the last entry."""
        return tuple(accumulate((b.n_features(self.n_qubits) for b in self.blocks), initial=0))

    @property
    def n_angles(self) -> int:
        """Number of trainable angles n_p of one QNN."""
        return self.angle_offsets[-1]

    @property
    def n_features(self) -> int:
        """Number of data features one QNN reads."""
        return max(self.feature_offsets[-1], 1 + max(self._features_of_gates, default=-1))

    @cached_property
    def _features_of_gates(self) -> set[int]:
        blocks = (block for block in self.blocks if isinstance(block, GateBlock))
        return {feature for block in blocks for feature in block.features}

    @cached_property
    def n_gates(self) -> int:
        """Number m of gates, those with data and the ring's included."""
        return sum(1 for _ in self.gates())

    def retention(self, noise: float) -> float:
        """What noise leaves of the outputs, (1 - p)^m, m = ``n_gates``.

        Global depolarising rho -> (1 - p) rho + p 1 / 2^n after every gate commutes with the gates
        and multiplies the expectation of every traceless observable by 1 - p (theorem
        global-depolarising), so that it is nothing but a smaller c.

        Args:
            noise: p.

        Raises:
            ValueError: p is not in [0, 1), or nothing is left.
        """
        if noise == 0:
            return 1.0  # gates are counted where they matter
        left = (1 - noise) ** self.n_gates if 0 <= noise < 1 else 0.0
        if not left:
            raise ValueError(
                f"noise: expected p from 0 to below 1 that leaves something of the outputs after "
                f"{self.n_gates} gates, got {noise}; the logits carry (1 - p)^{self.n_gates}"
            )
        return left

    @property
    def dimension(self) -> int:
        """Dimension 2^n of the state space."""
        return 1 << self.n_qubits

    def gates(self) -> Iterator[Gate]:
        """Every gate of the circuit in time order."""
        for block, angle, feature in zip(
            self.blocks, self.angle_offsets, self.feature_offsets, strict=False
        ):
            yield from block.gates(self.n_qubits, angle, feature)


def features_per_qubit(n_qubits: int, patch_side: int, least: int = 2) -> int:
    """h = patch_side^2 / n.

    Raises:
        ValueError: no integer, or fewer than ``least``.
    """
    h, left = divmod(patch_side**2, n_qubits)
    if left or h < least:
        raise ValueError(
            f"patch_side: expected side x side pixels to be a multiple of {n_qubits} qubits, "
            f"{('one', 'two')[least - 1]} a qubit at least, got {patch_side} x {patch_side} = "
            f"{patch_side**2}"
        )
    return h


def _parsed_block(record: Any) -> Block:
    match record:
        case {"layers": int(n_layers), "final_ring": bool(final_ring)}:
            return EntanglingBlock(n_layers, final_ring)
        case {"features_per_qubit": int(features)}:
            return EncodingBlock(features)
        case {"gates": gates}:
            return GateBlock.from_json(gates)
    raise TypeError(
        "ansatz: expected blocks with 'layers' and 'final_ring', 'features_per_qubit' or 'gates', "
        f"got {record!r}"
    )


def observables(n_qubits: int, n_classes: int) -> tuple[tuple[Literal["X", "Z"], int], ...]:
    """(Pauli, qubit) of each class: X on the first C/2 qubits, then Z on the same qubits.

    An odd C has one X more. Source: paper, Sec. 3.1 and model.md ("Outputs, in class order").

    Raises:
        ValueError: C is not between 1 and 2 n.
    """
    if not isinstance(n_classes, int) or not 1 <= n_classes <= 2 * n_qubits:
        raise ValueError(
            f"n_classes: expected from 1 to 2 n_qubits = {2 * n_qubits} (X and Z on the first C/2 "
            f"qubits), got {n_classes!r}"
        )
    half = n_classes // 2
    return tuple(("X", q) for q in range(n_classes - half)) + tuple(("Z", q) for q in range(half))
