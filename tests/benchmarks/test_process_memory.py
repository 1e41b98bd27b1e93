"""Peak memory is that of the process asked."""

import subprocess
import sys

import numpy as np
import pytest

from benchmarks.curvature_process import ROOT, Workload, measure_in_fresh_process
from benchmarks.process_memory import peak_memory_bytes

CHILD = "from benchmarks.process_memory import peak_memory_bytes; print(peak_memory_bytes())"


def test_peak_sees_an_allocation_and_a_child_starts_anew():
    """Only this catches a peak read from ru_maxrss, which a child takes over from its parent."""
    before = peak_memory_bytes()
    block = np.ones(400_000_000 // 8)
    assert peak_memory_bytes() >= max(before, 400_000_000)
    done = subprocess.run(
        [sys.executable, "-c", CHILD], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 100_000_000
    assert block[0] == 1


def test_a_failing_process_says_why():
    with pytest.raises(RuntimeError, match="a square"):
        measure_in_fresh_process(Workload(patches=5, depth=2, samples=8))
