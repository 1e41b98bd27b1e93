"""Finding modules whose second derivatives autograd gets wrong without a word."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

# Ours. A backward that is not differentiable loses whole terms, so errors are of order one; the
# agreement that any one of the steps reaches is far better, with kinks of ReLU or rounding too.
_TOLERANCE = 0.1
_RELATIVE_STEPS = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5)


def check_second_derivatives(
    total_loss: Callable[[Sequence[Tensor]], Tensor],
    values: Sequence[Tensor],
    subject: str = "model",
) -> None:
    """Compare autograd's H v with (g(t + h v) - g(t - h v)) / 2h, the gradient's own change.

    Custom backward passes (adjoint methods of circuits, fused kernels) may give right gradients
    and H v without some of its terms, or zero. Refused only if no step h comes within 20 %. A
    step whose difference is mostly rounding cannot confirm, but it clears H v if a gap as large
    as those of the other steps would have shown in it: they had stepped over a kink.

    Args:
        total_loss: the loss of a few samples as a function of the parameters.
        values: the parameters.
        subject: what the messages call the function: "model", or "loss" of the logits.

    Raises:
        ValueError: the loss does not depend on the parameters, cannot be differentiated twice,
            gives NaN, or its second derivatives contradict its gradient.
    """
    generator = torch.Generator().manual_seed(0)
    direction = [
        torch.randn(v.shape, generator=generator, dtype=v.dtype).to(v.device) for v in values
    ]
    try:
        gradient, product = _gradient_and_product(total_loss, values, direction)
    except RuntimeError as error:
        raise ValueError(
            f"{subject}: expected a loss that autograd differentiates twice, got "
            f"{str(error).splitlines()[0]!r}; replace the operation by one with a double backward"
        ) from error
    if not (torch.isfinite(gradient).all() and torch.isfinite(product).all()):
        raise ValueError(f"{subject}: expected finite derivatives of the loss, got NaN or infinity")
    direction_norm = float(torch.cat([d.reshape(-1) for d in direction]).norm())
    size = float(torch.cat([v.detach().reshape(-1) for v in values]).norm()) or 1.0
    rounding = 100 * torch.finfo(values[0].dtype).eps * float(gradient.norm())
    closest, blurred = torch.inf, []
    for step in (size / direction_norm * relative for relative in _RELATIVE_STEPS):
        ahead, behind = (
            _gradient(total_loss, [v + h * d for v, d in zip(values, direction, strict=True)])
            for h in (step, -step)
        )
        difference = (ahead - behind) / (2 * step)
        largest = max(float(product.norm()), float(difference.norm()))
        error_norm = float((difference - product).norm())
        if rounding / step > _TOLERANCE * largest:
            blurred.append((error_norm, rounding / step))
            continue
        if error_norm <= 2 * _TOLERANCE * largest:
            return
        closest = min(closest, error_norm)
    if closest == torch.inf:  # second derivatives too small to be told from rounding
        return
    if any(error <= resolution <= _TOLERANCE * closest for error, resolution in blurred):
        return
    raise ValueError(
        f"{subject}: expected second derivatives that agree with finite differences of the "
        f"gradient, got |H v| = {float(product.norm()):.3g} by autograd, at least {closest:.3g} "
        "away; some operation has a backward that is not differentiable, or draws random numbers"
    )


def _leaves(values: Sequence[Tensor]) -> list[Tensor]:
    return [v.detach().clone().requires_grad_(True) for v in values]


def _flat(parts: Sequence[Tensor | None], like: Sequence[Tensor]) -> Tensor:
    filled = [torch.zeros_like(v) if p is None else p for p, v in zip(parts, like, strict=True)]
    return torch.cat([part.detach().reshape(-1) for part in filled])


def _gradient(total_loss: Callable[[Sequence[Tensor]], Tensor], values: Sequence[Tensor]) -> Tensor:
    with torch.enable_grad():
        leaves = _leaves(values)
        parts = torch.autograd.grad(total_loss(leaves), leaves, allow_unused=True)
    return _flat(parts, leaves)


def _gradient_and_product(
    total_loss: Callable[[Sequence[Tensor]], Tensor],
    values: Sequence[Tensor],
    direction: Sequence[Tensor],
) -> tuple[Tensor, Tensor]:
    with torch.enable_grad():
        leaves = _leaves(values)
        loss = total_loss(leaves)
        if not loss.requires_grad:
            raise ValueError(
                "model: expected logits that depend on the parameters, got a loss without graph; "
                "the forward pass detaches its result or runs under torch.no_grad()"
            )
        gradient = torch.autograd.grad(loss, leaves, create_graph=True, allow_unused=True)
        pairs = [
            (g, d)
            for g, d in zip(gradient, direction, strict=True)
            if g is not None and g.requires_grad
        ]
        if not pairs:
            return _flat(gradient, leaves), _flat([None] * len(leaves), leaves)
        slope = sum(((g * d).sum() for g, d in pairs), start=torch.zeros((), device=loss.device))
        parts = torch.autograd.grad(slope, leaves, allow_unused=True)
    return _flat(gradient, leaves), _flat(parts, leaves)
