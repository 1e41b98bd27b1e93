"""What a file on disk can be refused for."""

from pathlib import Path

from patchlaw.hessian_theory.input_checks import nearest


class StoreError(ValueError):
    """It cannot be used; the message says expected, got and the fix."""


class RecordError(StoreError):
    """It is missing, cut short, altered, of another version, or another program's."""


class InUseError(StoreError):
    """Another process works on it."""


def near(path: Path) -> str:
    """For a message about a path that is not there: what its folder has of similar name."""
    if path.parent != path and not path.parent.exists():
        return near(path.parent)
    try:
        return nearest(path.name, [each.name for each in path.parent.iterdir()])
    except OSError:
        return ""
