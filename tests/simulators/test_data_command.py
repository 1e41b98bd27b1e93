import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from patchlaw.commands.data import data
from patchlaw.simulators.datasets import load_mnist
from patchlaw.simulators.datasets.mnist import EMBEDDED_FILE
from tests.idx_files import write_idx_files


@pytest.fixture
def idx_folder(tmp_path) -> Path:
    """A small data set in IDX files."""
    return write_idx_files(tmp_path / "toy-digits", n_train=6, n_test=4)


def run(*arguments: str | Path):
    return CliRunner().invoke(data, [str(argument) for argument in arguments])


def test_build_then_check_then_load(idx_folder, tmp_path):
    out = tmp_path / "toy.safetensors"
    built = run("build", idx_folder, "--out", out)
    assert built.exit_code == 0, built.output
    assert "toy-digits, 6 training and 4 test images" in built.output
    checked = run("check", out)
    assert checked.exit_code == 0, checked.output
    assert "sha256 ok" in checked.output
    assert load_mnist(out).train_images.equal(load_mnist(idx_folder).train_images)


def test_building_twice_gives_the_same_bytes(idx_folder, tmp_path):
    first, second = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    for out in (first, second):
        assert run("build", idx_folder, "--out", out).exit_code == 0
    assert first.read_bytes() == second.read_bytes()
    assert first.with_suffix(".json").read_bytes() == second.with_suffix(".json").read_bytes()


def test_a_failed_build_keeps_the_file_that_was_there(idx_folder, tmp_path):
    out = tmp_path / "toy.safetensors"
    assert run("build", idx_folder, "--out", out).exit_code == 0
    before = out.read_bytes()
    images = idx_folder / "t10k-images-idx3-ubyte"
    images.write_bytes(images.read_bytes()[:-1])
    failed = run("build", idx_folder, "--out", out)
    assert failed.exit_code == 1
    assert "t10k-images-idx3-ubyte: truncated" in failed.output
    assert out.read_bytes() == before
    assert sorted(path.name for path in tmp_path.glob("*toy*")) == [
        "toy-digits",
        "toy.json",
        "toy.safetensors",
    ]


def test_the_packages_own_file_takes_mnist_only(idx_folder):
    before = EMBEDDED_FILE.read_bytes()
    refused = run("build", idx_folder)
    assert refused.exit_code == 1
    assert "expected the MNIST files" in refused.output
    assert "name another file with --out" in refused.output
    assert EMBEDDED_FILE.read_bytes() == before


def test_build_reports_what_it_cannot_write(idx_folder, tmp_path):
    refused = run("build", idx_folder, "--out", tmp_path / "absent" / "toy.safetensors")
    assert refused.exit_code == 1
    assert "No such file or directory" in refused.output


def test_check_shows_the_embedded_mnist():
    checked = run("check")
    assert checked.exit_code == 0, checked.output
    for fact in ("60,000", "10,000", "14x14", "0..1020", "CC BY-SA 3.0"):
        assert fact in checked.output


def test_check_fails_on_a_damaged_file(idx_folder, tmp_path):
    out = tmp_path / "toy.safetensors"
    assert run("build", idx_folder, "--out", out).exit_code == 0
    out.write_bytes(out.read_bytes()[:-1] + b"\xff")
    failed = run("check", out)
    assert failed.exit_code == 1
    assert "checksum mismatch" in failed.output
    assert "sha256 ok" not in failed.output


def test_importing_the_commands_loads_nothing_heavy():
    """In a fresh interpreter, since this one has everything loaded."""
    script = (
        "import sys, patchlaw.simulators.datasets, patchlaw.commands.data; "
        "print(sorted({'qiskit', 'matplotlib', 'rich', 'sklearn'} & set(sys.modules)))"
    )
    shown = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert shown.stdout.strip() == "[]"
