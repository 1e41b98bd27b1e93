"""What every solver looks for in its operator, what it holds in memory, and what it passes on."""

import tracemalloc
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from scipy.sparse.linalg import LinearOperator, aslinearoperator

from patchlaw.verification.operators import CurvatureProblem, SymmetricOperator
from patchlaw.verification.records import Eigenvalue
from patchlaw.verification.solvers import (
    block_spectra,
    dense_matrix,
    estimate_trace,
    lanczos,
    spectral_density,
    top_eigenpairs,
)
from patchlaw.verification.store.json_files import typed
from tests.verification.curvature_cases import qnn_case

SOLVERS: dict[str, Callable[..., Any]] = {
    "lanczos": partial(top_eigenpairs, k=2, method="lanczos"),
    "not probed": partial(top_eigenpairs, k=1, probe=False, method="lanczos"),
    "dense pairs": partial(top_eigenpairs, k=2, method="dense"),
    "not probed dense pairs": partial(top_eigenpairs, k=2, method="dense", probe=False),
    "density": partial(spectral_density, n_probes=2, n_steps=10),
    "trace": partial(estimate_trace, n_products=20),
    "hutch++": partial(estimate_trace, n_products=20, method="hutch++"),
    "matrix": partial(dense_matrix, together=7),
}


class Counted(SymmetricOperator):
    """A fixed matrix times a factor that depends on how many vectors came before."""

    caveats = ("samples not tried",)

    def __init__(
        self,
        matrix: np.ndarray,
        factor: Callable[[int], float] = lambda count: 1.0,
        dtype: type = np.float64,
    ) -> None:
        super().__init__(np.dtype(dtype), len(matrix), None)
        self.matrix, self.factor = matrix.astype(dtype), factor

    def product(self, vectors: np.ndarray) -> np.ndarray:
        """A V."""
        return self.factor(self.matvecs) * (self.matrix @ vectors)


def symmetric(size: int = 40, seed: int = 3) -> np.ndarray:
    matrix = np.random.default_rng(seed).standard_normal((size, size))
    return matrix + matrix.T


@pytest.mark.parametrize("solver", SOLVERS.values(), ids=SOLVERS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_an_operator_that_drifts_is_refused(solver: Callable[..., Any], dtype: type) -> None:
    """Four per cent, dying out as the power iteration of spectral_norm does, or late.

    Only this catches a solver that looks at the start alone, or not at all.
    """
    with pytest.raises(ValueError, match=r"same product of the same vector|symmetric operator"):
        solver(Counted(symmetric(), lambda count: 1 + 0.04 * 0.7**count, dtype))
    with pytest.raises(ValueError, match=r"same product of the same vector|symmetric operator"):
        solver(Counted(symmetric(), lambda count: 1.0 if count < 10 else 1.04, dtype))
    assert solver(Counted(symmetric(), dtype=dtype)).dtype == np.dtype(dtype).name


@pytest.mark.parametrize("solver", SOLVERS.values(), ids=SOLVERS)
def test_an_asymmetric_operator_is_refused(solver: Callable[..., Any]) -> None:
    """Only this catches a solver that takes the products of a non-symmetric matrix."""
    matrix = symmetric()
    matrix[:20] *= 1.001
    with pytest.raises(ValueError, match="expected a symmetric operator"):
        solver(aslinearoperator(matrix))


@pytest.mark.parametrize("solver", SOLVERS.values(), ids=SOLVERS)
def test_one_product_that_is_not_finite_is_refused(solver: Callable[..., Any]) -> None:
    op = Counted(symmetric(), lambda count: np.nan if count >= 8 else 1.0)
    with pytest.raises(ValueError, match="expected finite products, got NaN"):
        solver(op)


@pytest.mark.parametrize("solver", SOLVERS.values(), ids=SOLVERS)
def test_a_checkpoint_of_another_operator_is_refused(tmp_path, solver: Callable[..., Any]) -> None:
    """No identity tells them apart: only this catches products recalled and none made anew."""
    solver(Counted(symmetric()), checkpoint=tmp_path)
    with pytest.raises(ValueError, match="products the checkpoint holds, got another"):
        solver(Counted(1.001 * symmetric()), checkpoint=tmp_path)


@pytest.mark.parametrize("solver", SOLVERS.values(), ids=SOLVERS)
def test_caveats_go_with_every_result(solver: Callable[..., Any]) -> None:
    """Only this catches a result that looks as certain as one of a checked operator."""
    found = solver(Counted(symmetric()))
    assert found.caveats == ("samples not tried",)
    assert str(found).splitlines()[-1] == "caveats: samples not tried"
    plain = solver(aslinearoperator(symmetric()))
    assert plain.caveats == ()
    assert "caveats" not in str(plain)


def test_caveats_go_into_records_and_old_records_have_none() -> None:
    pairs = top_eigenpairs(Counted(symmetric()), 2)
    record = Eigenvalue.all_of(pairs)[0]
    assert record.caveats == ("samples not tried",)
    stored = vars(record) | {"caveats": ["samples not tried"]}
    assert typed(stored, Eigenvalue) == record
    del stored["caveats"]
    assert typed(stored, Eigenvalue).caveats == ()


def test_block_spectra_say_what_their_parts_say() -> None:
    case = qnn_case()
    found = block_spectra(CurvatureProblem(case.model, case.images, case.labels), tol=1e-6)
    assert len(str(found).splitlines()) == 4 + 2 * 4
    assert found.caveats == ()


# ---- small operators


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_null_space_of_a_small_matrix_is_found(dtype: type) -> None:
    """D = 241 of rank 9: only this catches a solver that spends 1,000 products on it in vain."""
    factor = np.random.default_rng(0).standard_normal((241, 9))
    op = Counted(factor @ factor.T, dtype=dtype)
    for k in (1, 5):
        found = top_eigenpairs(op, k, "SA")
        assert found.converged.all()
        assert (np.abs(found.values) <= found.radii).all()
        assert found.matvecs == op.matvecs
        assert found.matvecs < 3 * 241
        op.matvecs = 0
    # the certificate is no wider than rounding makes it
    assert found.radii.max() < 1e3 * np.finfo(dtype).eps * np.linalg.norm(factor, 2) ** 2


def in_low_rank(size: int, rank: int, seed: int) -> np.ndarray:
    """Positive semidefinite: eigenvalues from 1e-3 to 2, and zeros."""
    draw = np.random.default_rng(seed).standard_normal((size, rank))
    basis = np.linalg.qr(draw)[0]
    return (basis * np.logspace(-3, 0.3, rank)) @ basis.T


@pytest.mark.parametrize(("size", "rank"), [(505, 15), (518, 20)])
def test_lanczos_does_not_leave_the_null_space_out(size: int, rank: int) -> None:
    """ARPACK begins with A v, in the range of A: only this catches 0.001 +- 1e-7 for a zero.

    The residual is right, and tells nothing of an eigenvalue that was never looked for.
    """
    for seed in range(3):
        found = top_eigenpairs(Counted(in_low_rank(size, rank, seed)), 1, "SA", method="lanczos")
        assert abs(found.values[0]) <= found.radii[0] < 1e-4
        assert found.converged.all()


def test_a_checkpoint_from_before_goes_on_as_it_began(
    tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Products of A v alone: only this catches a run of many hours that is refused after it."""
    matrix = symmetric(400)
    with monkeypatch.context() as patch:
        patch.setattr(lanczos, "_arpack_multiplies_start", lambda: False)
        whole = top_eigenpairs(Counted(matrix), 1)
        top_eigenpairs(Counted(matrix), 1, max_matvecs=20, checkpoint=tmp_path)
    resumed = top_eigenpairs(Counted(matrix), 1, checkpoint=tmp_path)
    assert resumed.replayed == 16
    np.testing.assert_array_equal(resumed.vectors, whole.vectors)


def test_multiple_eigenvalues_are_found_as_often_as_they_occur() -> None:
    """Lanczos from one vector sees one copy of each, and may call the next values the largest."""
    values = np.array([5.0] * 4 + [2.0] * 3 + list(np.linspace(0, 1, 60)))
    basis = np.linalg.qr(np.random.default_rng(1).standard_normal((67, 67)))[0]
    found = top_eigenpairs(aslinearoperator((basis * values) @ basis.T), 7, tol=1e-10)
    np.testing.assert_allclose(found.values, values[:7], atol=1e-12)
    assert found.converged.all()


@pytest.mark.parametrize("size", [1, 2, 7])
@pytest.mark.parametrize("which", ["LA", "SA"])
def test_all_eigenvalues_of_a_small_operator(size: int, which: str) -> None:
    """k = D, and D = 1."""
    matrix = symmetric(size)
    found = top_eigenpairs(aslinearoperator(matrix), size, which, tol=1e-10)
    exact = np.linalg.eigvalsh(matrix)
    np.testing.assert_allclose(found.values, exact[::-1] if which == "LA" else exact, atol=1e-12)
    with pytest.raises(ValueError, match=f"k: expected an integer from 1 to D = {size}, got"):
        top_eigenpairs(aslinearoperator(matrix), size + 1)


@pytest.mark.parametrize("k", [1, 4])
def test_a_killed_dense_solve_goes_on_to_the_same_bits(tmp_path, k: int) -> None:
    """For k = 1 in the columns after Lanczos: only this catches columns taken for its products."""
    basis = np.linalg.qr(np.random.default_rng(0).standard_normal((100, 100)))[0]
    matrix = (basis * np.logspace(0, -14, 100)) @ basis.T
    whole = top_eigenpairs(Counted(matrix), k, "SA")
    assert whole.method == "dense"
    assert whole.converged.all()

    def killed(count: int) -> float:
        if count > (150 if k == 1 else 60):
            raise KeyboardInterrupt
        return 1.0

    with pytest.raises(KeyboardInterrupt):
        top_eigenpairs(Counted(matrix, killed), k, "SA", checkpoint=tmp_path, save_every=1)
    op = Counted(matrix)
    resumed = top_eigenpairs(op, k, "SA", checkpoint=tmp_path)
    assert 0 < resumed.replayed == resumed.matvecs - op.matvecs
    assert resumed.matvecs == whole.matvecs
    np.testing.assert_array_equal(resumed.vectors, whole.vectors)
    np.testing.assert_array_equal(resumed.residual_norms, whole.residual_norms)


# ---- memory


class Diagonal(SymmetricOperator):
    """A diagonal matrix: products that cost nothing and hold nothing."""

    def __init__(self, size: int) -> None:
        super().__init__(np.dtype(np.float64), size, None)
        self.values = np.linspace(1, 2, size)

    def product(self, vectors: np.ndarray) -> np.ndarray:
        """D V."""
        return self.values[:, None] * vectors


SIZE = 100_000
WORK: dict[str, tuple[Callable[[SymmetricOperator], Any], int]] = {
    "density": (
        lambda op: spectral_density(op, n_probes=8, n_steps=12, together=4, reorthogonalise=False),
        5 * 4 + 6,
    ),
    "density with its basis": (
        lambda op: spectral_density(op, n_probes=4, n_steps=12, together=2, reorthogonalise=True),
        (12 + 3) * 2 + 6,
    ),
    "pairs": (lambda op: top_eigenpairs(op, 1, tol=0.03), 5 * 12 + 4 + 12),
    "pairs cut short": (lambda op: top_eigenpairs(op, 2, max_matvecs=40), 5 * 12 + 8 + 12),
    "trace": (lambda op: estimate_trace(op, n_products=64, together=4), 3 * 4 + 6),
    "hutch++": (
        lambda op: estimate_trace(op, n_products=30, together=4, method="hutch++"),
        3 * 4 + 6 + 10,
    ),
}


@pytest.mark.parametrize(("work", "vectors"), WORK.values(), ids=WORK)
def test_no_more_vectors_are_held_than_documented(work: Callable[..., Any], vectors: int) -> None:
    """Peak of numpy's allocations: only this catches probes or products that are all kept."""
    op = Diagonal(SIZE)
    tracemalloc.start()
    try:
        work(op)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak <= 8 * SIZE * vectors


@pytest.mark.parametrize(
    ("solver", "option"),
    [
        (lambda op: spectral_density(op, reorthogonalise=True), "reorthogonalise=False"),
        (spectral_density, "a smaller together"),
        (estimate_trace, "a smaller together"),
        (lambda op: estimate_trace(op, method="hutch++"), "method='hutchinson'"),
        (top_eigenpairs, "a smaller k or subspace"),
    ],
)
def test_more_than_the_memory_holds_is_refused_before_any_work(
    solver: Callable[..., Any], option: str
) -> None:
    """D = 10^12: only this catches a crash in an allocator, or a product before it."""

    def product(vectors: np.ndarray) -> np.ndarray:
        raise AssertionError("the work began")

    op = LinearOperator((10**12, 10**12), matvec=product, matmat=product, dtype=np.float64)
    with pytest.raises(ValueError, match=rf"float64 vectors of D = 1000000000000.*{option}"):
        solver(op)


@pytest.mark.parametrize("solver", SOLVERS.values(), ids=SOLVERS)
@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nSee the docs"),
    ],
    ids=["numpy", "torch on the CPU", "torch on a device"],
)
def test_memory_that_runs_out_in_a_product_names_the_options(
    solver: Callable[..., Any], error: Exception
) -> None:
    """What the operator itself needs is in no estimate: only this catches its bare traceback."""

    def fails(count: int) -> float:
        if count >= 3:
            raise error
        return 1.0

    with pytest.raises(ValueError, match=r"ran out of it \(.+\); fix: a smaller .*chunk_size"):
        solver(Counted(symmetric(), fails))


def test_another_error_of_a_product_stays_what_it_is() -> None:
    def fails(count: int) -> float:
        raise RuntimeError("shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        estimate_trace(Counted(symmetric(), fails), n_products=4)


def test_more_than_the_memory_holds_leaves_no_folder(tmp_path) -> None:
    """Only this catches a checkpoint begun by a computation that is refused."""
    op = LinearOperator((10**12, 10**12), matvec=lambda v: v, dtype=np.float64)
    for number, solver in enumerate((spectral_density, estimate_trace, top_eigenpairs)):
        with pytest.raises(ValueError, match="memory available"):
            solver(op, checkpoint=tmp_path / str(number))
    assert not list(tmp_path.iterdir())


def test_a_density_without_its_basis_has_the_same_moments() -> None:
    """Copies of converged eigenvalues share their weight: 40 steps on 30 distinct eigenvalues."""
    values = np.repeat(np.linspace(-1, 3, 30) ** 3, 5)
    op = Counted(np.diag(values))
    kept, bare = (
        spectral_density(op, n_probes=3, n_steps=40, reorthogonalise=whole)
        for whole in (True, False)
    )
    for power in range(12):
        exact = (values**power).mean()  # Rademacher probes have no variance on a diagonal matrix
        assert kept.moment(power)[0] == pytest.approx(exact, rel=1e-10, abs=1e-10)
        assert bare.moment(power)[0] == pytest.approx(exact, rel=1e-10, abs=1e-10)


def test_a_killed_density_without_its_basis_goes_on_to_the_same_bits(tmp_path) -> None:
    calls = {"n_probes": 6, "n_steps": 20, "together": 3, "reorthogonalise": False}

    def killed(count: int) -> float:
        if count > 80:
            raise KeyboardInterrupt
        return 1.0

    whole = spectral_density(Counted(symmetric()), **calls)
    with pytest.raises(KeyboardInterrupt):
        spectral_density(Counted(symmetric(), killed), **calls, checkpoint=tmp_path)
    resumed = spectral_density(Counted(symmetric()), **calls, checkpoint=tmp_path)
    assert resumed.replayed >= 60
    np.testing.assert_array_equal(resumed.nodes, whole.nodes)
    np.testing.assert_array_equal(resumed.weights, whole.weights)
