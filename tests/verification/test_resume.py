"""Checkpoints of solvers: killed runs go on, foreign and damaged ones are refused."""

import hashlib
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse.linalg import aslinearoperator

from patchlaw import GaussNewtonOperator, HessianOperator, top_eigenpairs
from patchlaw.verification.solvers import CheckpointError
from patchlaw.verification.solvers.product_log import ProductLog
from patchlaw.verification.solvers.products import Products, describe_operator
from tests.verification.curvature_cases import qnn_case
from tests.verification.slow_operator import SlowHessian, SlowOperator, printed


def test_a_killed_run_goes_on_to_the_same_values(tmp_path: Path) -> None:
    """SIGKILL in the middle; only this catches state that is written too late or not whole.

    With a model's Hessian: that another process knows it again as the same problem.
    """
    program = [sys.executable, "-m", "tests.verification.slow_operator", tmp_path, "0.02"]
    killed = subprocess.Popen(program, stdout=subprocess.DEVNULL)
    try:
        index, deadline = tmp_path / "products.json", time.monotonic() + 120
        while not index.exists() or json.loads(index.read_text())["body"]["files"][2:] == []:
            assert killed.poll() is None, "the run ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.005)
    finally:
        killed.send_signal(signal.SIGKILL)
        killed.wait()
    assert killed.returncode == -signal.SIGKILL

    operator = SlowHessian()
    resumed = top_eigenpairs(operator, checkpoint=tmp_path, method="lanczos")
    whole = top_eigenpairs(SlowHessian(), method="lanczos")
    assert printed(resumed) == printed(whole)
    assert resumed.converged.all()
    assert 12 <= resumed.replayed < resumed.matvecs == whole.matvecs
    assert operator.matvecs == resumed.matvecs - resumed.replayed


def test_a_finished_run_comes_back_at_the_price_of_the_checks(tmp_path: Path) -> None:
    case = qnn_case()
    operator = HessianOperator(case.model, case.images, case.labels)
    first = top_eigenpairs(operator, k=2, checkpoint=tmp_path, method="lanczos")
    operator.matvecs = 0
    again = top_eigenpairs(operator, k=2, checkpoint=tmp_path, method="lanczos")
    assert printed(again) == printed(first)
    assert operator.matvecs == 5  # three probes, two residuals
    assert again.replayed == first.matvecs - 5


def test_a_larger_budget_continues_a_run_cut_short(tmp_path: Path) -> None:
    short = top_eigenpairs(SlowOperator(), tol=1e-10, max_matvecs=30, checkpoint=tmp_path)
    assert not short.converged.all()
    full = top_eigenpairs(SlowOperator(), tol=1e-10, checkpoint=tmp_path, method="lanczos")
    assert full.converged.all()
    assert full.replayed == 24  # 30 less three probes and three residuals
    assert printed(full) == printed(top_eigenpairs(SlowOperator(), tol=1e-10, method="lanczos"))


def test_another_computation_is_refused(tmp_path: Path) -> None:
    """Only this catches products of one matrix taken for another's, or of other arguments."""
    top_eigenpairs(SlowOperator(), checkpoint=tmp_path)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    with pytest.raises(CheckpointError, match=r"another's \(operator.seed: stored 4, now 5\)"):
        top_eigenpairs(SlowOperator(seed=5), checkpoint=tmp_path)
    with pytest.raises(CheckpointError, match=r"\(which: stored LA, now SA\); delete the folder"):
        top_eigenpairs(SlowOperator(), which="SA", checkpoint=tmp_path)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


@pytest.mark.parametrize("change", ["parameters", "images", "labels", "kind", "loss"])
def test_curvature_operators_of_other_problems_are_refused(tmp_path: Path, change: str) -> None:
    case = qnn_case()
    kind, images, labels, loss = HessianOperator, case.images, case.labels, "cross_entropy"
    top_eigenpairs(kind(case.model, images, labels, backend="autodiff"), k=1, checkpoint=tmp_path)
    if change == "parameters":
        flat = case.model.flat_parameters()
        flat[-1] += 1e-15 * flat[-1].abs() + 1e-15
        case.model.load_flat_parameters(flat)
    elif change == "images":
        images = images.flip(0)
    elif change == "labels":
        labels = (labels + 1) % 4
    elif change == "kind":
        kind = GaussNewtonOperator
    else:
        loss, labels = "squared_error", np.eye(4)[labels]
    other = kind(case.model, images, labels, loss=loss, backend="autodiff")
    with pytest.raises(CheckpointError, match="expected a checkpoint of this computation"):
        top_eigenpairs(other, k=1, checkpoint=tmp_path)


def test_damage_is_refused_by_name(tmp_path: Path) -> None:
    top_eigenpairs(SlowOperator(), checkpoint=tmp_path, method="lanczos")
    index, chunk = tmp_path / "products.json", tmp_path / "products-000004.safetensors"
    whole = chunk.read_bytes()
    for content in (whole[:-1], b"", whole[:-1] + bytes([whole[-1] ^ 1])):
        chunk.write_bytes(content)
        with pytest.raises(CheckpointError, match=r"products-000004.*truncated or altered"):
            top_eigenpairs(SlowOperator(), checkpoint=tmp_path, method="lanczos")
    chunk.unlink()
    with pytest.raises(CheckpointError, match=r"products-000004.*got 0 bytes"):
        top_eigenpairs(SlowOperator(), checkpoint=tmp_path, method="lanczos")
    text = index.read_text()
    for content in (text[: len(text) // 2], text.replace('"tol": 0.0001', '"tol": 0.1'), "[]"):
        index.write_text(content)
        with pytest.raises(CheckpointError, match=r"products.json: expected an index sealed"):
            top_eigenpairs(SlowOperator(), checkpoint=tmp_path, method="lanczos")


def write_index(path: Path, body: dict) -> None:
    """An index that is sealed, whatever it says."""
    text = json.dumps(body, sort_keys=True, separators=(",", ":"))
    seal = hashlib.sha256(text.encode()).hexdigest()
    path.write_text(json.dumps({"sha256": seal, "body": body}))


def test_another_format_is_refused(tmp_path: Path) -> None:
    top_eigenpairs(SlowOperator(), checkpoint=tmp_path)
    path = tmp_path / "products.json"
    write_index(path, json.loads(path.read_text())["body"] | {"format": 99})
    with pytest.raises(CheckpointError, match="expected format 1, got 99; delete the folder"):
        top_eigenpairs(SlowOperator(), checkpoint=tmp_path)


def test_a_computation_is_described_by_plain_data(tmp_path: Path) -> None:
    """numpy's numbers are numbers; anything else would not compare after a restart."""
    ProductLog(tmp_path, {"tol": np.float64(0.5), "k": np.int64(3)}, 4)
    with pytest.raises(TypeError, match="computation: expected JSON, got ndarray"):
        ProductLog(tmp_path, {"start": np.ones(3)}, 4)


def test_products_of_other_vectors_are_refused(tmp_path: Path) -> None:
    """As after a change of libraries that moves the iteration in its last bit."""
    top_eigenpairs(SlowOperator(), checkpoint=tmp_path, method="lanczos")
    path = tmp_path / "products.json"
    index = json.loads(path.read_text())
    vectors = index["body"]["files"][1]["vectors"]
    vectors[0], vectors[1] = vectors[1], vectors[0]
    write_index(path, index["body"])
    with pytest.raises(CheckpointError, match="product 4 was stored for other vectors"):
        top_eigenpairs(SlowOperator(), checkpoint=tmp_path, method="lanczos")


def test_products_of_another_shape_are_refused(tmp_path: Path) -> None:
    """In spite of the right checksums: numpy would broadcast them into wrong eigenvalues."""
    vectors, computation = np.ones((3, 2)), {"solver": "test"}
    op = aslinearoperator(np.eye(3))
    log = ProductLog(tmp_path, {"operator": describe_operator(op), **computation}, 1)
    log.append(vectors, np.ones((3, 1)))
    with pytest.raises(CheckpointError, match=r"checkpoint: expected \(3, 2\), got \(3, 1\)"):
        Products(op, computation, tmp_path)(vectors)


def test_bad_save_every_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="save_every: expected an integer >= 1, got 0"):
        top_eigenpairs(SlowOperator(), checkpoint=tmp_path, save_every=0)
