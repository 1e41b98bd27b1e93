"""Training runs on disk: resumable, checked, one folder each."""

from patchlaw.verification.runs.checkpoint import EpochEntry
from patchlaw.verification.runs.config import DataConfig, ModelConfig, RunConfig
from patchlaw.verification.runs.factory import Factory
from patchlaw.verification.runs.request import RunRequest
from patchlaw.verification.runs.run import Run, RunError
from patchlaw.verification.runs.samples import RunSamples, load_samples
from patchlaw.verification.runs.thinned import thin_run
from patchlaw.verification.runs.training_job import execute_run, execute_runs

__all__ = [
    "DataConfig",
    "EpochEntry",
    "Factory",
    "ModelConfig",
    "Run",
    "RunConfig",
    "RunError",
    "RunRequest",
    "RunSamples",
    "execute_run",
    "execute_runs",
    "load_samples",
    "thin_run",
]
