"""Ensembles of torch modules on patches: their formula, their layout, what the door refuses."""

import copy
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from patchlaw.simulators import DistributedQNN, PatchEnsemble, PatchGrid, PatchModel
from patchlaw.simulators.autograd_engine import AutogradEngine
from patchlaw.simulators.engine_choice import training_engine

GRID = PatchGrid(image_side=4, patch_side=2, n_patches=9)


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2))


def convolution() -> nn.Module:
    """Takes (n, side, side)."""
    return nn.Sequential(nn.Unflatten(1, (1, 2)), nn.Conv2d(1, 2, 2), nn.Flatten())


def images(n: int = 5) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(n, 4, 4, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("alpha", [1.0, 0.5, 0.0])
@pytest.mark.parametrize("square", [False, True])
def test_logits_are_the_scaled_sum_over_patches(alpha: float, square: bool) -> None:
    """Patches cut by slicing, modules called one by one; only this catches a wrong power of P."""
    shared = nn.Sequential(nn.Flatten(), nn.Linear(16, 2))
    model = PatchEnsemble(
        [convolution() if square else mlp() for _ in range(9)],
        GRID,
        aggregation_exponent=alpha,
        scale=7.0,
        shared=shared,
        square=square,
        dtype=torch.float64,
    )
    pixels, total = images(), 0
    for p, module in enumerate(model.patches):
        row, column = divmod(p, 3)
        patch = pixels[:, row : row + 2, column : column + 2]
        total = total + module(patch if square else patch.reshape(5, 4))
    expected = 7.0 * 9**-alpha * total + shared(pixels)
    torch.testing.assert_close(model(pixels), expected, rtol=1e-12, atol=1e-12)
    assert model.n_classes == 2


def test_layout_goes_patch_by_patch_then_shared() -> None:
    model = PatchEnsemble(mlp, GRID, shared=nn.Sequential(nn.Flatten(), nn.Linear(16, 2)))
    layout, flat = model.layout, model.flat_parameters()
    assert isinstance(model, PatchModel)
    assert isinstance(DistributedQNN(1, 1), PatchModel)
    assert (layout.n_patches, layout.size, len(layout.shared)) == (9, 9 * 23 + 34, 34)
    own = torch.cat([p.detach().flatten() for p in model.patches[4].parameters()])
    assert flat[layout.patch(4)].equal(own)
    assert flat[layout.indices("patches.4.2")].equal(own[-8:])
    assert flat[layout.indices("patches.4.0.weight[1]")].equal(own[4:8])
    assert flat[layout.indices("shared")].equal(flat[-34:])
    square = PatchEnsemble(convolution, GRID, square=True)
    kernel = square.patches[4][1].weight[1]  # (2, 1, 2, 2)
    chosen = square.layout.indices("patches.4.1.weight[1]")
    assert square.flat_parameters()[chosen].equal(kernel.detach().flatten())
    model.load_flat_parameters(flat.flip(0))
    assert model.flat_parameters().equal(flat.flip(0))


def test_a_factory_draws_from_its_seed_and_leaves_torchs_generator() -> None:
    state = torch.get_rng_state()
    one, same, other = (PatchEnsemble(mlp, GRID, seed=s).flat_parameters() for s in (3, 3, 4))
    assert torch.get_rng_state().equal(state)
    assert one.equal(same)
    assert not one.equal(other)
    assert len(one.unique()) == len(one)


def test_autograd_engine_against_torchs_own_loss() -> None:
    model = PatchEnsemble(mlp, GRID, scale=5.0, dtype=torch.float64)
    labels = torch.arange(5) % 2
    engine = training_engine(model)
    assert isinstance(engine, AutogradEngine)
    loss = nn.functional.cross_entropy(model(images()), labels)
    slopes = torch.autograd.grad(loss, list(model.parameters()))
    got, gradient = AutogradEngine(model, max_chunk=2).loss_and_gradient(images(), labels)
    assert got == pytest.approx(loss.item(), rel=1e-12)
    expected = torch.cat([slope.flatten() for slope in slopes]).numpy()
    np.testing.assert_allclose(gradient, expected, atol=1e-14)


MODULES = [mlp() for _ in range(9)]


@pytest.mark.parametrize(
    ("patches", "error", "message"),
    [
        (MODULES[:4], ValueError, "expected 9 modules, one a patch, got 4"),
        ([MODULES[0]] * 9, ValueError, "got patches[0] and patches[1] with one in common"),
        ([*MODULES[:8], nn.Flatten()], ValueError, "patches[8]: expected a module with parameters"),
        ([*MODULES[:8], nn.Linear(4, 3)], ValueError, "shape (2, 2) for two blank patches, got (2"),
        (
            [*MODULES[:8], nn.Linear(5, 2)],
            ValueError,
            "patches[8]: expected a module that takes features of shape (n, 4) and gives (n, C), "
            "got: mat1 and mat2 shapes cannot be multiplied (2x4 and 5x2)",
        ),
        ([*MODULES[:8], "mlp"], TypeError, "patches[8]: expected a torch.nn.Module, got str"),
        (MODULES[0], TypeError, "a list of modules or a function that makes one, got Sequential"),
        (3, TypeError, "a list of modules or a function that makes one, got int"),
    ],
)
def test_refuses_what_is_no_ensemble(patches: object, error: type, message: str) -> None:
    with pytest.raises(error) as caught:
        PatchEnsemble(patches, GRID)  # type: ignore[arg-type]
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m(images().to(torch.int64)), "images: expected floating-point numbers, got"),
        (lambda m: m(images()[:, :3]), r"expected shape \(N, 4, 4\) with N >= 1, in numbers"),
        (lambda m: m.patch_block(9), "patch: expected an integer from 0 to 8, got 9"),
        (lambda m: PatchEnsemble(mlp, GRID, scale=float("nan")), "scale: expected a finite number"),
        (lambda m: PatchEnsemble(mlp, GRID, dtype=torch.float16), "dtype: expected torch.float32"),
    ],
)
def test_refuses_bad_numbers(call: Callable[[PatchEnsemble], object], message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        call(PatchEnsemble(mlp, GRID))


def test_a_refused_module_keeps_its_train_mode() -> None:
    """Only this catches modules that a refusal leaves in evaluation mode, without their dropout."""
    modules = [nn.Sequential(nn.Linear(4, 2), nn.Dropout()) for _ in range(8)]
    with pytest.raises(ValueError, match="shared: expected a module that takes features"):
        PatchEnsemble([*modules, mlp()], GRID, shared=nn.Linear(5, 2))
    assert all(module.training for each in modules for module in each.modules())


def test_the_trial_at_the_door_leaves_modules_as_they_were() -> None:
    """Only this catches a blank image in a layer's running statistics, or a train flag lost."""
    modules = [nn.Sequential(nn.Linear(4, 2), nn.BatchNorm1d(2)) for _ in range(9)]
    before = copy.deepcopy(modules[3].state_dict())
    PatchEnsemble(modules, GRID)
    assert modules[3].training
    for name, tensor in modules[3].state_dict().items():
        assert tensor.equal(before[name])
