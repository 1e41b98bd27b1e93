"""``kept.json``: which epochs' parameters a thinned copy of a run has."""

from pathlib import Path

from verification.runs.errors import DamagedRunError
from verification.runs.sealed_json import RESTORE, read_sealed

KEPT_FILE = "kept.json"
KEPT_KIND = "patchlaw thinned run"


def read_kept(folder: Path, configuration: str) -> frozenset[int] | None:
    """Epochs whose parameters the folder has; None for a whole run.

    Raises:
        DamagedRunError: the file is cut, altered or another run's.
    """
    path = folder / KEPT_FILE
    if not path.exists():
        return None
    body = read_sealed(path, KEPT_KIND)
    if body.get("configuration") != configuration or not isinstance(body.get("epochs"), list):
        raise DamagedRunError(
            f"{path}: expected epochs of configuration {configuration}, got {body}; {RESTORE}"
        )
    return frozenset(body["epochs"])
