"""The circuit as the engines run it: static runs and encodings, and what a static run offers."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol, TypeVar

from patchlaw.simulators.ansatz import Ansatz, EncodingBlock, EntanglingBlock
from patchlaw.simulators.pauli_strings import PauliString

States = TypeVar("States")
Angles = TypeVar("Angles")


@dataclass(frozen=True)
class StaticRun:
    """Consecutive entangling blocks as one data-free unitary.

    Attributes:
        rings: whether each layer ends with the CZ ring.
        first_angle: index of the run's first angle.
    """

    rings: tuple[bool, ...] = ()
    first_angle: int = 0


class StaticRunDerivatives(Protocol[States, Angles]):
    """W(phi) of a static run at fixed angles, with first and second derivatives.

    The columns are those of W, or the one column W|0...0> of a prefix. Two realisations: the
    numba kernels (one patch, real and imaginary parts apart) and torch (all patches at once).
    Reverse passes undo the layers instead of storing states: no state is kept a layer.

    Attributes:
        angle_slice: where the run's angles lie among a patch's.
    """

    angle_slice: slice

    @property
    def columns(self) -> States:
        """W's columns."""
        ...

    def tangent(self, rates: Angles) -> States:
        """Ẇ = sum_i rates_i dW/dphi_i; rates of all of a patch's angles."""
        ...

    def gradient(self, cotangent: States) -> Angles:
        """dL/dphi of the run's angles from the cotangent W̄, dL = Re<W̄, dW>."""
        ...

    def gradient_tangent(
        self, rates: Angles, tangent: States, cotangent: States, cotangent_dot: States
    ) -> Angles:
        """Derivative of ``gradient`` along ``rates``, W̄ moving by ``cotangent_dot``.

        ``tangent`` is Ẇ along the same rates.
        """
        ...


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
    observables: tuple[PauliString, ...] = ()  # of the circuit's own; empty for the paper's

    @classmethod
    def of(cls, ansatz: Ansatz) -> "CircuitPlan":
        """Merge an ansatz's blocks into a prefix and stages.

        Raises:
            ValueError: what the engines do not know (``why_not``).
        """
        if reason := why_not(ansatz):
            raise ValueError(reason)
        stages: list[StaticRun | Encoding] = [StaticRun()]
        for block, angle, feature in zip(
            ansatz.blocks, ansatz.angle_offsets, ansatz.feature_offsets, strict=False
        ):
            if isinstance(block, EncodingBlock):
                stages.append(Encoding(block.features_per_qubit, angle, feature))
                continue
            assert isinstance(block, EntanglingBlock)  # why_not
            previous = stages[-1]
            if isinstance(previous, StaticRun):
                rings = previous.rings + _rings(block)
                first = previous.first_angle if previous.rings else angle
                stages[-1] = StaticRun(rings, first)
            elif block.n_layers:
                stages.append(StaticRun(_rings(block), angle))
        prefix, *rest = stages
        assert isinstance(prefix, StaticRun)
        strings = ansatz.outputs(len(ansatz.observables)) if ansatz.observables else ()
        return cls(ansatz.n_qubits, prefix, tuple(rest), strings)


@lru_cache(maxsize=32)
def why_not(ansatz: Ansatz) -> str | None:
    """Why the fast engines (numba and torch) do not run a circuit; None if they do."""
    fix = "use the autograd circuit (backend='autodiff', or AutogradEngine)"
    for number, block in enumerate(ansatz.blocks):
        if not isinstance(block, EntanglingBlock | EncodingBlock):
            return (
                "ansatz: the fast engines expect EntanglingBlock and EncodingBlock only, got "
                f"{type(block).__name__} as block {number}; {fix}"
            )
    if not any(isinstance(block, EncodingBlock) for block in ansatz.blocks):
        return f"ansatz: the fast engines expect at least one EncodingBlock, got none; {fix}"
    return None


def _rings(block: EntanglingBlock) -> tuple[bool, ...]:
    return tuple(block.has_ring(layer) for layer in range(block.n_layers))
