"""What is tried on a few samples before a module is believed: repeatable, uncoupled, twice smooth.

On the samples of ``trial_samples`` that costs some fifteen gradients.
"""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from patchlaw.verification.operators.differences import (
    Comparison,
    compare,
    first_line,
    no_double_backward,
    rms,
)
from patchlaw.verification.operators.held_module import HeldModule, finer
from patchlaw.verification.operators.loss_door import check_loss
from patchlaw.verification.operators.losses import TorchLoss

_SAME = 0.03  # float32 and float64 derivatives that differ by less are those of one function
_ALONE = 8  # parameter tensors that are tried by themselves where the joint trial cannot decide

UNCHECKED = "second derivatives, repeatability and samples' independence not checked (check=False)"


class Derivatives(Protocol):
    """What the door needs of the backend whose module it tries."""

    module: HeldModule

    def logits(self, images: Tensor) -> Tensor:
        """Logits (n, C) with their graph."""
        ...

    def detached_logits(self, images: Tensor) -> Tensor:
        """Logits (n, C) without it, a chunk of samples at a time."""
        ...

    def hessian_sum(self, images: Tensor, labels: Tensor, direction: Sequence[Tensor]) -> Tensor:
        """Sum over the samples of H_n d, flat."""
        ...

    def jacobian_product(self, images: Tensor, direction: Sequence[Tensor]) -> Tensor:
        """J d, shape (n, C)."""
        ...


class Door:
    """The checks of one module, loss and handful of samples, ``chunk_size`` at once at most."""

    def __init__(
        self, backend: Derivatives, loss: TorchLoss, images: Tensor, labels: Tensor, chunk_size: int
    ) -> None:
        self._backend = backend
        self._module, self._logits = backend.module, backend.detached_logits
        self._loss = loss
        self._images = images
        self._labels = labels
        self._chunk = chunk_size
        self._dtype = self._module.values[0].dtype
        self._terms: tuple[float, ...] = ()
        self._root = torch.finfo(self._dtype).eps ** 0.5

    def check(self) -> tuple[str, ...]:
        """Everything, the module in place.

        Returns:
            Caveats: what could not be decided.

        Raises:
            ValueError: random or stateful forward passes, coupled samples, second derivatives
                that are missing, not finite, or contradicted by finite differences.
        """
        try:
            self._check_repeatable()
            self._check_samples_apart()
            return self._check_derivatives()
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            raise ValueError(
                "model: expected a forward pass that autograd can differentiate again and again, "
                f"got {first_line(error)!r}; keep no tensor of one call for the next"
            ) from error

    def _check_repeatable(self) -> None:
        x = self._images[: self._chunk]
        first, second = self._logits(x), self._logits(x)
        if self._differ(first, second):
            raise ValueError(
                "model: expected the same logits at every call, got ones that differ by "
                f"{float((first - second).abs().max()):.2g}; it draws random numbers or counts its "
                "calls: switch that off (functional dropout: training=False)"
            )
        for name, buffer in self._module.moved_buffers().items():
            buffer.mul_(1.5).add_(0.1)
            with torch.enable_grad():
                moved = self._module.model(x).detach()
            if self._differ(first, moved):
                raise ValueError(
                    "model: expected a forward pass that leaves the buffers it uses alone, got "
                    f"one that moves {name!r} (as spectral_norm does in train mode); call "
                    "model.eval()"
                )

    def _differ(self, a: Tensor, b: Tensor) -> bool:
        return a.shape != b.shape or bool((a - b).abs().max() > self._root * a.abs().max())

    def _check_samples_apart(self) -> None:
        """A batch against its samples one by one: logits, losses, H d."""
        n = min(len(self._images), max(2, self._chunk))
        x, y = self._images[:n], self._labels[:n]
        with torch.enable_grad():
            z = self._backend.logits(x).detach()  # in one batch, whatever the chunk size
        try:
            apart = torch.cat([self._logits(x[i : i + 1]) for i in range(n)])
        except (RuntimeError, ValueError) as error:
            raise needs_a_batch(error) from error
        if self._differ(z, apart):
            raise ValueError(
                f"model: expected logits of a sample that do not depend on the others of its "
                f"batch, got a difference of {float((z - apart).abs().max()):.2g} (batch "
                "statistics, also in eval mode with track_running_stats=False, or centring over "
                "the batch); use running statistics in model.eval(), or a norm over the features"
            )
        check_loss(self._loss, self._logits(self._images), self._labels)
        direction = self._direction()
        together = self._hessian_sum(x, y, direction)
        parts = [self._hessian_sum(x[i : i + 1], y[i : i + 1], direction) for i in range(n)]
        gap = float((together - sum(parts)).norm())
        size = sum(float(p.norm()) for p in parts)
        if gap > 30 * self._root * size:
            raise ValueError(
                f"model: expected a Hessian that is the mean over samples, got one of {n} samples "
                f"together that is {gap / size:.2g} away from the sum of theirs one by one (model "
                "or loss couples the samples of a batch); make every sample's loss its own"
            )

    def _direction(self) -> list[Tensor]:
        """A random direction, in every tensor of the size that moves the logits by their own."""
        values = self._module.values
        generator = torch.Generator().manual_seed(0)
        slopes = [torch.zeros_like(v) for v in values]
        square, count = 0.0, 0
        for x in self._images.split(self._chunk):
            with torch.enable_grad():
                z = self._backend.logits(x)
                if not z.requires_grad:
                    raise ValueError(
                        "model: expected logits that depend on the parameters, got a loss without "
                        "graph; the forward pass detaches its result or runs under torch.no_grad()"
                    )
                u = torch.randn(z.shape, generator=generator).to(z)
                gs = torch.autograd.grad(z, self._module.parameters, u, allow_unused=True)
            square, count = square + float(z.detach().double().square().sum()), count + z.numel()
            for name, slope, g in zip(self._module.names, slopes, gs, strict=True):
                if g is not None and g.layout != torch.strided:
                    raise ValueError(
                        f"model: expected dense gradients, got sparse ones in {name!r}; "
                        "make the embedding with sparse=False"
                    )
                if g is not None:
                    slope += g.detach()
        natural = square**0.5 or count**0.5
        self._terms = self._sizes_of_terms(natural, count, slopes)
        scales = []
        for value, slope in zip(values, slopes, strict=True):
            own = max(rms(value), 1.0)
            pull = float(slope.double().norm())
            scales.append(min(natural / pull, own) if pull > 0 else own)
        direction = [
            s * torch.randn(v.shape, generator=generator, dtype=torch.float64).to(v)
            for s, v in zip(scales, values, strict=True)
        ]
        # autograd holds the padding rows of an embedding constant, by its definition
        places = {id(p): d for p, d in zip(self._module.parameters, direction, strict=True)}
        for module in self._module.model.modules():
            if isinstance(module, torch.nn.Embedding | torch.nn.EmbeddingBag):
                moved = places.get(id(module.weight))
                if moved is not None and module.padding_idx is not None:
                    moved[module.padding_idx] = 0
        return direction

    def _hessian_sum(self, x: Tensor, y: Tensor, direction: Sequence[Tensor]) -> Tensor:
        try:
            return self._backend.hessian_sum(x, y, direction)
        except RuntimeError as error:
            raise no_double_backward("model", error) from error

    def _check_derivatives(self) -> tuple[str, ...]:
        direction = self._direction()
        joint = self._compare(direction)
        wrong = [name for name, c in joint.items() if c.verdict == "wrong"]
        if wrong:  # a step may have met a kink at an unlucky place: another direction decides
            again = self._compare([torch.flip(d.reshape(-1), [0]).view_as(d) for d in direction])
            wrong = [name for name in wrong if again[name].verdict == "wrong"]
        if wrong:
            raise self._contradiction(wrong, joint)
        undecided = [n for n, c in joint.items() if c.verdict != "confirmed"]
        for name in [n for n in undecided if n in self._module.names][:_ALONE]:
            i = self._module.names.index(name)
            alone = [d if i == j else torch.zeros_like(d) for j, d in enumerate(direction)]
            one = self._compare(alone)[name]
            if one.verdict == "wrong":
                raise self._contradiction([name], {name: one})
            if one.verdict == "confirmed":
                undecided.remove(name)
        return _undecided(undecided)

    def _compare(self, direction: Sequence[Tensor]) -> dict[str, Comparison]:
        """The derivatives of loss, logits and gradient along a direction, part by part.

        Float32 leaves differences little to see, so the module is tried in float64 as well; that
        verdict holds for every part whose derivative in float32 is the same to a few percent.
        """
        parts = [_LOSS, _LOGITS, *self._module.names]
        claimed = self._claims(direction)
        for part in claimed:
            if not torch.isfinite(part).all():
                raise ValueError(
                    "model: expected finite derivatives of the loss, got NaN or infinity"
                )
        if self._dtype == torch.float64:
            return dict(zip(parts, self._judge(direction, claimed), strict=True))
        try:
            with self._module.in_double():
                fine = Door(
                    self._backend, self._loss, finer(self._images), finer(self._labels), self._chunk
                )
                fine._terms = self._terms
                fine_direction = [d.double() for d in direction]
                fine_claims = fine._claims(fine_direction)
                verdicts = fine._judge(fine_direction, fine_claims)
        except (RuntimeError, ValueError, TypeError):  # float32 is written into the module
            return dict(zip(parts, self._judge(direction, claimed), strict=True))
        sizes = self._sizes(direction, claimed)
        holds = [
            c.verdict != "undecided"
            and float((a - b).norm()) <= _SAME * max(float(b.norm()), 1e-3 * size)
            for c, a, b, size in zip(verdicts, claimed, fine_claims, sizes, strict=True)
        ]
        if not all(holds):
            triples = zip(verdicts, self._judge(direction, claimed), holds, strict=True)
            verdicts = [in_double if ok else own for in_double, own, ok in triples]
        return dict(zip(parts, verdicts, strict=True))

    def _claims(self, direction: Sequence[Tensor]) -> list[Tensor]:
        """Autograd's derivatives along a direction: g . d, J d, and H d tensor by tensor."""
        sizes = [d.numel() for d in direction]
        product = torch.zeros(sum(sizes), dtype=torch.float64)
        moves = []
        for x, y in self._chunks():
            product += self._hessian_sum(x, y, direction)
            moves.append(self._backend.jacobian_product(x, direction).double().cpu())
        _, _, gradient = self._values(direction, 0.0)
        pairs = zip(gradient, direction, strict=True)
        slope = torch.stack([(g.double() * d.double()).sum().cpu() for g, d in pairs]).sum()
        return [slope, torch.cat(moves), *product.split(sizes)]

    def _judge(self, direction: Sequence[Tensor], claimed: Sequence[Tensor]) -> list[Comparison]:
        """What differences say of the claims."""
        sizes = self._sizes(direction, claimed)

        def evaluate(step: float) -> list[Tensor]:
            loss, logits, gradient = self._values(direction, step)
            return [loss, logits, *(g.reshape(-1).cpu() for g in gradient)]

        return compare(evaluate, claimed, self._dtype, sizes)

    def _sizes(self, direction: Sequence[Tensor], claimed: Sequence[Tensor]) -> list[float]:
        """Of the terms behind every part: a tensor's cancel at worst from the largest of all."""
        _, _, gradient = self._values(direction, 0.0)
        reach = [float(d.double().norm()) for d in direction]
        largest = max(
            r * max(float(g.double().norm()), float(c.norm()))
            for r, g, c in zip(reach, gradient, claimed[2:], strict=True)
        )
        others = [largest, 0.0, *(largest / r if r else 0.0 for r in reach)]
        return [max(pair) for pair in zip(others, self._terms, strict=True)]

    def _sizes_of_terms(
        self, logits: float, count: int, slopes: Sequence[Tensor]
    ) -> tuple[float, ...]:
        """What loss and gradient are differences of, though a fitted model leaves next to nothing.

        log softmax subtracts logits, its gradient e_y from pi: of size 1 and more, where loss and
        gradient may be 1e-40. The squared error's terms are the logits themselves.
        """
        rms_logits = logits / count**0.5
        pull = rms_logits if self._loss.name == "squared_error" else max(rms_logits, 1.0)
        of_tensors = (pull * float(slope.double().norm()) for slope in slopes)
        return (count * pull * max(pull, 1.0), 0.0, *of_tensors)

    def _chunks(self) -> list[tuple[Tensor, Tensor]]:
        pairs = zip(self._images.split(self._chunk), self._labels.split(self._chunk), strict=True)
        return list(pairs)

    def _values(
        self, direction: Sequence[Tensor], step: float
    ) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Loss, logits and gradient at value + step * direction."""
        total = torch.zeros((), dtype=torch.float64)
        logits = []
        gradient = [torch.zeros_like(d) for d in direction]
        with self._module.moved(direction, step), torch.enable_grad():
            for x, y in self._chunks():
                z = self._backend.logits(x)
                loss = self._loss.total(z, y)
                parts = torch.autograd.grad(loss, self._module.parameters, allow_unused=True)
                total += loss.detach().double().cpu()
                logits.append(z.detach().cpu())
                for g, part in zip(gradient, parts, strict=True):
                    if part is not None:
                        g += part.detach()
        return total, torch.cat(logits), gradient

    def _contradiction(self, wrong: Sequence[str], found: dict[str, Comparison]) -> ValueError:
        """The refusal; a wrong first derivative before a lost second one, tensors before logits."""
        way_out = "pass check=False if you know better"
        if _LOSS in wrong:
            first = found[_LOSS]
            return ValueError(
                "model: expected a gradient that agrees with finite differences of the loss, got "
                f"a slope of {first.claimed:.3g} by autograd, {first.gap:.3g} away; something is "
                "detached or cached, or a hook or a backward of its own changes the gradient; "
                "requires_grad_(False) for parameters that are meant to be constant, or "
                f"{way_out}"
            )
        tensors = [name for name in wrong if name != _LOGITS]
        first = found[(tensors or [_LOGITS])[0]]
        named = ", ".join(repr(name) for name in tensors[:3]) or _LOGITS
        return ValueError(
            "model: expected second derivatives that agree with finite differences of the "
            f"gradient, got |H v| = {first.claimed:.3g} by autograd, {first.gap:.3g} away, in "
            f"{named}{', ...' if len(tensors) > 3 else ''}; some operation has a backward that is "
            f"not differentiable or detaches what depends on the parameters; replace it, or "
            f"{way_out}"
        )


_LOSS, _LOGITS = "the loss", "the logits"


def _undecided(names: Sequence[str]) -> tuple[str, ...]:
    tensors = [n for n in names if n not in (_LOSS, _LOGITS)]
    said = [f"first derivatives of {n}" for n in names[:2] if n in (_LOSS, _LOGITS)]
    if tensors:
        more = f" and {len(tensors) - 3} more" if len(tensors) > 3 else ""
        said.append(f"second derivatives in {', '.join(map(repr, tensors[:3]))}{more}")
    return tuple(f"{each} undecided by finite differences" for each in said)


def needs_a_batch(error: Exception) -> ValueError:
    """The refusal of a model that takes several samples and not one."""
    return ValueError(
        f"model: expected logits of one sample by itself, got {first_line(error)!r}; batch "
        "statistics (also in eval mode with track_running_stats=False) and fixed batch sizes "
        "couple the samples; use running statistics in model.eval(), or a norm over the features"
    )
