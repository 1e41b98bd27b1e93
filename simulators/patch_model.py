"""What a model made of patches offers, and what this package's two kinds of them share."""

import math
from collections.abc import Iterator
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from patchlaw.simulators.layout import ParameterLayout
from patchlaw.simulators.patches import PatchGrid

_CHUNK = 1000  # samples a pass, to bound memory


@runtime_checkable
class PatchModel(Protocol):
    """A torch module z = s sum_p f_p(patch p; theta_p) + (what belongs to no patch).

    Attributes:
        n_classes: C.
    """

    n_classes: int

    @property
    def n_patches(self) -> int:
        """P."""
        ...

    @property
    def n_parameters(self) -> int:
        """D."""
        ...

    @property
    def output_scale(self) -> float:
        """s, the factor in front of the sum over patches."""
        ...

    @property
    def layout(self) -> ParameterLayout:
        """Names and groups of the flat parameters, one group a patch."""
        ...

    def parameters(self) -> Iterator[torch.nn.Parameter]:
        """The parameters in flat order."""
        ...

    def named_parameters(self) -> Iterator[tuple[str, torch.nn.Parameter]]:
        """The same with their names."""
        ...

    def check_images(self, images: Tensor | ArrayLike) -> Tensor:
        """Images as a tensor of the model's dtype and device; ValueError if they do not fit."""
        ...

    def autograd_logits(self, images: Tensor) -> Tensor:
        """Logits (N, C) of checked images by plain torch operations."""
        ...

    def flat_parameters(self) -> Tensor:
        """A detached copy of all parameters, shape (D,)."""
        ...

    def load_flat_parameters(self, vector: Tensor | ArrayLike) -> None:
        """Set all parameters from a vector in the order of ``flat_parameters``."""
        ...

    def patch_block(self, patch: int) -> torch.nn.Module:
        """The model in patch p's own parameters alone, a copy of them; see ``block_inputs``."""
        ...

    def block_inputs(self, images: Tensor | ArrayLike) -> list[Tensor]:
        """What each patch's block reads for these images, one row a sample: P tensors."""
        ...


class PatchBlockModel(torch.nn.Module):
    """z = (others' logits) + s f_p(features; theta_p), trainable in patch p's parameters alone.

    The blocks H_pp, G_pp, R_pp depend on the other patches only through the logits that they
    contribute. So this is an ordinary classifier whose input rows are (patch p's features, C logits
    of all others), computed once: ``block_inputs``.
    """

    def __init__(self, model: "PatchModule", patch: int) -> None:
        super().__init__()
        if not 0 <= patch < model.n_patches:
            raise ValueError(
                f"patch: expected an integer from 0 to {model.n_patches - 1}, got {patch}"
            )
        self.n_classes = model.n_classes
        self.output_scale = model.output_scale

    def outputs(self, features: Tensor) -> Tensor:
        """f_p of features (n, F), shape (n, C); what a subclass provides."""
        raise NotImplementedError

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits (n, C) of input rows (n, F + C)."""
        features, others = inputs.split([inputs.shape[1] - self.n_classes, self.n_classes], dim=1)
        logits: Tensor = others + self.output_scale * self.outputs(features)
        return logits


class PatchModule(torch.nn.Module):
    """The common part of ``DistributedQNN`` and ``PatchEnsemble``; meets ``PatchModel``.

    z = c P^(-alpha) sum_p f_p(patch p), c = ``scale``, alpha = ``aggregation_exponent``.

    Args:
        grid: where the patches lie.
        n_classes: C.
        scale: c.
        aggregation_exponent: alpha.

    Raises:
        ValueError: a scale or exponent that is not finite.
    """

    pixel_indices: Tensor
    unit: ClassVar[str] = "numbers"  # of pixels

    def __init__(
        self, grid: PatchGrid, n_classes: int, scale: float, aggregation_exponent: float
    ) -> None:
        super().__init__()
        for name, value in (("scale", scale), ("aggregation_exponent", aggregation_exponent)):
            if not math.isfinite(value):
                raise ValueError(f"{name}: expected a finite number, got {value}")
        self.grid = grid
        self.n_classes = n_classes
        self.scale = float(scale)
        self.aggregation_exponent = float(aggregation_exponent)
        indices = torch.from_numpy(grid.pixel_indices)
        self.register_buffer("pixel_indices", indices, persistent=False)

    @property
    def patch_selections(self) -> tuple[str, ...]:
        """Selection (see ParameterLayout) of each patch's own parameters."""
        raise NotImplementedError

    def patch_outputs(self, images: Tensor | ArrayLike) -> Tensor:
        """Outputs f_p of every patch, shape (N, P, C)."""
        raise NotImplementedError

    def patch_block(self, patch: int) -> PatchBlockModel:
        """See PatchModel.

        Raises:
            ValueError: no such patch.
        """
        raise NotImplementedError

    def patch_features(self, images: Tensor) -> Tensor:
        """Features of every patch, shape (P, side^2, N): the image at the patch's pixels."""
        return images.reshape(len(images), -1).T[self.pixel_indices]

    def shared_logits(self, images: Tensor) -> Tensor | None:
        """Logits (N, C) that no patch gives; None if there are none."""
        return None

    def autograd_logits(self, images: Tensor | ArrayLike) -> Tensor:
        """Logits (N, C) by plain torch operations."""
        pixels = self.check_images(images)
        logits = self.output_scale * self.patch_outputs(pixels).sum(dim=1)
        shared = self.shared_logits(pixels)
        return logits if shared is None else logits + shared

    @property
    def n_patches(self) -> int:
        """P."""
        return self.grid.n_patches

    @property
    def n_parameters(self) -> int:
        """D."""
        return sum(p.numel() for p in self.parameters())

    @property
    def output_scale(self) -> float:
        """s = c P^(-alpha), the factor in front of the sum over patches."""
        return float(self.scale * self.n_patches**-self.aggregation_exponent)

    @property
    def layout(self) -> ParameterLayout:
        """Names and groups of the flat parameters."""
        return ParameterLayout.of(self.named_parameters(), self.patch_selections)

    def _floating(self, name: str, values: Tensor | ArrayLike) -> Tensor:
        """Values in the model's dtype and on its device; arrays of any layout, read-only too."""
        if not isinstance(values, Tensor):
            array = np.asarray(values)
            native = array.dtype.newbyteorder("=")
            values = torch.from_numpy(np.require(array, native, ["C", "W"]))
        if not values.is_floating_point():
            raise TypeError(f"{name}: expected floating-point {self.unit}, got {values.dtype}")
        like = next(self.parameters())
        return values.to(device=like.device, dtype=like.dtype)

    def check_images(self, images: Tensor | ArrayLike) -> Tensor:
        """Images as a tensor of the model's dtype and device.

        Raises:
            TypeError: integers (raw bytes are no angles) or complex numbers.
            ValueError: shape other than (N, side, side) with N >= 1, or NaN or infinity.
        """
        side = self.grid.image_side
        tensor = self._floating("images", images)
        if tensor.ndim != 3 or tensor.shape[1:] != (side, side) or len(tensor) == 0:
            raise ValueError(
                f"images: expected shape (N, {side}, {side}) with N >= 1, in {self.unit}, "
                f"got {tuple(tensor.shape)}"
            )
        ends = torch.stack(tensor.detach().aminmax())  # which a NaN anywhere makes NaN
        if not torch.isfinite(ends).all():
            raise ValueError("images: expected finite pixels, got NaN or infinity")
        return tensor

    def block_inputs(self, images: Tensor | ArrayLike) -> list[Tensor]:
        """Each patch's rows for its block: P tensors (N, n_features + C)."""
        rows: list[list[Tensor]] = [[] for _ in range(self.n_patches)]
        with torch.no_grad():
            for chunk in self.check_images(images).split(_CHUNK):
                features = self.patch_features(chunk)
                outputs = self.output_scale * self.patch_outputs(chunk)
                logits = outputs.sum(dim=1)
                if (shared := self.shared_logits(chunk)) is not None:
                    logits = logits + shared
                for p in range(self.n_patches):
                    rows[p].append(torch.cat([features[p].T, logits - outputs[:, p]], dim=1))
        return [torch.cat(parts) for parts in rows]

    def flat_parameters(self) -> Tensor:
        """A detached copy of all parameters, shape (D,): patch by patch, then the shared ones."""
        return torch.cat([p.detach().reshape(-1) for p in self.parameters()])

    def load_flat_parameters(self, vector: Tensor | ArrayLike) -> None:
        """Set all parameters from a vector in the order of ``flat_parameters``.

        Raises:
            TypeError: integers or complex numbers.
            ValueError: shape other than (D,), or NaN or infinity.

        The model is left as it was when an error is raised.
        """
        flat = self._floating("vector", vector)
        if flat.shape != (self.n_parameters,):
            raise ValueError(
                f"vector: expected shape ({self.n_parameters},), got {tuple(flat.shape)}"
            )
        if not torch.isfinite(flat).all():
            raise ValueError("vector: expected finite parameters, got NaN or infinity")
        with torch.no_grad():
            for parameter, part in zip(self.parameters(), self.layout.split(flat), strict=True):
                parameter.copy_(part)
