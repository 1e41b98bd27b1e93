"""Hessian, Gauss-Newton and residual products of the torch engine over a fixed data set."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from patchlaw.simulators.engine import (
    DEFAULT_MEMORY_BUDGET,
    CurvatureKind,
    check_budget,
    check_samples,
    check_vectors,
)
from patchlaw.simulators.torch_engine.chunked_passes import ChunkedPasses
from patchlaw.simulators.torch_engine.encoding_tables import EncodingTables
from patchlaw.simulators.torch_engine.losses import DeviceLoss, LossAt, bind_loss
from patchlaw.simulators.torch_engine.patch_circuits import Cotangents, Direction, Trace
from patchlaw.simulators.torch_engine.recordings import Recordings, default_recorder

Float = NDArray[np.float64]

_MAX_VECTORS = 8  # directions that share one pass; bounds the memory of their cotangent sums


class TorchCurvatureProducts:
    """H v, G v and R v of the mean loss at the model's parameters of the time of construction.

    See ``CurvatureProductsLike`` for the matrices. The first pass computes loss and gradient and
    keeps the primal states (S and Λ after the encodings, the last S) of as many chunks as
    ``memory_budget`` allows, on the model's device; the others are recomputed at every product.

    On CUDA a product is recorded as one graph, the chunks included, for losses that never wait.

    Args:
        engine: its model's parameters are read now, later changes are ignored.
        images: shape (N, side, side), radians.
        targets: as the engine's loss expects (labels (N,) for cross-entropy).
        memory_budget: bytes for kept states.

    Attributes:
        loss: mean loss. gradient: its gradient, shape (D,), float64.
        n_samples: N. kept_samples: how many samples' states are kept.

    Raises:
        ValueError: a negative budget, data that do not fit, or NaN or infinity in the parameters.
    """

    def __init__(
        self,
        engine: ChunkedPasses,
        images: Tensor,
        targets: Tensor,
        *,
        memory_budget: float = DEFAULT_MEMORY_BUDGET,
    ) -> None:
        check_budget(memory_budget)
        self._engine = engine
        self.n_parameters = engine.model.n_parameters
        self._replication = engine.model.replication
        self._output_scale = engine.model.output_scale
        pixels, values = check_samples(engine.model, engine.loss, images, targets)
        self._loss = bind_loss(engine.loss, values, pixels.device)
        self.n_samples = len(pixels)
        recorder = default_recorder(pixels.device) if isinstance(self._loss, DeviceLoss) else None
        self.recordings = Recordings(recorder)
        angles, bias = engine.parameters()
        with engine.computing():
            self._pixels = (pixels.flatten(1) + bias)[None]
            self._circuits = engine.circuits(angles)
            found = engine.loss_pass(self._circuits, self._pixels, self._loss, memory_budget)
            gradient = self._replication.collect(self._circuits.gradient(found.sums)[0])
        # what second derivatives of the angles need, and what saves half of a product's forward
        self._sums, self._kept = found.sums, found.kept
        self.loss = found.total.item() / self.n_samples
        self.gradient: Float = gradient.cpu().numpy()
        self.kept_samples = sum(z.shape[1] for z, _ in self._kept.values())

    def product(self, kind: CurvatureKind, vectors: Float) -> Float:
        """The matrix times each column of ``vectors``, shape (D, k), float64.

        The columns share the pass over the data (eight at a time).

        Raises:
            ValueError: an unknown kind, a shape other than (D, k), NaN or infinity.
        """
        directions = check_vectors(kind, vectors, self.n_parameters)
        result = np.empty_like(directions)
        with self._engine.computing():
            for first in range(0, directions.shape[1], _MAX_VECTORS):
                columns = slice(first, first + _MAX_VECTORS)
                result[:, columns] = self._products(kind, directions[:, columns])
        return result

    def _direction(self, vector: Tensor) -> Direction:
        pixels, rates = self._pixels.shape[-1], self._replication.replicate(vector)
        angle_rates = rates[:-pixels].reshape(len(self._circuits.pixel_indices), -1)
        return Direction(self._circuits, angle_rates, rates[-pixels:])

    def _products(self, kind: CurvatureKind, vectors: Float) -> Float:
        rows = torch.from_numpy(np.ascontiguousarray(vectors.T)).to(self._pixels.device)
        (columns,) = self.recordings.call(kind, lambda rows: self._pass(kind, rows), rows)
        return np.asarray(columns.cpu().numpy())

    def _pass(self, kind: CurvatureKind, rows: Tensor) -> tuple[Tensor]:
        """Products with rows (k, D) as columns (D, k), where they lie."""
        directions = [self._direction(row) for row in rows]
        sums = [self._circuits.zero_cotangents() for _ in directions]
        for chunk in self._engine.chunks(self.n_samples):
            tables = self._circuits.tables(self._pixels[:, chunk])
            kept = self._kept.get(chunk.start)
            if kept is None:
                outputs, trace = self._circuits.forward(tables)
                kept = self._output_scale * outputs, trace
            at = self._loss.at(kept[0], chunk)
            for direction, into in zip(directions, sums, strict=True):
                self._add_chunk(kind, tables, at, kept[1], direction, into)
        columns = [
            self._finish(kind, direction, into)
            for direction, into in zip(directions, sums, strict=True)
        ]
        return (torch.stack(columns, dim=1),)

    def _weights(self, gradient: Tensor) -> Tensor:
        """s g / N of a chunk, in the states' dtype."""
        return (gradient * (self._output_scale / self.n_samples)).to(self._pixels.dtype)

    def _add_chunk(
        self,
        kind: CurvatureKind,
        tables: list[EncodingTables],
        at: LossAt,
        trace: Trace,
        direction: Direction,
        into: Cotangents,
    ) -> None:
        """Add one chunk's share of one product: tangent pass, S (or 0) at the outputs, reverse."""
        outputs_dot, tangents = self._circuits.tangent(tables, trace, direction)
        if kind == "residual":
            gradient_dot = torch.zeros_like(at.gradient)
        else:
            gradient_dot = at.curvature_product(self._output_scale * outputs_dot)
        weights_dot = self._weights(gradient_dot)
        if kind == "gauss_newton":
            self._circuits.reverse(tables, trace, weights_dot, into)
            return
        weights = self._weights(at.gradient)
        self._circuits.reverse_tangent(
            tables, trace, tangents, direction, weights, weights_dot, into
        )

    def _finish(self, kind: CurvatureKind, direction: Direction, sums: Cotangents) -> Tensor:
        """From summed cotangents to the product, through the static runs."""
        found = (
            self._circuits.gradient(sums)
            if kind == "gauss_newton"
            else self._circuits.gradient_tangent(direction, self._sums, sums)
        )
        return self._replication.collect(found[0])
