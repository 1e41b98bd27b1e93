"""Single-qubit rotations as unit quaternions: products of many in real arithmetic.

The quaternion (w, x, y, z) stands for U = w I - i (x X + y Y + z Z) in SU(2); the product of
matrices is the product of quaternions, and R_a(t) = exp(-i t a / 2) is cos(t/2) + sin(t/2) a.
"""

import torch
from torch import Tensor

from patchlaw.simulators.ansatz import Axis


def rotation(axis: Axis, angle: Tensor) -> Tensor:
    """Quaternion of R_axis(angle), shape (*angle.shape, 4), real dtype of ``angle``."""
    cos, sin = torch.cos(angle / 2), torch.sin(angle / 2)
    zero = torch.zeros_like(angle)
    parts = (cos, sin, zero, zero) if axis == "X" else (cos, zero, sin, zero)
    return torch.stack(parts, dim=-1)


def multiply(left: Tensor, right: Tensor) -> Tensor:
    """Quaternion of the matrix product left @ right; shapes (..., 4) broadcast."""
    w1, x1, y1, z1 = left.unbind(-1)
    w2, x2, y2, z2 = right.unbind(-1)
    return torch.stack(
        (
            w1 * w2 - x1 * x2 - y1 * y2 - z1 * z2,
            w1 * x2 + x1 * w2 + y1 * z2 - z1 * y2,
            w1 * y2 - x1 * z2 + y1 * w2 + z1 * x2,
            w1 * z2 + x1 * y2 - y1 * x2 + z1 * w2,
        ),
        dim=-1,
    )


def to_matrix(quaternion: Tensor) -> Tensor:
    """The 2x2 matrices, shape (..., 2, 2), complex."""
    w, x, y, z = quaternion.unbind(-1)
    top = torch.stack((torch.complex(w, -z), torch.complex(-y, -x)), dim=-1)
    bottom = torch.stack((torch.complex(y, -x), torch.complex(w, z)), dim=-1)
    return torch.stack((top, bottom), dim=-2)
