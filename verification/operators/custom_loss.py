"""Losses of one's own for the autodiff backend, differentiated by autograd."""

import copy
import functools
from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from patchlaw.verification.operators.array_kinds import as_tensor
from patchlaw.verification.operators.descriptions import describe
from patchlaw.verification.operators.differences import first_line

Function: TypeAlias = Callable[[Tensor, Tensor], Tensor]


class CustomLoss:
    """Any loss, differentiated by autograd: ``function(z, targets)`` gives (n,) losses.

    G = J^T S J is positive semidefinite only if the loss is convex in z.

    Args:
        function: called with outputs z (n, ...) and targets (n, ...). Modules and partials are
            copied, so that who changes theirs does not change the loss.
    """

    def __init__(self, function: Function) -> None:
        self.function = _own(function)
        self.name = getattr(function, "__qualname__", type(function).__name__)

    @property
    def identity(self) -> str:
        """See descriptions.describe.

        Raises:
            IndescribableError: a lambda, a closure, or something that holds one.
        """
        return describe(self.function)

    def check_targets(self, targets: Tensor | ArrayLike, n_samples: int, like: Tensor) -> Tensor:
        """Targets as a tensor; what the loss makes of them is tried at the door.

        Raises:
            ValueError: another number than the images.
        """
        tensor = as_tensor("targets", targets).to(like.device)
        if tensor.ndim < 1 or len(tensor) != n_samples:
            raise ValueError(
                f"targets: expected {n_samples}, one an image, got shape {tuple(tensor.shape)}"
            )
        return tensor

    def check_outputs(self, z: Tensor) -> None:
        """Outputs that the loss can make something of; any by default."""

    def values(self, z: Tensor, targets: Tensor) -> Any:
        """What the function gives, (n, 1) as (n,).

        Raises:
            ValueError: the function refuses its arguments.
        """
        try:
            result = self.function(z, targets)
        except (RuntimeError, ValueError, TypeError, IndexError) as error:
            if isinstance(error, torch.OutOfMemoryError) or "allocate memory" in str(error):
                raise
            raise ValueError(
                f"loss: expected a function of outputs {tuple(z.shape)} of {z.dtype} and targets "
                f"{tuple(targets.shape)} of {targets.dtype}, got {first_line(error)!r}; give "
                "targets of the shape and dtype that it takes"
            ) from error
        if isinstance(result, Tensor) and result.shape == (len(z), 1):
            return result[:, 0]
        return result

    def total(self, z: Tensor, targets: Tensor) -> Tensor:
        """Sum of the losses."""
        total: Tensor = self.values(z, targets).sum()
        return total

    def gradient(self, z: Tensor, targets: Tensor) -> Tensor:
        """By autograd."""
        with torch.enable_grad():
            at = z.detach().requires_grad_(True)
            (g,) = torch.autograd.grad(self.total(at, targets), at)
        return g

    def curvature(self, z: Tensor, targets: Tensor, directions: Tensor) -> Tensor:
        """By double backward."""
        with torch.enable_grad():
            at = z.detach().requires_grad_(True)
            (g,) = torch.autograd.grad(self.total(at, targets), at, create_graph=True)
            if not g.requires_grad:
                return torch.zeros_like(directions)
            (s_u,) = torch.autograd.grad(g, at, directions, is_grads_batched=True)
        return s_u


class LogProbabilityLoss(CustomLoss):
    """torch's negative log-likelihood l = -w_y z_y of log-probabilities z = log pi, (n, C).

    Linear in z as it is written, so S would be 0 and G with it. Log-probabilities have
    logsumexp(z) = 0 at all parameters, so l is the cross-entropy of z as well, with the same H,
    and with the S = w_y (diag(pi) - pi pi^T) and G of the logits behind the LogSoftmax.

    Args:
        function: as given, for its identity.
        options: weight and ignore_index, as torch's cross-entropy takes them.
    """

    def __init__(self, function: Function, options: dict[str, Any]) -> None:
        super().__init__(function)
        self._given = self.function
        chosen = copy.deepcopy(options)
        self.function = functools.partial(
            torch.nn.functional.cross_entropy, reduction="none", **chosen
        )

    @property
    def identity(self) -> str:
        """That of the function as given."""
        return describe(self._given)

    def check_targets(self, targets: Tensor | ArrayLike, n_samples: int, like: Tensor) -> Tensor:
        """Labels, of outputs that are log-probabilities."""
        self.check_outputs(like)
        return super().check_targets(targets, n_samples, like)

    def check_outputs(self, z: Tensor) -> None:
        """Refuse outputs that are no log-probabilities.

        Raises:
            ValueError: logsumexp(z) is not zero within rounding.
        """
        sums = z.detach().logsumexp(dim=1)
        size = torch.finfo(z.dtype).eps ** 0.5 * (1 + z.detach().abs().amax(dim=1))
        if bool((sums.abs() > size).any()):
            raise ValueError(
                "loss: expected log-probabilities for the negative log-likelihood, got outputs "
                f"with logsumexp {float(sums.abs().max()):.2g} instead of 0; end the model in "
                "LogSoftmax(dim=1), or give loss='cross_entropy' for logits"
            )


def custom_loss(function: Function) -> CustomLoss:
    """The loss of a function; torch's negative log-likelihood is recognised."""
    options: dict[str, Any] = {}
    if type(function) is torch.nn.NLLLoss:
        options = {name: getattr(function, name) for name in ("reduction", *_OPTIONS)}
    elif (
        isinstance(function, functools.partial)
        and function.func is torch.nn.functional.nll_loss
        and not function.args
    ):
        options = dict(function.keywords)
    if options.pop("reduction", None) == "none" and options.keys() <= set(_OPTIONS):
        return LogProbabilityLoss(function, options)
    return CustomLoss(function)


_OPTIONS = ("weight", "ignore_index")


def _own(function: Callable[..., Any]) -> Callable[..., Any]:
    """A copy of what holds values; what cannot be copied as it is."""
    try:
        return copy.deepcopy(function)
    except Exception:  # any class may refuse in its own way
        return function
