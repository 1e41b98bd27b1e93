"""Data, labels, losses and loaders of every kind: the arrays' value, or refused in words."""

import functools

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from patchlaw.verification.operators import CurvatureProblem, HessianOperator
from patchlaw.verification.solvers import dense_matrix
from tests.verification.difference_oracle import hessian_by_differences

N = 9
IMAGES = np.random.default_rng(0).normal(size=(N, 2, 3))
LABELS = np.arange(N) % 3


def network(outputs: int = 3) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(6, 4), nn.Tanh(), nn.Linear(4, outputs)).double()


def hessian(*data: object, **options: object) -> np.ndarray:
    return dense_matrix(HessianOperator(network(), *data, **options)).matrix


REFERENCE = hessian(torch.tensor(IMAGES), torch.tensor(LABELS))


@pytest.mark.parametrize(
    "labels",
    [
        *(LABELS.astype(kind) for kind in ("u1", "i1", "i4", "u2", "u4", "u8", ">i4", ">i8", "O")),
        LABELS[::-1].copy()[::-1],
        LABELS.tolist(),
        torch.tensor(LABELS, dtype=torch.int16),
    ],
    ids=lambda x: getattr(x, "dtype", "list") and str(getattr(x, "dtype", "list")),
)
def test_labels_of_any_integer_kind(labels: object) -> None:
    np.testing.assert_allclose(hessian(IMAGES, labels), REFERENCE, atol=1e-13)


@pytest.mark.parametrize(
    "images",
    [
        IMAGES.astype(">f8"),
        IMAGES.astype("longdouble"),
        IMAGES[::-1].copy()[::-1],
        IMAGES.transpose(0, 2, 1).copy().transpose(0, 2, 1),
        [torch.as_tensor(image) for image in IMAGES],
        torch.tensor(IMAGES, dtype=torch.complex128).conj().real,
    ],
    ids=["big-endian", "long double", "reversed", "transposed", "tensors", "a view"],
)
def test_images_of_any_layout(images: object) -> None:
    np.testing.assert_allclose(hessian(images, LABELS), REFERENCE, atol=1e-13)


@pytest.mark.parametrize(
    ("images", "labels", "words"),
    [
        (np.ma.masked_greater(IMAGES, 1), LABELS, "without a mask"),
        (IMAGES, np.ma.masked_equal(LABELS, 1), "without a mask"),
        ((IMAGES * 20 + 128).astype("u1"), LABELS, "floating-point numbers.*got uint8.*/ 255"),
        ([[1.0, 2.0], [3.0]], LABELS[:2], "one shape.*different lengths"),
        (IMAGES, LABELS.astype(float), "expected integers.*astype"),
        (IMAGES, np.eye(3)[LABELS], "one-hot.*argmax"),
        (IMAGES, LABELS[:, None], r"\(9,\).*reshape"),
    ],
)
def test_data_that_mean_something_else_are_refused(
    images: object, labels: object, words: str
) -> None:
    with pytest.raises((TypeError, ValueError), match=words):
        HessianOperator(network(), images, labels)


def test_buffers_of_half_precision_and_parameters_without_elements() -> None:
    model = network()
    model.register_buffer("scale", torch.ones(3, dtype=torch.bfloat16))
    model.register_parameter("nothing", nn.Parameter(torch.zeros(0, dtype=torch.float64)))
    found = dense_matrix(HessianOperator(model, IMAGES, LABELS)).matrix
    np.testing.assert_allclose(np.abs(found).sum(), np.abs(REFERENCE).sum(), rtol=1e-12)


# --- losses --------------------------------------------------------------------------------------


class Squeezed(nn.Sequential):
    """Outputs (n,) in place of (n, 1)."""

    def forward(self, x: Tensor) -> Tensor:
        """One number a sample."""
        return super().forward(x)[:, 0]


def squeezed() -> Squeezed:
    return Squeezed(*network(1))


def per_sample_bce(z: Tensor, y: Tensor) -> Tensor:
    return F.binary_cross_entropy_with_logits(z, y, reduction="none").flatten(1).sum(1)


def bce(z: Tensor, y: Tensor) -> Tensor:
    return F.binary_cross_entropy_with_logits(z, y, reduction="none")


@pytest.mark.parametrize(
    ("model", "targets", "loss", "mean_loss"),
    [
        (network(1), (LABELS > 0).astype(float)[:, None], per_sample_bce, bce),
        (squeezed(), (LABELS > 0).astype(float), bce, bce),
        (squeezed(), LABELS / 3, "squared_error", lambda z, y: (z - y) ** 2 / 2),
        (
            nn.Sequential(*network(), nn.LogSoftmax(1)),
            LABELS,
            functools.partial(F.nll_loss, reduction="none"),
            functools.partial(F.nll_loss, reduction="none"),
        ),
    ],
    ids=["BCE (N, 1)", "BCE (N,)", "squared error (N,)", "LogSoftmax and NLL"],
)
def test_losses_against_differences(model, targets, loss, mean_loss) -> None:
    """H of the mean over samples by differences of torch's first derivative: a wrong mean."""
    problem = CurvatureProblem(model, IMAGES, targets, loss=loss)
    found = dense_matrix(problem.hessian).matrix
    split = dense_matrix(problem.gauss_newton).matrix + dense_matrix(problem.residual).matrix
    x, y = torch.tensor(IMAGES), torch.tensor(targets)
    expected = hessian_by_differences(model, lambda: mean_loss(model(x), y).mean())
    np.testing.assert_allclose(found, expected, atol=2e-8 * np.abs(expected).max() + 1e-10)
    np.testing.assert_allclose(split, found, atol=1e-12)


def test_outputs_at_several_positions_are_flattened() -> None:
    """(N, T, C) with labels (N, T): the mean over all positions of all samples."""

    class PerRow(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(1)
            self.layer = nn.Linear(3, 3)

        def forward(self, x: Tensor) -> Tensor:
            return torch.tanh(self.layer(x))

    model, labels = PerRow().double(), np.stack([LABELS, (LABELS + 1) % 3], axis=1)
    found = dense_matrix(HessianOperator(model, IMAGES, labels)).matrix
    x, y = torch.tensor(IMAGES), torch.tensor(labels)
    mean = hessian_by_differences(
        model, lambda: F.cross_entropy(model(x).flatten(0, 1), y.flatten())
    )
    np.testing.assert_allclose(found, mean, atol=1e-8)


# --- what cannot be held -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrapped", "words"),
    [
        (lambda m: m.to("meta"), "meta"),
        (nn.DataParallel, r"model\.module"),
    ],
    ids=["meta", "DataParallel"],
)
def test_wrappers_are_refused_with_the_way_out(wrapped, words: str) -> None:
    with pytest.raises((TypeError, ValueError), match=words):
        HessianOperator(wrapped(network()), IMAGES, LABELS)


# --- loaders ----------------------------------------------------------------------------------


class Augmented(TensorDataset):
    """Another image at every pass."""

    def __getitem__(self, index):
        """An image with fresh noise, and its label."""
        x, y = super().__getitem__(index)
        return x + 0.01 * torch.randn_like(x), y


def dataset(kind: type[TensorDataset] = TensorDataset) -> TensorDataset:
    return kind(torch.tensor(IMAGES), torch.tensor(LABELS))


@pytest.mark.parametrize("batch", [1, 4, 9, 20])
def test_a_loader_stands_in_for_the_arrays(batch: int) -> None:
    """Uneven last batches included: a mean of batch means would be off by percents."""
    loader = DataLoader(dataset(), batch_size=batch)
    np.testing.assert_allclose(hessian(loader), REFERENCE, atol=1e-13)


def test_batches_may_be_dicts_or_a_list() -> None:
    parts = [slice(0, 4), slice(4, 9)]
    dicts = [{"images": IMAGES[s], "labels": LABELS[s]} for s in parts]
    for batches in (dicts, [(IMAGES[s], LABELS[s]) for s in parts]):
        np.testing.assert_allclose(hessian(batches), REFERENCE, atol=1e-13)


@pytest.mark.parametrize(
    "loader",
    [
        DataLoader(dataset(), batch_size=4, shuffle=True),
        DataLoader(dataset(Augmented), batch_size=4),
    ],
    ids=["shuffled", "augmented"],
)
def test_a_loader_that_does_not_repeat_is_refused(loader: DataLoader) -> None:
    with pytest.raises((TypeError, ValueError), match="shuffle"):
        hessian(loader)


def test_an_iterator_that_ends_is_refused() -> None:
    with pytest.raises((TypeError, ValueError)):
        hessian(iter([(IMAGES, LABELS)]))


# --- identities -------------------------------------------------------------------------------


def identity(**options: object) -> object:
    return HessianOperator(network(), IMAGES, LABELS, **options).identity()


def test_two_losses_never_share_an_identity() -> None:
    smoothed = [
        functools.partial(F.cross_entropy, reduction="none", label_smoothing=a) for a in (0.0, 0.5)
    ]
    weighted = [
        nn.CrossEntropyLoss(reduction="none", weight=torch.tensor([a, 1.0, 1.0]).double())
        for a in (1.0, 9.0)
    ]
    found = [str(identity(loss=loss)) for loss in (*smoothed, *weighted)]
    assert len(set(found)) == 4
    again = functools.partial(F.cross_entropy, reduction="none", label_smoothing=0.5)
    assert str(identity(loss=again)) == found[1]
    assert "0x" not in "".join(found)


def test_a_lambda_multiplies_but_has_an_identity_only_by_name() -> None:
    loss = lambda z, y: F.cross_entropy(z, y, reduction="none")  # noqa: E731
    operator = HessianOperator(network(), IMAGES, LABELS, loss=loss)
    np.testing.assert_allclose(dense_matrix(operator).matrix, REFERENCE, atol=1e-12)
    with pytest.raises(ValueError, match="name"):
        operator.identity()
    named = HessianOperator(network(), IMAGES, LABELS, loss=loss, name="plain cross-entropy")
    assert named.identity()


def test_a_plain_attribute_of_a_module_is_part_of_what_it_computes() -> None:
    class Temperature(nn.Module):
        def __init__(self, value: float) -> None:
            super().__init__()
            self.inner, self.value = network(), value

        def forward(self, x: Tensor) -> Tensor:
            return self.inner(x) / self.value

    one, three = (HessianOperator(Temperature(t), IMAGES, LABELS).identity() for t in (1.0, 3.0))
    assert one != three
