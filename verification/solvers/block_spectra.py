"""Eigenvalues of the patches' blocks and of the bias block, alignment, and who holds a vector."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from patchlaw.verification.operators import CurvatureProblem, ParameterLayout, RestrictedOperator
from patchlaw.verification.operators.symmetric import SymmetricOperator, union_of_caveats
from patchlaw.verification.solvers.lanczos import top_eigenpairs
from patchlaw.verification.solvers.result import EigenResult, format_value, with_caveats

Float = NDArray[np.float64]


@dataclass(frozen=True)
class Alignment:
    """A = lambda_max(G over the angles) / sum_p lambda_max(G_pp), in [1/P, 1].

    1/P if the patches' top directions are orthogonal in logit space, 1 if they are aligned.

    Attributes:
        value: from the values.
        low: smallest that the intervals of numerator and denominator allow.
        high: largest.
    """

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, angles: EigenResult, blocks: Sequence[EigenResult]) -> "Alignment":
        """From the largest eigenpairs of G over the angles and of every G_pp.

        Raises:
            ValueError: results that are not of the largest eigenvalues, or as ``of_values``.
        """
        if any(r.which != "LA" for r in (angles, *blocks)):
            raise ValueError("alignment: expected largest eigenpairs ('LA') of G and of its blocks")
        return cls.of_values(angles.extreme, [block.extreme for block in blocks])

    @classmethod
    def of_values(
        cls, angles: tuple[float, float], blocks: Sequence[tuple[float, float]]
    ) -> "Alignment":
        """From the same eigenvalues, each with the radius of its interval.

        Raises:
            ValueError: no blocks, or a sum of theirs that is not positive.
        """
        if not blocks:
            raise ValueError("alignment: expected the eigenvalue of one block at least, got none")
        total, slack = (sum(part) for part in zip(*blocks, strict=True))
        if total <= slack:
            raise ValueError(
                f"alignment: expected a positive sum of the blocks' eigenvalues, got "
                f"{total:.3g} ± {slack:.1g}"
            )
        top, error = angles
        return cls(top / total, (top - error) / (total + slack), (top + error) / (total - slack))


@dataclass(frozen=True, eq=False)
class VectorShares:
    """Where a parameter vector lies: squared norms, summing to 1.

    Attributes:
        patches: (P,) float64, share on each patch's own parameters.
        bias: share on what belongs to no patch, the pixel bias of a circuit model.
    """

    patches: Float
    bias: float

    @classmethod
    def of(cls, vector: ArrayLike, layout: ParameterLayout) -> "VectorShares":
        """Shares of a vector (D,).

        Raises:
            ValueError: another shape, or zero.
        """
        squares = np.asarray(vector, dtype=np.float64) ** 2
        if squares.shape != (layout.size,) or not squares.sum() > 0:
            raise ValueError(
                f"vector: expected shape ({layout.size},) and not zero, got {squares.shape}"
            )
        squares /= squares.sum()
        patches = np.array([squares[layout.patch(p)].sum() for p in range(layout.n_patches)])
        return cls(patches, float(squares[layout.shared].sum()))


@dataclass(frozen=True, eq=False)
class BlockSpectra:
    """Largest eigenpairs of the parts of G and R, and what follows from them.

    Attributes:
        parts: every solve by the name of its matrix (and of its checkpoint): "G", "G-angles" for G
            over all angles, "G-bias" and "R-bias" for the blocks of what the patches share (a
            circuit model's bias) if they share anything, "G-0", .. for every G_pp and "R-0", ..
            for every R_pp, whose largest is lambda_max of R over the angles.
        alignment: A.
        shares: of G's top eigenvector.
        seconds: wall-clock time.
    """

    parts: Mapping[str, EigenResult]
    alignment: Alignment
    shares: VectorShares
    seconds: float

    @property
    def converged(self) -> bool:
        """Whether every eigenpair is."""
        return all(bool(part.converged.all()) for part in self.parts.values())

    @property
    def caveats(self) -> tuple[str, ...]:
        """What is not known of the products of any part, each once."""
        return union_of_caveats(self.parts.values())

    def __str__(self) -> str:
        lines = [
            f"{name}: " + ", ".join(format_value(*row) for row in part.rows)
            for name, part in self.parts.items()
        ]
        return with_caveats("\n".join(lines), self.caveats)


def block_spectra(
    problem: CurvatureProblem,
    *,
    k: int = 1,
    tol: float = 1e-4,
    seed: int = 0,
    checkpoint: Path | str | None = None,
) -> BlockSpectra:
    """The k largest eigenpairs of G, of G over the angles, and of every block of G and R.

    A product with a patch's block costs a P-th of one with the whole matrix.

    Args:
        problem: of a model of patches.
        k: pairs of each matrix.
        tol: relative tolerance of the residual norms.
        seed: seed of the start vectors.
        checkpoint: folder with one checkpoint a matrix, "G", "G-angles", "G-0", "R-bias", ...

    Raises:
        TypeError: a model without patches.
        ValueError: see top_eigenpairs.
    """
    begin = time.perf_counter()
    layout = problem.layout
    folder = None if checkpoint is None else Path(checkpoint)

    def matrices() -> Iterator[tuple[str, SymmetricOperator]]:
        yield "G", problem.gauss_newton
        yield "G-angles", RestrictedOperator(problem.gauss_newton, layout.own)
        if len(layout.shared):
            yield "G-bias", RestrictedOperator(problem.gauss_newton, layout.shared)
            yield "R-bias", RestrictedOperator(problem.residual, layout.shared)
        for p, block in enumerate(problem.blocks()):  # one backend at a time holds its states
            yield f"G-{p}", block.gauss_newton
            yield f"R-{p}", block.residual

    found = {
        name: top_eigenpairs(op, k, "LA", tol, seed, checkpoint=folder and folder / name)
        for name, op in matrices()
    }
    blocks = [found[f"G-{p}"] for p in range(layout.n_patches)]
    return BlockSpectra(
        parts=dict(sorted(found.items(), key=lambda part: part[0][0] * part[0][2:].isdigit())),
        alignment=Alignment.of(found["G-angles"], blocks),
        shares=VectorShares.of(found["G"].vectors[:, 0], layout),
        seconds=time.perf_counter() - begin,
    )
