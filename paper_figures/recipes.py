"""Command lines of patchlaw that make records, as text for readers and as arguments to be run."""

import shlex
from dataclasses import MISSING, dataclass, fields
from pathlib import PurePath

from patchlaw.verification.runs import RunRequest

# Stands for the records' folder, which a reader and this machine may call by different names.
_FOLDER = "{records}"


@dataclass(frozen=True)
class Recipe:
    """One ``patchlaw`` command.

    Attributes:
        words: its arguments, with the records' folder left open.
    """

    words: tuple[str, ...]

    def arguments(self, records: PurePath | str) -> tuple[str, ...]:
        """The arguments after ``patchlaw``, for records in a folder."""
        return tuple(word.replace(_FOLDER, str(records)) for word in self.words)

    def text(self, records: PurePath | str) -> str:
        """The line to be typed."""
        return shlex.join(("patchlaw", *self.arguments(records)))


def train(request: RunRequest) -> Recipe:
    """Training of one run; options that are at their defaults are left out."""
    words = ["train"]
    for field in fields(RunRequest):
        value = getattr(request, field.name)
        if field.default is MISSING or value != field.default:
            words += [f"--{field.name.replace('_', '-')}", str(value)]
    return Recipe((*words, "--out", f"{_FOLDER}/runs"))


def analyse(run_id: str) -> Recipe:
    """Curvature of a trained run at its minimum."""
    return Recipe(("analyse", f"{_FOLDER}/runs/{run_id}", "--out", f"{_FOLDER}/analyses"))


def landscape(run_id: str) -> Recipe:
    """Loss over the plane of a run's trajectory."""
    return Recipe(("landscape", f"{_FOLDER}/runs/{run_id}", "--out", f"{_FOLDER}/landscapes"))
