"""``kept.json``: which epochs' parameters a thinned copy of a run has."""

from dataclasses import dataclass
from pathlib import Path

from patchlaw.verification.store.errors import RecordError
from patchlaw.verification.store.json_files import Count
from patchlaw.verification.store.seal import FileKind
from patchlaw.verification.store.tensors import RESTORE

KEPT_FILE = "kept.json"
KEPT = FileKind("patchlaw thinned run", RESTORE, nested=True)


@dataclass(frozen=True)
class KeptEpochs:
    """Hash of the run's configuration, and the epochs."""

    configuration: str
    epochs: tuple[Count, ...]


def read_kept(folder: Path, configuration: str, epochs_done: int) -> frozenset[int] | None:
    """Epochs whose parameters the folder has; None for a whole run.

    Raises:
        RecordError: the file is cut, altered or another run's.
    """
    path = folder / KEPT_FILE
    if not path.exists():
        return None
    kept = KEPT.read_as(path, KeptEpochs)
    if kept.configuration != configuration or max(kept.epochs, default=0) > epochs_done:
        raise RecordError(
            f"{path}: expected epochs up to {epochs_done} of configuration {configuration}, got "
            f"{sorted(kept.epochs)} of {kept.configuration}; {RESTORE}"
        )
    return frozenset(kept.epochs)
