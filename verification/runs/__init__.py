"""Training runs on disk: resumable, checked, one folder each."""

from patchlaw.verification.runs.checkpoint import EpochEntry
from patchlaw.verification.runs.config import DataConfig, Execution, ModelConfig, RunConfig
from patchlaw.verification.runs.errors import DamagedRunError, RunError, RunInUseError
from patchlaw.verification.runs.execute import Reporter, execute_run
from patchlaw.verification.runs.request import RunRequest
from patchlaw.verification.runs.run import Run
from patchlaw.verification.runs.samples import RunSamples, load_samples
from patchlaw.verification.runs.thinned import thin_run

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
