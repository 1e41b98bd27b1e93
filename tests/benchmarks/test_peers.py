"""Peers: what passes to their processes and back, and, where they are installed, their numbers."""

import sys

import numpy as np
import pytest

from benchmarks.claims.hessian_product_peers import PAIRS
from benchmarks.claims.training_step_peers import compare
from benchmarks.peers import client, install
from benchmarks.peers.client import PYTHON_VARIABLE, PeerUnavailableError, ask, peers_python
from benchmarks.peers.exchange import Request, read_request, write_request
from benchmarks.peers.fastqml_model import fused_layers
from benchmarks.workload import direction, model, problem, samples
from patchlaw.simulators.ansatz import Ansatz, ControlledZ, FeatureRotation
from patchlaw.simulators.fast_engine import FastEngine

installed = pytest.mark.skipif(
    not peers_python().exists(), reason="no peers' environment (python -m benchmarks.peers.install)"
)


def test_a_problem_survives_its_folder(tmp_path):
    request = Request("training_step", "qulacs", repeats=3, threads=1)
    sent = problem(model(4, 2), 3)
    write_request(tmp_path, request, sent)
    got_request, got = read_request(tmp_path)
    assert got_request == request
    for name in sent.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(got, name), getattr(sent, name))
    np.testing.assert_array_equal(got.first(2).images, sent.images[:2])


@pytest.fixture
def this_python(monkeypatch):
    monkeypatch.setenv(PYTHON_VARIABLE, sys.executable)


@pytest.mark.usefixtures("this_python")
def test_the_worker_answers_with_the_plain_torch_model():
    """The plain path as its own peer: catches a wrong mean, flat order or bias in the exchange."""
    network = model(4, 2)
    answer = ask(Request("training_step", "patchlaw", threads=1, chunk=2), problem(network, 5))
    assert compare(network, answer, 5, "plain path").holds
    assert len(answer.facts["seconds"]) == 1


@pytest.mark.usefixtures("this_python")
def test_agreement_fails_for_another_batch():
    network = model(4, 2)
    answer = ask(Request("training_step", "patchlaw", threads=1), problem(network, 4))
    answer.arrays["gradient"][7] += 1e-3 * np.linalg.norm(answer.arrays["gradient"])
    assert not compare(network, answer, 4, "gradient off by a thousandth").holds


@pytest.mark.usefixtures("this_python")
def test_a_peer_that_is_not_there_gives_its_reason():
    with pytest.raises(PeerUnavailableError, match="No module named 'qulacs'"):
        ask(Request("training_step", "qulacs"), problem(model(4, 2), 2))


def test_no_environment_names_the_fix(monkeypatch, tmp_path):
    monkeypatch.setenv(PYTHON_VARIABLE, str(tmp_path / "python"))
    with pytest.raises(PeerUnavailableError, match=r"run python -m benchmarks\.peers\.install"):
        ask(Request("training_step", "qulacs"), problem(model(4, 2), 2))


def test_every_requirement_is_pinned():
    names = {}
    files = ("requirements.txt", "requirements-gpu.txt", "requirements-no-deps.txt")
    for file in ("constraints.txt", *files):
        lines = (install.HERE / file).read_text().splitlines()
        entries = [line for line in lines if line and not line.startswith("#")]
        names[file] = {entry.split("==")[0].lower().replace("_", "-") for entry in entries}
        if file == "constraints.txt":
            assert all("==" in entry for entry in entries)
            assert "torch==2.13.0" in entries
    for file in files:
        assert names[file] <= names["constraints.txt"]
    assert client.ENVIRONMENT.name == ".venv-peers"


def test_fused_layers_are_the_circuit():
    """A wrong stride gives a qubit another's angle; else only the slow test of fastQML sees it."""
    ansatz = Ansatz(5, 2)  # an odd n: two encodings of different length
    rings, numbers, in_order = 0, {False: [], True: []}, {q: [] for q in range(5)}
    for layer in fused_layers(ansatz):
        rings += layer.ring
        for each in layer.rotations:
            row = range(1000)[each.which]
            numbers[each.from_data] += row
            for qubit, number in enumerate(row):
                in_order[qubit].append((each.axis, each.from_data, number))
    assert rings == 2 * 2 + 2 + 1
    assert sorted(numbers[False]) == list(range(ansatz.n_angles))
    assert sorted(numbers[True]) == list(range(ansatz.n_features))
    for qubit, found in in_order.items():
        gates = [g for g in ansatz.gates() if not isinstance(g, ControlledZ) and g.qubit == qubit]
        assert found == [(g.axis, isinstance(g, FeatureRotation), g.index) for g in gates]


@installed
@pytest.mark.slow
@pytest.mark.parametrize(
    "peer",
    ["torchquantum", "fastqml", "fastqml composed", "lightning.qubit", "default.qubit", "qulacs"],
)
def test_simulator_agrees(peer):
    """Another library's gates, measurement and derivative: catches a convention wrong here."""
    network = model(4, 2)
    request = Request("training_step", peer, warmup_samples=0, threads=1, chunk=2)
    assert compare(network, ask(request, problem(network, 3)), 3, peer).holds


@installed
@pytest.mark.slow
@pytest.mark.parametrize(("library", "circuit"), PAIRS)
def test_hessian_product_agrees(library, circuit):
    network = model(4, 1)
    request = Request("hessian_product", library, circuit, warmup_samples=0, threads=1)
    answer = ask(request, problem(network, 2))
    images, labels = samples(2)
    vector = direction(network.n_parameters)[:, None]
    ours = FastEngine(network).curvature(images, labels).product("hessian", vector)[:, 0]
    error = np.linalg.norm(answer.arrays["product"] - ours) / np.linalg.norm(ours)
    assert error < 1e-4
