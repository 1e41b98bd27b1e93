"""patchlaw figures as the tests call it, and the one small run that they draw."""

import json
from pathlib import Path

from click.testing import CliRunner, Result

from patchlaw.commands.figures import figures
from patchlaw.paper_figures.catalogue import find
from patchlaw.paper_figures.drawing import Drawing, Inputs
from patchlaw.paper_figures.records import Records
from tests.paper_figures.synthetic_records import small_config

SMALL = small_config(4, 1)


def invoke(*arguments: object) -> Result:
    """The command with these words."""
    return CliRunner().invoke(figures, [str(argument) for argument in arguments])


def sidecar(folder: Path, name: str) -> dict:
    """What the command wrote beside a figure or table."""
    return json.loads((folder / f"{name}.json").read_text())


def drawing(name: str, folder: Path) -> Drawing:
    """A figure from the records in a folder, not written."""
    (item,) = find([name])
    return item.draw(Inputs.of(Records.read(folder)))
