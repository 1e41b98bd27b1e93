"""What every solver multiplies with: the operator checked, counted, in float64, resumable."""

import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse.linalg import LinearOperator

from patchlaw.verification.memory import check_memory
from patchlaw.verification.ranks.ranks import ALONE, Ranks
from patchlaw.verification.solvers.product_log import CheckpointError, ProductLog

_P = ParamSpec("_P")
_R = TypeVar("_R")

DEFAULT_SAVE_EVERY = 4  # ours: a product over a data set costs far more than writing a few


class BudgetSpentError(Exception):
    """More products were asked for than the caller allows."""


class Products:
    """V -> A V in float64 whatever the operator's dtype (in which the products are rounded).

    Args:
        op: real symmetric operator (D, D).
        computation: JSON description of solver and arguments, for the checkpoint.
        checkpoint: folder of a ProductLog; None keeps nothing on disk.
        save_every: calls between two writes.
        budget: vectors at most.

    Attributes:
        op: the operator.
        size: D.
        count: vectors multiplied, replayed ones included.
        replayed: vectors whose product came from the checkpoint.

    Raises:
        ValueError: an operator that is not square or not real, or a checkpoint that does not fit.
    """

    def __init__(
        self,
        op: LinearOperator,
        computation: dict[str, Any],
        checkpoint: Path | str | None = None,
        save_every: int = DEFAULT_SAVE_EVERY,
        budget: int | None = None,
    ) -> None:
        self._begin = time.perf_counter()
        self.op = op
        self.size = check_operator(op)
        self.count = 0
        self.replayed = 0
        self.budget = budget
        self._calls = 0
        self._log: ProductLog | None = None
        self._ranks: Ranks = getattr(op, "ranks", ALONE)
        if checkpoint is not None:
            described = {"operator": describe_operator(op), **computation}
            folder = Path(checkpoint)  # of all ranks, and the first one writes
            self._log = self._ranks.agreed(
                lambda: ProductLog(folder, described, save_every), in_turn=True
            )
            self._ranks.check_same({"products in the checkpoint": self._log.stored})

    def spent(self, checks: int) -> dict[str, Any]:
        """A ``SolverResult``'s fields; ``checks`` counts the products made past this object."""
        return {
            "matvecs": self.count + checks,
            "n_samples": getattr(self.op, "n_samples", None),
            "dtype": str(np.dtype(self.op.dtype)),
            "seconds": time.perf_counter() - self._begin,
            "replayed": self.replayed,
            "caveats": tuple(getattr(self.op, "caveats", ())),
        }

    def __call__(self, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        """A V for vectors (D, m), from the checkpoint if it holds them.

        Raises:
            BudgetSpentError: more vectors than the budget.
            ValueError: NaN or infinity in the product, or a checkpoint of other vectors.
        """
        columns = vectors.shape[1]
        if self.budget is not None and self.count + columns > self.budget:
            raise BudgetSpentError
        if self._log is not None and self._calls < self._log.stored:
            recalled = self._log.recall(self._calls, vectors)
            if recalled.shape != vectors.shape:
                raise CheckpointError(f"checkpoint: expected {vectors.shape}, got {recalled.shape}")
            self.replayed += columns
            result = recalled.astype(np.float64)
        else:
            try:
                result = self.fresh(vectors)
            except BaseException:
                self.save()  # what the products before cost is not lost with this one
                raise
            if self._log is not None:
                with self._ranks.following():
                    self._log.append(vectors, result.astype(self.op.dtype, copy=False))
        self._calls += 1
        self.count += columns
        return result

    def fresh(self, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        """A V from the operator itself; neither counted nor kept.

        Raises:
            ValueError: NaN or infinity in the product.
        """
        cast = vectors.astype(self.op.dtype)
        one = vectors.shape[1] == 1
        result = np.asarray(self.op.matvec(cast[:, 0])[:, None] if one else self.op.matmat(cast))
        del cast
        if not np.isfinite(result).all():
            raise ValueError(
                "op: expected finite products, got NaN or infinity; look at the parameters, the "
                "data, and the range of the dtype"
            )
        return result.astype(np.float64)

    def save(self) -> None:
        """Write what the checkpoint holds in memory only."""
        if self._log is not None:
            with self._ranks.following():
                self._log.flush()


def check_vectors_fit(what: str, count: int, size: int, fix: str) -> None:
    """Refuse, before any work, ``count`` float64 vectors (D,) that the memory cannot hold.

    Raises:
        ValueError: more bytes than are available; the message has the fix.
    """
    check_memory(f"{what}, {count} float64 vectors of D = {size}", 8 * count * size, fix)


def names_way_out(fix: str) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]:
    """Decorator of a solver: where memory runs out in spite of the estimate, name the options.

    Args:
        fix: the solver's options that need less.
    """

    def decorate(solver: Callable[_P, _R]) -> Callable[_P, _R]:
        @wraps(solver)
        def run(*args: _P.args, **kwargs: _P.kwargs) -> _R:
            try:
                return solver(*args, **kwargs)
            except (MemoryError, RuntimeError) as error:
                if not _is_out_of_memory(error):
                    raise
                raise ValueError(
                    f"{solver.__name__}: expected memory for its vectors and the operator's work, "
                    f"ran out of it ({str(error).splitlines()[0] if str(error) else 'no details'})"
                    f"; fix: {fix}, or a smaller chunk_size of the operator"
                ) from error

        return run

    return decorate


def _is_out_of_memory(error: Exception) -> bool:
    # torch has a type of its own for devices, and for the CPU only a text
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or (
        "can't allocate memory" in str(error)
    )


def check_operator(op: LinearOperator) -> int:
    """The size D of a square operator with a real floating dtype.

    Raises:
        TypeError: no operator, such as a model or the problem that has three.
        ValueError: another shape or dtype.
    """
    if not hasattr(op, "matvec"):
        raise TypeError(
            f"op: expected a LinearOperator, got {type(op).__name__}; give "
            "problem.hessian (or .gauss_newton, .residual) of a CurvatureProblem, of a model "
            "HessianOperator(model, images, labels)"
        )
    rows, columns = op.shape
    if rows != columns:
        raise ValueError(f"op: expected a square operator, got shape {op.shape}")
    if np.dtype(op.dtype).kind != "f":
        raise ValueError(f"op: expected a real floating dtype, got {op.dtype}")
    return int(rows)


def describe_operator(op: LinearOperator) -> dict[str, Any]:
    """What a checkpoint says of its operator: its identity, or size and dtype if it has none."""
    try:
        identity: dict[str, Any] = op.identity()
    except (AttributeError, NotImplementedError):
        return {"size": op.shape[0], "dtype": str(np.dtype(op.dtype))}
    return identity
