"""The circuit as the fast engine runs it: static runs and encodings in alternation."""

from dataclasses import dataclass

from simulators.ansatz import Ansatz, EncodingBlock, EntanglingBlock


@dataclass(frozen=True)
class StaticRun:
    """Consecutive entangling blocks as one data-free unitary.

    Attributes:
        rings: whether each layer ends with the CZ ring.
        first_angle: index of the run's first angle.
    """

    rings: tuple[bool, ...] = ()
    first_angle: int = 0


@dataclass(frozen=True)
class Encoding:
    """A data encoding of h features a qubit.

    Attributes:
        features_per_qubit: h.
        first_angle: index of its first angle.
        first_feature: index of its first feature.
    """

    features_per_qubit: int
    first_angle: int
    first_feature: int


@dataclass(frozen=True)
class CircuitPlan:
    """A prefix that acts on |0...0> only (one vector), then the stages that act on every sample."""

    n_qubits: int
    prefix: StaticRun
    stages: tuple[StaticRun | Encoding, ...]

    @classmethod
    def of(cls, ansatz: Ansatz) -> "CircuitPlan":
        """Merge an ansatz's blocks into a prefix and stages.

        Raises:
            ValueError: the ansatz encodes no data, so there is nothing to do sample by sample.
        """
        stages: list[StaticRun | Encoding] = [StaticRun()]
        for block, angle, feature in zip(
            ansatz.blocks, ansatz.angle_offsets, ansatz.feature_offsets, strict=False
        ):
            if isinstance(block, EncodingBlock):
                stages.append(Encoding(block.features_per_qubit, angle, feature))
                continue
            previous = stages[-1]
            if isinstance(previous, StaticRun):
                rings = previous.rings + _rings(block)
                first = previous.first_angle if previous.rings else angle
                stages[-1] = StaticRun(rings, first)
            elif block.n_layers:
                stages.append(StaticRun(_rings(block), angle))
        prefix, *rest = stages
        if not rest or not isinstance(prefix, StaticRun):
            raise ValueError("ansatz: expected at least one EncodingBlock, got none")
        return cls(ansatz.n_qubits, prefix, tuple(rest))


def _rings(block: EntanglingBlock) -> tuple[bool, ...]:
    return tuple(block.has_ring(layer) for layer in range(block.n_layers))
