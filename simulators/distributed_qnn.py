"""The distributed QNN as a torch module: patches, circuits, aggregation."""

import math

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from patchlaw.simulators.ansatz import Ansatz, observables
from patchlaw.simulators.patches import PatchGrid
from patchlaw.simulators.torch_engine import circuit_outputs


class DistributedQNN(torch.nn.Module):
    """P independent QNNs on overlapping patches, their outputs aggregated to logits.

    z = c P^(-alpha) sum_p f_p(patch_p(image + b)), paper Eqs. (1)-(3): c = ``scale`` (paper: 100),
    alpha = ``aggregation_exponent`` (paper: 1, the mean), b the trainable pixel bias.

    The initial angles are uniform in [0, pi), drawn as the author drew them: a CPU generator
    seeded with ``seed``, one float32 draw a patch, in patch order, times pi (then cast to
    ``dtype``, so float64 starts from the same point). The bias starts at 0.

    Args:
        n_patches: P, a square (paper: 4, 9, 16).
        depth: layers of each entangling block (paper: 50, 100, 150, 200).
        n_qubits: n; a patch is n by n pixels (paper: 8).
        image_side: side of the image in pixels (paper: 14).
        n_classes: C, even, at most 2n (paper: 10).
        scale: c (paper: 100).
        aggregation_exponent: alpha (paper: 1).
        seed: seed of the initial angles (paper: 1001).
        dtype: torch.float32 (complex64 states) or torch.float64 (complex128).
        device: where parameters and states live.
        ansatz: a circuit of one's own in place of the paper's; ``depth`` is then ignored.

    Attributes:
        angles: Parameter (P, n_angles), radians; n_angles = 48 depth + 128 for n = 8.
        pixel_bias: Parameter (image_side, image_side), radians.

    Raises:
        ValueError: sizes that do not fit together, a scale or exponent that is not finite.
        TypeError: a dtype other than float32 and float64.
    """

    pixel_indices: Tensor

    def __init__(
        self,
        n_patches: int = 4,
        depth: int = 50,
        n_qubits: int = 8,
        image_side: int = 14,
        n_classes: int = 10,
        scale: float = 100.0,
        aggregation_exponent: float = 1.0,
        seed: int = 1001,
        dtype: torch.dtype = torch.float32,
        device: str | torch.device = "cpu",
        *,
        ansatz: Ansatz | None = None,
    ) -> None:
        super().__init__()
        if dtype not in (torch.float32, torch.float64):
            raise TypeError(f"dtype: expected torch.float32 or torch.float64, got {dtype}")
        for name, value in (("scale", scale), ("aggregation_exponent", aggregation_exponent)):
            if not math.isfinite(value):
                raise ValueError(f"{name}: expected a finite number, got {value}")
        self.ansatz = ansatz if ansatz is not None else Ansatz(n_qubits, depth)
        self.grid = PatchGrid(image_side, n_qubits, n_patches)
        if self.ansatz.n_features != n_qubits**2 or self.ansatz.n_qubits != n_qubits:
            raise ValueError(
                f"ansatz: expected {n_qubits} qubits and {n_qubits**2} features (a patch has "
                f"n_qubits^2 pixels), got {self.ansatz.n_qubits} and {self.ansatz.n_features}"
            )
        observables(n_qubits, n_classes)
        self.n_classes = n_classes
        self.scale = float(scale)
        self.aggregation_exponent = float(aggregation_exponent)
        self.seed = seed
        generator = torch.Generator().manual_seed(seed)
        draws = [
            torch.rand(self.ansatz.n_angles, generator=generator) * torch.pi
            for _ in range(n_patches)
        ]
        self.angles = torch.nn.Parameter(torch.stack(draws).to(device=device, dtype=dtype))
        bias = torch.zeros(image_side, image_side, device=device, dtype=dtype)
        self.pixel_bias = torch.nn.Parameter(bias)
        indices = torch.from_numpy(self.grid.pixel_indices).to(device)
        self.register_buffer("pixel_indices", indices, persistent=False)

    @property
    def n_patches(self) -> int:
        """P."""
        return self.grid.n_patches

    @property
    def n_parameters(self) -> int:
        """D = P n_angles + image_side^2."""
        return self.angles.numel() + self.pixel_bias.numel()

    @property
    def output_scale(self) -> float:
        """s = c P^(-alpha), the factor in front of the sum over patches."""
        return float(self.scale * self.n_patches**-self.aggregation_exponent)

    def _floating(self, name: str, values: Tensor | ArrayLike) -> Tensor:
        """Values in the model's dtype and on its device; arrays of any layout, read-only too."""
        if not isinstance(values, Tensor):
            array = np.asarray(values)
            native = array.dtype.newbyteorder("=")
            values = torch.from_numpy(np.require(array, native, ["C", "W"]))
        if not values.is_floating_point():
            raise TypeError(f"{name}: expected floating-point radians, got {values.dtype}")
        return values.to(device=self.angles.device, dtype=self.angles.dtype)

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
                f"images: expected shape (N, {side}, {side}) with N >= 1, in radians, "
                f"got {tuple(tensor.shape)}"
            )
        if not torch.isfinite(tensor).all():
            raise ValueError("images: expected finite pixels, got NaN or infinity")
        return tensor

    def patch_features(self, images: Tensor, pixel_bias: Tensor) -> Tensor:
        """Features of every patch, shape (P, n*n, N): image plus bias at the patch's pixels."""
        pixels = (images + pixel_bias).reshape(len(images), -1)
        return pixels.T[self.pixel_indices]

    def patch_outputs(
        self,
        images: Tensor | ArrayLike,
        angles: Tensor | None = None,
        pixel_bias: Tensor | None = None,
    ) -> Tensor:
        """Outputs f_p of every patch, shape (N, P, C), each in [-1, 1], by plain torch operations.

        Args:
            images: shape (N, side, side), radians.
            angles: (P, n_angles) in place of the model's.
            pixel_bias: (side, side) in place of the model's.
        """
        angles = self.angles if angles is None else angles
        bias = self.pixel_bias if pixel_bias is None else pixel_bias
        features = self.patch_features(self.check_images(images), bias)
        return circuit_outputs(self.ansatz, angles, features, self.n_classes).permute(2, 0, 1)

    def autograd_logits(
        self,
        images: Tensor | ArrayLike,
        angles: Tensor | None = None,
        pixel_bias: Tensor | None = None,
    ) -> Tensor:
        """Logits (N, C) by plain torch operations: the reference that autograd differentiates."""
        return self.output_scale * self.patch_outputs(images, angles, pixel_bias).sum(dim=1)

    def forward(self, images: Tensor | ArrayLike) -> Tensor:
        """Logits, shape (N, C), of images of shape (N, side, side) in radians.

        On the CPU the fast engine computes them and their first derivatives in the parameters;
        elsewhere, and where torch has to see every operation (gradients of the images, second
        derivatives, ``torch.func``, forward mode, ``torch.compile``), ``autograd_logits`` does.
        """
        # numba takes a second to import: only where it is used
        from patchlaw.simulators.fast_engine import module_logits

        pixels = self.check_images(images)
        if module_logits.serves(self, pixels):
            return module_logits.logits(self, pixels)
        return self.autograd_logits(pixels)

    def flat_parameters(self) -> Tensor:
        """A detached copy of all parameters, shape (D,): angles patch by patch, then bias rows."""
        return torch.cat([self.angles.detach().reshape(-1), self.pixel_bias.detach().reshape(-1)])

    def unflatten(self, vector: Tensor) -> tuple[Tensor, Tensor]:
        """Split a flat vector (D,) into views shaped as (angles, pixel_bias)."""
        angles, bias = vector.split([self.angles.numel(), self.pixel_bias.numel()])
        return angles.reshape(self.angles.shape), bias.reshape(self.pixel_bias.shape)

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
        angles, bias = self.unflatten(flat)
        with torch.no_grad():
            self.angles.copy_(angles)
            self.pixel_bias.copy_(bias)
