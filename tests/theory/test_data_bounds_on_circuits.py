"""The bounds that use data on small circuits: against eigenvalues of matrices made by autograd."""

import math

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from patchlaw.hessian_theory.predictions.spectral_bounds import (
    deflated_bound,
    row_sum_bound,
    trace_frobenius_bound,
    two_block_bound,
)
from tests.strategies import examples
from tests.theory.dense_model import DenseModel
from tests.theory.test_theorems_on_the_model import dense_models

FEW = examples(12)
SLACK = 1e-9


def factor(case: DenseModel) -> np.ndarray:
    """A = N^(-1/2) s S^(1/2) J with the symmetric root of S, rows by sample, then class."""
    values, vectors = torch.linalg.eigh(case.curvature)
    root = vectors * values.clamp(min=0).sqrt()[:, None, :] @ vectors.transpose(1, 2)
    rows = torch.einsum("nkl,nli->nki", root, case.jacobian.sum(dim=1))
    return (case.s * rows / math.sqrt(len(rows))).reshape(-1, rows.shape[2]).numpy()


def spectrum(case: DenseModel) -> np.ndarray:
    """Eigenvalues of G, descending."""
    return np.linalg.eigvalsh(case.gauss_newton.numpy())[::-1]


@given(dense_models(scales=(0.5, 3.0, 30.0)))
@FEW
def test_norms_of_the_gram_matrix(case):
    """Only this catches a Gram matrix that is not G's: another root of S, N for N^2."""
    a, values = factor(case), spectrum(case)
    gram, slack = a @ a.T, SLACK * (1 + values[0])
    frobenius = np.linalg.norm(gram)
    assert frobenius == pytest.approx(float(np.linalg.norm(case.gauss_newton.numpy())), abs=slack)
    assert values[0] - slack <= frobenius <= np.trace(gram) + slack
    n = len(case.images)
    blocks = gram.reshape(n, -1, n, len(gram) // n)
    norms = np.linalg.norm(blocks, axis=(1, 3))
    for bound in (row_sum_bound(np.abs(gram)), row_sum_bound(norms)):
        assert values[0] - slack <= bound <= np.abs(gram).sum(axis=1).max() * n + slack
    assert row_sum_bound(np.abs(gram)) <= np.abs(gram).sum(axis=1).max() + slack


@given(dense_models(scales=(0.5, 3.0)), st.integers(1, 3))
@FEW
def test_bounds_from_trace_and_norm(case, count):
    """With the rank N (C - 1), and less what a random subspace's Ritz values take."""
    values = spectrum(case)
    assume(values[0] > 1e-6)
    slack = SLACK * (1 + values[0])
    trace, frobenius = values.sum(), np.linalg.norm(values)
    rank = len(case.images) * (case.model.n_classes - 1)
    bound = trace_frobenius_bound(trace, frobenius, rank)
    assert values[0] - slack <= bound <= frobenius + slack
    basis = np.linalg.qr(np.random.default_rng(count).standard_normal((len(values), count)))[0]
    ritz = np.linalg.eigvalsh(basis.T @ case.gauss_newton.numpy() @ basis)
    assert values[0] - slack <= deflated_bound(frobenius, np.maximum(ritz, 0)) <= frobenius + slack


@given(dense_models(scales=(0.5, 3.0)))
@FEW
def test_class_directions(case):
    """g_a = A^T w_a; the pencil's top is below lambda_max, and the Ritz value of G in between."""
    a, values = factor(case), spectrum(case)
    assume(values[0] > 1e-6)
    jacobian = case.s * case.jacobian.sum(dim=1)
    g = torch.einsum("nki,nka->ia", jacobian, case.curvature).numpy() / len(jacobian)
    roots = factor(
        DenseModelOfOutputs(case.model, case.images, case.labels)
    )  # A of the identity in place of J: its columns are the w_a
    assert np.abs(a.T @ roots / case.s - g).max() < SLACK * (1 + np.abs(g).max())
    assert np.abs(g.sum(axis=1)).max() < SLACK * (1 + np.abs(g).max())
    mean = case.curvature.mean(dim=0).numpy()[:-1, :-1]
    assume(np.linalg.eigvalsh(mean)[0] > 1e-9)
    below = np.linalg.eigvals(np.linalg.solve(mean, g[:, :-1].T @ g[:, :-1])).real.max()
    basis = np.linalg.qr(g[:, :-1])[0]
    ritz = np.linalg.eigvalsh(basis.T @ case.gauss_newton.numpy() @ basis)[-1]
    slack = 1e-6 * (1 + values[0])
    assert below - slack <= ritz <= values[0] + slack


class DenseModelOfOutputs(DenseModel):
    """The parameters are the logits themselves: J = 1, spread over the patches."""

    @property
    def jacobian(self) -> torch.Tensor:
        """Shape (N, P, C, C)."""
        patches, classes = self.model.n_patches, self.model.n_classes
        eye = torch.eye(classes, dtype=torch.float64) / patches
        return eye.expand(len(self.images), patches, classes, classes)


@given(dense_models(scales=(0.5, 3.0)), st.integers(0, 2**16), st.integers(1, 4))
@FEW
def test_certified_interval(case, seed, count):
    """Any subspace, and a sketch of its complement at the length that the top vector really has."""
    g, values = case.gauss_newton.numpy(), spectrum(case)
    slack = 1e-6 * (1 + values[0])
    rng = np.random.default_rng(seed)
    basis = np.linalg.qr(rng.standard_normal((len(g), count)))[0]
    image = g @ basis
    head = np.linalg.eigvalsh(basis.T @ image)[-1]
    coupling = np.linalg.norm(image - basis @ (basis.T @ image), 2)
    out = np.eye(len(g)) - basis @ basis.T
    rest_values, rest_vectors = np.linalg.eigh(out @ g @ out)
    upper = two_block_bound(head, coupling, rest_values[-1])
    assert head - slack <= values[0] <= upper + slack
    probes = rng.standard_normal((len(g), 3))
    seen = np.linalg.norm(rest_vectors[:, -1] @ probes)
    assert rest_values[-1] * seen <= np.linalg.norm(out @ g @ out @ probes, 2) + slack
