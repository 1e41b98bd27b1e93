"""All figures and tables by name."""

from collections.abc import Sequence
from typing import TypeAlias

from patchlaw.hessian_theory.input_checks import one_of
from patchlaw.paper_figures.figures import (
    ansatz_circuit,
    hessian_spectra,
    kernel_spectra,
    landscapes,
    law_ratios,
    law_summary,
    level_off,
    one_axis,
    patch_alignment,
    patch_layout,
    pixel_bias,
    spectra_along_training,
    split_along_training,
    trace_law,
    training,
)
from patchlaw.paper_figures.provenance import PaperFigure
from patchlaw.paper_figures.report.explorer import Explorer
from patchlaw.paper_figures.tables import TABLES, PaperTable

FIGURES: tuple[PaperFigure, ...] = (
    PaperFigure(
        training.draw_history, "figure-1", "training and test loss against epoch", "Fig. 1"
    ),
    PaperFigure(
        patch_layout.draw,
        "figure-2",
        "patches over a digit, and how many cover each pixel",
        "Fig. 2",
    ),
    PaperFigure(
        landscapes.draw_contours,
        "figure-3",
        "loss contours over the trajectory's plane of principal components",
        "Fig. 3",
    ),
    PaperFigure(
        landscapes.draw_surfaces,
        "figure-3-surfaces",
        "loss surfaces over the trajectory's plane",
        "Fig. 3, as surfaces",
    ),
    PaperFigure(
        hessian_spectra.draw,
        "figure-4",
        "density of the Hessian's eigenvalues, and its outliers",
        "Fig. 4",
    ),
    PaperFigure(
        ansatz_circuit.draw, "figure-5", "the ansatz and its two kinds of blocks", "Fig. 5"
    ),
    PaperFigure(
        training.draw_losses, "figure-c-loss", "losses along training", "Appendix C, losses"
    ),
    PaperFigure(
        training.draw_accuracies,
        "figure-c-accuracy",
        "accuracies along training",
        "Appendix C, accuracies",
    ),
    PaperFigure(
        kernel_spectra.draw,
        "kernel-spectra",
        "predicted against measured eigenvalues 1 to 12, by the tangent kernel",
    ),
    PaperFigure(law_ratios.draw, "law-ratios", "predicted against measured eigenvalue ratios"),
    PaperFigure(
        law_summary.draw, "law-summary", "each law's error against measured eigenvalue ratios"
    ),
    PaperFigure(
        split_along_training.draw, "split-along-training", "the terms G and R along training"
    ),
    PaperFigure(
        spectra_along_training.draw,
        "spectra-along-training",
        "bulk and outliers of the Hessian's spectrum along training",
    ),
    PaperFigure(
        patch_alignment.draw,
        "alignment",
        "alignment of the patches and shares of the top eigenvector",
    ),
    PaperFigure(
        pixel_bias.draw, "pixel-bias", "coverage of the pixels and the bias' part of the curvature"
    ),
    PaperFigure(level_off.draw, "level-off", "largest eigenvalues against P in shallow circuits"),
    PaperFigure(trace_law.draw, "trace-law", "trace of the first term over the trace law"),
    *one_axis.FIGURES,
)

Item: TypeAlias = PaperFigure | PaperTable | Explorer


def find(names: Sequence[str]) -> tuple[Item, ...]:
    """Figures and tables by name, in the catalogue's order; all of them for no names.

    Raises:
        ValueError: an unknown name.
    """
    items: tuple[Item, ...] = (*FIGURES, *TABLES, Explorer())
    known = {item.name: item for item in items}
    for name in names:
        one_of("name", name, known)
    return tuple(item for name, item in known.items() if not names or name in names)
