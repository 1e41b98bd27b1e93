"""The curvature operators H, G and R: each on a backend, shared or of its own."""

from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from patchlaw.simulators.layout import ParameterLayout
from patchlaw.simulators.output_losses import LossName
from patchlaw.verification.operators.backend import CurvatureBackend, CurvatureKind
from patchlaw.verification.operators.choice import BackendName, Data, make_backend, own_copy
from patchlaw.verification.operators.losses import LossFunction
from patchlaw.verification.operators.symmetric import SymmetricOperator
from patchlaw.verification.ranks.ranks import Group, Ranks


class CurvatureOperator(SymmetricOperator):
    """A symmetric curvature matrix of the mean loss over N samples, as a scipy LinearOperator.

    A v = (1/N) sum_n A_n v over all samples: chunks are summed in float64 and divided by N once,
    so neither their order nor an uneven last one matters beyond rounding. Several vectors given
    together (``op @ V``) share one pass over the data. The parameters are those of the model at
    construction. ``CurvatureProblem`` gives H, G and R on one backend.

    Args:
        model: a torch module, images (n, ...) to logits (n, C). With logits (n, T, C) and labels
            (n, T) the mean is over the T positions as well; a loss of one's own takes outputs of
            any shape (n, ...).
        images: shape (N, ...); for ``DistributedQNN`` (N, side, side), radians. Or a DataLoader,
            or anything else that can be iterated again and again, of batches (inputs, labels), or
            dictionaries of these two; it is read batch by batch at every product and must yield
            the same each time (no shuffling, no random augmentation).
        labels: as the loss expects: (N,) integers in [0, C) for cross-entropy. Left out where the
            batches have them.
        loss: "cross_entropy" (softmax), "squared_error" (l = |z - y|^2 / 2, labels are real
            targets (N, C), or (N,) for their one-hot rows), or a function of (logits, labels) that
            gives n losses; the mean over the samples is taken here.
        chunk_size: samples worked on at once (by each thread, in the fast backend); the
            backend's own default when left out.
        backend: "autodiff" for any module; "fast" for a DistributedQNN, or one patch's block
            of it, on the CPU; "auto" takes "fast" where it can.
        memory_budget: bytes that the fast backend may keep between products.
        check: False for those who know better: a module or loss of their own is then not tried
            on a few samples (second derivatives against finite differences, repeatable, samples
            that do not depend on each other). ``caveats``, results and records say so.
        name: what model and loss compute, in a word of your own. Checkpoints need it where these
            are lambdas, closures or hold objects that another process could not find again; it
            is for you to give another name to another computation.
        group: a process group of torch.distributed whose ranks share the samples, such as
            ``torch.distributed.group.WORLD``. Every rank makes the same operators of the same model
            and samples, works on its part, and calls everything as the others do: a product is one
            sum over the ranks, in their order and in float64, and every rank gets it.
            ``chunk_size`` and ``memory_budget`` are each rank's own; a checkpoint's folder is one
            for all.

    Attributes:
        shape: (D, D), in the flat order of the model's parameters.
        dtype: real dtype of the model, float32 or float64.
        n_samples: N.
        matvecs: number of vectors multiplied so far.
        backend_name: which arithmetic is used.
        caveats: what the trials of a module or loss of one's own left open; none as a rule.

    Raises:
        ValueError: zero samples, labels out of range or of another number than the images,
            NaN or infinity in parameters, images or vectors, layers in train mode, wrong shapes,
            a loss that is not twice differentiable, samples that depend on their batch, logits
            that change between calls, derivatives that finite differences contradict.
        TypeError: labels of another kind than the loss expects.
    """

    kind: ClassVar[CurvatureKind]

    def __init__(
        self,
        model: torch.nn.Module,
        images: Data,
        labels: Tensor | ArrayLike | None = None,
        *,
        loss: LossName | LossFunction = "cross_entropy",
        chunk_size: int | None = None,
        backend: BackendName = "auto",
        memory_budget: float | None = None,
        check: bool = True,
        name: str | None = None,
        group: Group | Ranks | None = None,
    ) -> None:
        data = own_copy(images, labels)
        made = make_backend(
            model, *data, backend, chunk_size, loss, memory_budget, check, name, group
        )
        self._use(made)

    @classmethod
    def on(cls, backend: CurvatureBackend) -> Self:
        """The operator on a backend that others may use as well."""
        operator = cls.__new__(cls)
        operator._use(backend)
        return operator

    def _use(self, backend: CurvatureBackend) -> None:
        self.backend = backend
        super().__init__(backend.dtype, backend.n_parameters, backend.n_samples, backend.ranks)

    @property
    def layout(self) -> ParameterLayout:
        """Names of the model's trained parameters, and groups if it has patches."""
        return self.backend.layout

    @property
    def backend_name(self) -> str:
        """Name of the arithmetic underneath."""
        return self.backend.name

    def identity(self) -> dict[str, Any]:
        """Kind, size, dtype, samples, and the fingerprint of model and data.

        Raises:
            ValueError: a model or loss without identity, and no name.
        """
        return {
            "matrix": self.kind,
            "size": self.shape[0],
            "dtype": str(self.dtype),
            "n_samples": self.n_samples,
            "problem": self.backend.fingerprint,
        }

    @property
    def caveats(self) -> tuple[str, ...]:
        """What the backend's checks left open."""
        return self.backend.caveats

    def product(self, vectors: NDArray[np.floating]) -> NDArray[np.floating]:
        """The mean over the samples."""
        return self.backend.product(self.kind, vectors)


class HessianOperator(CurvatureOperator):
    """H_ij = (1/N) sum_n d2 l_n / dt_i dt_j, the whole of Eq. (5) of the paper.

    H v = G v + R v and (u, H v) = (H u, v). Arguments, attributes and errors: CurvatureOperator.
    """

    kind = "hessian"


class GaussNewtonOperator(CurvatureOperator):
    """G_ij = (1/N) sum_n sum_kl S_kl (dz_k/dt_i)(dz_l/dt_j), first term of the paper's Eq. (5).

    S = diag(pi) - pi pi^T, pi = softmax(z); the prefactor s^2 of the paper sits in z = s sum_p
    f_p. v^T G v >= 0 for every v. Arguments, attributes and errors: CurvatureOperator.
    """

    kind = "gauss_newton"


class ResidualOperator(CurvatureOperator):
    """R_ij = (1/N) sum_n sum_k g_k d2 z_k / dt_i dt_j, second term of the paper's Eq. (5).

    g = pi - e_y is frozen and the second derivatives of the logits are taken directly, never
    H - G. In the angles of different patches R is exactly zero. Arguments, attributes and
    errors: CurvatureOperator.
    """

    kind = "residual"
