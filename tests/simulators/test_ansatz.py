"""The circuit description against the paper's index arithmetic, written out a second time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patchlaw.simulators import Ansatz, DistributedQNN, EncodingBlock, EntanglingBlock
from patchlaw.simulators.ansatz import (
    AngleRotation,
    ControlledZ,
    FeatureRotation,
    Gate,
    observables,
    ring_edges,
)
from tests.strategies import ansaetze, own_ansaetze, qubit_counts

# Paper, Table 2: parameters of the whole model, by (P, depth), pixel bias included.
PARAMETER_COUNTS = {
    (4, 50): 10_308,
    (4, 100): 19_908,
    (4, 150): 29_508,
    (4, 200): 39_108,
    (9, 50): 22_948,
    (9, 100): 44_548,
    (9, 150): 66_148,
    (9, 200): 87_748,
    (16, 50): 40_644,
    (16, 100): 79_044,
    (16, 150): 117_444,
    (16, 200): 155_844,
}


def gates_by_absolute_index(n: int, d: int) -> list[Gate]:
    """The paper's circuit with every index computed from its closed form, no running counter."""
    ring = [ControlledZ((i, i + 1)) for i in range(n - 1)]
    if n > 2:
        ring.append(ControlledZ((n - 1, 0)))

    def layers(offset: int, *, closed: bool) -> list[Gate]:
        gates: list[Gate] = []
        for k in range(d):
            gates += [AngleRotation("X", i, offset + 2 * k * n + i) for i in range(n)]
            gates += [AngleRotation("Y", i, offset + (2 * k + 1) * n + i) for i in range(n)]
            gates += ring if closed or k != d - 1 else []
        return gates

    def encoding(offset: int, first_feature: int, h: int) -> list[Gate]:
        gates: list[Gate] = []
        for i in range(n):
            for j in range(h):
                trained, data = ("Y", "X") if j % 2 == 0 else ("X", "Y")
                index = offset + 2 * h * i + 2 * j
                gates.append(AngleRotation(trained, i, index))
                gates.append(FeatureRotation(data, i, first_feature + h * i + j))
                gates.append(AngleRotation(trained, i, index + 1))
        return gates + ring

    h = n // 2
    return [
        *layers(0, closed=True),
        *encoding(2 * d * n, 0, h),
        *layers(2 * d * n + 2 * h * n, closed=True),
        *encoding(4 * d * n + 2 * h * n, h * n, n - h),
        *layers((4 * d + 2 * n) * n, closed=False),
    ]


@pytest.mark.parametrize("n_qubits", range(2, 9))
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_paper_circuit_has_the_gates_of_the_closed_forms(n_qubits: int, depth: int) -> None:
    """Only this catches a wrong offset in ``gates()`` itself, which every simulator reads."""
    assert list(Ansatz(n_qubits, depth).gates()) == gates_by_absolute_index(n_qubits, depth)


@given(qubit_counts(2, 12), st.integers(1, 300))
def test_counts_match_the_closed_form(n_qubits: int, depth: int) -> None:
    ansatz = Ansatz(n_qubits, depth)
    assert ansatz.n_angles == (6 * depth + 2 * n_qubits) * n_qubits
    assert ansatz.n_features == n_qubits**2
    assert ansatz.dimension == 2**n_qubits


@pytest.mark.parametrize(("patches", "depth"), PARAMETER_COUNTS)
def test_parameter_counts_of_the_paper(patches: int, depth: int) -> None:
    expected = PARAMETER_COUNTS[patches, depth]
    assert patches * Ansatz(8, depth).n_angles + 14 * 14 == expected
    model = DistributedQNN(n_patches=patches, depth=depth)
    assert model.n_parameters == expected
    assert model.flat_parameters().shape == (expected,)


@given(ansaetze())
def test_every_angle_and_feature_turns_exactly_one_gate(ansatz: Ansatz) -> None:
    """The parameter-shift rule of other tests needs this: an angle used twice breaks it."""
    gates = list(ansatz.gates())
    angles = [g.index for g in gates if isinstance(g, AngleRotation)]
    features = [g.index for g in gates if isinstance(g, FeatureRotation)]
    assert sorted(angles) == list(range(ansatz.n_angles))
    assert sorted(features) == list(range(ansatz.n_features))


@given(own_ansaetze())
def test_offsets_are_the_first_index_of_each_block(ansatz: Ansatz) -> None:
    """The torch engine slices by these offsets, the other simulators by the gates' indices."""
    for i, block in enumerate(ansatz.blocks):
        angle, feature = ansatz.angle_offsets[i], ansatz.feature_offsets[i]
        gates = list(block.gates(ansatz.n_qubits, angle, feature))
        angles = [g.index for g in gates if isinstance(g, AngleRotation)]
        features = [g.index for g in gates if isinstance(g, FeatureRotation)]
        assert angles == list(range(angle, ansatz.angle_offsets[i + 1]))
        assert features == list(range(feature, ansatz.feature_offsets[i + 1]))


def test_ring_of_two_qubits_is_one_edge() -> None:
    """Edges (0, 1) and (1, 0) would cancel."""
    assert ring_edges(2) == ((0, 1),)
    assert ring_edges(3) == ((0, 1), (1, 2), (2, 0))


def test_last_block_alone_has_no_closing_ring() -> None:
    gates = list(Ansatz(3, 2).gates())
    assert sum(isinstance(g, ControlledZ) for g in gates) == 3 * (2 + 1 + 2 + 1 + 1)
    assert isinstance(gates[-1], AngleRotation)


def test_observables_are_x_then_z_on_the_first_qubits() -> None:
    paper = tuple(("X", q) for q in range(5)) + tuple(("Z", q) for q in range(5))
    assert observables(8, 10) == paper
    assert observables(2, 2) == (("X", 0), ("Z", 0))
    assert observables(2, 3) == (("X", 0), ("X", 1), ("Z", 0))


def test_equal_ansaetze_compare_and_hash_equal() -> None:
    """Caches are keyed by the ansatz."""
    own = Ansatz.from_blocks(3, Ansatz(3, 2).blocks)
    assert own == Ansatz(3, 2)
    assert hash(own) == hash(Ansatz(3, 2))
    assert own.depth == 2


@pytest.mark.parametrize("n_qubits", [1, 0, -2, 2.0])
def test_refuses_bad_qubit_counts(n_qubits: int) -> None:
    with pytest.raises(ValueError, match=r"n_qubits: expected an integer >= 2, got"):
        Ansatz(n_qubits, 1)


@pytest.mark.parametrize("depth", [0, -1, 1.5])
def test_refuses_bad_depths(depth: int) -> None:
    with pytest.raises(ValueError, match=r"depth: expected an integer >= 1, got"):
        Ansatz(4, depth)


def test_refuses_bad_blocks() -> None:
    with pytest.raises(ValueError, match="blocks: expected at least one block, got none"):
        Ansatz.from_blocks(2, ())
    with pytest.raises(TypeError, match="blocks: expected EntanglingBlock or EncodingBlock or"):
        Ansatz.from_blocks(2, ("x",))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="n_layers: expected an integer >= 0, got -1"):
        EntanglingBlock(-1)
    with pytest.raises(ValueError, match="features_per_qubit: expected an integer >= 1, got 0"):
        EncodingBlock(0)


@pytest.mark.parametrize("n_classes", [0, 17, -2, 4.0])
def test_refuses_class_counts_without_observables(n_classes: int) -> None:
    with pytest.raises(ValueError, match=r"expected from 1 to 2 n_qubits = 16 .*, got"):
        observables(8, n_classes)
