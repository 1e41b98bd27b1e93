"""The theorems' final formulas without the kernel: numpy's model, and FLINT's polynomials.

Inequalities are evaluated in test_inequalities_at_points.py; the variance of the derivative is
averaged exactly and by Monte Carlo in test_haar_moments.py.
"""

from __future__ import annotations

import dataclasses
import itertools
import random
from collections.abc import Iterator
from typing import Any

import flint
import numpy as np
import pytest
import sympy as sp

from patchlaw.hessian_theory import symbols as sym
from patchlaw.hessian_theory.proof.derivation import Citation, Derivation, Step
from patchlaw.hessian_theory.proof.evidence import Combination
from patchlaw.hessian_theory.theorems import (
    eigenvalue_bounds,
    element_bounds,
    gram,
    loss_ceilings,
    softmax,
    spectrum_of_r,
)
from patchlaw.hessian_theory.theorems.split import EQ4, EQ5, EQ6
from patchlaw.simulators.ansatz import Ansatz
from patchlaw.simulators.reference import model_logits, qnn_outputs
from tests.theory.opened_formulas import Reader, Scope, gap

# --- Eqs. (4), (5), (6) on the numpy reference ---------------------------------------------------

ANSATZ = Ansatz(n_qubits=2, depth=1)
N_PATCHES, N_SAMPLES, N_CLASSES, SCALE = 3, 2, 4, 2.5
STENCIL = ((-2, 1 / 12), (-1, -2 / 3), (1, 2 / 3), (2, -1 / 12))
H = 4e-3


class ReferenceModel(Reader):
    """Three patches that share pixels; parameters are all angles, then the pixel biases."""

    def __init__(self, i: int, j: int, alpha: float) -> None:
        rng = np.random.default_rng(5)
        features = ANSATZ.n_features
        self.pixels = np.array([(np.arange(features) + p) % (features + 1) for p in range(3)])
        self.n_angles = N_PATCHES * ANSATZ.n_angles
        self.flat = rng.uniform(-2, 2, self.n_angles + features + 1)
        self.images = rng.uniform(0, 1, (N_SAMPLES, features + 1))
        self.labels, self.alpha = (1, 3), alpha
        self.numbers = {"theta_i": i, "theta_j": j, "u": i, "w": j}
        self.tables: dict[tuple[int, ...], np.ndarray] = {}
        z = np.array([self.logits(self.flat, image) for image in self.images])
        self.pi = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)

    def logits(self, flat: np.ndarray, image: np.ndarray) -> np.ndarray:
        """Logits of one image."""
        angles = flat[: self.n_angles].reshape(N_PATCHES, -1)
        return model_logits(
            ANSATZ,
            self.pixels,
            angles,
            flat[self.n_angles :],
            image,
            n_classes=N_CLASSES,
            scale=SCALE,
            aggregation_exponent=self.alpha,
        )

    def loss(self, flat: np.ndarray) -> float:
        """Mean cross-entropy."""
        z = np.array([self.logits(flat, image) for image in self.images])
        right = z[np.arange(N_SAMPLES), list(self.labels)]
        return float(np.mean(np.log(np.exp(z).sum(axis=1)) - right))

    def outputs(self, flat: np.ndarray) -> np.ndarray:
        """f_pk of every sample, shape (N, P, C)."""
        angles = flat[: self.n_angles].reshape(N_PATCHES, -1)
        x = self.images + flat[self.n_angles :]
        return np.array(
            [
                [qnn_outputs(ANSATZ, angles[p], row[self.pixels[p]], N_CLASSES) for p in range(3)]
                for row in x
            ]
        )

    def differences(self, function: Any, *which: int, shift: bool) -> Any:
        """Parameter shift for angles where asked, else fourth-order central differences."""

        def at(flat: np.ndarray, left: tuple[int, ...]) -> Any:
            if not left:
                return function(flat)
            first, rest = left[0], left[1:]
            unit = np.eye(len(flat))[first]
            if shift and first < self.n_angles:
                turn = np.pi / 2
                return (at(flat + turn * unit, rest) - at(flat - turn * unit, rest)) / 2
            return sum(w * at(flat + m * H * unit, rest) for m, w in STENCIL) / H

        return at(self.flat, which)

    def leaf(self, key: tuple[Any, ...]) -> float:
        """g and S by softmax; alpha and c."""
        name, *at = key
        n, k, l = (x - 1 for x in (*at, 1, 1, 1)[:3])  # noqa: E741
        if name == "g":
            return self.pi[n, k] - (k == self.labels[n])
        if name == "S":
            return self.pi[n, k] * (k == l) - self.pi[n, k] * self.pi[n, l]
        return {"alpha": self.alpha, "c": SCALE}[name]

    def derivative(self, expr: sp.Derivative, scope: Scope) -> float:
        """Derivative of one patch output, from the reference's own outputs."""
        n, p, k = (self.index(x, scope) - 1 for x in expr.expr.args[:3])
        which = []
        for variable, order in expr.variable_count:
            if variable.is_Indexed:  # u_a, w_a: patch a's angle at the place of theta_i, theta_j
                patch = self.index(variable.indices[0], scope) - 1
                at = patch * A + self.numbers[variable.base.label.name] % A
            else:
                at = self.numbers[variable.name]
            which += [at] * int(order)
        key = tuple(which)
        if key not in self.tables:
            self.tables[key] = self.differences(self.outputs, *key, shift=True)
        return float(self.tables[key][n, p, k])


SIZES = {sym.P: N_PATCHES, sym.N: N_SAMPLES, sym.C: N_CLASSES}
A = ANSATZ.n_angles
PAIRS = {"same patch": (0, 2), "one angle": (1, 1), "two patches": (1, 2 * A + 1)}
BIASES = {"angle and bias": (1, 3 * A + 1), "two biases": (3 * A, 3 * A + 1)}


def near(formula: float, measured: float) -> None:
    assert abs(measured) > 1e-4  # a zero would confirm anything
    assert formula == pytest.approx(measured, abs=2e-8)


@pytest.mark.parametrize("alpha", [1.0, 0.4])
@pytest.mark.parametrize("pair", [*PAIRS, *BIASES])
def test_equations_4_to_6_on_the_numpy_reference(pair: str, alpha: float) -> None:
    """Only this sees an error that the torch model and the symbolic model share.

    For instance alpha, or s in place of s^2, wrong in both; the left side is the loss itself.
    """
    i, j = {**PAIRS, **BIASES}[pair]
    model = ReferenceModel(i, j, alpha)
    slope = model.differences(model.loss, i, shift=False)
    bend = model.differences(model.loss, i, j, shift=False)
    near(model(EQ4.step("Eq. (4)").formula.right, SIZES), slope)
    near(model(EQ5.step("Eq. (5)").formula.right, SIZES), bend)
    if pair in PAIRS:
        patches = {sym.PATCH_I: i // A + 1, sym.PATCH_J: j // A + 1}
        near(model(EQ6.step("gradient").formula.right, {**SIZES, **patches}), slope)
        near(model(EQ6.step("Eq. (6)").formula.right, {**SIZES, **patches}), bend)


def test_equation_6_needs_its_kronecker_delta() -> None:
    """The check above can fail: with 1 in the delta's place, patches couple through R."""
    i, j = PAIRS["two patches"]
    model = ReferenceModel(i, j, 1.0)
    scope = {**SIZES, sym.PATCH_I: i // A + 1, sym.PATCH_J: j // A + 1}
    right = EQ6.step("Eq. (6)").formula.right
    without = right.xreplace({sp.KroneckerDelta(sym.PATCH_I, sym.PATCH_J): sp.Integer(1)})
    assert abs(model(without, scope) - model(right, scope)) > 1e-3


# --- certificates as polynomials -----------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Ratio:
    """A rational function: two polynomials of FLINT."""

    top: Any
    bottom: Any

    def __add__(self, other: Ratio) -> Ratio:
        top = self.top * other.bottom + other.top * self.bottom
        return Ratio(top, self.bottom * other.bottom)

    def __mul__(self, other: Ratio) -> Ratio:
        return Ratio(self.top * other.top, self.bottom * other.bottom)

    def __pow__(self, power: int) -> Ratio:
        if power >= 0:
            return Ratio(self.top**power, self.bottom**power)
        if self.top == 0:
            raise ZeroDivisionError
        return Ratio(self.bottom**-power, self.top**-power)


class Polynomials(Reader):
    """Every symbol and every entry of an indexed quantity is a generator."""

    def __init__(self) -> None:
        self.ring = flint.fmpq_mpoly_ctx.get([f"x{n}" for n in range(60)], flint.Ordering.lex)
        self.known: dict[tuple[Any, ...], Any] = {}
        self.one = self.ring.constant(1)

    def number(self, value: sp.Rational) -> Ratio:
        """A constant."""
        return Ratio(self.ring.constant(flint.fmpq(int(value.p), int(value.q))), self.one)

    def power(self, base: Ratio, exponent: Ratio) -> Ratio:
        """P^(-alpha): a generator."""
        return self.leaf(("power", str(base), str(exponent)))

    def leaf(self, key: tuple[Any, ...]) -> Ratio:
        """A generator."""
        place = self.known.setdefault(key, len(self.known))
        return Ratio(self.ring.gen(place), self.one)


def leftover(theorem: Derivation, step: Step, scope: Scope) -> Any:
    """Numerator of gap - remainder - sum times gap_i."""
    read = Polynomials()
    minus = read.number(sp.Integer(-1))
    given = {x.label: x for x in (*theorem.premises, *theorem.steps)}
    total = gap(read, step.formula, scope) + minus * read(step.evidence.remainder, scope)
    for use in step.evidence.using:
        tops = [range(1, read.index(top, scope) + 1) for top in use.over.values()]
        for values in itertools.product(*tops):
            inner = {**scope, **dict(zip(use.over, values, strict=True))}
            at = {x: instance(read, y, inner) for x, y in use.at.items()}
            source = given[use.label]
            if isinstance(source, Citation):
                at = {x: instance(read, y, inner) for x, y in source.at.items()}
                formula = source.theorem.step(source.step).formula
            else:
                formula = source.formula
            part = read(use.times, inner) * gap(read, formula, {**inner, **at})
            total = total + minus * part
    return total.top


def instance(read: Reader, value: Any, scope: Scope) -> Any:
    """An index stays an integer, a Lambda itself; anything else is read."""
    if isinstance(value, sp.Lambda):
        return value
    return scope[value] if isinstance(scope.get(value), int) else read(value, scope)


def scopes(theorem: Derivation, step: Step) -> Iterator[Scope]:
    """Integers for all sizes (1 to 3) and for all free indices, in their ranges."""
    pieces: list[Any] = [step.formula.left, step.formula.right]
    pieces.append(sp.sympify(step.evidence.remainder))
    pieces += [sp.sympify(u.times) for u in step.evidence.using]
    pieces += [y for u in step.evidence.using for y in u.at.values()]
    used = {u.label for u in step.evidence.using}
    for x in (*theorem.premises, *theorem.steps):
        if x.label in used and not isinstance(x, Citation):
            pieces += [x.formula.left, x.formula.right]
    free = sorted(
        {s for x in pieces for s in x.free_symbols if isinstance(s, sp.Symbol) and s.is_integer},
        key=str,
    )
    for values in itertools.product((1, 2, 3), repeat=len(free)):
        scope = dict(zip(free, values, strict=True))
        limits = [a.given for a in theorem.assumptions if a.given is not None]
        if all(scope.get(x.index, 1) <= scope.get(x.upper, 3) for x in limits):
            yield scope


THEOREMS = [
    *(gram.RAYLEIGH, gram.BOUNDS, softmax.CURVATURE, softmax.VANISH),
    *(element_bounds.GAUSS_NEWTON_BOUND, element_bounds.RESIDUAL_BOUND),
    *eigenvalue_bounds.THEOREMS,
    *(loss_ceilings.CURVATURE, loss_ceilings.VARIANCE),
    *(spectrum_of_r.BLOCKS, spectrum_of_r.BORDER),
]


def certified(theorem: Derivation) -> list[Step]:
    return [s for s in theorem.steps if isinstance(s.evidence, Combination)]


@pytest.mark.parametrize("theorem", THEOREMS, ids=lambda x: x.name)
def test_certificates_are_polynomial_identities(theorem: Derivation) -> None:
    """Only this sees a wrong normal form: sums opened here, polynomials decided by FLINT."""
    rng = random.Random(theorem.name)
    for step in certified(theorem):
        cases = list(scopes(theorem, step))
        shown = 0
        for scope in rng.sample(cases, min(len(cases), 12)):
            try:
                assert leftover(theorem, step, scope) == 0, (step.label, scope)
                shown += 1
            except ZeroDivisionError:
                assert (theorem.name, scope[sym.C]) == ("curvature-ceiling", 1)  # C > 1 is given
        assert shown


@pytest.mark.parametrize("theorem", THEOREMS, ids=lambda x: x.name)
def test_an_altered_coefficient_is_not_an_identity(theorem: Derivation) -> None:
    """The check above can fail: one more of a formula used, or of the remainder, and it does."""
    for step in certified(theorem):
        evidence = step.evidence
        rest = sp.sympify(evidence.remainder)
        altered = [Combination(*evidence.using, remainder=2 * rest)] if rest != 0 else []
        for place, use in enumerate(evidence.using):
            using = list(evidence.using)
            using[place] = dataclasses.replace(use, times=2 * sp.sympify(use.times))
            altered.append(Combination(*using, remainder=rest))
        for other in altered:
            wrong = dataclasses.replace(step, evidence=other)
            cases = (s for s in scopes(theorem, step) if s.get(sym.C, 3) > 1)
            assert any(leftover(theorem, wrong, s) != 0 for s in cases), step.label
