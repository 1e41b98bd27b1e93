"""The ``patchlaw`` console command: one group, its subcommands imported when they are called."""

from importlib import import_module
from typing import Any

import click

from patchlaw.terminal import printable_streams
from patchlaw.verification.ranks.launch import quiet_torch

COMMANDS = (
    "analyse",
    "claim",
    "compare",
    "data",
    "derive",
    "figures",
    "kernel",
    "landscape",
    "predict",
    "replay",
    "status",
    "sweep",
    "thin",
    "train",
    "verify",
)  # each a module of patchlaw.commands that holds the command of its name


class LazyGroup(click.Group):
    """A group that imports a subcommand's module only when that subcommand is called."""

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run the program on streams that can print anything; see ``patchlaw.terminal``."""
        quiet_torch()
        with printable_streams():
            return super().main(*args, **extra)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of the subcommands, sorted."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one subcommand, or None where there is no such name."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"patchlaw.commands.{cmd_name}"), cmd_name)
        return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="patchlaw", prog_name="patchlaw")
def main() -> None:
    """Verify the theory of the loss Hessian of distributed quantum neural networks."""
