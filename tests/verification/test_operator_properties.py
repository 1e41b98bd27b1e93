"""Identities of H, G and R over drawn circuits, grids, parameters, batches, losses and dtypes."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from patchlaw.simulators import DistributedQNN, PatchGrid
from patchlaw.simulators.distributed_qnn import CircuitBlock
from patchlaw.verification.operators import CurvatureProblem, RestrictedOperator
from patchlaw.verification.operators.losses import LossFunction, LossName
from patchlaw.verification.solvers import Alignment, top_eigenpairs
from tests.strategies import (
    batch_splits,
    class_counts,
    examples,
    image_batches,
    patch_ansaetze,
    patch_grids,
    real_arrays,
)
from tests.verification.curvature_cases import noise_floor

BACKENDS = st.sampled_from(["fast", "autodiff"])
DTYPES = st.sampled_from([torch.float32, torch.float64])
KINDS = ("hessian", "gauss_newton", "residual")
# an element sums some 1e3 rounded terms, 1e3 * 2.2e-16, and products add D of them
ROUNDING = 1e-11
# the same in float32, 5e4 * 1.2e-7; a factor of two, a sign or a transpose is off by order one
SINGLE_ROUNDING = 6e-3


def pseudo_huber(z: Tensor, targets: Tensor) -> Tensor:
    """A convex loss of one's own, curved everywhere: sum_k sqrt(1 + (z - y)_k^2) - 1."""
    return ((1 + (z - targets) ** 2).sqrt() - 1).sum(dim=1)


LOSSES: tuple[LossName | LossFunction, ...] = ("cross_entropy", "squared_error", pseudo_huber)


@dataclass(frozen=True)
class Drawn:
    """A model with samples, a loss, a backend and a chunk size."""

    model: DistributedQNN
    images: Tensor
    labels: Tensor
    loss: LossName | LossFunction
    backend: str
    chunk_size: int

    def problem(self, samples: slice = slice(None), **options: object) -> CurvatureProblem:
        """The problem of some of the samples."""
        chosen = {"backend": self.backend, "chunk_size": self.chunk_size, **options}
        return CurvatureProblem(
            self.model, self.images[samples], self.labels[samples], loss=self.loss, **chosen
        )

    def slack(self, *matrices: np.ndarray) -> float:
        """What rounding may change in elements of products as large as these."""
        double = self.model.angles.dtype == torch.float64
        largest = max(float(np.abs(m).max()) for m in matrices)
        floor = self.model.n_parameters * noise_floor(self.model)
        return (ROUNDING if double else SINGLE_ROUNDING) * largest + floor


@st.composite
def drawn_problems(
    draw: st.DrawFn,
    batch: st.SearchStrategy[int] | None = None,
    dtypes: st.SearchStrategy[torch.dtype] = DTYPES,
    losses: st.SearchStrategy[LossName | LossFunction] | None = None,
) -> Drawn:
    """Two-qubit models of one or four patches, with labels or real targets."""
    grid = draw(patch_grids(st.just(2), max_patches_per_side=2, max_stride=2))
    dtype = draw(dtypes)
    model = DistributedQNN(
        n_patches=grid.n_patches,
        n_qubits=2,
        image_side=grid.image_side,
        n_classes=draw(class_counts(2)),
        scale=draw(st.sampled_from([-1, 1])) * draw(st.floats(0.01, 50)),  # no subnormal s^2
        aggregation_exponent=draw(st.floats(0, 2)),
        dtype=dtype,
        ansatz=draw(patch_ansaetze(st.just(2))),
    )
    model.load_flat_parameters(draw(real_arrays(model.n_parameters)))
    images = draw(image_batches(grid.image_side, st.integers(1, 3) if batch is None else batch))
    n, classes = len(images), model.n_classes
    loss = draw(st.sampled_from(LOSSES) if losses is None else losses)
    if loss == "cross_entropy":
        label = st.integers(0, classes - 1)
        labels = torch.tensor(draw(st.lists(label, min_size=n, max_size=n)))
    else:
        labels = torch.from_numpy(draw(real_arrays((n, classes), bound=2.0)))
    backend = draw(BACKENDS) if isinstance(loss, str) else "autodiff"
    chunk_size = draw(st.integers(1, n))
    return Drawn(model, torch.from_numpy(images), labels, loss, backend, chunk_size)


def vectors_for(size: int, count: int = 3) -> np.ndarray:
    """Directions in general position: what is drawn is the matrix, not these."""
    return np.random.default_rng(0).standard_normal((size, count))


def images_of(problem: CurvatureProblem, vectors: np.ndarray) -> dict[str, np.ndarray]:
    """H V, G V and R V."""
    return {kind: getattr(problem, kind) @ vectors for kind in KINDS}


def columns(problem: CurvatureProblem, kind: str, *patches: int) -> np.ndarray:
    """The columns of these patches' angles."""
    op, layout = getattr(problem, kind), problem.layout
    return op @ np.eye(op.shape[0])[:, np.concatenate([layout.patch(p) for p in patches])]


def scale_of(*matrices: np.ndarray) -> float:
    return max(float(np.abs(m).max()) for m in matrices) + 1e-300


@examples(10)
@given(drawn=drawn_problems())
def test_split_symmetry_and_sign(drawn: Drawn) -> None:
    """H = G + R, u.Av = v.Au, v.Gv >= 0.

    Only this catches an identity that holds for one circuit, grid, loss or scale and not others.
    """
    problem = drawn.problem()
    vectors = vectors_for(drawn.model.n_parameters)
    images = images_of(problem, vectors)
    slack = drawn.slack(*images.values())
    gap = images["hessian"] - images["gauss_newton"] - images["residual"]
    assert np.abs(gap).max() <= slack
    for image in images.values():
        assert image.dtype == problem.backend.dtype
        forms = vectors.T @ image
        assert np.abs(forms - forms.T).max() <= len(vectors) * slack
    assert np.diag(vectors.T @ images["gauss_newton"]).min() >= -len(vectors) * slack


@examples(8)
@given(drawn=drawn_problems(losses=st.sampled_from(["cross_entropy", "squared_error"])))
def test_both_backends_give_the_same_products(drawn: Drawn) -> None:
    """The engine's passes against autograd, whole matrices and one patch's block.

    Only this catches a pass that is right for the paper's circuit and grid and not for others.
    """
    vectors = vectors_for(drawn.model.n_parameters)
    fast = images_of(drawn.problem(backend="fast"), vectors)
    autodiff = images_of(drawn.problem(backend="autodiff"), vectors)
    slack = drawn.slack(*fast.values(), *autodiff.values())
    for kind in KINDS:
        assert np.abs(fast[kind] - autodiff[kind]).max() <= slack
    whole = drawn.problem()
    layout, last = whole.layout, whole.layout.n_patches - 1
    block = whole.blocks()[last]
    assert isinstance(block.model, CircuitBlock)
    directions = vectors_for(len(layout.patch(0)))
    padded = np.zeros((layout.size, directions.shape[1]))
    padded[layout.patch(last)] = directions
    for kind in KINDS:
        expected = (getattr(whole, kind) @ padded)[layout.patch(last)]
        gap = np.abs(getattr(block, kind) @ directions - expected).max()
        assert gap <= slack + drawn.slack(expected)


@examples(10)
@given(drawn=drawn_problems(), data=st.data())
def test_residual_keeps_to_a_patch(drawn: Drawn, data: st.DataObject) -> None:
    """R v of a v on patch p is exactly zero, not small, at every other patch's angles."""
    problem = drawn.problem()
    layout = problem.layout
    p = data.draw(st.integers(0, layout.n_patches - 1))
    vector = np.zeros(layout.size)
    vector[layout.patch(p)] = data.draw(real_arrays(len(layout.patch(0))))
    image = problem.residual @ vector
    others = np.setdiff1d(layout.own, layout.patch(p))
    assert np.all(image[others] == 0)


@examples(6)
@given(drawn=drawn_problems(dtypes=st.just(torch.float64)), data=st.data())
def test_products_are_linear(drawn: Drawn, data: st.DataObject) -> None:
    """Only this catches a finite difference, or a state that one product leaves to the next."""
    problem = drawn.problem()
    u, v = vectors_for(drawn.model.n_parameters, 2).T
    a, b = (data.draw(st.floats(-10, 10)) for _ in range(2))
    for kind in KINDS:
        op = getattr(problem, kind)
        au, av = op @ u, op @ v
        combined = op @ np.stack([a * u + b * v, u], axis=1)
        # three passes of about 100 gates, each a handful of roundings; a finite difference
        # would be off by 1e-8
        slack = 2000 * drawn.slack(a * au, b * av, au, av)
        assert np.abs(combined[:, 0] - a * au - b * av).max() <= slack
        assert np.abs(combined[:, 1] - au).max() <= slack


@examples(5)
@given(drawn=drawn_problems(dtypes=st.just(torch.float64)), data=st.data())
def test_full_turns_change_nothing(drawn: Drawn, data: st.DataObject) -> None:
    """R_a(t + 2 pi) = -R_a(t): only this catches an angle that enters other than by a rotation."""
    vectors = vectors_for(drawn.model.n_parameters)
    before = images_of(drawn.problem(), vectors)
    flat = drawn.model.flat_parameters()
    turns = data.draw(st.lists(st.integers(-2, 2), min_size=len(flat), max_size=len(flat)))
    drawn.model.load_flat_parameters(flat + 2 * torch.pi * torch.tensor(turns, dtype=torch.float64))
    after = images_of(drawn.problem(), vectors)
    # angles of up to 6 pi are rounded to 2e-15; H's change with an angle is c |H| or less
    tolerance = 10 * drawn.slack(*before.values()) * max(1.0, abs(drawn.model.scale))
    for kind in KINDS:
        assert np.abs(after[kind] - before[kind]).max() <= tolerance


@examples(8)
@given(drawn=drawn_problems(), data=st.data())
def test_permuted_patches_permute_the_blocks(drawn: Drawn, data: st.DataObject) -> None:
    """Only this catches a patch whose number matters beyond its pixels and its angles."""
    model = drawn.model
    order = data.draw(st.permutations(range(model.n_patches)))
    before = drawn.problem()
    layout, vectors = before.layout, vectors_for(model.n_parameters)
    moved = np.concatenate([*(layout.patch(p) for p in order), layout.shared])
    expected = images_of(before, vectors)
    grid = PatchGrid(model.grid.image_side, model.grid.patch_side, model.n_patches)
    grid.__dict__["pixel_indices"] = grid.pixel_indices[order]  # the same patches, renumbered
    model.grid = grid
    with torch.no_grad():
        model.angles.copy_(model.angles[list(order)].clone())
        model.pixel_indices.copy_(model.pixel_indices[list(order)].clone())
    after = images_of(drawn.problem(), vectors[moved])
    slack = drawn.slack(*expected.values())
    for kind in KINDS:
        assert np.abs(after[kind] - expected[kind][moved]).max() <= slack


@examples(4)
@given(drawn=drawn_problems(batch=st.integers(2, 4)), data=st.data())
def test_splits_of_the_batch_do_not_matter(drawn: Drawn, data: st.DataObject) -> None:
    """Chunks of any size, and the weighted mean over parts: sums first, one division by N."""
    n = len(drawn.images)
    vectors = vectors_for(drawn.model.n_parameters)
    whole = images_of(drawn.problem(chunk_size=n), vectors)
    slack = drawn.slack(*whole.values())
    chunked = images_of(drawn.problem(), vectors)
    means, start = {kind: np.zeros_like(vectors) for kind in KINDS}, 0
    for size in data.draw(batch_splits(n)):
        part = images_of(drawn.problem(slice(start, start + size)), vectors)
        for kind in KINDS:
            means[kind] += size / n * part[kind]
        start += size
    for kind in KINDS:
        assert np.abs(chunked[kind] - whole[kind]).max() <= slack
        assert np.abs(means[kind] - whole[kind]).max() <= slack


@examples(4)
@given(
    angles=real_arrays(20),
    patches_per_side=st.sampled_from([2, 3]),
    alpha=st.floats(0, 2),
    pixels=st.lists(st.floats(0, 1), min_size=1, max_size=3),
    backend=BACKENDS,
)
def test_replicated_patches_scale_exactly(
    angles: np.ndarray, patches_per_side: int, alpha: float, pixels: list[float], backend: str
) -> None:
    """P copies of one QNN on one input: G_pq = G_1 / P^2, R_pp = R_1 / P, lambda_max = 1 / P.

    The copies' logits are those of one QNN with c' = c P^(1 - alpha), so g and S agree; A = 1.
    Only this catches a power of P that the aggregation's exponent shifts.
    """
    n_patches, side, scale = patches_per_side**2, 2 + patches_per_side - 1, 5.0
    labels = torch.arange(len(pixels)) % 4

    def problem(count: int, image_side: int, c: float, exponent: float) -> CurvatureProblem:
        model = DistributedQNN(count, 1, 2, image_side, 4, c, exponent, dtype=torch.float64)
        flat = np.concatenate([np.tile(angles, count), np.zeros(image_side**2)])
        model.load_flat_parameters(flat)
        grey = torch.tensor(pixels, dtype=torch.float64)[:, None, None]  # all patches alike
        images = grey.expand(len(pixels), image_side, image_side)
        return CurvatureProblem(model, images, labels, backend=backend)

    many = problem(n_patches, side, scale, alpha)
    one = problem(1, 2, scale * n_patches ** (1 - alpha), 1.0)
    g_one, r_one = (columns(one, k, 0)[:20] for k in ("gauss_newton", "residual"))
    ends = (0, n_patches - 1)
    g, r = (columns(many, k, *ends) for k in ("gauss_newton", "residual"))
    # a softmax that is sure of itself has S = pi (1 - pi) << 1, each element rounded as 1 is;
    # the derivatives of the copies' logits are c' / 2 at most
    floor = 16 * np.finfo(float).eps * (scale * n_patches ** (1 - alpha)) ** 2
    for p in range(n_patches):
        for i, q in enumerate(ends):
            block = many.layout.patch(p), slice(20 * i, 20 * i + 20)
            expected = r_one / n_patches if p == q else 0 * r_one
            assert (
                np.abs(g[block] - g_one / n_patches**2).max() <= ROUNDING * scale_of(g_one) + floor
            )
            assert np.abs(r[block] - expected).max() <= ROUNDING * scale_of(r_one) + floor
    values, vectors = np.linalg.eigh(g_one)
    copies = np.append(np.tile(vectors[:, -1], n_patches), np.zeros(side**2))
    image = (many.gauss_newton @ copies)[: 20 * n_patches]
    expected = values[-1] / n_patches * copies[: 20 * n_patches]
    np.testing.assert_allclose(image, expected, rtol=0, atol=1e-8 * values[-1] + 1e-10)


@examples(4)
@given(
    angles=real_arrays(20),
    patches_per_side=st.sampled_from([2, 3]),
    alpha=st.one_of(st.sampled_from([0.0, 0.5, 1.0]), st.floats(0, 2)),
    slopes=real_arrays((2, 4), bound=1.0),
    backend=BACKENDS,
)
def test_elements_carry_the_powers_of_the_aggregation(
    angles: np.ndarray, patches_per_side: int, alpha: float, slopes: np.ndarray, backend: str
) -> None:
    """At fixed f, g and S, G_pq = P^(-2 alpha) G_1 and R_pp = P^(-alpha) R_1.

    The squared error keeps S = 1, and targets that follow the logits keep g: only this tells
    exponents of P that a change of the scale c could hide.
    """
    n_patches, side = patches_per_side**2, 2 + patches_per_side - 1

    def problem(count: int, image_side: int) -> CurvatureProblem:
        model = DistributedQNN(count, 1, 2, image_side, 4, 5.0, alpha, dtype=torch.float64)
        model.load_flat_parameters(
            np.concatenate([np.tile(angles, count), np.zeros(image_side**2)])
        )
        grey = torch.tensor([0.2, 0.9], dtype=torch.float64)[:, None, None]
        images = grey.expand(2, image_side, image_side)
        targets = model(images).detach() - torch.from_numpy(slopes)
        return CurvatureProblem(model, images, targets, loss="squared_error", backend=backend)

    one, many = problem(1, 2), problem(n_patches, side)
    g_one, r_one = (columns(one, k, 0)[:20] for k in ("gauss_newton", "residual"))
    last = n_patches - 1
    g, r = (columns(many, k, last) for k in ("gauss_newton", "residual"))
    for p in range(n_patches):
        gap = np.abs(g[many.layout.patch(p)] - g_one * n_patches ** (-2 * alpha)).max()
        assert gap <= ROUNDING * scale_of(g_one)
    gap = np.abs(r[many.layout.patch(last)] - r_one * n_patches**-alpha).max()
    assert gap <= ROUNDING * scale_of(r_one, g_one)


class OrthogonalPatches(torch.nn.Module):
    """Patch p moves logit p alone: with the squared error, J_p^T J_q = 0 for p != q."""

    def __init__(self, weights: np.ndarray) -> None:
        super().__init__()
        self.weights = torch.nn.Parameter(torch.from_numpy(weights))

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, P), the mean over patches of outputs in their own places."""
        return torch.sin(x @ self.weights.T) / len(self.weights)


@examples(10)
@given(data=st.data(), n_patches=st.integers(2, 5))
def test_orthogonal_patches_give_the_elementwise_exponent(
    data: st.DataObject, n_patches: int
) -> None:
    """lambda_max(G) = max_p lambda_max(G_pp), A = 1/P for equal ones: the exponent -2 is real.

    Only this and the replicated patches pin both ends of the alignment's range.
    """
    row = data.draw(real_arrays(3, bound=1.0))
    x = torch.from_numpy(data.draw(real_arrays((4, 3), bound=2.0)))
    targets = torch.zeros(4, n_patches, dtype=torch.float64)

    def top(p: int) -> tuple[float, CurvatureProblem]:
        model = OrthogonalPatches(np.tile(row, (p, 1)))
        problem = CurvatureProblem(model, x, targets[:, :p], loss="squared_error")
        return np.linalg.eigvalsh(problem.gauss_newton @ np.eye(3 * p))[-1], problem

    (one, _), (many, problem) = top(1), top(n_patches)
    assert many == pytest.approx(one / n_patches**2, rel=1e-9, abs=1e-12)
    if one > 1e-3:
        g = problem.gauss_newton
        whole = top_eigenpairs(g, k=1, tol=1e-8)
        blocks = [
            top_eigenpairs(RestrictedOperator(g, range(3 * p, 3 * p + 3)), k=1, tol=1e-8)
            for p in range(n_patches)
        ]
        alignment = Alignment.of(whole, blocks)
        assert alignment.low <= 1 / n_patches + 1e-9
        assert alignment.high >= 1 / n_patches - 1e-9
        assert alignment.value == pytest.approx(1 / n_patches, rel=1e-6)
