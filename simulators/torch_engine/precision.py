"""Full float32 products, whatever the process allows elsewhere, and what may stand in for them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal, TypeAlias, get_args

import torch

#: how the dense complex products are made; see ``products``
ProductMode: TypeAlias = Literal["exact", "gauss", "tf32x3"]


def chosen_products(mode: str | None = None) -> ProductMode:
    """The mode, or else that of the environment's PATCHLAW_PRODUCTS, or else "exact".

    Raises:
        ValueError: an unknown one.
    """
    wanted = mode or os.environ.get("PATCHLAW_PRODUCTS") or "exact"
    for known in get_args(ProductMode):
        if wanted == known:
            found: ProductMode = known
            return found
    raise ValueError(
        f"products: expected one of {', '.join(get_args(ProductMode))}, got {wanted}; plain TF32 "
        "is not offered, as its error of 2^-11 shows in second derivatives"
    )


@contextmanager
def full_precision() -> Iterator[None]:
    """Keep matrix products in IEEE float32 (no TF32, no bfloat16) and restore the setting after.

    The setting is the process's: other threads that multiply meanwhile get full precision too.
    """
    # torch 2.9 replaced allow_tf32 by fp32_precision; mixing the two on one module is an error
    candidates: tuple[Any, ...] = (
        torch.backends.cuda.matmul,
        getattr(torch.backends.mkldnn, "matmul", None),
    )
    modules = [module for module in candidates if hasattr(module, "fp32_precision")]
    if not modules:
        before = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision("highest")
        try:
            yield
        finally:
            torch.set_float32_matmul_precision(before)
        return
    saved = [module.fp32_precision for module in modules]
    for module in modules:
        module.fp32_precision = "ieee"
    try:
        yield
    finally:
        for module, value in zip(modules, saved, strict=True):
            module.fp32_precision = value
