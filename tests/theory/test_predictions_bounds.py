"""Upper bounds against dense G and R built from drawn derivatives and predictions."""

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from patchlaw.hessian_theory.coverage import PatchCoverage
from patchlaw.hessian_theory.predictions import (
    Architecture,
    MeasuredModel,
    block_bounds,
    curvature_bounds,
    curvature_ceiling,
    error_ceiling,
    gradient_norm_ceiling,
    overlap_radius,
    variance_ceiling,
)
from patchlaw.simulators import PatchGrid
from tests.strategies import patch_grids, real_arrays

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Softmax:
    """Class probabilities of N samples with their labels, and what follows sample by sample."""

    probabilities: Array  # (N, C)
    labels: NDArray[np.int64]  # (N,)

    @property
    def loss(self) -> float:
        """Mean cross-entropy."""
        own = np.take_along_axis(self.probabilities, self.labels[:, None], axis=1)
        return float(-np.log(own).mean())

    @property
    def gradient(self) -> Array:
        """g = pi - e_y, shape (N, C)."""
        return self.probabilities - np.eye(self.probabilities.shape[1])[self.labels]

    @property
    def curvature(self) -> Array:
        """S, shape (N, C, C)."""
        pi = self.probabilities
        return np.einsum("nk,kl->nkl", pi, np.eye(pi.shape[1])) - np.einsum("nk,nl->nkl", pi, pi)

    @property
    def mean_trace(self) -> float:
        """<tr S>."""
        return float(np.einsum("nkk->n", self.curvature).mean())


@st.composite
def softmaxes(draw: st.DrawFn, spread: float = 12.0) -> Softmax:
    n_samples, n_classes = draw(st.integers(1, 3)), draw(st.integers(2, 5))
    logits = draw(real_arrays((n_samples, n_classes), spread))
    labels = draw(hnp.arrays(np.int64, n_samples, elements=st.integers(0, n_classes - 1)))
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return Softmax(powers / powers.sum(axis=1, keepdims=True), labels)


@dataclass(frozen=True)
class DenseTerms:
    """G and R over angles (patch by patch) and bias, assembled patch by patch."""

    architecture: Architecture
    gauss_newton: Array
    residual: Array


def dense_terms(
    architecture: Architecture, softmax: Softmax, first: Array, second: Array
) -> DenseTerms:
    """Assemble G and R from per-patch derivatives.

    Args:
        architecture: sizes; the grid is laid out here by slicing, not taken from the library.
        softmax: predictions of N samples.
        first: d_i f_k, shape (N, P, n_p + n^2, C): a patch's angles, then its pixels.
        second: d_i d_j f_k, shape (N, P, n_p + n^2, n_p + n^2, C).
    """
    n, side, n_p = architecture.n_qubits, architecture.image_side, architecture.angles_per_patch
    k = math.isqrt(architecture.n_patches)
    stride = (side - n) // (k - 1) if k > 1 else 0
    pixels = np.arange(side * side).reshape(side, side) + architecture.n_angles
    size = architecture.n_angles + side * side
    n_samples, n_classes = softmax.probabilities.shape
    s = float(architecture.scale) / architecture.n_patches ** float(
        architecture.aggregation_exponent
    )
    jacobian, residual = np.zeros((n_samples, size, n_classes)), np.zeros((size, size))
    for p in range(architecture.n_patches):
        top, left = (p // k) * stride, (p % k) * stride
        own = np.concatenate(
            [np.arange(p * n_p, (p + 1) * n_p), pixels[top : top + n, left : left + n].ravel()]
        )
        jacobian[:, own] += s * first[:, p]
        block = np.einsum("nk,nijk->ij", softmax.gradient, second[:, p])
        residual[np.ix_(own, own)] += s * block / n_samples
    gauss_newton = np.einsum("nik,nkl,njl->ij", jacobian, softmax.curvature, jacobian) / n_samples
    return DenseTerms(architecture, gauss_newton, residual)


@st.composite
def architectures(draw: st.DrawFn, n_classes: int) -> Architecture:
    n = draw(st.integers(1, 2))
    grid = draw(patch_grids(st.just(n), max_patches_per_side=3, max_stride=2))
    return Architecture(
        grid.n_patches,
        depth=1,
        n_qubits=n,
        image_side=grid.image_side,
        n_classes=n_classes,
        scale=draw(st.sampled_from([1, 3, 100])),
        aggregation_exponent=draw(st.sampled_from([Fraction(0), Fraction(1, 2), Fraction(1)])),
    )


@st.composite
def derivatives(draw: st.DrawFn, architecture: Architecture, softmax: Softmax) -> DenseTerms:
    """Derivatives of f_k = cos(sum of angles + phase), drawn phases; all within [-1, 1].

    Such an f is what RX rotations on one qubit give, so these are derivatives that circuits have.
    """
    n_samples, n_classes = softmax.probabilities.shape
    width = architecture.angles_per_patch + architecture.n_qubits**2
    phases = draw(real_arrays((n_samples, architecture.n_patches, n_classes)))
    each = draw(real_arrays(width))
    first = np.cos(phases[:, :, None] + each[:, None])
    second = np.cos(phases[:, :, None, None] + each[:, None, None] + each[None, :, None])
    return dense_terms(architecture, softmax, first, second)


@given(softmaxes(), st.data())
def test_bounds_hold_for_dense_matrices(softmax: Softmax, data: st.DataObject) -> None:
    """Only this would catch a coverage factor missing from a bias row of G or R."""
    architecture = data.draw(architectures(softmax.probabilities.shape[1]))
    terms = data.draw(derivatives(architecture, softmax))
    angles = architecture.n_angles
    known = {"loss": softmax.loss, "curvature": softmax.mean_trace}
    for include_bias in (False, True):
        end = None if include_bias else angles
        g, r = terms.gauss_newton[:end, :end], terms.residual[:end, :end]
        for facts in ({}, {"loss": softmax.loss}, known):
            bounds = curvature_bounds(architecture, include_bias=include_bias, **facts)
            slack = 1 + 1e-9
            rounding = 1e-12 * float(architecture.scale) ** 2 * architecture.n_patches**2
            assert np.trace(g) <= bounds.gauss_newton.value * slack + rounding
            assert np.linalg.norm(r, 2) <= bounds.residual.value * slack + rounding
            top = np.linalg.eigvalsh(g + r)[-1]
            assert top <= bounds.hessian.value * slack + rounding
            own = slice(0, angles)
            assert abs(g[own, own]).max() <= bounds.gauss_newton_element.value * slack + rounding
            assert abs(r[own, own]).max() <= bounds.residual_element.value * slack + rounding


@given(softmaxes(spread=2.0), st.data())
def test_bounds_are_attained(softmax: Softmax, data: st.DataObject) -> None:
    """The constraints allow equality, so a bound lowered by any factor fails here."""
    one = Softmax(softmax.probabilities[:1], softmax.probabilities[:1].argmax(axis=1))
    assume(one.loss < math.log(2))
    n_classes = one.probabilities.shape[1]
    architecture = data.draw(architectures(n_classes))
    width = architecture.angles_per_patch + architecture.n_qubits**2
    own_class = 2 * np.eye(n_classes)[one.labels] - 1  # +1 for the label, -1 for all others
    shape = (1, architecture.n_patches, width, n_classes)
    first = np.broadcast_to(own_class, shape)
    second = np.broadcast_to(np.sign(one.gradient), (*shape[:3], width, n_classes))
    terms = dense_terms(architecture, one, first, second)
    end = architecture.n_angles
    for include_bias in (False, True):
        bounds = curvature_bounds(architecture, loss=one.loss, include_bias=include_bias)
        g = terms.gauss_newton if include_bias else terms.gauss_newton[:end, :end]
        r = terms.residual if include_bias else terms.residual[:end, :end]
        assert np.linalg.eigvalsh(g)[-1] == pytest.approx(bounds.gauss_newton.value, rel=1e-9)
        # the overlap's spectral radius is bounded to about 1e-6
        assert np.linalg.eigvalsh(r)[-1] == pytest.approx(bounds.residual.value, rel=1e-5)
        assert np.linalg.eigvalsh(r)[-1] <= bounds.residual.value * (1 + 1e-12)
        assert g[0, 0] == pytest.approx(bounds.gauss_newton_element.value, rel=1e-9)
        assert r[0, 0] == pytest.approx(bounds.residual_element.value, rel=1e-9)


@given(softmaxes(), st.data())
def test_loss_ceilings(softmax: Softmax, data: st.DataObject) -> None:
    """Only this would catch Jensen's inequality used the wrong way round."""
    loss, n_classes = softmax.loss, softmax.probabilities.shape[1]
    vector = data.draw(real_arrays(n_classes, 1.0))
    vertex = np.where(vector >= 0, 1.0, -1.0)
    slack = 1e-12
    own = np.take_along_axis(softmax.probabilities, softmax.labels[:, None], axis=1)
    assert (1 - own).mean() <= error_ceiling(loss) + slack
    assert abs(softmax.gradient).sum(axis=1).mean() <= gradient_norm_ceiling(loss) + slack
    assert softmax.mean_trace <= curvature_ceiling(loss, n_classes) + slack
    assert curvature_ceiling(loss, n_classes) <= curvature_ceiling(loss) + slack
    for d in (vector, vertex):
        variance = float(np.einsum("k,nkl,l->n", d, softmax.curvature, d).mean())
        assert variance <= variance_ceiling(loss) + slack
        assert variance <= variance_ceiling(None, softmax.mean_trace) + slack


@given(st.floats(0, 20))
def test_loss_ceilings_vanish_linearly_and_saturate(loss: float) -> None:
    assert gradient_norm_ceiling(loss) <= 2 * loss
    assert curvature_ceiling(loss, 10) <= min(2 * loss, 0.9 + 1e-12)
    assert variance_ceiling(loss) <= min(4 * loss, 1.0)
    assert variance_ceiling(None) == 1
    assert curvature_ceiling(None, 10) == pytest.approx(0.9)


@given(patch_grids(max_patches_per_side=5))
def test_overlap_radius_bounds_the_spectral_radius_closely(grid: PatchGrid) -> None:
    coverage = PatchCoverage(grid.image_side, grid.patch_side, grid.n_patches)
    axis = np.array(coverage.axis_overlaps, dtype=np.float64)
    rho = np.linalg.eigvalsh(np.kron(axis, axis))[-1]
    bound = float(overlap_radius(coverage))
    assert rho <= bound * (1 + 1e-12)
    assert bound <= rho * (1 + 1e-5)


def test_bias_keeps_the_bounds_from_vanishing() -> None:
    """c = 100, alpha = 1: the angles' share falls like 1/P, the bias's share does not."""
    shares = {}
    for p in (4, 9, 16, 49):
        architecture = Architecture(p, 1)
        without = curvature_bounds(architecture, loss=0.1, include_bias=False)
        full = curvature_bounds(architecture, loss=0.1)
        shares[p] = (
            without.gauss_newton.value * p,
            full.gauss_newton.value - without.gauss_newton.value,
            full.residual.value - without.residual.value,
        )
    assert len({round(angle, 6) for angle, _, _ in shares.values()}) == 1
    assert shares[49][1] >= shares[4][1] > 0
    assert shares[49][2] >= shares[4][2] > 0


@given(st.lists(st.fractions(0, 9), min_size=1, max_size=6))
def test_block_bounds(blocks: list[Fraction]) -> None:
    interval = block_bounds(MeasuredModel(len(blocks), blocks=tuple(blocks)))
    assert (interval.low, interval.high) == (max(blocks), sum(blocks))
    assert interval.premise == ""


def test_block_bounds_need_blocks() -> None:
    with pytest.raises(ValueError, match=r"blocks: expected lambda_max.* got none; pass Measured"):
        block_bounds(MeasuredModel(4))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_patches": 5}, "n_patches: expected the square of a whole number, got 5; use 4 or 9"),
        ({"n_patches": 0}, "n_patches: expected a positive integer, got 0"),
        ({"depth": 0}, "depth: expected a positive integer, got 0"),
        ({"n_qubits": 65}, "n_qubits: expected at most 64, got 65"),
        ({"n_classes": 1}, "n_classes: expected at least 2, got 1"),
        ({"scale": 0}, "scale: expected a finite number, > 0, <= 1e.09, got 0; pass the logit"),
        ({"aggregation_exponent": math.nan}, "aggregation_exponent: expected a finite number"),
        ({"image_side": 7}, "patch_side: expected at most image_side = 7, got 8"),
    ],
)
def test_bad_architectures(changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        curvature_bounds(Architecture(**{"n_patches": 4, "depth": 1, **changes}))


def test_bad_losses_and_curvatures() -> None:
    architecture = Architecture(4, 1)
    with pytest.raises(ValueError, match=r"loss: expected a finite number, >= 0, got -0.5"):
        curvature_bounds(architecture, loss=-0.5)
    with pytest.raises(ValueError, match=r"curvature: expected at most 0.9 with 10 classes, got 0"):
        curvature_bounds(architecture, curvature=0.95)
    with pytest.raises(ValueError, match=r"curvature: expected at most .* at loss 0.01"):
        curvature_bounds(architecture, loss=0.01, curvature=0.5)
    # angles alone need no grid
    assert curvature_bounds(Architecture(5, 1), include_bias=False).gauss_newton.value > 0
