"""Circuits of any gates and observables: derivatives, engines, JSON, the door."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from patchlaw.simulators import (
    Angle,
    Ansatz,
    DistributedQNN,
    EncodingBlock,
    EntanglingBlock,
    Feature,
    GateBlock,
    reference,
)
from patchlaw.simulators.autograd_engine import AutogradEngine
from patchlaw.simulators.engine_choice import EngineName, make_engine, training_engine
from patchlaw.simulators.fast_engine import FastEngine
from patchlaw.simulators.torch_engine.circuit import circuit_outputs
from tests.simulators.plain_derivatives import reference_logits
from tests.strategies import examples, gate_ansaetze

EVERY_GATE = GateBlock(
    (
        ("H", 0),
        ("RX", 0, Angle(0)),
        ("RY", 1, Angle(1)),
        ("CNOT", 0, 1),
        ("RZ", 1, Feature(0)),
        ("U3", 0, Angle(2), Angle(3), Angle(4)),
        ("RZZ", 1, 0, Angle(5)),
        ("CZ", 0, 1),
        ("RZ", 0, Angle(6)),
        ("U3", 1, Feature(1), 0.3, Feature(2)),
        ("RX", 1, Feature(3)),
    )
)
OWN = Ansatz.from_blocks(2, (EVERY_GATE, EncodingBlock(1)), ("X0", "Y1", "Z0 X1"))
ANGLES = np.linspace(0.4, 2.1, OWN.n_angles)
FEATURES = np.linspace(-0.8, 0.9, 4)


def test_derivatives_of_every_gate() -> None:
    """First and second derivatives in angles and features against finite differences."""
    angles = torch.tensor(ANGLES)[None].requires_grad_()
    features = torch.tensor(FEATURES)[None, :, None].requires_grad_()

    def outputs(a: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        return circuit_outputs(OWN, a, x, 3)

    assert torch.autograd.gradcheck(outputs, (angles, features))
    assert torch.autograd.gradgradcheck(outputs, (angles, features))


def test_parameter_shift_of_every_angle() -> None:
    """df/dt = (f(t + pi/2) - f(t - pi/2)) / 2 for a rotation; fails for a wrong generator."""
    angles = torch.tensor(ANGLES)[None].requires_grad_()
    columns = torch.tensor(FEATURES)[None, :, None]
    outputs = circuit_outputs(OWN, angles, columns, 3)[0, :, 0]
    rows = [torch.autograd.grad(f, angles, retain_graph=True)[0][0] for f in outputs]
    jacobian = torch.stack(rows)
    for i in range(OWN.n_angles):
        shift = np.eye(OWN.n_angles)[i] * np.pi / 2
        plus = reference.qnn_outputs(OWN, ANGLES + shift, FEATURES, 3)
        minus = reference.qnn_outputs(OWN, ANGLES - shift, FEATURES, 3)
        np.testing.assert_allclose(jacobian[:, i], (plus - minus) / 2, atol=1e-12)


@given(gate_ansaetze())
@examples(40)
def test_json_gives_the_circuit_back(ansatz: Ansatz) -> None:
    """Through text, as a run's configuration goes."""
    import json

    again = Ansatz.from_json(json.loads(json.dumps(ansatz.to_json())))
    assert again == ansatz
    assert hash(again) == hash(ansatz)


def test_models_of_own_gates_compute_by_autograd() -> None:
    """The choice is by what the engines know; the logits are the reference's."""
    model = DistributedQNN(4, image_side=3, n_classes=3, scale=5.0, dtype=torch.float64, ansatz=OWN)
    assert isinstance(training_engine(model), AutogradEngine)
    assert isinstance(training_engine(DistributedQNN(4, 1)), FastEngine)
    images = torch.linspace(0, 1, 18, dtype=torch.float64).reshape(2, 3, 3)
    expected = [reference_logits(model, image) for image in images.numpy()]
    np.testing.assert_allclose(model(images).detach(), expected, atol=1e-12)
    np.testing.assert_allclose(training_engine(model).logits(images), expected, atol=1e-12)
    for name in ("auto", "fast", "torch"):
        with pytest.raises(
            ValueError,
            match="fast engines expect EntanglingBlock and EncodingBlock only, got GateBlock as "
            "block 0; use the autograd circuit",
        ):
            make_engine(model, name=name)


def test_autograd_engine_gives_the_fast_engines_gradient() -> None:
    """One formula, two programs: loss, gradient and logits of a circuit that both know."""
    model = DistributedQNN(4, 1, 2, image_side=3, n_classes=4, dtype=torch.float64)
    images = torch.linspace(0, 1, 63, dtype=torch.float64).reshape(7, 3, 3)
    labels = torch.arange(7) % 4
    slow, fast = AutogradEngine(model, max_chunk=3), make_engine(model)
    (ours, gradient), (theirs, expected) = (
        engine.loss_and_gradient(images, labels) for engine in (slow, fast)
    )
    assert ours == pytest.approx(theirs, rel=1e-12)
    np.testing.assert_allclose(gradient, expected, atol=1e-10)
    np.testing.assert_allclose(slow.logits(images), fast.logits(images), atol=1e-10)


@pytest.mark.parametrize("n_classes", [1, 3, 4])
@pytest.mark.parametrize("name", ["fast", "torch"])
@pytest.mark.parametrize("strings", [(), ("Z0 X1", "Y0", "X0 Y1", "Y0 Y1")])
def test_fast_engines_read_any_side_classes_and_observables(
    strings: tuple[str, ...], name: EngineName, n_classes: int
) -> None:
    """16 features on two qubits, split 3 : 5, and an odd C: X on one qubit more than Z.

    Only this catches engines that take a patch's side from its qubits, C for even, or another sign
    of Y: logits, gradient, H and R against autograd.
    """
    blocks = (EntanglingBlock(1), EncodingBlock(3), EntanglingBlock(1), EncodingBlock(5))
    ansatz = Ansatz.from_blocks(2, blocks, strings)
    model = DistributedQNN(
        4, image_side=5, n_classes=n_classes, scale=3.0, dtype=torch.float64, ansatz=ansatz
    )
    assert model.grid.patch_side == 4
    images = torch.linspace(0, 1, 225, dtype=torch.float64).reshape(9, 5, 5).sin()
    labels = torch.arange(9) % n_classes
    fast, slow = make_engine(model, name=name), AutogradEngine(model)
    np.testing.assert_allclose(fast.logits(images), slow.logits(images), atol=1e-12)
    np.testing.assert_allclose(
        fast.loss_and_gradient(images, labels)[1],
        slow.loss_and_gradient(images, labels)[1],
        atol=1e-12,
    )
    direction = np.sin(np.arange(model.n_parameters))
    flat = model.flat_parameters().requires_grad_()

    def loss(at: torch.Tensor) -> torch.Tensor:
        z = model.autograd_logits(images, *model.layout.split(at))
        return torch.nn.functional.cross_entropy(z, labels)

    _, expected = torch.autograd.functional.hvp(loss, flat, torch.from_numpy(direction))
    got = fast.curvature(images, labels).product("hessian", direction[:, None])[:, 0]
    np.testing.assert_allclose(got, expected, atol=1e-11)


@pytest.mark.parametrize(
    ("gates", "message"),
    [
        ([("RQ", 0, 1.0)], "entry 0: expected one of RX, RY, RZ, H, CNOT, CZ, RZZ, U3, got 'RQ'"),
        ([("RX", 0)], "expected RX with 1 qubits and 1 parameters, got 1 values"),
        ([("H", 0, 0.1)], "expected H with 1 qubits and 0 parameters, got 2 values"),
        ([("CNOT", 1, 1)], "expected CNOT on 2 different qubits >= 0, got (1, 1)"),
        ([("H", -1)], "expected H on 1 different qubits >= 0, got (-1,)"),
        ([("RX", 0, "x")], "expected Angle(i), Feature(i) or radians, got 'x'"),
        ([("RX", 0, float("nan"))], "expected finite radians, got nan"),
        ([("RX", 0, Angle(1))], "trained angles numbered 0, 1, 2, ... without a gap, got [1]"),
        ([("RX", 0, Feature(-1))], "expected an index >= 0, got Feature(index=-1)"),
        ([(["H"], 0)], "expected one of RX, RY, RZ, H, CNOT, CZ, RZZ, U3, got ['H']"),
        ([("RX", 0, 10**400)], "expected finite radians, got 1000"),
        (["H"], "expected (name, qubits..., parameters...) such as ('RZ', 0, Angle(0)), got 'H'"),
        ("H", "gates: expected a list of gates, got 'H'"),
    ],
)
def test_refuses_bad_gates(gates: object, message: str) -> None:
    with pytest.raises((ValueError, TypeError)) as error:
        GateBlock(gates)  # type: ignore[arg-type]
    assert message in str(error.value)


def test_an_ansatz_refuses_what_its_qubits_and_features_do_not_hold() -> None:
    with pytest.raises(ValueError, match="expected gates on qubits 0 to 1, got qubit 2 in block 0"):
        Ansatz.from_blocks(2, (GateBlock((("H", 2),)),))
    with pytest.raises(ValueError, match=r"every feature from 0 to \d+ to be read .* for 0"):
        Ansatz.from_blocks(2, (GateBlock((("RX", 0, Feature(10**12)),)),))
    for text in ("Z2", "Z0 X0", "Q1", "", "Z0X1"):
        with pytest.raises(ValueError, match="observables: expected"):
            Ansatz(2, 1, observables=(text,))
    with pytest.raises(ValueError, match="expected from 1 to 1, the number of observables, got 2"):
        Ansatz(2, 1, observables=("Z0",)).outputs(2)
    with pytest.raises(TypeError, match="expected blocks with 'layers' and 'final_ring'"):
        Ansatz.from_json({"n_qubits": 2, "blocks": [{"x": 1}], "observables": []})


@given(st.integers(0, 3))
def test_gates_cannot_be_changed_afterwards(extra: int) -> None:
    """The entries are tuples even where lists were given, and the list given is not kept."""
    entries = [["H", 0] for _ in range(extra + 1)]
    block = GateBlock(entries)  # type: ignore[arg-type]
    entries[0][0] = "CZ"
    assert block == GateBlock((("H", 0),) * (extra + 1))
    hash(block)
