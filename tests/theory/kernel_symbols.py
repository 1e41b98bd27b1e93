"""What the tests of the proof kernel speak of: symbols, arrays, and an assumed theorem."""

from sympy import Expr, Function, IndexedBase, Integer, Symbol, symbols

from patchlaw.hessian_theory import symbols as sym
from patchlaw.hessian_theory.proof.kernel import Theorem, assume
from patchlaw.hessian_theory.proof.language import Formula, Hypothesis

X, Y = symbols("x y", real=True)
T = Symbol("t", positive=True)
M = Symbol("m", nonnegative=True)
P, C = sym.P, sym.C
p, q, k = sym.p, sym.q, sym.k
F, W = IndexedBase("F", real=True), IndexedBase("w", real=True)
NN = IndexedBase("n", nonnegative=True)
A, B = symbols("A B", commutative=False)
f = Function("f", real=True)
ONE = Integer(1)


def given_(left: Expr, relation: str, right: Expr, *forall: Symbol) -> Theorem:
    return assume(Hypothesis(Formula(left, relation, right), forall))
