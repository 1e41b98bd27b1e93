"""``sweep --parsl`` on processes and threads of this machine; skipped where there is no parsl."""

import os
import subprocess
import sys
from contextlib import chdir
from pathlib import Path

import pytest
from click.testing import CliRunner

from patchlaw.commands.sweep import sweep
from patchlaw.verification.runs.status import all_statuses
from tests.idx_files import write_idx_files

ROOT = Path(__file__).parents[2]
PLAN = """
[defaults]
epochs = 1
batch_size = 10
patches = 1
depth = 1

[[runs]]
seed = [5, 6]
"""
CONFIG = """
import parsl
from pathlib import Path
from parsl.providers import LocalProvider

def repair(error, task):
    "Before a second try: take the one damaged file away that begins so."
    for path in Path("runs").glob("*/checkpoint.json"):
        if path.read_text() == "{":
            path.unlink()
    return 1

config = parsl.Config(
    executors=[
        parsl.HighThroughputExecutor(
            max_workers_per_node=2,
            address="127.0.0.1",
            encrypted=False,
            provider=LocalProvider(max_blocks=1),
        )
    ],
    retries=1,
    retry_handler=repair,
)
"""


def test_a_failed_run_is_tried_again_and_named_if_it_fails_still(tmp_path: Path) -> None:
    """Two runs are damaged, and a second try can save one of them.

    Only this sees a task that counts as done although its run failed, a retry that never comes, and
    work in other folders than a sweep's own.
    """
    pytest.importorskip("parsl")
    (tmp_path / "plan.toml").write_text(PLAN)
    (tmp_path / "config.py").write_text(CONFIG)
    write_idx_files(tmp_path / "idx", n_train=40, n_test=20)
    options = ["--out", "runs", "--data", "idx", "--threads", "1"]
    with chdir(tmp_path):
        assert CliRunner().invoke(sweep, ["plan.toml", *options]).exit_code == 0
    for seed, damage in ((5, "{"), (6, "[")):
        (folder,) = (tmp_path / "runs").glob(f"P1_d1_s{seed}_*")
        (folder / "checkpoint.json").write_text(damage)
    done = subprocess.run(  # parsl's threads and processes are not pytest's to keep
        [sys.executable, "-m", "patchlaw", "sweep", "plan.toml", *options, "--parsl", "config.py"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    words = " ".join(done.stdout.split())
    assert "seed=5: finished" in words
    assert "seed=6: failed failed: RecordError: " in words
    assert "1 of 2 runs failed: P=1 d=1 seed=6" in words
    states = {each.run[6:8]: each.state for each in all_statuses(tmp_path / "runs")}
    assert states == {"s5": "finished", "s6": "damaged"}


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("config = 3", "expected config = parsl.Config(...), got int"),
        ("import no_such_module", "expected Python that runs, got ModuleNotFoundError"),
    ],
)
def test_a_configuration_that_is_none_is_refused(tmp_path: Path, config: str, message: str) -> None:
    pytest.importorskip("parsl")
    (tmp_path / "plan.toml").write_text(PLAN)
    (tmp_path / "config.py").write_text(config)
    done = CliRunner().invoke(
        sweep, [str(tmp_path / "plan.toml"), "--parsl", str(tmp_path / "config.py")]
    )
    assert done.exit_code == 2
    assert message in " ".join(done.output.split())


def test_without_parsl_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing is imported for a sweep that does not ask for it."""
    monkeypatch.setitem(sys.modules, "parsl.config", None)
    (tmp_path / "plan.toml").write_text(PLAN)
    (tmp_path / "config.py").write_text("config = 3")
    words = [str(tmp_path / "plan.toml"), "--list"]
    assert CliRunner().invoke(sweep, words).exit_code == 0
    refused = CliRunner().invoke(sweep, [*words, "--parsl", str(tmp_path / "config.py")])
    assert refused.exit_code == 2
    assert "pip install 'patchlaw[cluster]'" in " ".join(refused.output.split())
