"""The models of a study of one axis side by side, as a table of docs/findings.md."""

from collections.abc import Iterable

from patchlaw.paper_figures.axes import MOMENTS, Member
from patchlaw.verification.cells import NO_NUMBER, Number, cell_text
from patchlaw.verification.records import ANGLE_BLOCK, Eigenvalue
from patchlaw.verification.tables import markdown_lines


def axis_table(found: Iterable[Member]) -> str:
    """Every model at its minimum, and the tangent kernel's law beside its spectra.

    The last two columns have the law's relative error of lambda_1, and the worst of all measured
    eigenvalues without its sign.
    """
    rows = []
    for member in found:
        run, model = member.run, member.model
        train, test, alignment = model.minimum.train, model.minimum.test, model.alignment
        rows.append(
            (
                member.words,
                f"{run.n_patches}, {run.depth}",
                f"{run.n_parameters:,}",
                _plain(train.loss),
                _plain(test.loss),
                NO_NUMBER.text if test.accuracy is None else f"{test.accuracy:.1%}",
                *map(_value, (model.top("H"), model.top(ANGLE_BLOCK))),
                NO_NUMBER.text if alignment is None else f"{alignment.value:.2f}",
                *(_errors(member.errors(moment)) for moment in MOMENTS),
            )
        )
    head = (
        *("model", "P, d", "D", "training loss", "test loss", "test accuracy"),
        *("λ_max(H)", "λ_max(G), angles", "A", "law at the start", "law at the minimum"),
    )
    return "\n".join(markdown_lines(head, rows))


def _plain(value: float | None) -> str:
    return NO_NUMBER.text if value is None else f"{value:.3g}"


def _value(found: Eigenvalue | None) -> str:
    return NO_NUMBER.text if found is None else f"{found.value:.4g}"


def _errors(errors: tuple[float, ...]) -> str:
    if not errors:
        return NO_NUMBER.text
    first = cell_text(Number(errors[0], 0, signed=True, percent=True))
    return f"{first}, {100 * max(map(abs, errors)):.0f} %"
