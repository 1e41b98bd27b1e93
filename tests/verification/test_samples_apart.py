"""H is a mean over samples: masked ones are taken, coupled ones refused, at every chunk size."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from patchlaw.verification.operators import HessianOperator
from patchlaw.verification.operators.loss_door import check_loss
from patchlaw.verification.operators.losses import LossFunction, make_loss
from patchlaw.verification.operators.samples import N_SAMPLES, ArraySamples, spread, trial_samples
from tests.strategies import examples
from tests.verification.difference_oracle import DIFFERENCES, assert_right, hessian_by_differences

_DRAW = torch.Generator().manual_seed(6)
IMAGES = torch.randn(24, 4, generator=_DRAW, dtype=torch.float64)
PICTURES = torch.randn(20, 1, 5, 5, generator=_DRAW, dtype=torch.float64)
LABELS = torch.randint(0, 3, (24,), generator=_DRAW)
TARGETS = torch.randn(24, generator=_DRAW, dtype=torch.float64)
cross_entropy = partial(nn.functional.cross_entropy, reduction="none")
ignoring = partial(nn.functional.cross_entropy, reduction="none", ignore_index=-100)


def network(outputs: int = 3) -> nn.Module:
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, outputs)).double()


def weighted(z: Tensor, t: Tensor) -> Tensor:
    return t[:, 1] * cross_entropy(z, t[:, 0].long())


@pytest.mark.parametrize("chunk_size", [None, 5])
@pytest.mark.parametrize("masked", [[0], [23], [0, 23], list(range(20)), [3, 7]])
def test_masked_samples_are_taken_wherever_they_are(
    masked: list[int], chunk_size: int | None
) -> None:
    """Only this catches a right model that is refused because the loss skips sample 0."""
    labels = LABELS.clone()
    labels[masked] = -100
    assert_right(network(), IMAGES, labels, loss=ignoring, chunk_size=chunk_size)


def test_weights_of_zero_are_taken() -> None:
    weights = torch.rand(24, generator=_DRAW, dtype=torch.float64)
    weights[:2] = 0
    targets = torch.stack([LABELS.double(), weights], dim=1)
    assert_right(network(), IMAGES, targets, loss=weighted)


class Bag(nn.Module):
    """Sums embedded tokens; the padding row counts in the sum, and autograd holds it constant."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(9, 3, padding_idx=0)
        self.out = nn.Linear(3, 3)
        self.double()

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits."""
        return self.out(torch.tanh(self.embed(tokens).sum(dim=1)))


def test_padded_tokens_are_taken() -> None:
    """Only this catches rows that no sample trains read as lost second derivatives."""
    torch.manual_seed(5)
    tokens = torch.randint(1, 7, (24, 5), generator=_DRAW)
    tokens[:, 3:] = 0
    tokens[0] = 0
    model = Bag()
    operator = HessianOperator(model, tokens, LABELS)
    measured = operator @ np.eye(39)

    def loss() -> Tensor:
        return cross_entropy(model(tokens), LABELS).mean()

    expected = hessian_by_differences(model, loss)[3:, 3:]
    assert np.abs(measured[3:, 3:] - expected).max() < DIFFERENCES * np.abs(expected).max()
    assert np.abs(measured[:3]).max() == np.abs(measured[:, :3]).max() == 0
    assert operator.caveats == ()


def test_a_data_set_that_is_nearly_all_masked_is_searched() -> None:
    """Only this catches a fixed draw of samples that the loss never looks at."""
    images = torch.randn(300, 4, generator=_DRAW, dtype=torch.float64)
    labels = torch.full((300,), -100)
    labels[[101, 202]] = torch.tensor([0, 2])
    assert_right(network(), images, labels, loss=ignoring, chunk_size=64)
    samples = ArraySamples(images, labels)
    chosen = trial_samples(make_loss(ignoring), network(), samples, 64)
    assert {0, 101, 202, 299} <= set(chosen)
    assert len(chosen) == N_SAMPLES


class Centred(nn.Module):
    """Subtracts the mean over the batch."""

    def forward(self, x: Tensor) -> Tensor:
        """Centred features."""
        return x - x.mean(dim=0)


def batch_norm() -> nn.Module:
    layers = (nn.Linear(4, 5), nn.BatchNorm1d(5, track_running_stats=False), nn.Linear(5, 3))
    return nn.Sequential(*layers).double().eval()


def centred() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 5), Centred(), nn.Tanh(), nn.Linear(5, 3)).double().eval()


def batch_norm_2d() -> nn.Module:
    norm = nn.BatchNorm2d(2, track_running_stats=False)
    layers = (nn.Conv2d(1, 2, 3), norm, nn.Tanh(), nn.Flatten(), nn.Linear(18, 3))
    return nn.Sequential(*layers).double().eval()


class Squeezed(nn.Module):
    """Loses the batch dimension of a single sample."""

    def __init__(self) -> None:
        super().__init__()
        self.net = network()

    def forward(self, x: Tensor) -> Tensor:
        """Logits."""
        return self.net(x).squeeze()


@pytest.mark.parametrize("chunk_size", [None, 8, 1])
@pytest.mark.parametrize("make", [batch_norm, centred, batch_norm_2d, Squeezed])
def test_modules_that_couple_samples_are_refused(
    make: Callable[[], nn.Module], chunk_size: int | None
) -> None:
    """Only this catches values that are 20 % off and depend on the chunk size."""
    images = PICTURES if make is batch_norm_2d else IMAGES
    with pytest.raises(ValueError, match=r"model: expected logits of (a|one) sample .*got"):
        HessianOperator(make(), images, LABELS[: len(images)], chunk_size=chunk_size)


class CoupledInLargeBatches(nn.Module):
    """Takes another way from eleven samples on."""

    def __init__(self) -> None:
        super().__init__()
        self.net = network()

    def forward(self, x: Tensor) -> Tensor:
        """Logits."""
        z = self.net(x)
        return z - z.mean(dim=0) if len(x) > 10 else z


def test_samples_that_are_coupled_in_full_chunks_only_are_found_in_the_first_product() -> None:
    operator = HessianOperator(CoupledInLargeBatches(), IMAGES, LABELS)
    with pytest.raises(ValueError, match="couples the samples of a batch"):
        operator @ np.ones(43)
    apart = HessianOperator(CoupledInLargeBatches(), IMAGES, LABELS, chunk_size=10)
    expected = HessianOperator(network(), IMAGES, LABELS) @ np.ones(43)
    np.testing.assert_allclose(apart @ np.ones(43), expected, atol=1e-12)


def broadcasting(z: Tensor, t: Tensor) -> Tensor:
    return (z - t).square().mean(dim=1)  # (n, 1) against (n,): (n, n)


def scaled_by_the_batch(z: Tensor, t: Tensor) -> Tensor:
    return cross_entropy(z, t) / z.detach().abs().max()


def per_label_count(z: Tensor, t: Tensor) -> Tensor:
    return ignoring(z, t) / (t == -100).sum().clamp(min=1)


_WEIGHTS = torch.linspace(0.1, 1, 24, dtype=torch.float64)


def by_position(z: Tensor, t: Tensor) -> Tensor:
    return _WEIGHTS[: len(z)] * cross_entropy(z, t)


@pytest.mark.parametrize("chunk_size", [None, 8, 1])
@pytest.mark.parametrize(
    ("loss", "outputs", "targets"),
    [
        (broadcasting, 1, TARGETS),
        (scaled_by_the_batch, 3, LABELS),
        (per_label_count, 3, torch.where(torch.arange(24) % 4 == 1, -100, LABELS)),
        (by_position, 3, LABELS),
    ],
)
def test_losses_that_couple_samples_are_refused(
    loss: LossFunction, outputs: int, targets: Tensor, chunk_size: int | None
) -> None:
    """Only this catches a loss of (n, 1) against (n,), or one normalised over its batch."""
    with pytest.raises(ValueError, match="loss: expected a sample's loss that does not depend on"):
        HessianOperator(network(outputs), IMAGES, targets, loss=loss, chunk_size=chunk_size)


def test_linear_regression_with_a_broadcasting_loss_is_refused() -> None:
    """H is right there by chance, the loss is not."""
    model = nn.Linear(4, 1, bias=False).double()
    with pytest.raises(ValueError, match=r"logits \(8, 1\) against targets \(8,\)"):
        HessianOperator(model, IMAGES, TARGETS, loss=broadcasting)


@examples(30)
@given(st.integers(1, 10_000), st.integers(2, 40))
def test_samples_are_spread_over_the_data(n: int, count: int) -> None:
    chosen = spread(n, count)
    assert chosen == sorted(set(chosen)) == spread(n, count)
    assert len(chosen) == min(n, count)
    assert {0, n - 1} <= set(chosen) <= set(range(n))


def focal(z: Tensor, t: Tensor) -> Tensor:
    return (1 - torch.exp(-cross_entropy(z, t))) ** 2 * cross_entropy(z, t)


def huber(z: Tensor, t: Tensor) -> Tensor:
    one_hot = nn.functional.one_hot(t, z.shape[1]).to(z)
    return nn.functional.huber_loss(z, one_hot, reduction="none").sum(dim=1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 30.0, 3000.0])
@pytest.mark.parametrize("loss", [cross_entropy, focal, huber])
def test_losses_at_saturated_logits_are_taken(
    loss: LossFunction, scale: float, dtype: torch.dtype
) -> None:
    """S is zero to the last bit there: only this catches a curved loss called piecewise linear."""
    z = (scale * torch.randn(8, 4, generator=torch.Generator().manual_seed(0))).to(dtype)
    for targets in (z.argmax(dim=1), torch.arange(8) % 4):
        check_loss(make_loss(loss), z, targets)
    with pytest.raises(ValueError, match="piecewise linear"):
        check_loss(make_loss(lambda z, t: z.abs().sum(dim=1)), z, torch.arange(8) % 4)
