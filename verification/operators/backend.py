"""What an operator asks of the arithmetic underneath: sums over samples of curvature products."""

from typing import Literal, Protocol, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

CurvatureKind: TypeAlias = Literal["hessian", "gauss_newton", "residual"]
CURVATURE_KINDS: tuple[CurvatureKind, ...] = get_args(CurvatureKind)


class CurvatureBackend(Protocol):
    """One model at one parameter vector and its samples, ready to multiply curvature matrices.

    A backend fixes the parameters when it is made: training the model afterwards changes
    nothing. It knows nothing of chunks; the operator cuts the samples and adds up the sums.

    Attributes:
        name: what reports call it.
        n_parameters: D.
        n_samples: N.
        dtype: real dtype of the model's parameters, float32 or float64.
        default_chunk_size: samples a call when the caller names no other number.
    """

    name: str
    n_parameters: int
    n_samples: int
    dtype: np.dtype[np.floating]
    default_chunk_size: int

    def product_sum(
        self, kind: CurvatureKind, samples: slice, vectors: NDArray[np.floating]
    ) -> NDArray[np.float64]:
        """Sum over a slice of the samples (no division) of the matrix times the vectors.

        Args:
            kind: "hessian": d2l/dt2; "gauss_newton": J^T S J; "residual": sum_k g_k d2z_k/dt2.
            samples: which samples, by position.
            vectors: shape (D, m), any real dtype.

        Returns:
            Shape (D, m), float64.
        """
        ...
