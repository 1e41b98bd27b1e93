"""Batched complex products of states and matrices, exact in float32 or faster to a known error.

- "exact": torch's complex product in IEEE float32. The default.
- "gauss": three real products in place of four, Re = k1 - k3, Im = k1 + k2 with
  k1 = (Ar + Ai) Br, k2 = Ar (Bi - Br), k3 = Ai (Br + Bi). The error is of the size of
  eps |A| |B| for both parts, also where one of them is small by itself.
- "tf32x3": four real products on tensor cores, every float32 as a sum of two TF32 numbers (11
  significant bits each), three TF32 products summed in float32; what is left out is of the size of
  2^-22 |A| |B|. By a Triton kernel where there is one, else the same arithmetic emulated, which
  predicts the error and is slow. Plain TF32, with an error of 2^-11, is not among them.

complex128 products are exact in every mode.
"""

import torch
from torch import Tensor

from patchlaw.simulators.torch_engine.precision import ProductMode
from patchlaw.simulators.torch_engine.triton_kernels import kernels_run_on


def complex_product(left: Tensor, right: Tensor, mode: ProductMode = "exact") -> Tensor:
    """left @ right, shapes (P, a, b) and (P, b, c), complex."""
    if mode == "exact" or left.dtype == torch.complex128:
        return left @ right
    if mode == "gauss":
        return _gauss(left, right)
    if kernels_run_on(left.device):
        from patchlaw.simulators.torch_engine.triton_kernels.fused_products import fused_product

        return fused_product(left, right)
    return split_product(left, right)


def _gauss(left: Tensor, right: Tensor) -> Tensor:
    left_re, left_im, right_re, right_im = left.real, left.imag, right.real, right.imag
    shared = (left_re + left_im) @ right_re
    return torch.complex(
        shared - left_im @ (right_re + right_im), shared + left_re @ (right_im - right_re)
    )


def split_product(left: Tensor, right: Tensor, terms: int = 3) -> Tensor:
    """The product with float32 factors as sums of TF32 numbers; the twin of "tf32x3".

    Args:
        left: shape (P, a, b), complex64.
        right: shape (P, b, c), complex64.
        terms: 3 of the four products of large and small parts, or 1: plain TF32, to compare.
    """

    def real_product(a: Tensor, b: Tensor) -> Tensor:
        (a_large, a_small), (b_large, b_small) = _split(a), _split(b)
        if terms == 1:
            return a_large @ b_large
        return (a_small @ b_large + a_large @ b_small) + a_large @ b_large

    left_re, left_im, right_re, right_im = left.real, left.imag, right.real, right.imag
    return torch.complex(
        real_product(left_re, right_re) - real_product(left_im, right_im),
        real_product(left_re, right_im) + real_product(left_im, right_re),
    )


def _split(values: Tensor) -> tuple[Tensor, Tensor]:
    """(large, small), both TF32: values = large + small to 2^-22."""
    large = _tf32(values)
    return large, _tf32(values - large)


def _tf32(values: Tensor) -> Tensor:
    """Rounded to the 10 stored bits of TF32, ties away from zero, as cvt.rna.tf32 does."""
    bits = values.contiguous().view(torch.int32)
    return ((bits + (1 << 12)) & ~((1 << 13) - 1)).view(torch.float32)
