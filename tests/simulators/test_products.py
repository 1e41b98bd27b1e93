"""Complex products in the modes that the torch engine offers, against float64."""

import numpy as np
import pytest
import torch
from torch import Tensor

from patchlaw.simulators import DistributedQNN
from patchlaw.simulators.torch_engine.engine import TorchEngine
from patchlaw.simulators.torch_engine.precision import ProductMode, chosen_products
from patchlaw.simulators.torch_engine.products import complex_product, split_product

DIMENSION = 256


def factors() -> tuple[Tensor, Tensor]:
    """States as rows of norm 1 and unitary matrices, (2, 40, 256) and (2, 256, 256)."""
    generator = torch.Generator().manual_seed(5)
    states = torch.randn(2, 40, DIMENSION, dtype=torch.complex128, generator=generator)
    square = torch.randn(2, DIMENSION, DIMENSION, dtype=torch.complex128, generator=generator)
    return states / states.norm(dim=-1, keepdim=True), torch.linalg.qr(square)[0]


def error(product: Tensor, exact: Tensor) -> float:
    """Root mean square, relative to that of the entries."""
    return float((product - exact).norm() / exact.norm())


def test_errors_of_the_modes() -> None:
    """Catches a small part that is lost, which leaves plain TF32: 2^-11 in place of 2^-22.

    float32 has 2^-24 an operation; the modes may lose a few of its units, never a digit.
    """
    states, matrices = factors()
    exact = states @ matrices
    single = states.to(torch.complex64), matrices.to(torch.complex64)
    reference = error(complex_product(*single, "exact"), exact)
    assert 2**-26 < reference < 2**-21
    for mode in ("gauss", "tf32x3"):
        assert error(complex_product(*single, mode), exact) < 4 * reference
    assert 2**-13 < error(split_product(*single, terms=1), exact) < 2**-10


def test_three_real_products_cancel_where_a_part_is_small() -> None:
    """The error of "gauss" is that of |A| |B|: it shows in an imaginary part that is small."""
    states, matrices = (part.real.to(torch.complex128) for part in factors())
    states = states + 1e-4j
    exact = states @ matrices
    single = states.to(torch.complex64), matrices.to(torch.complex64)

    def lost(mode: ProductMode) -> float:
        found = complex_product(*single, mode).imag
        return float((found - exact.imag).norm() / exact.imag.norm())

    assert lost("gauss") > 30 * lost("exact")
    assert lost("tf32x3") < 4 * lost("exact")


def test_double_precision_is_exact_in_every_mode() -> None:
    states, matrices = factors()
    for mode in ("gauss", "tf32x3"):
        assert torch.equal(complex_product(states, matrices, mode), states @ matrices)


def test_layouts_of_the_engine() -> None:
    """Catches parts taken from the storage of a transposed or conjugated view."""
    states, matrices = (part.to(torch.complex64) for part in factors())
    for left, right in ((states, matrices.mT), (states, matrices.conj()), (states.mH, states)):
        for mode in ("gauss", "tf32x3"):
            found = complex_product(left, right, mode)
            torch.testing.assert_close(found, left @ right, rtol=0, atol=1e-5)


@pytest.mark.parametrize("mode", ["gauss", "tf32x3"])
def test_an_engine_in_each_mode(mode: ProductMode) -> None:
    """Catches a product of the engine that is left out of the mode, or is made in plain TF32.

    Logits, gradient and Hessian product against float64, where float32 itself has about 2e-6;
    plain TF32 is at 4e-4 to 1e-3 of the largest entry for this circuit.
    """
    vector = np.random.default_rng(0).standard_normal((1, 1))

    def computed(dtype: torch.dtype, products: ProductMode) -> list[np.ndarray]:
        generator = torch.Generator().manual_seed(2)
        images = 3 * torch.rand(8, 8, 8, generator=generator, dtype=torch.float64)
        model = DistributedQNN(4, 2, n_qubits=4, image_side=8, n_classes=3, seed=1, dtype=dtype)
        engine = TorchEngine(model, products=products)
        found = engine.curvature(images.to(dtype), torch.arange(8) % 3)
        along = np.resize(vector, (found.n_parameters, 1)) * np.cos(
            np.arange(found.n_parameters)[:, None]
        )
        return [engine.logits(images.to(dtype)), found.gradient, found.product("hessian", along)]

    exact = computed(torch.float64, "exact")
    plain = computed(torch.float32, "exact")
    ours = computed(torch.float32, mode)
    assert any(not np.array_equal(a, b) for a, b in zip(plain, ours, strict=True))
    for found, wanted in zip(ours, exact, strict=True):
        assert np.abs(found - wanted).max() < 2e-5 * np.abs(wanted).max()


def test_the_mode_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PATCHLAW_PRODUCTS", raising=False)
    assert chosen_products() == "exact"
    monkeypatch.setenv("PATCHLAW_PRODUCTS", "tf32x3")
    assert chosen_products() == "tf32x3"
    assert chosen_products("gauss") == "gauss"
    with pytest.raises(
        ValueError, match="products: expected one of exact, gauss, tf32x3, got tf32"
    ):
        chosen_products("tf32")
