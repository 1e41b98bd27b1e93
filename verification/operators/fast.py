"""The fast backend: curvature products of the distributed QNN by the CPU engine's own passes."""

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from simulators import DistributedQNN
from simulators.fast_engine import FastEngine
from simulators.fast_engine.curvature import CurvatureProducts
from simulators.fast_engine.engine import MAX_CHUNK
from verification.operators.backend import CurvatureKind
from verification.operators.offset_loss import OffsetCrossEntropy
from verification.operators.patch_block import PatchBlockModel
from verification.operators.problem import check_images, check_labels, check_model


def fast_backend_knows(model: torch.nn.Module) -> bool:
    """Whether the fast backend can stand in for autograd: all parameters trained, on the CPU."""
    return isinstance(model, DistributedQNN | PatchBlockModel) and all(
        p.requires_grad and p.device.type == "cpu" for p in model.parameters()
    )


class FastBackend:
    """Curvature products of a DistributedQNN, or of one patch's block of it, by the fast engine.

    A block is computed as a distributed QNN of one patch on patch-sized images, whose loss adds
    the other patches' logits; its pixel bias is zero and left out of the products.

    Args:
        model: DistributedQNN or PatchBlockModel on the CPU, every parameter trained.
        images: as the model reads them, shape (N, ...).
        labels: shape (N,), integers in [0, C).
        chunk_size: samples a thread works on at a time.

    Raises:
        ValueError: another model, or see check_model, check_images and check_labels.
    """

    name = "fast"

    def __init__(
        self,
        model: torch.nn.Module,
        images: Tensor | ArrayLike,
        labels: Tensor | ArrayLike,
        chunk_size: int = MAX_CHUNK,
    ) -> None:
        check_model(model)
        if not fast_backend_knows(model):
            raise ValueError(
                "backend: 'fast' expects a DistributedQNN on the CPU with all parameters trained, "
                f"got {type(model).__name__}; use backend='autodiff'"
            )
        tensor = check_images(model, images)
        self.n_samples = len(tensor)
        self.n_parameters = sum(p.numel() for p in model.parameters())
        double = next(model.parameters()).dtype == torch.float64
        self.dtype: np.dtype[np.floating] = np.dtype(np.float64 if double else np.float32)
        if isinstance(model, PatchBlockModel):
            targets = check_labels(labels, self.n_samples, model.n_classes)
            engine, tensor, targets = _one_patch(model, tensor, targets, chunk_size)
        else:
            assert isinstance(model, DistributedQNN)
            targets = check_labels(labels, self.n_samples, model.n_classes)
            engine = FastEngine(model, max_chunk=chunk_size)
        self._products = CurvatureProducts(engine, tensor, targets)

    def product(self, kind: CurvatureKind, vectors: NDArray[np.floating]) -> NDArray[np.float64]:
        """The mean matrix ``kind`` times each column; see CurvatureBackend."""
        columns = np.asarray(vectors, dtype=np.float64)
        left_out = self._products.n_parameters - len(columns)
        padded = np.concatenate([columns, np.zeros((left_out, columns.shape[1]))])
        return self._products.product(kind, padded)[: self.n_parameters]


def _one_patch(
    block: PatchBlockModel, inputs: Tensor, labels: Tensor, chunk_size: int
) -> tuple[FastEngine, Tensor, Tensor]:
    """The block as a model of one patch: engine, images (N, n, n), targets (N, 1 + C)."""
    n = block.ansatz.n_qubits
    model = DistributedQNN(
        n_patches=1,
        n_qubits=n,
        image_side=n,
        n_classes=block.n_classes,
        scale=block.output_scale,
        dtype=block.angles.dtype,
        ansatz=block.ansatz,
    )
    model.load_flat_parameters(torch.cat([block.angles.detach()[0], torch.zeros(n * n)]))
    features, others = inputs.split([n * n, block.n_classes], dim=1)
    targets = torch.cat([labels[:, None].double(), others.double()], dim=1)
    engine = FastEngine(model, loss=OffsetCrossEntropy(), max_chunk=chunk_size)
    return engine, features.reshape(-1, n, n), targets
