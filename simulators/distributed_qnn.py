"""The distributed QNN as a torch module: patches, circuits, aggregation."""

import math
from typing import ClassVar

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from patchlaw.simulators.ansatz import Ansatz
from patchlaw.simulators.patch_model import PatchBlockModel, PatchModule
from patchlaw.simulators.patches import PatchGrid
from patchlaw.simulators.replication import Replication
from patchlaw.simulators.torch_engine import circuit_outputs


class CircuitBlock(PatchBlockModel):
    """One patch's circuit as a model of its own; see PatchBlockModel.

    Args:
        model: its angles are copied.
        patch: p, counted from 0.

    Raises:
        ValueError: no such patch, or angles that the patches share.
    """

    def __init__(self, model: "DistributedQNN", patch: int) -> None:
        super().__init__(model, patch)
        if model.shared_angles:
            raise ValueError(
                "patch: expected a model whose patches have angles of their own, got one that "
                "shares them, so no block is a patch's; restrict the operator to 'angles'"
            )
        self.ansatz = model.ansatz
        self.angles = torch.nn.Parameter(model.angles.detach()[patch : patch + 1].clone())

    def outputs(self, features: Tensor) -> Tensor:
        """f_p of features (n, n_features), shape (n, C)."""
        return circuit_outputs(self.ansatz, self.angles, features.T[None], self.n_classes)[0].T


class DistributedQNN(PatchModule):
    """P independent QNNs on overlapping patches, their outputs aggregated to logits.

    z = c P^(-alpha) sum_p f_p(patch_p(image + b)), paper Eqs. (1)-(3): c = ``scale`` (paper: 100),
    alpha = ``aggregation_exponent`` (paper: 1, the mean), b the trainable pixel bias. Under
    ``noise`` p of the circuits' m gates the outputs are (1 - p)^m f_p.

    The initial angles are uniform in [0, pi), drawn as the author drew them: a CPU generator
    seeded with ``seed``, one float32 draw a patch, in patch order, times pi (then cast to
    ``dtype``, so float64 starts from the same point). The bias starts at 0.

    Args:
        n_patches: P, a square (paper: 4, 9, 16).
        depth: layers of each entangling block (paper: 50, 100, 150, 200).
        n_qubits: n (paper: 8); left out, 8 or the ansatz's.
        image_side: side of the image in pixels (paper: 14).
        n_classes: C, at most the number of observables, 2n (paper: 10).
        scale: c (paper: 100).
        aggregation_exponent: alpha (paper: 1).
        seed: seed of the initial angles (paper: 1001).
        dtype: torch.float32 (complex64 states) or torch.float64 (complex128).
        device: where parameters and states live.
        ansatz: a circuit of one's own in place of the paper's; ``depth`` is then ignored. A patch
            has as many pixels as the circuit reads features: side x side, n x n in the paper.
        bias: whether there is a pixel bias.
        shared_angles: whether all patches have the same angles, those that patch 0 would have.
        noise: p of global depolarising after every gate; see ``Ansatz.retention``.

    Attributes:
        angles: Parameter (P, n_angles), radians; n_angles = 48 depth + 128 for n = 8. Shared
            angles have the shape (1, n_angles).
        pixel_bias: Parameter (image_side, image_side), radians; without a bias zeros that are no
            parameter.

    Raises:
        ValueError: sizes that do not fit together, a scale or exponent that is not finite, noise
            that leaves nothing.
        TypeError: a dtype other than float32 and float64.
    """

    unit: ClassVar[str] = "radians"

    def __init__(
        self,
        n_patches: int = 4,
        depth: int = 50,
        n_qubits: int | None = None,
        image_side: int = 14,
        n_classes: int = 10,
        scale: float = 100.0,
        aggregation_exponent: float = 1.0,
        seed: int = 1001,
        dtype: torch.dtype = torch.float32,
        device: str | torch.device = "cpu",
        *,
        ansatz: Ansatz | None = None,
        bias: bool = True,
        shared_angles: bool = False,
        noise: float = 0.0,
    ) -> None:
        if dtype not in (torch.float32, torch.float64):
            raise TypeError(f"dtype: expected torch.float32 or torch.float64, got {dtype}")
        if ansatz is None:
            ansatz = Ansatz(8 if n_qubits is None else n_qubits, depth)
        if n_qubits not in (None, ansatz.n_qubits):
            raise ValueError(
                f"ansatz: expected {n_qubits} qubits, got {ansatz.n_qubits}; leave n_qubits out"
            )
        patch_side = math.isqrt(ansatz.n_features)
        if patch_side**2 != ansatz.n_features or not patch_side:
            raise ValueError(
                "ansatz: expected a square number of features (a patch has side x side pixels, "
                f"each a feature), got {ansatz.n_features}"
            )
        ansatz.outputs(n_classes)
        grid = PatchGrid(image_side, patch_side, n_patches)
        super().__init__(grid, n_classes, scale, aggregation_exponent)
        self.ansatz = ansatz
        self.noise = float(noise)
        self._retention = ansatz.retention(self.noise)
        self.seed = seed
        generator = torch.Generator().manual_seed(seed)
        draws = [
            torch.rand(self.ansatz.n_angles, generator=generator) * torch.pi
            for _ in range(1 if shared_angles else n_patches)
        ]
        self.angles = torch.nn.Parameter(torch.stack(draws).to(device=device, dtype=dtype))
        zeros = torch.zeros(image_side, image_side, device=device, dtype=dtype)
        self.pixel_bias: Tensor
        if bias:
            self.pixel_bias = torch.nn.Parameter(zeros)
        else:
            self.register_buffer("pixel_bias", zeros, persistent=False)
        self.replication = Replication(
            n_patches, ansatz.n_angles, image_side**2, shared_angles, bias
        )
        self.pixel_indices = self.pixel_indices.to(device)

    def extra_repr(self) -> str:
        """Sizes, in ``print(model)``."""
        grid, circuit = self.grid, self.ansatz
        return (
            f"n_patches={grid.n_patches}, depth={circuit.depth}, n_qubits={circuit.n_qubits}, "
            f"image_side={grid.image_side}, n_classes={self.n_classes}"
        )

    @property
    def output_scale(self) -> float:
        """s = c (1 - p)^m P^(-alpha): all that noise p does."""
        return super().output_scale * self._retention

    @property
    def patch_selections(self) -> tuple[str, ...]:
        """Each patch's angles; of shared ones the only group there is."""
        return tuple(f"angles[{p}]" for p in range(len(self.angles)))

    @property
    def shared_angles(self) -> bool:
        """Whether all patches have the same angles."""
        return self.replication.shared_angles

    @property
    def circuit_angles(self) -> Tensor:
        """Angles of every patch's circuit, shape (P, n_angles)."""
        return self.angles.expand(self.n_patches, -1) if self.shared_angles else self.angles

    def patch_block(self, patch: int) -> CircuitBlock:
        """See PatchModel."""
        return CircuitBlock(self, patch)

    def patch_features(self, images: Tensor, pixel_bias: Tensor | None = None) -> Tensor:
        """Features of every patch, shape (P, side^2, N): image plus bias at the patch's pixels."""
        bias = self.pixel_bias if pixel_bias is None else pixel_bias
        return super().patch_features(images + bias)

    def patch_outputs(
        self,
        images: Tensor | ArrayLike,
        angles: Tensor | None = None,
        pixel_bias: Tensor | None = None,
    ) -> Tensor:
        """Outputs f_p of every patch, shape (N, P, C), each in [-1, 1], by plain torch operations.

        Args:
            images: shape (N, side, side), radians.
            angles: (P, n_angles) in place of ``circuit_angles``.
            pixel_bias: (side, side) in place of the model's.
        """
        angles = self.circuit_angles if angles is None else angles
        features = self.patch_features(self.check_images(images), pixel_bias)
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
