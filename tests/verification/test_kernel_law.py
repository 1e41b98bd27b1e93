"""The tangent kernel's law on models: what it takes of them, its record, starts predicted."""

import json
from dataclasses import MISSING, fields, replace
from functools import reduce
from itertools import product

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from patchlaw.commands.kernel import kernel as kernel_command
from patchlaw.commands.kernel import print_errors
from patchlaw.commands.predict import predict
from patchlaw.console import PlainConsole
from patchlaw.hessian_theory.predictions import Architecture, IdentityCurvature, TangentKernel
from patchlaw.paper_figures.records import RESULTS
from patchlaw.simulators import Angle, DistributedQNN, GateBlock, PatchEnsemble, PatchGrid
from patchlaw.simulators.ansatz import Ansatz, EncodingBlock, EntanglingBlock
from patchlaw.simulators.named_circuits import named_circuit
from patchlaw.simulators.reference import simulate
from patchlaw.simulators.torch_engine import circuit_outputs
from patchlaw.verification.kernels import kernel_job
from patchlaw.verification.kernels.commutator import CommutatorKernel
from patchlaw.verification.kernels.criterion import findings, shallow_end
from patchlaw.verification.kernels.kernel_job import KernelSettings, measure_kernel
from patchlaw.verification.kernels.minimum import Pilot
from patchlaw.verification.kernels.of_model import (
    bias_kernel_of,
    softmax_outputs,
    tangent_kernel_of,
)
from patchlaw.verification.kernels.record import (
    COMMUTATOR_LAW,
    KERNEL,
    LAW,
    WHOLE_LAW,
    KernelMoment,
    KernelRecord,
    read_kernels,
)
from patchlaw.verification.kernels.spin_flip import circuit_group
from patchlaw.verification.kernels.start import predict_start
from patchlaw.verification.operators import CurvatureProblem, RestrictedOperator
from patchlaw.verification.runs import Run, RunError, execute_run, load_samples
from patchlaw.verification.solvers import top_eigenpairs
from patchlaw.verification.store.errors import StoreError
from patchlaw.verification.store.json_files import plain
from patchlaw.verification.training import stratified_subset
from tests.verification.kernel_cases import blocks_of, dense_spectrum
from tests.verification.run_cases import Stop, StopAt, toy_config, toy_samples


def small_model(seed: int = 0, depth: int = 2, n_qubits: int = 3) -> DistributedQNN:
    model = DistributedQNN(4, depth, n_qubits, 4, 4, seed=seed, dtype=torch.float64)
    with torch.no_grad():
        model.pixel_bias.copy_(torch.linspace(-0.4, 0.6, 16).reshape(4, 4))
    return model


def slopes_of(outputs: torch.Tensor, leaf: torch.Tensor) -> np.ndarray:
    """Derivatives of two outputs at three samples, by autograd; shape (6, draws, angles)."""
    return np.stack(
        [
            torch.autograd.grad(outputs[:, k, x].sum(), leaf, retain_graph=True)[0].numpy()
            for x in range(3)
            for k in range(2)
        ]
    )


@pytest.mark.parametrize("n_qubits", [2, 3])
def test_overlaps_are_those_of_the_encodings_gates(n_qubits):
    """Catches features or angles of another block, patch or order, and a bias left out."""
    model = small_model(n_qubits=n_qubits)
    images = np.random.default_rng(1).uniform(0, 2, (2, 4, 4))
    found = tangent_kernel_of(model, images, encoding_angles=False)
    size, group = 2**n_qubits, "unitary" if n_qubits == 2 else "symplectic"
    assert found.group == group
    for patch in range(4):
        expected = 1.0
        for block in (1, 3):
            first, second = (blocks_of(model, patch, image)[block] for image in images)
            w = first.conj().T @ second
            if group == "unitary":
                expected *= (abs(np.trace(w)) ** 2 - 1) / (size**2 - 1)
            else:
                expected *= (np.trace(w) ** 2 + np.trace(w @ w)).real / (size * (size + 1))
        assert found.overlap(patch)[0, 1] == pytest.approx(expected, abs=1e-12)
    assert found.n_free == 6 * 2 * n_qubits
    assert found.angles_per_patch == found.n_free


def test_tangents_are_the_quaternions_derivatives():
    """By central differences in every angle: catches a tangent of another angle or qubit."""
    model, step = small_model(), 1e-5
    images = np.random.default_rng(2).uniform(0, 2, (3, 4, 4))
    exact = tangent_kernel_of(model, images)
    assert exact.angles_per_patch == model.ansatz.n_angles
    for number, block in enumerate((1, 3)):
        begin, m = model.ansatz.angle_offsets[block], exact.encodings[number].tangents.shape[3]
        for qubit in range(3):
            for angle in range(m):
                sides = []
                for sign in (1, -1):
                    moved = small_model()
                    with torch.no_grad():
                        moved.angles[:, begin + m * qubit + angle] += sign * step
                    sides.append(tangent_kernel_of(moved, images).encodings[number].quaternions)
                slope = (sides[0] - sides[1]) / (2 * step)
                found = np.zeros_like(slope)
                found[:, :, qubit] = exact.encodings[number].tangents[:, :, qubit, angle]
                np.testing.assert_allclose(found, slope, atol=1e-9)


@pytest.mark.parametrize(
    ("n", "observables", "group"),
    [
        (3, (), "symplectic"),
        (4, (), "orthogonal"),
        (3, ("Z0 Z1", "X1 Y2"), "symplectic-even"),
        (4, ("Z0 Z1", "Z1 Z2"), "orthogonal-even"),
    ],
)
def test_deep_circuits_kernel_is_the_law_s(n, observables, group):
    """Mean over random data-free angles of deep circuits, derivatives by autograd.

    The encodings' angles and the others apart: catches a law that gives one the kernel of the
    other, or a factor 2 in either. The circuit's own group comes nearer in both than the unitary
    group, which is 5 to 10 % off (more for outputs that the flip keeps).
    """
    draws, rng = 400, np.random.default_rng(3)
    images = torch.tensor(rng.uniform(0, 2, (3, n, n)))
    ansatz = Ansatz(n, 14, observables=observables)
    model = DistributedQNN(1, 14, n, n, 2, 1.0, 0.0, seed=777, dtype=torch.float64, ansatz=ansatz)
    encoding = np.zeros(model.ansatz.n_angles, dtype=bool)
    for block in (1, 3):
        encoding[slice(*model.ansatz.angle_offsets[block : block + 2])] = True
    angles = model.angles.detach().numpy().repeat(draws, axis=0)
    angles[:, ~encoding] = rng.uniform(0, 2 * np.pi, (draws, (~encoding).sum()))
    leaf = torch.tensor(angles, requires_grad=True)
    features = model.patch_features(images).expand(draws, -1, -1)
    outputs = circuit_outputs(model.ansatz, leaf, features, 2)  # (draws, outputs, samples)
    slopes = slopes_of(outputs, leaf)
    parts = (slopes[..., ~encoding], slopes[..., encoding])
    means = [np.einsum("rdi,cdi->rc", part, part) / draws for part in parts]

    def misses(law: TangentKernel) -> np.ndarray:
        free = law.n_free * law.overlap(0)
        kernels = (law.variance * free, law.variance * (law.of_patch(0) - free))
        expected = [np.kron(each, np.eye(2)) for each in kernels]
        pairs = zip(means, expected, strict=True)
        return np.array([np.linalg.norm(m - e) / np.linalg.norm(e) for m, e in pairs])

    own = tangent_kernel_of(model, images)
    assert own.group == group
    found, unitary = misses(own), misses(tangent_kernel_of(model, images, group="unitary"))
    assert (found < 0.05).all()
    assert (unitary > 1.7 * found).all()
    assert own.overlap(0)[0, 1] < 0.6  # the samples are told apart


def test_patches_that_share_their_angles_are_one_circuit_at_all_of_their_inputs():
    """Mean over random data-free angles in common, derivatives of the patches' sum by autograd.

    Catches pairs of different patches left out or counted once: they are about half of it here.
    """
    draws, rng = 400, np.random.default_rng(5)
    images = torch.tensor(rng.uniform(0, 2, (3, 4, 4)))
    model = DistributedQNN(
        4, 14, 3, 4, 2, 1.0, 0.0, seed=7, dtype=torch.float64, shared_angles=True
    )
    angles = model.angles.detach().numpy().repeat(draws, axis=0)
    for block in (0, 2, 4):
        free = slice(*(*model.ansatz.angle_offsets, model.ansatz.n_angles)[block : block + 2])
        angles[:, free] = rng.uniform(0, 2 * np.pi, (draws, len(range(*free.indices(10**6)))))
    leaf = torch.tensor(angles, requires_grad=True)
    outputs = sum(
        circuit_outputs(model.ansatz, leaf, features.expand(draws, -1, -1), 2)
        for features in model.patch_features(images).split(1)
    )
    slopes = slopes_of(outputs, leaf)
    mean = np.einsum("rdi,cdi->rc", slopes, slopes) / draws

    def miss(law: TangentKernel) -> float:
        expected = np.kron(4 * law.variance * law.mean, np.eye(2))
        return float(np.linalg.norm(mean - expected) / np.linalg.norm(mean))

    law = tangent_kernel_of(model, images)
    assert miss(law) < 0.06
    assert miss(replace(law, shared=False)) > 0.3
    pi = np.full((3, 2), 0.5)
    dense = np.kron(4 * law.variance * law.mean, np.full((2, 2), -0.25) + np.eye(2) / 2) / 3
    assert law.trace(pi) == pytest.approx(np.trace(dense))
    assert law.spectrum(pi, 1)[0] == pytest.approx(np.linalg.eigvalsh(dense)[-1])
    assert law.alignment(pi) == 1
    some = np.array([0, 2])
    np.testing.assert_allclose(law.subset(some).mean, law.mean[np.ix_(some, some)])
    fresh = replace(law).subset(some)
    np.testing.assert_allclose(fresh.mean, law.mean[np.ix_(some, some)])


@pytest.mark.parametrize(
    ("n", "blocks", "observables", "group"),
    [
        (4, (), (), "orthogonal"),
        (3, (), (), "symplectic"),
        (2, (), (), "unitary"),
        (2, (), ("Z0 Z1", "X0"), "unitary"),
        (4, (), ("Z0 Z1", "X0 Y1 Z2 X3"), "orthogonal-even"),
        (3, (), ("Z0 Z1", "X0 Y2"), "symplectic-even"),
        (4, (), ("X0 Y1 Z2", "X0"), "orthogonal"),
        (4, ((("RZ", 0, Angle(0)), ("H", 1), ("U3", 2, 0.1, 0.2, 0.3)),), (), "orthogonal"),
        (4, ((("RZZ", 0, 1, Angle(0)),),), (), "unitary"),
        (4, ((("CNOT", 0, 1),),), (), "unitary"),
        (3, ((("CZ", 0, 1), ("CZ", 1, 2), ("RX", 0, 0.3), ("CZ", 2, 0)),), (), "unitary"),
        (3, ((("CZ", 0, 1), ("CZ", 1, 2), ("CZ", 2, 0), ("RX", 0, 0.3)),), (), "symplectic"),
    ],
)
def test_group_of_a_circuit(n, blocks, observables, group):
    """Beside U itself: Y^n U* Y^n is U up to a phase in exactly those with a group of their own.

    Catches a gate or a CZ chain that breaks the flip unnoticed; RZ, H and U3 do not break it.
    """
    extra = tuple(GateBlock(block) for block in blocks)
    ansatz = Ansatz.from_blocks(n, (EntanglingBlock(1), *extra, EncodingBlock(1)), observables)
    assert circuit_group(ansatz, 2) == group
    rng = np.random.default_rng(n)
    angles, features = rng.uniform(-3, 3, ansatz.n_angles), rng.uniform(-3, 3, ansatz.n_features)
    columns = []
    for bits in product((0, 1), repeat=n):
        ones = [("RX", qubit, np.pi) for qubit in range(n) if bits[qubit]]  # X up to a factor -i
        from_there = Ansatz.from_blocks(n, (GateBlock(ones), *ansatz.blocks))
        columns.append(1j ** sum(bits) * simulate(from_there, angles, features))
    unitary = np.array(columns).T
    flip = reduce(np.kron, [np.array([[0, -1j], [1j, 0]])] * n)
    overlap = abs(np.trace(unitary.conj().T @ flip @ unitary.conj() @ flip)) / 2**n
    flipped = overlap == pytest.approx(1, abs=1e-9)
    even = all(len(each) % 2 == 0 for each in ansatz.outputs(2))
    assert (flipped, flipped and even) == (group != "unitary", group.endswith("-even"))
    if flipped:
        mixed = Ansatz.from_blocks(n, ansatz.blocks, ("Z0 Z1", "X0"))
        with pytest.raises(TypeError, match=r"all of odd or all of even weight.*Z0 Z1, X0"):
            circuit_group(mixed, 2)


def bias_jacobians(images: torch.Tensor, n_draws: int) -> tuple[DistributedQNN, list[np.ndarray]]:
    """Derivatives (N, C, pixels) at random data-free angles, by autograd; n = 3, d = 12, P = 4.

    The encodings' angles are those of the model that comes with them.
    """
    fixed = DistributedQNN(4, 12, 3, 4, 2, 1.0, 0.0, seed=777, dtype=torch.float64)
    encoding = np.zeros(fixed.ansatz.n_angles, dtype=bool)
    for block in (1, 3):
        encoding[slice(*fixed.ansatz.angle_offsets[block : block + 2])] = True
    found = []
    for seed in range(n_draws):
        model = DistributedQNN(4, 12, 3, 4, 2, 1.0, 0.0, seed=seed, dtype=torch.float64)
        with torch.no_grad():
            model.angles *= 4  # over more than a period
            model.angles[:, encoding] = fixed.angles[:, encoding]
        jacobian = torch.autograd.functional.jacobian(
            lambda bias, model=model: model.autograd_logits(images, pixel_bias=bias),
            model.pixel_bias.detach(),
            vectorize=True,
        )
        found.append(jacobian.flatten(2).numpy())
    return fixed, found


def test_deep_circuits_pixel_bias_adds_patches_incoherently():
    """Mean of J J^T over the bias of random deep circuits, by autograd, patches that overlap.

    Catches a factor between angles and pixels, pixels of another encoding, and cross terms.
    """
    images = torch.tensor(np.random.default_rng(6).uniform(0, 2, (2, 4, 4)))
    fixed, jacobians = bias_jacobians(images, 60)
    kernels = [each.reshape(4, -1) @ each.reshape(4, -1).T for each in jacobians]
    law = bias_kernel_of(fixed, images)
    wanted = np.kron(law.variance * 4 * law.mean, np.eye(2))
    error = np.std(kernels, axis=0) / np.sqrt(len(kernels))
    off = np.abs(np.mean(kernels, axis=0) - wanted)
    assert (off < 4.5 * error + 0.08 * wanted.max()).all(), off / wanted.max()
    assert 4.5 * error.max() < 0.35 * wanted.max()
    pi = np.full((2, 2), 0.5)
    assert law.trace(pi) == pytest.approx(4 * 9 * law.variance / 2)


def test_other_circuits_and_models_are_refused():
    """Catches a number for a circuit that the law does not speak of."""
    images = torch.zeros(1, 2, 2, dtype=torch.float64)
    gates = GateBlock([("RX", 0, Angle(0))])
    for blocks in (
        (EntanglingBlock(1), EncodingBlock(2)),
        (EncodingBlock(1), EntanglingBlock(1), EncodingBlock(1)),
        (EntanglingBlock(1), EncodingBlock(2), gates),
    ):
        ansatz = Ansatz.from_blocks(2, blocks)
        model = DistributedQNN(1, image_side=2, n_classes=2, ansatz=ansatz, dtype=torch.float64)
        with pytest.raises(TypeError, match="ansatz: expected entangling blocks with one encoding"):
            tangent_kernel_of(model, images)
    ensemble = PatchEnsemble(lambda: torch.nn.Linear(4, 2), PatchGrid(2, 2, 1))
    with pytest.raises(TypeError, match="model: expected a DistributedQNN, got PatchEnsemble"):
        tangent_kernel_of(ensemble, images)


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    samples = toy_samples()
    folder = tmp_path_factory.mktemp("kernel") / "run"
    return execute_run(folder, toy_config(samples, 2, dtype="float64"), samples, threads=1)


SETTINGS = KernelSettings(images=20, top=3, tol=1e-6)


@pytest.fixture(scope="module")
def whole(run, tmp_path_factory) -> KernelRecord:
    """Both ends, not interrupted."""
    return measure_kernel(run, toy_samples(), tmp_path_factory.mktemp("k"), SETTINGS, threads=1)


def of_the_subset() -> tuple[torch.Tensor, torch.Tensor]:
    """The 20 images and labels that these settings draw."""
    samples = toy_samples()
    chosen = stratified_subset(samples.train_labels.numpy(), 20, 0)
    return samples.train_images[chosen], samples.train_labels[chosen]


def without_times(record: KernelRecord) -> list:
    return [
        (
            name,
            moment.predicted,
            [found.value for found in moment.measured],
            moment.predicted_alignment,
        )
        for name, moment in record.moments.items()
    ]


def check_whole(moment: KernelMoment, model: DistributedQNN, images: torch.Tensor) -> None:
    pi = softmax_outputs(model, images).numpy()
    np.testing.assert_allclose(moment.whole, tangent_kernel_of(model, images).spectrum(pi, 3))


def test_record_holds_dense_eigenvalues_and_resumes(run, whole, tmp_path):
    """Measured ones against numpy's of the dense G; a stopped job ends with the same numbers."""
    assert list(whole.moments) == ["start", "minimum"]
    assert whole.moments["start"].epoch == 0
    assert whole.moments["minimum"].epoch == run.minimum_epoch
    assert whole.n_samples == 20
    images, labels = of_the_subset()
    for moment in whole.moments.values():
        model = run.model(moment.epoch)
        expected = dense_spectrum(model, images, labels)[:3]
        np.testing.assert_allclose([found.value for found in moment.measured], expected, rtol=1e-5)
        pi = softmax_outputs(model, images).numpy()
        law = tangent_kernel_of(model, images)
        np.testing.assert_allclose(moment.predicted, law.spectrum(pi, 3), rtol=1e-9)
        assert moment.predicted_trace == pytest.approx(law.trace(pi))
        commutator = CommutatorKernel(model, images).spectrum(pi, 3) if moment.epoch else ()
        np.testing.assert_allclose(moment.commutator, commutator, rtol=1e-6)
        np.testing.assert_allclose(moment.errors, moment.predicted / expected - 1, atol=1e-4)
        check_whole(moment, model, toy_samples().train_images)

    with pytest.raises(Stop):
        measure_kernel(
            run,
            toy_samples(),
            tmp_path,
            SETTINGS,
            threads=1,
            progress=StopAt(f"{whole.run.id}, start"),
        )
    (path,) = tmp_path.glob("*.json")
    assert list(KernelRecord.read(path).moments) == ["start"]
    resumed = measure_kernel(run, toy_samples(), tmp_path, SETTINGS)
    assert without_times(resumed) == without_times(whole)
    before = path.read_bytes()
    with pytest.raises(StoreError, match="expected top 3, got 4"):
        measure_kernel(run, toy_samples(), tmp_path, replace(SETTINGS, top=4))
    measure_kernel(run, toy_samples(), tmp_path, SETTINGS)
    assert path.read_bytes() == before


def test_the_record_of_a_run_without_bias_under_another_s_name_is_refused(tmp_path):
    """Catches a traceback: of the run itself, no field says that it has a pixel bias."""
    samples = toy_samples()
    config = toy_config(samples, 1)
    without = replace(config, model=replace(config.model, pixel_bias=False))
    run, other = (execute_run(tmp_path, each, samples, threads=1) for each in (config, without))
    measure_kernel(other, samples, tmp_path, SETTINGS, predict_only=True, brief=True)
    other.record_in(tmp_path).rename(run.record_in(tmp_path))
    with pytest.raises(StoreError, match="pixel_bias False, got True"):
        measure_kernel(run, samples, tmp_path, SETTINGS)


def test_a_run_of_another_circuit_is_refused_before_anything_is_written(tmp_path):
    """Only this catches a traceback in the middle of the work, and a record begun for nothing."""
    samples = toy_samples()
    config = toy_config(samples, 1)
    circuit = named_circuit("ry-cz", "paper", 2, 1, 2).to_json()
    config = replace(config, model=replace(config.model, ansatz=circuit))
    run = execute_run(tmp_path, config, samples, threads=1)
    with pytest.raises(RunError, match=r"ansatz: expected entangling blocks .* got GateBlock"):
        measure_kernel(run, samples, tmp_path / "kernels", SETTINGS)
    assert not (tmp_path / "kernels").exists()


def test_a_run_on_the_squared_error_is_measured_and_predicted_with_its_own_curvature(tmp_path):
    """Catches S of the softmax in the law, in the commutator kernel or in the measured G."""
    samples = toy_samples()
    config = toy_config(samples, 1, dtype="float64")
    config = replace(config, training=replace(config.training, loss="squared_error"))
    run = execute_run(tmp_path, config, samples, threads=1)
    record = measure_kernel(run, samples, tmp_path / "kernels", SETTINGS, threads=1)
    assert [each.run.loss for each in read_kernels(tmp_path / "kernels")] == ["squared_error"]
    images, labels = of_the_subset()
    model, moment = run.model(1), record.moments["minimum"]
    target = torch.nn.functional.one_hot(labels, model.n_classes).double()
    dense = dense_spectrum(model, images, target, loss="squared_error")
    np.testing.assert_allclose([found.value for found in moment.measured], dense[:3], rtol=1e-5)
    assert moment.mean_softmax_trace == model.n_classes
    of_all = tangent_kernel_of(model, samples.train_images)
    outputs = IdentityCurvature(len(samples.train_labels), model.n_classes)
    np.testing.assert_allclose(moment.whole, of_all.spectrum(outputs, 3))
    assert moment.commutator[0] == pytest.approx(dense[0], rel=0.5)  # shallow; of S by 10 times
    with pytest.raises(ValueError, match="circuit and loss, got the squared error"):
        Pilot.of_run(run, samples)


def test_moments_of_training_join_those_on_record(run, whole, tmp_path):
    """Each with its own parameters: only this catches the minimum's measured under another name."""
    KERNEL.write(run.record_in(tmp_path), plain(whole))
    with pytest.raises(ValueError, match=r"--epoch: expected 0 to \d+, the epochs of the run"):
        measure_kernel(
            run, toy_samples(), tmp_path, replace(SETTINGS, epochs=(run.epochs_done + 1,))
        )
    among = next(e for e in range(1, run.epochs_done) if e != run.minimum_epoch)
    settings = replace(SETTINGS, epochs=(run.minimum_epoch, among))
    found = measure_kernel(run, toy_samples(), tmp_path, settings)
    assert list(found.moments) == ["start", "minimum", f"epoch {among}"]
    assert all(found.moments[name] == moment for name, moment in whole.moments.items())
    images, labels = of_the_subset()
    model = run.model(among)
    dense = dense_spectrum(model, images, labels)[:3]
    (moment,) = found.at("training")
    np.testing.assert_allclose([each.value for each in moment.measured], dense, rtol=1e-5)
    law = tangent_kernel_of(model, images).spectrum(softmax_outputs(model, images).numpy(), 3)
    np.testing.assert_allclose(moment.predicted, law, rtol=1e-9)
    assert f"--epoch {among}" in found.reproduce
    before = (tmp_path / f"{found.run.id}.json").read_bytes()
    measure_kernel(run, toy_samples(), tmp_path, SETTINGS)  # asks for the ends only
    assert (tmp_path / f"{found.run.id}.json").read_bytes() == before


def test_predictions_are_made_anew_and_measured_values_kept(run, whole, tmp_path):
    """A record of an older law, and one begun with predictions only.

    Catches a measurement done twice or lost, and predictions of an old formula that stay.
    """
    samples, path = toy_samples(), run.record_in(tmp_path / "a")
    path.parent.mkdir()
    required = [each for each in fields(KernelMoment) if each.default is MISSING]
    fields_of_old = [each.name for each in required]
    old = {
        name: {
            key: [0.0] * 3 if key == "predicted" else value
            for key, value in plain(moment).items()
            if key in fields_of_old
        }
        for name, moment in whole.moments.items()
    }
    KERNEL.write(path, {**plain(whole), "moments": old})
    read = KernelRecord.read(path)
    assert [moment.law for moment in read.moments.values()] == [1, 1]
    assert read.moments["start"].errors_of("commutator") == ()
    again = measure_kernel(run, samples, tmp_path / "a", SETTINGS, predict_only=True)
    assert all(moment.law == LAW and not moment.commutator for moment in again.moments.values())
    again = measure_kernel(run, samples, tmp_path / "a", SETTINGS)
    for name, moment in again.moments.items():
        assert (moment.law, moment.commutator_law) == (LAW, (name == "minimum") * COMMUTATOR_LAW)
        assert moment.predicted == whole.moments[name].predicted
        assert moment.commutator == whole.moments[name].commutator
        assert moment.measured == whole.moments[name].measured  # with its seconds

    folder = tmp_path / "b"
    first = measure_kernel(run, samples, folder, SETTINGS, predict_only=True, threads=1)
    assert all(moment.measured == moment.errors == () for moment in first.moments.values())
    assert findings([first]) == ()
    assert shallow_end([first]) is None
    assert KernelRecord.read(folder / path.name) == first
    assert without_times(measure_kernel(run, samples, folder, SETTINGS)) == without_times(whole)


def test_all_images_from_weighed_draws(run, tmp_path, monkeypatch):
    """Catches a weight that is lost on the way: a draw with one sample thrice is all of them."""

    def draw(softmax, size, rng):
        assert size == 5
        n = len(softmax)
        drawn = np.array([0, 0, *range(n)])
        return drawn, (n + 2) / n * np.where(drawn == 0, 1 / 3, 1.0)

    monkeypatch.setattr(kernel_job, "trace_sample", draw)
    monkeypatch.setattr(kernel_job, "_DRAWN", 5)
    samples = toy_samples()
    record = measure_kernel(run, samples, tmp_path, SETTINGS, predict_only=True, threads=1)
    for moment in record.moments.values():
        check_whole(moment, run.model(moment.epoch), samples.train_images)
        assert 0 <= moment.whole_error < 1e-6


def test_criteria_judge_deep_records_only(whole):
    """Catches a shallow record that is judged, a worst value of the wrong model, a lost sign."""
    # but for its depth, as the paper's
    shallow = replace(whole, run=replace(whole.run, n_classes=10))
    assert shallow.run.depth == 1
    assert findings([shallow]) == ()

    def like(depth: int, factor: float, name: str = "", commutator: float = 1.0) -> KernelRecord:
        moments = {}
        for key, moment in shallow.moments.items():
            values = [found.value for found in moment.measured]
            both = {
                field: tuple(each * value for value in values)
                for field, each in (("predicted", factor), ("commutator", commutator))
            }
            moments[key] = replace(moment, **both)
        facts = replace(shallow.run, depth=depth, id=name or f"d{depth}")
        return replace(shallow, run=facts, moments=moments)

    good, bad = like(20, 1.02), like(50, 0.8)
    made_on = like(50, 1.02, "P4_d50_s1001", 2.0)
    start, minimum, commutator = findings([shallow, good, bad, like(21, 1.02, "", 0.96)])
    assert findings([made_on])[1].criterion.law == "predicted"
    assert len(findings([made_on])) == 2  # the commutator kernel was found there
    assert (commutator.criterion.moment, commutator.n_models) == ("minimum", 3)
    assert commutator.worst == pytest.approx(0.04)
    assert commutator.met
    assert (start.n_models, start.n_values) == (3, 9)
    assert start.median == pytest.approx(0.02)
    assert start.worst == pytest.approx(0.2)
    assert start.worst_at.startswith("d50, lambda_")
    assert not start.met
    assert minimum.met
    assert shallow_end([like(2, 1.5), like(5, 1.05), good]) == 5
    assert shallow_end([good, bad]) is None


def test_committed_records_are_the_law_s_predictions():
    """Predictions on record made anew from run and images: catches a formula changed since."""
    records = {record.run.id: record for record in read_kernels(RESULTS / "kernels")}
    paper = next(r for r in records.values() if (r.run.n_patches, r.run.depth) == (4, 2))
    shared = next(r for r in records.values() if r.run.shared_angles and r.run.n_patches == 4)
    for record in (paper, shared):
        run = Run.open(RESULTS / "runs" / record.run.id)
        data = run.config.data
        samples = load_samples(None, data.images, data.subset_seed)
        labels = samples.train_labels.numpy()
        chosen = stratified_subset(labels, record.n_samples, record.subset_seed)
        images, moment = samples.train_images[chosen], record.moments["minimum"]
        model = run.model(moment.epoch)
        law = tangent_kernel_of(model, images)
        pi = softmax_outputs(model, images).numpy()
        np.testing.assert_allclose(law.spectrum(pi, record.top), moment.predicted, rtol=1e-3)
        assert law.trace(pi) == pytest.approx(moment.predicted_trace, rel=1e-3)
    for other in records.values():
        for name, found in other.moments.items():
            assert all(value.converged for value in found.measured)
            assert len(found.measured) in (0, other.top)
            with_it = name == "minimum" and not other.run.axis  # the others are brief
            assert len(found.commutator) == with_it * len(found.measured)
            assert len(found.predicted) == other.top
            assert (found.law, found.commutator_law) in ((LAW, 0), (LAW, COMMUTATOR_LAW))
            assert found.whole_law in (0, WHOLE_LAW)
            assert found.whole_error < 0.05


def test_errors_are_printed(run, whole, tmp_path, capsys, monkeypatch):
    """Catches columns of another law, and a record of predictions alone that breaks the table."""
    monkeypatch.setenv("COLUMNS", "80")
    alone = measure_kernel(run, toy_samples(), tmp_path, SETTINGS, predict_only=True, threads=1)
    moment = whole.moments["minimum"]
    print_errors((whole, alone), PlainConsole())
    rows = [line for line in capsys.readouterr().out.splitlines() if whole.run.id in line]
    cells = [[cell.strip() for cell in row.strip("│|").split("│")] for row in rows]
    law, own = moment.errors[0], moment.errors_of("commutator")[0]
    first = [f"{moment.measured[0].value:.4g}", f"{moment.predicted[0]:.4g}", f"{100 * law:+.1f}"]
    assert cells[1][:5] == [whole.run.id, "minimum", *first]
    assert cells[1][5:] == [f"{moment.commutator[0]:.4g}", f"{100 * own:+.1f}"]
    assert cells[3][2:] == ["-", first[1], "-", "-", "-"]


def test_kernel_command(run, tmp_path):
    """Catches an option that does not reach the job, and a refusal with a traceback."""
    missing = CliRunner().invoke(
        kernel_command, [str(run.path), "--out", str(tmp_path / "k"), "--images", "20"]
    )
    assert missing.exit_code == 1  # the embedded images are not this run's
    assert "Error: samples: expected digest" in missing.output
    assert not (tmp_path / "k").exists()


def start(*arguments: str):
    return CliRunner().invoke(predict, ["--start", *arguments], env={"COLUMNS": "120"})


def test_start_from_the_command_line():
    """Catches options that do not reach the prediction, and draws that are not seeded."""
    few = ("--patches", "1,4", "--depth", "12", "--images", "60", "--draws", "2", "--json")
    first = start(*few)
    assert first.exit_code == 0, first.output
    one, four = json.loads(first.output)
    assert [found["n_patches"] for found in (one, four)] == [1, 4]
    assert one["alignment"]["mean"] == pytest.approx(1)
    assert 0.25 <= four["alignment"]["mean"] <= 1
    rates = [2 / top for top in four["eigenvalues"][0]["draws"]]
    assert four["largest_rate"]["draws"] == pytest.approx(rates)
    again, other = (json.loads(start(*few, *seed).output) for seed in ((), ("--seed", "1")))
    assert again[1]["eigenvalues"] == four["eigenvalues"]
    assert other[1]["eigenvalues"] != four["eigenvalues"]
    table = start(*few[:-1])
    assert "before training, depth 12" in table.output
    assert "nothing fitted" in table.output
    ratio = four["eigenvalues"][0]["mean"] / one["eigenvalues"][0]["mean"]
    assert f"│{ratio:.3g}│" in table.output.replace(" ", "")  # not upside down


def test_start_is_that_of_real_circuits():
    """lambda_max of G of real starts beside the law's, n = 4 and random images with two classes.

    Catches a scale of the logits that is off, which the ratios between P would not show.
    """
    rng = np.random.default_rng(5)
    labels = torch.tensor(np.arange(40) % 2)
    images = torch.tensor(rng.uniform(0, 0.8, (40, 5, 5)) + 0.6 * labels.numpy()[:, None, None])
    law = predict_start(
        Architecture(4, 12, 4, 5, 4, 20), images, labels, n_samples=40, draws=20, top=2
    )
    tops = []
    for seed in range(12):
        model = DistributedQNN(4, 12, 4, 5, 4, 20.0, seed=seed, dtype=torch.float64)
        g = RestrictedOperator(CurvatureProblem(model, images, labels).gauss_newton, "patches")
        tops.append(float(top_eigenpairs(g, 1, tol=1e-3, seed=0).values[0]))
    error = np.std(tops) / np.sqrt(12) + law.eigenvalues[0].deviation / np.sqrt(20)
    assert abs(np.mean(tops) - law.eigenvalues[0].mean) < 3.5 * error + 0.05 * np.mean(tops)
    assert 3.5 * error < 0.5 * np.mean(tops)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--depth", "5"), "--start: expected --patches with it, got none"),
        (("--patches", "4"), "--start: expected --depth with it, got none"),
        (("--patches", "4,x", "--depth", "5"), "expected whole numbers with commas, got '4,x'"),
        (("--patches", "5", "--depth", "5"), "n_patches: expected a square"),
        (("--patches", "4", "--depth", "0"), "depth: expected a positive integer"),
        (("--patches", "4", "--depth", "5", "--from", "4"), "--from: expected none beside --start"),
        (("--patches", "4", "--depth", "5", "--data", "nowhere"), "'nowhere' does not exist"),
        (("--patches", "4", "--depth", "5", "--images", "12"), "n_samples: expected at least 20"),
    ],
)
def test_start_refuses_what_does_not_fit(arguments, message):
    """Catches a traceback and an option that is silently left unread."""
    result = start(*arguments)
    assert result.exit_code in (1, 2), result.output
    assert message in result.output
    assert not isinstance(result.exception, ValueError | TypeError)


def test_options_of_the_start_need_it():
    """Catches --patches that is silently left unread."""
    result = CliRunner().invoke(predict, ["--from", "4", "--to", "9", "--patches", "4"])
    assert result.exit_code == 2
    assert "--patches: expected --start, --loss or --pilot with it" in result.output
