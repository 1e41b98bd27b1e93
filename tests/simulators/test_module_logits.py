"""``model(images)`` by the fast engine: the same module as with torch's own operations."""

import copy
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given
from torch import Tensor
from torch.func import functional_call

from patchlaw.simulators import DistributedQNN
from patchlaw.simulators.fast_engine import module_logits
from tests.strategies import ModelCase, model_cases


def small(**changes: object) -> DistributedQNN:
    settings = {"n_patches": 4, "depth": 2, "n_qubits": 2, "image_side": 3, "n_classes": 4}
    return DistributedQNN(**(settings | {"dtype": torch.float64} | changes))


def images(count: int = 3) -> Tensor:
    return torch.from_numpy(np.random.default_rng(5).uniform(0, np.pi / 4, (count, 3, 3)))


def by_engine(model: DistributedQNN, at: Tensor) -> Tensor:
    """Logits, having seen that the engine computed them."""
    z = model(at)
    assert z.grad_fn is None or type(z.grad_fn).__name__ == "_LogitsBackward"
    return z


def test_the_engine_serves_a_plain_call_and_says_so() -> None:
    assert by_engine(small(), images()).grad_fn is not None


@given(model_cases())
def test_logits_and_gradient_are_those_of_autograd(case: ModelCase) -> None:
    """Only this catches a transposed cotangent, a scale applied twice, or a patch left out."""
    model, at = case.model, torch.tensor(case.images)
    weights = torch.cos(torch.arange(len(at) * model.n_classes, dtype=at.dtype))
    z, plain = model(at), model.autograd_logits(at)
    scale = abs(model.output_scale) * model.n_patches
    torch.testing.assert_close(z, plain, rtol=0, atol=1e-12 * scale)
    parameters = list(model.parameters())
    found, expected = (
        torch.autograd.grad((logits.flatten() * weights).sum(), parameters) for logits in (z, plain)
    )
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-11 * scale * len(at))


@pytest.mark.parametrize(
    ("wanted", "samples"),
    [((True, True), 1), ((True, True), 3), ((True, False), 2), ((False, True), 2)],
)
def test_first_and_second_derivatives_by_differences(
    wanted: tuple[bool, bool], samples: int
) -> None:
    """torch's own gradcheck and gradgradcheck, of one patch.

    With one sample blocks act on a single column, with more through their unitaries.
    """
    model, at = small(n_patches=1, image_side=2, depth=1, scale=5.0), images(samples)[:, :2, :2]
    values = [
        p.detach().clone().requires_grad_(w)
        for p, w in zip(model.parameters(), wanted, strict=True)
    ]

    def logits(angles: Tensor, bias: Tensor) -> Tensor:
        return functional_call(model, {"angles": angles, "pixel_bias": bias}, (at,))

    assert torch.autograd.gradcheck(logits, values)
    assert torch.autograd.gradgradcheck(logits, values)


def test_hessian_products_by_double_backward_are_those_of_autograd() -> None:
    model, at = small(), images()
    vector = torch.cos(torch.arange(model.n_parameters, dtype=torch.float64))

    def product(logits: Tensor) -> Tensor:
        loss = torch.nn.functional.cross_entropy(logits, torch.tensor([0, 3, 1]))
        gradient = torch.autograd.grad(loss, list(model.parameters()), create_graph=True)
        flat = torch.cat([g.flatten() for g in gradient])
        return torch.cat(
            [g.flatten() for g in torch.autograd.grad(flat @ vector, list(model.parameters()))]
        )

    torch.testing.assert_close(product(model(at)), product(model.autograd_logits(at)))


def test_several_cotangents_at_once_and_a_graph_used_twice() -> None:
    model, at = small(), images(2)
    z = by_engine(model, at)
    rows = torch.eye(z.numel(), dtype=z.dtype).view(-1, *z.shape)
    together = torch.autograd.grad(z, model.angles, rows, is_grads_batched=True, retain_graph=True)[
        0
    ]
    apart = [torch.autograd.grad(z, model.angles, row, retain_graph=True)[0] for row in rows]
    torch.testing.assert_close(together, torch.stack(apart))


def test_without_gradients_no_state_is_kept() -> None:
    model, at = small(), images()
    with torch.no_grad():
        assert by_engine(model, at).grad_fn is None
    frozen = small().requires_grad_(False)
    assert not by_engine(frozen, at).requires_grad
    frozen.pixel_bias.requires_grad_(True)
    by_engine(frozen, at).sum().backward()
    assert frozen.angles.grad is None
    assert frozen.pixel_bias.grad is not None


def test_training_by_a_plain_loop_ends_where_autograd_ends() -> None:
    at, labels = images(4), torch.tensor([0, 1, 2, 3])
    ends = []
    for path in ("forward", "autograd_logits"):
        model = small()
        optimiser = torch.optim.Adam(model.parameters(), lr=0.05)
        for _ in range(4):
            optimiser.zero_grad()
            torch.nn.functional.cross_entropy(getattr(model, path)(at), labels).backward()
            optimiser.step()
        ends.append(model.flat_parameters())
    torch.testing.assert_close(*ends, rtol=0, atol=1e-9)


def test_parameters_changed_between_forward_and_backward_are_noticed() -> None:
    model = small()
    z = by_engine(model, images())
    with torch.no_grad():
        model.angles.add_(0.1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.sum().backward()


def test_hooks_copies_pickles_and_functional_calls() -> None:
    model, at, seen = small(), images(), []
    model.register_forward_hook(lambda _module, _inputs, output: seen.append(output.shape))
    z = by_engine(model, at)
    assert seen == [z.shape]
    z.register_hook(lambda gradient: 2 * gradient)
    z.sum().backward()
    doubled = model.angles.grad.clone()
    model.angles.grad = None
    model.autograd_logits(at).sum().backward()
    torch.testing.assert_close(doubled, 2 * model.angles.grad)
    model._forward_hooks.clear()
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        torch.testing.assert_close(twin(at), z.detach(), check_stride=False)
    moved = {"angles": model.angles + 0.3, "pixel_bias": model.pixel_bias - 0.1}
    torch.testing.assert_close(
        functional_call(model, moved, (at,)),
        model.autograd_logits(at, moved["angles"], moved["pixel_bias"]),
    )


# torch's own forward mode scripts its rules when it is first used
@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")
def test_what_the_engine_cannot_serve_goes_through_torchs_operations() -> None:
    """Gradients of the images, vmap, forward mode: values as ever."""
    model, at = small(), images()
    moved = at.clone().requires_grad_(True)
    assert not module_logits.serves(model, moved)
    model(moved).sum().backward()
    assert moved.grad is not None
    several = torch.stack([model.angles.detach() + shift for shift in (0.0, 0.4)])
    at_each = torch.func.vmap(lambda angles: functional_call(model, {"angles": angles}, (at,)))
    one_by_one = [functional_call(model, {"angles": angles}, (at,)) for angles in several]
    torch.testing.assert_close(at_each(several), torch.stack(one_by_one))
    rates = {name: torch.ones_like(p) for name, p in model.named_parameters()}
    _, along = torch.func.jvp(
        lambda values: functional_call(model, values, (at,)),
        (dict(model.named_parameters()),),
        (rates,),
    )
    step = 1e-6
    ahead, behind = (
        functional_call(model, {n: p + s * step for n, p in model.named_parameters()}, (at,))
        for s in (1, -1)
    )
    torch.testing.assert_close(along, (ahead - behind) / (2 * step), rtol=0, atol=1e-6)


def test_blocks_are_built_anew_when_the_angles_moved_by_whatever_way() -> None:
    """Only this catches blocks kept for angles that ``.data`` or a functional call has changed."""
    model, at = small(), images()
    before = model(at)
    torch.testing.assert_close(model(at), before, rtol=0, atol=0)
    model.angles.data[0, 0] += 0.5  # no version counter sees this
    torch.testing.assert_close(model(at), model.autograd_logits(at))
    assert (model(at) - before).abs().max() > 1e-3
    other = {"angles": model.angles.detach() + 0.2}
    torch.testing.assert_close(
        functional_call(model, other, (at,)), model.autograd_logits(at, other["angles"])
    )
    torch.testing.assert_close(model(at), model.autograd_logits(at))
