"""Formulas, assumptions and premises: what a derivation starts from and arrives at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sympy import Basic, MatrixBase, S, sympify

Relation = Literal["=", "<=", ">="]
RELATIONS = ("=", "<=", ">=")


class ProofError(Exception):
    """A step does not hold, or its evidence does not establish it."""


@dataclass(frozen=True)
class Formula:
    """`left relation right`, both sides sympy expressions (or matrices, for "=")."""

    left: Basic
    relation: Relation
    right: Basic

    def __post_init__(self) -> None:
        object.__setattr__(self, "left", sympify(self.left))
        object.__setattr__(self, "right", sympify(self.right))
        if self.relation not in RELATIONS:
            raise ValueError(f"relation must be one of {RELATIONS}, got {self.relation!r}")
        if self.relation != "=" and isinstance(self.left, MatrixBase):
            raise TypeError("inequalities are between scalars; use a quadratic form for matrices")

    @property
    def gap(self) -> Basic:
        """The expression that is zero for "=" and non-negative for "<=" and ">="."""
        return self.left - self.right if self.relation == ">=" else self.right - self.left

    def substitute(self, values: dict[Basic, Basic]) -> Formula:
        """The instance of this formula with variables replaced."""
        return Formula(
            self.left.subs(values, simultaneous=True),
            self.relation,
            self.right.subs(values, simultaneous=True),
        )


@dataclass(frozen=True)
class Assumption:
    """A condition under which a derivation is meant, in words and, where it has one, as sympy.

    Attributes:
        text: the condition, for readers.
        condition: a sympy relation in symbols; sample points must satisfy it.
    """

    text: str
    condition: Basic = S.true


@dataclass(frozen=True)
class Premise:
    """A formula that steps may use: an assumption of the theorem or the claim of another one.

    Attributes:
        label: the name that steps use.
        formula: what is taken as given.
        origin: "assumption", or the theorem and step that proved it.
    """

    label: str
    formula: Formula
    origin: str = "assumption"
