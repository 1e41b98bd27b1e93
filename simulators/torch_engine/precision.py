"""Full float32 products, whatever the process allows elsewhere, and what may stand in for them."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
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

    The setting is the process's: other threads that multiply meanwhile get full precision too, and
    where several threads are in here the last one out restores it.
    """
    with _TURN:
        _INSIDE.append(_INSIDE[-1] if _INSIDE else _set_to_full())
    try:
        yield
    finally:
        with _TURN:
            restore = _INSIDE.pop()
            if not _INSIDE:
                restore()


_TURN = Lock()
_INSIDE: list[Callable[[], None]] = []  # an entry each, all alike: what restores the setting


def _set_to_full() -> Callable[[], None]:
    """Set full precision; what is returned undoes it."""
    # torch 2.9 replaced allow_tf32 by fp32_precision; mixing the two on one module is an error
    candidates: tuple[Any, ...] = (
        torch.backends.cuda.matmul,
        getattr(torch.backends.mkldnn, "matmul", None),
    )
    modules = [module for module in candidates if hasattr(module, "fp32_precision")]
    if not modules:
        before = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision("highest")
        return lambda: torch.set_float32_matmul_precision(before)
    saved = [module.fp32_precision for module in modules]
    for module in modules:
        module.fp32_precision = "ieee"

    def restore() -> None:
        for module, value in zip(modules, saved, strict=True):
            module.fp32_precision = "none"  # a setting that was inherited stays so, and follows
            if module.fp32_precision != value:
                module.fp32_precision = value

    return restore
