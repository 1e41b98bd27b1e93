"""The ``patchlaw`` console command: one group, its subcommands looked up as entry points."""

from importlib.metadata import EntryPoint, entry_points
from typing import Any

import click

from verification.terminal import printable_streams

COMMAND_GROUP = "patchlaw.commands"


class EntryPointGroup(click.Group):
    """A click group that imports a subcommand's module only when that subcommand is called.

    Subcommands are the entry points of the group ``patchlaw.commands``, so each package brings
    its own and ``patchlaw --version`` imports none of them.
    """

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run the program on streams that can print anything; see ``verification.terminal``."""
        with printable_streams():
            return super().main(*args, **extra)

    @staticmethod
    def _entry_points() -> dict[str, EntryPoint]:
        return {point.name: point for point in entry_points(group=COMMAND_GROUP)}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of the subcommands, sorted."""
        return sorted(self._entry_points())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one subcommand, or None where there is no such name."""
        point = self._entry_points().get(cmd_name)
        if point is None:
            return None
        command = point.load()
        if not isinstance(command, click.Command):
            raise TypeError(f"entry point {point.value!r} is not a click command: got {command!r}")
        return command


@click.group(cls=EntryPointGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="patchlaw", prog_name="patchlaw")
def main() -> None:
    """Verify the theory of the loss Hessian of distributed quantum neural networks."""
