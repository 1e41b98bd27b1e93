"""The Jacobian of the logits, column by column, from the CPU engine's tangent passes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from patchlaw.simulators import DistributedQNN

if TYPE_CHECKING:
    from patchlaw.simulators.fast_engine.chunks import Chunk
    from patchlaw.simulators.fast_engine.engine import FastEngine
    from patchlaw.simulators.fast_engine.patch_circuit import PatchCircuit

Float = NDArray[np.float64]


@dataclass(frozen=True)
class JacobianChunk:
    """Some samples' logits and their derivatives.

    Attributes:
        samples: which samples.
        logits: z, shape (m, C).
        jacobian: dz_k/dt_i, shape (m, C, D), float64 (accurate to the model's dtype).
    """

    samples: slice
    logits: Float
    jacobian: Float


def jacobian_chunks(
    model: DistributedQNN, images: Tensor | ArrayLike, *, max_chunk: int = 256
) -> Iterator[JacobianChunk]:
    """The Jacobian at the model's present parameters, a chunk of samples at a time.

    An angle moves the outputs of its own patch only, a pixel of the bias those of the patches
    that cover it: a column costs a tangent pass through these, an eighth of a product with G for
    an angle of a model of four patches. A chunk holds m C D numbers.

    Args:
        model: on the CPU.
        images: shape (N, side, side), radians.
        max_chunk: samples at once.

    Raises:
        ValueError: images that do not fit, or a model on another device.
    """
    from patchlaw.simulators.fast_engine import FastEngine  # numba takes a second to import
    from patchlaw.simulators.fast_engine.chunks import split_into_chunks

    engine = FastEngine(model, max_chunk=max_chunk)
    data = model.check_images(images).detach().numpy()
    angles, bias = engine.parameters()
    with engine.single_threaded_blas():
        circuits = engine.circuits(angles)
        for chunk in split_into_chunks(len(data), 1, max_chunk):
            yield _chunk_jacobian(engine, circuits, data, bias, chunk)


def _chunk_jacobian(
    engine: FastEngine,
    circuits: list[PatchCircuit],
    data: NDArray[np.floating],
    bias: Float,
    chunk: Chunk,
) -> JacobianChunk:
    from patchlaw.simulators.fast_engine.patch_circuit import PatchDirection

    pixels = engine.pixels(data, bias, chunk)
    z, traces = engine.forward(circuits, pixels, engine.pool(chunk.width))
    shape = (engine.model.n_classes, chunk.size)
    n_patches, n_angles = engine.model.circuit_angles.shape
    n_pixels = engine.model.pixel_bias.numel()
    of_angles = np.empty((n_patches, n_angles, *shape))
    of_bias = np.zeros((n_patches, n_pixels, *shape))

    def column(move: tuple[int, int, int]) -> None:
        """Each call writes to a place of its own, on whatever thread it runs."""
        p, angle, pixel = move
        rates = np.zeros(n_angles), np.zeros(n_pixels)
        if pixel < 0:
            rates[0][angle], target = 1.0, of_angles[p, angle]
        else:
            rates[1][pixel], target = 1.0, of_bias[p, pixel]
        outputs_dot = np.empty((shape[0], chunk.width), dtype=engine.dtype)
        direction = PatchDirection(circuits[p], *rates)
        pool = engine.pool(chunk.width)
        circuits[p].tangent(pixels, traces[p], direction, pool, outputs_dot)
        target[:] = outputs_dot[:, : chunk.size]

    moves = [(p, i, -1) for p in range(n_patches) for i in range(n_angles)]
    for p, covered in enumerate(engine.model.grid.pixel_indices):
        moves += [(p, -1, int(pixel)) for pixel in np.unique(covered)]
    engine.map(column, moves)
    columns = np.concatenate([of_angles.reshape(-1, *shape), of_bias.sum(axis=0)])
    jacobian = engine.model.replication.collect(
        torch.from_numpy(columns.transpose(2, 1, 0))
    ).numpy()
    return JacobianChunk(
        slice(chunk.start, chunk.stop),
        z[:, : chunk.size].T,
        engine.model.output_scale * np.ascontiguousarray(jacobian),
    )
