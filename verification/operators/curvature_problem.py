"""Model, parameters, loss and samples: what H, G and R have in common."""

from functools import cached_property

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from patchlaw.simulators import DistributedQNN
from patchlaw.verification.operators.backend import CurvatureBackend
from patchlaw.verification.operators.choice import BackendName, Data, make_backend, own_copy
from patchlaw.verification.operators.gauss_newton import GaussNewtonOperator
from patchlaw.verification.operators.hessian import HessianOperator
from patchlaw.verification.operators.layout import ParameterLayout
from patchlaw.verification.operators.losses import LossFunction, LossName
from patchlaw.verification.operators.patch_block import (
    PatchBlockModel,
    block_inputs,
    computes_as_written,
)
from patchlaw.verification.operators.residual import ResidualOperator


class CurvatureProblem:
    """H, G and R of one model at one parameter vector over one data set, on one backend.

    The backend is made at the first use, from the parameters that the model has then; the states
    that the fast backend keeps between products exist once for all three.

    Args:
        model: see CurvatureOperator, also for the other arguments.
        images: shape (N, ...).
        labels: as the loss expects.
        loss: name or function.
        chunk_size: samples worked on at once.
        backend: "auto", "autodiff" or "fast".
        memory_budget: bytes that the fast backend may keep.
        check: False leaves out the trial of a module or loss of one's own.
        name: what model and loss compute, where checkpoints need to be told.
    """

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
    ) -> None:
        self.model = model
        self._data, self.labels = own_copy(images, labels)
        self._name = name
        self._check = check
        self.loss = loss
        self._chunk_size = chunk_size
        self._backend_name = backend
        self._memory_budget = memory_budget

    @property
    def images(self) -> Tensor:
        """All inputs, shape (N, ...).

        Raises:
            TypeError: a loader of batches was given.
        """
        if not isinstance(self._data, Tensor):
            raise TypeError(
                "images: expected arrays where all samples are needed at once (patches, the dense "
                "Gauss-Newton matrix from Jacobians), got a loader of batches"
            )
        return self._data

    @cached_property
    def backend(self) -> CurvatureBackend:
        """The shared arithmetic."""
        return make_backend(
            self.model,
            self._data,
            self.labels,
            self._backend_name,
            self._chunk_size,
            self.loss,
            self._memory_budget,
            self._check,
            self._name,
        )

    @cached_property
    def hessian(self) -> HessianOperator:
        """H = G + R."""
        return HessianOperator.on(self.backend)

    @cached_property
    def gauss_newton(self) -> GaussNewtonOperator:
        """G, the first term of Eq. (5)."""
        return GaussNewtonOperator.on(self.backend)

    @cached_property
    def residual(self) -> ResidualOperator:
        """R, the second term of Eq. (5)."""
        return ResidualOperator.on(self.backend)

    @property
    def distributed_qnn(self) -> DistributedQNN:
        """The model, where patches are asked for.

        Raises:
            TypeError: the model has no patches, or a forward pass or hooks of its own.
            ValueError: some of its parameters are frozen.
        """
        if not isinstance(self.model, DistributedQNN):
            raise TypeError(
                f"model: expected a DistributedQNN (only it has patches), got "
                f"{type(self.model).__name__}"
            )
        if not computes_as_written(self.model):
            raise TypeError(
                "model: expected a DistributedQNN that computes what its class says where patches "
                f"are asked for, got {type(self.model).__name__} with a forward pass or hooks of "
                "its own; restrict the operator instead (RestrictedOperator)"
            )
        if not all(p.requires_grad for p in self.model.parameters()):
            raise ValueError(
                "model: expected all parameters to require gradients where patches are asked for, "
                "got frozen ones; restrict the operator instead (RestrictedOperator)"
            )
        return self.model

    @property
    def layout(self) -> ParameterLayout:
        """Which parameters belong to which patch."""
        return ParameterLayout.of(self.distributed_qnn)

    def blocks(self) -> list["CurvatureProblem"]:
        """One problem a patch, whose H, G and R are the diagonal blocks in its angles.

        Raises:
            TypeError: the model has no patches.
        """
        model = self.distributed_qnn
        return [
            CurvatureProblem(
                PatchBlockModel(model, p),
                inputs,
                self.labels,
                loss=self.loss,
                chunk_size=self._chunk_size,
                backend=self._backend_name,
                memory_budget=self._memory_budget,
                check=self._check,
                name=self._name,
            )
            for p, inputs in enumerate(block_inputs(model, model.check_images(self.images)))
        ]
