"""Hessian, Gauss-Newton and residual products of the fast engine over a fixed data set."""

import numpy as np
import torch
from numpy.typing import NDArray

from patchlaw.simulators.engine import (
    DEFAULT_MEMORY_BUDGET,
    CurvatureKind,
    check_budget,
    check_vectors,
)
from patchlaw.simulators.fast_engine.buffers import BufferPool, Real
from patchlaw.simulators.fast_engine.chunked_passes import ChunkedPasses
from patchlaw.simulators.fast_engine.chunks import Chunk
from patchlaw.simulators.fast_engine.patch_circuit import PatchDirection
from patchlaw.simulators.fast_engine.traces import ChunkPixels, Cotangents, TangentTrace, Trace

Float = NDArray[np.float64]

_MAX_VECTORS = 8  # directions that share one pass; bounds the memory of their cotangent sums


class CurvatureProducts:
    """H v, G v and R v of the mean loss at the model's parameters of the time of construction.

    H = G + R (paper, Eq. (5)): G v = s^2 <J^T S J v> and R v = s <sum_k g_k (d2 f_k) v>, averages
    over all samples, s = c P^(-alpha). The first pass computes loss and gradient and keeps the
    primal states (S and Λ at the encodings) of as many chunks as ``memory_budget`` allows; the
    other chunks are recomputed at every product.

    Args:
        engine: the fast engine; its model's parameters are read now, later changes are ignored.
        images: shape (N, side, side), radians.
        targets: as the engine's loss expects (labels (N,) for cross-entropy).
        memory_budget: bytes for kept states.

    Attributes:
        loss: mean loss. gradient: its gradient, shape (D,), float64.
        n_samples: N. kept_samples: how many samples' states are kept.

    Raises:
        ValueError: a negative budget, or data that do not fit the model.
    """

    def __init__(
        self,
        engine: ChunkedPasses,
        images: torch.Tensor,
        targets: torch.Tensor,
        *,
        memory_budget: float = DEFAULT_MEMORY_BUDGET,
    ) -> None:
        check_budget(memory_budget)
        self._engine = engine
        self._images, self._targets = engine.check_data(images, targets)
        self.n_samples = len(self._images)
        angles, self._bias = engine.parameters()
        self._chunks = engine.chunks(self.n_samples)
        with engine.single_threaded_blas():
            self._circuits = engine.circuits(angles)
            self._kept: dict[Chunk, tuple[Float, list[Trace]]] = {}
            self._prime(self._chunks_to_keep(memory_budget))
        self.kept_samples = sum(chunk.size for chunk in self._kept)

    @property
    def n_parameters(self) -> int:
        """D."""
        return self._engine.model.n_parameters

    def _chunks_to_keep(self, memory_budget: float) -> set[Chunk]:
        encodings = len(self._circuits[0].encoding_shapes)
        states = 2 * encodings + 1  # S and Λ after every encoding, and the final S
        per_chunk = (
            states
            * len(self._circuits)
            * int(np.prod(self._engine.pool(self._chunks[0].width).shape))
            * self._engine.dtype.itemsize
        )
        return set(self._chunks[: int(memory_budget // per_chunk)])

    def _zero_sums(self) -> list[Cotangents]:
        return [circuit.zero_cotangents(self._bias.size) for circuit in self._circuits]

    def _pixels(self, chunk: Chunk) -> ChunkPixels:
        return self._engine.pixels(self._images, self._bias, chunk)

    def _output_gradient(self, chunk: Chunk, z: Float) -> tuple[Float, Float]:
        targets = self._targets[chunk.start : chunk.stop]
        return self._engine.loss.value_and_gradient(z[:, : chunk.size], targets)

    def _prime(self, keep: set[Chunk]) -> None:
        """Loss, gradient and the summed cotangents that second derivatives of the angles need."""
        engine = self._engine

        def work(share: list[Chunk]) -> tuple[float, list[Cotangents]]:
            pool, total, sums = engine.pool(share[0].width), 0.0, self._zero_sums()
            for chunk in share:
                pixels, kept = self._pixels(chunk), chunk in keep
                z, traces = engine.forward(self._circuits, pixels, pool)
                losses, gradient = self._output_gradient(chunk, z)
                total += float(losses.sum())
                weights = engine.weights(chunk, gradient, self.n_samples)
                for circuit, trace, into in zip(self._circuits, traces, sums, strict=True):
                    circuit.reverse(pixels, trace, weights, pool, into, keep=kept)
                    if not kept:
                        trace.release(pool)
                if kept:
                    self._kept[chunk] = z, traces
            return total, sums

        parts = engine.map(work, engine.shares(self._chunks))
        self._sums = engine.add_up([sums for _, sums in parts])
        self.loss = sum(total for total, _ in parts) / self.n_samples
        patches = list(range(len(self._circuits)))
        self.gradient = engine.flat_gradient(
            engine.map(lambda p: self._circuits[p].angle_gradient(self._sums[p]), patches),
            self._sums,
        )

    def product(self, kind: CurvatureKind, vectors: Float) -> Float:
        """The matrix times each column of ``vectors``, shape (D, k), float64.

        The columns share the pass over the data (eight at a time).

        Raises:
            ValueError: an unknown kind, a shape other than (D, k), NaN or infinity.
        """
        directions = check_vectors(kind, vectors, self.n_parameters)
        result = np.empty_like(directions)
        with self._engine.single_threaded_blas():
            for first in range(0, directions.shape[1], _MAX_VECTORS):
                columns = slice(first, first + _MAX_VECTORS)
                result[:, columns] = self._products(kind, directions[:, columns])
        return result

    def _directions(self, vector: Float) -> list[PatchDirection]:
        own = torch.from_numpy(np.ascontiguousarray(vector))
        rates: Float = self._engine.model.replication.replicate(own).numpy()
        angles = rates[: -self._bias.size].reshape(len(self._circuits), -1)
        pixel_rates = rates[-self._bias.size :]
        return self._engine.map(
            lambda p: PatchDirection(self._circuits[p], angles[p], pixel_rates),
            list(range(len(self._circuits))),
        )

    def _products(self, kind: CurvatureKind, vectors: Float) -> Float:
        engine = self._engine
        directions = [self._directions(vector) for vector in vectors.T]

        def work(share: list[Chunk]) -> list[list[Cotangents]]:
            pool = engine.pool(share[0].width)
            sums = [self._zero_sums() for _ in directions]
            for chunk in share:
                pixels = self._pixels(chunk)
                kept = self._kept.get(chunk)
                z, traces = kept or engine.forward(self._circuits, pixels, pool)
                for direction, into in zip(directions, sums, strict=True):
                    self._add_chunk(kind, chunk, pixels, z, traces, direction, pool, into)
                if kept is None:
                    for trace in traces:
                        trace.release(pool)
            return sums

        parts = engine.map(work, engine.shares(self._chunks))
        columns = [
            self._finish(kind, direction, engine.add_up([part[i] for part in parts]))
            for i, direction in enumerate(directions)
        ]
        return np.stack(columns, axis=1)

    def _add_chunk(
        self,
        kind: CurvatureKind,
        chunk: Chunk,
        pixels: ChunkPixels,
        z: Float,
        traces: list[Trace],
        direction: list[PatchDirection],
        pool: BufferPool,
        into: list[Cotangents],
    ) -> None:
        """Add one chunk's share of one product: tangent pass, S (or 0) at the outputs, reverse."""
        engine, patches = self._engine, range(len(self._circuits))
        tangents: list[TangentTrace] = []
        z_dot = np.zeros(z.shape)
        for p in patches:
            outputs_dot: Real = np.empty(z.shape, dtype=engine.dtype)
            tangents.append(
                self._circuits[p].tangent(pixels, traces[p], direction[p], pool, outputs_dot)
            )
            z_dot += outputs_dot
            if kind == "gauss_newton":
                tangents[p].release(pool)
        _, gradient = self._output_gradient(chunk, z)
        columns = slice(None, chunk.size)
        if kind == "residual":
            gradient_dot = np.zeros_like(gradient)
        else:
            gradient_dot = engine.loss.curvature_product(
                z[:, columns],
                self._targets[chunk.start : chunk.stop],
                engine.model.output_scale * z_dot[:, columns],
            )
        weights = engine.weights(chunk, gradient, self.n_samples)
        weights_dot = engine.weights(chunk, gradient_dot, self.n_samples)
        for p in patches:
            circuit, trace = self._circuits[p], traces[p]
            if kind == "gauss_newton":
                circuit.reverse(pixels, trace, weights_dot, pool, into[p])
                continue
            circuit.reverse_tangent(
                pixels, trace, tangents[p], direction[p], weights, weights_dot, pool, into[p]
            )
            tangents[p].release(pool)

    def _finish(
        self, kind: CurvatureKind, direction: list[PatchDirection], sums: list[Cotangents]
    ) -> Float:
        """From summed cotangents to the product, through the static runs."""

        def patch(p: int) -> Float:
            if kind == "gauss_newton":
                return self._circuits[p].angle_gradient(sums[p])
            return self._circuits[p].angle_gradient_tangent(direction[p], self._sums[p], sums[p])

        angles = self._engine.map(patch, list(range(len(self._circuits))))
        return self._engine.flat_gradient(angles, sums)
