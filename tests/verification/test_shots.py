"""Shots: closed-form variances against sampling and against differences, intervals' coverage."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from patchlaw.simulators import Ansatz, DistributedQNN, EncodingBlock, EntanglingBlock
from patchlaw.simulators.reference import qnn_outputs
from patchlaw.verification.operators import CurvatureProblem
from patchlaw.verification.shots import LossEstimates, ShiftedOutputs, sampled_eigenvalue
from tests.strategies import examples

PARTS = ("centre", "first", "second")
IMAGES = torch.rand(3, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 2
LABELS = torch.tensor([0, 2, 1])


def model(scale: float = 8.0, noise: float = 0.0, **sizes: object) -> DistributedQNN:
    """Four patches of 2 x 2 pixels, 12 angles each."""
    ansatz = Ansatz.from_blocks(2, (EncodingBlock(2), EntanglingBlock(1)))
    given = {"image_side": 3, "n_classes": 3, "seed": 4, "dtype": torch.float64}
    return DistributedQNN(4, ansatz=ansatz, scale=scale, noise=noise, **(given | sizes))


def estimates(one: DistributedQNN, outputs: ShiftedOutputs, shots: int | None = None):
    return LossEstimates.of_model(one, outputs, LABELS[: outputs.centre.shape[-1]], shots)


@examples(4)
@given(st.sampled_from([0.0, 0.01]), st.integers(0, 100))
def test_without_shots_they_are_the_models_derivatives(noise: float, seed: int) -> None:
    """Gradient and H of the engine; only this catches a shift of the wrong angle or sign."""
    one = model(noise=noise, seed=seed)
    outputs = ShiftedOutputs.exact(one, IMAGES)
    found = estimates(one, outputs, 100)
    whole = CurvatureProblem(one, IMAGES, LABELS).hessian
    size = one.angles.numel()
    columns = whole @ np.eye(whole.shape[0])[:, :size]
    np.testing.assert_allclose(found.hessian, columns[:size], atol=1e-11)
    logits = one.autograd_logits(IMAGES)
    torch.nn.functional.cross_entropy(logits, LABELS).backward()
    np.testing.assert_allclose(found.gradient, one.angles.grad.flatten(), atol=1e-12)
    angles = one.angles.detach().numpy()[1].copy()
    angles[3] += np.pi / 2
    x = one.patch_features(IMAGES)[1, :, 2].detach().numpy()
    shifted = one.ansatz.retention(noise) * qnn_outputs(one.ansatz, angles, x, 3)
    np.testing.assert_allclose(outputs.first[1, 3, 0, :, 2], shifted, atol=1e-12)


def test_variances_of_the_outputs_derivatives_against_sampling() -> None:
    """300 draws of 50 shots, each derivative by itself; only this catches a factor in M or a shift.

    Var is that of (n - 1) s^2 / Var, chi^2 as the estimates are nearly normal: the share of all
    derivatives beyond its 1 % quantiles is near 2 %, and their mean near 1.
    """
    outputs = ShiftedOutputs.exact(model(), IMAGES[:1])
    rng, n = np.random.default_rng(1), 300
    draws = [outputs.sampled(50, rng).combined() for _ in range(n)]
    closed = outputs.variances(50).combined(2)
    limits = (1 / 50, 1 / 100, 1 / 100)
    for sampled, variance, limit in zip(zip(*draws, strict=True), closed, limits, strict=True):
        keep = variance > 1e-4  # values at +-1 have none
        assert variance.max() <= limit + 1e-12
        ratio = (np.var(sampled, axis=0, ddof=1) / np.where(keep, variance, 1))[keep]
        assert ratio.mean() == pytest.approx(1, abs=5 * np.sqrt(2 / n / ratio.size) + 0.02)
        low, high = stats.chi2.ppf([0.01, 0.99], n - 1) / (n - 1)
        assert ((ratio < low) | (ratio > high)).mean() < 0.05


def test_estimated_variances_have_no_bias() -> None:
    """Of 5 shots a value, where M for M - 1 would be off by a fifth."""
    outputs = ShiftedOutputs.exact(model(), IMAGES)
    rng = np.random.default_rng(2)
    found = np.mean([outputs.sampled(5, rng).variances().first for _ in range(200)])
    assert found == pytest.approx(outputs.variances(5).first.mean(), rel=0.01)


def test_delta_method_is_the_sum_over_all_values() -> None:
    """Var H_ij and Var v^T H v by differences in each value, one after another: no sampling.

    Only this catches a value that two terms share and are added as if they were two.
    """
    ansatz = Ansatz.from_blocks(2, (EncodingBlock(2),))
    one = DistributedQNN(
        4, ansatz=ansatz, image_side=3, n_classes=2, scale=9.0, seed=7, dtype=torch.float64
    )
    outputs = ShiftedOutputs.exact(one, IMAGES[:1])
    found = estimates(one, outputs, 40)
    vector = np.cos(np.arange(found.hessian.shape[0]))
    total, form, gradient, step = 0.0, 0.0, 0.0, 1e-5
    for name in PARTS:
        values, variances = getattr(outputs, name), getattr(found.variances, name)
        for index in np.ndindex(values.shape):
            if index[0] > 1:  # two patches: all there is of a block and of a pair
                continue
            ends = []
            for sign in (1, -1):
                moved = values.copy()
                moved[index] += sign * step
                ends.append(estimates(one, replace(outputs, **{name: moved}), 40))
            slope = (ends[0].hessian - ends[1].hessian) / (2 * step)
            total = total + slope**2 * variances[index]
            form += float(vector @ slope @ vector) ** 2 * variances[index]
            gradient += ((ends[0].gradient - ends[1].gradient) / (2 * step)) ** 2 * variances[index]
    size = 2 * ansatz.n_angles
    held = replace(found.variances, **{n: getattr(found.variances, n).copy() for n in PARTS})
    for name in PARTS:
        getattr(held, name)[2:] = 0
    alone = replace(found, variances=held)
    np.testing.assert_allclose(alone.hessian_variance[:size, :size], total[:size, :size], rtol=1e-6)
    assert alone.form_variance(vector) == pytest.approx(form, rel=1e-6)
    np.testing.assert_allclose(alone.gradient_variance, gradient, rtol=1e-6, atol=1e-15)


def ratio(draws: list[np.ndarray], variance: np.ndarray) -> tuple[float, float]:
    """Mean over the entries of sampled over closed variance, and its standard error by tenths."""
    tenths = np.split(np.array(draws), 10)
    found = [(tenth.var(axis=0, ddof=1) / variance).mean() for tenth in tenths]
    return float(np.mean(found)), float(np.std(found, ddof=1) / np.sqrt(10))


def test_entries_against_sampling() -> None:
    """400 draws: what the delta method leaves out is not seen at M = 2,000, and plainly at M = 5.

    Only this catches an estimator other than the one whose variance is given.
    """
    one = model()
    outputs, rng = ShiftedOutputs.exact(one, IMAGES), np.random.default_rng(3)
    exact = estimates(one, outputs, 2000)
    draws = [estimates(one, outputs.sampled(2000, rng)) for _ in range(400)]
    hessians = [each.hessian for each in draws]
    of_entries, error = ratio(hessians, exact.hessian_variance)
    assert of_entries == pytest.approx(1, abs=4 * error)
    assert error < 0.03
    of_gradient, error = ratio([each.gradient for each in draws], exact.gradient_variance)
    assert of_gradient == pytest.approx(1, abs=4 * error)
    off = (np.mean(hessians, axis=0) - exact.hessian) / np.sqrt(exact.hessian_variance / 400)
    assert np.abs(off).max() < 6
    coarse = [estimates(one, outputs.sampled(5, rng)).hessian for _ in range(200)]
    beyond, error = ratio(coarse, exact.hessian_variance * 2000 / 5)
    assert abs(beyond - 1) > 5 * error


def test_coverage_of_the_intervals() -> None:
    """Of 150 draws the 95 % interval holds lambda_max in a share that a binomial allows.

    Half the standard error would hold it in two thirds; the wide one always does.
    """
    one, shots = model(), 3000
    first = sampled_eigenvalue(one, IMAGES, LABELS, shots, seed=0)
    outputs = ShiftedOutputs.exact(one, IMAGES)
    assert first.exact == pytest.approx(
        np.linalg.eigvalsh(estimates(one, outputs, shots).hessian)[-1], abs=first.radius + 1e-10
    )
    rng, inside, z = np.random.default_rng(4), [], stats.norm.ppf(0.975)
    for _ in range(150):
        found = estimates(one, outputs.sampled(shots, rng))
        values, vectors = np.linalg.eigh(found.hessian)
        error = np.sqrt(found.form_variance(vectors[:, -1]))
        inside.append(abs(values[-1] - first.exact) <= z * error)
    low, high = stats.binom.ppf([0.001, 0.999], 150, 0.95)
    assert low <= sum(inside) <= high
    assert first.interval[0] < first.value < first.interval[1]
    assert first.interval[1] - first.interval[0] == pytest.approx(2 * z * first.standard_error)
    assert first.wide_interval[0] < first.exact < first.wide_interval[1]
    assert first.deviation > first.standard_error


def test_what_cannot_be_sampled_is_refused() -> None:
    one = model()
    with pytest.raises(ValueError, match="angles of their own"):
        ShiftedOutputs.exact(model(shared_angles=True), IMAGES)
    with pytest.raises(ValueError, match="shots: expected at least 2"):
        sampled_eigenvalue(one, IMAGES, LABELS, 1)
    with pytest.raises(ValueError, match="confidence: expected the share of cases"):
        sampled_eigenvalue(one, IMAGES, LABELS, 10, confidence=1.0)
    outputs = ShiftedOutputs.exact(one, IMAGES)
    with pytest.raises(ValueError, match="labels: expected 3, one an image, got 2"):
        LossEstimates.of_model(one, outputs, [0, 1], 10)
    with pytest.raises(ValueError, match="labels: expected values from 0 to 2"):
        LossEstimates.of_model(one, outputs, [0, 1, 3], 10)
    for values, shots in ((outputs, None), (outputs.sampled(4, np.random.default_rng(0)), 4)):
        with pytest.raises(ValueError, match="shots: expected them of exact values only"):
            values.variances(shots)
