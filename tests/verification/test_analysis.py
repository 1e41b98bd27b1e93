"""patchlaw analyse: its numbers against dense matrices, its record, kills and refusals."""

import json
import shutil
from dataclasses import asdict, fields, replace
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from patchlaw.commands.analyse import analyse
from patchlaw.simulators.named_circuits import named_circuit
from patchlaw.verification.analysis.analysis_job import execute_analysis
from patchlaw.verification.analysis.options import ON_REQUEST, STAGES, AnalysisOptions
from patchlaw.verification.operators import CurvatureProblem
from patchlaw.verification.records import (
    ANALYSIS,
    RunFacts,
    TrainedModel,
    read_analyses,
    read_model,
)
from patchlaw.verification.runs import Run, RunRequest, execute_run, load_samples
from patchlaw.verification.runs.config import ModelConfig, RunConfig
from patchlaw.verification.runs.factory import Factory
from patchlaw.verification.settings import command_of
from patchlaw.verification.store.errors import InUseError, RecordError, StoreError
from patchlaw.verification.store.json_files import plain, typed
from patchlaw.verification.store.lock import held, is_held
from patchlaw.verification.store.seal import digest
from patchlaw.verification.training import Objective, stratified_subset
from tests.verification.analysis_cases import OPTIONS, SAMPLES, toy_run
from tests.verification.run_cases import Stop, StopAt, kill_when


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    return toy_run(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def record(run, tmp_path_factory) -> TrainedModel:
    """All stages, not interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    return execute_analysis(run, SAMPLES, folder, OPTIONS, stages=STAGES)


def drawn(images: int) -> np.ndarray:
    """The indices of so many, stratified; all 40 in their order."""
    labels = SAMPLES.train_labels.numpy()
    return np.arange(40) if images == 40 else stratified_subset(labels, images, 0)


@cache
def matrix(path: Path, kind: str, epoch: int, images: int) -> np.ndarray:
    chosen = drawn(images)
    problem = CurvatureProblem(
        Run.open(path).model(epoch),
        SAMPLES.train_images[chosen],
        SAMPLES.train_labels[chosen],
        backend="autodiff",
    )
    op = getattr(problem, kind)
    return op @ np.eye(op.shape[0])


def dense(run: Run, kind: str, epoch: int | None = None, images: int = 40) -> np.ndarray:
    """A curvature matrix column by column through autograd: none of the analysis' own arithmetic.

    Only this catches a wrong epoch, a wrong set of images, or blocks of other parameters.
    """
    return matrix(run.path, kind, run.minimum_epoch if epoch is None else epoch, images)


def top(matrix: np.ndarray, k: int = 1) -> np.ndarray:
    return np.linalg.eigvalsh(matrix)[::-1][:k]


def assert_holds(values, exact: np.ndarray) -> None:
    """Every exact eigenvalue in the interval of its record."""
    assert all(v.converged for v in values)
    for value, expected in zip(values, exact, strict=True):
        low, high = value.interval
        assert low - 1e-10 <= expected <= high + 1e-10


def parts(run: Run) -> tuple[list[slice], slice]:
    """Indices of every patch's angles and of the bias, from the model's sizes."""
    model = run.model(0)
    n = model.angles.shape[1]
    return [slice(p * n, (p + 1) * n) for p in range(4)], slice(4 * n, None)


def test_eigenvalues_over_all_images_are_those_of_dense_matrices(run, record):
    patches, bias = parts(run)
    h, g, r = (dense(run, kind) for kind in ("hessian", "gauss_newton", "residual"))
    assert_holds(record.eigenvalues["H"], top(h, 4))
    assert_holds(record.eigenvalues["G"], top(g))
    assert_holds(record.eigenvalues["R"], top(r))
    angles = slice(0, bias.start)
    assert_holds(record.eigenvalues["G over the angles"], top(g[angles, angles]))
    assert_holds(record.eigenvalues["G over the bias"], top(g[bias, bias]))
    assert_holds(record.eigenvalues["R over the bias"], top(r[bias, bias]))
    for p, own in enumerate(patches):
        assert_holds(record.eigenvalues[f"G_{p}{p}"], top(g[own, own]))
        assert_holds(record.eigenvalues[f"R_{p}{p}"], top(r[own, own]))
    assert len(record.blocks("G")) == len(record.blocks("R")) == 4
    assert {v.n_samples for values in record.eigenvalues.values() for v in values} == {40}
    blocks = sum(float(top(g[own, own])[0]) for own in patches)
    assert (
        record.alignment.low <= float(top(g[angles, angles])[0]) / blocks <= record.alignment.high
    )


def test_the_subset_is_stratified_and_its_spectrum_is_its_own(run, record):
    """The subset of 20 is not the whole of 40: only this catches one set used for both."""
    assert np.bincount(SAMPLES.train_labels.numpy()[drawn(20)]).tolist() == [5, 5, 5, 5]
    h = dense(run, "hessian", images=20)
    assert_holds(record.subset.top, top(h, 5))
    assert abs(record.subset.top[0].value - record.top("H").value) > 1e-3
    exact = np.linalg.eigvalsh(h)
    for value, expected in zip(record.subset.bottom, exact[:2], strict=True):
        assert abs(value.value - expected) <= value.residual_norm + 1e-10
    assert_holds([record.subset.others["R"]], top(dense(run, "residual", images=20)))
    # exact mean over random signs: within five standard errors
    mean, error = record.density.moment(1)
    assert mean == pytest.approx(np.trace(h) / len(h), abs=5 * error)
    near = (np.abs(exact) <= 0.01 * exact[-1]).mean()
    assert record.near_zero.value == pytest.approx(near, abs=5 * record.near_zero.standard_error)
    assert record.outliers.low <= record.outliers.count


def test_shares_of_the_top_vector(run, record):
    """Only this catches shares of another vector, or bias and patches exchanged."""
    patches, bias = parts(run)
    for name, kind in (("H", "hessian"), ("G", "gauss_newton")):
        vector = np.linalg.eigh(dense(run, kind))[1][:, -1]
        shares = record.shares[name]
        expected = [float((vector[own] ** 2).sum()) for own in patches]
        np.testing.assert_allclose(shares.patches, expected, atol=1e-4)
        assert shares.bias == pytest.approx(float((vector[bias] ** 2).sum()), abs=1e-4)


def test_traces_within_their_errors(run, record):
    patches, bias = parts(run)
    g = dense(run, "gauss_newton")
    pairs = [(record.traces.total, np.trace(g)), (record.traces.bias, np.trace(g[bias, bias]))]
    pairs += [
        (found, np.trace(g[own, own]))
        for found, own in zip(record.traces.patches, patches, strict=True)
    ]
    for found, exact in pairs:
        assert found.value == pytest.approx(exact, abs=5 * found.standard_error)
        assert found.standard_error < 0.1 * exact


def test_bounds_contain_the_largest_eigenvalue(run, record):
    """Of G over all images: only this catches a bound of the subset's, or of another epoch's."""
    exact, bounds = np.linalg.eigvalsh(dense(run, "gauss_newton"))[::-1], record.bounds
    assert bounds.output_ritz <= bounds.lower <= exact[0] * (1 + 1e-9)
    assert exact[0] <= bounds.interval.upper < 1.5 * exact[0]
    found = bounds.interval
    assert found.trace.value == pytest.approx(exact.sum(), abs=5 * found.trace.standard_error)
    assert found.frobenius_upper >= np.linalg.norm(exact)
    assert (found.n_samples, found.n_probes, len(found.ritz)) == (40, 16, 3)


def test_the_split_along_training(run, record):
    """Epochs that the run has, and the minimum; each with its own parameters and loss."""
    chosen = drawn(20)
    epochs = [moment.epoch for moment in record.along_training]
    assert epochs == [0, run.minimum_epoch]
    for moment in record.along_training:
        for name, kind in (("H", "hessian"), ("G", "gauss_newton"), ("R", "residual")):
            exact = top(dense(run, kind, moment.epoch, 20))
            assert_holds([moment.top[name]], exact)
        logits = run.model(moment.epoch)(SAMPLES.train_images[chosen].double())
        loss = torch.nn.functional.cross_entropy(logits, SAMPLES.train_labels[chosen])
        assert moment.loss == pytest.approx(loss.item(), rel=1e-10)


def test_the_spectrum_along_training(run, record):
    """Each epoch's own parameters, on their own images: only this catches the minimum's instead."""
    chosen = drawn(16)
    moments = record.spectra_along_training
    assert [m.epoch for m in moments] == [0, run.minimum_epoch]
    for moment in moments:
        h = dense(run, "hessian", moment.epoch, 16)
        exact = top(h, len(h))
        assert_holds(moment.top, exact[:5])
        assert {v.n_samples for v in moment.top} == {16}
        mean, error = moment.density.moment(1)
        assert mean == pytest.approx(np.trace(h) / len(h), abs=5 * error)
        near = (np.abs(exact) <= 0.01 * exact[0]).mean()
        share = moment.near_zero
        assert share.value == pytest.approx(near, abs=5 * share.standard_error)
        beyond = (exact[:5] > moment.outliers.edge).sum()
        assert moment.outliers.low <= beyond <= (moment.outliers.high or 5)
        logits = run.model(moment.epoch)(SAMPLES.train_images[chosen].double())
        loss = torch.nn.functional.cross_entropy(logits, SAMPLES.train_labels[chosen])
        assert moment.loss == pytest.approx(loss.item(), rel=1e-10)


def test_minimum_and_trajectory(run, record):
    assert record.minimum.epoch == run.minimum_epoch
    assert record.minimum.train.loss == pytest.approx(
        run.history[run.minimum_epoch].train.loss, rel=1e-10
    )
    assert record.trajectory.n_points == run.epochs_done + 1
    bias = parts(run)[1]
    points = run.trajectory().double().numpy()[:, : bias.start]
    found = record.trajectory
    for part, ratios in (
        (points, found.pc_ratios),
        (points[: run.minimum_epoch + 1], found.pc_ratios_to_minimum),
    ):
        values = np.linalg.eigvalsh(np.cov(part, rowvar=False))[::-1]
        np.testing.assert_allclose(ratios, (values / values.sum())[: len(ratios)], atol=1e-10)
    assert found.n_points_to_minimum == run.minimum_epoch + 1
    ways = [np.linalg.norm(b - a) for a, b in pairwise(points)]
    assert found.largest_step == pytest.approx(max(ways) / sum(ways))


def test_misclassified_test_images_are_those_of_the_minimum(tmp_path):
    """Only this catches images of another set or epoch; after one epoch there are some."""
    run = toy_run(tmp_path / "runs", epochs=1)
    record = execute_analysis(run, SAMPLES, tmp_path, OPTIONS, stages=("misclassified",))
    guessed = run.model(run.minimum_epoch)(SAMPLES.test_images).argmax(1)
    wrong = torch.nonzero(guessed != SAMPLES.test_labels)[:, 0].tolist()
    assert 0 < len(wrong) < len(SAMPLES.test_labels)
    assert list(record.misclassified) == wrong


def test_other_misclassified_images_than_were_counted_are_not_written(tmp_path, monkeypatch):
    """One image on the border between two classes, on another machine.

    Only this catches a record that nobody can read again, nor any other of its folder.
    """
    run, of = toy_run(tmp_path / "runs", epochs=1), Objective.misclassified
    execute_analysis(run, SAMPLES, tmp_path, OPTIONS, stages=("evaluation",))
    monkeypatch.setattr(Objective, "misclassified", lambda *args: of(*args)[1:])
    with pytest.raises(StoreError, match=r"expected the \d+ test images .*, got \d+"):
        execute_analysis(run, SAMPLES, tmp_path, OPTIONS, stages=("misclassified",))
    (model,) = read_analyses(tmp_path)
    assert model.misclassified is None
    monkeypatch.undo()
    assert execute_analysis(
        run, SAMPLES, tmp_path, OPTIONS, stages=("misclassified",)
    ).misclassified


def test_what_stands_twice_in_a_record_agrees(record):
    """The alignment and the bias' share that are read are those that the stages wrote."""
    content = json.loads(record.path.read_text())
    (model,) = read_analyses(record.path.parent)
    assert asdict(model.alignment) == content["alignment"]
    assert model.bias_share == record.shares["H"].bias
    assert model.name == content["run"]["id"]


@pytest.mark.parametrize("former", [{}, {"settings": "0" * 64}], ids=["none", "digest"])
def test_a_record_of_a_former_release_gets_its_settings(run, tmp_path, former):
    """Only this catches one that stays without, and so has no pair among those that have."""
    found = execute_analysis(run, SAMPLES, tmp_path, OPTIONS, stages=("evaluation",))
    content = ANALYSIS.read(found.path)
    ANALYSIS.write(found.path, {k: v for k, v in content.items() if k != "settings"} | former)
    assert read_model(found.path).settings is None
    execute_analysis(run, SAMPLES, tmp_path, OPTIONS, stages=("evaluation",))  # nothing left to do
    assert ANALYSIS.read(found.path) == content


def test_the_settings_are_what_a_study_has_in_common(run, record):
    """P, depth, seed and the axes do not count, the rate at equal depth; precision and data do."""
    config = run.config

    def study(other: RunConfig, **which: bool) -> str:
        return replace(record, settings=other.settings).study(**which)

    same = replace(
        config,
        model=replace(config.model, n_patches=9, depth=7, seed=8, pixel_bias=False),
        training=replace(config.training, batch_seed=8, epochs=1, loss="squared_error"),
    )
    assert record.settings == config.settings
    assert study(same) == record.study()
    rate = replace(config, training=replace(config.training, learning_rate=0.5))
    assert study(rate, rate=False) == record.study(rate=False)
    assert study(rate) != record.study()
    by_depth = replace(config, training=replace(config.training, learning_rate=0.01))
    deeper = replace(by_depth, model=replace(config.model, depth=100))
    deeper = replace(deeper, training=replace(config.training, learning_rate=0.005))
    assert study(by_depth) == study(deeper)
    data = replace(config, data=replace(config.data, sha256="0" * 64))
    assert study(data, data=False) == record.study(data=False)
    batches = replace(config, training=replace(config.training, n_batches=7))
    for other in (data, batches, replace(config, model=replace(config.model, dtype="float32"))):
        assert study(other) != record.study()


@pytest.mark.parametrize(
    ("change", "author"),
    [
        ({}, True),
        ({"model": {"aggregation_exponent": 0.5}}, True),
        ({"training": {"epochs": 7, "loss": "squared_error"}}, True),
        ({"model": {"dtype": "float64"}}, False),
        ({"model": {"n_classes": 12}}, True),
        ({"training": {"learning_rate": 1e-3}}, False),
        ({"training": {"batch_seed": 7}}, False),
        ({"data": {"images": 500}}, False),
    ],
)
def test_whose_protocol_a_run_is_by(change, author):
    """A variant may be by the author's: its model and loss are others, nothing else."""
    config = RunConfig.paper(4, 100)
    for part, fields_of in change.items():
        config = replace(config, **{part: replace(getattr(config, part), **fields_of)})
    assert config.settings.author_protocol == author


def test_other_classes_are_another_model():
    """Only this catches MNIST with 12 outputs among the paper's models, or beside other C."""
    facts = RunFacts(4, 50, 1001, 60_000, 50, n_classes=12)
    assert facts.axis == "another model"
    assert facts.protocol == "60,000 images, 50 epochs, 12 classes"
    assert facts.architecture is not None


@pytest.mark.parametrize("source", [{"n_qubits": 7}, {"source": "digits"}])
def test_the_whole_of_a_data_set_is_by_the_author_s_protocol(source):
    """Only this catches one QNN at its own pixels' range, or other data, that never count (13e)."""
    whole, part = load_samples(**source), load_samples(**source, images=500)
    config = RunConfig.paper(4, 100)
    assert replace(config, data=config.on(whole).data).settings.author_protocol
    assert not replace(config, data=config.on(part, 500).data).settings.author_protocol
    own = replace(config.on(whole).data, sha256="0" * 64)
    assert not replace(config, data=own).settings.author_protocol


@pytest.mark.parametrize(
    ("sizes", "whole"),
    [
        ({"n_qubits": 14}, True),
        ({}, False),
        ({"n_qubits": 5, "image_side": 8}, False),
        ({"n_qubits": 8, "image_side": 8}, True),
        ({"n_qubits": 7, "ansatz": named_circuit("interleaved", "z", 7, 3, 14).to_json()}, True),
        ({"n_qubits": 8, "ansatz": named_circuit("interleaved", "z", 8, 3, 4).to_json()}, False),
        ({"factory": Factory("a:b"), "patch_side": 14}, True),
        ({"factory": Factory("a:b"), "patch_side": 7}, False),
    ],
)
def test_which_patch_is_the_whole_image(sizes, whole):
    """Only this catches one of 5 x 5 of 8 x 8 pixels for one QNN, or 14 qubits for none (13e)."""
    assert ModelConfig(1, 3, **sizes).reads_whole_image == whole


def test_every_stage_says_where_and_how_long(record):
    assert tuple(record.stages) == STAGES
    for stage in record.stages.values():
        assert stage["seconds"] > 0
        assert stage["environment"]["versions"]["torch"]
    assert not list(record.path.parent.glob("*.work"))


def numbers(record: TrainedModel) -> dict:
    """Everything but times and places."""
    content = json.loads(record.path.read_text())

    def without_times(entry):
        if isinstance(entry, dict):
            left_out = {"seconds", "stages", "sha256", "replayed"}
            return {k: without_times(v) for k, v in entry.items() if k not in left_out}
        return [without_times(e) for e in entry] if isinstance(entry, list) else entry

    return without_times(content)


def test_an_analysis_in_parts_is_the_whole(run, record, tmp_path):
    """Stages in another order and one at a time: only this catches one that needs another's."""
    for stage in reversed(STAGES):
        found = execute_analysis(run, SAMPLES, tmp_path, OPTIONS, stages=(stage,))
        assert {"evaluation", stage} <= found.stages.keys()
    assert numbers(found) == numbers(record)


def test_a_killed_analysis_resumes_to_the_same_numbers(run, record, tmp_path):
    """SIGKILL in the middle of a stage, after others: its products are not lost or changed."""
    command = ("-m", "tests.verification.analysis_cases", run.path, tmp_path)
    path, work = tmp_path / record.path.name, tmp_path / f"{record.run.id}.work"
    kill_when((work / "G-40").exists, *command)  # a folder of products: H is done, G under way
    assert 0 < len(read_model(path).stages) < len(STAGES)
    resumed = execute_analysis(run, SAMPLES, tmp_path, OPTIONS)
    # nothing else is left to do, so the products are gone
    assert not work.exists()
    assert set(STAGES) - set(resumed.stages) == set(ON_REQUEST)
    whole = numbers(record)
    del whole["spectra_along_training"]
    assert numbers(resumed) == whole


def test_a_stage_left_aside_keeps_its_products_and_their_origin(run, record, tmp_path):
    """Nor does the mark forget the sessions, and their threads, in which the products were made.

    Only this catches products of hours that are thrown away by a call for other stages.
    """
    content, asked = ANALYSIS.read(record.path), ("spectra along training",)
    key = "spectra_along_training"
    for part, name in ((content["stages"], "traces"), (content["stages"], *asked), (content, key)):
        del part[name]
    ANALYSIS.write(tmp_path / record.path.name, content)
    work = tmp_path / f"{record.run.id}.work"

    def analyse_it(**options: object) -> TrainedModel:
        return execute_analysis(run, SAMPLES, tmp_path, OPTIONS, **options)

    for stages, stop in ((asked, StopAt("  H after 0")), (("traces",), StopAt(done=80))):
        with pytest.raises(Stop):
            analyse_it(stages=stages, progress=stop, threads=1)
    traced = analyse_it(threads=2).stages["traces"]
    assert [e["threads"] for e in (*traced["begun_in"], traced["environment"])] == [1, 2]
    assert (work / "H-spectrum-after-0").exists()
    found = analyse_it(stages=asked, threads=1)
    assert "begun_in" not in found.stages[asked[0]]
    assert numbers(found)[key] == numbers(record)[key]
    assert not work.exists()


def test_a_finished_analysis_is_not_repeated(run, record):
    before = record.path.read_bytes()
    again = execute_analysis(run, SAMPLES, record.path.parent, OPTIONS)
    assert again.path.read_bytes() == before


def test_products_go_while_they_are_held(run, record, monkeypatch):
    """Only this catches a lock that is deleted under the process that has just taken it."""
    seen, remove = [], shutil.rmtree

    def watched(path: Path, **how: bool) -> None:
        seen.append(is_held(path))
        remove(path, **how)

    monkeypatch.setattr(shutil, "rmtree", watched)
    execute_analysis(run, SAMPLES, record.path.parent, OPTIONS)
    assert seen == [True]
    assert not list(record.path.parent.glob("*.work"))


def test_a_record_of_another_analysis_is_refused_and_left_alone(run, record, tmp_path):
    path = tmp_path / record.path.name
    path.write_bytes(record.path.read_bytes())
    with pytest.raises(ValueError, match=r"options\.subset = 20, now 30"):
        execute_analysis(run, SAMPLES, tmp_path, replace(OPTIONS, subset=30))
    assert path.read_bytes() == record.path.read_bytes()


def test_the_alignment_takes_the_recorded_top_of_g(run, record, tmp_path):
    """Another release's products are refused, so a solve of its own would end the stage here."""
    found = execute_analysis(run, SAMPLES, tmp_path, OPTIONS, stages=("gauss-newton",))
    work = tmp_path / f"{found.run.id}.work"
    logs = list(work.glob("G-over-the-angles-*/products.json"))
    assert len(logs) == 2  # on the subset and over all images
    for log in logs:
        log.write_text("{}")
    again = execute_analysis(run, SAMPLES, tmp_path, OPTIONS, stages=("gauss-newton blocks",))
    assert again.alignment == record.alignment
    angles, *blocks = (
        again.eigenvalues[name][0].value
        for name in ("G over the angles", *(f"G_{p}{p}" for p in range(4)))
    )
    assert again.alignment.value == pytest.approx(angles / sum(blocks))


def test_options_bind_only_the_stages_that_used_them(run, tmp_path):
    """A density with fewer probes must not cost the eigenvalues that are on record already."""
    execute_analysis(run, SAMPLES, tmp_path, OPTIONS, stages=("hessian",))
    fewer = replace(OPTIONS, density_probes=2)
    found = execute_analysis(run, SAMPLES, tmp_path, fewer, stages=("density",))
    assert json.loads(found.path.read_text())["options"]["density_probes"] == 2
    before = found.path.read_bytes()
    with pytest.raises(ValueError, match=r"options\.density_probes = 2, now 4"):
        execute_analysis(run, SAMPLES, tmp_path, OPTIONS)
    assert found.path.read_bytes() == before


def test_more_moments_join_those_on_record(run, record, tmp_path):
    """Also after another stage was done in between, when the record has fewer than it asks for.

    Only this catches a record that calls itself done with moments missing, measures the old ones
    again, or lets the new ones have another tolerance.
    """
    path = tmp_path / record.path.name
    first = execute_analysis(run, SAMPLES, tmp_path, OPTIONS, stages=("along training",))
    more = replace(OPTIONS, epochs=(0, 1, 2, 4, 99))
    between = execute_analysis(run, SAMPLES, tmp_path, more, stages=("trajectory",))
    assert between.along_training == first.along_training
    assert between.stages["along training"]["incomplete"]
    before = path.read_bytes()
    for other in (replace(more, epochs=(0, 1, 2)), replace(more, coarse_tol=1e-3)):
        with pytest.raises(ValueError, match="expected the record of this analysis"):
            execute_analysis(run, SAMPLES, tmp_path, other)
    assert path.read_bytes() == before
    found = execute_analysis(run, SAMPLES, tmp_path, stages=("along training",))
    moments = {moment.epoch: moment for moment in found.along_training}
    assert list(moments) == sorted({0, 1, 2, 4, run.minimum_epoch})
    assert all(
        moments[moment.epoch] == moment for moment in first.along_training
    )  # its seconds too
    fresh = execute_analysis(run, SAMPLES, tmp_path / "fresh", more, stages=("along training",))
    for moment in fresh.along_training:
        for name, value in moment.top.items():
            assert moments[moment.epoch].top[name].value == value.value
    mark = found.stages["along training"]
    assert mark["earlier"] == [first.stages["along training"]]
    assert "incomplete" not in mark
    assert len(found.environments) == len(found.stages) + 1
    with pytest.raises(ValueError, match="to measure more moments, name these too"):
        execute_analysis(run, SAMPLES, tmp_path, replace(OPTIONS, epochs=(1, 2)))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: text[: len(text) // 2], "expected a whole JSON file"),
        (lambda text: text.replace('"n_patches": 4', '"n_patches": 9'), "checksum mismatch"),
        (
            lambda text: text.replace("patchlaw analysis", "something else"),
            "expected a file of kind",
        ),
    ],
)
def test_a_damaged_record_is_refused_and_left_alone(run, record, tmp_path, damage, message):
    path = tmp_path / record.path.name
    path.write_text(damage(record.path.read_text()))
    before = path.read_bytes()
    with pytest.raises(ValueError, match=message):
        execute_analysis(run, SAMPLES, tmp_path, OPTIONS)
    with pytest.raises(ValueError, match=message):
        read_model(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda content: content.pop("reproduce"), "no 'reproduce'"),
        (lambda content: content["run"].pop("depth"), "object missing required field `depth`"),
        (lambda content: content["minimum"]["train"].update(loss="x"), "expected `float | null`"),
        (lambda content: content.update(eigenvalues=[1.0]), "expected `object`, got `array`"),
    ],
)
def test_a_record_of_other_sections_is_refused_in_spite_of_its_checksum(
    record, tmp_path, change, found
):
    content = json.loads(record.path.read_text())
    del content["sha256"]
    change(content)
    path = tmp_path / record.path.name
    path.write_text(json.dumps(content | {"sha256": digest(content)}))
    message = rf"expected the sections of 'patchlaw analysis': {found}.*analyse the run again"
    with pytest.raises(RecordError, match=message):
        read_model(path)


def test_a_run_of_one_epoch_has_no_trajectory(tmp_path):
    """Two points span no plane: the stage is done, and there is nothing to say."""
    short = toy_run(tmp_path / "runs", epochs=1)
    found = execute_analysis(short, SAMPLES, tmp_path, OPTIONS, stages=("trajectory",))
    assert found.trajectory is None
    assert "trajectory" in found.stages


def test_refusals_at_the_door(run, tmp_path):
    from tests.verification.run_cases import toy_samples

    with pytest.raises(ValueError, match="samples: expected digest"):
        execute_analysis(run, toy_samples(1), tmp_path, OPTIONS)
    with pytest.raises(ValueError, match="stage: expected one of evaluation"):
        execute_analysis(run, SAMPLES, tmp_path, OPTIONS, stages=("spectrum",))
    with pytest.raises(ValueError, match="memory_budget"):
        execute_analysis(run, SAMPLES, tmp_path, OPTIONS, memory_budget=-1)
    for name, value in (
        ("n_top", 0),
        ("tol", 0.0),
        ("coarse_tol", float("nan")),
        ("subset", 5),
        ("epochs", (-1, 0)),
        ("epochs", (5, 0)),
    ):
        with pytest.raises(ValueError, match=name):
            AnalysisOptions(**{**asdict(OPTIONS), name: value})
    assert not list(tmp_path.iterdir())


def test_a_run_held_by_another_analysis_is_refused(run, tmp_path):
    work = tmp_path / f"{run.config.run_id}.work"
    work.mkdir()
    with held(work), pytest.raises(InUseError, match="held by process"):
        execute_analysis(run, SAMPLES, tmp_path, OPTIONS)


def test_without_a_subset_both_levels_are_one(run, tmp_path):
    found = execute_analysis(
        run, SAMPLES, tmp_path, replace(OPTIONS, subset=40), stages=("hessian",)
    )
    assert found.subset.n_samples == 40
    assert_holds(found.subset.top, top(dense(run, "hessian"), 5))


def test_ctrl_c_exits_130_and_leaves_the_other_runs(run, tmp_path, monkeypatch):
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("patchlaw.verification.analysis.analysis_job.execute_analysis", interrupted)
    done = CliRunner().invoke(analyse, [str(run.path), str(run.path), "--out", str(tmp_path)])
    assert done.exit_code == 130
    assert done.output == "Interrupted; the same command goes on where it was\n"


_counts = st.integers(2, 9)


@settings(deadline=None)
@given(
    st.builds(
        AnalysisOptions,
        n_top=st.integers(1, 9),
        n_top_subset=st.integers(9, 40),
        n_bottom=_counts,
        tol=st.floats(1e-12, 1),
        coarse_tol=st.floats(1e-12, 1),
        subset=st.integers(10, 60_000),
        subset_seed=_counts,
        seed=_counts,
        epochs=st.sets(st.integers(0, 50), min_size=1).map(lambda drawn: tuple(sorted(drawn))),
        density_probes=_counts,
        density_steps=_counts,
        trace_probes=_counts,
    )
)
def test_a_records_command_gives_its_options(options):
    """An option that the printed command lacks or names wrongly would give other numbers."""
    words = command_of("", options).split()
    given_words = analyse.make_context("analyse", [".", *words]).params
    names = {field.name for field in fields(AnalysisOptions)}
    asked = {n: v for n, v in given_words.items() if n in names and v not in (None, ())}
    assert AnalysisOptions().changed(**asked) == options
    assert typed(json.loads(json.dumps(plain(options))), AnalysisOptions) == options


def test_the_command(tmp_path):
    """On images of MNIST's size, from the package; and what it says of bad input."""
    request = RunRequest(1, 1, qubits=5, epochs=2, images=100, batch_size=50)
    samples = load_samples(None, 100, n_qubits=5)
    run = execute_run(tmp_path, request.config(samples), samples, threads=1)
    out = tmp_path / "analyses"
    arguments = [str(run.path), "--out", str(out), "--subset", "50", "--top", "2", "--tol", "0.1"]
    done = CliRunner().invoke(
        analyse, [*arguments, "--stage", "hessian outliers", "--stage", "trajectory"]
    )
    assert done.exit_code == 0, done.output
    assert "H, 100 images:" in done.output
    (record,) = read_analyses(out)
    assert len(record.eigenvalues["H"]) == 2
    assert record.minimum.test.n_samples == 10_000
    moments = ["--stage", "along training", "--epoch", "1", "--epoch", "0", "--epoch", "1"]
    assert CliRunner().invoke(analyse, [*arguments, *moments]).exit_code == 0
    (record,) = read_analyses(out)
    assert {m.epoch for m in record.along_training} == {0, 1, record.minimum.epoch}
    listed = CliRunner().invoke(analyse, [str(run.path), "--list"])
    assert listed.output.split("\n")[:3] == list(STAGES[:3])
    # Options of the record hold where none is given, so a later stage does not name them again.
    later = CliRunner().invoke(analyse, [*arguments[:3], "--stage", "bias blocks"])
    assert later.exit_code == 0, later.output
    (record,) = read_analyses(out)
    assert record.eigenvalues["G over the bias"][0].tol == 0.1
    assert record.reproduce == (
        f"patchlaw analyse runs/{run.path.name} --top 2 --tol 0.1 --subset 50 --epoch 0 --epoch 1"
    )
    other = CliRunner().invoke(analyse, [*arguments[:3], "--subset", "60"])
    assert other.exit_code == 1
    assert "options.subset = 50, now 60" in other.output
    fewer = CliRunner().invoke(analyse, [*arguments, "--subset-top", "1"])  # than --top 2
    assert fewer.exit_code == 2
    assert "n_top_subset: expected an integer >= 2, got 1" in fewer.output
    wrong = CliRunner().invoke(analyse, [*arguments, "--stage", "spectrum"])
    assert wrong.exit_code == 2
    assert "expected one of evaluation" in wrong.output
    no_run = CliRunner().invoke(analyse, [str(tmp_path)])
    assert no_run.exit_code == 1
    assert "expected the folder of a run" in no_run.output
