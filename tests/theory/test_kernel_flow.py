"""Training in a fixed kernel, against closed forms and scipy's stiff solver."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

from patchlaw.hessian_theory.predictions import kernel_flow
from patchlaw.hessian_theory.predictions.kernel_flow import flow_to_loss, mean_loss, softmax


def test_two_classes_without_overlap_follow_the_closed_form() -> None:
    """Theta = diag(a): the margin m of a sample has m + exp(m) = m_0 + exp(m_0) + 2 a t.

    Catches a kernel that enters by its root or without its sizes, and a factor of the classes.
    """
    sizes, begin = np.array([1.0, 4.0, 0.3]), np.array([-1.0, 0.5, 0.0])
    labels = np.array([0, 1, 1])
    signs = np.where(labels == 0, 1.0, -1.0)
    logits = np.stack([signs * begin / 2, -signs * begin / 2], axis=1)

    def margins(time: float) -> np.ndarray:
        right = begin + np.exp(begin) + 2 * sizes * time
        return np.array([brentq(lambda m, r=r: m + np.exp(m) - r, -50, 50) for r in right])

    time = brentq(lambda t: np.log1p(np.exp(-margins(t))).mean() - 0.05, 0, 1e3, xtol=1e-12)
    found = flow_to_loss(np.diag(sizes), logits, labels, 0.05, tolerance=1e-8)
    np.testing.assert_allclose(signs * (found[:, 0] - found[:, 1]), margins(time), rtol=1e-5)
    assert mean_loss(found, labels) == pytest.approx(0.05, rel=1e-6)


def test_overlapping_samples_follow_an_implicit_solver() -> None:
    """Twelve samples, four classes, a dense kernel: Radau at 1e-9, stopped by an event.

    Catches a transposed kernel product, another stopping rule and a tolerance that is too loose.
    """
    rng = np.random.default_rng(0)
    n, c = 12, 4
    half = rng.standard_normal((n, 20)) * np.geomspace(3, 0.1, 20)
    theta, labels = half @ half.T, np.arange(n) % c
    logits = 3 * rng.standard_normal((n, c))
    hot = np.eye(c)[labels]

    def velocity(_: float, flat: np.ndarray) -> np.ndarray:
        return -(theta @ (softmax(flat.reshape(n, c)) - hot)).ravel() / n

    def event(_: float, flat: np.ndarray) -> float:
        return mean_loss(flat.reshape(n, c), labels) - 0.02

    event.terminal = True
    exact = solve_ivp(
        velocity, (0, 1e6), logits.ravel(), "Radau", events=event, rtol=1e-9, atol=1e-9
    )
    wanted = exact.y_events[0][0].reshape(n, c)
    for tolerance, error in ((1e-6, 1e-3), (kernel_flow._TOLERANCE, 0.1)):
        found = flow_to_loss(theta, logits, labels, 0.02, tolerance=tolerance)
        assert np.abs(found - wanted).max() < error
    scaled = flow_to_loss(1e3 * theta, logits, labels, 0.02, tolerance=1e-6)
    np.testing.assert_allclose(scaled, wanted, atol=1e-3)
    # the sum over classes is conserved, as every step is orthogonal to it
    np.testing.assert_allclose(found.sum(axis=1), logits.sum(axis=1), atol=1e-9)


def test_what_the_flow_cannot_reach_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Equal samples of two classes keep a loss of log 2: catches a loop without an end."""
    labels, logits = np.array([0, 1]), np.array([[2.0, 0.0], [2.0, 0.0]])
    monkeypatch.setattr(kernel_flow, "MAX_STEPS", 200)
    with pytest.raises(ValueError, match=r"expected one that 200 steps reach, got 0\.5"):
        flow_to_loss(np.ones((2, 2)), logits, labels, 0.5)
    with pytest.raises(ValueError, match=r"loss: expected at most 1\.127, where training begins"):
        flow_to_loss(np.ones((2, 2)), logits, labels, 2.0)
    with pytest.raises(ValueError, match="loss: expected a finite number"):
        flow_to_loss(np.ones((2, 2)), logits, labels, 0.0)
    with pytest.raises(ValueError, match=r"expected shapes \(2, 2\)"):
        flow_to_loss(np.ones((3, 3)), logits, labels, 0.5)
    with pytest.raises(ValueError, match="labels: expected classes 0 to 1"):
        flow_to_loss(np.ones((2, 2)), logits, np.array([0, 2]), 0.5)
    at_loss = mean_loss(logits, labels)
    assert flow_to_loss(np.ones((2, 2)), logits, labels, at_loss) is logits
