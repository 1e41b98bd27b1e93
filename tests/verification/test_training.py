"""The author's protocol, rebuilt here step by step from its description."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedKFold

from patchlaw.simulators import DistributedQNN
from patchlaw.verification.training import (
    Objective,
    Trainer,
    TrainingConfig,
    epoch_batches,
    stratified_subset,
)
from patchlaw.verification.training.protocol import default_learning_rate

LABELS = np.arange(40) % 4


def small_model(dtype: torch.dtype = torch.float64, device: str = "cpu") -> DistributedQNN:
    return DistributedQNN(
        4, 1, n_qubits=2, image_side=4, n_classes=4, scale=10.0, seed=3, dtype=dtype, device=device
    )


def small_trainer(model: DistributedQNN | None = None, **changes: object) -> Trainer:
    images = torch.from_numpy(np.random.default_rng(0).uniform(0, 2, (40, 4, 4)))
    options = {name: changes.pop(name) for name in ("evaluate_epochs",) if name in changes}
    config = TrainingConfig(**({"learning_rate": 0.05, "epochs": 2, "n_batches": 4} | changes))
    return Trainer(model or small_model(), images, torch.from_numpy(LABELS), config, **options)


def test_batches_are_the_test_sides_of_the_authors_folds() -> None:
    """Only this catches training sides, unshuffled folds, or epochs that share one shuffle."""
    labels = np.random.default_rng(1).integers(0, 10, 3000)
    seeds = np.random.RandomState(1001).randint(0, 2**32, size=50)
    config = TrainingConfig(learning_rate=0.1)
    np.testing.assert_array_equal(config.shuffle_seeds(), seeds)
    for epoch in (0, 49):
        folds = StratifiedKFold(n_splits=60, shuffle=True, random_state=seeds[epoch])
        expected = [test for _, test in folds.split(labels, labels)]
        batches = list(epoch_batches(labels, 60, config.shuffle_seeds()[epoch]))
        assert all(np.array_equal(a, b) for a, b in zip(batches, expected, strict=True))


def test_fewer_epochs_take_the_same_first_seeds() -> None:
    """Only this catches a short run whose batches are not the long run's."""
    short, full = TrainingConfig(0.1, epochs=3), TrainingConfig(0.1)
    np.testing.assert_array_equal(short.shuffle_seeds(), full.shuffle_seeds()[:3])


def test_rate_swings_with_period_ten_and_rests_in_epochs_5_and_15() -> None:
    """Cosine annealing with T_max 5, in closed form: lr (1 + cos(pi e / 5)) / 2 in epoch e."""
    trainer = small_trainer(epochs=16, n_batches=2)
    parameters = []
    for _ in range(16):
        list(trainer.run_epoch())
        parameters.append(trainer.model.flat_parameters())
    rates = np.array([record.learning_rate for record in trainer.epochs])
    np.testing.assert_allclose(
        rates, 0.05 * (1 + np.cos(np.pi * np.arange(16) / 5)) / 2, atol=1e-15
    )
    for resting in (5, 15):
        assert rates[resting] == pytest.approx(0, abs=1e-17)
        torch.testing.assert_close(parameters[resting], parameters[resting - 1], rtol=0, atol=1e-15)
    assert not torch.equal(parameters[6], parameters[5])


def test_two_adam_steps_by_hand() -> None:
    """Only this catches AdamW's decoupled decay or a gradient in the wrong parameter order."""
    trainer = small_trainer(weight_decay=0.1)
    reference = small_model()
    theta = reference.flat_parameters().numpy()
    first, second = np.zeros_like(theta), np.zeros_like(theta)
    batches = list(epoch_batches(LABELS, 4, int(trainer.config.shuffle_seeds()[0])))
    steps = trainer.run_epoch()
    for t in (1, 2):
        batch = torch.from_numpy(batches[t - 1])
        reference.load_flat_parameters(theta)
        loss = torch.nn.functional.cross_entropy(
            reference(trainer.images[batch]), trainer.labels[batch]
        )
        parts = torch.autograd.grad(loss, list(reference.parameters()))
        gradient = torch.cat([part.reshape(-1) for part in parts]).numpy() + 0.1 * theta
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        scale = np.sqrt(second / (1 - 0.999**t)) + 1e-8
        theta = theta - 0.05 * first / (1 - 0.9**t) / scale
        assert next(steps).loss == pytest.approx(float(loss.detach()), rel=1e-12)
        np.testing.assert_allclose(trainer.model.flat_parameters(), theta, atol=1e-9)


def test_minimum_is_the_best_epoch_end_and_is_kept() -> None:
    """Only this catches parameters of the last epoch, or a view that later steps overwrite."""
    trainer = small_trainer(epochs=4, learning_rate=1.5)
    ends = []
    while trainer.epoch < 4:
        list(trainer.run_epoch())
        ends.append(trainer.model.flat_parameters())
    losses = [record.train.loss for record in trainer.epochs]
    minimum = trainer.minimum
    assert minimum is not None
    assert minimum.epoch == int(np.argmin(losses))
    assert minimum.train.loss == min(losses)
    assert torch.equal(minimum.parameters, ends[minimum.epoch])
    assert len(trainer.steps) == 16


def test_without_evaluations_the_steps_are_the_same() -> None:
    """As a replay of mini-batch losses alone wants it, at half the time."""
    plain, bare = small_trainer(), small_trainer(evaluate_epochs=False)
    assert list(bare.run()) == list(plain.run())
    assert torch.equal(bare.model.flat_parameters(), plain.model.flat_parameters())
    assert (bare.epoch, bare.epochs, bare.minimum) == (2, [], None)
    assert len(plain.epochs) == 2


def test_evaluation_against_plain_formulas() -> None:
    """Only this catches <tr S> or <|g|_1> off by a factor, or an accuracy of another axis."""
    model = small_model()
    images = torch.rand(9, 4, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    labels = torch.arange(9) % 4
    result = Objective(model).evaluate(images, labels)
    pi = torch.softmax(model(images), dim=1).detach().numpy()
    curvature = [np.trace(np.diag(p) - np.outer(p, p)) for p in pi]
    gradients = np.abs(pi - np.eye(4)[labels]).sum(axis=1)
    assert result.loss == pytest.approx(-np.log(pi[np.arange(9), labels]).mean(), rel=1e-12)
    assert result.accuracy == pytest.approx((pi.argmax(1) == labels.numpy()).mean())
    assert result.mean_softmax_trace == pytest.approx(np.mean(curvature), rel=1e-12)
    assert result.mean_abs_slope == pytest.approx(gradients.mean(), rel=1e-12)
    assert result.n_samples == 9
    wrong = [k for k in range(9) if pi[k].argmax() != labels[k]]
    assert wrong
    assert Objective(model).misclassified(images, labels) == tuple(wrong)


@given(counts=st.lists(st.integers(1, 30), min_size=2, max_size=5), data=st.data())
def test_subset_keeps_the_classes_shares(counts: list[int], data: st.DataObject) -> None:
    labels = np.repeat(np.arange(len(counts)), counts)
    size = data.draw(st.integers(len(counts), len(labels)))
    chosen = stratified_subset(labels, size, seed=0)
    assert len(np.unique(chosen)) == size
    assert np.all(np.diff(chosen) > 0)
    got = np.bincount(labels[chosen], minlength=len(counts))
    expected = size * np.array(counts) / len(labels)
    assert np.abs(got - expected).max() < 1.5  # dealt out by rank: off by rounding only


def test_default_rates_are_the_authors() -> None:
    assert [default_learning_rate(d) for d in (50, 100, 150, 200)] == [1e-2, 5e-3, 2.5e-3, 1e-3]
    assert default_learning_rate(3) == 1e-2
    with pytest.raises(ValueError, match="depth: expected an integer >= 1"):
        default_learning_rate(0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"learning_rate": -1.0}, r"learning_rate: expected .* >= 0, at most 1e\+06, got -1"),
        ({"learning_rate": 1e7}, "learning_rate: expected a finite number"),  # no file takes it
        ({"learning_rate": float("nan")}, "learning_rate: expected a finite number"),
        ({"weight_decay": -1e-9}, "weight_decay: expected a finite number >= 0"),
        ({"epochs": 0}, "epochs: expected an integer >= 1, got 0"),
        ({"epochs": 2.5}, "epochs: expected an integer >= 1"),
        ({"n_batches": 1}, "n_batches: expected an integer >= 2"),
        ({"annealing_epochs": 0}, "annealing_epochs: expected an integer >= 1"),
    ],
)
def test_bad_configurations_are_refused(changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TrainingConfig(**({"learning_rate": 0.1} | changes))


def test_bad_data_are_refused() -> None:
    with pytest.raises(ValueError, match="at most 1, the samples of class 2"):
        next(epoch_batches(np.array([0, 0, 1, 1, 2]), 2, 0))
    for size in (1, 41):
        with pytest.raises(ValueError, match=f"size: expected from 4 .* to 40 samples, got {size}"):
            stratified_subset(LABELS, size, 0)
    with pytest.raises(ValueError, match="labels: expected 3, one an image, got 2"):
        Trainer(small_model(), torch.zeros(3, 4, 4), torch.zeros(2, dtype=int), TrainingConfig(0.1))
    with pytest.raises(ValueError, match="at least one sample, got zero"):
        Objective(small_model()).evaluate(torch.zeros(0, 4, 4), torch.zeros(0, dtype=torch.int64))


def test_finished_and_diverged_runs_stop() -> None:
    trainer = small_trainer(epochs=1)
    list(trainer.run())
    with pytest.raises(ValueError, match="all 1 epochs are done"):
        list(trainer.run_epoch())
    broken = small_trainer()
    start = broken.model.flat_parameters()
    broken.objective.loss_and_gradient = lambda *_: (float("nan"), torch.zeros(96))  # type: ignore[method-assign]
    with pytest.raises(FloatingPointError, match="expected a finite number, got nan in epoch 0"):
        next(broken.run())
    assert torch.equal(broken.model.flat_parameters(), start)
