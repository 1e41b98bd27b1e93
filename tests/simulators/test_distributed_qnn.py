"""DistributedQNN: logits, initial angles, batches, flat parameters, errors."""

import re
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from patchlaw.simulators import Ansatz, DistributedQNN, EncodingBlock, reference
from tests.simulators.plain_derivatives import reference_logits
from tests.strategies import ModelCase, batch_splits, model_cases


def small_model(**changes: object) -> DistributedQNN:
    """Two qubits, four overlapping patches of a 3x3 image."""
    settings = {"n_patches": 4, "depth": 1, "n_qubits": 2, "image_side": 3, "n_classes": 4}
    return DistributedQNN(**(settings | {"dtype": torch.float64} | changes))


def small_images(count: int = 2) -> np.ndarray:
    return np.random.default_rng(5).uniform(0, np.pi / 4, (count, 3, 3))


def outputs_from_slices(model: DistributedQNN, image: np.ndarray) -> np.ndarray:
    """f_p of every patch, shape (P, C), with the patches cut from the image by slicing."""
    angles, bias = model.angles.detach().numpy(), model.pixel_bias.detach().numpy()
    n, offsets = model.grid.patch_side, model.grid.offsets
    corners = [(row, column) for row in offsets for column in offsets]
    outputs = [
        reference.qnn_outputs(
            model.ansatz,
            angles[p],
            (image + bias)[row : row + n, column : column + n].ravel(),
            model.n_classes,
        )
        for p, (row, column) in enumerate(corners)
    ]
    return np.array(outputs)


# --- logits ----------------------------------------------------------------------------------


@given(model_cases())
def test_logits_are_those_of_the_reference(case: ModelCase) -> None:
    """Only this catches a wrong patch for an angle row, a bias added twice, or a wrong P^(-alpha).

    Outputs agree within 1e-12 (see test_simulators_agree); a logit sums P of them times s.
    """
    model, images = case.model, case.images
    logits = model(images).detach().numpy()
    assert logits.shape == (len(images), model.n_classes)
    tolerance = 1e-12 * abs(model.output_scale) * model.n_patches
    for image, row in zip(images, logits, strict=True):
        outputs = outputs_from_slices(model, image)
        sliced = model.scale * len(outputs) ** -model.aggregation_exponent * outputs.sum(axis=0)
        np.testing.assert_allclose(row, sliced, rtol=0, atol=tolerance)
        np.testing.assert_allclose(row, reference_logits(model, image), rtol=0, atol=tolerance)


def test_logits_depend_on_which_patch_has_which_angles() -> None:
    """The sum over patches is symmetric, so the agreement above needs patches that differ."""
    model, images = small_model(), small_images()
    before = model(images)
    with torch.no_grad():
        model.angles.copy_(model.angles[[0, 2, 1, 3]])  # patch order transposed
    assert (model(images) - before).abs().max() > 1e-1


@given(model_cases(), st.data())
def test_a_sample_does_not_depend_on_its_batch(case: ModelCase, data: st.DataObject) -> None:
    """Rows agree to rounding, not bit by bit: matrix products block their sums by size."""
    model, images = case.model, case.images
    sizes = data.draw(batch_splits(len(images)), label="sizes")
    parts = torch.split(torch.tensor(images), sizes)
    together, apart = model(images), torch.cat([model(part) for part in parts])
    tolerance = 1e-13 * abs(model.output_scale) * model.n_patches
    torch.testing.assert_close(apart, together, rtol=0, atol=tolerance)


@given(model_cases())
def test_patch_outputs_are_in_patch_order(case: ModelCase) -> None:
    """Only this catches permuted patches in ``patch_outputs``: the logits sum over them."""
    model, images = case.model, case.images
    outputs = model.patch_outputs(images)
    assert outputs.shape == (len(images), model.n_patches, model.n_classes)
    expected = [outputs_from_slices(model, image) for image in images]
    np.testing.assert_allclose(outputs.detach(), np.array(expected), rtol=0, atol=1e-12)
    torch.testing.assert_close(
        model.autograd_logits(images), model.output_scale * outputs.sum(dim=1), rtol=0, atol=0
    )


def test_float32_follows_float64() -> None:
    """Same parameters, same images; the difference is float32's rounding and no more.

    An inner product of K terms errs like a random walk, sqrt(K) u with u = 2^-24; unitary stages
    hand errors on unamplified, so those of the stages add in quadrature. Stages: 3 d layers of
    two products with K = 16, two dense products with K = 256, 2 n single-qubit products (2 u).
    An output errs by at most twice the state's error (<psi|O|psi>, |O| = 1), a logit, 100 times
    a mean of outputs, by 100 times that. TF32 or bfloat16 products would err by 0.01 or more.
    """
    depth, n = 4, 8
    single = DistributedQNN(n_patches=4, depth=depth)
    double = DistributedQNN(n_patches=4, depth=depth, dtype=torch.float64)
    torch.testing.assert_close(double.angles, single.angles.double(), rtol=0, atol=0)
    generator = torch.Generator().manual_seed(3)
    images = torch.rand(5, 14, 14, generator=generator) * torch.pi / 4
    u = 2.0**-24
    state_error = np.sqrt(3 * depth * 2 * 16 + 2 * 256 + 2 * n * 2**2) * u
    logits = single(images)
    assert (logits.dtype, double(images).dtype) == (torch.float32, torch.float64)
    torch.testing.assert_close(
        logits.double(), double(images), rtol=0, atol=100 * 2 * float(state_error)
    )


# --- initial parameters ----------------------------------------------------------------------


@pytest.mark.parametrize(("seed", "patches"), [(1001, 4), (1001, 16), (7, 9)])
def test_initial_angles_are_the_authors(seed: int, patches: int) -> None:
    """Rebuilt from numpy's Mersenne twister: low 24 bits of each draw / 2^24, times pi in float32.

    Only this catches a draw in another order, in float64, or from another generator.
    """
    model = DistributedQNN(n_patches=patches, depth=2, seed=seed)
    twister = np.random.MT19937()
    twister._legacy_seeding(seed)
    bits = twister.random_raw(model.angles.numel()) & 0xFFFFFF
    expected = (bits.astype(np.float32) * np.float32(2**-24)) * np.float32(np.pi)
    assert model.angles.dtype == torch.float32
    np.testing.assert_array_equal(model.angles.detach().numpy().ravel(), expected)
    assert model.angles.shape == (patches, 48 * 2 + 128)
    assert not model.pixel_bias.detach().any()


def test_construction_leaves_the_global_generator_alone() -> None:
    before = torch.random.get_rng_state()
    small_model()
    assert torch.equal(torch.random.get_rng_state(), before)


def test_defaults_are_the_papers() -> None:
    model = DistributedQNN()
    assert (model.n_patches, model.ansatz, model.n_classes) == (4, Ansatz(8, 50), 10)
    assert (model.scale, model.aggregation_exponent, model.output_scale) == (100.0, 1.0, 25.0)
    assert model.angles.shape == (4, 48 * 50 + 128)
    assert model.pixel_bias.shape == (14, 14)


# --- flat parameters -------------------------------------------------------------------------


def test_flat_order_is_angles_by_patch_then_bias_by_row() -> None:
    """Only this catches a transposed bias or angles before patches: shapes would still fit."""
    model = small_model()
    total, per_patch = model.n_parameters, model.ansatz.n_angles
    assert total == 4 * per_patch + 9
    model.load_flat_parameters(np.arange(total, dtype=np.float64))
    for p in range(4):
        first = p * per_patch
        assert model.angles[p].tolist() == list(range(first, first + per_patch))
    assert model.pixel_bias.tolist() == [
        list(range(4 * per_patch + 3 * row, 4 * per_patch + 3 * row + 3)) for row in range(3)
    ]


@given(model_cases())
def test_flat_parameters_round_trip(case: ModelCase) -> None:
    model = case.model
    flat, logits = model.flat_parameters(), model(case.images)
    model.load_flat_parameters(torch.zeros_like(flat))
    assert not model.flat_parameters().any()
    model.load_flat_parameters(flat)
    assert torch.equal(model.flat_parameters(), flat)
    assert torch.equal(model(case.images), logits)


def test_flat_parameters_are_a_copy() -> None:
    model = small_model()
    flat = model.flat_parameters()
    assert not flat.requires_grad
    before = flat.clone()
    flat += 1
    assert torch.equal(model.flat_parameters(), before)
    model.load_flat_parameters(flat)
    flat += 1
    assert torch.equal(model.flat_parameters(), before + 1)


def test_parameters_of_the_module_are_angles_and_bias() -> None:
    """An optimiser or a checkpoint must see nothing else."""
    model = small_model()
    assert [name for name, _ in model.named_parameters()] == ["angles", "pixel_bias"]
    assert set(model.state_dict()) == {"angles", "pixel_bias"}


@pytest.mark.parametrize(
    ("spoil", "error", "message"),
    [
        (lambda v: v[:-1], ValueError, r"vector: expected shape \(89,\), got \(88,\)"),
        (lambda v: v[None], ValueError, r"vector: expected shape \(89,\), got \(1, 89\)"),
        (lambda v: v * np.nan, ValueError, "vector: expected finite parameters, got NaN"),
        (lambda v: v.astype(complex), TypeError, "vector: expected floating-point radians, got"),
        (lambda v: v.astype(int), TypeError, "vector: expected floating-point .* torch.int64"),
    ],
    ids=["short", "matrix", "nan", "complex", "integer"],
)
def test_refused_vector_leaves_the_model_unchanged(
    spoil: Callable, error: type[Exception], message: str
) -> None:
    model = small_model()
    before = model.flat_parameters()
    with pytest.raises(error, match=message):
        model.load_flat_parameters(spoil(before.numpy() + 1.0))
    assert torch.equal(model.flat_parameters(), before)


def test_one_nan_among_the_last_parameters_leaves_the_angles_unchanged() -> None:
    """Catches a check made parameter by parameter while loading."""
    model = small_model()
    before = model.flat_parameters()
    vector = before + 1
    vector[-1] = torch.inf
    with pytest.raises(ValueError, match="vector: expected finite parameters, got NaN or inf"):
        model.load_flat_parameters(vector)
    assert torch.equal(model.flat_parameters(), before)


def test_a_float64_vector_too_large_for_float32_is_refused() -> None:
    model = small_model(dtype=torch.float32)
    vector = np.full(model.n_parameters, 1e300)
    with pytest.raises(ValueError, match="vector: expected finite parameters"):
        model.load_flat_parameters(vector)


# --- images at the door ----------------------------------------------------------------------


def read_only(images: np.ndarray) -> np.ndarray:
    images = images.copy()
    images.flags.writeable = False
    return images


@pytest.mark.parametrize(
    "layout",
    [
        torch.tensor,
        np.asfortranarray,
        read_only,
        lambda images: images[::-1, ::-1].copy()[::-1, ::-1],
        lambda images: images.astype(">f8"),
        lambda images: images.tolist(),
    ],
    ids=["tensor", "column-major", "read-only", "negative strides", "big-endian", "list"],
)
def test_images_of_any_layout(layout: Callable) -> None:
    model, images = small_model(), small_images()
    expected = model(torch.tensor(images))
    assert torch.equal(model(layout(images)), expected)


def test_images_are_cast_to_the_model() -> None:
    images = small_images()
    assert small_model(dtype=torch.float32)(images).dtype == torch.float32
    assert small_model()(images.astype(np.float32)).dtype == torch.float64


@pytest.mark.parametrize(
    ("images", "error", "message"),
    [
        (np.zeros((3, 3)), ValueError, "expected shape (N, 3, 3) with N >= 1, in radians, got (3,"),
        (np.zeros((2, 14, 14)), ValueError, "expected shape (N, 3, 3) with N >= 1"),
        (np.zeros((2, 9)), ValueError, "got (2, 9)"),
        (np.zeros((0, 3, 3)), ValueError, "got (0, 3, 3)"),
        (np.full((2, 3, 3), np.nan), ValueError, "images: expected finite pixels, got NaN"),
        (np.full((2, 3, 3), np.inf), ValueError, "images: expected finite pixels, got NaN"),
        (np.zeros((2, 3, 3), np.uint8), TypeError, "expected floating-point radians, got torch.ui"),
        (np.zeros((2, 3, 3), complex), TypeError, "radians, got torch.complex128"),
        (torch.zeros(2, 3, 3, dtype=torch.int64), TypeError, "radians, got torch.int64"),
    ],
    ids=["one image", "other side", "flat", "none", "nan", "inf", "bytes", "complex", "integers"],
)
def test_refuses_bad_images(images: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=re.escape(message)):
        small_model()(images)


# --- sizes at the door -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"dtype": torch.float16}, TypeError, "dtype: expected torch.float32 or torch.float64"),
        ({"dtype": torch.complex64}, TypeError, "torch.float64, got torch.complex64"),
        ({"n_patches": 3}, ValueError, "n_patches: expected a square (1, 4, 9, 16, ...), got 3"),
        ({"n_patches": 9}, ValueError, "n_patches: expected one of [1, 4] for patches of side 2"),
        ({"image_side": 1}, ValueError, "patch_side: expected at most the image's side 1, got 2"),
        ({"n_classes": 5}, ValueError, "from 1 to 2 n_qubits = 4"),
        ({"n_classes": 6}, ValueError, "(X and Z on the first C/2 qubits), got 6"),
        ({"depth": 0}, ValueError, "depth: expected an integer >= 1, got 0"),
        ({"scale": float("nan")}, ValueError, "scale: expected a finite number, got nan"),
        (
            {"aggregation_exponent": float("inf")},
            ValueError,
            "aggregation_exponent: expected a finite number, got inf",
        ),
        (
            {"ansatz": Ansatz(3, 1)},
            ValueError,
            "ansatz: expected 2 qubits, got 3; leave n_qubits out",
        ),
        (
            {"ansatz": Ansatz.from_blocks(2, (EncodingBlock(1),))},
            ValueError,
            "ansatz: expected a square number of features (a patch has side x side pixels",
        ),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_refuses_bad_settings(settings: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=re.escape(message)):
        small_model(**settings)


def test_a_scale_beyond_float32_is_accepted() -> None:
    assert small_model(scale=1e39).scale == 1e39
