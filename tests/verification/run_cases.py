"""A run of seconds: four one-layer circuits on two qubits, random images of 4 by 4 pixels."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from patchlaw.verification.jobs.progress import Progress
from patchlaw.verification.runs import (
    DataConfig,
    ModelConfig,
    Run,
    RunConfig,
    RunSamples,
    execute_run,
)
from patchlaw.verification.training import TrainingConfig

# For scripts of processes that a test interrupts: one started in the background of a shell, as the
# tests may be, ignores SIGINT, and its children inherit that.
INTERRUPTIBLE = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "


ROOT = Path(__file__).parents[2]


def started(*arguments: object, **options: object) -> "subprocess.Popen[str]":
    """A Python of these sources with these arguments."""
    return subprocess.Popen(
        [sys.executable, *map(str, arguments)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        text=True,
        **options,
    )


def kill_when(ready: Callable[[], bool], *arguments: object, delay: float = 0.0) -> None:
    """SIGKILL to a process of these arguments, so long after something is on disk."""
    process, deadline = started(*arguments), time.monotonic() + 120
    while not ready():
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.002)
    time.sleep(delay)
    process.send_signal(signal.SIGKILL)
    process.wait()


def interrupted(arguments: list[object], line: str, delay: float = 0.0) -> str:
    """What patchlaw says after Ctrl-C, sent when such a line was said: exit code 130."""
    script = INTERRUPTIBLE + "from patchlaw.cli import main; main()"
    with started("-c", script, *arguments, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert any(line in said for said in process.stdout), f"it ended before {line!r}"
        time.sleep(delay)
        process.send_signal(signal.SIGINT)
        rest = process.communicate(timeout=60)[0]
    assert process.returncode == 130
    return rest


class Stop(BaseException):
    """Stands for Ctrl-C."""


class StopAt(Progress):
    """Ends the work at a line of its log that begins so, or when so many units are done."""

    def __init__(self, line: str = "no line", done: int = -1) -> None:
        self._line, self._done = line, done

    def say(self, line: str) -> None:
        """Stop in time."""
        if line.startswith(self._line):
            raise Stop

    def advance(self, done: int, detail: str) -> None:
        """Stop in time."""
        if done == self._done:
            raise Stop


def toy_samples(seed: int = 0) -> RunSamples:
    """40 training and 12 test images of 4 classes, told apart by their brightest quarter."""
    rng = np.random.default_rng(seed)

    def draw(count: int) -> tuple[torch.Tensor, torch.Tensor]:
        labels = np.arange(count) % 4
        images = rng.uniform(0, 0.5, (count, 4, 4)).astype(np.float32)
        for image, label in zip(images, labels, strict=True):
            row, column = 2 * (label // 2), 2 * (label % 2)
            image[row : row + 2, column : column + 2] += 0.5
        return torch.from_numpy(images), torch.from_numpy(labels)

    return RunSamples(*draw(40), *draw(12))


def toy_config(
    samples: RunSamples,
    epochs: int = 8,
    *,
    learning_rate: float = 0.05,
    dtype: str = "float32",
    seed: int = 3,
) -> RunConfig:
    """Five batches an epoch; the eighth epoch lies beyond the rate's zero at the sixth."""
    return RunConfig(
        ModelConfig(4, 1, seed, dtype, n_qubits=2, image_side=4, n_classes=4, scale=5.0),
        TrainingConfig(learning_rate, epochs, n_batches=5),
        DataConfig(samples.sha256),
    )


def run_toy(folder: Path, epochs: int, **options: object) -> Run:
    samples = toy_samples()
    return execute_run(folder, toy_config(samples, epochs), samples, threads=1, **options)


def resume(run: Run, epochs: int = 5) -> Run:
    return run_toy(run.path.parent, epochs)


def spoil(run: Run, name: str, content: bytes) -> Path:
    path = run.path / name
    path.write_bytes(content)
    return path


if __name__ == "__main__":  # a process that the tests can kill
    run_toy(Path(sys.argv[1]), int(sys.argv[2]))
