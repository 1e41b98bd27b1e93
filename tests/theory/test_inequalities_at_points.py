"""The bounds at points that satisfy their premises: probabilities, vectors and matrices by numpy.

No certificate enters. Rational points are decided exactly; spectra are in double precision.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import sympy as sp

from patchlaw.hessian_theory.proof.derivation import Derivation, Premise
from patchlaw.hessian_theory.proof.language import Formula
from patchlaw.hessian_theory.theorems import (
    eigenvalue_bounds,
    element_bounds,
    gram,
    loss_ceilings,
    softmax,
    spectrum_of_r,
)
from tests.theory.opened_formulas import Reader, Scope, gap

Values = dict[str, Any]
RANGE = {"p": "P", "q": "P", "r": "P", "k": "C", "l": "C", "n": "N", "i": "D", "j": "D"}
ROUNDING = 1e-10


class AtPoint(Reader):
    """Every quantity has its value: a number, or a function of the indices."""

    def __init__(self, values: Values) -> None:
        self.values = values

    def number(self, value: sp.Rational) -> Fraction:
        """An exact number."""
        return Fraction(int(value.p), int(value.q))

    def leaf(self, key: tuple[Any, ...]) -> Any:
        """The value drawn."""
        value = self.values[key[0]]
        return value(*key[1:]) if callable(value) else value

    def function(self, name: str, value: Any) -> Fraction:
        """Rounded once: an inequality between several of them has to be strict to be seen."""
        return Fraction(getattr(math, name)(value))


def fraction(rng: random.Random, low: int = -9, high: int = 9) -> Fraction:
    return Fraction(rng.randint(low, high), 9)


def entries(draw: Callable[[], Any]) -> Callable[..., Any]:
    """An indexed quantity, every entry drawn once."""
    known: dict[tuple[int, ...], Any] = {}

    def entry(*indices: int) -> Any:
        if indices not in known:
            known[indices] = draw()
        return known[indices]

    return entry


def array(values: np.ndarray) -> Callable[..., Any]:
    """An indexed quantity counted from 1."""
    return lambda *at: float(values[tuple(x - 1 for x in at)])


def symmetric(rng: np.random.Generator, size: int) -> np.ndarray:
    matrix = rng.standard_normal((size, size))
    return matrix + matrix.T


def top(matrix: np.ndarray) -> tuple[float, np.ndarray]:
    """Largest eigenvalue and its unit eigenvector."""
    values, vectors = np.linalg.eigh(matrix)
    return float(values[-1]), vectors[:, -1]


def classes(rng: random.Random) -> Values:
    size = rng.randint(2, 4)
    raw = [rng.randint(1, 30) for _ in range(size)]
    values: Values = {name: entries(lambda: fraction(rng)) for name in "abh"}
    parts = {name: entries(lambda: fraction(rng, 0, 30)) for name in ("gplus", "gminus")}
    probabilities = [Fraction(x, sum(raw)) for x in raw]
    label = rng.randint(1, size)
    return values | parts | {"C": size, "y": label, "pi": lambda k: probabilities[k - 1]}


def ceilings(rng: random.Random) -> Values:
    """The mean of errors below (C - 1)/C, and one of them."""
    point = classes(rng)
    kappa = Fraction(point["C"], point["C"] - 1)
    ceiling = fraction(rng, 0) / kappa
    more = {"q": fraction(rng, 0), "qbar": ceiling * fraction(rng, 0), "Q": ceiling}
    return point | more | {"kappa": kappa}


def variance(rng: random.Random) -> Values:
    """q, m and B of a probability vector and d in [-1, 1], not drawn on their own."""
    wrong = [fraction(rng, 1) / 6 for _ in range(3)]
    d = [fraction(rng) for _ in range(4)]
    q = sum(wrong)
    m = sum(w * x for w, x in zip(wrong, d[1:], strict=True)) / q
    second = sum(w * x**2 for w, x in zip(wrong, d[1:], strict=True))
    return {"q": q, "m": m, "B": second, "d_y": d[0], "x": fraction(rng, 1)}


def losses(rng: random.Random) -> Values:
    ell = [fraction(rng, 0, 30) + n for n in range(3)]
    return {"N": 3, "ell": lambda n: ell[n - 1], "L": sum(ell) / 3, "x": fraction(rng, 1, 30)}


def spectrum(rng: random.Random) -> Values:
    mu = [fraction(rng) for _ in range(3)]
    return {
        "D": 3,
        "mu": lambda j: mu[j - 1],
        "Lambda": max(mu),
        "c": entries(lambda: fraction(rng)),
    }


def gram_matrices(rng: random.Random) -> Values:
    """Positive matrices M_p of full or deficient rank, and their true top vectors."""
    numbers = np.random.default_rng(rng.randint(0, 10**6))
    patches = rng.randint(1, 4)
    factors = numbers.standard_normal((patches, 4, rng.randint(1, 3)))
    matrices = factors @ factors.transpose(0, 2, 1)
    largest, vectors = zip(*(top(m) for m in matrices), strict=True)
    total, x = top(matrices.sum(axis=0))
    return {
        "P": patches,
        "Lambda": total,
        "T": sum(largest),
        "lambda": array(np.array(largest)),
        "q": array(np.array([x @ m @ x for m in matrices])),
        "w": array(np.array([[v @ m @ v for m in matrices] for v in vectors])),
    }


def diagonal(rng: random.Random) -> Values:
    """G = J^T J; tau is the least that its diagonal allows."""
    numbers = np.random.default_rng(rng.randint(0, 10**6))
    factor = numbers.standard_normal((2, 3))
    matrix, cover = factor.T @ factor, numbers.integers(1, 4, 3).astype(float)
    scale, patches, alpha = 1.5, rng.randint(1, 3), rng.randint(0, 2)
    tau = float((np.diag(matrix) / cover**2).max() / (scale * patches**-alpha) ** 2)
    return {
        "D": 3,
        "P": patches,
        "alpha": Fraction(alpha),
        "c": scale,
        "tau": tau,
        "m": array(cover),
        "G_diag": array(np.diag(matrix)),
        "mu": array(np.linalg.eigvalsh(matrix)),
        "Lambda": top(matrix)[0],
        "L": tau / 4 * rng.uniform(1, 2),
    }


def block(rng: random.Random) -> Values:
    numbers = np.random.default_rng(rng.randint(0, 10**6))
    matrix, v = symmetric(numbers, 3), numbers.standard_normal(3)
    signed = matrix * np.sign(np.outer(v, v))
    rho = float(np.abs(matrix).max())
    return {"n_p": 3, "D": 3, "e": array(signed), "w": array(np.abs(v)), "rho": rho}


def membership(rng: random.Random) -> Values:
    """Two patches with two angles each, and three pixels that either or both read."""
    numbers = np.random.default_rng(rng.randint(0, 10**6))
    pixels = numbers.integers(0, 2, (2, 3))
    member = np.hstack([np.kron(np.eye(2), np.ones(2)), pixels])
    shared, gamma = member.T @ member, 0.7
    return {
        "D": 7,
        "P": 2,
        "n_p": 2,
        "gamma": gamma,
        "Lambda_B": top(shared)[0],
        "B": array(member),
        "o": array(pixels @ pixels.T),
        "e": array(gamma * shared * numbers.uniform(-1, 1, shared.shape)),
        "w": array(numbers.uniform(0, 1, 7)),
    }


def total(rng: random.Random) -> Values:
    numbers = np.random.default_rng(rng.randint(0, 10**6))
    factor, residual = numbers.standard_normal((2, 4)), symmetric(numbers, 4)
    gauss_newton = factor.T @ factor
    largest, v = top(gauss_newton + residual)
    tops = {"Lambda": top(gauss_newton)[0], "Lambda_R": top(residual)[0], "Lambda_H": largest}
    return {**tops, "f_G": float(v @ gauss_newton @ v), "f_R": float(v @ residual @ v)}


def blocks(rng: random.Random) -> Values:
    """A block-diagonal R of three blocks; v is an eigenvector of block r, x the same, padded."""
    numbers = np.random.default_rng(rng.randint(0, 10**6))
    parts = np.array([symmetric(numbers, 2) for _ in range(3)])
    whole = np.zeros((6, 6))
    for p, part in enumerate(parts):
        whole[2 * p : 2 * p + 2, 2 * p : 2 * p + 2] = part
    largest, y = top(whole)
    pieces, tops = y.reshape(3, 2), np.array([top(part)[0] for part in parts])
    r = rng.randint(1, 3)
    value, v = top(parts[r - 1])
    padded = np.zeros((3, 2))
    padded[r - 1] = v
    return {
        "P": 3,
        "n_p": 2,
        "D": 2,
        "r": r,
        "Lambda_R": largest,
        "mu": float(tops.max()),
        "R": array(parts),
        "v": array(v),
        "x": array(padded),
        "lambda": lambda *p: array(tops)(*p) if p else value,
        "f": array(np.einsum("pi,pij,pj->p", pieces, parts, pieces)),
        "n": array((pieces**2).sum(axis=1)),
    }


def border(rng: random.Random) -> Values:
    """A symmetric matrix cut in two, and its top eigenvector: the bound's hardest vector."""
    numbers = np.random.default_rng(rng.randint(0, 10**6))
    matrix = symmetric(numbers, 5)
    v = top(matrix)[1]
    aa, bb, ab = matrix[:3, :3], matrix[3:, 3:], matrix[:3, 3:]
    tops = {"lambda_a": top(aa)[0], "lambda_b": top(bb)[0]}
    return {
        **tops,
        "mu": max(tops.values()),
        "beta": float(np.linalg.norm(ab, 2)),
        "u": float(np.linalg.norm(v[:3])),
        "w": float(np.linalg.norm(v[3:])),
        "f_a": float(v[:3] @ aa @ v[:3]),
        "f_b": float(v[3:] @ bb @ v[3:]),
        "f_ab": float(v[:3] @ ab @ v[3:]),
    }


def tangents(rng: random.Random) -> Values:
    return {"t": fraction(rng, 1, 30) + Fraction(1, 7)}


POINTS: tuple[tuple[Derivation, Callable[[random.Random], Values]], ...] = (
    (gram.RAYLEIGH, spectrum),
    (gram.BOUNDS, gram_matrices),
    (softmax.CURVATURE, classes),
    (softmax.LOG_BOUND, tangents),
    (softmax.VANISH, classes),
    (element_bounds.GAUSS_NEWTON_BOUND, classes),
    (element_bounds.RESIDUAL_BOUND, classes),
    (eigenvalue_bounds.GAUSS_NEWTON, diagonal),
    (eigenvalue_bounds.RESIDUAL, block),
    (eigenvalue_bounds.RESIDUAL_WITH_BIAS, membership),
    (eigenvalue_bounds.TOTAL, total),
    (loss_ceilings.ERRORS, losses),
    (loss_ceilings.CURVATURE, ceilings),
    (loss_ceilings.VARIANCE, variance),
    (spectrum_of_r.BLOCKS, blocks),
    (spectrum_of_r.BORDER, border),
)


def scopes(formula: Formula, values: Values) -> Iterator[Scope]:
    """Sizes at their values, every other index over its range."""
    symbols = {s for x in (formula.left, formula.right) for s in x.free_symbols if s.is_integer}
    symbols = {s for s in symbols if isinstance(s, sp.Symbol)}
    sizes = {s: values[s.name] for s in symbols if s.name in values}
    free = sorted(symbols - set(sizes), key=str)
    for at in itertools.product(*(range(1, values[RANGE[s.name]] + 1) for s in free)):
        yield {**sizes, **dict(zip(free, at, strict=True))}


def holds(formula: Formula, values: Values) -> bool:
    """Exactly for rational values, to rounding for the others."""
    for scope in scopes(formula, values):
        value = gap(AtPoint(values), formula, scope)
        slack = 0 if isinstance(value, Fraction) else ROUNDING
        fine = abs(value) <= slack if formula.relation == "=" else value >= -slack
        if not fine:
            return False
    return True


@pytest.mark.parametrize(("theorem", "draw"), POINTS, ids=lambda x: getattr(x, "name", ""))
def test_bounds_hold_where_their_premises_do(
    theorem: Derivation, draw: Callable[[random.Random], Values]
) -> None:
    """Only this sees a sign that the kernel takes for granted wrongly, as in a multiplier.

    It also sees premises that no model satisfies: every premise is checked at every point.
    """
    rng = random.Random(theorem.name)
    for _ in range(15):
        values = draw(rng)
        for premise in theorem.premises:
            if isinstance(premise, Premise):  # a citation has a point of its own here
                assert holds(premise.formula, values), premise.label
        for step in theorem.steps:
            assert holds(step.formula, values), step.label


ALTERED = (
    (softmax.CURVATURE, "half", classes, sp.Rational(9, 20)),
    (element_bounds.GAUSS_NEWTON_BOUND, "upper, tr S", classes, sp.Rational(1, 4)),
    (element_bounds.RESIDUAL_BOUND, "upper", classes, sp.Rational(1, 2)),
    (gram.BOUNDS, "upper", gram_matrices, sp.Rational(1, 2)),
    (gram.BOUNDS, "lower", gram_matrices, sp.Integer(2)),
    (loss_ceilings.CURVATURE, "sample", ceilings, sp.Rational(9, 10)),
    (loss_ceilings.VARIANCE, "variance", variance, sp.Rational(1, 4)),
    (eigenvalue_bounds.TOTAL, "Weyl", total, sp.Rational(3, 4)),
    (eigenvalue_bounds.RESIDUAL_WITH_BIAS, "norm", membership, sp.Rational(1, 9)),
    (spectrum_of_r.BORDER, "border", border, sp.Rational(3, 4)),
)


@pytest.mark.parametrize(
    ("theorem", "label", "draw", "factor"),
    ALTERED,
    ids=lambda x: getattr(x, "name", x if isinstance(x, str) else ""),
)
def test_a_tighter_bound_fails_at_some_point(theorem, label, draw, factor):
    """The check above can fail: the points reach close enough to the bounds to tell."""
    formula = theorem.step(label).formula
    wrong = Formula(formula.left, formula.relation, factor * formula.right)
    rng = random.Random(3)
    assert not all(holds(wrong, draw(rng)) for _ in range(400))
