"""What several commands have in common: arguments, options, and how their work ends."""

import io
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from patchlaw.verification.ranks.launch import RankError, launched
from patchlaw.verification.settings import DATASETS

if TYPE_CHECKING:
    from patchlaw.console import PlainConsole
    from patchlaw.verification.ranks.ranks import Ranks

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")

INTERRUPTED = 130  # the shell's code for a process ended by Ctrl-C
MAX_THREADS = 1024  # ours: more than any machine has; OpenMP dies of far more


class ExistingPath(click.Path):
    """A path that exists; where it does not, the message names what is near."""

    def __init__(self, **kinds: bool) -> None:
        super().__init__(exists=True, path_type=Path, **kinds)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """As click's."""
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter as error:
            from patchlaw.verification.store.errors import near

            offer = self.offer(value) or near(Path(value))
            text = error.message.removesuffix(".") + offer
            raise click.BadParameter(text, ctx=ctx, param=param) from error

    def offer(self, value: Any) -> str:
        """What else may have been meant."""
        return ""


_PLANS, _RUNS = "patchlaw plans", "patchlaw runs"


def runs_argument(*, required: bool = True) -> Callable[[F], F]:
    """``RUN...``, folders of runs or plans, and ``--in``, where the runs of a plan are."""
    within = click.option(
        "--in",
        type=click.Path(file_okay=False, path_type=Path),
        default=Path("runs"),
        show_default=True,
        is_eager=True,
        expose_value=False,
        callback=lambda context, _, path: context.meta.update({_RUNS: path}),
        help="Folder of runs, where RUN is a plan (a TOML file) in place of a folder.",
    )
    runs = click.argument(
        "runs",
        nargs=-1,
        required=required,
        metavar="RUN...",
        type=ExistingPath(),
        callback=_folders,
    )
    return lambda command: within(runs(command))


def _folders(
    context: click.Context, option: click.Parameter, paths: tuple[Path, ...]
) -> tuple[Path, ...]:
    """Folders as they are, plans as the folders of their runs; the plans' paths are kept."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found.append(path)
            continue
        from patchlaw.paper_figures.study import Study

        try:
            study = Study.of_plan(path)
        except (ValueError, OSError) as error:
            raise click.BadParameter(str(error)) from error
        found += [context.meta[_RUNS] / run.run_id for run in study.runs]
        context.meta.setdefault(_PLANS, []).append(path)
    return tuple(dict.fromkeys(found))


def options_of_plan(command: str, kind: type, *more: str) -> dict[str, Any]:
    """What the plans among RUN say of a command; see ``plan_table``.

    Raises:
        ValueError: they say different things, and one's would be the options of the other's runs.
    """
    paths = click.get_current_context().meta.get(_PLANS, [])
    tables = [plan_table(path, command, kind, *more) for path in paths]
    for path, table in zip(paths, tables, strict=True):
        if table != tables[0]:
            raise ValueError(
                f"expected plans of one table [{command}], got {paths[0]} and {path}, which differ "
                "in it; give one after the other"
            )
    return tables[0] if tables else {}


def plan_table(path: Path, command: str, kind: type, *more: str) -> dict[str, Any]:
    """What a plan says of a command, by field of a dataclass of ``setting``s.

    Args:
        path: of the plan.
        command: its table.
        kind: the dataclass.
        more: other names it may have.

    Raises:
        ValueError: an unknown name, or a value that the dataclass refuses.
    """
    from patchlaw.verification.analysis.options import check_stages
    from patchlaw.verification.runs.plan import PlanError, read_options

    names = {f.metadata["argument"].removeprefix("--"): f.name for f in fields(kind)}
    names |= {name: name for name in more}
    table = read_options(path, command)
    if unknown := sorted(set(table) - set(names)):
        raise PlanError(
            f"{path}: [{command}]: expected {', '.join(names)}, got {', '.join(unknown)}"
        )
    found = {names[k]: tuple(v) if isinstance(v, list) else v for k, v in table.items()}
    try:
        kind(**{name: value for name, value in found.items() if name not in more})
        if not isinstance(stages := found.get("stages", ()), tuple):
            raise TypeError(f"stages: expected a list, got {stages!r}")
        check_stages(stages)
    except (TypeError, ValueError) as error:
        raise PlanError(f"{path}: [{command}]: {error}") from error
    return found


def check_plan_tables(path: Path) -> None:
    """Refuse options of commands that would be refused once the plan's runs are trained.

    Raises:
        ValueError: see ``plan_table``.
    """
    from patchlaw.verification.analysis.options import AnalysisOptions
    from patchlaw.verification.kernels.kernel_job import KernelSettings

    plan_table(path, "analyse", AnalysisOptions, "stages")
    plan_table(path, "kernel", KernelSettings, "brief")


def timed(items: Sequence[T], what: str, console: "PlainConsole") -> Iterator[T]:
    """The items, and in the end a line that says how long they took."""
    begin = time.perf_counter()
    yield from items
    minutes = (time.perf_counter() - begin) / 60
    console.say(f"{len(items)} {what}{'s' * (len(items) != 1)} in {minutes:.1f} min")


records_option = click.option(
    "--records",
    type=ExistingPath(file_okay=False),
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


class DataType(ExistingPath):
    """A path that exists, or the name of a data set in the package, which comes back as a text."""

    name = "data"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The name, or the path if it exists."""
        if value in DATASETS:
            return value
        return super().convert(value, param, ctx)

    def offer(self, value: Any) -> str:
        """One of the names."""
        from patchlaw.hessian_theory.input_checks import nearest

        return nearest(value, DATASETS)


def data_option(what: str = "to use in place of the embedded images.") -> Callable[[F], F]:
    """``--data``, the name of a data set or a folder of MNIST-format files or one of them."""
    kind = DataType()
    names = f"{', '.join(DATASETS[:-1])} or {DATASETS[-1]}"
    return click.option("--data", type=kind, help=f"{names}, or MNIST-format IDX files {what}")


def settings_options(
    kind: type, *, recorded: bool = False, without: tuple[str, ...] = ()
) -> Callable[[F], F]:
    """An option for each field of a dataclass of ``setting``s.

    Args:
        kind: the dataclass.
        recorded: whether one that is not given is None or (), as a record decides then.
        without: fields that have no option, or one of their own.
    """

    def add(command: F) -> F:
        for each in reversed(fields(kind)):
            if each.name in without:
                continue
            needed = each.default is MISSING
            command = click.option(
                each.metadata["argument"],
                each.name,
                type=_option_type(each),
                multiple=isinstance(each.default, tuple),
                default=None if recorded or needed else each.default,
                required=needed,
                show_default=not recorded,
                help=each.metadata["help"],
            )(command)
        return command

    return add


def _option_type(each: "Field[Any]") -> Any:
    facts = each.metadata
    if choices := facts.get("choices"):
        return click.Choice(choices)
    if isinstance(each.default, bool):
        return bool
    if isinstance(each.default, float) or facts.get("real"):
        ends = facts["least"], facts.get("most")
        above = facts.get("above", False)
        return click.FLOAT if ends == (None, None) else click.FloatRange(*ends, above)
    return click.IntRange(facts["least"], facts.get("most"))


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
