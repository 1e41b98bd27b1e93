"""Loss, gradient and logits of the distributed QNN on the CPU at the speed of its products."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from simulators.ansatz import ring_edges
from simulators.circuit_plan import CircuitPlan
from simulators.distributed_qnn import DistributedQNN
from simulators.engine import DEFAULT_MEMORY_BUDGET, check_samples
from simulators.fast_engine.buffers import BufferPool, Real
from simulators.fast_engine.curvature import CurvatureProducts
from simulators.fast_engine.patch_circuit import ChunkPixels, Cotangents, PatchCircuit, Trace
from simulators.fast_engine.simd import LANES
from simulators.fast_engine.static_run import ring_signs
from simulators.output_losses import CrossEntropy, OutputLoss

T = TypeVar("T")
R = TypeVar("R")

# ours: a state of 1,040 float32 columns is 2 MiB, so a product's three operands stay in the last
# level of cache; larger chunks gain nothing on the machines tried
MAX_CHUNK = 1040


@dataclass(frozen=True)
class Chunk:
    """Samples start..stop of a data set, computed on ``width`` columns (a multiple of 16)."""

    start: int
    stop: int
    width: int

    @property
    def size(self) -> int:
        """Number of samples."""
        return self.stop - self.start


def split_into_chunks(n_samples: int, n_threads: int, max_chunk: int) -> list[Chunk]:
    """Chunks of one width, as few as the threads can share evenly.

    The last ones may be shorter; the columns past a chunk's samples carry weight zero.
    """
    rounds = -(-n_samples // (n_threads * max_chunk))
    size = -(-n_samples // (rounds * n_threads))
    width = -(-size // LANES) * LANES
    return [
        Chunk(start, min(start + size, n_samples), width) for start in range(0, n_samples, size)
    ]


class FastEngine:
    """The distributed QNN's arithmetic in numpy products and numba kernels, threaded over chunks.

    Gives the same numbers as ``DistributedQNN`` under autograd (the reference path) to rounding.
    Threads each take whole chunks and call single-threaded BLAS, so they never wait for each
    other inside a product; sums over samples are collected in float64 in a fixed order, so the
    result depends on neither scheduling nor, beyond rounding of one chunk, the chunk size.

    Args:
        model: circuit, patches, aggregation and dtype; its parameters are read at each call.
        loss: loss of the logits (default: softmax cross-entropy).
        n_threads: worker threads (default: torch.get_num_threads()).
        max_chunk: samples a thread works on at a time.

    Raises:
        ValueError: a model on another device than the CPU, n_threads or max_chunk below 1.
    """

    def __init__(
        self,
        model: DistributedQNN,
        *,
        loss: OutputLoss | None = None,
        n_threads: int | None = None,
        max_chunk: int = MAX_CHUNK,
    ) -> None:
        if model.angles.device.type != "cpu":
            raise ValueError(
                f"model: the fast engine runs on the CPU, got {model.angles.device}; "
                "move the model with model.cpu() or use TorchEngine"
            )
        self.n_threads = torch.get_num_threads() if n_threads is None else n_threads
        if self.n_threads < 1 or max_chunk < 1:
            raise ValueError(
                f"n_threads and max_chunk: expected at least 1, got {self.n_threads}, {max_chunk}"
            )
        self.model = model
        self.loss: OutputLoss = CrossEntropy() if loss is None else loss
        self.max_chunk = max_chunk
        self.dtype = np.dtype(np.float64 if model.angles.dtype == torch.float64 else np.float32)
        self.plan = CircuitPlan.of(model.ansatz)
        n = model.ansatz.n_qubits
        self._signs = ring_signs(n, ring_edges(n), self.dtype)
        self._executor = ThreadPoolExecutor(self.n_threads) if self.n_threads > 1 else None

    @cached_property
    def _blas(self) -> ThreadpoolController:
        return ThreadpoolController()

    @contextmanager
    def single_threaded_blas(self) -> Iterator[None]:
        """Keep BLAS to one thread while the engine's own threads run."""
        with self._blas.limit(limits=1, user_api="blas"):
            yield

    def map(self, function: Callable[[T], R], items: list[T]) -> list[R]:
        """``[function(item) for item in items]`` on the engine's threads."""
        if self._executor is None or len(items) < 2:
            return [function(item) for item in items]
        return list(self._executor.map(function, items))

    def shares(self, chunks: list[Chunk]) -> list[list[Chunk]]:
        """The chunks of each thread: every n_threads-th one."""
        return [share for t in range(self.n_threads) if (share := chunks[t :: self.n_threads])]

    def curvature(
        self,
        images: torch.Tensor,
        targets: torch.Tensor,
        *,
        memory_budget: float = DEFAULT_MEMORY_BUDGET,
    ) -> CurvatureProducts:
        """Curvature products at the model's present parameters; see ``Engine.curvature``."""
        return CurvatureProducts(self, images, targets, memory_budget=memory_budget)

    def chunks(self, n_samples: int) -> list[Chunk]:
        """How a data set of this size is split."""
        return split_into_chunks(n_samples, self.n_threads, self.max_chunk)

    def check_data(
        self, images: torch.Tensor, targets: torch.Tensor
    ) -> tuple[Real, NDArray[np.generic]]:
        """Images and targets as checked numpy arrays.

        Raises:
            ValueError: shapes, values or counts that do not fit, or no samples.
        """
        pixels, values = check_samples(self.model, self.loss, images, targets)
        return pixels.numpy(), values

    def parameters(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(angles (P, n_angles), bias (pixels,)) of the model, float64.

        Raises:
            ValueError: NaN or infinity among them.
        """
        angles = self.model.angles.detach().numpy().astype(np.float64)
        bias = self.model.pixel_bias.detach().numpy().astype(np.float64).ravel()
        if not (np.isfinite(angles).all() and np.isfinite(bias).all()):
            raise ValueError("model: expected finite parameters, got NaN or infinity")
        return angles, bias

    def circuits(self, angles: NDArray[np.float64]) -> list[PatchCircuit]:
        """Each patch's circuit at the given angles."""
        indices = self.model.grid.pixel_indices
        return self.map(
            lambda p: PatchCircuit(self.plan, angles[p], indices[p], self._signs),
            list(range(len(angles))),
        )

    def pool(self, width: int) -> BufferPool:
        """Buffers for states of a chunk's width."""
        return BufferPool((2, len(self._signs), width), self.dtype)

    def pixels(self, images: Real, bias: NDArray[np.float64], chunk: Chunk) -> ChunkPixels:
        """Half-angle cosines and sines of a chunk's pixels; the padding is all zeros."""
        half = np.zeros((images[0].size, chunk.width), dtype=self.dtype)
        flat = images[chunk.start : chunk.stop].reshape(chunk.size, -1)
        half[:, : chunk.size] = (flat + bias.astype(self.dtype)).T / 2
        return ChunkPixels(np.cos(half), np.sin(half))

    def forward(
        self, circuits: list[PatchCircuit], pixels: ChunkPixels, pool: BufferPool
    ) -> tuple[NDArray[np.float64], list[Trace]]:
        """Logits (C, m) in float64 and every patch's trace."""
        outputs = np.empty((self.model.n_classes, pool.shape[2]), dtype=self.dtype)
        total = np.zeros(outputs.shape)
        traces = []
        for circuit in circuits:
            traces.append(circuit.forward(pixels, pool, outputs))
            total += outputs
        return self.model.output_scale * total, traces

    def weights(self, chunk: Chunk, gradient: NDArray[np.float64], n_samples: int) -> Real:
        """s g / N on the chunk's columns, zero on the padding, in the states' dtype."""
        weights = np.zeros((len(gradient), chunk.width), dtype=self.dtype)
        weights[:, : chunk.size] = gradient * (self.model.output_scale / n_samples)
        return weights

    def logits(self, images: torch.Tensor) -> NDArray[np.float64]:
        """Logits of every image, shape (N, C), float64 (accurate to the model's dtype)."""
        data = self.model.check_images(images).detach().numpy()
        angles, bias = self.parameters()
        result = np.empty((len(data), self.model.n_classes))
        if len(data) == 0:
            return result

        def work(share: list[Chunk]) -> None:
            pool = self.pool(share[0].width)
            for chunk in share:
                z, traces = self.forward(circuits, self.pixels(data, bias, chunk), pool)
                result[chunk.start : chunk.stop] = z[:, : chunk.size].T
                for trace in traces:
                    trace.release(pool)

        with self.single_threaded_blas():
            circuits = self.circuits(angles)
            self.map(work, self.shares(self.chunks(len(data))))
        return result

    def loss_and_gradient(
        self, images: torch.Tensor, targets: torch.Tensor
    ) -> tuple[float, NDArray[np.float64]]:
        """Mean loss and its gradient (paper, Eq. (4)), shape (D,), in the model's flat order.

        Raises:
            ValueError: as ``check_data`` and ``parameters``.
        """
        data, values = self.check_data(images, targets)
        angles, bias = self.parameters()

        def work(share: list[Chunk]) -> tuple[float, list[Cotangents]]:
            pool, total = self.pool(share[0].width), 0.0
            sums = [circuit.zero_cotangents(bias.size) for circuit in circuits]
            for chunk in share:
                pixels = self.pixels(data, bias, chunk)
                z, traces = self.forward(circuits, pixels, pool)
                losses, gradient = self.loss.value_and_gradient(
                    z[:, : chunk.size], values[chunk.start : chunk.stop]
                )
                total += float(losses.sum())
                weights = self.weights(chunk, gradient, len(data))
                for circuit, trace, into in zip(circuits, traces, sums, strict=True):
                    circuit.reverse(pixels, trace, weights, pool, into)
                    trace.release(pool)
            return total, sums

        with self.single_threaded_blas():
            circuits = self.circuits(angles)
            parts = self.map(work, self.shares(self.chunks(len(data))))
            sums = self.add_up([cotangents for _, cotangents in parts])
            gradient = self.flat_gradient(
                self.map(lambda p: circuits[p].angle_gradient(sums[p]), list(range(len(circuits)))),
                sums,
            )
        return sum(total for total, _ in parts) / len(data), gradient

    @staticmethod
    def add_up(parts: list[list[Cotangents]]) -> list[Cotangents]:
        """Sum the threads' cotangents patch by patch, in the threads' order."""
        first, *others = parts
        for other in others:
            for mine, theirs in zip(first, other, strict=True):
                mine += theirs
        return first

    @staticmethod
    def flat_gradient(
        angle_gradients: list[NDArray[np.float64]], sums: list[Cotangents]
    ) -> NDArray[np.float64]:
        """Angles patch by patch, then the bias summed over the patches: shape (D,)."""
        bias = np.sum([cotangents.pixels for cotangents in sums], axis=0)
        return np.concatenate([*angle_gradients, bias])
