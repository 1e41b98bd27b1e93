"""The theorems, one file per theme, in the order in which a reader meets them."""

from __future__ import annotations

from patchlaw.hessian_theory.input_checks import nearest
from patchlaw.hessian_theory.proof.derivation import Derivation
from patchlaw.hessian_theory.theorems import (
    adjoint_blocks,
    adjoint_groups,
    commutator_kernel,
    coverage_counts,
    depolarising,
    derivative_variance,
    eigenvalue_bounds,
    element_bounds,
    gram,
    gram_exponents,
    kernel_of_an_angle,
    loss_ceilings,
    norm_bounds,
    pauli_rotations,
    second_moments,
    softmax,
    specialisations,
    spectrum_of_r,
    split,
    subspace_bounds,
    tangent_kernel,
    trace_law,
    twirled_pairs,
)

CHAPTERS: tuple[tuple[str, tuple[Derivation, ...]], ...] = (
    ("The split of the Hessian", split.THEOREMS),
    ("Special cases of Eq. (5)", specialisations.THEOREMS),
    ("Softmax cross-entropy", (*softmax.THEOREMS, *loss_ceilings.THEOREMS)),
    ("Pauli rotations", pauli_rotations.THEOREMS),
    ("Elements of G and R", element_bounds.THEOREMS),
    ("The spectrum of G", (*gram.THEOREMS, *gram_exponents.THEOREMS)),
    ("The spectrum of R", spectrum_of_r.THEOREMS),
    ("Upper bounds on eigenvalues", eigenvalue_bounds.THEOREMS),
    ("Bounds that use data", (*norm_bounds.THEOREMS, *subspace_bounds.THEOREMS)),
    ("Coverage and the pixel bias", coverage_counts.THEOREMS),
    (
        "The trace law",
        (*second_moments.THEOREMS, *derivative_variance.THEOREMS, *trace_law.THEOREMS),
    ),
    (
        "The tangent kernel",
        (
            *twirled_pairs.THEOREMS,
            *kernel_of_an_angle.THEOREMS,
            *tangent_kernel.THEOREMS,
            *adjoint_blocks.THEOREMS,
            *adjoint_groups.THEOREMS,
            *commutator_kernel.THEOREMS,
        ),
    ),
    ("Noise", depolarising.THEOREMS),
)

THEOREMS: tuple[Derivation, ...] = tuple(t for _, chapter in CHAPTERS for t in chapter)


def find(name: str) -> Derivation:
    """The theorem of that name.

    Raises:
        ValueError: there is none; the message offers the closest names.
    """
    for theorem in THEOREMS:
        if theorem.name == name:
            return theorem
    hint = nearest(name, [t.name for t in THEOREMS]) or "; `patchlaw derive` lists them"
    raise ValueError(f"there is no theorem named {name!r}{hint}")
