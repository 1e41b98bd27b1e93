"""Identities in operator algebra: non-commuting symbols, involutions, and traces.

Operators are non-commuting symbols without dimensions, so an identity that holds here holds in
every dimension. `Tr` is linear and cyclic; Tr(1) is the dimension d.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sympy import (
    Add,
    Derivative,
    Expr,
    Function,
    Integer,
    Mul,
    Pow,
    S,
    Symbol,
    expand,
)

from hessian_theory.proof.decide import Decision, decide_zero
from hessian_theory.proof.evidence import Context
from hessian_theory.proof.formula import Formula, ProofError

DIMENSION: Symbol = Symbol("d", integer=True, positive=True)


class Tr(Function):
    """Trace of a polynomial in non-commuting symbols; a commuting, unevaluated scalar."""

    nargs = 1
    is_commutative = True

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        power = f"^{{{exp}}}" if exp else ""
        return rf"\operatorname{{tr}}{power}\left({printer._print(self.args[0])}\right)"


def _word(term: Expr) -> tuple[Expr, tuple[Symbol, ...]]:
    """Split a product into its commuting coefficient and its word of operators."""
    coefficient, operators = term.args_cnc(split_1=False)
    letters: list[Symbol] = []
    for factor in operators:
        base, power = (factor.base, factor.exp) if isinstance(factor, Pow) else (factor, S.One)
        if not power.is_Integer or power < 1 or not isinstance(base, Symbol):
            raise ProofError(f"cannot read {factor} as a word of operators")
        letters += [base] * int(power)
    return Mul(*coefficient), tuple(letters)


@dataclass(frozen=True)
class OperatorIdentity:
    """Equality of two operator polynomials, or of scalars with traces of them.

    Attributes:
        squares_to_one: symbols X with X^2 = 1 (Pauli operators).
    """

    squares_to_one: tuple[Symbol, ...] = ()
    uses: tuple[str, ...] = ()

    def _reduced(self, letters: tuple[Symbol, ...]) -> tuple[Symbol, ...]:
        stack: list[Symbol] = []
        for letter in letters:
            if stack and stack[-1] == letter and letter in self.squares_to_one:
                stack.pop()
            else:
                stack.append(letter)
        return tuple(stack)

    def _cyclic(self, letters: tuple[Symbol, ...]) -> tuple[Symbol, ...]:
        word = self._reduced(letters)
        while len(word) > 1 and word[0] == word[-1] and word[0] in self.squares_to_one:
            word = word[1:-1]
        return min((word[i:] + word[:i] for i in range(len(word))), key=str, default=word)

    def _trace(self, argument: Expr) -> Expr:
        total = Integer(0)
        for term in Add.make_args(expand(argument)):
            coefficient, letters = _word(term)
            word = self._cyclic(letters)
            total += coefficient * (Tr(Mul(*word)) if word else DIMENSION)
        return total

    def decide(self, formula: Formula, context: Context, seed: int) -> Decision:
        """Compare coefficients word by word."""
        if formula.relation != "=":
            raise ProofError("operator identities are equations")
        gap = formula.gap.replace(lambda e: isinstance(e, Derivative), lambda e: e.doit())
        gap = gap.replace(lambda e: isinstance(e, Tr), lambda e: self._trace(e.args[0]))
        by_word: dict[tuple[Symbol, ...], Expr] = {}
        for term in Add.make_args(expand(gap)):
            coefficient, letters = _word(term)
            word = self._reduced(letters)
            by_word[word] = by_word.get(word, Integer(0)) + coefficient
        for coefficient in by_word.values():
            named = {t: Symbol(f"tr{i}", real=True) for i, t in enumerate(coefficient.atoms(Tr))}
            found = decide_zero(coefficient.xreplace(named), seed=seed)
            if found.method != "symbolic":
                raise ProofError("a coefficient was not decided symbolically")
        return Decision("symbolic", f"{len(by_word)} words of operators, coefficients compared")
