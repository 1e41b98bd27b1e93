"""Positions of the grid, and the loss at a point of the plane."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import log_softmax

from patchlaw.verification.landscape.landscape_job import PlaneLoss, grid_axis
from patchlaw.verification.landscape.pca import TrajectoryPlane
from patchlaw.verification.landscape.settings import LandscapeSettings
from tests.simulators.plain_derivatives import reference_logits
from tests.strategies import ModelCase, model_cases, real_arrays


@given(
    st.lists(st.floats(-50, 50), min_size=1, max_size=8), st.integers(2, 25), st.floats(0.01, 20)
)
def test_an_axis_covers_the_range_and_the_margin(coordinates, points, margin):
    axis = grid_axis(np.array(coordinates), points, margin)
    assert axis.shape == (points,)
    assert axis[0] == min(coordinates) - margin
    assert axis[-1] == max(coordinates) + margin
    width = (max(coordinates) - min(coordinates) + 2 * margin) / (points - 1)
    np.testing.assert_allclose(np.diff(axis), width, rtol=0, atol=1e-13)


def test_the_papers_grid_by_hand():
    """Twenty points over the range 0 to 9 and 5 on either side are one radian apart."""
    default = LandscapeSettings()
    axis = grid_axis(np.array([9.0, 3.0, 0.0]), default.points, default.margin)
    np.testing.assert_allclose(axis, np.arange(20) - 5.0, atol=1e-14)


@st.composite
def losses(draw: st.DrawFn) -> tuple[ModelCase, np.ndarray, np.ndarray, float, float]:
    """A model with its bias, labels, two directions among its angles, a point of their plane."""
    case = draw(model_cases(n_qubits=st.just(2)))
    labels = draw(st.lists(st.integers(0, case.model.n_classes - 1), min_size=len(case.images)))
    directions = draw(real_arrays((2, case.model.angles.numel()), bound=1.0))
    x, y = draw(st.floats(-5, 5)), draw(st.floats(-5, 5))
    return case, np.array(labels[: len(case.images)]), directions, x, y


@given(losses())
def test_the_loss_is_the_reference_simulators_at_the_moved_angles(drawn):
    """Gate by gate in numpy, in float64.

    Only this catches x and y swapped, angles moved in another patch's place, calls that add up,
    and a bias that moves with the angles or is lost.
    """
    case, labels, directions, x, y = drawn
    model = case.model
    origin = model.angles.detach().numpy().ravel().copy()
    bias = model.pixel_bias.detach().numpy().copy()
    plane = TrajectoryPlane(origin, directions, *[np.zeros(0)] * 4)
    loss_at = PlaneLoss(model, plane, torch.from_numpy(case.images), torch.from_numpy(labels))

    def reference(angles: np.ndarray) -> float:
        at = angles.reshape(model.n_patches, -1)
        logits = [reference_logits(model, image, at, bias) for image in case.images]
        chosen = log_softmax(np.array(logits), axis=1)[np.arange(len(labels)), labels]
        return float(-chosen.mean())

    # logits reach 200 * 9^2; they and the loss are good to 1e-13 of that
    tolerance = {"rel": 1e-10, "abs": 1e-10 * max(1.0, abs(model.output_scale * model.n_patches))}
    moved = reference(origin + x * directions[0] + y * directions[1])
    assert loss_at(x, y) == pytest.approx(moved, **tolerance)
    assert loss_at(0.0, 0.0) == pytest.approx(reference(origin), **tolerance)
    assert (model.pixel_bias.detach().numpy() == bias).all()


_MARGIN = r"margin: expected a finite number >= 0, at most 1e\+06, got "


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"points": 1}, ValueError, "points: expected an integer >= 2, got 1"),
        ({"points": 20.0}, TypeError, "points: expected an integer, got 20.0"),
        ({"images": 0}, ValueError, "images: expected an integer >= 1, got 0"),
        ({"images": True}, TypeError, "images: expected an integer, got True"),
        ({"seed": -1}, ValueError, "seed: expected an integer >= 0, got -1"),
        ({"margin": -0.5}, ValueError, _MARGIN + "-0.5"),
        ({"margin": float("nan")}, ValueError, _MARGIN + "nan"),
        ({"margin": float("inf")}, ValueError, _MARGIN + "inf"),
        ({"margin": 1e300}, ValueError, _MARGIN + "1e"),
    ],
)
def test_settings_that_make_no_grid_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        LandscapeSettings(**options)
