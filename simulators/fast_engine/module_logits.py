"""The fast engine behind ``model(images)``: its passes as one differentiable operation of torch.

    z = s sum_p f_p(angles_p, image + bias),   (dL/dangles, dL/dbias) = J^T (dL/dz)

forward and reverse by the engine; a derivative of that derivative (``create_graph=True``), and a
cotangent that is batched (``is_grads_batched``), go through the autograd circuit.
"""

from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd import forward_ad

from patchlaw.simulators.circuit_model import CircuitModel
from patchlaw.simulators.circuit_plan import why_not
from patchlaw.simulators.fast_engine.buffers import BufferPool
from patchlaw.simulators.fast_engine.chunked_passes import ChunkedPasses
from patchlaw.simulators.fast_engine.chunks import Chunk
from patchlaw.simulators.fast_engine.patch_circuit import PatchCircuit
from patchlaw.simulators.fast_engine.traces import ChunkPixels, Trace


def serves(model: CircuitModel, images: Tensor) -> bool:
    """Whether the engine can stand in for the autograd circuit in this call.

    It cannot off the CPU, for gradients of the images, in a circuit that it does not know, and
    under transforms that follow torch's own operations (``torch.func``, forward mode,
    ``torch.compile``).
    """
    tensors = (model.angles, model.pixel_bias, images)
    return (
        all(t.device.type == "cpu" and t.dtype == model.angles.dtype for t in tensors)
        and not images.requires_grad
        and why_not(model.ansatz) is None
        and torch._C._functorch.peek_interpreter_stack() is None
        and forward_ad._current_level < 0
        and not torch.compiler.is_compiling()
    )


def logits(model: CircuitModel, images: Tensor) -> Tensor:
    """Logits (N, C) of checked images, differentiable in the model's parameters."""
    angles, bias = model.circuit_angles, model.pixel_bias
    # asked here: a Function sees that its inputs require gradients, not whether they are wanted
    if torch.is_grad_enabled() and (angles.requires_grad or bias.requires_grad):
        result: Tensor = _Logits.apply(angles, bias, images, model)
        return result
    passes = ChunkedPasses(model)
    with passes.single_threaded_blas():
        circuits = _circuits(model, passes, _float64(angles))
        found = passes.logits_at(circuits, images.numpy(), _float64(bias).ravel())
    return torch.from_numpy(found).to(angles.dtype)


def _float64(parameter: Tensor) -> NDArray[np.float64]:
    return parameter.detach().numpy().astype(np.float64)


# The data-free blocks of each model's last call and the angles that they are of: while the angles
# stay, as in an evaluation batch by batch, they are not built again. Values are compared, since
# ``.data`` changes a parameter without torch's version counter.
_BUILT: WeakKeyDictionary[CircuitModel, tuple[NDArray[np.float64], list[PatchCircuit]]] = (
    WeakKeyDictionary()
)


def _circuits(
    model: CircuitModel, passes: ChunkedPasses, angles: NDArray[np.float64]
) -> list[PatchCircuit]:
    built = _BUILT.get(model)
    if built is None or not np.array_equal(built[0], angles):
        built = _BUILT[model] = angles, passes.circuits(angles)
    return built[1]


@dataclass(frozen=True)
class _Share:
    """What one thread keeps of its chunks for the reverse pass."""

    pool: BufferPool
    chunks: list[tuple[Chunk, ChunkPixels, list[Trace]]]


class _Logits(torch.autograd.Function):
    """Engine passes at the parameters given; the model is read for everything else."""

    @staticmethod
    def forward(
        ctx: Any, angles: Tensor, bias: Tensor, images: Tensor, model: CircuitModel
    ) -> Tensor:
        """Logits; the states are kept for the reverse pass."""
        passes = ChunkedPasses(model)
        data, flat_bias = images.numpy(), _float64(bias).ravel()

        def work(share: list[Chunk]) -> _Share:
            kept = _Share(passes.pool(share[0].width), [])
            for chunk in share:
                pixels = passes.pixels(data, flat_bias, chunk)
                z, traces = passes.forward(circuits, pixels, kept.pool)
                result[chunk.start : chunk.stop] = z[:, : chunk.size].T
                kept.chunks.append((chunk, pixels, traces))
            return kept

        with passes.single_threaded_blas():
            circuits = _circuits(model, passes, _float64(angles))
            result = np.empty((len(data), model.n_classes))
            shares = passes.map(work, passes.shares(passes.chunks(len(data))))
        ctx.save_for_backward(angles, bias, images)
        ctx.model, ctx.passes, ctx.circuits, ctx.shares = model, passes, circuits, shares
        return torch.from_numpy(result).to(angles.dtype)

    @staticmethod
    def backward(ctx: Any, cotangent: Tensor) -> tuple[Tensor | None, ...]:
        """J^T cotangent, by the engine unless it is to be differentiated again."""
        angles, bias, images = ctx.saved_tensors  # refuses parameters changed since
        functorch = torch._C._functorch
        batched = functorch.is_functorch_wrapped_tensor(cotangent)
        batched = batched or functorch.is_legacy_batchedtensor(cotangent)  # is_grads_batched
        if torch.is_grad_enabled() or batched:
            return _by_autograd(ctx, angles, bias, images, cotangent)
        gradient = _pulled_back(ctx.passes, ctx.circuits, ctx.shares, cotangent)
        parts = gradient.to(angles.dtype).split([angles.numel(), bias.numel()])
        wanted = zip((angles, bias), parts, ctx.needs_input_grad, strict=False)
        return *(part.view_as(like) if asked else None for like, part, asked in wanted), None, None


def _pulled_back(
    passes: ChunkedPasses, circuits: list[PatchCircuit], shares: list[_Share], cotangent: Tensor
) -> Tensor:
    """J^T cotangent as a flat vector, float64: all circuits' angles, then the bias."""
    rows = cotangent.detach().double().numpy()

    def work(share: _Share) -> list[Any]:
        sums = [circuit.zero_cotangents(passes.model.pixel_bias.numel()) for circuit in circuits]
        for chunk, pixels, traces in share.chunks:
            weights = passes.weights(chunk, rows[chunk.start : chunk.stop].T, 1)
            for circuit, trace, into in zip(circuits, traces, sums, strict=True):
                circuit.reverse(pixels, trace, weights, share.pool, into)
        return sums

    with passes.single_threaded_blas():
        sums = passes.add_up(passes.map(work, shares))
        patches = list(range(len(circuits)))
        parts = passes.map(lambda p: circuits[p].angle_gradient(sums[p]), patches)
        return torch.from_numpy(passes.circuit_gradient(parts, sums))


def _by_autograd(
    ctx: Any, angles: Tensor, bias: Tensor, images: Tensor, cotangent: Tensor
) -> tuple[Tensor | None, ...]:
    """The same with a graph of its own."""
    asked = [t for t, wanted in zip((angles, bias), ctx.needs_input_grad, strict=False) if wanted]
    with torch.enable_grad():
        z = ctx.model.autograd_logits(images, angles, bias)
        found = iter(
            torch.autograd.grad(
                z, asked, cotangent, create_graph=torch.is_grad_enabled(), allow_unused=True
            )
        )
    return *(next(found) if wanted else None for wanted in ctx.needs_input_grad[:2]), None, None
