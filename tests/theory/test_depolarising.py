"""Theorems on noise: false variants refused, true ones on density matrices and models."""

import numpy as np
import pytest
import torch
from sympy import Rational, Symbol

from patchlaw.hessian_theory.proof.language import Formula
from patchlaw.hessian_theory.theorems import find
from patchlaw.simulators import Ansatz, DistributedQNN
from patchlaw.simulators.gate_noise import density_outputs
from patchlaw.simulators.reference import qnn_outputs
from patchlaw.verification.operators import CurvatureProblem
from tests.theory.attacks import Change, altering, premise, refused, scaled, side, weaker, without

ETA, MOST = Symbol("eta", positive=True), Symbol("w", positive=True)

ALTERATIONS: list[tuple[str, str, Change]] = [
    ("an observable with a trace", "global-depolarising", without("traceless")),
    ("a gate that is not unitary", "global-depolarising", without("unitary")),
    (
        "no factor",
        "global-depolarising",
        side("outputs", lambda e: e.subs(Symbol("t", positive=True), 1)),
    ),
    (
        "a factor too many",
        "global-depolarising",
        side("outputs", lambda e: Symbol("t", positive=True) * e),
    ),
    ("more left after one more", "global-depolarising", side("one more", lambda e: 2 * e)),
    ("G with the first power", "depolarised-hessian", side("first term", lambda e: e / ETA)),
    ("R with the square", "depolarised-hessian", side("second term", lambda e: e * ETA)),
    ("G unchanged", "depolarised-hessian", side("first term", lambda e: e / ETA**2)),
    ("amplified twice", "depolarised-hessian", side("rescaled", lambda e: e / ETA)),
    ("logits not the same", "depolarised-hessian", side("rescaled logits", lambda e: ETA * e)),
    ("half the bound", "depolarised-limit", side("residual, above", lambda e: e / 2)),
    (
        "the first power of w",
        "depolarised-limit",
        side("residual, above", lambda e: e / (MOST + 1)),
    ),
    ("probabilities closer", "depolarised-limit", side("most", lambda e: e / MOST)),
    ("no softmax", "depolarised-limit", without("softmax")),
    ("another softmax", "depolarised-limit", weaker("softmax", lambda x: scaled(x, 2))),
    ("logits not bounded", "depolarised-limit", without("above")),
    ("one logit bounded", "depolarised-limit", premise("below", forall=())),
    ("derivatives not bounded", "depolarised-limit", without("K <= kappa")),
    ("bounded from one side", "depolarised-limit", without("K >= -kappa")),
    (
        "larger derivatives",
        "depolarised-limit",
        weaker("K <= kappa", lambda x: Formula(x.left, x.relation, x.right * Rational(3, 2))),
    ),
]


@altering(ALTERATIONS)
def test_altered_theorem_is_refused(name: str, change: Change) -> None:
    assert refused(find(name), change)


def test_density_matrix_of_global_depolarising() -> None:
    """(1 - p)^m on the paper's circuit; only this catches a channel that is not the theorem's."""
    ansatz, rng = Ansatz(3, 1), np.random.default_rng(0)
    angles, features = rng.uniform(0, 3, ansatz.n_angles), rng.uniform(0, 1, ansatz.n_features)
    f = qnn_outputs(ansatz, angles, features, 2)
    found = density_outputs(ansatz, angles, features, 2, 0.02, on="all")
    np.testing.assert_allclose(found, 0.98**ansatz.n_gates * f, atol=1e-13)


def _model(noise: float = 0.0, scale: float = 6.0) -> DistributedQNN:
    return DistributedQNN(
        4, 1, n_qubits=4, image_side=6, n_classes=3, scale=scale, seed=5,
        dtype=torch.float64, noise=noise,
    )  # fmt: skip


def _data() -> tuple[torch.Tensor, torch.Tensor]:
    images = torch.rand(6, 6, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return images, torch.arange(6) % 3


def test_split_of_a_noisy_model() -> None:
    """G at eta^2 and R at eta where g and S are held, by two losses that hold one of them.

    Squared error has S = 1; the loss g . z has S = 0 and a g that no logits change. Cross-entropy
    has neither, and gives H back with c / eta only. Only this catches the powers exchanged.
    """
    images, labels = _data()
    eta = Ansatz(4, 1).retention(0.01)
    vector = np.linspace(-1, 1, _model().n_parameters)
    target = torch.zeros(6, 3, dtype=torch.float64)
    products = [
        CurvatureProblem(_model(noise), images, target, loss="squared_error").gauss_newton @ vector
        for noise in (0.01, 0.0)
    ]
    np.testing.assert_allclose(products[0], eta**2 * products[1], rtol=1e-9, atol=1e-12)

    def residual(model: DistributedQNN) -> np.ndarray:
        parameters = list(model.parameters())
        weights = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
        loss = (model.autograd_logits(images) @ weights).mean()
        first = torch.autograd.grad(loss, parameters, create_graph=True)
        along = torch.cat([each.flatten() for each in first]) @ torch.from_numpy(vector)
        return torch.cat([e.flatten() for e in torch.autograd.grad(along, parameters)]).numpy()

    np.testing.assert_allclose(
        residual(_model(0.01)), eta * residual(_model()), rtol=1e-9, atol=1e-12
    )
    plain, noisy, again = (
        CurvatureProblem(model, images, labels).hessian @ vector
        for model in (_model(), _model(0.01), _model(0.01, 6.0 / eta))
    )
    np.testing.assert_allclose(again, plain, atol=1e-9 * np.abs(plain).max())
    assert np.abs(noisy - eta * plain).max() > 0.05 * np.abs(noisy).max()


def test_strong_noise_leaves_the_residual_of_uniform_probabilities() -> None:
    """H / eta - R_0 falls as eta, R_0 the Hessian of the loss's slope at z = 0, also its top.

    Only this catches another label's slope in the limit, a G that stays, or R_0 without a top.
    """
    images, labels = _data()
    vector = np.linspace(-1, 1, _model().n_parameters)
    start = _model()
    parameters = list(start.parameters())
    slope = torch.full((6, 3), 1 / 3, dtype=torch.float64)
    slope[torch.arange(6), labels] -= 1
    loss = (start.autograd_logits(images) * slope).sum(dim=1).mean()
    first = torch.autograd.grad(loss, parameters, create_graph=True)
    along = torch.cat([each.flatten() for each in first]) @ torch.from_numpy(vector)
    limit = torch.cat([e.flatten() for e in torch.autograd.grad(along, parameters)]).numpy()
    gates = start.ansatz.n_gates
    off, tops = [], []
    for eta in (1e-2, 1e-3):
        hessian = CurvatureProblem(_model(1 - eta ** (1 / gates)), images, labels).hessian
        found = hessian @ vector
        tops.append(np.linalg.eigvalsh(hessian @ np.eye(len(vector)))[-1] / eta)
        off.append(np.abs(found / eta - limit).max() / np.abs(limit).max())
    assert off[1] < 0.01
    assert off[0] / off[1] == pytest.approx(10, rel=0.1)
    assert tops[1] == pytest.approx(tops[0], rel=0.05)
    assert tops[1] > 0.1
