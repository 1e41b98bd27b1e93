"""The grid of a landscape and the loss at its points."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from patchlaw.simulators import PatchModel
from patchlaw.verification.landscape.pca import TrajectoryPlane
from patchlaw.verification.training import Objective

Float = NDArray[np.float64]


def grid_axis(coordinates: Float, points: int, margin: float) -> Float:
    """Equally spaced positions over a coordinate's range and a margin on both sides.

    Args:
        coordinates: of the trajectory's points along one component, radians.
        points: how many positions, at least 2.
        margin: added on either side, radians (paper: 5).

    Returns:
        Shape (points,), ascending.
    """
    low, high = float(coordinates.min()) - margin, float(coordinates.max()) + margin
    return np.linspace(low, high, points)


class PlaneLoss:
    """L(theta_min + x PC1 + y PC2), shared parameters held at the minimum's; mean over images.

    Args:
        model: at the minimum; its patches' parameters are moved by every call, its bias never.
        plane: of the patches' parameter vectors in the model's order; its origin is the minimum.
        images: shape (N, side, side), radians.
        labels: shape (N,), int64.
    """

    def __init__(
        self, model: PatchModel, plane: TrajectoryPlane, images: Tensor, labels: Tensor
    ) -> None:
        self._model, self._plane = model, plane
        self._images, self._labels = model.check_images(images), labels
        self._objective = Objective(model)
        self._own = torch.from_numpy(model.layout.own)
        self._flat = model.flat_parameters().cpu().double()

    def __call__(self, x: float, y: float) -> float:
        """Mean loss in nats, summed in float64; the parameters are rounded to the model's dtype."""
        self._flat[self._own] = torch.from_numpy(self._plane.at(x, y))
        self._model.load_flat_parameters(self._flat)
        return self._objective.evaluate(self._images, self._labels).loss
