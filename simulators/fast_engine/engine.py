"""Loss, gradient and logits of the distributed QNN on the CPU at the speed of its products."""

import numpy as np
import torch
from numpy.typing import NDArray

from patchlaw.simulators.engine import DEFAULT_MEMORY_BUDGET
from patchlaw.simulators.fast_engine.chunked_passes import ChunkedPasses
from patchlaw.simulators.fast_engine.chunks import Chunk
from patchlaw.simulators.fast_engine.curvature import CurvatureProducts
from patchlaw.simulators.fast_engine.traces import Cotangents


class FastEngine(ChunkedPasses):
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

    def logits(self, images: torch.Tensor) -> NDArray[np.float64]:
        """Logits of every image, shape (N, C), float64 (accurate to the model's dtype)."""
        data = self.model.check_images(images).detach().numpy()
        angles, bias = self.parameters()
        with self.single_threaded_blas():
            return self.logits_at(self.circuits(angles), data, bias)

    def logits_tensor(self, images: torch.Tensor) -> torch.Tensor:
        """See TrainingEngine."""
        return torch.from_numpy(self.logits(images))

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
            total, sums = 0.0, [circuit.zero_cotangents(bias.size) for circuit in circuits]
            with self.kept_pool(share[0].width) as pool:
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

    def curvature(
        self,
        images: torch.Tensor,
        targets: torch.Tensor,
        *,
        memory_budget: float = DEFAULT_MEMORY_BUDGET,
    ) -> CurvatureProducts:
        """Curvature products at the model's present parameters; see ``Engine.curvature``."""
        return CurvatureProducts(self, images, targets, memory_budget=memory_budget)
