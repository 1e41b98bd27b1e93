"""Batched complex products by the Triton kernel; the twin of ``products.split_product``."""

import torch
import triton
from torch import Tensor

from patchlaw.simulators.torch_engine.triton_kernels.product_kernels import multiply

# Ours, not measured: with the split operands, what 4 warps' registers hold (compiled for sm_90).
_BLOCK = {"ROWS": 64, "INNER": 16, "COLUMNS": 64, "num_warps": 4}


def fused_product(left: Tensor, right: Tensor) -> Tensor:
    """left @ right, shapes (P, a, b) and (P, b, c), complex64, of any strides.

    The kernel counts within a patch in 32 bits (64 would not fit its registers); longer ones, of
    millions of samples, torch multiplies in full float32.
    """
    patches, rows, inner = left.shape
    columns = right.shape[2]
    a, b = (torch.view_as_real(part.conj() if part.is_conj() else part) for part in (left, right))
    if max(map(_span, (a, b))) >= 1 << 31:
        return left @ right
    result = torch.empty(patches, rows, columns, 2, dtype=torch.float32, device=left.device)
    grid = triton.cdiv(rows, _BLOCK["ROWS"]), triton.cdiv(columns, _BLOCK["COLUMNS"]), patches
    multiply[grid](
        result,
        a,
        b,
        rows,
        inner,
        columns,
        *a.stride()[:3],
        *b.stride()[:3],
        LEFT_CONJUGATE=left.is_conj(),
        RIGHT_CONJUGATE=right.is_conj(),
        **_BLOCK,
    )
    return torch.view_as_complex(result)


def _span(pairs: Tensor) -> int:
    """Reals from a patch's first entry to its last."""
    entries = zip(pairs.shape[1:], pairs.stride()[1:], strict=True)
    return sum((size - 1) * step for size, step in entries)
