"""Notes below a table: what a column means and how to compute what is missing."""

from collections.abc import Sequence

from patchlaw.paper_figures.tables.protocol import EPOCHS, Configuration

LOST = (
    "Author: the paper's values of this table are lost in the text of the paper that this project "
    "has, so there is nothing to compare with."
)
OUR_PROTOCOL = "Ours: runs by the author's protocol."
OF_SEEDS = (
    "Mean ± standard deviation (n - 1 in the denominator) over so many seeds; one seed has no "
    "deviation."
)


def not_run(
    configuration: Configuration, commands: Sequence[str], epochs_done: int | None = None
) -> str:
    """Why a configuration has no number, and the commands that give one."""
    state = "not run" if epochs_done is None else f"{epochs_done} of {EPOCHS} epochs done"
    return f"{configuration}: {state}; {_in_turn(commands)}"


def short_of_seeds(
    none: Sequence[Configuration], n_missing: int, n_all: int, commands: Sequence[str]
) -> tuple[str, ...]:
    """What is missing of a table over seeds.

    Args:
        none: configurations without any seed.
        n_missing: records missing, over configurations and seeds.
        n_all: records wanted.
        commands: that make them.
    """
    if not n_missing:
        return ()
    names = "; ".join(str(configuration) for configuration in none)
    empty = f" Not run: {names}." if none else ""
    return (
        f"{n_missing} of {n_all} runs over all seeds are missing.{empty} To make them: "
        f"{_in_turn(commands)}",
    )


def _in_turn(commands: Sequence[str]) -> str:
    return ", then ".join(f"`{command}`" for command in commands)
