"""``patchlaw predict``: ratios, bounds and sizes for two numbers of patches."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from typing import Any, TypeVar

import click

from patchlaw.commands.predict_from_data import (
    KINDS,
    SETTINGS,
    data_options,
    kind_of,
    print_from_data,
)
from patchlaw.hessian_theory.predictions import (
    Architecture,
    Input,
    MeasuredModel,
    RatioInputs,
    law_inputs,
)

_F = TypeVar("_F", bound=Callable[..., None])

# 1e99999999 as a fraction has a hundred million digits; the laws take nothing beyond 1e+-150
_MAX_EXPONENT = 150
_SMALLEST, _LARGEST = Fraction(1, 10**_MAX_EXPONENT), Fraction(10**_MAX_EXPONENT)
_EXPONENT = re.compile(r"e[+-]?[0_]*([0-9_]*)\s*$", re.IGNORECASE)


def number(text: str) -> Fraction:
    """A number kept exact: 1, 0.5, 1/2 and 2e-3 all become fractions.

    Raises:
        click.BadParameter: no number, an infinite one, or one beyond 1e150 or below 1e-150.
    """
    shown = repr(text if len(str(text)) <= 40 else f"{str(text)[:40]}...")
    exponent = _EXPONENT.search(str(text))
    try:
        huge = exponent is not None and len(exponent[1]) > 4
        value = None if huge else Fraction(str(text).strip())
    except (ValueError, ZeroDivisionError):
        raise click.BadParameter(
            f"expected a finite number, got {shown}; write it as 1, 0.5, 1/2 or 2e-3"
        ) from None
    if value is None or (value and not _SMALLEST <= abs(value) <= _LARGEST):
        raise click.BadParameter(
            f"expected 0 or a size from 1e-{_MAX_EXPONENT} to 1e{_MAX_EXPONENT}, got {shown}"
        )
    return value


def numbers(text: str) -> tuple[Fraction, ...]:
    """Numbers separated by commas."""
    return tuple(number(entry) for entry in str(text).split(","))


@contextmanager
def _usage_errors(model: str | None = None) -> Iterator[None]:
    """Turn the library's errors into click's, naming the model they are about."""
    try:
        yield
    except (TypeError, ValueError) as error:
        where = "" if model is None else f"model at {model}: "
        raise click.UsageError(f"{where}{error}") from error


def _names(each: Input) -> tuple[str, ...]:
    """Parameters of a law's input, that of the first model first."""
    return (each.name,) if each.first_only else each.names


def _law_options(command: _F) -> _F:
    """An option for each model's value of everything that a registered law takes."""
    for each in reversed(law_inputs()):
        what = f"{each.each}, one a patch: 1.2,0.9,.." if each.each else f"{each.meaning}."
        helps = (f"At P1: {what}", "At P2: the same.")
        for name, text in reversed([*zip(_names(each), helps, strict=False)]):
            option = f"--{name.replace('_', '-')}"
            kind = numbers if each.each else number
            command = click.option(option, type=kind, help=text)(command)
    return command


def _of_model(known: Mapping[str, Any], index: int) -> dict[str, Any]:
    """What the options say of one of the two models."""
    found = {each.name: _names(each)[index : index + 1] for each in law_inputs()}
    return {name: known.get(*names) for name, names in found.items() if names}


@click.command()
@click.option("--from", "patches1", type=int, help="Patches P1.")
@click.option("--to", "patches2", type=int, help="Patches P2.")
@click.option(
    "--alpha",
    type=number,
    metavar="NUMBER",
    default="1",
    help="Exponent of s = c P^(-alpha).",
    show_default=True,
)
@_law_options
@click.option("--depth", type=int, help="Depth d; with it bounds and sizes are given too.")
@click.option("--qubits", type=int, default=8, show_default=True, help="Qubits n, patch side.")
@click.option("--image-side", type=int, default=14, show_default=True, help="Image side.")
@click.option("--classes", type=int, default=10, show_default=True, help="Classes C.")
@click.option("--scale", type=number, default="100", show_default=True, help="Logit scale c.")
@click.option(
    "--noise",
    type=float,
    default=0.0,
    show_default=True,
    help="Global depolarising p after each of m gates: c (1 - p)^m for c, in bounds and sizes.",
)
@click.option("--kappa", type=number, help="Measured lambda_max(G) / tr G, for the sizes.")
@click.option(
    "--no-bias", is_flag=True, help="Without the pixel bias: G over the angles in place of H."
)
@data_options
@click.option("--all", "everything", is_flag=True, help="Print every law, bound and size too.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")
@click.pass_context
def predict(
    context: click.Context,
    /,
    patches1: int | None,
    patches2: int | None,
    alpha: Fraction,
    depth: int | None,
    qubits: int,
    image_side: int,
    classes: int,
    scale: Fraction,
    noise: float,
    kappa: Fraction | None,
    no_bias: bool,
    everything: bool,
    as_json: bool,
    **known: Any,
) -> None:
    """Predict how the largest Hessian eigenvalue changes from P1 to P2 patches.

    Prints the ratio by the best law that the given inputs allow, with an interval made from that
    law's errors on record, and what would narrow it. With --all every law follows, with
    how far each is to be trusted, and with --depth rigorous upper bounds and size estimates for
    both models. Numbers may be written as 0.5 or 1/2.

    With --patches in place of --from and --to, and one of --start, --loss and --pilot, it predicts
    the spectrum of G over the angles from images and sizes: before training, at a minimum of that
    training loss, or at a minimum from the logits of a trained run.
    """
    kind = kind_of(context)
    if kind is not None:
        print_from_data(context, kind)
        return
    known = {name: value for name, value in known.items() if name not in (*KINDS, *SETTINGS)}
    for name, value in (("--from", patches1), ("--to", patches2)):
        if value is None:
            raise click.MissingParameter(param_hint=f"'{name}'", param_type="option")
    assert patches1 is not None
    assert patches2 is not None

    from patchlaw.hessian_theory.predictions.rendering import report_data, report_tables
    from patchlaw.hessian_theory.predictions.report import predict_all

    if (known["angle_part"] is None) != (known["bias_part"] is None):
        raise click.UsageError(
            "--angle-part, --bias-part: expected both or neither, got one; "
            "the two-term law needs the two parts measured at P1"
        )
    given = [
        f"--{name.replace('_', '-')}"
        for name in ("qubits", "image_side", "classes", "scale", "noise", "kappa")
        if context.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT
    ]
    if given and depth is None:
        raise click.UsageError(
            f"{', '.join(given)}: expected --depth with it, got none; the ratios do not "
            "depend on sizes, their intervals, bounds and sizes do"
        )
    with _usage_errors("--from"):
        first = MeasuredModel.of(patches1, _of_model(known, 0))
    with _usage_errors("--to"):
        second = MeasuredModel.of(patches2, _of_model(known, 1))
    with _usage_errors():
        architectures: tuple[Architecture, ...] = ()
        if depth is not None:
            rest = (depth, qubits, image_side, classes, scale, alpha)
            architectures = tuple(Architecture(p, *rest) for p in (patches1, patches2))
        if noise:
            from patchlaw.verification.records.run_facts import depolarised

            architectures = tuple(depolarised(each, noise) for each in architectures)
        report = predict_all(
            RatioInputs(first, second, alpha),
            architectures=architectures,
            include_bias=not no_bias,
            kappa=kappa,
        )
    if as_json:
        click.echo(json.dumps(report_data(report), indent=2, allow_nan=False))
        return

    from patchlaw.console import PlainConsole
    from patchlaw.verification.tables import Table, print_table

    console = PlainConsole()
    console.print(str(report))
    if not everything:
        console.print("Every law, bound and size: --all")
        return
    console.print()
    for content in report_tables(report):
        print_table(Table(*content, whole=("law", "interval")), console)
