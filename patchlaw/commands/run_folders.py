"""The argument of commands that take several runs."""

from pathlib import Path

import click

runs_argument = click.argument(
    "runs",
    nargs=-1,
    required=True,
    metavar="RUN...",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
)
