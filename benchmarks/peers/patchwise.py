"""What the peers' torch modules share: parameters in patchlaw's order, patches, the sum of both."""

from __future__ import annotations

import torch
from torch import Tensor

from benchmarks.peers.exchange import Problem
from patchlaw.simulators.ansatz import Ansatz
from patchlaw.simulators.patches import PatchGrid


class PatchwiseModel(torch.nn.Module):
    """z = c / P sum_p f_p(x_p + b_p); a peer gives f_p, the outputs of one patch's circuit."""

    pixel_indices: Tensor

    def __init__(self, problem: Problem) -> None:
        super().__init__()
        self.ansatz = Ansatz(problem.n_qubits, problem.depth)
        self.half_classes = problem.n_classes // 2
        grid = PatchGrid(problem.image_side, problem.n_qubits, problem.n_patches)
        self.register_buffer("pixel_indices", torch.tensor(grid.pixel_indices))
        self.output_scale = problem.scale / problem.n_patches
        self.angles = torch.nn.Parameter(torch.from_numpy(problem.angles.copy()))
        self.pixel_bias = torch.nn.Parameter(torch.from_numpy(problem.pixel_bias.copy()))

    def patch_outputs(self, angles: Tensor, features: Tensor) -> Tensor:
        """f (B, C): <X_i>, then <Z_i>; angles (n_angles,), features (n_features, B)."""
        raise NotImplementedError

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, C)."""
        pixels = (images + self.pixel_bias).flatten(1).T
        total = images.new_zeros(())
        for angles, rows in zip(self.angles, self.pixel_indices, strict=True):
            total = total + self.patch_outputs(angles, pixels[rows])
        return self.output_scale * total
