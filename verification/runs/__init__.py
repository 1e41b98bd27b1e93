"""Training runs on disk: resumable, checked, one folder each."""

from verification.runs.checkpoint import EpochEntry
from verification.runs.config import DataConfig, Execution, ModelConfig, RunConfig
from verification.runs.errors import DamagedRunError, RunError, RunInUseError
from verification.runs.execute import Reporter, execute_run
from verification.runs.request import RunRequest
from verification.runs.run import Run
from verification.runs.samples import RunSamples, load_samples
from verification.runs.thinned import thin_run

__all__ = [
    "DamagedRunError",
    "DataConfig",
    "EpochEntry",
    "Execution",
    "ModelConfig",
    "Reporter",
    "Run",
    "RunConfig",
    "RunError",
    "RunInUseError",
    "RunRequest",
    "RunSamples",
    "execute_run",
    "load_samples",
    "thin_run",
]
