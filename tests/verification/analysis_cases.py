"""Analyses of a run of seconds; as a program, one that the tests can kill."""

import sys
from pathlib import Path

from patchlaw.verification.analysis.analysis_job import execute_analysis
from patchlaw.verification.analysis.options import AnalysisOptions
from patchlaw.verification.runs import Run, execute_run
from tests.verification.run_cases import toy_config, toy_samples

SAMPLES = toy_samples()

OPTIONS = AnalysisOptions(
    n_top=4,
    n_top_subset=5,
    n_bottom=2,
    n_top_along=5,
    n_images_along=16,
    tol=1e-5,
    coarse_tol=1e-4,
    subset=20,
    epochs=(0, 99),
    density_probes=4,
    density_steps=12,
    trace_probes=300,
)


def toy_run(folder: Path, epochs: int = 6) -> Run:
    """A trained run of four patches on two qubits, 40 training images of 4 classes, float64."""
    config = toy_config(SAMPLES, epochs, dtype="float64")
    return execute_run(folder, config, SAMPLES, threads=1)


if __name__ == "__main__":
    run = Run.open(Path(sys.argv[1]))
    execute_analysis(run, SAMPLES, Path(sys.argv[2]), OPTIONS)
