"""What a user knows about one trained model, checked for consistency."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from fractions import Fraction
from typing import Any

from patchlaw.hessian_theory.input_checks import bounded_integer, finite_number
from patchlaw.hessian_theory.predictions.evidence import Number
from patchlaw.hessian_theory.predictions.loss_factors import check_curvature
from patchlaw.hessian_theory.predictions.powers import quotient

# eigenvalues come printed to a few digits or from an iterative solver
_BLOCK_ROUNDING = 1e-3


@dataclass(frozen=True)
class MeasuredModel:
    """One trained model with P patches: the inputs of every law, all but P optional.

    Attributes:
        n_patches: P.
        loss: mean softmax cross-entropy L over the samples, in nats.
        curvature: mean softmax curvature <tr S>, S = diag(pi) - pi pi^T.
        blocks: lambda_max(G_pp) for each patch p, P values.
        residual_blocks: lambda_max(R_pp) for each patch p, P values, of any sign.
        alignment: A = lambda_max(G) / sum_p lambda_max(G_pp), in [1/P, 1].
        angle_part: lambda_max of G over the angles.
        bias_part: lambda_max of G over the pixel bias.
        more: whatever else a law asks for, by the name of its input.

    Raises:
        TypeError: a value is not a number of the right kind.
        ValueError: a value is out of range, or two values contradict a theorem: <tr S> is at
            most its ceiling at that loss (``loss_factors``), and
            max_p lambda_max(G_pp) <= lambda_max(G) = A sum_p lambda_max(G_pp).
    """

    n_patches: int
    loss: Number | None = None
    curvature: Number | None = None
    blocks: tuple[Number, ...] | None = None
    residual_blocks: tuple[Number, ...] | None = None
    alignment: Number | None = None
    angle_part: Number | None = None
    bias_part: Number | None = None
    more: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        """Check each value, then the values against each other."""
        put = object.__setattr__
        put(self, "n_patches", bounded_integer("n_patches", self.n_patches))
        if self.loss is not None:
            what = "the mean cross-entropy in nats"
            put(self, "loss", finite_number("loss", self.loss, what=what, minimum=0))
        if self.curvature is not None:
            value = check_curvature(self.curvature, loss=self.loss, n_classes=None)
            put(self, "curvature", value)
        if self.blocks is not None:
            put(self, "blocks", self._checked_blocks("blocks", self.blocks, minimum=0))
        if self.residual_blocks is not None:
            blocks = self._checked_blocks("residual_blocks", self.residual_blocks, minimum=None)
            put(self, "residual_blocks", blocks)
        if self.alignment is not None:
            what = "lambda_max(G) / sum_p lambda_max(G_pp), in [1/P, 1]"
            value = finite_number("alignment", self.alignment, what=what, above=0, maximum=1)
            put(self, "alignment", value)
        for name, of in (("angle_part", "angles"), ("bias_part", "bias")):
            part = getattr(self, name)
            if part is not None:
                what = f"lambda_max(G), {of} only"
                put(self, name, finite_number(name, part, what=what, minimum=0))
        self._check_alignment()

    @classmethod
    def of(cls, n_patches: int, known: Mapping[str, Any]) -> "MeasuredModel":
        """From quantities by name; those that are no attribute go to ``more``.

        Raises:
            TypeError: a value is not a number of the right kind.
            ValueError: a value is out of range, or two contradict a theorem.
        """
        own = {each.name for each in fields(cls)} - {"n_patches", "more"}
        return cls(
            n_patches,
            more={name: value for name, value in known.items() if name not in own},
            **{name: value for name, value in known.items() if name in own},
        )

    def known(self, name: str) -> Any:
        """A quantity by name; None where it is not known."""
        return getattr(self, name) if hasattr(self, name) else self.more.get(name)

    def _checked_blocks(
        self, name: str, values: object, minimum: float | None
    ) -> tuple[Number, ...]:
        what = f"one eigenvalue per patch ({self.n_patches})"
        if not isinstance(values, Iterable) or isinstance(values, (str, bytes)):
            raise TypeError(f"{name}: expected a sequence of numbers, got {values!r}; pass {what}")
        checked = tuple(finite_number(name, value, what=what, minimum=minimum) for value in values)
        if len(checked) != self.n_patches:
            raise ValueError(
                f"{name}: expected {self.n_patches} values, one per patch, got {len(checked)}; "
                f"pass {what}"
            )
        return checked

    def _check_alignment(self) -> None:
        if self.alignment is None:
            return
        floor, source = float(Fraction(1, self.n_patches)), "1/P"
        if self.blocks is not None and sum(self.blocks) > 0:
            floor, source = float(max(self.blocks)) / float(sum(self.blocks)), "max / sum of blocks"
        if self.alignment < floor * (1 - _BLOCK_ROUNDING):
            raise ValueError(
                f"alignment: expected at least {source} = {floor:.6g}, "
                f"got {float(self.alignment):.6g}; take lambda_max(G) and the blocks' eigenvalues "
                "at the same parameters and samples"
            )

    def top_eigenvalue_range(self) -> tuple[Number, Number] | None:
        """Range of lambda_max(G) over the angles, from the blocks; None without them.

        Formula: [max_p lambda_max(G_pp), sum_p lambda_max(G_pp)], or the single value
        A sum_p lambda_max(G_pp) where A is known. Lower end: a principal submatrix (Cauchy
        interlacing). Upper end: lambda_max(sum_p M_p) <= sum_p lambda_max(M_p) (Weyl) for the
        Gram matrices M_p, which share G's and the blocks' non-zero spectra.
        """
        if self.blocks is None:
            return None
        total = sum(self.blocks, start=Fraction(0))
        if self.alignment is not None:
            return self.alignment * total, self.alignment * total
        return max(self.blocks), total

    def alignment_range(self) -> tuple[Number, Number]:
        """Range of A: its value where known, else [max / sum of the blocks, 1] or [1/P, 1]."""
        if self.alignment is not None:
            return self.alignment, self.alignment
        if self.blocks is not None and max(self.blocks) > 0:
            return quotient(max(self.blocks), sum(self.blocks, start=Fraction(0))), Fraction(1)
        return Fraction(1, self.n_patches), Fraction(1)
