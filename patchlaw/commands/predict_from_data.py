"""The part of ``patchlaw predict`` that starts from data: ``--start``, ``--loss``, ``--pilot``."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from patchlaw.commands.options import DataType, ExistingPath

if TYPE_CHECKING:
    from patchlaw.hessian_theory.predictions import Architecture
    from patchlaw.verification.kernels.start import SpectrumPrediction, Spread

_F = TypeVar("_F", bound=Callable[..., Any])

KINDS = ("start", "loss", "pilot")
SETTINGS = ("patches", "data", "images", "draws", "seed", "bias")

# options of the command that mean something there, as fields of Architecture
_SIZES = {
    "depth": "depth",
    "qubits": "n_qubits",
    "image_side": "image_side",
    "classes": "n_classes",
    "scale": "scale",
    "alpha": "aggregation_exponent",
}


def _separated(kind: type, what: str, example: str) -> Callable[[str], tuple[Any, ...]]:
    def parse(text: str) -> tuple[Any, ...]:
        try:
            return tuple(kind(part) for part in str(text).split(","))
        except ValueError:
            raise click.BadParameter(f"expected {what}, got {text!r}; write {example}") from None

    return parse


def data_options(command: _F) -> _F:
    """``--start``, ``--loss`` and ``--pilot`` with the options that go with them."""
    for option in (
        click.option("--seed", type=click.IntRange(0), default=0, help="From data: of all draws."),
        click.option("--bias", is_flag=True, help="From data: G over the pixel bias as well."),
        click.option(
            "--draws",
            type=click.IntRange(1, 1000),
            help="From data: draws of images, encoding angles, logits.  [default: 6, then 3]",
        ),
        click.option(
            "--images",
            type=click.IntRange(2, 20_000),
            help="From data: images a draw.  [default: 600 at the start, then 1000]",
        ),
        click.option(
            "--data",
            type=DataType(),
            default="mnist",
            show_default=True,
            help="From data: images, by name or MNIST-format IDX files.",
        ),
        click.option(
            "--patches",
            type=_separated(int, "whole numbers with commas", "4,9,16"),
            metavar="P,P,..",
            help="From data: numbers of patches.",
        ),
        click.option(
            "--pilot",
            type=ExistingPath(file_okay=False),
            metavar="RUN",
            help="From data: a minimum, with the logits of a trained run.",
        ),
        click.option(
            "--loss",
            type=_separated(float, "numbers with commas", "0.02 or 0.02,0.01"),
            metavar="L[,L..]",
            help="From data: a minimum of this training loss, one for all P or one a P.",
        ),
        click.option("--start", is_flag=True, help="From data: before training, sizes alone."),
    ):
        command = option(command)
    return command


def kind_of(context: click.Context) -> str | None:
    """What is to be predicted from data; None for ratios.

    Raises:
        click.UsageError: options of the other kind of prediction, or without what they need.
    """
    given = {
        parameter.name: parameter.opts[0]
        for parameter in context.command.params
        if parameter.name
        and context.get_parameter_source(parameter.name) is not ParameterSource.DEFAULT
    }
    kinds = [name for name in KINDS if name in given]
    if not kinds:
        if others := [given[name] for name in SETTINGS if name in given]:
            raise click.UsageError(
                f"{', '.join(others)}: expected --start, --loss or --pilot with it, got none; "
                "add one"
            )
        return None
    kind = kinds[-1]
    if "start" in kinds and len(kinds) > 1:
        raise click.UsageError(f"--{kind}: expected none beside --start, got it; choose one")
    allowed = (*KINDS, *SETTINGS, *_SIZES, "as_json", *["noise"] * (kind != "pilot"))
    if others := [text for name, text in given.items() if name not in allowed]:
        more = "; a ratio takes --loss1 and --loss2" if kind == "loss" else ""
        raise click.UsageError(
            f"{', '.join(others)}: expected none beside --{kind}, got it; the prediction follows "
            f"from data and sizes{more}"
        )
    needed = ("patches",) if kind == "pilot" else ("patches", "depth")
    if missing := [text for text in needed if text not in given]:
        raise click.UsageError(f"--{kind}: expected --{' and --'.join(missing)} with it, got none")
    return kind


def print_from_data(context: click.Context, kind: str) -> None:
    """Predict and print; the arguments are those of the command."""
    from patchlaw.commands.options import refusals

    chosen = context.params
    patches, losses = chosen["patches"], chosen["loss"] or (None,)
    if len(losses) not in (1, len(patches)):
        raise click.UsageError(
            f"--loss: expected one number, or one for each of {len(patches)} P, got {len(losses)}"
        )
    settings = {"seed": chosen["seed"], "include_bias": chosen["bias"]}
    numbers = {"n_samples": chosen["images"], "draws": chosen["draws"]}  # else the predictions' own
    settings |= {name: number for name, number in numbers.items() if number is not None}
    sizes = {
        field: chosen[name]
        for name, field in _SIZES.items()
        if kind != "pilot" or context.get_parameter_source(name) is not ParameterSource.DEFAULT
    }
    with refusals():
        predict, resized = _predictor(kind, chosen)
        try:
            models = [resized(n_patches=p, **sizes) for p in patches]
        except (TypeError, ValueError) as error:
            raise click.UsageError(str(error)) from error
        every = losses * len(models) if len(losses) == 1 else losses
        found = [predict(model, loss, settings) for model, loss in zip(models, every, strict=True)]
    if chosen["as_json"]:
        click.echo(json.dumps([_data_of(each) for each in found], indent=2, allow_nan=False))
        return
    _print_table(found, kind)


_Predictor = Callable[["Architecture", float | None, dict[str, Any]], "SpectrumPrediction"]


def _predictor(
    kind: str, chosen: dict[str, Any]
) -> tuple[_Predictor, Callable[..., "Architecture"]]:
    """What predicts one model, and what makes its sizes of some of them."""
    from patchlaw.verification.runs import Run, load_samples

    if kind == "pilot":
        from patchlaw.verification.kernels.minimum import Pilot, predict_from_pilot

        run = Run.open(chosen["pilot"])
        data = run.config.data
        samples = data.load(None if chosen["data"] == "mnist" else chosen["data"])
        pilot = Pilot.of_run(run, samples)
        return (
            lambda model, loss, settings: predict_from_pilot(pilot, model, loss, **settings),
            pilot.resized,
        )
    from patchlaw.hessian_theory.predictions import Architecture
    from patchlaw.verification.kernels.minimum import predict_minimum
    from patchlaw.verification.kernels.start import predict_start
    from patchlaw.verification.records.run_facts import depolarised

    def sizes_of(**sizes: Any) -> Architecture:
        return depolarised(Architecture(**sizes), chosen["noise"])

    samples = load_samples(chosen["data"], n_qubits=chosen["qubits"])
    data_set = samples.train_images, samples.train_labels
    if kind == "start":
        return lambda model, _, settings: predict_start(model, *data_set, **settings), sizes_of
    return (
        lambda model, loss, settings: predict_minimum(model, *data_set, loss or 0.0, **settings),
        sizes_of,
    )


def _data_of(found: "SpectrumPrediction") -> dict[str, Any]:
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


_TITLES = {
    "start": "before training",
    "loss": "at a minimum, trained in the expected kernel to the loss",
    "pilot": "at a minimum, from the pilot's logits",
}


def _print_table(found: "list[SpectrumPrediction]", kind: str) -> None:
    from patchlaw.console import PlainConsole
    from patchlaw.verification.kernels.start import OUTLIER_SHARE
    from patchlaw.verification.tables import Table, print_table

    def shown(spread: "Spread", digits: int = 3) -> str:
        return f"{spread.mean:.{digits}g} +- {spread.deviation:.2g}"

    first, seconds = found[0].eigenvalues[0].mean, sum(each.seconds for each in found)
    rows = tuple(
        (
            str(each.architecture.n_patches),
            shown(each.eigenvalues[0], 4),
            f"{each.eigenvalues[0].mean / first:.3g}",
            shown(each.alignment),
            shown(each.outliers),
            f"{each.largest_rate.mean:.3g}",
            f"{each.loss.mean:.3g}",
            f"{100 * each.half_the_images.mean:+.1f} %",
        )
        for each in found
    )
    one = found[0]
    matrix = "G" if one.includes_bias else "G over the angles"
    beyond = (
        ""
        if kind == "start"
        else " Made for a training set as large as a draw: the loss of a larger one sits on fewer "
        "images, and lambda_max is smaller then."
        if kind == "loss"
        else " A draw's loss differs from the pilot's over all images."
    )
    header = ("P", "lambda_max", "ratio", "alignment", "outliers", "2/lambda_max", "loss", "half")
    table = Table(
        f"{matrix} {_TITLES[kind]}, depth {one.architecture.depth}",
        header,
        rows,
        "The tangent kernel's law, nothing fitted: mean and standard deviation of "
        f"{len(one.trace.draws)} draws of {one.n_samples} images, {seconds:.0f} s; "
        f"ratio: to the first; outliers: above {OUTLIER_SHARE:g} lambda_max; half: by how much "
        f"lambda_max moves with half the images.{beyond}",
        whole=("P", "lambda_max"),
    )
    print_table(table, PlainConsole())
