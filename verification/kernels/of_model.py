"""What the tangent kernel's law takes of a model: its encodings' quaternions, softmax outputs."""

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from patchlaw.hessian_theory.predictions import (
    CircuitGroup,
    EncodingRotations,
    IdentityCurvature,
    TangentKernel,
)
from patchlaw.hessian_theory.predictions.softmax_spectrum import Outputs
from patchlaw.simulators.ansatz import Ansatz, EncodingBlock, EntanglingBlock
from patchlaw.simulators.distributed_qnn import DistributedQNN
from patchlaw.simulators.output_losses import LossName
from patchlaw.simulators.patch_model import PatchModule
from patchlaw.simulators.torch_engine.encoding import encoding_quaternions, encoding_tangents
from patchlaw.verification.kernels.spin_flip import circuit_group
from patchlaw.verification.torch_devices import torch_threads

_CHUNK = 1000  # samples a pass, to bound memory


def tangent_kernel_of(
    model: DistributedQNN,
    images: Tensor | ArrayLike,
    *,
    encoding_angles: bool = True,
    bias: bool = False,
    group: CircuitGroup | None = None,
) -> TangentKernel:
    """The expected kernel of a model's angles, from its encodings' angles and its pixel bias.

    The data-free blocks' angles are not looked at: 2-designs stand for them.

    Args:
        model: of the paper's kind, data-free blocks with encodings in between.
        images: shape (N, side, side), radians.
        encoding_angles: False counts the angles of the data-free blocks only.
        bias: count the pixel bias as well, a derivative for every pixel of a patch. At random
            angles the patches that share a pixel add without coherence, as here; trained ones may
            add coherently, up to as many times more as patches share it.
        group: that the blocks are taken to fill; None for the circuit's own (``circuit_group``).

    Raises:
        TypeError: another model or circuit.
    """
    rotations = encoding_rotations(model, images, encoding_angles, bias)
    return TangentKernel(
        rotations,
        data_free_angles(model.ansatz),
        model.output_scale,
        group or circuit_group(model.ansatz, model.n_classes),
        shared=model.shared_angles,
    )


def bias_kernel_of(
    model: DistributedQNN, images: Tensor | ArrayLike, *, group: CircuitGroup | None = None
) -> TangentKernel:
    """The expected kernel of the pixel bias: a pixel is an angle of every patch that covers it.

    The patches' circuits have independent blocks, so their derivatives add incoherently: no cross
    terms between patches. ``trace`` is s^2 P n_f v <tr S> with the n_f features of a patch.
    Arguments and errors as ``tangent_kernel_of``.
    """
    rotations = encoding_rotations(model, images, tangents=False, bias=True)
    own = group or circuit_group(model.ansatz, model.n_classes)
    return TangentKernel(rotations, 0, model.output_scale, own)


def data_free_angles(ansatz: Ansatz) -> int:
    """Trained angles of a patch outside the encodings: 6 d n in the paper's circuit.

    Raises:
        TypeError: the circuit does not alternate data-free blocks with encodings, so the law does
            not hold for it.
    """
    kinds = [EncodingBlock if i % 2 else EntanglingBlock for i in range(len(ansatz.blocks))]
    alternates = all(isinstance(b, k) for b, k in zip(ansatz.blocks, kinds, strict=True))
    if not alternates or len(kinds) < 3 or len(kinds) % 2 == 0:
        names = ", ".join(type(block).__name__ for block in ansatz.blocks)
        raise TypeError(
            "ansatz: expected entangling blocks with one encoding block between each two, got "
            f"{names}; the tangent kernel's law holds for data-free 2-designs between encodings"
        )
    return sum(block.n_angles(ansatz.n_qubits) for block in ansatz.blocks[::2])


def encoding_rotations(
    model: DistributedQNN, images: Tensor | ArrayLike, tangents: bool = True, bias: bool = False
) -> tuple[EncodingRotations, ...]:
    """Quaternions of every encoding block, with their derivatives in its angles or its pixels.

    Args:
        model: see ``tangent_kernel_of``, likewise the errors.
        images: shape (N, side, side), radians.
        tangents: whether the derivatives are wanted.
        bias: whether those in the pixels are wanted too.
    """
    if not isinstance(model, DistributedQNN):
        raise TypeError(
            f"model: expected a DistributedQNN, got {type(model).__name__}; give the quaternions "
            "of another circuit's encodings to TangentKernel"
        )
    if bias:
        check_own_angles(model)
    ansatz, n = model.ansatz, model.ansatz.n_qubits
    data_free_angles(ansatz)
    found = []
    # torch's threads, too, wait for each other in every small operation
    with torch.no_grad(), torch_threads(1):
        features = model.patch_features(model.check_images(images))
        places = zip(ansatz.blocks, ansatz.angle_offsets, ansatz.feature_offsets, strict=False)
        for block, angle, feature in places:
            if not isinstance(block, EncodingBlock):
                continue
            angles = model.circuit_angles[:, angle : angle + block.n_angles(n)]
            own = features[:, feature : feature + block.n_features(n)]
            quaternions = encoding_quaternions(block, n, angles, own).swapaxes(1, 2)
            slopes = None
            if tangents or bias:
                every = encoding_tangents(block, n, angles, own, bias=bias)
                kept = every if tangents else every[:, :, block.n_angles(n) // n :]
                slopes = kept.permute(0, 3, 1, 2, 4).cpu().numpy()
            found.append(EncodingRotations(quaternions.cpu().numpy(), slopes))
    return tuple(found)


def check_own_angles(model: DistributedQNN) -> None:
    """Refuse a model whose patches share their angles: the law adds up patches that do not.

    Raises:
        TypeError: it does.
    """
    if model.shared_angles:
        raise TypeError(
            "model: expected patches with angles of their own, over which the kernel is averaged "
            "patch by patch, got angles that the patches share; the law does not hold for them"
        )


def logits_of(model: torch.nn.Module, images: Tensor) -> Tensor:
    """z of every sample, shape (N, C), float64."""
    with torch.no_grad():
        return torch.cat([model(chunk) for chunk in images.split(_CHUNK)]).double()


def output_curvature(
    model: PatchModule, images: Tensor, loss: LossName = "cross_entropy"
) -> Outputs:
    """What S is taken from: pi of every sample, shape (N, C), float64, or that S = 1."""
    if loss == "squared_error":
        return IdentityCurvature(len(images), model.n_classes)
    return np.asarray(softmax_outputs(model, images).cpu().numpy())


def softmax_outputs(model: torch.nn.Module, images: Tensor) -> Tensor:
    """pi of every sample, shape (N, C), float64."""
    return logits_of(model, images).softmax(dim=1)
