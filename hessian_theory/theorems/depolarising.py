"""Depolarising: outputs times (1 - p)^m, and what that makes of G, R and the whole H.

Global depolarising after every gate is nothing but a smaller c. Gate-wise noise on the gate's own
qubits is not covered: there every Pauli path has a factor of its own (docs/experiments.md has how
far the law goes for it).
"""

from __future__ import annotations

import random

from sympy import Expr, IndexedBase, Integer, Rational, Symbol

from patchlaw.hessian_theory import symbols as sym
from patchlaw.hessian_theory.loss_derivatives import logit
from patchlaw.hessian_theory.proof.derivation import Assumption, Claim, Derivation, Premise, Step
from patchlaw.hessian_theory.proof.evidence import Combination, Use
from patchlaw.hessian_theory.proof.language import DIMENSION as d
from patchlaw.hessian_theory.proof.language import Formula, Tr
from patchlaw.hessian_theory.proof.points import Point
from patchlaw.hessian_theory.theorems.notation import PI, C, k, l, over_classes
from patchlaw.hessian_theory.theorems.split import GAUSS_NEWTON, RESIDUAL

_TEST = "tests/theory/test_depolarising.py"
_rho, _O, _U, _Ut = (Symbol(x, commutative=False) for x in ("rho", "O", "U", "U^dagger"))
_left = Symbol("t", positive=True)  # 1 - p
_m = Symbol("m", integer=True, nonnegative=True)


def _after(count: Expr | int) -> Expr:
    """The state after that many channels, gates left out."""
    return _left**count * _rho + (1 - _left**count) / d


GLOBAL = Derivation(
    name="global-depolarising",
    title="m global depolarising channels, wherever they stand, multiply outputs by (1 - p)^m",
    summary="The channel is rho -> (1 - p) rho + p 1/d; t stands for 1 - p. Gates leave 1 as it "
    "is, so it commutes with every one of them and all m may stand at the end. One more takes the "
    "form for m to that for m + 1, and for m = 0 the form is the state itself: so it holds for "
    "every m. A traceless observable does not see 1.",
    source="ours (standard)",
    assumptions=(
        Assumption("0 <= p < 1, t = 1 - p; tr O = 0, as for every Pauli string but the identity"),
        Assumption("U is a gate, U U^dagger = 1"),
    ),
    premises=(
        Premise("traceless", Formula(Tr(_O), "=", Integer(0))),
        Premise("unitary", Formula(_U * _Ut, "=", Integer(1))),
    ),
    steps=(
        Claim(
            "commutes",
            Formula(_U * _after(1) * _Ut, "=", _left * _U * _rho * _Ut + (1 - _left) / d),
            "the gate acts on rho, and leaves 1 as it is",
            Combination(Use("unitary", (1 - _left) / d)),
        ),
        Claim(
            "one more",
            Formula(_left * _after(_m) + (1 - _left) / d, "=", _after(_m + 1)),
            "t t^m = t^(m + 1), t (1 - t^m) + 1 - t = 1 - t^(m + 1)",
        ),
        Claim(
            "outputs",
            Formula(Tr(_O * _after(_m)), "=", _left**_m * Tr(_O * _rho)),
            "tr O 1 = 0",
            Combination(Use("traceless", (1 - _left**_m) / d)),
        ),
    ),
    consequence="As an option of the model: s = c (1 - p)^m P^(-alpha).",
    numerical_test=f"{_TEST}::test_density_matrix_of_global_depolarising",
)


_eta = Symbol("eta", positive=True)  # (1 - p)^m


def _noisy(expr: Expr) -> Expr:
    """eta f_pk in the place of f_pk."""
    return expr.replace(sym.f, lambda *args: _eta * sym.f(*args))


HESSIAN = Derivation(
    name="depolarised-hessian",
    title="Outputs times eta: G gains eta^2 and R eta, at fixed g and S",
    summary="Eq. (5) holds for any outputs, so for eta f_pk, eta = (1 - p)^m: two first "
    "derivatives in the first term, one second derivative in the second. Fixed are the parameters, "
    "f_pk with its derivatives, and the loss's slope g and curvature S. These are taken at the "
    "logits, which move to eta z: in a model with noise they are g(eta z) and S(eta z), and stay "
    "what they were only with c / eta for c. Then the logits are the same numbers and H is what it "
    "was.",
    source="ours",
    assumptions=(
        Assumption("eta does not depend on the parameters (theorem global-depolarising)"),
        Assumption("l and every f_pk are twice continuously differentiable (theorem hessian-eq5)"),
    ),
    steps=(
        Claim(
            "first term",
            Formula(_noisy(GAUSS_NEWTON), "=", _eta**2 * GAUSS_NEWTON),
            "G of Eq. (5) with eta f_pk",
        ),
        Claim(
            "second term",
            Formula(_noisy(RESIDUAL), "=", _eta * RESIDUAL),
            "R of Eq. (5) with eta f_pk",
        ),
        Claim(
            "rescaled logits",
            Formula(_noisy(logit(sym.k, scale=sym.SCALE / _eta)), "=", logit(sym.k)),
            "eta cancels, so g and S are what they were",
        ),
        Claim(
            "rescaled",
            Formula(
                _noisy((GAUSS_NEWTON + RESIDUAL).xreplace({sym.SCALE: sym.SCALE / _eta})),
                "=",
                GAUSS_NEWTON + RESIDUAL,
            ),
            "with c / eta for c both terms are what they were",
        ),
    ),
    consequence="At fixed g and S eta weakens G more than R. Where g and S follow see "
    "depolarised-limit. Exact outputs can be amplified again; with shots that amplifies their "
    "standard error.",
    numerical_test=f"{_TEST}::test_split_of_a_noisy_model",
)

_E = IndexedBase("E", positive=True)  # exp(eta z_k)
_K = IndexedBase("K", real=True)  # sum_p d_i d_j f_pk
_w = Symbol("w", positive=True)  # exp(eta max |z|)
_kappa = Symbol("kappa", nonnegative=True)
_most, _least = _w**2 / C, 1 / (_w**2 * C)
_off = PI[k] - 1 / C
_bound = (_w**2 - 1) / C


def _uniform_point(rng: random.Random) -> Point:
    """Two classes, all logits 0."""
    one = {"E": lambda _: Integer(1), "pi": lambda _: Rational(1, 2)}
    known = {C: Integer(2), _w: Integer(1), _kappa: Integer(2)}
    return Point(rng, known, {**one, "K": lambda i: Integer((-1) ** int(i))})


LIMIT = Derivation(
    name="depolarised-limit",
    title="Strong noise: H / eta goes to the residual term at uniform probabilities",
    summary="All logits eta z_k of a sample lie within eta max |z| of 0; w is its exponential. "
    "Then every probability is between 1/(w^2 C) and w^2/C, and the sample's residual sum_k g_k "
    "K_k differs from that at g_k = 1/C - [k = y] by at most kappa (w^2 - 1), of the order eta. "
    "By depolarised-hessian H = eta^2 G + eta R, both at the noisy logits, and G is bounded: so "
    "H / eta goes to the residual term at pi = 1/C, and the Gauss-Newton term, positive, that the "
    "largest eigenvalues come from is smaller by one power of eta.",
    source="ours",
    assumptions=(
        Assumption("E_k = exp(eta z_k) of the sample's logits, w = exp(eta max_k |z_k|)"),
        Assumption(
            "K_k = sum_p d_i d_j f_pk, |K_k| <= kappa (kappa = 1 for angles of one patch, "
            "the number of covering patches for pixel biases: theorem derivative-bounds)"
        ),
    ),
    premises=(
        Premise("above", Formula(_E[k], "<=", _w), "exp grows", (k,)),
        Premise("below", Formula(_E[k], ">=", 1 / _w), "exp grows", (k,)),
        Premise("softmax", Formula(PI[k] * over_classes(_E[l], l), "=", _E[k]), "definition", (k,)),
        Premise("K <= kappa", Formula(_K[k], "<=", _kappa), forall=(k,)),
        Premise("K >= -kappa", Formula(_K[k], ">=", -_kappa), forall=(k,)),
    ),
    witness=_uniform_point,
    steps=(
        Claim(
            "most",
            Formula(PI[k], "<=", _most),
            "(C/w) pi_k <= pi_k sum_l E_l = E_k <= w",
            Combination(
                Use("above", _w / C),
                Use("softmax", _w / C),
                Use("below", PI[k] * _w / C, at={k: l}, over={l: C}),
            ),
        ),
        Claim(
            "least",
            Formula(PI[k], ">=", _least),
            "C w pi_k >= pi_k sum_l E_l = E_k >= 1/w",
            Combination(
                Use("below", 1 / _w / C),
                Use("softmax", -1 / _w / C),
                Use("above", PI[k] * 1 / _w / C, at={k: l}, over={l: C}),
            ),
        ),
        Step(
            "apart",
            Formula(_off, ">=", -_bound),
            "w^2 + w^-2 - 2 is the square of w - 1/w",
            Combination(Use("least"), remainder=(_w - 1 / _w) ** 2 / C),
        ),
        *(
            Step(
                f"one output, {name}",
                Formula(sign * _off * _K[k], "<=", _kappa * _bound),
                "b kappa - x K = ((b - x)(kappa + K) + (b + x)(kappa - K)) / 2 for |x| <= b, "
                "x = pi_k - 1/C and b = (w^2 - 1)/C",
                Combination(
                    remainder=(_most - PI[k]) * (_kappa + sign * _K[k]) / 2
                    + (_bound + _off) * (_kappa - sign * _K[k]) / 2
                ),
            )
            for name, sign in (("above", 1), ("below", -1))
        ),
        *(
            Claim(
                f"residual, {name}",
                Formula(sign * over_classes(_off * _K[k]), "<=", _kappa * (_w**2 - 1)),
                "sum over the outputs; g_k - (1/C - [k = y]) = pi_k - 1/C whatever the label",
                Combination(Use(f"one output, {name}", over={k: C})),
            )
            for name, sign in (("above", 1), ("below", -1))
        ),
    ),
    consequence="Noise flattens the landscape at least in proportion to (1 - p)^m, exponentially "
    "in the number of gates, however well a model is trained: s = c (1 - p)^m P^(-alpha) stands in "
    "front of both terms, and g, S and the derivatives are bounded.",
    numerical_test=f"{_TEST}::test_strong_noise_leaves_the_residual_of_uniform_probabilities",
)

THEOREMS = (GLOBAL, HESSIAN, LIMIT)
