"""Spectra predicted at a minimum, from a loss or a pilot run, and the pixel bias' kernel."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result

from patchlaw.commands.predict import predict
from patchlaw.hessian_theory.predictions import Architecture
from patchlaw.hessian_theory.predictions.kernel_flow import mean_loss, softmax
from patchlaw.simulators import Ansatz, DistributedQNN
from patchlaw.verification.kernels.minimum import (
    Pilot,
    predict_from_pilot,
    predict_minimum,
    scaled_to_loss,
)
from patchlaw.verification.kernels.of_model import encoding_rotations, tangent_kernel_of
from patchlaw.verification.kernels.start import Draw, predict_spectrum, predict_start
from patchlaw.verification.operators import CurvatureProblem, RestrictedOperator
from patchlaw.verification.runs import Run, execute_run, load_samples
from patchlaw.verification.solvers import top_eigenpairs
from tests.idx_files import write_idx_files
from tests.verification.run_cases import toy_config, toy_samples
from tests.verification.test_kernel_law import bias_jacobians

ARCHITECTURE = Architecture(4, 12, 4, 5, 4, 20)


def blobs() -> tuple[torch.Tensor, torch.Tensor]:
    """40 random images of 5 by 5 pixels, two classes a little apart."""
    labels = np.arange(40) % 2
    noise = np.random.default_rng(5).uniform(0, 0.8, (40, 5, 5))
    return torch.tensor(noise + 0.6 * labels[:, None, None]), torch.tensor(labels)


def test_minimum_is_that_of_trained_circuits() -> None:
    """Gradient descent on real circuits, n = 4, d = 12, down to a loss; G's top there by Lanczos.

    The prediction has the loss and the images only. Catches a flow in another kernel, logits that
    are scaled in place of trained (a factor of 2 and more here) and a start left as it is.
    """
    images, labels = blobs()
    settings = {"n_samples": 40, "draws": 4, "top": 1}
    ratios, started = [], []
    for seed in range(3):
        model = DistributedQNN(4, 12, 4, 5, 4, 20.0, seed=seed, dtype=torch.float64)
        optimiser = torch.optim.SGD([model.angles], lr=0.005)
        for _ in range(100):
            optimiser.zero_grad()
            loss = torch.nn.functional.cross_entropy(model(images), labels)
            if float(loss.detach()) <= 0.1:
                break
            loss.backward()
            optimiser.step()
        reached = float(loss.detach())
        assert 0.05 < reached <= 0.1
        g = RestrictedOperator(CurvatureProblem(model, images, labels).gauss_newton, "patches")
        top = float(top_eigenpairs(g, 1, tol=1e-3, seed=0).values[0])
        law = predict_minimum(ARCHITECTURE, images, labels, reached, **settings)
        assert law.loss.mean == pytest.approx(reached, rel=1e-6)
        assert law.loss.deviation < 1e-6
        ratios.append(law.eigenvalues[0].mean / top)
        started.append(predict_start(ARCHITECTURE, images, labels, **settings))
        started[-1] = started[-1].eigenvalues[0].mean / top
    print(ratios, started)
    assert np.exp(np.mean(np.log(ratios))) == pytest.approx(1, abs=0.25)
    assert min(started) > 2


def test_bias_adds_its_derivatives_at_random_angles() -> None:
    """Mean over random data-free angles of n = 3, d = 12 circuits, derivatives by autograd.

    Four patches share pixels: catches a kernel of one patch only, a pixel of another place and
    features' derivatives that are taken twice. 4.5 standard errors and 10 %.
    """
    images = torch.tensor(np.random.default_rng(3).uniform(0, 2, (2, 4, 4)))
    fixed, jacobians = bias_jacobians(images, 40)
    found = [np.einsum("aki,bli->abkl", each, each) for each in jacobians]
    law, angles = (tangent_kernel_of(fixed, images, bias=bias) for bias in (True, False))
    assert law.angles_per_patch == angles.angles_per_patch + fixed.ansatz.n_features
    expected = law.n_patches * (law.mean - angles.mean)
    wanted = law.variance * np.einsum("ab,kl->abkl", expected, np.eye(2))
    error = np.std(found, axis=0) / np.sqrt(len(found))
    assert (np.abs(np.mean(found, axis=0) - wanted) < 4.5 * error + 0.1 * wanted.max()).all()
    assert expected[0, 1] < 0.8 * expected[0, 0]  # the samples are told apart


def test_pixels_tangents_are_the_quaternions_derivatives() -> None:
    """By central differences in every pixel: catches the derivative of another qubit or feature."""
    images, step = torch.tensor(np.random.default_rng(2).uniform(0, 2, (3, 3, 3))), 1e-5
    model = DistributedQNN(1, 2, 3, 3, 2, seed=0, dtype=torch.float64)
    exact = encoding_rotations(model, images, tangents=False, bias=True)
    both = encoding_rotations(model, images, bias=True)
    pixels = iter(model.grid.pixel_indices[0])
    for number, (of_pixels, of_all) in enumerate(zip(exact, both, strict=True)):
        assert of_pixels.tangents is not None
        assert of_all.tangents is not None
        m = of_pixels.tangents.shape[3]
        np.testing.assert_array_equal(of_all.tangents[:, :, :, -m:], of_pixels.tangents)
        for qubit in range(3):
            for feature in range(m):
                move = torch.zeros(9, dtype=torch.float64)
                move[int(next(pixels))] = step
                ends = [
                    encoding_rotations(model, images + sign * move.reshape(3, 3))
                    for sign in (1, -1)
                ]
                slope = (ends[0][number].quaternions - ends[1][number].quaternions) / (2 * step)
                found = np.zeros_like(slope)
                found[:, :, qubit] = of_pixels.tangents[:, :, qubit, feature]
                np.testing.assert_allclose(found, slope, atol=1e-9)
    assert next(pixels, None) is None


def test_scaled_logits_have_the_loss() -> None:
    """Catches the other root, of a larger scale, and a scale of the probabilities."""
    rng = np.random.default_rng(0)
    labels = np.arange(30) % 3
    logits = 6 * np.eye(3)[labels] + rng.standard_normal((30, 3))
    logits[0] = [-5.0, 5.0, 0.0]  # a wrong class, so that the loss rises again at large scales
    least = mean_loss(logits, labels)
    for loss in (least, 1.5 * least, 1.0):
        scaled = scaled_to_loss(logits, labels, loss)
        assert mean_loss(scaled, labels) == pytest.approx(loss)
        factor = scaled[1, 0] / logits[1, 0]
        assert 0 < factor <= 1
        np.testing.assert_allclose(scaled, factor * logits)
    for loss in (0.9 * least, 1.2):
        with pytest.raises(ValueError, match=r"loss: expected .* to log C = 1.099"):
            scaled_to_loss(logits, labels, loss)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    samples = toy_samples()
    folder = tmp_path_factory.mktemp("pilot") / "run"
    return execute_run(folder, toy_config(samples, 2, dtype="float64"), samples, threads=1)


def test_pilot_s_logits_and_the_other_model_s_kernel(run: Run) -> None:
    """By hand for one draw: catches the pilot's kernel in place of the other model's."""
    samples = toy_samples()
    pilot = Pilot.of_run(run, samples)
    other = Architecture(9, 2, 2, 4, 4, 5)
    assert pilot.resized() == Architecture(4, 1, 2, 4, 4, 5)
    drawn: list[Draw] = []

    def logits(draw: Draw, _: int) -> np.ndarray:
        drawn.append(draw)
        images = samples.train_images[draw.part].double()
        return run.model(run.minimum_epoch)(images).detach().numpy()

    settings = {"n_samples": 20, "draws": 1, "top": 3, "seed": 4}
    inputs = samples.train_images, samples.train_labels
    by_hand = predict_spectrum(other, *inputs, logits, **settings)
    found = predict_from_pilot(pilot, other, **settings)
    assert found.eigenvalues == by_hand.eigenvalues
    assert drawn[0].kernel.n_patches == 9
    spectrum = drawn[0].kernel.spectrum(softmax(logits(drawn[0], 4)), 3)
    np.testing.assert_allclose([e.mean for e in found.eigenvalues], spectrum, rtol=1e-6)
    for ratio in (0.8, 1.1):
        moved = predict_from_pilot(pilot, other, ratio * pilot.loss, **settings)
        assert moved.loss.mean == pytest.approx(ratio * found.loss.mean, rel=1e-6)
    with pytest.raises(ValueError, match="samples: expected digest"):
        Pilot.of_run(run, toy_samples(seed=1))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images") / "idx"
    write_idx_files(folder, n_train=100, n_test=20)
    return folder


def call(*arguments: str) -> Result:
    return CliRunner().invoke(predict, list(arguments), env={"COLUMNS": "80"})


@pytest.mark.parametrize("qubits", [5, 6])
def test_pixels_lie_in_the_range_of_the_qubits(data: Path, qubits: int) -> None:
    """Only this catches a prediction for other images than `patchlaw train --qubits` takes."""
    few = ("--start", "--data", str(data), "--patches", "4", "--depth", "3", "--images", "40")
    few += ("--draws", "1", "--qubits", str(qubits), "--json")
    (found,) = json.loads(call(*few).output)
    samples = load_samples(data, n_qubits=qubits)
    by_hand = predict_start(
        Architecture(4, 3, qubits),
        samples.train_images,
        samples.train_labels,
        n_samples=40,
        draws=1,
    )
    assert found["eigenvalues"][0]["mean"] == by_hand.eigenvalues[0].mean
    assert samples.train_images.max() > load_samples(data).train_images.max()


def test_a_noisy_pilot_is_damped_by_the_other_model_s_gates(tmp_path: Path) -> None:
    """Only this catches the noise of the pilot's depth at another, or none at another c."""
    config = toy_config(toy_samples(), 1)
    config = replace(config, model=replace(config.model, noise=0.05))
    pilot = Pilot.of_run(execute_run(tmp_path, config, toy_samples(), threads=1), toy_samples())
    for sizes in ({}, {"depth": 8}, {"scale": 7.0}):
        bare = replace(pilot.sizes, **sizes)
        left = 0.95 ** Ansatz(bare.n_qubits, bare.depth).n_gates
        assert float(pilot.resized(**sizes).scale) == pytest.approx(float(bare.scale) * left)
    with pytest.raises(ValueError, match="n_qubits: expected 2, the pilot's, got 3"):
        predict_from_pilot(pilot, replace(pilot.sizes, n_qubits=3))


def test_command_at_a_loss(data: Path) -> None:
    """Catches a loss of another P, options that do not reach the job, lines too long."""
    few = ("--data", str(data), "--patches", "1,4", "--depth", "3", "--images", "40")
    few += ("--draws", "2", "--qubits", "5", "--loss", "0.5,0.25")
    done = call(*few, "--json")
    assert done.exit_code == 0, done.output
    one, four = json.loads(done.output)
    assert [one["loss"]["mean"], four["loss"]["mean"]] == pytest.approx([0.5, 0.25], rel=1e-5)
    assert (one["n_qubits"], four["n_patches"], four["includes_bias"]) == (5, 4, False)
    assert one["seconds"] > 0
    with_bias = json.loads(call(*few, "--bias", "--json").output)
    assert with_bias[0]["trace"]["mean"] > one["trace"]["mean"]
    table = call(*few).output
    assert "trained in the expected kernel" in table
    assert max(map(len, table.splitlines())) <= 80


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--loss", "x"), "expected numbers with commas, got 'x'; write 0.02 or 0.02,0.01"),
        (("--loss", "0.1"), "--loss: expected --patches and --depth with it, got none"),
        (("--loss", "0.1,0.2", "--patches", "4", "--depth", "3"), "one for each of 1 P, got 2"),
        (("--loss", "-1", "--patches", "4", "--depth", "3"), "loss: expected a finite number, > 0"),
        (("--loss", "1e9", "--patches", "4", "--depth", "3"), "where training begins, got 1e+09"),
        (("--loss", "0.1", "--start"), "--loss: expected none beside --start, got it"),
        (("--loss", "0.1", "--from", "4"), "--from: expected none beside --loss, got it"),
        (("--pilot", "nowhere", "--patches", "4"), "'--pilot': Directory 'nowhere' does not exist"),
        (("--bias",), "--bias: expected --start, --loss or --pilot with it, got none"),
        (("--loss", "1", "--patches", "4", "--depth", "3", "--classes", "4"), "label, 9, got 4"),
        (("--loss", "1", "--patches", "4", "--depth", "3", "--qubits", "0"), "integer, got 0"),
    ],
)
def test_refusals(arguments: tuple[str, ...], message: str, data: Path) -> None:
    """Catches a traceback and an option that is silently left unread."""
    rest = ("--data", str(data), "--images", "20") if "--start" not in arguments else ()
    rest = () if "--bias" in arguments else rest
    result = call(*arguments, *rest)
    assert result.exit_code in (1, 2), result.output
    assert message in " ".join(result.output.split())
    assert not isinstance(result.exception, ValueError | TypeError)


def test_pilot_of_other_samples_is_refused(run: Run) -> None:
    """The embedded images are not this run's."""
    result = call("--pilot", str(run.path), "--patches", "4", "--images", "20")
    assert result.exit_code == 1
    assert "samples: expected digest" in result.output


@pytest.mark.parametrize("labels", [torch.zeros(12), torch.zeros(11, dtype=torch.int64)])
def test_labels_of_other_images_are_refused(labels):
    """Only this catches an IndexError from the depths, or floats taken for indices."""
    with pytest.raises(ValueError, match="labels: expected 12 integers, one an image, got 1"):
        predict_start(ARCHITECTURE, torch.rand(12, 5, 5), labels, n_samples=10, draws=1)
