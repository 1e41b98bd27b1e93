"""A landscape of a trained run: numbers against independent ones, resuming, refusals."""

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from patchlaw.paper_figures.records import Records
from patchlaw.simulators.fast_engine.chunks import MAX_CHUNK
from patchlaw.verification.jobs import job
from patchlaw.verification.jobs.progress import Progress
from patchlaw.verification.landscape import landscape_job
from patchlaw.verification.landscape.landscape_job import PlaneLoss, compute_landscape
from patchlaw.verification.landscape.record import LANDSCAPE, LandscapeRecord
from patchlaw.verification.records.run_facts import AXES
from patchlaw.verification.runs import Run, RunError, execute_run
from patchlaw.verification.store.errors import InUseError, RecordError, StoreError
from patchlaw.verification.store.lock import held
from patchlaw.verification.training import stratified_subset
from tests.verification.landscape_cases import (
    SAMPLES,
    independent_components,
    toy_landscape,
    toy_run,
)
from tests.verification.run_cases import Stop, StopAt, kill_when, toy_config, toy_samples


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    return toy_run(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def whole(run, tmp_path_factory) -> LandscapeRecord:
    """Not interrupted."""
    return toy_landscape(run, tmp_path_factory.mktemp("whole"))


def torch_loss(run: Run, parameters: np.ndarray, images: torch.Tensor, labels: torch.Tensor):
    """Loss by the reference path: the module's own forward pass, in float64."""
    model = replace(run.config.model, dtype="float64").build()
    model.load_flat_parameters(parameters)
    with torch.no_grad():
        return float(torch.nn.functional.cross_entropy(model(images.double()), labels))


# --- the numbers


def test_the_record_is_that_of_an_independent_computation(run, whole):
    """scikit-learn's components, axes by hand, torch's own forward pass at every point.

    Only this catches a grid that is transposed or mirrored against the trajectory, the pixel bias
    among the components, a bias of another epoch, and an origin that is not the minimum.
    """
    parameters = run.trajectory().double().numpy()
    n_angles = run.model(0).angles.numel()
    minimum = min(range(1, 9), key=lambda epoch: run.history[epoch].train.loss)
    pca, components, scores = independent_components(parameters[:, :n_angles])
    x, y = (scores - scores[minimum]).T
    assert whole.minimum_epoch == minimum
    np.testing.assert_allclose(whole.trajectory.x, x, atol=1e-9)
    np.testing.assert_allclose(whole.trajectory.y, y, atol=1e-9)
    np.testing.assert_allclose(whole.pca.ratios, pca.explained_variance_ratio_, atol=1e-12)
    for axis, coordinates in ((whole.grid.x, x), (whole.grid.y, y)):
        by_hand = np.linspace(min(coordinates) - 5.0, max(coordinates) + 5.0, 6)
        np.testing.assert_allclose(axis, by_hand, atol=1e-9)
    assert whole.grid.margin == 5.0
    # float32 states: a logit of at most 5 is good to some 1e-6
    for i, row in enumerate(whole.grid.loss):
        for j, loss in enumerate(row):
            point = parameters[minimum].copy()
            point[:n_angles] += whole.grid.x[j] * components[0] + whole.grid.y[i] * components[1]
            expected = torch_loss(run, point, SAMPLES.train_images, SAMPLES.train_labels)
            assert loss == pytest.approx(expected, rel=2e-5)


def test_the_cases_tell_right_from_wrong(run, whole):
    """What the previous test relies on: every mistake it names would show."""
    parameters = run.trajectory().double().numpy()
    n_angles = run.model(0).angles.numel()
    with_bias = independent_components(parameters)[0].explained_variance_ratio_
    assert np.abs(with_bias[:2] - whole.pca.ratios[:2]).max() > 1e-4
    assert np.abs(parameters[:, n_angles:]).max() > 0.01
    loss = whole.grid.loss
    for wrong in (loss.T, loss[::-1], loss[:, ::-1]):
        assert np.abs(wrong - loss).max() > 0.1
    moved = np.abs(whole.trajectory.x).max(), np.abs(whole.trajectory.y).max()
    assert min(moved) > 0.1
    assert whole.minimum_epoch not in (0, 8)  # neither the start nor the end


def test_distances_are_from_the_minimum_and_its_plane(run, whole):
    angles = run.trajectory()[:, : run.model(0).angles.numel()].double().numpy()
    moved = angles - angles[whole.minimum_epoch]
    components = independent_components(angles)[1]
    nearest = np.linalg.lstsq(components.T, moved.T, rcond=None)[0]
    off_plane = np.linalg.norm(moved.T - components.T @ nearest, axis=0)
    np.testing.assert_allclose(whole.pca.off_plane, off_plane, atol=1e-9)
    np.testing.assert_allclose(whole.pca.from_minimum, np.linalg.norm(moved, axis=1), atol=1e-9)


def test_the_null_is_a_walk_of_as_many_points(whole):
    """The Gram matrix of one drawn walk in four million angles, its entries good to 1 / sqrt(D).

    A walk of eight or of ten points has ratios that differ by 0.003; only this tells them apart.
    """
    rng, gram = np.random.default_rng(2), np.zeros((9, 9))
    for _ in range(40):
        walk = np.cumsum(rng.standard_normal((9, 100_000)), axis=0)
        walk -= walk.mean(axis=0)
        gram += walk @ walk.T
    values = np.linalg.eigvalsh(gram)[::-1]
    np.testing.assert_allclose(whole.pca.random_walk_ratios, (values / values.sum())[:2], atol=1e-3)


def test_the_origin_has_the_loss_that_the_run_recorded(run, whole):
    """Same images, parameters and threads: the same bits. Catches a grid over other images."""
    assert whole.loss_at_minimum == run.history[run.minimum_epoch].train.loss
    assert whole.trajectory.train_loss.tolist() == [e.train.loss for e in run.history]
    assert whole.trajectory.x[whole.minimum_epoch] == 0.0
    assert whole.trajectory.y[whole.minimum_epoch] == 0.0


def test_a_subset_is_stratified_and_said_so(run, tmp_path):
    record = toy_landscape(run, tmp_path / "some", images=20, seed=3, points=2)
    kept = stratified_subset(SAMPLES.train_labels.numpy(), 20, 3)
    expected = torch_loss(
        run,
        run.parameters(run.minimum_epoch).numpy(),
        SAMPLES.train_images[kept],
        SAMPLES.train_labels[kept],
    )
    assert record.loss_at_minimum == pytest.approx(expected, rel=2e-5)
    assert (record.n_samples, record.subset_seed, record.covers_training_set) == (20, 3, False)
    assert record.reproduce.endswith(" --images 20 --seed 3 --points 2")
    # all of the images are no subset, whatever the seed
    everything = toy_landscape(run, tmp_path / "all", images=40, seed=3, points=2)
    assert (everything.n_samples, everything.subset_seed) == (40, None)
    assert everything.covers_training_set
    assert everything.reproduce == f"patchlaw landscape runs/{run.config.run_id} --points 2"


def test_a_landscape_alone_says_what_model_it_is_of(tmp_path):
    """Only this catches one without a pixel bias that is drawn among the paper's own.

    One begun by a former release, which says no axis, is gone on with and says them then.
    """
    config = toy_config(SAMPLES, 3, learning_rate=0.8)
    config = replace(config, model=replace(config.model, pixel_bias=False))
    run = execute_run(tmp_path, config, SAMPLES, threads=1)
    path = run.record_in(tmp_path / "landscapes")
    with pytest.raises(Stop):
        toy_landscape(run, path.parent, points=2, progress=StopAt(done=1))
    content = LANDSCAPE.read(path)
    axes = {
        name: content["run"].pop(name)
        for name in AXES
        if name != "n_classes" and name in content["run"]
    }
    assert axes == {"n_qubits": 2, "scale": 5.0, "pixel_bias": False}
    LANDSCAPE.write(path, content)
    record = toy_landscape(run, path.parent, points=2)
    assert replace(record.run, parameters_sha256="") == run.facts
    records = Records.read(tmp_path)
    assert not records.runs
    assert records.facts[run.config.run_id].axis == "pixel bias"
    assert not records.of_the_paper.landscapes
    (found,) = records.study().runs
    assert "no pixel bias" in found.title


# --- resuming


def assert_same(record: LandscapeRecord, other: LandscapeRecord) -> None:
    """Same bits, but for times and sessions."""
    for mine, theirs in (
        (record.pca, other.pca),
        (record.trajectory, other.trajectory),
        (record.grid, other.grid),
    ):
        for name, value in vars(mine).items():
            np.testing.assert_array_equal(value, getattr(theirs, name), strict=True)
    plain = ("reproduce", "run", "n_samples", "subset_seed", "minimum_epoch", "loss_at_minimum")
    assert [getattr(record, name) for name in plain] == [getattr(other, name) for name in plain]


@pytest.mark.parametrize("stop", [1, 17, 35])
def test_an_interrupted_landscape_keeps_every_loss_and_goes_on(run, whole, tmp_path, stop):
    with pytest.raises(Stop):
        toy_landscape(run, tmp_path, progress=StopAt(done=stop))
    begun = LandscapeRecord.read(run.record_in(tmp_path))
    assert not begun.complete
    assert begun.grid.n_done == stop
    assert begun.resumed == ()
    done = np.isfinite(begun.grid.loss)
    assert (begun.grid.loss[done] == whole.grid.loss[done]).all()
    nulls = [
        row.count(None) for row in json.loads(run.record_in(tmp_path).read_text())["grid"]["loss"]
    ]
    assert sum(nulls) == 36 - stop
    resumed = toy_landscape(run, tmp_path, threads=None)
    assert resumed.complete
    assert [session.from_point for session in resumed.resumed] == [stop]
    assert resumed.seconds > begun.seconds
    assert_same(resumed, whole)
    assert_same(LandscapeRecord.read(run.record_in(tmp_path)), whole)


def test_a_killed_landscape_resumes_to_the_same_bits(run, tmp_path):
    """SIGKILL to a process, twice, at moments nobody chose; only this has no time to tidy up."""
    path = run.record_in(tmp_path)
    command = ("-m", "tests.verification.landscape_cases", run.path, tmp_path, 16)
    for least, delay in ((1, 0.003), (7, 0.011)):
        target = losses_on_disk(path) + least
        kill_when(lambda: losses_on_disk(path) >= target, *command, delay=delay)  # noqa: B023
    killed_at = losses_on_disk(path)
    assert 8 <= killed_at < 256
    resumed = toy_landscape(run, tmp_path, threads=None, points=16)
    assert len(resumed.resumed) == 2
    assert resumed.resumed[1].from_point == killed_at
    assert_same(resumed, toy_landscape(run, tmp_path / "reference", points=16))
    assert [entry.name for entry in tmp_path.iterdir() if entry.is_file()] == [path.name]


def losses_on_disk(path: Path) -> int:
    return LandscapeRecord.read(path).grid.n_done if path.exists() else 0


def test_a_finished_landscape_is_left_alone(run, whole, tmp_path, monkeypatch):
    toy_landscape(run, tmp_path)
    before = run.record_in(tmp_path).stat().st_mtime_ns

    def refuse(*_: object) -> float:
        raise AssertionError("a loss was computed again")

    monkeypatch.setattr(PlaneLoss, "__call__", refuse)
    assert_same(toy_landscape(run, tmp_path, threads=2), whole)
    assert run.record_in(tmp_path).stat().st_mtime_ns == before
    assert [entry.name for entry in tmp_path.iterdir()] == [run.record_in(tmp_path).name]


def test_a_loss_that_is_no_number_is_not_recorded(run, tmp_path, monkeypatch):
    losses = iter([0.5, 1.0, 2.0, float("nan")])
    monkeypatch.setattr(PlaneLoss, "__call__", lambda *_: next(losses))
    with pytest.raises(FloatingPointError, match="loss: expected a finite number, got nan at x"):
        toy_landscape(run, tmp_path)
    assert LandscapeRecord.read(run.record_in(tmp_path)).grid.n_done == 2


def test_what_a_killed_process_left_is_removed_and_nothing_else(run, tmp_path):
    name = run.record_in(tmp_path).name
    (tmp_path / f".{name}.abc_12de").write_text("half a reco")
    (tmp_path / f".{name}.lock").write_text("99999")
    others = [".P4_d50_s1001.json.abc_12de", f".{name}.notes-of-mine", "thesis.txt"]
    for other in others:
        (tmp_path / other).write_text("chapter 1")
    toy_landscape(run, tmp_path, points=2)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == sorted([name, *others])


def test_losses_are_on_disk_while_the_work_goes_on(run, tmp_path):
    """A killed process loses what it computed since the last write; here, one loss."""
    kept = []

    class Look(Progress):
        def advance(self, done: int, detail: str) -> None:
            kept.append(done - LandscapeRecord.read(run.record_in(tmp_path)).grid.n_done)

    toy_landscape(run, tmp_path, points=3, progress=Look(), save_seconds=0.0)
    assert kept == [1] * 9


class Notes(Progress):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def say(self, line: str) -> None:
        """Keep it."""
        if line.startswith("note: "):
            self.notes.append(line)


def test_another_chunk_size_is_noted(run, tmp_path, monkeypatch):
    with pytest.raises(Stop):
        toy_landscape(run, tmp_path, progress=StopAt(done=3))
    monkeypatch.setattr("patchlaw.simulators.fast_engine.chunks.MAX_CHUNK", 7)
    progress = Notes()
    toy_landscape(run, tmp_path, progress=progress)
    (note,) = progress.notes
    assert "its last bits may differ" in note
    assert f"max_chunk: {MAX_CHUNK} then, 7 now" in note


def test_another_environment_is_noted(run, tmp_path, monkeypatch):
    with pytest.raises(Stop):
        toy_landscape(run, tmp_path, progress=StopAt(done=3))
    environment = job.current_environment()
    monkeypatch.setattr(
        job, "current_environment", lambda device: replace(environment, machine="Plan 9 vax")
    )
    progress = Notes()
    resumed = toy_landscape(run, tmp_path, progress=progress)
    (note,) = progress.notes
    assert f"machine: {environment.machine} then, Plan 9 vax now" in note
    assert resumed.environment["machine"] == environment.machine
    assert resumed.resumed[0].environment["machine"] == "Plan 9 vax"


# --- what is refused, and left as it was


@pytest.fixture
def begun(run, tmp_path) -> Path:
    """A record with five losses of 36."""
    with pytest.raises(Stop):
        toy_landscape(run, tmp_path / "begun", progress=StopAt(done=5))
    return run.record_in(tmp_path / "begun")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"points": 5}, "expected points 6, got 5;"),
        ({"margin": 4.5}, r"expected margin 5.0, got 4.5;"),
        ({"images": 20}, "expected images used 40, got 20; subset seed None, got 0;"),
        ({"threads": 2}, "threads: expected 1, as in the first session, got 2"),
    ],
)
def test_other_options_are_refused_by_name(run, begun, options, message):
    content = begun.read_bytes()
    with pytest.raises(StoreError, match=message):
        toy_landscape(run, begun.parent, **options)
    assert begun.read_bytes() == content
    assert [entry.name for entry in begun.parent.iterdir()] == [begun.name]


def test_another_seed_of_the_subset_is_refused(run, tmp_path):
    toy_landscape(run, tmp_path, images=20, points=2)
    with pytest.raises(StoreError, match="expected subset seed 0, got 1"):
        toy_landscape(run, tmp_path, images=20, points=2, seed=1)


def test_a_run_that_went_on_is_another(tmp_path):
    """Its minimum and its trajectory are others; only this catches a record tied to its name."""
    shorter = toy_run(tmp_path / "runs", 3)
    toy_landscape(shorter, tmp_path, points=2)
    content = shorter.record_in(tmp_path).read_bytes()
    longer = toy_run(tmp_path / "runs", 4)
    with pytest.raises(StoreError, match=r"expected epochs 3, got 4; parameters_sha256"):
        toy_landscape(longer, tmp_path, points=2)
    assert shorter.record_in(tmp_path).read_bytes() == content


def test_a_record_of_another_run_is_refused(run, begun, tmp_path):
    other = toy_run(tmp_path / "runs", 3, seed=4)
    path = other.record_in(begun.parent)
    path.write_bytes(begun.read_bytes())
    with pytest.raises(StoreError, match=r"expected seed 3, got 4; .*id '\w+_s3_\w+', got '"):
        toy_landscape(other, begun.parent)
    assert path.read_bytes() == begun.read_bytes()


def test_a_plane_of_other_signs_is_refused(run, begun, monkeypatch):
    """Half a grid, its other half mirrored: what another release's sign rule would make."""
    right = landscape_job.trajectory_plane

    def mirrored(points: np.ndarray, origin: int):
        plane = right(points, origin)
        turn = np.array([1.0, -1.0])
        return replace(
            plane,
            directions=turn[:, None] * plane.directions,
            coordinates=turn * plane.coordinates,
        )

    monkeypatch.setattr(landscape_job, "trajectory_plane", mirrored)
    content = begun.read_bytes()
    with pytest.raises(RecordError, match="trajectory: expected the recorded positions"):
        toy_landscape(run, begun.parent)
    assert begun.read_bytes() == content


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda content: content[:-40], "expected a whole JSON file, got .*truncated"),
        (lambda content: content.replace(b'"epoch', b'"Epoch', 1), "checksum mismatch"),
        (lambda content: b"{}", "expected a file of kind 'patchlaw landscape', got None"),
        (lambda content: b"", "expected a whole JSON file"),
    ],
)
def test_a_damaged_record_is_refused_and_kept(run, begun, spoil, message):
    begun.write_bytes(spoil(begun.read_bytes()))
    content = begun.read_bytes()
    with pytest.raises(RecordError, match=message):
        toy_landscape(run, begun.parent)
    assert begun.read_bytes() == content


def test_one_process_at_a_time(run, begun):
    refused = pytest.raises(InUseError, match=f"{begun.name}: .*held by process {os.getpid()}")
    with held(begun), refused:
        toy_landscape(run, begun.parent)
    assert toy_landscape(run, begun.parent).complete


def test_samples_of_another_digest_are_refused(run, tmp_path):
    with pytest.raises(ValueError, match="samples: expected digest"):
        compute_landscape(run, toy_samples(seed=1), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("images", [3, 41])
def test_impossible_subsets_are_refused(run, tmp_path, images):
    with pytest.raises(ValueError, match=f"images: size: expected from 4 .* to 40 .*got {images}"):
        toy_landscape(run, tmp_path, images=images)


@pytest.mark.parametrize(
    ("epochs", "learning_rate", "message"),
    [
        (1, 0.3, "points: expected at least 3 .*the start and two epochs.*got 2; train for more"),
        (3, 0.0, "points: expected a trajectory that moves, got 4 equal points"),
    ],
)
def test_a_trajectory_without_a_plane_is_refused(tmp_path, epochs, learning_rate, message):
    run = toy_run(tmp_path / "runs", epochs, learning_rate=learning_rate)
    with pytest.raises(ValueError, match=message):
        toy_landscape(run, tmp_path)
    assert not run.record_in(tmp_path).exists()


def test_a_run_at_its_start_and_a_damaged_one_are_refused(tmp_path, monkeypatch):
    run = toy_run(tmp_path / "runs", 3)
    with pytest.raises(Stop):
        execute_run(
            tmp_path / "start", run.config, SAMPLES, threads=1, progress=StopAt("epoch   0/")
        )
    start = Run.open(tmp_path / "start" / run.config.run_id)
    with pytest.raises(RunError, match="expected at least one epoch done"):
        toy_landscape(start, tmp_path)
    (run.path / "epochs" / "002.safetensors").unlink()
    with pytest.raises(RecordError, match=r"002.safetensors: expected a file of"):
        toy_landscape(run, tmp_path)
