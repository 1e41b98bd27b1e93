"""What property tests draw: circuits, angles, patch grids, batches.

Every number is drawn, none comes from a seed, so that a failing case shrinks to few qubits, few
blocks, round angles. Sizes are strategies themselves: ``ansaetze(n_qubits=st.just(2))``.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from patchlaw.simulators import (
    Angle,
    Ansatz,
    DistributedQNN,
    EncodingBlock,
    EntanglingBlock,
    Feature,
    GateBlock,
    PatchGrid,
)
from patchlaw.simulators.gates import ARITIES

TWO_PI = 2 * math.pi

Array = NDArray[np.float64]


def examples(count: int) -> settings:
    """Settings for a test that draws ``count`` examples under the default profile.

    Another profile draws in proportion, so ``HYPOTHESIS_PROFILE=thorough`` reaches these too.
    """
    default = settings.get_profile("default").max_examples
    return settings(max_examples=max(1, round(count * settings().max_examples / default)))


def real_arrays(
    shape: int | tuple[int, ...], bound: float = TWO_PI
) -> st.SearchStrategy[NDArray[np.float64]]:
    """Float64 arrays, every entry drawn from [-bound, bound]."""
    return hnp.arrays(np.float64, shape, elements=st.floats(-bound, bound), fill=st.nothing())


def qubit_counts(low: int = 2, high: int = 8) -> st.SearchStrategy[int]:
    """Numbers of qubits."""
    return st.integers(low, high)


def class_counts(n_qubits: int) -> st.SearchStrategy[int]:
    """Numbers of classes C that the paper's observables of n qubits can answer: 2..2n."""
    return st.integers(2, 2 * n_qubits)


@st.composite
def paper_ansaetze(
    draw: st.DrawFn,
    n_qubits: st.SearchStrategy[int] | None = None,
    depth: st.SearchStrategy[int] | None = None,
) -> Ansatz:
    """The paper's circuit at drawn sizes."""
    n = draw(qubit_counts() if n_qubits is None else n_qubits)
    return Ansatz(n, draw(st.integers(1, 2) if depth is None else depth))


def blocks(
    n_layers: st.SearchStrategy[int] | None = None,
    features_per_qubit: st.SearchStrategy[int] | None = None,
) -> st.SearchStrategy[EntanglingBlock | EncodingBlock]:
    """Single blocks, the empty entangling block among them."""
    layers = st.integers(0, 2) if n_layers is None else n_layers
    features = st.integers(1, 3) if features_per_qubit is None else features_per_qubit
    return st.one_of(
        st.builds(EntanglingBlock, layers, st.booleans()), st.builds(EncodingBlock, features)
    )


@st.composite
def own_ansaetze(
    draw: st.DrawFn,
    n_qubits: st.SearchStrategy[int] | None = None,
    n_blocks: st.SearchStrategy[int] | None = None,
) -> Ansatz:
    """Circuits of drawn blocks in drawn order: encodings first, twice, or none at all."""
    n = draw(qubit_counts() if n_qubits is None else n_qubits)
    count = draw(st.integers(1, 4) if n_blocks is None else n_blocks)
    return Ansatz.from_blocks(n, tuple(draw(blocks()) for _ in range(count)))


def ansaetze(n_qubits: st.SearchStrategy[int] | None = None) -> st.SearchStrategy[Ansatz]:
    """The paper's circuits and others."""
    return st.one_of(paper_ansaetze(n_qubits), own_ansaetze(n_qubits))


@st.composite
def patch_ansaetze(draw: st.DrawFn, n_qubits: st.SearchStrategy[int]) -> Ansatz:
    """Circuits that read n^2 features, as a patch of the model has them."""
    n = draw(n_qubits)
    if draw(st.booleans()):
        return Ansatz(n, draw(st.integers(1, 2)))
    split = draw(st.integers(1, n))
    encodings = [EncodingBlock(h) for h in (split, n - split) if h]
    between = [draw(st.builds(EntanglingBlock, st.integers(0, 2), st.booleans())) for _ in "ABC"]
    sequence = [between[0], encodings[0], between[1], *encodings[1:], between[2]]
    return Ansatz.from_blocks(n, tuple(sequence))


@st.composite
def gate_blocks(draw: st.DrawFn, n_qubits: int, n_features: int, trained: int = 3) -> GateBlock:
    """Gates of every name in drawn order; every feature is read by one of them at least.

    Of the trained angles, at most ``trained``, some are read by several gates.
    """
    qubits = st.permutations(range(n_qubits))
    constants = st.floats(-TWO_PI, TWO_PI)
    n_angles = draw(st.integers(0, trained))
    must = [Angle(i) for i in range(n_angles)] + [Feature(i) for i in range(n_features)]
    kinds = [constants, *([st.sampled_from(must)] if must else [])]
    gates = [("RX", draw(qubits)[0], parameter) for parameter in draw(st.permutations(must))]
    for name in draw(st.lists(st.sampled_from(sorted(ARITIES)), min_size=1, max_size=6)):
        on, free = ARITIES[name]
        parameters = [draw(st.one_of(kinds)) for _ in range(free)]
        place = draw(st.integers(0, len(gates)))
        gates.insert(place, (name, *draw(qubits)[:on], *parameters))
    return GateBlock(tuple(gates))


@st.composite
def pauli_strings(draw: st.DrawFn, n_qubits: int) -> str:
    """Texts such as "X0 Z2"."""
    qubits = draw(st.lists(st.integers(0, n_qubits - 1), min_size=1, unique=True))
    return " ".join(f"{draw(st.sampled_from('XYZ'))}{qubit}" for qubit in qubits)


@st.composite
def gate_ansaetze(draw: st.DrawFn, n_features: int | None = None) -> Ansatz:
    """Circuits of a gate block between others, with observables of their own."""
    n = draw(qubit_counts(2, 3))
    features = draw(st.integers(0, 3)) if n_features is None else n_features
    around = [draw(blocks(n_layers=st.integers(0, 1), features_per_qubit=st.just(1))) for _ in "AB"]
    if n_features is not None:
        around = [block for block in around if isinstance(block, EntanglingBlock)]
    sequence = (*around[:1], draw(gate_blocks(n, features)), *around[1:])
    strings = draw(st.lists(pauli_strings(n), min_size=2, max_size=4))
    return Ansatz.from_blocks(n, sequence, tuple(strings))


@dataclass(frozen=True)
class CircuitCase:
    """A circuit with the numbers to run it on."""

    ansatz: Ansatz
    angles: Array
    features: Array


@st.composite
def circuit_cases(
    draw: st.DrawFn, circuits: st.SearchStrategy[Ansatz] | None = None
) -> CircuitCase:
    """A circuit, its angles (n_angles,) and features (n_features,)."""
    ansatz = draw(ansaetze() if circuits is None else circuits)
    return CircuitCase(
        ansatz, draw(real_arrays(ansatz.n_angles)), draw(real_arrays(ansatz.n_features))
    )


@st.composite
def patch_grids(
    draw: st.DrawFn,
    patch_side: st.SearchStrategy[int] | None = None,
    max_patches_per_side: int = 4,
    max_stride: int = 3,
) -> PatchGrid:
    """Valid (image side, patch side, P), the single patch and patches that do not meet included."""
    side = draw(st.integers(1, 8) if patch_side is None else patch_side)
    k = draw(st.integers(1, max_patches_per_side))
    # one patch may sit on any larger image; several fix the image's side through their stride
    span = draw(st.integers(0 if k == 1 else 1, max_stride)) * max(k - 1, 1)
    return PatchGrid(side + span, side, k * k)


def image_batches(
    side: int, size: st.SearchStrategy[int] | None = None
) -> st.SearchStrategy[NDArray[np.float64]]:
    """Images in radians, shape (N, side, side), pixels in [0, pi/4] as MNIST's at n = 8."""
    counts = st.integers(1, 4) if size is None else size
    pixels = st.floats(0, math.pi / 4)
    return counts.flatmap(
        lambda n: hnp.arrays(np.float64, (n, side, side), elements=pixels, fill=st.nothing())
    )


@dataclass(frozen=True)
class ModelCase:
    """A float64 model with drawn parameters, and images (N, side, side) in radians."""

    model: DistributedQNN
    images: Array


@st.composite
def model_cases(
    draw: st.DrawFn,
    n_qubits: st.SearchStrategy[int] | None = None,
    batch_size: st.SearchStrategy[int] | None = None,
) -> ModelCase:
    """Small models: drawn circuit, patches, classes, scale, exponent, parameters and images."""
    n = draw(qubit_counts(2, 4) if n_qubits is None else n_qubits)
    ansatz = draw(patch_ansaetze(st.just(n)))
    patches_per_side = 3 if n == 2 else 2  # more would outgrow what hypothesis draws for a case
    grid = draw(patch_grids(st.just(n), max_patches_per_side=patches_per_side, max_stride=2))
    model = DistributedQNN(
        n_patches=grid.n_patches,
        n_qubits=n,
        image_side=grid.image_side,
        n_classes=draw(class_counts(n)),
        # below 1e-200 products round by steps of 5e-324, which no relative tolerance allows for
        scale=draw(st.floats(-200, 200).map(lambda c: c if abs(c) > 1e-200 else 0.0)),
        aggregation_exponent=draw(st.floats(-1, 2)),
        dtype=torch.float64,
        ansatz=ansatz,
    )
    model.load_flat_parameters(draw(real_arrays(model.n_parameters)))
    return ModelCase(model, draw(image_batches(grid.image_side, batch_size)))


@st.composite
def batch_splits(draw: st.DrawFn, total: int) -> list[int]:
    """Sizes, at least 1 each, that sum to ``total``; the last may be shorter or longer."""
    cuts = sorted(draw(st.sets(st.integers(1, total - 1)))) if total > 1 else []
    return [b - a for a, b in zip([0, *cuts], [*cuts, total], strict=True)]
