"""Model, parameters, loss and samples: what H, G and R have in common."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, overload

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from patchlaw.simulators import ParameterLayout, PatchModel
from patchlaw.simulators.output_losses import LossName
from patchlaw.verification.operators.backend import CurvatureBackend
from patchlaw.verification.operators.base import (
    GaussNewtonOperator,
    HessianOperator,
    ResidualOperator,
)
from patchlaw.verification.operators.choice import BackendName, Data, make_backend, own_copy
from patchlaw.verification.operators.losses import LossFunction
from patchlaw.verification.operators.patch_block import as_patch_model
from patchlaw.verification.operators.restriction import RestrictedOperator
from patchlaw.verification.ranks.ranks import Group, Ranks


class CurvatureProblem:
    """H, G and R of one model at one parameter vector over one data set, on one backend.

    The backend is made at the first use, from the parameters that the model has then; the states
    that the fast backend keeps between products exist once for all three. Arguments and errors:
    CurvatureOperator.
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
        group: Group | Ranks | None = None,
    ) -> None:
        self.model, self.loss = model, loss
        self._data, self.labels = own_copy(images, labels)
        self._options: dict[str, Any] = {
            "loss": loss,
            "chunk_size": chunk_size,
            "backend": backend,
            "memory_budget": memory_budget,
            "check": check,
            "name": name,
            "group": Ranks.of(group),
        }

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
        return make_backend(self.model, self._data, self.labels, **self._options)

    @property
    def ranks(self) -> Ranks:
        """Who share the samples."""
        ranks: Ranks = self._options["group"]
        return ranks

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
    def patch_model(self) -> PatchModel:
        """The model, where patches are asked for.

        Raises:
            TypeError: the model has no patches, or a forward pass or hooks of its own.
            ValueError: some of its parameters are frozen.
        """
        return as_patch_model(self.model)

    @property
    def layout(self) -> ParameterLayout:
        """Which parameters belong to which patch; errors as ``patch_model``."""
        return self.patch_model.layout

    @overload
    def blocks(self, by: Literal["patch"] = "patch") -> list["CurvatureProblem"]: ...

    @overload
    def blocks(self, by: Literal["parameter"]) -> list["ParameterBlock"]: ...

    def blocks(
        self, by: Literal["patch", "parameter"] = "patch"
    ) -> "list[CurvatureProblem] | list[ParameterBlock]":
        """The diagonal blocks of H, G and R, as objects with ``hessian`` and the others.

        Args:
            by: "patch": one problem a patch, in its own parameters, at the cost of one patch;
                "parameter": one block a parameter tensor of any module (a layer's weight, say), at
                the cost of products with the whole matrix.

        Raises:
            TypeError: by patch, and the model has none.
            ValueError: another word.
        """
        if by == "parameter":
            return [ParameterBlock(self, name) for name in self.backend.layout.names]
        if by != "patch":
            raise ValueError(f"by: expected 'patch' or 'parameter', got {by!r}")
        model = self.patch_model
        return [
            CurvatureProblem(model.patch_block(p), inputs, self.labels, **self._options)
            for p, inputs in enumerate(model.block_inputs(self.images))
        ]


@dataclass(frozen=True, eq=False)
class ParameterBlock:
    """The diagonal blocks of H, G and R in the parameters of one selection.

    Attributes:
        problem: of the whole model.
        name: the selection; see ParameterLayout.
    """

    problem: CurvatureProblem
    name: str

    @property
    def hessian(self) -> RestrictedOperator:
        """The block of H."""
        return RestrictedOperator(self.problem.hessian, self.name)

    @property
    def gauss_newton(self) -> RestrictedOperator:
        """The block of G."""
        return RestrictedOperator(self.problem.gauss_newton, self.name)

    @property
    def residual(self) -> RestrictedOperator:
        """The block of R."""
        return RestrictedOperator(self.problem.residual, self.name)
