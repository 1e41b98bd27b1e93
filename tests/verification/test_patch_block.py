"""One patch's block and restrictions, against slices of the whole matrix."""

import numpy as np
import pytest
import torch

from patchlaw.simulators import DistributedQNN
from patchlaw.simulators.torch_engine.engine import TorchEngine
from patchlaw.simulators.torch_engine.losses import DeviceLoss, bind_loss
from patchlaw.verification.operators import (
    CurvatureOperator,
    GaussNewtonOperator,
    HessianOperator,
    ResidualOperator,
    RestrictedOperator,
    fast,
)
from patchlaw.verification.operators.fast import OffsetCrossEntropy
from patchlaw.verification.operators.losses import make_loss
from tests.simulators.plain_derivatives import KINDS
from tests.verification.curvature_cases import qnn_case

CASE = qnn_case()


@pytest.mark.parametrize("backend", ["autodiff", "fast"])
@pytest.mark.parametrize("kind", [HessianOperator, GaussNewtonOperator, ResidualOperator])
def test_blocks_are_slices_of_the_whole(kind: type[CurvatureOperator], backend: str) -> None:
    """Only this catches a block whose softmax forgets the other patches' logits."""
    whole = kind(CASE.model, CASE.images, CASE.labels, backend="autodiff") @ np.eye(96)
    for patch, inputs in enumerate(CASE.model.block_inputs(CASE.images)):
        block = kind(CASE.model.patch_block(patch), inputs, CASE.labels, backend=backend)
        assert block.backend_name == backend
        rows = slice(20 * patch, 20 * patch + 20)
        np.testing.assert_allclose(
            block @ np.eye(20), whole[rows, rows], atol=1e-12 * np.abs(whole).max()
        )


def test_a_block_on_a_device_is_that_of_the_cpu() -> None:
    """Only this catches offsets of other samples, or left out, where the loss binds itself."""
    engine, images, targets = fast._one_patch(
        CASE.model.patch_block(2),
        CASE.model.block_inputs(CASE.images)[2],
        CASE.labels,
        2,
        make_loss("cross_entropy"),
    )
    assert isinstance(engine.model, DistributedQNN)
    ours = TorchEngine(engine.model, loss=engine.loss, max_chunk=2).curvature(images, targets)
    theirs = engine.curvature(images, targets)
    assert isinstance(bind_loss(engine.loss, targets.numpy(), images.device), DeviceLoss)
    vectors = np.eye(engine.model.n_parameters)
    assert ours.loss == pytest.approx(theirs.loss, rel=1e-12)
    for kind in KINDS:
        expected = theirs.product(kind, vectors)
        atol = 1e-12 * np.abs(expected).max()
        np.testing.assert_allclose(ours.product(kind, vectors), expected, rtol=0, atol=atol)


def test_restriction_is_a_principal_submatrix() -> None:
    whole = HessianOperator(CASE.model, CASE.images, CASE.labels)
    indices = np.array([90, 3, 41])
    part = RestrictedOperator(whole, indices)
    expected = (whole @ np.eye(96))[np.ix_(indices, indices)]
    np.testing.assert_allclose(part @ np.eye(3), expected, atol=1e-12)
    np.testing.assert_allclose(part @ np.ones(3), expected.sum(axis=1), atol=1e-12)
    assert part.n_samples == 5


def test_bad_blocks_and_restrictions_are_refused() -> None:
    with pytest.raises(ValueError, match="patch: expected an integer from 0 to 3, got 4"):
        CASE.model.patch_block(4)
    whole = HessianOperator(CASE.model, CASE.images, CASE.labels)
    for indices in ([], [1, 1], [[1, 2]]):
        with pytest.raises(ValueError, match="expected distinct parameters"):
            RestrictedOperator(whole, indices)
    for indices in ([96], [-1], [0.5]):
        with pytest.raises(ValueError, match="expected integers from 0 to 95"):
            RestrictedOperator(whole, indices)


def test_fast_backend_refuses_what_it_does_not_know() -> None:
    model = torch.nn.Linear(3, 2).double()
    with pytest.raises(ValueError, match=r"'fast' expects a DistributedQNN .* got Linear"):
        HessianOperator(model, torch.ones(4, 3), [0, 1, 0, 1], backend="fast")
    frozen = qnn_case().model
    frozen.pixel_bias.requires_grad_(False)
    angles_only = HessianOperator(frozen, CASE.images, CASE.labels)
    assert (angles_only.backend_name, angles_only.shape) == ("autodiff", (80, 80))


def test_offset_loss_refuses_foreign_targets() -> None:
    with pytest.raises(ValueError, match=r"targets: expected shape \(N, 5\)"):
        OffsetCrossEntropy().check_targets(np.zeros((2, 4)), 4)
