"""``patchlaw predict``: ratios, bounds and sizes for two numbers of patches."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction

import click

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


@click.command()
@click.option("--from", "patches1", type=int, required=True, help="Patches P1.")
@click.option("--to", "patches2", type=int, required=True, help="Patches P2.")
@click.option(
    "--alpha",
    type=number,
    metavar="NUMBER",
    default="1",
    help="Exponent of s = c P^(-alpha).",
    show_default=True,
)
@click.option("--loss1", type=number, help="Mean cross-entropy at P1, in nats.")
@click.option("--loss2", type=number, help="Mean cross-entropy at P2.")
@click.option("--curvature1", type=number, help="Softmax curvature <tr S> at P1.")
@click.option("--curvature2", type=number, help="Softmax curvature <tr S> at P2.")
@click.option("--blocks1", type=numbers, help="lambda_max(G_pp) at P1, one a patch: 1.2,0.9,..")
@click.option("--blocks2", type=numbers, help="The same at P2.")
@click.option("--residual-blocks1", type=numbers, help="lambda_max(R_pp) at P1, one a patch.")
@click.option("--residual-blocks2", type=numbers, help="The same at P2.")
@click.option("--alignment1", type=number, help="lambda_max(G) / sum of the blocks', at P1.")
@click.option("--alignment2", type=number, help="The same at P2.")
@click.option("--angle-part", type=number, help="lambda_max(G) over the angles at P1.")
@click.option("--bias-part", type=number, help="lambda_max(G) over the pixel bias at P1.")
@click.option("--depth", type=int, help="Depth d; with it bounds and sizes are given too.")
@click.option("--qubits", type=int, default=8, show_default=True, help="Qubits n, patch side.")
@click.option("--image-side", type=int, default=14, show_default=True, help="Image side.")
@click.option("--classes", type=int, default=10, show_default=True, help="Classes C.")
@click.option("--scale", type=number, default="100", show_default=True, help="Logit scale c.")
@click.option("--kappa", type=number, help="Measured lambda_max(G) / tr G, for the sizes.")
@click.option("--no-bias", is_flag=True, help="Leave the pixel bias out of the bounds.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")
def predict(
    patches1: int,
    patches2: int,
    alpha: Fraction,
    loss1: Fraction | None,
    loss2: Fraction | None,
    curvature1: Fraction | None,
    curvature2: Fraction | None,
    blocks1: tuple[Fraction, ...] | None,
    blocks2: tuple[Fraction, ...] | None,
    residual_blocks1: tuple[Fraction, ...] | None,
    residual_blocks2: tuple[Fraction, ...] | None,
    alignment1: Fraction | None,
    alignment2: Fraction | None,
    angle_part: Fraction | None,
    bias_part: Fraction | None,
    depth: int | None,
    qubits: int,
    image_side: int,
    classes: int,
    scale: Fraction,
    kappa: Fraction | None,
    no_bias: bool,
    as_json: bool,
) -> None:
    """Predict how the largest Hessian eigenvalue changes from P1 to P2 patches.

    Prints the ratio under every law that the given inputs allow, the interval that contains the
    true one, and how far each is to be trusted. With --depth it adds rigorous upper bounds and
    size estimates for both models. Numbers may be written as 0.5 or 1/2.
    """
    from patchlaw.hessian_theory.predictions import Architecture, MeasuredModel, RatioInputs
    from patchlaw.hessian_theory.predictions.rendering import report_data, report_tables
    from patchlaw.hessian_theory.predictions.report import predict_all

    parts = None if angle_part is None or bias_part is None else (angle_part, bias_part)
    if parts is None and angle_part != bias_part:
        raise click.UsageError(
            "--angle-part, --bias-part: expected both or neither, got one; "
            "the two-term law needs the two parts measured at P1"
        )
    with _usage_errors("--from"):
        first = MeasuredModel(patches1, loss1, curvature1, blocks1, residual_blocks1, alignment1)
    with _usage_errors("--to"):
        second = MeasuredModel(patches2, loss2, curvature2, blocks2, residual_blocks2, alignment2)
    with _usage_errors():
        architectures = None
        if depth is not None:
            rest = (depth, qubits, image_side, classes, scale, alpha)
            architectures = (Architecture(patches1, *rest), Architecture(patches2, *rest))
        report = predict_all(
            RatioInputs(first, second, alpha),
            bias_parts=parts,
            architectures=architectures,
            include_bias=not no_bias,
            kappa=kappa,
        )
    if as_json:
        click.echo(json.dumps(report_data(report), indent=2, allow_nan=False))
        return

    from patchlaw.console import PlainConsole

    console = PlainConsole()
    for table in report_tables(report):
        console.print(table)
