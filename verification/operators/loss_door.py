"""What is tried of a loss of one's own before it is believed, at the logits of a few samples."""

import torch
from torch import Tensor

from patchlaw.verification.operators.custom_loss import CustomLoss
from patchlaw.verification.operators.differences import compare, no_double_backward, rms
from patchlaw.verification.operators.losses import TorchLoss


def check_loss(loss: TorchLoss, z: Tensor, y: Tensor) -> None:
    """Try a loss of one's own at logits (n, C) of some samples; those known by name are trusted.

    Raises:
        ValueError: not one number a sample, without graph, samples of a batch mixed, piecewise
            linear, without a double backward, or derivatives that differences contradict.
    """
    if isinstance(loss, CustomLoss):
        loss.check_outputs(z)
        _check_apart(loss, z, y)
        _check_curvature(loss, z, y)


def _check_apart(loss: CustomLoss, z: Tensor, y: Tensor) -> None:
    """Refuse a loss that is not one number a sample, or mixes the samples of a batch."""
    with torch.enable_grad():
        at = z.detach().clone().requires_grad_(True)
        values = loss.values(at, y)
        for n, got in ((len(z), values), (1, loss.values(at[:1], y[:1]))):
            if not isinstance(got, Tensor) or got.shape != (n,):
                shape = tuple(got.shape) if isinstance(got, Tensor) else type(got).__name__
                raise ValueError(
                    f"loss: expected one number a sample, shape ({n},), got {shape}; "
                    "use reduction='none', and sum or average what is left of a sample"
                )
        if not values.requires_grad:
            raise ValueError("loss: expected a differentiable function of the logits, got none")
        singles = [loss.values(at[i : i + 1], y[i : i + 1]) for i in range(len(z))]
    apart = torch.cat(singles).detach()
    root = torch.finfo(z.dtype).eps ** 0.5
    if bool(((values.detach() - apart).abs() > root * apart.abs().max()).any()):
        raise ValueError(
            f"loss: expected a sample's loss that does not depend on the others of its batch, got "
            f"a difference of {float((values.detach() - apart).abs().max()):.2g} (shapes that "
            f"broadcast, as logits {tuple(z.shape)} against targets {tuple(y.shape)}, a scale "
            "taken from the batch, random numbers); give both the same shape, and every sample a "
            "scale of its own"
        )


def _check_curvature(loss: CustomLoss, z: Tensor, y: Tensor) -> None:
    """Refuse a loss of one's own whose S is missing, zero everywhere, or not its derivative."""
    if not _curved(loss, z, y):
        raise ValueError(
            "loss: expected a loss that is twice differentiable in the logits, got one whose "
            "gradient is constant wherever it was tried (piecewise linear): S = 0, so G = 0; for "
            "log-probabilities give 'cross_entropy' or torch.nn.NLLLoss(reduction='none') itself"
        )
    generator = torch.Generator().manual_seed(0)
    unit = max(rms(z), 1.0)
    direction = unit * torch.randn(z.shape, generator=generator).to(z)
    try:
        claimed = loss.curvature(z, y, direction[None])[0]
    except RuntimeError as error:
        raise no_double_backward("loss", error) from error
    gradient = loss.gradient(z, y)
    if not (torch.isfinite(gradient).all() and torch.isfinite(claimed).all()):
        raise ValueError("loss: expected finite derivatives of the loss, got NaN or infinity")

    def evaluate(step: float) -> list[Tensor]:
        at = z + step * direction
        with torch.no_grad():
            values = loss.total(at, y)
        return [values, *loss.gradient(at, y)]

    parts = [(gradient * direction).sum(), *claimed]
    # a loss may be the small difference of logits, its gradient that of numbers of order one
    sizes = [z.numel() * unit**2, *[unit] * len(z)]
    for name, c in zip(
        ["loss", *range(len(z))], compare(evaluate, parts, z.dtype, sizes), strict=True
    ):
        if c.verdict == "wrong":
            order = "gradients" if name == "loss" else "second derivatives"
            raise ValueError(
                f"loss: expected {order} that agree with finite differences, got "
                f"{c.claimed:.3g} by autograd, {c.gap:.3g} away; some operation is detached or "
                "has a backward that is not differentiable; replace it, or pass check=False if you "
                "know better"
            )


def _curved(loss: CustomLoss, z: Tensor, y: Tensor) -> bool:
    """Whether S is not zero at some sample's logits, around them, or on their way to zero."""
    generator = torch.Generator().manual_seed(0)
    for centre in (z, z / 10, z / 1000, torch.zeros_like(z)):
        for scale in (0.0, 0.01, 0.1, 1.0, 10.0, 100.0):
            for _ in range(1 if scale == 0 else 8):
                noise = torch.randn((2, *z.shape), generator=generator).to(z)
                try:
                    if bool(loss.curvature(centre + scale * noise[0], y, noise[1:]).any()):
                        return True
                except RuntimeError:  # no double backward: _check_curvature says so in words
                    return True
    return False
