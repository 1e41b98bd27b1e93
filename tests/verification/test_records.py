import numpy as np
import pytest

from patchlaw.verification.records import author_results, author_runs

RUNS = [(4, 50), (4, 100), (4, 200), (9, 100), (9, 150), (16, 50), (16, 200)]
LEARNING_RATES = {50: 1e-2, 100: 5e-3, 150: 2.5e-3, 200: 1e-3}


def test_the_seven_runs_are_there():
    assert list(author_runs()) == RUNS


@pytest.mark.parametrize("key", RUNS)
def test_a_run_is_complete(key):
    run = author_runs()[key]
    assert (run.n_patches, run.depth) == key
    for series, length in (
        (run.iteration_train_loss, 3000),
        (run.iteration_train_accuracy, 3000),
        (run.epoch_test_loss, 50),
        (run.epoch_test_accuracy, 50),
    ):
        assert series.shape == (length,)
        assert series.dtype == np.float64
        assert np.isfinite(series).all()
        assert not series.flags.writeable
    for losses in (run.iteration_train_loss, run.epoch_test_loss):
        assert losses.min() > 0
    for accuracies in (run.iteration_train_accuracy, run.epoch_test_accuracy):
        assert accuracies.min() >= 0
        assert accuracies.max() <= 1
    # Whole numbers of the 1,000 images of a mini-batch: fails if losses stand in their place.
    counts = 1000 * run.iteration_train_accuracy
    np.testing.assert_allclose(counts, counts.round(), atol=1e-9)


def test_the_first_losses_of_the_smallest_run():
    first = author_runs()[4, 50].iteration_train_loss[:6]
    np.testing.assert_allclose(first, [5.8541, 4.5647, 4.1985, 1.8581, 3.4168, 1.8063], atol=1e-4)


@pytest.mark.parametrize("key", RUNS)
def test_run_and_table_agree_at_the_minimum(key):
    """Two records of one number. Only this catches runs swapped, or epochs shifted by one."""
    run = author_runs()[key]
    (result,) = (r for r in author_results() if (r.n_patches, r.depth) == key)
    epoch = result.epoch_of_min_train_loss
    assert run.epoch_test_loss[epoch] == pytest.approx(result.test_loss, abs=1.1e-5)
    assert run.epoch_test_accuracy[epoch] == pytest.approx(result.test_accuracy, abs=1.1e-3)


def test_results_cover_the_papers_grid():
    results = author_results()
    grid = [(n_patches, depth) for n_patches in (4, 9, 16) for depth in (50, 100, 150, 200)]
    assert [(r.n_patches, r.depth) for r in results] == grid
    for r in results:
        assert r.n_parameters == r.n_patches * (48 * r.depth + 128) + 196
        assert r.learning_rate == LEARNING_RATES[r.depth]
        assert 0 <= r.epoch_of_min_train_loss < 50
        assert 0 < r.train_loss < r.test_loss
        assert r.train_accuracy > r.test_accuracy
        assert r.top_hessian_eigenvalue > 0
        assert r.pca_ratio_1 > r.pca_ratio_2 > 0
        assert r.pca_ratio_1 + r.pca_ratio_2 < 1
    missing = [
        (r.n_patches, r.depth) for r in results if r.landscape_grid_400_seconds_rtx4090 is None
    ]
    assert missing == [(9, 50)]
