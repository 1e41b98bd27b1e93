"""``kept.json``: which epochs' parameters a thinned copy of a run has."""

from pathlib import Path

from patchlaw.verification.json_files import Count, JsonFileError, typed
from patchlaw.verification.runs.errors import DamagedRunError
from patchlaw.verification.runs.sealed_json import RESTORE, read_sealed

KEPT_FILE = "kept.json"
KEPT_KIND = "patchlaw thinned run"


def read_kept(folder: Path, configuration: str, epochs_done: int) -> frozenset[int] | None:
    """Epochs whose parameters the folder has; None for a whole run.

    Raises:
        DamagedRunError: the file is cut, altered or another run's.
    """
    path = folder / KEPT_FILE
    if not path.exists():
        return None
    body = read_sealed(path, KEPT_KIND)
    try:
        epochs = typed(body.get("epochs"), frozenset[Count])
    except JsonFileError as error:
        raise DamagedRunError(f"{path}: epochs: {error}; {RESTORE}") from None
    if body.get("configuration") != configuration or max(epochs, default=0) > epochs_done:
        raise DamagedRunError(
            f"{path}: expected epochs up to {epochs_done} of configuration {configuration}, got "
            f"{sorted(epochs)} of {body.get('configuration')}; {RESTORE}"
        )
    return epochs
