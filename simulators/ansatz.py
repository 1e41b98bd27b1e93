"""The circuit of one QNN as data: the single description that every simulator reads."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import accumulate
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

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


Gate: TypeAlias = AngleRotation | FeatureRotation | ControlledZ


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


Block: TypeAlias = EntanglingBlock | EncodingBlock


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

    Raises:
        ValueError: n_qubits below 2 or depth below 1 (0 is allowed with explicit blocks).
        TypeError: a block of another type.
    """

    n_qubits: int = 8
    depth: int = 50
    blocks: tuple[Block, ...] = ()

    def __post_init__(self) -> None:
        """Check the sizes and fill in the paper's blocks."""
        if not isinstance(self.n_qubits, int) or self.n_qubits < 2:
            raise ValueError(f"n_qubits: expected an integer >= 2, got {self.n_qubits!r}")
        if self.blocks:
            for block in self.blocks:
                if not isinstance(block, EntanglingBlock | EncodingBlock):
                    raise TypeError(
                        f"blocks: expected EntanglingBlock or EncodingBlock, got {block!r}"
                    )
            object.__setattr__(self, "blocks", tuple(self.blocks))
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

    @classmethod
    def from_blocks(cls, n_qubits: int, blocks: tuple[Block, ...]) -> "Ansatz":
        """An ansatz of one's own; ``depth`` records its largest entangling block.

        Raises:
            ValueError: no blocks, or n_qubits below 2.
        """
        if not blocks:
            raise ValueError("blocks: expected at least one block, got none")
        depth = max((b.n_layers for b in blocks if isinstance(b, EntanglingBlock)), default=0)
        return cls(n_qubits, depth, tuple(blocks))

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
        return self.feature_offsets[-1]

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


def observables(n_qubits: int, n_classes: int) -> tuple[tuple[Literal["X", "Z"], int], ...]:
    """(Pauli, qubit) of each class: X on the first C/2 qubits, then Z on the same qubits.

    Source: paper, Sec. 3.1 and model.md ("Outputs, in class order").

    Raises:
        ValueError: C is not an even number between 2 and 2 n.
    """
    if not isinstance(n_classes, int) or n_classes % 2 or not 2 <= n_classes <= 2 * n_qubits:
        raise ValueError(
            f"n_classes: expected an even number from 2 to 2 n_qubits = {2 * n_qubits} "
            f"(X and Z on the first C/2 qubits), got {n_classes!r}"
        )
    half = n_classes // 2
    return tuple(("X", q) for q in range(half)) + tuple(("Z", q) for q in range(half))
