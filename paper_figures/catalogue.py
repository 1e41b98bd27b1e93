"""All figures and tables by name."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from patchlaw.paper_figures import style
from patchlaw.paper_figures.drawing import Drawing, Inputs
from patchlaw.paper_figures.figures import (
    ansatz_circuit,
    hessian_spectra,
    landscape_contours,
    landscape_surfaces,
    law_ratios,
    law_summary,
    level_off,
    loss_history,
    patch_alignment,
    patch_layout,
    pixel_bias,
    split_along_training,
    trace_law,
    training_accuracies,
    training_losses,
)
from patchlaw.paper_figures.outcome import Outcome
from patchlaw.paper_figures.provenance import Caption, Format, write_figure
from patchlaw.paper_figures.tables import TABLES, PaperTable


@dataclass(frozen=True)
class PaperFigure:
    """A figure.

    Attributes:
        caption: its name and title, and which figure of the paper it is.
        draw: draws it.
    """

    caption: Caption
    draw: Callable[[Inputs], Drawing]

    @property
    def name(self) -> str:
        """As given on the command line."""
        return self.caption.name

    @property
    def title(self) -> str:
        """What it shows, one line, and which figure of the paper it is."""
        return f"{self.caption.title} ({self.caption.paper})"

    def write(self, inputs: Inputs, out: Path, formats: Sequence[Format]) -> Outcome:
        """Draw it and write its files.

        Args:
            inputs: records and runs.
            out: folder of the files, which exists.
            formats: of the drawing.

        Raises:
            ValueError: records whose numbers contradict each other.
            OSError: a file cannot be written.
        """
        with style.figure_style():
            drawing = self.draw(inputs)
            return write_figure(
                self.caption, drawing, out, formats, inputs.records, small=inputs.small
            )


FIGURES: tuple[PaperFigure, ...] = tuple(
    PaperFigure(module.CAPTION, module.draw)
    for module in (
        loss_history,
        patch_layout,
        landscape_contours,
        landscape_surfaces,
        hessian_spectra,
        ansatz_circuit,
        training_losses,
        training_accuracies,
        law_ratios,
        law_summary,
        split_along_training,
        patch_alignment,
        pixel_bias,
        level_off,
        trace_law,
    )
)

Item: TypeAlias = PaperFigure | PaperTable


def find(names: Sequence[str]) -> tuple[Item, ...]:
    """Figures and tables by name, in the catalogue's order; all of them for no names.

    Raises:
        ValueError: an unknown name.
    """
    items: tuple[Item, ...] = (*FIGURES, *TABLES)
    known = {item.name: item for item in items}
    for name in names:
        if name not in known:
            raise ValueError(f"name: expected one of {', '.join(known)}, got {name!r}")
    return tuple(item for name, item in known.items() if not names or name in names)
