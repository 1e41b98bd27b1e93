"""The ``patchlaw`` console command: one group, its subcommands imported when they are called."""

from importlib import import_module
from pathlib import Path
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
    "doctor",
    "figures",
    "kernel",
    "landscape",
    "plan",
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
        """Import and return one subcommand; a name that is none is a usage error."""
        if cmd_name not in COMMANDS:
            if ctx.resilient_parsing:  # a shell asks for completions
                return None
            from patchlaw.hessian_theory.input_checks import nearest

            ctx.fail(f"No such command {cmd_name!r}{nearest(cmd_name, COMMANDS)}")
        command: click.Command = getattr(import_module(f"patchlaw.commands.{cmd_name}"), cmd_name)
        return command


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="""To complete commands with the tab key put into ~/.bashrc (in zsh zsh_source, in fish
    fish_source):

    \b
      eval "$(_PATCHLAW_COMPLETE=bash_source patchlaw)"
    """,
)
@click.version_option(package_name="patchlaw", prog_name="patchlaw")
@click.pass_context
def main(context: click.Context) -> None:
    """Verify the theory of the loss Hessian of distributed quantum neural networks.

    Without a command it says what to do next with what is in the current folder.
    """
    if context.invoked_subcommand is None:
        from patchlaw.work_folder import next_steps

        click.echo("\n".join(next_steps(Path())))
