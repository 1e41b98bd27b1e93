"""Sums, scalings, sub-blocks and shared backends of the curvature operators."""

import copy
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.sparse.linalg import aslinearoperator

from patchlaw.verification.analysis.workbench import WatchedOperator
from patchlaw.verification.operators import (
    CrossBlockOperator,
    CurvatureProblem,
    LinearCombination,
    RestrictedOperator,
    SymmetricOperator,
)
from tests.verification.curvature_cases import mlp_case, qnn_case

CASE = qnn_case()
PROBLEM = CurvatureProblem(CASE.model, CASE.images, CASE.labels)
LAYOUT = PROBLEM.layout


@pytest.fixture(scope="module")
def dense() -> SimpleNamespace:
    """H, G and R."""
    kinds = {"H": "hessian", "G": "gauss_newton", "R": "residual"}
    return SimpleNamespace(**{k: getattr(PROBLEM, v) @ np.eye(96) for k, v in kinds.items()})


def test_operators_of_a_problem_share_one_backend() -> None:
    """Only this catches three backends that each keep the states of all samples."""
    problem = CurvatureProblem(CASE.model, CASE.images, CASE.labels)
    assert problem.hessian.backend is problem.gauss_newton.backend is problem.residual.backend
    assert problem.hessian is problem.hessian
    fingerprints = {
        CurvatureProblem(CASE.model, CASE.images, CASE.labels, backend=b).backend.fingerprint
        for b in ("auto", "autodiff")
    }
    assert len(fingerprints) == 1  # what is computed, not how


def test_combinations_are_those_of_the_matrices(dense: SimpleNamespace) -> None:
    """Only this catches a lost sign, or a product that is not counted."""
    g, r, h = PROBLEM.gauss_newton, PROBLEM.residual, PROBLEM.hessian
    vectors = np.random.default_rng(0).standard_normal((96, 3))
    before = g.matvecs
    combined = 2 * (h - 0.25 * g) + (-r) * 3 / 2
    assert isinstance(combined, LinearCombination)
    expected = (2 * (dense.H - 0.25 * dense.G) - 1.5 * dense.R) @ vectors
    np.testing.assert_allclose(combined @ vectors, expected, atol=1e-12 * np.abs(expected).max())
    assert (combined.n_samples, combined.matvecs, g.matvecs - before) == (5, 3, 3)
    assert combined.identity()["sum"][1] == [-0.5, g.identity()]
    np.testing.assert_array_equal(combined.T @ vectors, combined @ vectors)


def test_combinations_of_unlike_operators(dense: SimpleNamespace) -> None:
    other = mlp_case()
    small = CurvatureProblem(other.model, other.images, other.labels).hessian
    with pytest.raises(ValueError, match=r"operators of one size, got \[27, 96\]"):
        _ = PROBLEM.hessian + small
    with pytest.raises(ValueError, match="operators of one size, got none"):
        LinearCombination([])
    with pytest.raises(ValueError, match="expected a finite number, got inf"):
        _ = float("inf") * PROBLEM.hessian
    with pytest.raises(ZeroDivisionError):
        _ = PROBLEM.hessian / 0
    with pytest.raises((TypeError, ValueError)):
        _ = PROBLEM.hessian / np.ones(96)
    mixed = PROBLEM.hessian + aslinearoperator(np.eye(96))  # scipy's own sum
    np.testing.assert_allclose(mixed @ np.ones(96), dense.H.sum(axis=1) + 1, atol=1e-12)
    less = PROBLEM.hessian - aslinearoperator(np.eye(96))
    np.testing.assert_allclose(less @ np.ones(96), dense.H.sum(axis=1) - 1, atol=1e-12)
    np.testing.assert_allclose(
        np.ones((2, 96)) * PROBLEM.hessian, [dense.H.sum(axis=0)] * 2, atol=1e-12
    )
    fewer = CurvatureProblem(CASE.model, CASE.images[:2], CASE.labels[:2]).hessian
    assert (PROBLEM.hessian - fewer).n_samples is None


def test_layout_names_the_parameters() -> None:
    assert (LAYOUT.size, LAYOUT.n_patches, len(LAYOUT.shared)) == (96, 4, 16)
    everything = np.concatenate([*(LAYOUT.patch(p) for p in range(4)), LAYOUT.shared])
    np.testing.assert_array_equal(everything, np.arange(96))
    np.testing.assert_array_equal(LAYOUT.own, np.arange(80))
    np.testing.assert_array_equal(LAYOUT.pair(2, 0), [*range(40, 60), *range(20)])
    for selection, expected in (
        ("angles[2]", LAYOUT.patch(2)),
        ("patch 2", LAYOUT.patch(2)),
        ("patches", LAYOUT.own),
        ("shared", LAYOUT.shared),
        ("pixel_bias", LAYOUT.shared),
        ("pixel_bias[1]", range(84, 88)),
    ):
        np.testing.assert_array_equal(LAYOUT.indices(selection), expected)
    for selection in ("angle", "angles[4]", "angles[-1]", "angles[1][2]", "patch", "", "angles.0"):
        with pytest.raises(ValueError, match=r"selection: expected .*, got "):
            LAYOUT.indices(selection)
    with pytest.raises(ValueError, match="patch: expected an integer from 0 to 3, got 4"):
        LAYOUT.patch(4)
    with pytest.raises(ValueError, match="two different patches, got 1 twice"):
        LAYOUT.pair(1, 1)


def test_sub_blocks_are_slices(dense: SimpleNamespace) -> None:
    """Only this catches rows and columns mixed up; the pair is principal, the cross block not."""
    p, q, bias = LAYOUT.patch(1), LAYOUT.patch(3), LAYOUT.shared
    pair = RestrictedOperator(PROBLEM.gauss_newton, LAYOUT.pair(1, 3))
    both = np.concatenate([p, q])
    np.testing.assert_allclose(pair @ np.eye(40), dense.G[np.ix_(both, both)], atol=1e-12)
    block = RestrictedOperator(PROBLEM.residual, bias)
    np.testing.assert_allclose(block @ np.eye(16), dense.R[np.ix_(bias, bias)], atol=1e-12)
    cross = CrossBlockOperator(PROBLEM.gauss_newton, p, bias)
    assert (cross.shape, cross.n_samples) == ((20, 16), 5)
    np.testing.assert_allclose(cross @ np.eye(16), dense.G[np.ix_(p, bias)], atol=1e-12)
    np.testing.assert_allclose(cross.T @ np.eye(20), dense.G[np.ix_(bias, p)], atol=1e-12)
    np.testing.assert_allclose(
        cross @ np.ones(16), dense.G[np.ix_(p, bias)].sum(axis=1), atol=1e-12
    )
    zero = CrossBlockOperator(PROBLEM.residual, p, q) @ np.eye(20)
    assert np.all(zero == 0)
    assert np.abs(CrossBlockOperator(PROBLEM.gauss_newton, p, q) @ np.eye(20)).max() > 0.01
    with pytest.raises(ValueError, match="columns: expected integers from 0 to 95"):
        CrossBlockOperator(PROBLEM.hessian, p, [96])


def test_selection_by_name_of_any_module() -> None:
    """Only this catches another order than that of ``model.parameters()``, or a frozen one's place.

    Rows and columns of H are those of double backward over the parameters one by one.
    """
    case = mlp_case()
    next(case.model.parameters()).requires_grad_(False)
    problem = CurvatureProblem(case.model, case.images, case.labels)
    with pytest.raises(TypeError, match="expected a PatchModel"):
        problem.blocks()
    with pytest.raises(ValueError, match="by: expected 'patch' or 'parameter', got 'layer'"):
        problem.blocks(by="layer")  # type: ignore[call-overload]
    plain = copy.deepcopy(case.model)  # products put the operator's values into case.model
    loss = torch.nn.functional.cross_entropy(plain(case.images), case.labels)
    trained = {n: p for n, p in plain.named_parameters() if p.requires_grad}
    blocks = {block.name: block for block in problem.blocks(by="parameter")}
    assert list(blocks) == list(trained)
    for name, parameter in trained.items():
        (slope,) = torch.autograd.grad(loss, parameter, create_graph=True)
        rows = [
            torch.autograd.grad(g, parameter, retain_graph=True)[0].flatten()
            for g in slope.flatten()
        ]
        expected = torch.stack(rows).numpy()
        block = blocks[name]
        got = block.hessian @ np.eye(len(expected))
        np.testing.assert_allclose(got, expected, atol=1e-12)
        np.testing.assert_allclose(
            got, (block.gauss_newton + block.residual) @ np.eye(len(expected)), atol=1e-12
        )
        first = RestrictedOperator(2 * problem.hessian - problem.hessian, f"{name}[0]")
        size = first.shape[0]
        np.testing.assert_allclose(first @ np.eye(size), expected[:size, :size], atol=1e-12)
    with pytest.raises(TypeError, match="expected integers for an operator that does not know"):
        RestrictedOperator(aslinearoperator(np.eye(3)), "weight")


def test_identities_tell_restrictions_apart() -> None:
    one, two = (RestrictedOperator(PROBLEM.hessian, LAYOUT.patch(i)) for i in (0, 1))
    assert one.identity() != two.identity()
    with pytest.raises(NotImplementedError, match="does not describe its matrix"):
        RestrictedOperator(aslinearoperator(np.eye(3)), [0]).identity()


def test_problems_without_patches_say_so() -> None:
    other = mlp_case()
    with pytest.raises(TypeError, match=r"expected a PatchModel .* got Sequential"):
        _ = CurvatureProblem(other.model, other.images, other.labels).layout
    frozen = qnn_case()
    frozen.model.pixel_bias.requires_grad_(False)
    with pytest.raises(ValueError, match="got frozen ones; restrict the operator"):
        _ = CurvatureProblem(frozen.model, frozen.images, frozen.labels).layout
    assert frozen.model.layout.size == 96


class Doubted(SymmetricOperator):
    """A zero matrix with a sentence or two about it."""

    def __init__(self, *sentences: str) -> None:
        super().__init__(np.dtype(np.float64), 3, None)
        self._sentences = sentences

    @property
    def caveats(self) -> tuple[str, ...]:
        """As given."""
        return self._sentences


def test_caveats_go_where_the_products_go() -> None:
    """Only this catches a doubt about H that H - G, a block of it or a watched H no longer tell."""
    one, two = Doubted("first", "second"), Doubted("second", "third")
    assert (2 * one - two).caveats == (one + 0 * two).caveats == ("first", "second", "third")
    assert RestrictedOperator(one - two, [0]).caveats == ("first", "second", "third")
    assert CrossBlockOperator(two, [0], [1]).caveats == ("second", "third")
    assert RestrictedOperator(aslinearoperator(np.eye(3)), [0]).caveats == ()
    assert WatchedOperator(one, lambda _: None).caveats == ("first", "second")
    assert PROBLEM.hessian.caveats == PROBLEM.blocks()[0].residual.caveats == ()
