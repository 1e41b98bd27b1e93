"""Ask a peer, in a process of its own environment, and take its answer or the reason of none."""

import os
import statistics
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.peers.exchange import Arrays, Problem, Request, read_response, write_request
from benchmarks.peers.install import ENVIRONMENT
from benchmarks.record import Detail, Measurement
from benchmarks.timing import Timing

ROOT = Path(__file__).parents[2]
PYTHON_VARIABLE = "PATCHLAW_PEERS_PYTHON"


class PeerUnavailableError(Exception):
    """A peer that gave no answer; the message is the reason, in a line."""


@dataclass(frozen=True, eq=False)
class Answer:
    """A peer's arrays, and the facts of its run (seconds, versions, threads, memory)."""

    arrays: Arrays
    facts: dict[str, Any]

    @property
    def seconds(self) -> float:
        """Median of the repeats, few as they are: the fastest of many would favour patchlaw."""
        return float(statistics.median(self.facts["seconds"]))

    def measurement(self, label: str, library: str, **details: Detail) -> Measurement:
        """Its times, with threads and memory of its process and the library's version."""
        facts = self.facts
        timing, memory = Timing(tuple(facts["seconds"]), 1), facts["peak_memory_bytes"] / 1e9
        details |= {"threads": facts["threads"], "peak_memory_gb": memory}
        return Measurement.of(label, timing, **details, version=facts["versions"][library])


def peers_python() -> Path:
    """The interpreter of the peers' environment."""
    return Path(os.environ.get(PYTHON_VARIABLE, ENVIRONMENT / "bin" / "python"))


def ask(request: Request, problem: Problem, timeout: float = 1500) -> Answer:
    """Run one request.

    Raises:
        PeerUnavailableError: no environment, the peer failed, or it took too long.
    """
    python = peers_python()
    if not python.exists():
        raise PeerUnavailableError("no environment; run python -m benchmarks.peers.install")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_request(folder, request, problem)
        try:
            done = subprocess.run(
                [str(python), "-m", "benchmarks.peers.worker", name],
                cwd=ROOT,
                capture_output=True,
                text=True,
                timeout=timeout,
            )
        except subprocess.TimeoutExpired:
            raise PeerUnavailableError(f"no answer within {timeout:.0f} s") from None
        try:
            return Answer(*read_response(folder))
        except FileNotFoundError:
            lines = done.stderr.strip().splitlines()
            reason = lines[-1] if lines else f"ended with status {done.returncode}"
            raise PeerUnavailableError(reason.replace(str(ROOT), ".")) from None
