"""One eigenvalue with what is known of its error, whoever computed it."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from patchlaw.verification.solvers import EigenResult
from patchlaw.verification.store.json_files import Count, NonNegative


@dataclass(frozen=True)
class Eigenvalue:
    """One eigenvalue with its evidence; see EigenResult. What is not on record has its default.

    Attributes:
        value: Rayleigh quotient.
        residual_norm: |H v - value v|, from a fresh product at the end; None where none was
            recorded, as of the author's.
        converged: residual_norm <= tol * max |values| of its solve, or within rounding.
        n_samples: samples behind the matrix.
        rounding: allowance for the products' rounding.
        dtype: of the products.
        matvecs: products of the whole solve.
        tol: relative tolerance asked for.
        seed: of the start vector.
        seconds: wall-clock time of the whole solve.
        caveats: what was not known of the products.
    """

    value: float
    residual_norm: NonNegative | None
    converged: bool
    n_samples: Count
    rounding: NonNegative = 0.0
    dtype: str = ""
    matvecs: Count | None = None
    tol: float | None = None
    seed: int | None = None
    seconds: float | None = None
    caveats: tuple[str, ...] = ()

    @classmethod
    def all_of(cls, result: EigenResult) -> "tuple[Eigenvalue, ...]":
        """Every pair of a solve, in its order."""
        names = ("rounding", "dtype", "matvecs", "tol", "seed", "seconds", "caveats")
        of_all = {name: getattr(result, name) for name in names}
        columns = (result.values, result.residual_norms, result.converged)
        pairs = (column.tolist() for column in columns)
        return tuple(
            cls(value, residual_norm, converged, result.n_samples or 0, **of_all)
            for value, residual_norm, converged in zip(*pairs, strict=True)
        )

    @property
    def radius(self) -> float:
        """Half the interval's length: residual norm plus rounding; infinite where none is known."""
        return math.inf if self.residual_norm is None else self.residual_norm + self.rounding

    @property
    def interval(self) -> tuple[float, float] | None:
        """Contains an eigenvalue: value -+ radius; None where nothing is known of the error."""
        if self.residual_norm is None:
            return None
        return self.value - self.radius, self.value + self.radius


def all_converged(values: Iterable[Eigenvalue]) -> bool:
    """Whether the solver vouches for every one."""
    return all(value.converged for value in values)


def ratio_interval(first: Eigenvalue, second: Eigenvalue) -> tuple[float, float] | None:
    """The quotients second / first of the two intervals, of either sign.

    (-inf, inf) where the first may be zero: such a quotient can be anything, and nothing may be
    decided by it. None where either has no bounds: the quotient is then taken as it stands.
    """
    one, two = first.interval, second.interval
    if one is None or two is None:
        return None
    if one[0] <= 0 <= one[1]:
        return -math.inf, math.inf
    quotients = [b / a for a in one for b in two]
    return min(quotients), max(quotients)
