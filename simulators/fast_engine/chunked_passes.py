"""The machinery under the fast engine: threads, chunks, parameters, the forward pass."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from patchlaw.simulators.ansatz import ring_signs
from patchlaw.simulators.circuit_model import CircuitModel
from patchlaw.simulators.circuit_plan import CircuitPlan
from patchlaw.simulators.engine import check_samples
from patchlaw.simulators.fast_engine.buffers import BufferPool, Real, kept_pool
from patchlaw.simulators.fast_engine.chunks import MAX_CHUNK, Chunk, split_into_chunks
from patchlaw.simulators.fast_engine.patch_circuit import PatchCircuit
from patchlaw.simulators.fast_engine.traces import ChunkPixels, Cotangents, Trace
from patchlaw.simulators.output_losses import CrossEntropy, OutputLoss

T = TypeVar("T")
R = TypeVar("R")


@cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController()


@cache
def _threads(count: int, process: int) -> ThreadPoolExecutor:
    """Threads that all passes share; a forked process, which has none of them, gets its own."""
    return ThreadPoolExecutor(count)


class ChunkedPasses:
    """Passes over a data set in chunks, each thread with its own: what the fast engine is made of.

    Threads each take whole chunks and call single-threaded BLAS, so they never wait for each
    other inside a product; sums over samples are collected in float64 in a fixed order.
    Arguments and errors: see ``FastEngine``.
    """

    def __init__(
        self,
        model: CircuitModel,
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
        self._signs = ring_signs(model.ansatz.n_qubits).astype(self.dtype)

    @contextmanager
    def single_threaded_blas(self) -> Iterator[None]:
        """Keep BLAS to one thread while the engine's own threads run."""
        with _blas().limit(limits=1, user_api="blas"):
            yield

    def map(self, function: Callable[[T], R], items: list[T]) -> list[R]:
        """``[function(item) for item in items]`` on the engine's threads."""
        if self.n_threads < 2 or len(items) < 2:
            return [function(item) for item in items]
        return list(_threads(self.n_threads, os.getpid()).map(function, items))

    def shares(self, chunks: list[Chunk]) -> list[list[Chunk]]:
        """The chunks of each thread: every n_threads-th one."""
        return [share for t in range(self.n_threads) if (share := chunks[t :: self.n_threads])]

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
        angles = self.model.circuit_angles.detach().numpy().astype(np.float64)
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
        return BufferPool(self._shape(width), self.dtype)

    def kept_pool(self, width: int) -> AbstractContextManager[BufferPool]:
        """The same, whose buffers outlive the call; see ``buffers.kept_pool``."""
        return kept_pool(self._shape(width), self.dtype)

    def _shape(self, width: int) -> tuple[int, int, int]:
        return 2, len(self._signs), width

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

    def logits_at(
        self, circuits: list[PatchCircuit], images: Real, bias: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Logits (N, C) in float64, no state kept; BLAS is to have one thread."""
        result = np.empty((len(images), self.model.n_classes))

        def work(share: list[Chunk]) -> None:
            with self.kept_pool(share[0].width) as pool:
                outputs = np.empty((self.model.n_classes, share[0].width), dtype=self.dtype)
                for chunk in share:
                    pixels, total = self.pixels(images, bias, chunk), np.zeros(outputs.shape)
                    for circuit in circuits:
                        circuit.forward(pixels, pool, outputs).release(pool)
                        total += outputs
                    logits = self.model.output_scale * total
                    result[chunk.start : chunk.stop] = logits[:, : chunk.size].T

        self.map(work, self.shares(self.chunks(len(images))))
        return result

    def weights(self, chunk: Chunk, gradient: NDArray[np.float64], n_samples: int) -> Real:
        """s g / N on the chunk's columns, zero on the padding, in the states' dtype."""
        weights = np.zeros((len(gradient), chunk.width), dtype=self.dtype)
        weights[:, : chunk.size] = gradient * (self.model.output_scale / n_samples)
        return weights

    @staticmethod
    def add_up(parts: list[list[Cotangents]]) -> list[Cotangents]:
        """Sum the threads' cotangents patch by patch, in the threads' order."""
        first, *others = parts
        for other in others:
            for mine, theirs in zip(first, other, strict=True):
                mine += theirs
        return first

    @staticmethod
    def circuit_gradient(
        angle_gradients: list[NDArray[np.float64]], sums: list[Cotangents]
    ) -> NDArray[np.float64]:
        """Angles patch by patch, then the bias summed over the patches, as the circuits have them.

        Shape (P n_angles + pixels,).
        """
        bias = np.sum([cotangents.pixels for cotangents in sums], axis=0)
        return np.concatenate([*angle_gradients, bias])

    def flat_gradient(
        self, angle_gradients: list[NDArray[np.float64]], sums: list[Cotangents]
    ) -> NDArray[np.float64]:
        """``circuit_gradient`` in the model's parameters: shape (D,)."""
        found = torch.from_numpy(self.circuit_gradient(angle_gradients, sums))
        return self.model.replication.collect(found).numpy()
