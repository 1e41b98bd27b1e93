"""The part of ``patchlaw predict`` that speaks of the start, with ``--start``."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from patchlaw.commands.options import DataType

if TYPE_CHECKING:
    from patchlaw.verification.kernels.start import Spread, StartPrediction

_F = TypeVar("_F", bound=Callable[..., Any])

START_NAMES = ("patches", "data", "images", "draws", "seed")

# options of the command that mean something with --start
_SIZES = ("depth", "qubits", "image_side", "classes", "scale", "alpha", "as_json", "start")


def _patches(text: str) -> tuple[int, ...]:
    try:
        found = tuple(int(part) for part in str(text).split(","))
    except ValueError:
        raise click.BadParameter(
            f"expected whole numbers with commas, got {text!r}; write 4,9,16"
        ) from None
    return found


def start_options(command: _F) -> _F:
    """``--start`` and the options that go with it."""
    for option in (
        click.option("--seed", type=click.IntRange(0), default=0, help="With --start: of draws."),
        click.option(
            "--draws",
            type=click.IntRange(1, 1000),
            default=6,
            show_default=True,
            help="With --start: independent draws of images, encoding angles and logits.",
        ),
        click.option(
            "--images",
            type=click.IntRange(2, 20_000),
            default=600,
            show_default=True,
            help="With --start: images a draw.",
        ),
        click.option(
            "--data",
            type=DataType(exists=True, path_type=Path),
            default="mnist",
            show_default=True,
            help="With --start: images, by name or MNIST-format IDX files.",
        ),
        click.option(
            "--patches", type=_patches, metavar="P,P,..", help="With --start: numbers of patches."
        ),
        click.option("--start", is_flag=True, help="Predict the start from data and sizes alone."),
    ):
        command = option(command)
    return command


def check_start_options(context: click.Context, start: bool) -> None:
    """Refuse options of the other kind of prediction, and a start without its sizes.

    Raises:
        click.UsageError: naming them.
    """
    given = {
        parameter.name: parameter.opts[0]
        for parameter in context.command.params
        if parameter.name
        and context.get_parameter_source(parameter.name) is not ParameterSource.DEFAULT
    }
    if start:
        others = [text for name, text in given.items() if name not in (*_SIZES, *START_NAMES)]
        if others:
            raise click.UsageError(
                f"{', '.join(others)}: expected none beside --start, got it; the start follows "
                "from data and sizes"
            )
        missing = [text for text in ("patches", "depth") if text not in given]
        if missing:
            raise click.UsageError(
                f"--start: expected --{' and --'.join(missing)} with it, got none"
            )
    elif others := [given[name] for name in START_NAMES if name in given]:
        raise click.UsageError(f"{', '.join(others)}: expected --start with it, got none; add it")


def print_start(
    sizes: tuple[Any, ...],
    *,
    patches: tuple[int, ...],
    data: Path | str | None,
    images: int,
    draws: int,
    seed: int,
    as_json: bool,
) -> None:
    """Predict and print.

    Args:
        sizes: of ``Architecture`` after its number of patches.
        patches: every P.
        data: as for ``load_mnist``.
        images: a draw.
        draws: of each P.
        seed: of all.
        as_json: JSON and nothing else.
    """
    from patchlaw.commands.options import refusals
    from patchlaw.hessian_theory.predictions import Architecture
    from patchlaw.verification.kernels.start import predict_start
    from patchlaw.verification.runs import load_samples

    try:
        architectures = [Architecture(p, *sizes) for p in patches]
    except (TypeError, ValueError) as error:
        raise click.UsageError(str(error)) from error
    with refusals():
        samples = load_samples(data)
        found = [
            predict_start(
                each,
                samples.train_images,
                samples.train_labels,
                n_samples=images,
                draws=draws,
                seed=seed,
            )
            for each in architectures
        ]
    if as_json:
        click.echo(json.dumps([_data_of(each) for each in found], indent=2, allow_nan=False))
        return
    _print_table(found)


def _data_of(found: "StartPrediction") -> dict[str, Any]:
    from patchlaw.verification.store.json_files import plain

    sizes = found.architecture
    return {
        "n_patches": sizes.n_patches,
        "depth": sizes.depth,
        "n_qubits": sizes.n_qubits,
        "scale": float(sizes.scale),
        "aggregation_exponent": float(sizes.aggregation_exponent),
        **{key: value for key, value in plain(found).items() if key != "architecture"},
    }


def _print_table(found: "list[StartPrediction]") -> None:
    from patchlaw.console import PlainConsole
    from patchlaw.verification.kernels.start import OUTLIER_SHARE
    from patchlaw.verification.tables import Table, print_table

    def shown(spread: "Spread", digits: int = 3) -> str:
        return f"{spread.mean:.{digits}g} +- {spread.deviation:.2g}"

    rows = tuple(
        (
            str(each.architecture.n_patches),
            shown(each.eigenvalues[0], 4),
            shown(each.alignment),
            shown(each.outliers),
            shown(each.largest_rate),
            f"{100 * each.half_the_images.mean:+.1f} %",
        )
        for each in found
    )
    one = found[0]
    table = Table(
        f"G over the angles before training, depth {one.architecture.depth}",
        ("P", "lambda_max", "alignment", "outliers", "2 / lambda_max", "half the images"),
        rows,
        "The tangent kernel's law, nothing fitted and no circuit run: mean and standard deviation "
        f"of {len(one.trace.draws)} draws of {one.n_samples} images; "
        f"outliers are eigenvalues above {OUTLIER_SHARE:g} lambda_max; the last column is by how "
        "much lambda_max moves if half the images are used.",
        whole=("P", "lambda_max"),
    )
    print_table(table, PlainConsole())
