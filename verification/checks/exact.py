"""The exact checks of ``patchlaw verify``: identities and bounds that rounding alone may blur."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from patchlaw.verification.checks.instances import Instance, Matrix, replicated
from patchlaw.verification.operators import GaussNewtonOperator, HessianOperator, ResidualOperator
from patchlaw.verification.operators.choice import BackendName

ENGINES: tuple[BackendName, BackendName] = ("fast", "autodiff")
_EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class CheckResult:
    """One identity or inequality, tried on random small circuits in double precision.

    Attributes:
        name: short name.
        statement: what is claimed to hold, as a formula.
        passed: measured <= tolerance on every instance.
        measured: the worst instance's violation, in the unit that ``tolerance`` explains.
        tolerance: the largest violation that rounding explains.
        tolerance_from: how the tolerance is derived.
        instances: number of circuits (or pairs of circuits) tried.
    """

    name: str
    statement: str
    passed: bool
    measured: float
    tolerance: float
    tolerance_from: str
    instances: int


def judge(
    name: str, statement: str, violations: list[float], tolerance: float, tolerance_from: str
) -> CheckResult:
    """A CheckResult from one violation an instance; NaN fails, and so does no instance at all."""
    worst = max(violations, key=lambda v: float("inf") if v != v else v, default=float("inf"))
    return CheckResult(
        name, statement, worst <= tolerance, worst, tolerance, tolerance_from, len(violations)
    )


def rounding_tolerance(instances: Sequence[Instance]) -> tuple[float, str]:
    """Largest relative error that rounding explains, eps times the terms summed, and its reason."""
    operations = max(i.operations for i in instances)
    reason = (
        f"relative to the largest element; 2^-52 x {operations} rounded terms "
        "(gates x amplitudes x samples x D)"
    )
    return _EPS * operations, reason


def _top(instance: Instance, rows: slice | None = None) -> float:
    """lambda_max of G over some parameters; over all angles if left out."""
    own = rows or slice(instance.patches[-1].stop)
    return float(np.linalg.eigvalsh(instance.gauss_newton[own, own])[-1])


def _size(matrix: Matrix) -> float:
    return float(np.abs(matrix).max())


def hessian_splits(instances: Sequence[Instance]) -> CheckResult:
    """H = G + R, the three computed separately (paper, Eq. 5)."""
    gaps = [_size(i.hessian - i.gauss_newton - i.residual) / _size(i.hessian) for i in instances]
    return judge("split", "H = G + R, Eq. (5)", gaps, *rounding_tolerance(instances))


def matrices_symmetric(instances: Sequence[Instance]) -> CheckResult:
    """H, G and R equal their transposes."""
    gaps = [
        max(_size(m - m.T) / _size(m) for m in (i.hessian, i.gauss_newton, i.residual))
        for i in instances
    ]
    return judge("symmetry", "H, G, R = transposes", gaps, *rounding_tolerance(instances))


def gauss_newton_psd(instances: Sequence[Instance]) -> CheckResult:
    """v^T G v >= 0: the smallest eigenvalue of G is not below zero."""
    gaps = []
    for instance in instances:
        values = np.linalg.eigvalsh(instance.gauss_newton)
        gaps.append(float(max(0.0, -values[0]) / values[-1]))
    return judge("psd", "v^T G v >= 0", gaps, *rounding_tolerance(instances))


def residual_block_diagonal(instances: Sequence[Instance]) -> CheckResult:
    """R is exactly zero between the angles of different patches; G is not (paper, Eq. 6).

    The violation is the largest |R_ij| between patches; it is infinite where G between patches
    is zero too, since the check would then show nothing.
    """
    gaps = []
    for instance in instances:
        pairs = [(p, q) for p in instance.patches for q in instance.patches if p != q]
        if not pairs:
            continue
        visible = max(_size(instance.gauss_newton[p, q]) for p, q in pairs) > 0
        largest = max(_size(instance.residual[p, q]) for p, q in pairs)
        gaps.append(largest if visible else float("inf"))
    statement = "R_ij = 0 for angles of different patches (and G_ij is not), Eq. (6)"
    return judge("blocks of R", statement, gaps, 0.0, "exact zeros")


def block_bounds(instances: Sequence[Instance]) -> CheckResult:
    """max_p lambda_max(G_pp) <= lambda_max(G over the angles) <= sum_p lambda_max(G_pp)."""
    gaps = []
    for instance in instances:
        top, tops = _top(instance), [_top(instance, patch) for patch in instance.patches]
        gaps.append(max(0.0, max(tops) - top, top - sum(tops)) / top)
    return judge(
        "block bounds",
        "max_p lambda_max(G_pp) <= lambda_max(G) <= sum_p lambda_max(G_pp)",
        gaps,
        *rounding_tolerance(instances),
    )


def engines_agree(instances: Sequence[Instance]) -> CheckResult:
    """H v of the fast engine's own passes equals autograd's double backward, and so for G and R."""
    gaps = []
    for instance in instances:
        vector = np.cos(np.arange(instance.model.n_parameters))
        gap = 0.0
        for kind in (HessianOperator, GaussNewtonOperator, ResidualOperator):
            fast, autodiff = (
                kind(instance.model, instance.images, instance.labels, backend=name) @ vector
                for name in ENGINES
            )
            gap = max(gap, _size(fast - autodiff) / _size(autodiff))
        gaps.append(gap)
    statement = "H v, G v, R v: fast engine = autograd"
    return judge("two engines", statement, gaps, *rounding_tolerance(instances))


def _replications(seed: int) -> list[tuple[Instance, Instance]]:
    """Pairs (one QNN, the same QNN P times) at equal z, g and S."""
    return [
        (replicated(2, 1, 1, alpha, seed + n), replicated(2, 1, patches, alpha, seed + n))
        for n, (patches, alpha) in enumerate([(4, 1.0), (9, 1.0), (4, 0.5), (9, 2.0)])
    ]


def _angle_blocks(matrix: Matrix, instance: Instance) -> Matrix:
    """Angle part as (P, n_p, P, n_p)."""
    patches, n = instance.model.n_patches, instance.model.ansatz.n_angles
    return matrix[: patches * n, : patches * n].reshape(patches, n, patches, n)


def elements_scale(seed: int) -> CheckResult:
    """At equal f_p, g and S: elements of G scale as s^2, of R within a patch as s.

    One QNN against P copies of it on P equal patches, z held fixed, so s = c P^(-alpha) falls by
    1/P (for alpha = 1: the paper's 1/P^2 and 1/P).
    """
    gaps, pairs = [], _replications(seed)
    for one, many in pairs:
        patches = many.model.n_patches
        g1, r1 = _angle_blocks(one.gauss_newton, one)[0, :, 0], _angle_blocks(one.residual, one)
        g, r = _angle_blocks(many.gauss_newton, many), _angle_blocks(many.residual, many)
        g_gap = _size(g - g1[None, :, None, :] / patches**2) * patches**2 / _size(g1)
        r_gap = max(
            _size(r[p, :, p] - r1[0, :, 0] / patches) * patches / _size(r1) for p in range(patches)
        )
        gaps.append(max(g_gap, r_gap))
    statement = "f_p, g, S fixed: G_ij scales as s^2 (1/P^2), R_ij as s (1/P)"
    return judge("element scaling", statement, gaps, *rounding_tolerance([m for _, m in pairs]))


def replicas_scale_once(seed: int) -> CheckResult:
    """P aligned patches: every element of G falls as 1/P^2, yet lambda_max(G) only as 1/P.

    A counterexample to reading lambda_max's exponent off the elements': G = 1 1^T x G_1 / P^2.
    """
    gaps, pairs = [], _replications(seed)
    for one, many in pairs:
        gaps.append(abs(_top(many) / _top(one) * many.model.n_patches - 1))
    statement = "replicated patches: lambda_max(G) scales as 1/P, not as its elements' 1/P^2"
    return judge("replication", statement, gaps, *rounding_tolerance([m for _, m in pairs]))


def exact_checks(
    instances: Sequence[Instance], seed: int
) -> list[tuple[str, Callable[[], CheckResult]]]:
    """Every exact check, by title, in the order of the report; call them one by one."""
    on_instances = (
        hessian_splits,
        matrices_symmetric,
        gauss_newton_psd,
        residual_block_diagonal,
        block_bounds,
        engines_agree,
    )
    on_replicas = (elements_scale, replicas_scale_once)
    checks: list[tuple[str, Callable[[], CheckResult]]] = []
    checks += [(f.__name__.replace("_", " "), partial(f, instances)) for f in on_instances]
    checks += [(f.__name__.replace("_", " "), partial(f, seed)) for f in on_replicas]
    return checks
