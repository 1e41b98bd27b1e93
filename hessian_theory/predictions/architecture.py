"""The sizes of a distributed QNN that bounds and size estimates depend on."""

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from patchlaw.hessian_theory.coverage import PatchCoverage
from patchlaw.hessian_theory.input_checks import (
    aggregation_exponent,
    bounded_integer,
    finite_number,
)
from patchlaw.hessian_theory.predictions.evidence import Number
from patchlaw.hessian_theory.predictions.powers import power

MAX_QUBITS = 64
MAX_IMAGE_SIDE = 10**6  # ours: coverage counts take a number for each pixel of a side


@dataclass(frozen=True)
class Architecture:
    """P independent QNNs of n qubits and depth d, logits z = c P^(-alpha) sum_p f_p.

    Defaults are the paper's (Sec. 2 and Appendix A): 8 qubits, 8x8 patches of a 14x14 image, 10
    classes, c = 100, alpha = 1. A patch has n^2 features, each encoded by one rotation.

    Attributes:
        n_patches: P.
        depth: d, layers in each of the three trained blocks.
        n_qubits: n; the patch's side as well.
        image_side: side of the image in pixels; read only where the pixel bias is included.
        n_classes: C.
        scale: c.
        aggregation_exponent: alpha.

    Raises:
        TypeError: a value is not a number of the right kind.
        ValueError: a value is out of range.
    """

    n_patches: int
    depth: int
    n_qubits: int = 8
    image_side: int = 14
    n_classes: int = 10
    scale: Number = 100
    aggregation_exponent: Number = Fraction(1)

    def __post_init__(self) -> None:
        """Check each value; the grid is checked where it is first needed."""
        put = object.__setattr__
        put(self, "n_patches", bounded_integer("n_patches", self.n_patches))
        for name in ("depth", "n_classes"):
            put(self, name, bounded_integer(name, getattr(self, name)))
        put(self, "image_side", bounded_integer("image_side", self.image_side, MAX_IMAGE_SIDE))
        put(self, "n_qubits", bounded_integer("n_qubits", self.n_qubits, MAX_QUBITS))
        if self.n_classes < 2:
            raise ValueError("n_classes: expected at least 2, got 1; one class has no loss")
        what = "the logit scale c"
        put(self, "scale", finite_number("scale", self.scale, what=what, above=0, maximum=1e9))
        put(self, "aggregation_exponent", aggregation_exponent(self.aggregation_exponent))

    @property
    def angles_per_patch(self) -> int:
        """n_p = (6 d + 2 n) n; 48 d + 128 for 8 qubits."""
        return (6 * self.depth + 2 * self.n_qubits) * self.n_qubits

    @property
    def n_angles(self) -> int:
        """P n_p."""
        return self.n_patches * self.angles_per_patch

    @property
    def logit_factor(self) -> float:
        """s = c P^(-alpha)."""
        base = Fraction(self.n_patches)
        return float(self.scale) * float(power(base, -self.aggregation_exponent))

    @cached_property
    def coverage(self) -> PatchCoverage:
        """Coverage of the image by the patches.

        Raises:
            ValueError: the patches form no regular grid over the image.
        """
        return PatchCoverage(self.image_side, self.n_qubits, self.n_patches)
