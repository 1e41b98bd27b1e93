"""Eigenpairs together with the evidence for them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_UP, Context
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from patchlaw.verification.cells import covering_radius


@dataclass(frozen=True, eq=False, kw_only=True)
class SolverResult:
    """What every solver says of the products with A (D, D) behind its result.

    Attributes:
        matvecs: how many, those of the checks included.
        n_samples: samples behind A; None where the operator does not say.
        dtype: dtype in which the products were computed.
        seconds: wall-clock time of this process.
        replayed: how many of the products came from a checkpoint.
        caveats: what is not known of the products, from the operator; none as a rule.
    """

    matvecs: int
    n_samples: int | None
    dtype: str
    seconds: float
    replayed: int = 0
    caveats: tuple[str, ...] = ()

    def with_caveats(self, text: str) -> str:
        """The text, and a line with the caveats if there are any."""
        return with_caveats(text, self.caveats)


@dataclass(frozen=True, eq=False)
class EigenResult(SolverResult):
    """Approximate eigenpairs of a symmetric operator H and what is known about their errors.

    For a unit vector v and symmetric H some eigenvalue lies within ||H v - value v|| of the
    value (Parlett, The Symmetric Eigenvalue Problem, Thm 4.5.1), so ``intervals()`` needs no
    trust in the iteration, only in the products, whose rounding it adds. That the eigenvalue is
    the largest one, or that a multiple one was found as often as it occurs, no residual can tell.

    So radius = residual + rounding covers the iteration and the arithmetic of the products. That
    the products are those of one symmetric matrix is checked on vectors (``probe``), that they
    are those of the Hessian by the operator, on samples and directions. Where a check was left
    out or could not decide, ``caveats`` says which, and the radius holds for the matrix that was
    multiplied. ``str(result)`` prints one line a value, as value +- radius, and the caveats, if
    there are any, in one more.

    Attributes:
        values: (k,) float64, Rayleigh quotients v^T H v; descending for "LA", ascending for "SA".
        vectors: (D, k) float64, unit columns.
        residual_norms: (k,) float64, ||H v - value v|| from fresh products at the end.
        converged: (k,) bool, residual_norms <= tol * max |values|, or within ``rounding``: of a
            null space the products tell no more.
        which: "LA" (largest algebraic) or "SA" (smallest algebraic).
        tol: relative tolerance asked for.
        seed: seed of the start vector.
        rounding: allowance for the rounding of H's products in the norm, 4 sqrt(D) eps ||H||
            with ||H|| as far as the iteration saw it (ours; the backends err less).
        method: "lanczos", or "dense": all columns of H.
    """

    values: NDArray[np.float64]
    vectors: NDArray[np.float64]
    residual_norms: NDArray[np.float64]
    converged: NDArray[np.bool_]
    which: str
    tol: float
    seed: int
    rounding: float = 0.0
    method: Literal["lanczos", "dense"] = "lanczos"

    def __post_init__(self) -> None:
        """Make the arrays read-only: a result is a record."""
        for array in (self.values, self.vectors, self.residual_norms, self.converged):
            array.setflags(write=False)

    @property
    def radii(self) -> NDArray[np.float64]:
        """Half the intervals' lengths: residual norms plus rounding, shape (k,)."""
        return self.residual_norms + self.rounding

    @property
    def rows(self) -> list[tuple[float, float, bool]]:
        """Value, radius and whether it converged, of every pair."""
        found = zip(self.values, self.radii, self.converged, strict=True)
        return [
            (float(value), float(radius), bool(converged)) for value, radius, converged in found
        ]

    @property
    def extreme(self) -> tuple[float, float]:
        """The first value, with its radius."""
        return float(self.values[0]), float(self.radii[0])

    def intervals(self) -> NDArray[np.float64]:
        """Intervals [value - radius, value + radius], shape (k, 2), each with an eigenvalue."""
        return np.stack([self.values - self.radii, self.values + self.radii], axis=1)

    def __str__(self) -> str:
        return self.with_caveats("\n".join(format_value(*row) for row in self.rows))


def with_caveats(text: str, caveats: Sequence[str]) -> str:
    """The text, and a line with the caveats if there are any."""
    return f"{text}\ncaveats: {'; '.join(caveats)}" if caveats else text


def format_value(value: float, radius: float, converged: bool) -> str:
    """``format_interval``, with a warning if due."""
    text = format_interval(value, radius)
    return text if converged else f"{text} (not converged)"


def format_interval(value: float, radius: float) -> str:
    """``value ± radius`` in decimals that contain [value - radius, value + radius].

    The value has the digits that the radius leaves, twelve decimals at most; the radius takes up
    what is lost of the value, and is rounded upwards to two digits.

    Args:
        value: midpoint.
        radius: half the interval's length, >= 0.
    """
    if not (math.isfinite(value) and math.isfinite(radius)):
        return f"{value:g} ± {radius:g}"
    places = 12
    if radius > 0:
        places = min(12, max(0, 1 - math.floor(math.log10(radius))))
    shown = f"{value:.{places}f}"
    needed = covering_radius(value, radius, shown)
    printed = Context(prec=2, rounding=ROUND_UP).plus(needed)
    return f"{shown} ± {float(printed):.1e}"
