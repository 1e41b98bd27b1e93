"""Ensembles of modules and own circuits: curvature by hand, runs, analyses, laws, landscapes."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from patchlaw.simulators import (
    Angle,
    Ansatz,
    DistributedQNN,
    EntanglingBlock,
    Feature,
    GateBlock,
    ParameterLayout,
    PatchModel,
)
from patchlaw.simulators.patch_model import PatchModule
from patchlaw.verification.analysis.analysis_job import execute_analysis
from patchlaw.verification.comparison import compare_models
from patchlaw.verification.landscape.landscape_job import compute_landscape
from patchlaw.verification.landscape.settings import LandscapeSettings
from patchlaw.verification.operators import CurvatureProblem, HessianOperator, RestrictedOperator
from patchlaw.verification.records import TrainedModel, read_analyses
from patchlaw.verification.runs import Factory, ModelConfig, Run, RunConfig, execute_run
from patchlaw.verification.solvers import block_spectra, dense_residual
from patchlaw.verification.training import Trainer, TrainingConfig
from tests.verification import own_modules
from tests.verification.analysis_cases import OPTIONS
from tests.verification.run_cases import toy_config, toy_samples

SAMPLES = toy_samples()
FEW = replace(
    OPTIONS, tol=1e-4, subset=40, epochs=(0,), trace_probes=8, density_probes=2, density_steps=6
)
CIRCUIT = Ansatz.from_blocks(
    2,
    (
        GateBlock(
            (
                ("RX", 0, Feature(0)),
                ("RX", 1, Feature(1)),
                ("RZ", 0, Angle(0)),
                ("RZ", 1, Angle(1)),
                ("CNOT", 0, 1),
                ("RY", 0, Feature(2)),
                ("RY", 1, Feature(3)),
                ("RZZ", 0, 1, Angle(2)),
            )
        ),
        EntanglingBlock(1),
    ),
    ("X0", "X1", "Z0", "Z0 Z1"),
)
OWN = {"image_side": 4, "n_classes": 4, "scale": 5.0, "seed": 3}
MODELS = {
    "circuit": ModelConfig.of_circuit(CIRCUIT, 4, **OWN),
    "modules": ModelConfig(
        4,
        1,
        factory=Factory.of(own_modules.mlp, inputs=4, hidden=2, outputs=4),
        shared=Factory.of(own_modules.linear, side=4, outputs=4),
        patch_side=2,
        **OWN,
    ),
    "modules that share nothing": ModelConfig(
        4,
        1,
        factory=Factory("torch.nn:Linear", {"in_features": 4, "out_features": 4}),
        patch_side=2,
        **OWN,
    ),
}


def config_of(name: str, epochs: int = 3, **changes: object) -> RunConfig:
    config = toy_config(SAMPLES, epochs)
    return replace(config, model=replace(MODELS[name], **changes))


@pytest.fixture(scope="module", params=MODELS)
def run(request, tmp_path_factory) -> Run:
    return execute_run(
        tmp_path_factory.mktemp("runs"), config_of(request.param), SAMPLES, threads=1
    )


@pytest.fixture(scope="module")
def record(run, tmp_path_factory) -> TrainedModel:
    """Every stage of the smallest model, of the others those that look at patches."""
    whole = run.config.model == MODELS["modules that share nothing"]
    stages = ("trajectory", "hessian", "gauss-newton", "gauss-newton blocks", "bias blocks")
    out = tmp_path_factory.mktemp("records")
    return execute_analysis(run, SAMPLES, out, FEW, stages=() if whole else stages)


def curvature_by_hand(model: PatchModule) -> tuple[np.ndarray, np.ndarray]:
    """H and G from double backward over named parameters, S and J written out."""
    images, labels = SAMPLES.train_images.double(), SAMPLES.train_labels
    shapes = [p.shape for p in model.parameters()]
    names = [name for name, _ in model.named_parameters()]

    def logits(flat: torch.Tensor) -> torch.Tensor:
        parts = flat.split([shape.numel() for shape in shapes])
        values = {n: p.view(s) for n, p, s in zip(names, parts, shapes, strict=True)}
        return torch.func.functional_call(model, values, (images,))

    flat = model.flat_parameters()
    jacobian = torch.autograd.functional.jacobian(logits, flat, vectorize=True)
    pi = torch.softmax(logits(flat), dim=1).detach()
    s = torch.diag_embed(pi) - pi[:, :, None] * pi[:, None, :]
    g = torch.einsum("nki,nkl,nlj->ij", jacobian, s, jacobian) / len(labels)
    h = torch.autograd.functional.hessian(
        lambda t: torch.nn.functional.cross_entropy(logits(t), labels), flat, vectorize=True
    )
    return h.numpy(), g.numpy()


@pytest.mark.parametrize("name", MODELS)
def test_operators_blocks_and_shares_against_double_backward(name: str) -> None:
    """Only this catches a block of other parameters, or one that forgets the shared logits."""
    model = replace(MODELS[name], dtype="float64").build()
    h, g = curvature_by_hand(model)
    problem = CurvatureProblem(model, SAMPLES.train_images, SAMPLES.train_labels)
    assert problem.hessian.backend_name == "autodiff"
    assert problem.hessian.caveats == ()
    layout, near = problem.layout, {"rtol": 0, "atol": 1e-10 * np.abs(h).max()}
    np.testing.assert_allclose(problem.hessian @ np.eye(len(h)), h, **near)
    np.testing.assert_allclose(problem.gauss_newton @ np.eye(len(h)), g, **near)
    for p, block in enumerate(problem.blocks(by="patch")):
        rows = np.ix_(layout.patch(p), layout.patch(p))
        size = len(layout.patch(p))
        np.testing.assert_allclose(block.hessian @ np.eye(size), h[rows], **near)
        np.testing.assert_allclose(block.gauss_newton @ np.eye(size), g[rows], **near)
        by_name = RestrictedOperator(problem.hessian, f"patch {p}")
        np.testing.assert_allclose(by_name @ np.eye(size), h[rows], **near)
    np.testing.assert_allclose(dense_residual(problem).matrix, h - g, **near)
    spectra = block_spectra(problem, tol=1e-8)
    tops = [
        np.linalg.eigvalsh(g[np.ix_(i, i)])[-1] for i in map(layout.patch, range(layout.n_patches))
    ]
    over_patches = np.linalg.eigvalsh(g[np.ix_(layout.own, layout.own)])[-1]
    assert spectra.alignment.value == pytest.approx(over_patches / sum(tops), rel=1e-6)
    vector = np.linalg.eigh(g)[1][:, -1]
    shares = [float((vector[layout.patch(p)] ** 2).sum()) for p in range(layout.n_patches)]
    np.testing.assert_allclose(spectra.shares.patches, shares, atol=1e-6)
    assert spectra.shares.bias == pytest.approx(float((vector[layout.shared] ** 2).sum()), abs=1e-6)
    assert ("G-bias" in spectra.parts) == (len(layout.shared) > 0)


class Halves(torch.nn.Module):
    """Two patches that are no grid: the image's upper and lower half, parameters interleaved."""

    def __init__(self) -> None:
        super().__init__()
        self.n_classes, self.n_patches, self.output_scale = 2, 2, 1.5
        self.weight = torch.nn.Parameter(torch.linspace(-1, 1, 32).double().reshape(2, 8, 2))
        self.offset = torch.nn.Parameter(torch.zeros(2, dtype=torch.float64))

    n_parameters = property(lambda self: 34)
    layout = property(
        lambda self: ParameterLayout.of(self.named_parameters(), ("weight[0]", "weight[1]"))
    )

    def check_images(self, images: torch.Tensor) -> torch.Tensor:
        """In double precision."""
        return images.double()

    def terms(self, images: torch.Tensor) -> list[torch.Tensor]:
        """s f_p of both halves."""
        halves = self.check_images(images).reshape(-1, 2, 8)
        return [1.5 * torch.sin(halves[:, p] @ self.weight[p]) for p in (0, 1)]

    def autograd_logits(self, images: torch.Tensor) -> torch.Tensor:
        """Logits."""
        return sum(self.terms(images)) + self.offset

    forward = autograd_logits

    def flat_parameters(self) -> torch.Tensor:
        """Weights, then offset."""
        return torch.nn.utils.parameters_to_vector(self.parameters()).detach()

    def load_flat_parameters(self, vector: torch.Tensor) -> None:
        """The inverse."""
        torch.nn.utils.vector_to_parameters(torch.as_tensor(vector), self.parameters())

    def patch_block(self, patch: int) -> torch.nn.Module:
        """A half by itself."""
        return HalfBlock(self.weight[patch].detach().clone())

    def block_inputs(self, images: torch.Tensor) -> list[torch.Tensor]:
        """The half's pixels and everything else's logits."""
        with torch.no_grad():
            pixels, terms = self.check_images(images).reshape(-1, 2, 8), self.terms(images)
            return [torch.cat([pixels[:, p], terms[1 - p] + self.offset], dim=1) for p in (0, 1)]


class HalfBlock(torch.nn.Module):
    """One of the halves."""

    def __init__(self, weight: torch.Tensor) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(weight)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """Logits."""
        return 1.5 * torch.sin(rows[:, :8] @ self.weight) + rows[:, 8:]


def test_a_class_of_ones_own_can_be_a_patch_model() -> None:
    """Nothing but the protocol: trained, and its blocks those of its matrices."""
    model, labels = Halves(), SAMPLES.train_labels % 2
    assert isinstance(model, PatchModel)
    start = torch.nn.functional.cross_entropy(model(SAMPLES.train_images), labels).item()
    trainer = Trainer(model, SAMPLES.train_images, labels, TrainingConfig(0.05, 1, n_batches=4))
    list(trainer.run())
    assert trainer.epochs[0].train.loss < start
    problem = CurvatureProblem(model, SAMPLES.train_images, labels)
    whole = problem.hessian @ np.eye(34)
    for p, block in enumerate(problem.blocks()):
        rows = problem.layout.patch(p)
        got = block.hessian @ np.eye(16)
        np.testing.assert_allclose(got, whole[np.ix_(rows, rows)], atol=1e-12)
    np.testing.assert_array_equal(problem.layout.shared, [32, 33])
    assert 0.5 <= block_spectra(problem).alignment.value <= 1


def test_runs_train_by_torchs_own_adam(run: Run) -> None:
    """The trajectory of a loop written out in torch; only this catches gradients given to others.

    float32 sums in another order: apart by rounding amplified over 15 steps of Adam.
    """
    from patchlaw.verification.training.protocol import epoch_batches

    config, model = run.config, run.config.model.build()
    optimiser = torch.optim.Adam(
        model.parameters(), config.training.learning_rate, weight_decay=5e-5
    )
    annealing = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, T_max=5)
    for epoch, seed in enumerate(config.training.shuffle_seeds()):
        for batch in epoch_batches(SAMPLES.train_labels.numpy(), 5, int(seed)):
            optimiser.zero_grad()
            logits = model.autograd_logits(SAMPLES.train_images[batch])
            torch.nn.functional.cross_entropy(logits, SAMPLES.train_labels[batch]).backward()
            optimiser.step()
        annealing.step()
        torch.testing.assert_close(
            run.parameters(epoch + 1), model.flat_parameters(), rtol=0, atol=2e-4
        )
    assert run.history[3].train.loss < run.history[0].train.loss


def test_an_interrupted_run_ends_with_the_same_bits(run: Run, tmp_path: Path) -> None:
    """Another process reads the configuration only: the model comes from its text."""
    goal = run.config.training.epochs
    short = replace(run.config, training=replace(run.config.training, epochs=1))
    execute_run(tmp_path, short, SAMPLES, threads=1)
    again = Run.open(tmp_path / run.config.run_id)
    assert again.config == short
    resumed = execute_run(
        tmp_path, replace(again.config, training=run.config.training), SAMPLES, threads=1
    )
    assert resumed.parameters(goal).equal(run.parameters(goal))
    assert [e.train.loss for e in resumed.history] == [e.train.loss for e in run.history]


def test_analysis_measures_the_model_of_the_run(run: Run, record: TrainedModel) -> None:
    """H, G and a patch's block against double backward at the minimum."""
    model = run.model(run.minimum_epoch).double()
    h, g = curvature_by_hand(model)
    layout = model.layout
    assert record.run.n_parameters == layout.size
    assert record.eigenvalues["H"][0].value == pytest.approx(np.linalg.eigvalsh(h)[-1], rel=1e-3)
    assert record.eigenvalues["G"][0].value == pytest.approx(np.linalg.eigvalsh(g)[-1], rel=1e-3)
    tops = []
    for p in range(layout.n_patches):
        rows = np.ix_(layout.patch(p), layout.patch(p))
        tops.append(np.linalg.eigvalsh(g[rows])[-1])
        found = record.eigenvalues[f"G_{p}{p}"][0].value
        assert found == pytest.approx(tops[-1], rel=1e-3)
    own = np.linalg.eigvalsh(g[np.ix_(layout.own, layout.own)])[-1]
    assert record.alignment.value == pytest.approx(own / sum(tops), rel=2e-3)
    assert ("G over the bias" in record.eigenvalues) == (len(layout.shared) > 0)
    assert sum(record.shares["H"].patches) + record.shares["H"].bias == pytest.approx(1)


def test_landscape_holds_the_shared_parameters(run: Run, tmp_path: Path) -> None:
    found = compute_landscape(run, SAMPLES, tmp_path, LandscapeSettings(points=3))
    assert found.loss_at_minimum == pytest.approx(
        run.history[run.minimum_epoch].train.loss, rel=1e-5
    )
    assert np.isfinite(found.grid.loss).all()


def test_laws_are_compared_within_a_family_at_its_exponent(tmp_path: Path) -> None:
    """One folder, all families, alpha = 1/2: a measured ratio beside every law.

    Only this catches families compared with each other, or the laws taken at alpha = 1.
    """
    measured = []
    for name in MODELS:
        tops = []
        for n_patches in (1, 4):
            config = config_of(name, 1, n_patches=n_patches, aggregation_exponent=0.5)
            run = execute_run(tmp_path, config, SAMPLES, threads=1)
            stages = ("evaluation", "gauss-newton")
            record = execute_analysis(run, SAMPLES, tmp_path / "records", FEW, stages=stages)
            tops.append(record.eigenvalues["G"][0].value)
        measured.append(tops[1] / tops[0])
    rows = compare_models(read_analyses(tmp_path / "records"))
    assert len({row.protocol for row in rows}) == len(MODELS)
    assert all("alpha = 0.5" in row.protocol for row in rows)
    assert {row.predicted for row in rows if row.law == "elementwise"} == {0.25}
    assert {row.predicted for row in rows if row.law == "aligned"} == {1.0}
    assert all(row.n_patches == (1, 4) for row in rows)
    found = [row.measured for row in rows if (row.matrix, row.law) == ("G", "elementwise")]
    assert sorted(found) == pytest.approx(sorted(measured))


def test_configurations_of_the_papers_circuit_are_as_they_were() -> None:
    """Name, hash and fields; only this catches a field that old files do not have."""
    paper = RunConfig.paper(4, 50)
    assert paper.run_id == "P4_d50_s1001"
    assert list(paper.to_json()["model"]) == [
        "n_patches",
        "depth",
        "seed",
        "dtype",
        "n_qubits",
        "image_side",
        "n_classes",
        "scale",
        "aggregation_exponent",
    ]
    assert ModelConfig.of_circuit(Ansatz(8, 50), 4) == paper.model
    own = replace(paper, model=ModelConfig.of_circuit(CIRCUIT, 4, **OWN))
    assert RunConfig.from_json(json.loads(json.dumps(own.to_json()))) == own
    assert own.run_id != "P4_d1_s3"
    assert ("model.ansatz", None, CIRCUIT.to_json()) in list(paper.differences(own))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Factory.of(lambda: torch.nn.Linear(4, 4)), "a lambda, a function inside another"),
        (lambda: Factory("os.system"), r"expected 'package.module:function', got 'os.system'"),
        (lambda: Factory("a:b", {"x": float("inf")}), "arguments: expected plain JSON data"),
        (lambda: Factory("a:b", {"x": (1,)}), "arguments: expected plain JSON data"),
        (lambda: Factory("nowhere:mlp").make(), "that can be imported, got 'nowhere:mlp'"),
        (lambda: Factory("os:system", {"command": "true"}).make(), "annotated as giving one"),
        (lambda: Factory.of(own_modules.unannotated, inputs=1).make(), "annotated as giving one"),
        (lambda: Factory.of(own_modules.mlp, inputs=4).make(), "arguments: expected those of"),
        (lambda: Factory.of(own_modules.number, inputs=4).make(), "expected a torch.nn.Module of"),
        (
            lambda: replace(MODELS["modules"], shared=None, n_classes=3).build(),
            "n_classes: expected 4, the outputs of",
        ),
        (
            lambda: replace(
                MODELS["modules"], factory=Factory.of(own_modules.noisy, inputs=4, outputs=4)
            ).build(),
            r"expected Dropout .* in evaluation mode",
        ),
        (lambda: ModelConfig(4, 1, patch_side=2), "factory: expected one beside shared"),
        (lambda: ModelConfig(4, 1, factory=Factory("a:b")), "expected it with patch_side"),
        (lambda: ModelConfig(4, 1, ansatz={"n_qubits": 2}), "ansatz: expected an object with"),
        (
            lambda: ModelConfig.of_circuit(Ansatz.from_blocks(2, (EntanglingBlock(10**9),)), 4),
            "ansatz: expected at most 100000000 angles",
        ),
        (lambda: replace(MODELS["circuit"], n_qubits=3).build(), "expected 3 qubits, got 2"),
    ],
)
def test_refuses_models_that_no_run_can_keep(make, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        make()


def test_the_fast_backend_declines_own_gates_and_observables() -> None:
    model = MODELS["circuit"].build()
    with pytest.raises(ValueError, match="got GateBlock as block 0; use the autograd circuit"):
        HessianOperator(model, SAMPLES.train_images, SAMPLES.train_labels, backend="fast")
    chosen = HessianOperator(model, SAMPLES.train_images, SAMPLES.train_labels)
    assert chosen.backend_name == "autodiff"


def test_observables_of_ones_own_are_part_of_the_fingerprint() -> None:
    """Only this catches a solver's checkpoint taken up for other outputs of the same circuit."""
    labels = SAMPLES.train_labels % 2
    found = [
        HessianOperator(
            DistributedQNN(
                4,
                image_side=4,
                n_classes=2,
                dtype=torch.float64,
                ansatz=Ansatz(2, 1, observables=strings),
            ),
            SAMPLES.train_images,
            labels,
        )
        for strings in ((), ("X0", "Z0"), ("X0", "Z0 Z1"))
    ]
    assert {op.backend_name for op in found} == {"fast"}
    assert len({op.backend.fingerprint for op in found}) == 3
    vector = np.ones(found[0].shape[0])
    np.testing.assert_allclose(found[0] @ vector, found[1] @ vector, atol=1e-12)
