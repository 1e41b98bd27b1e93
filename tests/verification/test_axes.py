"""Every part of model, loss and data as an axis: alpha, c, bias, sharing, circuit, data."""

import copy
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from patchlaw.commands.options import DATASETS
from patchlaw.commands.sweep import sweep
from patchlaw.commands.train import train
from patchlaw.paper_figures.records import ANALYSES
from patchlaw.paper_figures.study import Study
from patchlaw.simulators import Ansatz, DistributedQNN, load_mnist
from patchlaw.simulators.autograd_engine import AutogradEngine
from patchlaw.simulators.circuit_plan import why_not
from patchlaw.simulators.datasets import OTHER_DATASETS
from patchlaw.simulators.engine_choice import make_engine, training_engine
from patchlaw.simulators.named_circuits import CIRCUITS, OBSERVABLES, named_circuit, names_of
from patchlaw.simulators.output_losses import LOSSES
from patchlaw.simulators.qiskit_circuit import qnn_outputs
from patchlaw.simulators.torch_engine.training_pass import TrainingPass
from patchlaw.verification.analysis.analysis_job import execute_analysis
from patchlaw.verification.analysis.options import AnalysisOptions
from patchlaw.verification.comparison import compare_models
from patchlaw.verification.kernels.commutator import CommutatorKernel
from patchlaw.verification.kernels.of_model import tangent_kernel_of
from patchlaw.verification.operators import CurvatureProblem
from patchlaw.verification.records import RunFacts, SampleMeans, read_analyses
from patchlaw.verification.runs import ModelConfig, Run, RunConfig, RunRequest, load_samples
from patchlaw.verification.runs.plan import read_plan
from patchlaw.verification.runs.request import IMAGE_SIDES
from patchlaw.verification.solvers.dense import jacobian_chunks
from patchlaw.verification.training import Objective
from tests.simulators.plain_derivatives import reference_logits
from tests.strategies import examples, image_batches, patch_grids, real_arrays

PLANS = Path(__file__).parents[2] / "paper_figures" / "plans"
KINDS = ("hessian", "gauss_newton", "residual")
losses = st.sampled_from(sorted(LOSSES))


@st.composite
def models(
    draw: st.DrawFn,
    sizes: tuple[int, ...] = (4, 5),
    circuits: tuple[str, ...] = ("paper", "interleaved"),
) -> tuple[DistributedQNN, np.ndarray]:
    """A model with drawn axes and parameters, float64, and two or three images."""
    n = draw(st.sampled_from(sizes))
    name = draw(st.sampled_from(circuits)) if n < 6 else "paper"
    ansatz = named_circuit(name, draw(st.sampled_from(sorted(OBSERVABLES))), n, 1, n)
    grid = draw(patch_grids(st.just(n), max_patches_per_side=2, max_stride=2))
    model = DistributedQNN(
        n_patches=grid.n_patches,
        ansatz=ansatz,
        image_side=grid.image_side,
        n_classes=draw(st.integers(2, 4)),
        scale=draw(st.floats(0.5, 20)),
        aggregation_exponent=draw(st.sampled_from([0.0, 0.5, 1.0])),
        seed=draw(st.integers(0, 10**6)),
        dtype=torch.float64,
        bias=draw(st.booleans()),
        shared_angles=draw(st.booleans()),
        noise=draw(st.sampled_from([0.0, 0.001, 0.02])),
    )
    if model.replication.pixel_bias:
        bias = draw(st.floats(-1, 1)) * torch.linspace(-1, 1, grid.image_side**2)
        with torch.no_grad():
            model.pixel_bias += bias.reshape(model.pixel_bias.shape)
    return model, draw(image_batches(grid.image_side, st.integers(2, 3)))


def rebuilt(model: DistributedQNN, **changes: object) -> DistributedQNN:
    """A model of the same sizes but for some, its parameters not carried over."""
    sizes = {
        "n_patches": model.n_patches,
        "image_side": model.grid.image_side,
        "n_classes": model.n_classes,
        "scale": model.scale,
        "aggregation_exponent": model.aggregation_exponent,
        "dtype": torch.float64,
        "ansatz": model.ansatz,
        "bias": model.replication.pixel_bias,
        "shared_angles": model.shared_angles,
        "noise": model.noise,
    }
    return DistributedQNN(**(sizes | changes))


def untied(model: DistributedQNN) -> tuple[DistributedQNN, np.ndarray]:
    """The same function with angles of every patch and a bias, and E by finite differences.

    E is read off how the circuits' parameters follow the model's, not from ``Replication``.
    """
    twin = rebuilt(model, bias=True, shared_angles=False)

    def read() -> torch.Tensor:
        bias = model.pixel_bias.detach().flatten()
        return torch.cat([model.circuit_angles.detach().flatten(), bias]).clone()

    here, start = read(), model.flat_parameters()
    columns = []
    for i in range(model.n_parameters):
        moved = start.clone()
        moved[i] += 1.0
        model.load_flat_parameters(moved)
        columns.append(read() - here)
    model.load_flat_parameters(start)
    twin.load_flat_parameters(here)
    return twin, torch.stack(columns, dim=1).numpy().round(9)


LOSS_BY_HAND = {
    "cross_entropy": torch.nn.functional.cross_entropy,
    "squared_error": lambda z, y: (z - torch.eye(z.shape[1])[y]).square().sum(dim=1).mean() / 2,
}


def autograd_product(
    model: DistributedQNN, images: np.ndarray, labels: torch.Tensor, vector: torch.Tensor, loss: str
) -> torch.Tensor:
    """H v, double backward of the model's own forward by torch operations."""
    parameters = list(model.parameters())
    loss = LOSS_BY_HAND[loss](model.autograd_logits(torch.from_numpy(images)), labels)
    gradient = torch.cat(
        [g.flatten() for g in torch.autograd.grad(loss, parameters, create_graph=True)]
    )
    return torch.cat([h.flatten() for h in torch.autograd.grad(gradient @ vector, parameters)])


@examples(4)
@given(models((4, 4, 5, 6, 8)), losses, st.data())
def test_curvature_of_a_model_that_shares_is_that_of_its_circuits_between_replications(
    case, loss, data
):
    """H = E^T H' E, likewise G, R and the gradient, on both engines; H = G + R, symmetric.

    Only this would catch an E whose transpose leaves a patch out, or a bias that still counts.
    """
    model, images = case
    labels = torch.arange(len(images)) % model.n_classes
    twin, e = untied(model)
    pixels, size = torch.from_numpy(images), model.n_parameters
    assert size == model.replication.n_angles * len(model.angles) + (
        images[0].size if model.replication.pixel_bias else 0
    )
    phases = data.draw(real_arrays(2, 3.0))
    vectors = np.cos(np.outer(np.arange(size), phases) + phases)
    expected = make_engine(twin, loss=LOSSES[loss]).curvature(pixels, labels)
    for name in ("fast", "torch"):
        found = make_engine(model, name=name, loss=LOSSES[loss]).curvature(pixels, labels)
        large = np.abs(expected.gradient).max() + 1
        np.testing.assert_allclose(found.gradient, e.T @ expected.gradient, atol=1e-9 * large)
        products = {kind: found.product(kind, vectors) for kind in KINDS}
        for kind in KINDS:
            wanted = e.T @ expected.product(kind, e @ vectors)
            bound = 1e-9 * (np.abs(wanted).max() + 1)
            np.testing.assert_allclose(products[kind], wanted, atol=bound)
            form = vectors.T @ products[kind]
            np.testing.assert_allclose(form, form.T, atol=1e-8 * (np.abs(form).max() + 1))
        total = products["gauss_newton"] + products["residual"]
        bound = 1e-9 * (np.abs(total).max() + 1)
        np.testing.assert_allclose(products["hessian"], total, atol=bound)


@pytest.mark.parametrize("circuit", tuple(CIRCUITS))
@examples(3)
@given(st.data(), losses)
def test_hessian_and_module_of_a_model_that_shares_against_autograd(circuit, data, loss):
    """E^T H E is the Hessian of the shared model itself, differentiated twice by torch.

    Only this would catch an engine and a twin that are wrong in the same way, or a loss of one
    factor in H and another in its own value.
    """
    model, images = data.draw(models((4, 4, 6), (circuit,)))
    pixels, labels = torch.from_numpy(images), torch.arange(len(images)) % model.n_classes
    vector = torch.linspace(-1, 1, model.n_parameters, dtype=torch.float64)
    wanted = autograd_product(model, images, labels, vector, loss)
    problem = CurvatureProblem(model, pixels, labels, loss=loss)
    ours = why_not(model.ansatz) is None
    assert problem.backend.name == ("fast" if ours else "autodiff")
    bound = 1e-8 * (wanted.abs().max().item() + 1)
    found = problem.hessian @ vector.numpy()
    np.testing.assert_allclose(found, wanted.numpy(), atol=bound)
    split = problem.gauss_newton @ vector.numpy() + problem.residual @ vector.numpy()
    np.testing.assert_allclose(split, found, atol=bound)
    value, _ = training_engine(model, loss).loss_and_gradient(pixels, labels)
    at = Objective(model, loss).evaluate(pixels, labels)
    by_hand = LOSS_BY_HAND[loss](model.autograd_logits(pixels), labels).item()
    assert (value, at.loss) == pytest.approx((by_hand, by_hand))

    z = model(pixels)
    torch.testing.assert_close(z, model.autograd_logits(pixels))
    parameters = list(model.parameters())
    own = torch.autograd.grad(z.square().sum(), parameters)
    reference = torch.autograd.grad(model.autograd_logits(pixels).square().sum(), parameters)
    torch.testing.assert_close(own, reference)
    if not ours:
        return
    (chunk,) = jacobian_chunks(model, pixels)
    slope = np.einsum("mk,mkd->d", 2 * z.detach().numpy(), chunk.jacobian)
    flat = torch.cat([part.flatten() for part in own]).numpy()
    np.testing.assert_allclose(slope, flat, atol=1e-9 * (np.abs(flat).max() + 1))


@examples(6)
@given(models(), st.sampled_from([0.0, 0.5, 1.0]))
def test_g_of_repeated_images_carries_the_square_of_s_at_every_alpha(case, alpha):
    """With S = 1 (squared error to labels) elements of G carry P^(-2 alpha) of those at alpha = 0.

    Only this would catch an exponent that reaches the logits but not the products.
    """
    model, images = case
    pixels, target = torch.from_numpy(images), torch.arange(len(images)) % model.n_classes
    vector = np.linspace(-1, 1, model.n_parameters)
    products = []
    for exponent in (alpha, 0.0):
        model.aggregation_exponent = exponent
        problem = CurvatureProblem(model, pixels, target, loss="squared_error")
        products.append(problem.gauss_newton @ vector)
    wanted = products[1] * model.n_patches ** (-2 * alpha)
    np.testing.assert_allclose(products[0], wanted, atol=1e-10 * (np.abs(wanted).max() + 1))


def test_shared_angles_have_no_block_of_a_patch() -> None:
    model = DistributedQNN(4, 1, n_qubits=4, image_side=5, n_classes=2, shared_angles=True)
    assert model.layout.n_patches == 1
    assert len(model.layout.own) == model.ansatz.n_angles
    with pytest.raises(ValueError, match="angles of their own"):
        model.patch_block(0)


def test_a_patch_of_any_side_is_the_papers_circuit_with_more_features_a_qubit() -> None:
    """At side = n it is the paper's to the block; one large QNN reads a whole image of 14 x 14."""
    assert Ansatz.for_patch(5, 3, 5) == Ansatz(5, 3)
    large = Ansatz.for_patch(7, 2, 14)
    assert (large.n_features, large.n_angles) == (196, 3 * 2 * 7 * 2 + 2 * 196)
    with pytest.raises(ValueError, match="multiple of 8 qubits"):
        Ansatz.for_patch(8, 2, 7)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"qubits": 4}, "qubits: expected at least 5, as 10 classes"),
        ({"patch_side": 7}, "patch_side: expected side x side pixels to be a multiple of 8"),
        ({"patches": 16, "data": "digits"}, "n_patches: expected one of"),
        ({"data": "cifar"}, "data: expected one of mnist, fashion-mnist, digits, got 'cifar'"),
        ({"alpha": -1}, "alpha: expected a number from 0 to 2"),
        ({"scale": 0}, "scale: expected a number from 0"),
        ({"bias": 1}, "bias: expected true or false"),
        ({"observables": "z"}, "qubits: expected at least 10, as 10 classes read Z each, got 8"),
        ({"observables": "zz", "qubits": 4, "data": "digits"}, "expected at least 5, .* read ZZ"),
        ({"ansatz": "ry-cz", "patch_side": 7}, "patch_side: expected .* multiple of 8 qubits, two"),
        ({"ansatz": "interleaved", "patch_side": 3}, "multiple of 8 qubits, one a qubit"),
        ({"ansatz": "ours"}, "ansatz: expected one of paper, interleaved, ry-cz, got 'ours'"),
        ({"loss": "hinge"}, "loss: expected one of cross_entropy, squared_error, got 'hinge'"),
        ({"noise": -0.1}, "noise: expected a number from 0"),
        ({"noise": 1}, "noise: expected p from 0 to below 1 that leaves something"),
        ({"noise": 0.9, "depth": 200}, r"the logits carry \(1 - p\)\^14600"),
    ],
)
def test_what_does_not_fit_together_is_refused_with_the_reason(change, message):
    with pytest.raises((ValueError, TypeError), match=message):
        RunRequest(**({"patches": 4, "depth": 1} | change))


def test_defaults_leave_names_and_hashes_as_they_were() -> None:
    """A field written at its default would give every run on disk another hash."""
    paper = RunConfig.paper(4, 50)
    assert paper.sha256.startswith("4b7ac36b")
    samples = load_samples(None, 100)
    assert RunRequest(4, 50, images=100).config(samples).to_json()["data"].keys() == {
        "sha256", "images", "subset_seed",
    }  # fmt: skip
    changed = RunRequest(4, 50, images=100, alpha=0.5, bias=False, shared_angles=True, noise=0.01)
    config = changed.config(samples)
    assert config.run_id != RunRequest(4, 50, images=100).config(samples).run_id
    assert RunConfig.from_json(config.to_json()) == config


def test_data_by_name() -> None:
    """Shapes, ranges and classes; another range for another number of qubits."""
    fashion, digits = load_samples("fashion-mnist"), load_samples("digits", n_qubits=5)
    assert fashion.train_images.shape == (6000, 14, 14)
    assert fashion.train_labels.bincount().tolist() == [600] * 10
    assert fashion.test_labels.bincount().tolist() == [100] * 10
    assert digits.train_images.shape == (1500, 8, 8)
    assert digits.test_labels.bincount().min() >= 27
    assert fashion.train_images.max() == load_mnist().train_images.max()
    assert digits.train_images.max().item() == pytest.approx(2 * np.pi / 5)
    assert (fashion.dataset, digits.dataset, digits.n_qubits) == ("fashion-mnist", "digits", 5)


def test_a_configuration_loads_the_part_of_the_images_that_it_names() -> None:
    """Only this catches a draw with another seed, on record as that of seed 0."""
    samples = load_samples("digits", 100, subset_seed=5)
    config = RunConfig.paper(4, 1).on(samples, 100)
    assert config.data.load().sha256 == config.data.sha256
    assert load_samples("digits", 100).sha256 != samples.sha256


@pytest.mark.parametrize("name", ["alpha", "bias", "sharing", "data", "one_qnn", "noise"])
def test_a_plan_of_an_axis_is_listed_with_what_it_changes(name):
    result = CliRunner().invoke(sweep, [str(PLANS / f"{name}.toml"), "--list"])
    assert result.exit_code == 0, result.output
    for request in read_plan(PLANS / f"{name}.toml"):
        assert f"P={request.patches} d={request.depth} seed={request.seed} {request.changes}" in (
            result.output
        )


def test_a_run_on_the_axes_trains_resumes_and_is_analysed(tmp_path: Path) -> None:
    """Everything another than the paper's, from the command line to the record's facts."""
    words = "--patches 4 --depth 1 --qubits 5 --images 30 --batch-size 15 --data digits"
    words += " --bias false --shared-angles true --alpha 0.5 --scale 50 --loss squared_error"
    words += " --ansatz interleaved --observables zz --noise 0.001"
    words += f" --out {tmp_path}"
    for epochs in ("1", "2"):
        result = CliRunner().invoke(train, [*words.split(), "--epochs", epochs])
        assert result.exit_code == 0, result.output
    (folder,) = tmp_path.iterdir()
    run = Run.open(folder)
    assert run.parameters(2).shape == (2 * 5 * (6 + 5),)
    images, labels = run.config.data.load().train_images, run.config.data.load().train_labels
    by_hand = LOSS_BY_HAND["squared_error"](run.model(2)(images).double(), labels)
    assert run.history[2].train.loss == pytest.approx(by_hand.item(), rel=1e-5)
    assert run.history[2].train.mean_softmax_trace == 10
    options = AnalysisOptions().changed(n_top=1, n_top_subset=2, subset=30)
    samples = run.config.data.load()
    names = ("hessian", "gauss-newton", "gauss-newton blocks", "bias blocks", "bounds")
    record = execute_analysis(run, samples, tmp_path / "records", options, stages=names)
    facts = record.run
    assert facts.protocol == (
        "30 images, 2 epochs, other settings, interleaved circuit, zz observables, 5 qubits, "
        "alpha = 0.5, c = 50, no pixel bias, shared angles, noise 0.001 a gate, "
        "loss squared_error, digits"
    )
    assert facts.architecture is None
    (top,) = np.linalg.eigvalsh(
        CurvatureProblem(
            run.model(run.minimum_epoch), images, labels, loss="squared_error"
        ).gauss_newton
        @ np.eye(110)
    )[-1:]
    assert record.top("G").value == pytest.approx(top, rel=1e-3)
    assert record.bounds.lower <= top * (1 + 1e-6)
    assert record.bias_share == 0
    assert record.blocks("G") == ()
    assert record.top("G over the angles").value == pytest.approx(record.top("G").value, rel=1e-3)
    (read,) = read_analyses(tmp_path / "records")
    assert read.run == facts
    other = replace(read, run=replace(facts, n_patches=16, id=facts.id.replace("P4", "P16")))
    rows = compare_models([read, other])
    assert rows
    assert all("share their angles" in row.reason and row.predicted is None for row in rows)


def test_laws_of_the_softmax_refuse_the_squared_error() -> None:
    """Only this catches L2/L1 or <tr S>, which is C, taken into a law of another loss."""
    models = read_analyses(PLANS.parent / "results" / "analyses")
    model = next(m for m in models if m.top("R") and m.run.n_patches == 4 and m.run.same_but_for())
    train = SampleMeans(loss=0.4, mean_softmax_trace=10.0)
    first = replace(model, run=replace(model.run, loss="squared_error"))
    first = replace(first, minimum=replace(model.minimum, train=train))
    second = replace(first, run=replace(first.run, n_patches=9))
    rows = {(r.law, r.matrix): r for r in compare_models([first, second])}
    taken = {law for law, _ in rows if "S = 1 does not change" in (rows[law, _].reason or "")}
    assert taken == {"aligned_loss", "aligned_curvature", "level_off_loss", "residual_loss"}
    assert all(rows[key].predicted is None for key in rows if key[0] in taken)
    assert rows["aligned", "G"].predicted == pytest.approx(4 / 9)


def test_a_circuit_by_name_is_known_by_its_name_from_its_json() -> None:
    """Only this catches one circuit's words for another's, or sides of patches as one."""
    for name, observables in product(CIRCUITS, OBSERVABLES):
        circuit = named_circuit(name, observables, 5, 2, 5)
        config = ModelConfig(4, 2, n_qubits=5, n_classes=2, ansatz=circuit.to_json())
        words = f"{name} circuit, {observables} observables"
        assert config.family == ""
        assert config.circuit == ("" if words == "paper circuit, paper observables" else words)
        assert circuit.n_features == 25
    counts = {"paper": 6 * 2 * 5 + 2 * 25, "interleaved": 4 * 5 * 6 + 50, "ry-cz": 6 * 5 + 25}
    assert {name: named_circuit(name, "z", 5, 2, 5).n_angles for name in CIRCUITS} == counts
    assert OBSERVABLES["zz"](4) == ("Z0 Z1", "Z1 Z2", "Z2 Z3", "Z0 Z3", "Z0 Z2", "Z1 Z3")
    large = named_circuit("ry-cz", "zz", 7, 1, 14)
    assert names_of(large, 1) == "ry-cz circuit on 14 x 14 pixels, zz observables"
    assert names_of(large, 2) == "" == names_of(Ansatz.for_patch(7, 2, 14), 2)


def test_without_a_bias_levelling_off_has_b_0() -> None:
    """The law that levels off is then the aligned one: its b, from no bias, is zero exactly."""
    models = read_analyses(PLANS.parent / "results" / "analyses")
    model = next(m for m in models if m.top("G over the bias") and m.run.n_patches == 4)
    bare = {name: v for name, v in model.eigenvalues.items() if "bias" not in name}
    first = replace(model, eigenvalues=bare, run=replace(model.run, pixel_bias=False))
    second = replace(first, run=replace(first.run, n_patches=9))
    rows = {r.law: r for r in compare_models([first, second]) if r.matrix == "G"}
    assert rows["level_off"].inputs["bias_part"] == 0
    assert rows["level_off"].predicted == pytest.approx(4 / 9)
    assert rows["level_off"].predicted == rows["aligned"].predicted


@examples(4)
@given(models(), losses, st.integers(0, 2**31))
def test_replicas_on_a_device_collect_as_one_model_does(case, loss, seed):
    """The pass that trains several models at once; only it has a row of gradients a model."""
    model, images = case
    pixels, labels = torch.from_numpy(images), torch.arange(len(images)) % model.n_classes
    other = copy.deepcopy(model)
    noise = torch.rand(model.n_parameters, generator=torch.Generator().manual_seed(seed))
    other.load_flat_parameters(noise.double())
    index = torch.arange(len(images)).repeat(2, 1)
    together = TrainingPass([model, other], pixels, labels, loss=LOSSES[loss])
    values, gradients = together.losses_and_gradients(index)
    for each, value, gradient in zip((model, other), values, gradients, strict=True):
        wanted, slope = AutogradEngine(each, loss=LOSSES[loss]).loss_and_gradient(pixels, labels)
        assert value.item() == pytest.approx(wanted)
        bound = 1e-9 * (np.abs(slope).max() + 1)
        np.testing.assert_allclose(gradient.numpy(), slope, atol=bound)


def test_a_study_of_a_plan_keeps_models_apart():
    """Only this catches a figure that shows one alpha in the place of another."""
    study = Study.of_plan(PLANS / "alpha.toml")
    assert len(study.ids) == len(study.runs) == len(study.representatives()) == 10
    assert study.runs[1].label == "P = 4, d = 10, alpha=0.5"
    assert study.runs[0].run_id in {path.stem for path in ANALYSES.glob("*.json")}


def test_kernels_of_patches_refuse_shared_angles():
    """Only this catches a law for patches with angles of their own taken where they share them."""
    model = DistributedQNN(4, 1, n_qubits=4, image_side=5, n_classes=2, shared_angles=True)
    images = torch.zeros(2, 5, 5)
    for kernel in (partial(tangent_kernel_of, bias=True), CommutatorKernel):
        with pytest.raises(TypeError, match="angles of their own"):
            kernel(model, images)


def test_the_names_of_data_sets_are_the_same_everywhere():
    """The command line has them by heart, as it starts without torch."""
    assert DATASETS == ("mnist", *OTHER_DATASETS) == tuple(IMAGE_SIDES)


def test_sizes_of_a_run_are_its_own() -> None:
    """Only this catches a size predicted at the paper's alpha, c and n for a run at others."""
    facts = RunFacts(9, 5, 0, 100, 1, aggregation_exponent=0.5, scale=50.0, n_qubits=4)
    sizes = facts.architecture
    assert sizes is not None
    assert sizes.logit_factor == pytest.approx(50 / 3)
    assert sizes.n_angles == 9 * (6 * 5 + 8) * 4
    assert RunFacts(4, 5, 0, 100, 1, pixel_bias=False).architecture is not None
    noisy = RunFacts(9, 5, 0, 100, 1, noise=0.001).architecture
    assert noisy is not None
    assert noisy.logit_factor == pytest.approx(100 / 9 * 0.999**560)
    others = {"shared_angles": True, "family": "modules", "dataset": "digits"}
    others |= {"circuit": "ry-cz circuit, zz observables", "loss": "squared_error"}
    for change in ({name: value} for name, value in others.items()):
        assert RunFacts(4, 5, 0, 100, 1, **change).architecture is None


@examples(5)
@given(models())
def test_noise_is_the_smaller_c_in_every_engine(case):
    """Logits and products at noise p are those of c (1 - p)^m; all engines give them.

    Only this would catch an engine that takes c for s, or noise that reaches G but not R.
    """
    model, images = case
    pixels, labels = torch.from_numpy(images), torch.arange(len(images)) % model.n_classes
    left = (1 - model.noise) ** sum(1 for _ in model.ansatz.gates())
    less = rebuilt(model, scale=model.scale * left, noise=0.0)
    less.load_flat_parameters(model.flat_parameters())
    wanted = less.autograd_logits(pixels).detach().numpy()
    bound = 1e-9 * (np.abs(wanted).max() + 1)
    angles = model.circuit_angles.detach().numpy()
    features = model.patch_features(pixels).detach().numpy()
    by_qiskit = sum(
        qnn_outputs(model.ansatz, phi, x[:, 0], model.n_classes)
        for phi, x in zip(angles, features, strict=True)
    )
    by_numpy = reference_logits(model, images[0], angles)
    for found in (model.output_scale * by_qiskit, by_numpy, model(pixels)[0].detach().numpy()):
        np.testing.assert_allclose(found, wanted[0], atol=bound)
    vector = np.linspace(-1, 1, model.n_parameters)[:, None]
    expected = make_engine(less).curvature(pixels, labels)
    for name in ("fast", "torch"):
        found = make_engine(model, name=name).curvature(pixels, labels)
        for kind in KINDS:
            product = expected.product(kind, vector)
            bound = 1e-9 * (np.abs(product).max() + 1)
            np.testing.assert_allclose(found.product(kind, vector), product, atol=bound)
