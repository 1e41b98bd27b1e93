"""An operator that tells of its products, so that hours of them show a sign of life."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchlaw.verification.operators import SymmetricOperator


class WatchedOperator(SymmetricOperator):
    """The same matrix; ``told`` is called after every pass with the vectors multiplied so far."""

    def __init__(self, op: SymmetricOperator, told: Callable[[int], None]) -> None:
        self._op = op
        self._told = told
        super().__init__(op.dtype, op.shape[0], op.n_samples)

    def identity(self) -> dict[str, Any]:
        """That of the operator: checkpoints do not depend on who watches."""
        return self._op.identity()

    @property
    def caveats(self) -> tuple[str, ...]:
        """The operator's."""
        return self._op.caveats

    def product(self, vectors: NDArray[np.floating]) -> NDArray[np.floating]:
        """The operator's."""
        result = self._op.matmat(vectors)
        self._told(self.matvecs + vectors.shape[1])
        return np.asarray(result)
