"""Symmetric operators that take their time, and a program that looks for their eigenpairs.

Run as a program it is a computation to kill: ``python -m tests.verification.slow_operator FOLDER
PAUSE`` prints values and residual norms of a model's Hessian in hexadecimal, and a hash of the
vectors.
"""

import hashlib
import sys
import time

import numpy as np

from patchlaw.verification.operators import HessianOperator, SymmetricOperator
from patchlaw.verification.solvers import EigenResult, top_eigenpairs
from tests.verification.curvature_cases import qnn_case


class SlowOperator(SymmetricOperator):
    """A fixed random symmetric matrix (60, 60), ``pause`` seconds a product."""

    def __init__(self, pause: float = 0.0, seed: int = 4) -> None:
        super().__init__(np.dtype(np.float64), 60, None)
        matrix = np.random.default_rng(seed).standard_normal((60, 60))
        self.matrix = matrix + matrix.T
        self.pause = pause
        self.seed = seed

    def identity(self) -> dict[str, object]:
        """What checkpoints know it by."""
        return {"matrix": "slow", "seed": self.seed}

    def product(self, vectors: np.ndarray) -> np.ndarray:
        """A V, slowly."""
        time.sleep(self.pause)
        return self.matrix @ vectors


class SlowHessian(HessianOperator):
    """The Hessian of a small distributed QNN, ``pause`` seconds a product."""

    def __init__(self, pause: float = 0.0) -> None:
        case = qnn_case()
        super().__init__(case.model, case.images, case.labels)
        self.pause = pause

    def product(self, vectors: np.ndarray) -> np.ndarray:
        """H V, slowly."""
        time.sleep(self.pause)
        return super().product(vectors)


def printed(result: EigenResult) -> str:
    """Everything that two equal runs have in common, to the last bit."""
    numbers = [float(x).hex() for x in (*result.values, *result.residual_norms)]
    return " ".join([*numbers, hashlib.sha256(result.vectors.tobytes()).hexdigest()])


if __name__ == "__main__":
    operator = SlowHessian(float(sys.argv[2]))
    print(printed(top_eigenpairs(operator, checkpoint=sys.argv[1], method="lanczos")))
