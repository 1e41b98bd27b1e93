"""The common part of the curvature operators: a backend, checks of vectors, counting."""

from typing import ClassVar

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.sparse.linalg import LinearOperator
from torch import Tensor

from verification.operators.backend import CurvatureBackend, CurvatureKind
from verification.operators.choice import BackendName, make_backend


class CurvatureOperator(LinearOperator):
    """A symmetric curvature matrix of the mean loss over N samples, as a scipy LinearOperator.

    A v = (1/N) sum_n A_n v over all samples: chunks are summed in float64 and divided by N once,
    so neither their order nor an uneven last one matters beyond rounding. Several vectors given
    together (``op @ V``) share one pass over the data. The parameters are those of the model at
    construction.

    Args:
        model: a torch classifier, images (n, ...) to logits (n, C); the loss is softmax
            cross-entropy, mean over samples.
        images: shape (N, ...); for ``DistributedQNN`` (N, side, side), radians.
        labels: shape (N,), integers in [0, C).
        chunk_size: samples worked on at once (by each thread, in the fast backend); the
            backend's own default when left out.
        backend: "autodiff" for any module; "fast" for a DistributedQNN, or one patch's block
            of it, on the CPU; "auto" takes "fast" where it can.

    Attributes:
        shape: (D, D), in the flat order of the model's parameters.
        dtype: real dtype of the model, float32 or float64.
        n_samples: N.
        matvecs: number of vectors multiplied so far.
        backend_name: which arithmetic is used.

    Raises:
        ValueError: zero samples, labels out of range or of another number than the images,
            NaN or infinity in parameters, images or vectors, layers in train mode, wrong shapes.
        TypeError: labels that are not integers.
    """

    kind: ClassVar[CurvatureKind]

    def __init__(
        self,
        model: torch.nn.Module,
        images: Tensor | ArrayLike,
        labels: Tensor | ArrayLike,
        *,
        chunk_size: int | None = None,
        backend: BackendName = "auto",
    ) -> None:
        self.backend: CurvatureBackend = make_backend(model, images, labels, backend, chunk_size)
        self.n_samples = self.backend.n_samples
        self.matvecs = 0
        size = self.backend.n_parameters
        super().__init__(self.backend.dtype, (size, size))

    @property
    def backend_name(self) -> str:
        """Name of the arithmetic underneath."""
        return self.backend.name

    def matvec(self, x: ArrayLike) -> NDArray[np.floating]:
        """A v for one vector, shape (D,) or (D, 1)."""
        return np.asarray(super().matvec(self._check_vectors(x, (1, 2))))

    def matmat(self, X: ArrayLike) -> NDArray[np.floating]:
        """A V for m vectors as columns, shape (D, m), in one pass over the data."""
        return np.asarray(super().matmat(self._check_vectors(X, (2,))))

    def _matmat(self, X: NDArray[np.floating]) -> NDArray[np.floating]:
        vectors = np.asarray(X)
        product = self.backend.product(self.kind, vectors)
        self.matvecs += vectors.shape[1]
        return product.astype(self.dtype)

    def _matvec(self, x: NDArray[np.floating]) -> NDArray[np.floating]:
        return self._matmat(np.reshape(x, (-1, 1)))[:, 0]

    def _adjoint(self) -> LinearOperator:
        return self

    def _check_vectors(self, vectors: ArrayLike, ndims: tuple[int, ...]) -> NDArray[np.floating]:
        array = np.asarray(vectors)
        if array.ndim not in ndims or len(array) != self.shape[1]:
            wanted = " or ".join(("(D,)", "(D, m)")[n - 1] for n in ndims)
            raise ValueError(
                f"vectors: expected shape {wanted} with D = {self.shape[1]}, the model's number "
                f"of parameters, got {array.shape}"
            )
        if np.iscomplexobj(array) or not np.isfinite(array).all():
            raise ValueError("vectors: expected finite real entries, got NaN, infinity or complex")
        return array
