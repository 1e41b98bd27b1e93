"""Ours: whether the largest eigenvalue levels off at many patches in shallow circuits.

One column for each d of the scaling study. Above: largest eigenvalues of H, G, G over the angles
and G over the bias against P. Below: the same divided by the run's training loss, because models of
more patches also end at another loss, and the curvature falls with it. The band is
hessian_theory's two-term law a/P + b through the parts at the smallest P; dotted, the elementwise
law 1/P^2 from there.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from patchlaw.hessian_theory.predictions import LevelOffLaw
from patchlaw.paper_figures import panels, style
from patchlaw.paper_figures.drawing import Drawing, Inputs, Sheet, missing_remark
from patchlaw.verification.records import TrainedModel

if TYPE_CHECKING:
    import numpy.typing as npt
    from matplotlib.axes import Axes


_HEIGHT = 4.0
_PARTS = ("G over the angles", "G over the bias")
_MATRICES = ("H", "G", *_PARTS)
_LABELS = (r"$\lambda_{\max}$", r"$\lambda_{\max}$ / training loss")


def draw(inputs: Inputs) -> Drawing:
    """Draw the figure."""
    study, sheet = inputs.scaling, Sheet(inputs, _HEIGHT)
    axes = sheet.figure.subplots(2, max(1, len(study.depths)), squeeze=False)
    for depth, (above, below), found, gaps in sheet.columns(axes, study, _enough, _LABELS):
        loss = np.array([record.minimum.train.loss for record in found])
        sheet.numbers.append(
            {
                "depth": depth,
                "runs": [record.run.id for record in found],
                "seeds": [record.run.seed for record in found],
                "n_patches": [record.run.n_patches for record in found],
                "images": found[0].run.images,
                "train_loss": loss,
                **_panel(above, found, np.ones_like(loss)),
                "per_unit_of_loss": _panel(below, found, loss),
            }
        )
        for panel in (above, below):
            panels.patch_axis(panel, study.patches)
        above.set(xlabel="", xticklabels=[])
        missing_remark(above, gaps)
    sheet.legend(columns=6)
    return sheet.drawing()


def _enough(record: TrainedModel) -> bool:
    return all(record.top(name) is not None for name in _MATRICES)


def _panel(
    axes: "Axes", found: list[TrainedModel], unit: "npt.NDArray[np.float64]"
) -> dict[str, Any]:
    """Eigenvalues, each in its run's unit, and the laws through the first run's."""
    drawn = {name: panels.plot_tops(axes, found, name, unit) for name in _MATRICES}
    p, values = drawn["G"][0], {name: values for name, (_, values, _) in drawn.items()}
    law = LevelOffLaw.from_parts(int(p[0]), *(max(0.0, float(values[name][0])) for name in _PARTS))
    ends = [law.interval_at(int(n_patches)) for n_patches in p]
    low, high = [float(end.low) for end in ends], [float(end.high) for end in ends]
    band: dict[str, Any] = {"color": style.FAINT, "alpha": style.PALE_ALPHA, "linewidth": 0}
    axes.fill_between(p, low, high, label="$a/P + b$ from the first $P$", **band)
    elementwise = values["G"][0] * (p[0] / p) ** 2
    axes.plot(p, elementwise, color=style.FAINT, linestyle=style.DOTTED, zorder=1, label="$1/P^2$")
    axes.set_yscale("log")
    panels.power_ticks(axes, "y", decimal=True)
    return {
        "largest_eigenvalues": values,
        "radii": {name: radii for name, (_, _, radii) in drawn.items()},
        "law": {
            "angle_coefficient": float(law.angle_coefficient),
            "bias_coefficient": float(law.bias_coefficient),
            "low": low,
            "high": high,
        },
        "elementwise": elementwise,
    }
