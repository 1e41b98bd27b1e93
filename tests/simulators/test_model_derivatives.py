"""First and second derivatives of the logits against parameter shift and finite differences.

Every angle and every feature turns exactly one gate (test_ansatz), so with t any of them
df/dt = [f(t + pi/2) - f(t - pi/2)] / 2, exactly; second derivatives shift twice. A pixel's
derivative sums those of the features that read it.
"""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from patchlaw.simulators import (
    Ansatz,
    DistributedQNN,
    EncodingBlock,
    EntanglingBlock,
    reference,
)
from tests.simulators.plain_derivatives import reference_logits
from tests.strategies import ModelCase, examples, model_cases, real_arrays

SHIFT = np.pi / 2


def patch_values(model: DistributedQNN, patch: int, image: np.ndarray) -> np.ndarray:
    """Angles then features of one patch, shape (n_angles + n_features,)."""
    pixels = (image + model.pixel_bias.detach().numpy()).ravel()
    features = pixels[model.grid.pixel_indices[patch]]
    return np.concatenate([model.angles[patch].detach().numpy(), features])


def weighted_output(model: DistributedQNN, values: np.ndarray, weights: np.ndarray) -> float:
    """s sum_k w_k f_k of one patch by the gate-by-gate reference."""
    angles, features = np.split(values, [model.ansatz.n_angles])
    outputs = reference.qnn_outputs(model.ansatz, angles, features, model.n_classes)
    return float(model.output_scale * weights @ outputs)


def shifted_gradient(model: DistributedQNN, values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Parameter shift in every angle and feature of one patch."""
    steps = SHIFT * np.eye(len(values))
    return np.array(
        [
            weighted_output(model, values + step, weights)
            - weighted_output(model, values - step, weights)
            for step in steps
        ]
    ) * (1 / 2)


def flat_positions(model: DistributedQNN, patch: int) -> np.ndarray:
    """Where the angles and features of one patch stand in the flat parameter vector."""
    n_angles = model.ansatz.n_angles
    angles = patch * n_angles + np.arange(n_angles)
    pixels = model.n_patches * n_angles + model.grid.pixel_indices[patch]
    return np.concatenate([angles, pixels])


def weighted_logits(
    model: DistributedQNN, vector: torch.Tensor, images: np.ndarray, weights: np.ndarray
) -> torch.Tensor:
    """sum_nk w_nk z_nk as a differentiable function of the flat parameters."""
    angles, bias = model.layout.split(vector)
    logits = torch.func.functional_call(model, {"angles": angles, "pixel_bias": bias}, (images,))
    return (logits * torch.tensor(weights)).sum()


@given(model_cases(st.integers(2, 3), st.integers(1, 2)), st.data())
@examples(5)
def test_gradient_matches_parameter_shift(case: ModelCase, data: st.DataObject) -> None:
    """All of it: angles patch by patch, and the pixel bias through every patch that reads it.

    Only this catches a detached or doubled path in the graph; values alone would be right.
    """
    model, images = case.model, case.images
    shape = (len(images), model.n_classes)
    weights = data.draw(real_arrays(shape, bound=1.0), label="weights")
    expected = np.zeros(model.n_parameters)
    for image, row in zip(images, weights, strict=True):
        for p in range(model.n_patches):
            gradient = shifted_gradient(model, patch_values(model, p, image), row)
            np.add.at(expected, flat_positions(model, p), gradient)
    (model(images) * torch.tensor(weights)).sum().backward()
    got = torch.cat([model.angles.grad.ravel(), model.pixel_bias.grad.ravel()]).numpy()
    # each entry sums at most N P outputs of size s, rounded to about 1e-14 relative
    tolerance = 1e-12 * abs(model.output_scale) * len(images) * model.n_patches
    np.testing.assert_allclose(got, expected, rtol=0, atol=tolerance)


def overlapping_model(seed: int = 11) -> DistributedQNN:
    """Two qubits, four patches of a 3x3 image: the centre is read four times, corners once."""
    model = DistributedQNN(
        n_patches=4,
        ansatz=Ansatz.from_blocks(2, (EncodingBlock(1), EntanglingBlock(1), EncodingBlock(1))),
        n_qubits=2,
        image_side=3,
        n_classes=4,
        scale=10.0,
        aggregation_exponent=0.5,
        seed=seed,
        dtype=torch.float64,
    )
    bias = torch.linspace(-0.3, 0.4, 9, dtype=torch.float64).reshape(3, 3)
    model.load_flat_parameters(torch.cat([model.angles.detach().ravel(), bias.ravel()]))
    return model


IMAGE = np.random.default_rng(2).uniform(0, np.pi / 4, (1, 3, 3))
WEIGHTS = np.array([[0.7, -1.1, 0.4, 0.9]])


def test_hessian_matches_parameter_shift_twice() -> None:
    """The whole matrix, bias blocks included; catches second derivatives cut or counted twice."""
    model = overlapping_model()
    expected = np.zeros((model.n_parameters, model.n_parameters))
    for p in range(model.n_patches):
        values = patch_values(model, p, IMAGE[0])
        steps = SHIFT * np.eye(len(values))
        block = np.empty((len(values), len(values)))
        for i, step in enumerate(steps):
            for j in range(i + 1):
                corners = [
                    sign * other * weighted_output(model, moved, WEIGHTS[0])
                    for sign in (1, -1)
                    for other in (1, -1)
                    for moved in [values + sign * step + other * steps[j]]
                ]
                block[i, j] = block[j, i] = sum(corners) / 4
        positions = flat_positions(model, p)
        np.add.at(expected, (positions[:, None], positions[None, :]), block)
    hessian = torch.autograd.functional.hessian(
        lambda vector: weighted_logits(model, vector, IMAGE, WEIGHTS), model.flat_parameters()
    ).numpy()
    np.testing.assert_allclose(hessian, expected, rtol=0, atol=1e-12 * model.output_scale * 4)
    angles = model.angles.numel()
    owner = np.arange(angles) // model.ansatz.n_angles
    across = owner[:, None] != owner[None, :]
    assert not hessian[:angles, :angles][across].any()  # logits are additive over patches
    assert np.abs(hessian[:angles, angles:]).max() > 1e-2  # but share the bias


def test_bias_gradient_matches_finite_differences_at_second_order() -> None:
    """Central differences of the reference's logits: halving h must quarter the error.

    No parameter shift here, so a wrong shift rule for shared pixels cannot hide.
    """
    model = overlapping_model()
    bias = model.pixel_bias.detach().numpy().ravel()

    def value(pixel_bias: np.ndarray) -> float:
        return float(WEIGHTS[0] @ reference_logits(model, IMAGE[0], pixel_bias=pixel_bias))

    (model(IMAGE) * torch.tensor(WEIGHTS)).sum().backward()
    gradient = model.pixel_bias.grad.numpy().ravel()

    def error(h: float) -> float:
        differences = [(value(bias + h * e) - value(bias - h * e)) / (2 * h) for e in np.eye(9)]
        return float(np.linalg.norm(np.array(differences) - gradient))

    errors = [error(h) for h in (4e-2, 2e-2, 1e-2)]
    ratios = [errors[0] / errors[1], errors[1] / errors[2]]
    # error = a h^2 (1 + b h^2 ...), so a ratio leaves 4 by about 4 b h^2, b of order 1
    np.testing.assert_allclose(ratios, 4, rtol=4e-3)
