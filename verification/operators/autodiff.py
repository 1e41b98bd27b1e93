"""The generic backend: curvature products of any torch module by double backward.

For the logits z(t) of a sample and its loss l(z), g = dl/dz, S = d2l/dz2, J = dz/dt (softmax
cross-entropy: pi = softmax(z), g = pi - e_y, S = diag(pi) - pi pi^T):

    H v = d/dt [ (dl/dt) . v ],   G v = J^T S (J v),   R v = d/dt [ (J^T g) . v ] with g frozen,

so R is computed on its own and H = G + R can fail. Only reverse mode is used (J v is the
derivative of J^T u, linear in u), so any module whose operations differentiate twice will do.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from patchlaw.simulators.output_losses import LossName
from patchlaw.verification.operators.backend import CurvatureKind
from patchlaw.verification.operators.differences import first_line
from patchlaw.verification.operators.door import UNCHECKED, Door, needs_a_batch
from patchlaw.verification.operators.fingerprint import Fingerprint, Fingerprinted
from patchlaw.verification.operators.held_module import HeldModule
from patchlaw.verification.operators.loss_door import check_loss
from patchlaw.verification.operators.losses import LossFunction, make_loss
from patchlaw.verification.operators.patch_block import computes_as_written, layout_of
from patchlaw.verification.operators.problem import check_images, check_model, refused_images
from patchlaw.verification.operators.samples import make_samples, trial_samples
from patchlaw.verification.ranks.ranks import Ranks

Multiply: TypeAlias = Callable[[list[Tensor]], NDArray[np.float64]]

# An autograd graph of the paper's model keeps some 60 complex states a patch and sample; 512
# samples of 16 patches at n = 8 then take about 2 GB. Ours, measured.
_CHUNK_SIZE = 512

_log = logging.getLogger(__name__)


class AutodiffBackend(Fingerprinted):
    """Curvature products of a torch module and a loss of its logits, by autograd.

    The parameters are those that require gradients, flattened in the order of
    ``model.parameters()`` (for ``DistributedQNN``: angles patch by patch, then bias). The module
    itself computes; its parameters, buffers and train flags as they are now are put back in place
    for every product, so the operator belongs to this state for good. A module that is not one of
    this package's is tried on a few samples (``door``), and every product afterwards must find
    the logits that the first one found.

    Args:
        model: maps images (n, ...) to outputs (n, ...), logits (n, C) for cross-entropy.
        images: shape (N, ...), or a loader of batches (see ``samples``).
        labels: as the loss expects; (N,) integers in [0, C) for cross-entropy. None where the
            batches have them.
        chunk_size: samples whose graph is held in memory at once; 512 if None.
        loss: "cross_entropy", "squared_error" (l = |z - y|^2 / 2, targets (N, C) or labels
            for their one-hot rows), or a function of (outputs, targets) that gives n losses.
        check: False leaves out everything that ``door`` tries; the caveats say so.
        name: what model and loss compute, where fingerprints need to be told.
        ranks: who share the samples. Each holds and checks them all and multiplies its own.

    Attributes:
        caveats: what the checks could not decide.

    Raises:
        ValueError, TypeError: see check_model, make_samples, check_images, check_labels and
            Door.check.
    """

    name = "autodiff"

    @torch.inference_mode(False)
    def __init__(
        self,
        model: torch.nn.Module,
        images: Any,
        labels: Any,
        chunk_size: int | None,
        loss: LossName | LossFunction,
        check: bool,
        name: str | None,
        ranks: Ranks,
    ) -> None:
        self.ranks = ranks
        self._loss = make_loss(loss)
        self._chunk_size = chunk_size or _CHUNK_SIZE
        trainable = check_model(model)
        self.layout = layout_of(model)
        self.module = HeldModule(model, list(trainable))
        self._own: list[Tensor] = self.module.parameters
        self.n_parameters = sum(p.numel() for p in self._values)
        double = self._values[0].dtype == torch.float64
        self.dtype: np.dtype[np.floating] = np.dtype(np.float64 if double else np.float32)
        # A loader draws a seed at every pass, and may draw more: within one such block its passes
        # differ where they would later, and the caller's generator is as it was afterwards.
        with torch.random.fork_rng([]):
            self.samples = make_samples(images, labels, lambda data: check_images(model, data))
            self.n_samples = self.samples.n_samples
            start = self.samples.first(2)
            with self._computing():
                outputs = self._first_logits(start).detach()
            self.samples.use_targets(self._loss, outputs)
            with self.module.in_place():
                self._fingerprint = Fingerprint(model, self._loss, self.samples, name)
        self._eps = float(np.finfo(self.dtype).eps)
        self._tried: set[tuple[CurvatureKind, int, int]] = set()
        self._apart = False
        self._seen: Tensor | None = None
        self.caveats: tuple[str, ...] = ()
        if not check:
            self.caveats = (UNCHECKED,)
        elif not computes_as_written(model):
            self._seen = torch.full((self.n_samples,), torch.nan, dtype=torch.float64)
        if check:
            self._check()

    @property
    def _values(self) -> list[Tensor]:
        """What the parameters hold, in the dtype in which the module computes at the moment."""
        return self.module.values

    def logits(self, images: Tensor) -> Tensor:
        """Outputs (n, ...) of the module as it stands, with their graph."""
        result = self.module(images)
        if not isinstance(result, Tensor):
            raise ValueError(
                f"model: expected logits of shape ({len(images)}, C), got {type(result).__name__}; "
                "wrap the model so that it returns this one tensor"
            )
        fits = result.ndim > 0 and len(result) == len(images) and result.numel() > 0
        if not fits or not result.is_floating_point():
            raise ValueError(
                f"model: expected logits of shape ({len(images)}, C), got {tuple(result.shape)} of "
                f"{result.dtype}"
            )
        return result

    def _first_logits(self, images: Tensor) -> Tensor:
        """Logits of one sample.

        Raises:
            ValueError: the model takes several samples and not one, or no such images at all.
        """
        try:
            with torch.enable_grad():
                return self.logits(images[:1])
        except (RuntimeError, ValueError) as error:
            try:
                self.module(images[:2])
            except Exception:
                if isinstance(error, ValueError):
                    raise error from None
                raise refused_images(self.module.model, images[:1], error) from error
            raise needs_a_batch(error) from error

    def detached_logits(self, images: Tensor) -> Tensor:
        """Logits without their graph, which is made all the same: some modules need it inside."""
        with torch.enable_grad():
            parts = [self.logits(x).detach() for x in images.split(self._chunk_size)]
        return torch.cat(parts)

    @contextmanager
    def _computing(self) -> Iterator[None]:
        """The module in place, and the generators of random numbers as they were afterwards.

        The caller's autocast ends here, and of torch's kernels for attention only the plain one
        is left, which can be differentiated twice.
        """
        device = self._values[0].device
        with (
            torch.random.fork_rng([device] if device.type == "cuda" else []),
            torch.autocast(device.type, enabled=False),
            sdpa_kernel(SDPBackend.MATH),
            self.module.in_place(),
        ):
            yield

    def _check(self) -> None:
        """Try module and loss on samples spread over the data set."""
        with self._computing():
            chosen = trial_samples(self._loss, self.detached_logits, self.samples, self._chunk_size)
            images, labels = self.samples.take(chosen)
            if self._seen is None:
                check_loss(self._loss, self.detached_logits(images), labels)
            else:
                door = Door(self, self._loss, images, labels, self._chunk_size)
                self.caveats = door.check()
                self._seen[chosen] = _digest(self.detached_logits(images))

    @torch.inference_mode(False)
    def product(self, kind: CurvatureKind, vectors: NDArray[np.floating]) -> NDArray[np.float64]:
        """The mean matrix ``kind`` times each column; see CurvatureBackend.

        Raises:
            ValueError: logits that are not those of the first product, or layers exchanged.
        """
        total = np.zeros(vectors.shape, dtype=np.float64)
        with self._computing():
            own = self.ranks.shard(self.n_samples)
            for rows, images, labels in self.samples.chunks(self._chunk_size, own):
                total += self._sum(kind, images, labels, vectors, rows)
        total = self.ranks.sum(total, [vectors])
        total /= self.n_samples
        return total

    def hessian_sum(self, images: Tensor, labels: Tensor, direction: Sequence[Tensor]) -> Tensor:
        """Sum over some samples of H_n d for one direction in pieces; flat, float64, on the CPU."""
        vector = torch.cat([d.reshape(-1) for d in direction]).double().cpu().numpy()
        return torch.from_numpy(self._sum("hessian", images, labels, vector[:, None])[:, 0])

    def jacobian_product(self, images: Tensor, direction: Sequence[Tensor]) -> Tensor:
        """J d of some samples, shape of their outputs."""
        with torch.enable_grad():
            z = self.logits(images)
            return self._push_forward(z)([d[None] for d in direction])[0].detach()

    def _sum(
        self,
        kind: CurvatureKind,
        images: Tensor,
        labels: Tensor,
        vectors: NDArray[np.floating],
        rows: slice | None = None,
    ) -> NDArray[np.float64]:
        """Sum over some samples, not divided."""
        with torch.enable_grad():
            z = self.logits(images)
            if rows is not None and self._seen is not None:
                self._check_seen(z, rows)
            if kind == "hessian":
                multiply = self._second_derivative_of(self._loss.total(z, labels))
            elif kind == "residual":
                g = self._loss.gradient(z.detach(), labels)
                multiply = self._second_derivative_of((g * z).sum())
            else:
                multiply = self._gauss_newton(z, labels)
            # Several vectors in one vectorised backward pass, as far as the memory of one full
            # chunk goes; the arithmetic is that of one vector at a time.
            group = max(1, self._chunk_size // len(labels))
            columns = [
                self._several(kind, multiply, vectors[:, i : i + group], len(labels))
                for i in range(0, vectors.shape[1], group)
            ]
        return np.concatenate(columns, axis=1)

    def _several(
        self, kind: CurvatureKind, multiply: Multiply, vectors: NDArray[np.floating], n: int
    ) -> NDArray[np.float64]:
        """Several vectors in one vectorised backward pass, or one at a time if that is wrong.

        Under vmap the double backward of some layers fails or mixes up its axes, at some shapes
        and not at others. So at every new shape the product with one random combination of the
        vectors is held against the same combination of the products.
        """
        columns = vectors.shape[1]
        if columns == 1:
            return multiply(self._split(vectors))
        shape = (kind, n, columns)
        if not self._apart:
            if shape in self._tried:
                return multiply(self._split(vectors))
            try:
                together = multiply(self._split(vectors))
                mix = np.random.default_rng(0).standard_normal((columns, 1))
                alone = multiply(self._split(vectors @ mix))
                gap = np.abs(together @ mix - alone).max(initial=0)
                size = np.abs(together).max(initial=0) * np.abs(mix).sum()
                fault = f"they are {gap:.2g} off" if gap > 1e3 * self._eps * size else None
            except Exception as error:  # torch has no one class for what vmap cannot do
                fault = first_line(error)
            if fault is None:
                self._tried.add(shape)
                return together
            self._apart = True
            _say_one_by_one(fault)
        return np.concatenate([multiply(self._split(v[:, None])) for v in vectors.T], axis=1)

    def _check_seen(self, z: Tensor, rows: slice) -> None:
        """Hold the logits against those of the first time that these samples were computed."""
        assert self._seen is not None
        now, before = _digest(z), self._seen[rows]
        self._seen[rows] = torch.where(before.isnan(), now, before)
        # a weighted sum of C logits is compared with the size that it can have
        flat = z.detach().double().reshape(len(z), -1)
        size = flat.norm(dim=1).cpu() * flat.shape[1] ** 0.5
        off = (now - before).abs() > torch.finfo(z.dtype).eps ** 0.5 * size
        if bool(off.any()):
            sample = rows.start + int(off.nonzero()[0])
            raise ValueError(
                f"model: expected the logits of sample {sample} that it gave before, got others; "
                "it keeps a state of its own, was changed since the operator was made (make a "
                "new one, or give it copy.deepcopy(model)), or couples the samples of a batch"
            )

    def _split(self, vectors: NDArray[np.floating]) -> list[Tensor]:
        """Columns (D, m) as one tensor a parameter, each of shape (m, *parameter.shape)."""
        like = self._values[0]
        rows = torch.as_tensor(
            np.ascontiguousarray(vectors.T), dtype=like.dtype, device=like.device
        )
        parts = rows.split([p.numel() for p in self._values], dim=1)
        return [
            part.reshape(len(rows), *p.shape) for part, p in zip(parts, self._values, strict=True)
        ]

    def _join(self, parts: Sequence[Tensor | None], columns: int) -> NDArray[np.float64]:
        """The inverse of _split, shape (D, m); a parameter without a part contributes zero."""
        rows = [
            p.new_zeros(columns, p.numel()) if part is None else part.reshape(columns, p.numel())
            for part, p in zip(parts, self._values, strict=True)
        ]
        return torch.cat(rows, dim=1).T.to("cpu", torch.float64).numpy()

    def _second_derivative_of(self, scalar: Tensor) -> Multiply:
        """V -> (d2 scalar / dt2) V: one graph of the gradient, one more backward a group."""
        gradient = torch.autograd.grad(scalar, self._own, create_graph=True, allow_unused=True)

        def multiply(vectors: list[Tensor]) -> NDArray[np.float64]:
            return self._join(_pull_back(gradient, self._own, vectors), len(vectors[0]))

        return multiply

    def _push_forward(self, z: Tensor) -> Callable[[list[Tensor]], Tensor]:
        """V -> J V, shape (m, n, C), from the graph of u -> J^T u."""
        u = torch.zeros_like(z, requires_grad=True)
        pulled = torch.autograd.grad(
            z, self._own, grad_outputs=u, create_graph=True, allow_unused=True
        )

        def multiply(vectors: list[Tensor]) -> Tensor:
            (jv,) = _pull_back(pulled, [u], vectors)
            return z.new_zeros(len(vectors[0]), *z.shape) if jv is None else jv

        return multiply

    def _gauss_newton(self, z: Tensor, labels: Tensor) -> Multiply:
        """V -> J^T S J V."""
        push_forward = self._push_forward(z)

        def multiply(vectors: list[Tensor]) -> NDArray[np.float64]:
            s_jv = self._loss.curvature(z.detach(), labels, push_forward(vectors))
            return self._join(_pull_back([z], self._own, [s_jv]), len(s_jv))

        return multiply


@cache
def _say_one_by_one(reason: str) -> None:
    """Once a reason and process; a log line and no warning, as nothing is wrong with the values."""
    _log.warning(
        "several vectors in one backward pass do not work for this model (%s): they are multiplied "
        "one at a time, which is slower and as accurate",
        reason,
    )


def _digest(z: Tensor) -> Tensor:
    """One number a sample that stands for its logits (n, ...): a seeded weighted sum."""
    flat = z.detach().double().reshape(len(z), -1)
    weights = torch.randn(flat.shape[1], generator=torch.Generator().manual_seed(1)).double()
    return (flat @ weights.to(z.device)).cpu()


def _pull_back(
    outputs: Sequence[Tensor | None], inputs: Sequence[Tensor], weights: Sequence[Tensor]
) -> tuple[Tensor | None, ...]:
    """Vector-Jacobian products for m weights at once, each result of shape (m, *input.shape).

    An output that no longer depends on the inputs (of a linear model) contributes zero.
    """
    columns = len(weights[0])
    pairs = [
        (out, weight if columns > 1 else weight[0])
        for out, weight in zip(outputs, weights, strict=True)
        if out is not None and out.requires_grad
    ]
    if not pairs:
        return (None,) * len(inputs)
    results = torch.autograd.grad(
        [out for out, _ in pairs],
        inputs,
        grad_outputs=[weight for _, weight in pairs],
        is_grads_batched=columns > 1,
        retain_graph=True,
        allow_unused=True,
    )
    return tuple(r if r is None or columns > 1 else r[None] for r in results)
