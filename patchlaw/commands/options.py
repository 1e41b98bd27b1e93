"""What several commands have in common: arguments, options, and how their work ends."""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from patchlaw.verification.ranks.launch import RankError, launched

if TYPE_CHECKING:
    from patchlaw.console import PlainConsole
    from patchlaw.verification.ranks.ranks import Ranks

F = TypeVar("F", bound=Callable[..., Any])

INTERRUPTED = 130  # the shell's code for a process ended by Ctrl-C
MAX_THREADS = 1024  # ours: more than any machine has; OpenMP dies of far more

runs_argument = click.argument(
    "runs",
    nargs=-1,
    required=True,
    metavar="RUN...",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
)


records_option = click.option(
    "--records",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of analysed runs; the ones that come with the source tree if left out.",
)


def out_option(default: str | None, what: str) -> Callable[[F], F]:
    """``--out``, a folder; without a default it must be given."""
    return click.option(
        "--out",
        type=click.Path(file_okay=False, path_type=Path),
        default=default and Path(default),
        required=default is None,
        show_default=True,
        help=what,
        callback=_folder,
    )


def _folder(context: click.Context, option: click.Parameter, path: Path) -> Path:
    if path.exists() and not path.is_dir():
        raise click.BadParameter(f"expected a folder, got a pipe, socket or device: {path}")
    return path


class DataType(click.Path):
    """A path that exists, or the name of a data set in the package, which comes back as a text."""

    name = "data"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The name, or the path if it exists."""
        if value in DATASETS:
            return value
        return super().convert(value, param, ctx)


DATASETS = ("mnist", "fashion-mnist", "digits")


def data_option(what: str = "to use in place of the embedded images.") -> Callable[[F], F]:
    """``--data``, the name of a data set or a folder of MNIST-format files or one of them."""
    kind = DataType(exists=True, path_type=Path)
    names = f"{', '.join(DATASETS[:-1])} or {DATASETS[-1]}"
    return click.option("--data", type=kind, help=f"{names}, or MNIST-format IDX files {what}")


def settings_options(kind: type, *, recorded: bool = False) -> Callable[[F], F]:
    """An option for each field of a dataclass of ``setting``s.

    Where ``recorded``, one that is not given is None or (), as a record decides then.
    """

    def add(command: F) -> F:
        for each in reversed(fields(kind)):
            facts, default = each.metadata, each.default
            span = click.FloatRange if isinstance(default, float) else click.IntRange
            command = click.option(
                facts["argument"],
                each.name,
                type=span(facts["least"]),
                multiple=isinstance(default, tuple),
                default=None if recorded else default,
                show_default=not recorded,
                help=facts["help"],
            )(command)
        return command

    return add


def machine_options(whose: str = "", work: str = "") -> Callable[[F], F]:
    """``--threads`` and ``--device``; ``whose`` where the first session decides."""
    known = f"{whose} own; for a new one, " if whose else ""

    def add(command: F) -> F:
        on = click.option("--device", help=f"torch device{work}.  [default: {known}cpu]")
        count = click.option(
            "--threads",
            type=click.IntRange(1, MAX_THREADS),
            help=f"Worker threads.  [default: {known}torch's choice]",
        )
        return count(on(command))

    return add


@contextmanager
def interruptible(console: "PlainConsole", how: str) -> Iterator[None]:
    """Ctrl-C ends with a line and ``INTERRUPTED``."""
    try:
        yield
    except KeyboardInterrupt:
        console.say(f"Interrupted; the same command {how}")
        raise SystemExit(INTERRUPTED) from None


@contextmanager
def refusals() -> Iterator[None]:
    """What is refused or fails is an error of one line and the exit code 1."""
    try:
        yield
    except (ValueError, OSError, FloatingPointError, RankError) as error:
        raise click.ClickException(str(error)) from error


@contextmanager
def joined(device: str | None = None) -> Iterator["Ranks"]:
    """The ranks that torchrun or MPI has started, or this process alone.

    Rank 0 prints. Where a rank is lost or fails, the first that is left says why.

    Raises:
        ValueError, RankError: see ``join``.
    """
    launch = launched()
    from patchlaw.verification.ranks.join import join
    from patchlaw.verification.ranks.ranks import ALONE

    if launch is None:
        yield ALONE
        return
    try:
        with join(launch, device) as ranks:
            if ranks.leads:
                yield ranks
            else:
                with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
                    yield ranks
    except BaseException as error:
        if getattr(error, "speaks", True):
            raise
        raise SystemExit(getattr(error, "code", 1)) from None
