"""Bounds on the largest eigenvalue of a positive semi-definite matrix from a few of its numbers.

Above: trace, Frobenius norm, the two together, either of them less what other Ritz values take,
row sums, and a subspace with its coupling to the rest. Below: Ritz values on the class directions
g_a = <J^T S e_a>. Proofs: theorems frobenius-bound to sketch-bound. Everything holds up to the
rounding of float64. For the tangent kernel's law all of it costs C products with an N x N matrix;
the real G's are in ``verification.solvers.interval``. Numbers only.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from patchlaw.hessian_theory.input_checks import bounded_integer, finite_number
from patchlaw.hessian_theory.predictions.softmax_spectrum import (
    checked_probabilities,
    curvature_product,
    root_transposed,
)

Float = NDArray[np.float64]

_SWEEPS = 50  # ours: towards the Perron vector; any positive weights give a valid bound
_RANK = 1e-10  # of a pencil's second matrix: directions below are left out


@dataclass(frozen=True)
class LawBounds:
    """Bounds on lambda_max(G) over the angles by the tangent kernel's law, certain for that law.

    Attributes:
        trace: tr G.
        frobenius: |G|_F.
        trace_frobenius: Wolkowicz and Styan's bound from these two and the rank N (C - 1).
        row_sums: smallest weighted row sum found of the N x N matrix of the blocks' norms.
        deflated: |G|_F less the Ritz values below the first.
        two_blocks: top of [[a, b], [b, e]]: a the largest of ``ritz``, b the coupling of their
            subspace to its complement, e the Frobenius norm there.
        output_ritz: largest Ritz value of the Gram matrix on N^(-1/2) (S_n^(1/2) e_a)_n, for which
            the g_a are enough.
        ritz: Ritz values of G on the g_a, descending; the first is a lower bound.
    """

    trace: float
    frobenius: float
    trace_frobenius: float
    row_sums: float
    deflated: float
    two_blocks: float
    output_ritz: float
    ritz: tuple[float, ...]

    @property
    def lower(self) -> float:
        """The largest lower bound."""
        return max(self.output_ritz, self.ritz[0])

    @property
    def upper(self) -> float:
        """The smallest upper bound."""
        norms = self.trace, self.frobenius, self.trace_frobenius
        return min(*norms, self.row_sums, self.deflated, self.two_blocks)


def trace_frobenius_bound(trace: float, frobenius: float, rank: int) -> float:
    """t/r + sqrt((r - 1)/r (F^2 - t^2/r)), at most F; r any bound on the rank.

    Raises:
        TypeError: a number of another kind.
        ValueError: negative numbers, or t^2 > r F^2, which no matrix of that rank has.
    """
    t = float(finite_number("trace", trace, what="tr G", minimum=0))
    f = float(finite_number("frobenius", frobenius, what="|G|_F", minimum=0))
    r = bounded_integer("rank", rank)
    spread = f * f - t * t / r
    if spread < -1e-9 * f * f:
        raise ValueError(
            f"rank: expected at least (trace / frobenius)^2 = {(t / f) ** 2:.4g}, got {r}; give a "
            "bound on the rank"
        )
    return t / r + float(np.sqrt((r - 1) / r * max(spread, 0.0)))


def deflated_bound(frobenius: float, ritz: ArrayLike) -> float:
    """sqrt(F^2 - sum_(j>1) theta_j^2), theta the Ritz values of a subspace, of a semi-definite G.

    Raises:
        ValueError: a negative Ritz value beyond rounding, none, or more squares than F^2 has.
    """
    theta = np.sort(np.asarray(ritz, dtype=np.float64))[::-1]
    f = float(finite_number("frobenius", frobenius, what="|G|_F", minimum=0))
    if theta.ndim != 1 or not theta.size or theta[-1] < -1e-6 * abs(theta[0]):
        raise ValueError(
            f"ritz: expected Ritz values >= 0 of a positive semi-definite matrix, got {theta}"
        )
    left = f * f - float((theta[1:] ** 2).sum())
    if left < theta[0] ** 2 * (1 - 1e-6):
        raise ValueError(
            f"ritz: expected at most {f:.6g}^2 for the sum of squares, got "
            f"{float((theta**2).sum()):.6g}; they belong to another matrix"
        )
    return float(np.sqrt(left))


def row_sum_bound(norms: ArrayLike) -> float:
    """Smallest max_r sum_u A_ru w_u / w_r found over weights w > 0, A >= 0 symmetric.

    A holds the norms of a symmetric matrix's blocks, or its absolute entries. The result bounds
    its norm whatever the weights; a power iteration brings them near the Perron vector's.

    Raises:
        ValueError: another shape, negative or infinite entries, a matrix that is not symmetric.
    """
    a = np.asarray(norms, dtype=np.float64)
    if a.ndim != 2 or a.shape[0] != a.shape[1] or not a.size:
        raise ValueError(f"norms: expected a square matrix, got shape {a.shape}")
    if not np.isfinite(a).all() or a.min() < 0:
        raise ValueError("norms: expected finite numbers >= 0; take absolute values")
    if np.abs(a - a.T).max() > 1e-6 * a.max():
        raise ValueError("norms: expected a symmetric matrix; take that of a symmetric one")
    w, best = np.ones(len(a)), np.inf
    for _ in range(_SWEEPS):
        image = a @ w
        best = min(best, float((image / w).max()))
        if not image.any():
            break
        # weights stay positive where a row is zero
        w = np.maximum(image / image.max(), 1e-12)
    return best


def two_block_bound(head: float, coupling: float, tail: float) -> float:
    """The larger eigenvalue of [[a, b], [b, e]]."""
    return (head + tail) / 2 + float(np.hypot((head - tail) / 2, coupling))


def orthonormal_combinations(overlap: ArrayLike) -> Float:
    """X with X^T (V^T V) X = 1: the columns of V X are orthonormal; fewer where V's depend.

    Args:
        overlap: V^T V, positive semi-definite.
    """
    gram = np.asarray(overlap, dtype=np.float64)
    sizes, vectors = np.linalg.eigh((gram + gram.T) / 2)
    kept = sizes > _RANK * max(sizes[-1], 0.0)
    return np.asarray(vectors[:, kept] / np.sqrt(sizes[kept]))


def law_bounds(kernel: ArrayLike, softmax: ArrayLike, factor: float = 1.0) -> LawBounds:
    """Bounds on the law's lambda_max = factor lambda_max((1/N) S^(1/2) (K x 1_C) S^(1/2)).

    Args:
        kernel: K, such as ``TangentKernel.mean``, shape (N, N). That it is positive semi-definite
            is a premise; it is checked on the diagonal and the class directions only.
        softmax: outputs pi, shape (N, C); S = diag(pi) - pi pi^T.
        factor: of the eigenvalues, s^2 P v for ``TangentKernel.mean``.

    Raises:
        ValueError: shapes that do not fit, rows of pi that are no probabilities, a kernel that
            is not symmetric or shows a negative direction, for which no such bound holds.
    """
    k = np.asarray(kernel, dtype=np.float64)
    pi = np.asarray(softmax, dtype=np.float64)
    if pi.ndim != 2 or k.shape != (len(pi), len(pi)) or pi.shape[1] < 2:
        raise ValueError(f"kernel, softmax: expected (N, N) and (N, C), got {k.shape}, {pi.shape}")
    pi = checked_probabilities(pi, len(k))
    size = float(finite_number("factor", factor, what="the eigenvalues' factor", above=0))
    diagonal = k.diagonal()
    if not np.isfinite(k).all():
        raise ValueError("kernel: expected finite numbers, got NaN or infinity")
    if np.abs(k - k.T).max() > 1e-4 * np.abs(k).max() or diagonal.min() < 0:
        raise ValueError("kernel: expected a symmetric positive semi-definite matrix")
    n, c = pi.shape
    squares = pi * pi
    # tr S_n S_m
    inner = pi @ pi.T
    mixed = inner - pi @ squares.T - squares @ pi.T + inner**2
    norms = np.abs(k) * np.sqrt(np.maximum(mixed, 0)) / n
    trace = float((diagonal * (1 - squares.sum(axis=1))).mean())
    frobenius = float(np.linalg.norm(norms))
    if not trace:  # every softmax saturated: S = 0
        return LawBounds(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, (0.0,))
    w = root_transposed(pi, np.broadcast_to(np.eye(c), (n, c, c)))
    powers = [(w / np.sqrt(n)).reshape(n * c, c)]
    for _ in range(2):
        image = curvature_product(k, pi, powers[-1].reshape(n, c, c))
        powers.append(image.reshape(n * c, c))
    gram = [powers[i // 2].T @ powers[i - i // 2] for i in range(4)]  # W^T M^i W
    x, y = orthonormal_combinations(gram[0]), orthonormal_combinations(gram[1])
    output = np.linalg.eigvalsh(x.T @ gram[1] @ x)
    if output[0] < -1e-6 * abs(output[-1]):
        raise ValueError(
            f"kernel: expected a positive semi-definite matrix, got a form of {output[0]:.3g}"
        )
    # V = A^T W y is orthonormal: V^T G V and V^T G^2 V
    head, square = y.T @ gram[2] @ y, y.T @ gram[3] @ y
    couplings = np.linalg.eigvalsh(square - head @ head)
    ritz = np.linalg.eigvalsh(head)[::-1]
    tail = frobenius**2 - 2 * np.trace(square) + float((ritz**2).sum())
    return LawBounds(
        trace=size * trace,
        frobenius=size * frobenius,
        trace_frobenius=size * trace_frobenius_bound(trace, frobenius, n * (c - 1)),
        row_sums=size * row_sum_bound(norms),
        deflated=size * deflated_bound(frobenius, ritz),
        two_blocks=size
        * two_block_bound(
            float(ritz[0]), float(np.sqrt(max(couplings[-1], 0))), float(np.sqrt(max(tail, 0)))
        ),
        output_ritz=size * float(output[-1]),
        ritz=tuple((size * ritz).tolist()),
    )
