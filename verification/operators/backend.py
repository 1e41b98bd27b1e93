"""What an operator asks of the arithmetic underneath: mean curvature products over the samples."""

from typing import Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from patchlaw.simulators.layout import ParameterLayout
from patchlaw.verification.ranks.ranks import Ranks

CurvatureKind: TypeAlias = Literal["hessian", "gauss_newton", "residual"]


class CurvatureBackend(Protocol):
    """One model at one parameter vector and its samples, ready to multiply curvature matrices.

    A backend fixes the parameters when it is made: training the model afterwards changes
    nothing. It bounds its memory by working through the samples in chunks whose number and order
    do not matter beyond rounding: sums in float64, one division by N.

    Attributes:
        name: what reports call it.
        n_parameters: D.
        n_samples: N.
        dtype: real dtype of the model's parameters, float32 or float64.
        layout: names of the parameters, and groups if the model has patches.
        ranks: who share the samples; every product is a collective call then.
    """

    name: str
    n_parameters: int
    n_samples: int
    dtype: np.dtype[np.floating]
    layout: ParameterLayout
    ranks: Ranks

    @property
    def facts(self) -> dict[str, str]:
        """Hashes of what all ranks must share."""
        ...

    @property
    def fingerprint(self) -> str:
        """sha256 of model, parameters, loss and samples; independent of the backend.

        Raises:
            ValueError: a model or loss that another process could not find again, and no name.
        """
        ...

    @property
    def caveats(self) -> tuple[str, ...]:
        """What is not known of the products, one short sentence each; none as a rule."""
        ...

    def product(self, kind: CurvatureKind, vectors: NDArray[np.floating]) -> NDArray[np.float64]:
        """The mean matrix times the vectors, in one pass over the data.

        Args:
            kind: "hessian": <d2l/dt2>; "gauss_newton": <J^T S J>; "residual":
                <sum_k g_k d2z_k/dt2>.
            vectors: shape (D, m), any real dtype.

        Returns:
            Shape (D, m), float64.
        """
        ...
