"""One patch's angles on their own: the diagonal blocks H_pp, G_pp, R_pp at the cost of one QNN.

The block of patch p depends on the other patches only through the logits they contribute. So the
block's model has patch p's angles as its parameters and reads, for every sample, patch p's
features and the other patches' share of the logits, computed once. It is an ordinary classifier
to which every curvature operator applies.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from patchlaw.simulators import DistributedQNN
from patchlaw.simulators.torch_engine import circuit_outputs

_CHUNK = 1000  # samples a pass, to bound memory


class PatchBlockModel(torch.nn.Module):
    """z = (others' logits) + s f_p(features; angles_p), trainable in patch p's angles alone.

    Input rows are (n^2 features of patch p, C logits of all other patches): ``block_inputs``.

    Args:
        model: the distributed QNN; its angles are copied.
        patch: p, counted from 0.

    Raises:
        ValueError: no such patch.
    """

    def __init__(self, model: DistributedQNN, patch: int) -> None:
        super().__init__()
        check_patch(model, patch)
        self.ansatz = model.ansatz
        self.n_classes = model.n_classes
        self.output_scale = model.output_scale
        self.angles = torch.nn.Parameter(model.angles.detach()[patch : patch + 1].clone())

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits (n, C) of input rows (n, n_features + C)."""
        features, others = inputs.split([self.ansatz.n_features, self.n_classes], dim=1)
        outputs = circuit_outputs(self.ansatz, self.angles, features.T[None], self.n_classes)
        logits: Tensor = others + self.output_scale * outputs[0].T
        return logits


def block_inputs(model: DistributedQNN, images: Tensor) -> list[Tensor]:
    """Each patch's input rows for PatchBlockModel: P tensors (N, n_features + C)."""
    rows: list[list[Tensor]] = [[] for _ in range(model.n_patches)]
    with torch.no_grad():
        for chunk in model.check_images(images).split(_CHUNK):
            features = model.patch_features(chunk, model.pixel_bias)
            outputs = model.output_scale * model.patch_outputs(chunk)
            logits = outputs.sum(dim=1)
            for p in range(model.n_patches):
                rows[p].append(torch.cat([features[p].T, logits - outputs[:, p]], dim=1))
    return [torch.cat(parts) for parts in rows]


def computes_as_written(model: torch.nn.Module) -> bool:
    """Whether a module is this package's and computes what its class says.

    Not a subclass, whose forward pass may be another, nor one with hooks or a forward of its own.
    """
    return (
        type(model) in (DistributedQNN, PatchBlockModel)
        and not model._forward_hooks
        and not model._forward_pre_hooks
        and "forward" not in vars(model)
    )


def plain_forward(model: torch.nn.Module) -> Callable[[Tensor], Tensor]:
    """How autograd sees every operation of the module: for our own model not by the engine."""
    if isinstance(model, DistributedQNN) and computes_as_written(model):
        return model.autograd_logits
    return model


def check_patch(model: DistributedQNN, patch: int) -> None:
    """Raise ValueError unless 0 <= patch < P."""
    if not 0 <= patch < model.n_patches:
        raise ValueError(f"patch: expected an integer from 0 to {model.n_patches - 1}, got {patch}")
