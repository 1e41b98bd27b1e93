"""What is measured at a model's minimum: top eigenvalues of H, G, R and of G's blocks."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.sparse.linalg import LinearOperator
from torch import Tensor

from patchlaw.simulators import DistributedQNN
from patchlaw.verification.operators import (
    GaussNewtonOperator,
    HessianOperator,
    PatchBlockModel,
    ResidualOperator,
    RestrictedOperator,
    block_inputs,
)
from patchlaw.verification.solvers import EigenResult, top_eigenpairs
from patchlaw.verification.training import Evaluation

# What each measured matrix is called in reports. Ratios of the terms are compared with the laws,
# the pixel bias' block is an input of those that level off.
TERMS = ("H", "G", "R", "G over the angles")
BIAS_BLOCK = "G over the bias"


@dataclass(frozen=True)
class TopEigenvalue:
    """A largest eigenvalue with its evidence; see EigenResult for the fields."""

    matrix: str
    value: float
    residual_norm: float
    converged: bool
    matvecs: int
    n_samples: int
    dtype: str
    seed: int
    seconds: float
    rounding: float = 0.0
    caveats: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """JSON has lists."""
        object.__setattr__(self, "caveats", tuple(self.caveats))

    @property
    def interval(self) -> tuple[float, float]:
        """Contains an eigenvalue: value -+ (residual norm + rounding of the products)."""
        radius = self.residual_norm + self.rounding
        return self.value - radius, self.value + radius


@dataclass(frozen=True)
class MinimumMeasurement:
    """One trained model at its minimum of the training loss.

    Attributes:
        n_patches: P.
        depth: d.
        n_parameters: D.
        epoch: epoch of the minimum, from 0.
        start_loss: loss over the training samples before training.
        train: evaluation over the training samples at the minimum.
        test: evaluation over test samples there.
        top: top eigenvalue of each matrix of TERMS and of the bias block.
        blocks: top eigenvalue of every G_pp.
        bias_share: squared norm of H's top eigenvector on the pixel bias.
    """

    n_patches: int
    depth: int
    n_parameters: int
    epoch: int
    start_loss: float
    train: Evaluation
    test: Evaluation
    top: dict[str, TopEigenvalue]
    blocks: tuple[TopEigenvalue, ...]
    bias_share: float

    @property
    def alignment(self) -> float:
        """A = lambda_max(G over the angles) / sum_p lambda_max(G_pp), in [1/P, 1]."""
        return self.top["G over the angles"].value / sum(b.value for b in self.blocks)


def measure_curvature(
    model: DistributedQNN, images: Tensor, labels: Tensor, *, tol: float, seed: int
) -> Iterator[tuple[TopEigenvalue, EigenResult]]:
    """Largest eigenvalues at the model's present parameters, one at a time.

    First the matrices of TERMS, in that order, then the bias block and G_pp of every patch.

    Args:
        model: the model.
        images: shape (N, side, side), radians.
        labels: shape (N,).
        tol: relative tolerance of the residual norms.
        seed: seed of the Lanczos start vectors.
    """
    n_angles = model.angles.numel()
    parts = {
        "G over the angles": np.arange(n_angles),
        BIAS_BLOCK: np.arange(n_angles, model.n_parameters),
    }
    for term in (*TERMS, BIAS_BLOCK):
        op: LinearOperator
        if term == "H":
            op = HessianOperator(model, images, labels)
        elif term == "R":
            op = ResidualOperator(model, images, labels)
        else:
            op = GaussNewtonOperator(model, images, labels)
        if term in parts:
            op = RestrictedOperator(op, parts[term])
        yield top_eigenvalue(term, op, tol, seed)
    for patch, inputs in enumerate(block_inputs(model, images)):
        op = GaussNewtonOperator(PatchBlockModel(model, patch), inputs, labels)
        yield top_eigenvalue(f"G_{patch}{patch}", op, tol, seed)


def top_eigenvalue(
    matrix: str, op: LinearOperator, tol: float, seed: int
) -> tuple[TopEigenvalue, EigenResult]:
    """The largest eigenvalue of one operator, as a record and with its vector.

    Args:
        matrix: what it is called in reports.
        op: symmetric operator.
        tol: relative tolerance of the residual norm.
        seed: seed of the Lanczos start vector.
    """
    result = top_eigenpairs(op, k=1, which="LA", tol=tol, seed=seed)
    record = TopEigenvalue(
        matrix=matrix,
        value=float(result.values[0]),
        residual_norm=float(result.residual_norms[0]),
        converged=bool(result.converged[0]),
        matvecs=result.matvecs,
        n_samples=result.n_samples or 0,
        dtype=result.dtype,
        seed=seed,
        seconds=result.seconds,
        rounding=result.rounding,
        caveats=result.caveats,
    )
    return record, result
