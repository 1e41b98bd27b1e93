"""What Eq. (5) becomes for one QNN, shared angles, averaged observables and the pixel bias."""

from __future__ import annotations

from sympy import (
    Derivative,
    Expr,
    Function,
    IndexedBase,
    Integer,
    KroneckerDelta,
    Lambda,
    Rational,
    Sum,
    Symbol,
    cos,
    sin,
)

from patchlaw.hessian_theory import symbols as sym
from patchlaw.hessian_theory.loss_derivatives import EXPANSION_POINT, logit, loss_jet
from patchlaw.hessian_theory.proof.derivation import (
    Assumption,
    Citation,
    Claim,
    Derivation,
    Premise,
    Step,
)
from patchlaw.hessian_theory.proof.evidence import Combination, Use
from patchlaw.hessian_theory.proof.language import Formula
from patchlaw.hessian_theory.theorems.notation import PATCHES, bounded_point, on_model, over_patches
from patchlaw.hessian_theory.theorems.split import EQ5, curved, d, point, sloped

_i, _j = sym.THETA_I, sym.THETA_J
_k, _l, _p, _q, _n = sym.k, sym.l, sym.p, sym.q, sym.n
_c, _alpha, _P = sym.SCALE, sym.ALPHA, sym.P
_s = sym.prefactor()
_h = Function("h", real=True)
_LOSS = Function("L", real=True)(_i, _j)
# every patch responds alike: f_pk is replaced by one function h_k
_ALIKE = {sym.f: Lambda((_n, _p, _k, _i, _j), _h(_n, _k, _i, _j))}


def _dh(output: Symbol, *variables: Symbol) -> Expr:
    return Derivative(_h(_n, output, _i, _j), *variables)


def _alike(expr: Expr) -> Expr:
    return expr.replace(sym.f, lambda *args: _h(args[0], *args[2:]))


def _alike_point(exponent: Expr = _alpha) -> Premise:
    z = _alike(logit(_k, exponent=exponent))
    return Premise("z0", Formula(EXPANSION_POINT[_n, _k], "=", z), "expansion point", (_n, _k))


_ONE_LOSS = loss_jet(n_patches=1)

ONE_QNN = Derivation(
    name="one-qnn",
    title="P = 1: a single QNN",
    summary="With one QNN the prefactors are c^2 and c for every alpha: nothing is scaled down.",
    source="Sec. 2.2, below Eq. (5)",
    premises=(point(n_patches=1), Citation("Eq. (5)", EQ5, "Eq. (5)", {_P: Integer(1)})),
    abbreviations=((_LOSS, _ONE_LOSS),),
    steps=(
        Claim(
            "P = 1",
            Formula(
                Derivative(_ONE_LOSS, _i, _j),
                "=",
                _c**2 * curved(d(1, _k, _i), d(1, _l, _j)) + _c * sloped(d(1, _k, _i, _j)),
            ),
            "Eq. (5) at P = 1",
            Combination(Use("Eq. (5)")),
        ),
    ),
    numerical_test=on_model("gradient_matches_equation_4"),
)

_ALIKE_LOSS, _ALIKE_MEAN = _alike(loss_jet()), _alike(loss_jet(exponent=1))
_ALIKE_EQ5 = Citation("Eq. (5)", EQ5, "Eq. (5)", _ALIKE)
_COHERENT = curved(_dh(_k, _i), _dh(_l, _j))
_SLOPE = sloped(_dh(_k, _i, _j))

SHARED = Derivation(
    name="shared-angles",
    title="Sharing angles removes the flattening when the patches respond alike",
    summary="If all patches share their angles, every patch contributes to every derivative. "
    "Where they respond alike (f_pk = h_k) the sums contribute P^2 and P, which at alpha = 1 "
    "cancel the prefactors completely.",
    source="Sec. 2.2, below Eq. (5)",
    assumptions=(Assumption("patches share their angles and respond alike: f_pk = h_k"),),
    premises=(_alike_point(), _ALIKE_EQ5),
    abbreviations=((_LOSS, _ALIKE_LOSS),),
    steps=(
        Claim(
            "general",
            Formula(
                Derivative(_ALIKE_LOSS, _i, _j),
                "=",
                _c**2 * _P ** (2 - 2 * _alpha) * _COHERENT + _c * _P ** (1 - _alpha) * _SLOPE,
            ),
            "Eq. (5) with f_pk = h_k; idle sums over patches count P each",
            Combination(Use("Eq. (5)")),
        ),
    ),
    consequence="Confirmed with a qualification: the factor removed is all of it only if the "
    "patches' derivatives add up coherently (theorem incoherent-sharing has the other end).",
    numerical_test=on_model("sharing_angles_removes_the_flattening"),
)

SHARED_MEAN = Derivation(
    name="shared-angles-mean",
    title="Shared angles, patches that respond alike, and the mean (alpha = 1): no power of P",
    summary="The case of shared-angles that the paper has: with s = c/P the powers cancel.",
    source="Sec. 2.2, below Eq. (5)",
    assumptions=(Assumption("patches share their angles and respond alike: f_pk = h_k"),),
    premises=(
        _alike_point(Integer(1)),
        Citation("general", SHARED, "general", {_alpha: Integer(1)}),
    ),
    abbreviations=((_LOSS, _ALIKE_MEAN),),
    steps=(
        Claim(
            "mean",
            Formula(Derivative(_ALIKE_MEAN, _i, _j), "=", _c**2 * _COHERENT + _c * _SLOPE),
            "alpha = 1: no power of P is left",
            Combination(Use("general")),
        ),
    ),
    numerical_test=on_model("sharing_angles_removes_the_flattening"),
)

_x = IndexedBase("x", real=True)
_v = Symbol("v", nonnegative=True)
_E2 = IndexedBase("E_xx", real=True)


INCOHERENT = Derivation(
    name="incoherent-sharing",
    title="Shared angles with uncorrelated patch derivatives still flatten",
    summary="If the derivatives of different patches are uncorrelated with variance v, their sum "
    "has mean square P v, not P^2 v: the element of G then carries P^(1 - 2 alpha), half-way "
    "between independent and coherently shared angles.",
    source="ours",
    assumptions=(Assumption("E[d_i f_p d_i f_q] = v [p = q]"),),
    premises=(
        Premise(
            "uncorrelated", Formula(_E2[_p, _q], "=", _v * KroneckerDelta(_p, _q)), forall=(_p, _q)
        ),
    ),
    steps=(
        Claim(
            "mean square",
            Formula(over_patches(_E2[_p, _q], _p, _q), "=", _P * _v),
            "E (sum_p d_i f_p)^2 = sum_pq E[d_i f_p d_i f_q], with the premise inserted",
            Combination(Use("uncorrelated", over={_p: _P, _q: _P})),
        ),
        Claim(
            "exponent",
            Formula(
                PATCHES * Derivative(sym.prefactor(PATCHES) ** 2 * PATCHES * _v, PATCHES),
                "=",
                (1 - 2 * _alpha) * sym.prefactor(PATCHES) ** 2 * PATCHES * _v,
            ),
            "x dE/dx = e E for the element E = s^2 P v, the real variable x standing for P",
        ),
    ),
    consequence="Claim 7 (sharing removes the flattening) needs coherent derivatives.",
    numerical_test=(
        "tests/theory/test_theorems_at_their_ends.py::test_shared_angles_coherent_and_incoherent"
    ),
)


_t = Symbol("theta", real=True)
OBSERVABLES = Derivation(
    name="averaged-observables",
    title="One QNN with many averaged observables: no power of P, the bounds of one observable",
    summary="One circuit with P observables per class, averaged, is Eq. (5) with all summands "
    "depending on the same angle. Identical observables give exactly the P = 1 Hessian: "
    "averaging gains nothing. In general |average of derivatives| <= 1, the bound for one "
    "observable: no power of P appears by itself.",
    source="Sec. 2.2, below Eq. (5)",
    assumptions=(
        Assumption("one circuit; the P observables per class are averaged (alpha = 1)"),
        Assumption("|d_i f_p| <= 1 (Pauli rotations, theorem derivative-bounds)"),
    ),
    premises=(
        Premise("bounded", Formula(_x[_p], "<=", Integer(1)), forall=(_p,)),
        _alike_point(Integer(1)),
        Citation("shared", SHARED_MEAN, "mean"),
    ),
    abbreviations=((_LOSS, _ALIKE_MEAN),),
    witness=bounded_point("x"),
    steps=(
        Claim(
            "identical",
            Formula(Derivative(_ALIKE_MEAN, _i, _j), "=", _c**2 * _COHERENT + _c * _SLOPE),
            "Eq. (5) with alpha = 1 and f_pk = h_k: no power of P is left",
            Combination(Use("shared")),
        ),
        Claim(
            "average",
            Formula(over_patches(_x[_p]) / _P, "<=", Integer(1)),
            "an average of numbers <= 1; likewise from below with -x",
            Combination(remainder=over_patches(1 - _x[_p]) / _P),
        ),
    ),
    consequence="Confirmed for observables that respond alike; see observables-can-gain.",
    numerical_test=on_model("averaged_observables"),
)

OBSERVABLES_GAIN = Derivation(
    name="observables-can-gain",
    title="Refuted as a general statement: averaged observables gain nothing",
    summary="One qubit after RX(theta): <Z> = cos theta and <Y> = -sin theta. Their average has "
    "largest squared slope 1/2, not 1: averaging different observables does flatten.",
    source="ours, against Sec. 2.2",
    kind="counterexample",
    steps=(
        Step(
            "slope",
            Formula(Derivative((cos(_t) - sin(_t)) / 2, _t) ** 2, "=", (1 + sin(2 * _t)) / 4),
            "differentiation of the average of <Z> and <Y>",
        ),
        Claim(
            "less",
            Formula(Derivative((cos(_t) - sin(_t)) / 2, _t) ** 2, "<=", Rational(1, 2)),
            "sin <= 1: 1/2 - (1 + sin 2 theta)/4 = (1 - sin 2 theta)/4 "
            "= (sin theta - cos theta)^2 / 4",
            Combination(remainder=(sin(_t) - cos(_t)) ** 2 / 4),
        ),
        Step(
            "one observable",
            Formula(Derivative(cos(_t), _t) ** 2, "=", 1 - cos(_t) ** 2),
            "a single observable, <Z>, reaches squared slope 1 where cos theta = 0",
        ),
    ),
    consequence="Claim 8 holds as an upper bound and for observables that respond alike, not in "
    "general. With uncorrelated derivatives the gain is that of incoherent-sharing.",
    numerical_test=on_model("averaged_observables"),
)

_chi = IndexedBase("chi", nonnegative=True)
_D = IndexedBase("D", real=True)
_m = IndexedBase("m", nonnegative=True)
_bias_j = Symbol("j", integer=True, positive=True)


PIXEL_BIAS = Derivation(
    name="pixel-bias",
    title="Bias rows: derivatives are sums over the covering patches, bounded by m_j",
    summary="A bias of pixel j enters exactly the patches that contain it (chi_pj = 1) and acts "
    "there as one more rotation angle. So its derivative of F_k = sum_p f_pk is a sum of at most "
    "m_j = sum_p chi_pj terms, each at most 1 in absolute value.",
    source="Eq. (5), for the paper's Sec. 2.2 on the bias",
    assumptions=(
        Assumption("chi_pj is 1 if patch p contains pixel j, else 0"),
        Assumption("-1 <= D_pj <= 1 (each pixel enters a patch once, through a Pauli rotation)"),
    ),
    premises=(
        Premise("above", Formula(_D[_p, _bias_j], "<=", Integer(1)), forall=(_p, _bias_j)),
        Premise("below", Formula(_D[_p, _bias_j], ">=", Integer(-1)), forall=(_p, _bias_j)),
        Premise(
            "m",
            Formula(_m[_bias_j], "=", over_patches(_chi[_p, _bias_j])),
            "definition",
            (_bias_j,),
        ),
    ),
    witness=bounded_point("D"),
    steps=(
        Claim(
            "upper",
            Formula(over_patches(_chi[_p, _bias_j] * _D[_p, _bias_j]), "<=", _m[_bias_j]),
            "m_j - sum_p chi_pj D_pj = sum_p chi_pj (1 - D_pj)",
            Combination(
                Use("m", -1), remainder=over_patches(_chi[_p, _bias_j] * (1 - _D[_p, _bias_j]))
            ),
        ),
        Claim(
            "lower",
            Formula(over_patches(_chi[_p, _bias_j] * _D[_p, _bias_j]), ">=", -_m[_bias_j]),
            "sum_p chi_pj (1 + D_pj) >= 0",
            Combination(
                Use("m", -1), remainder=over_patches(_chi[_p, _bias_j] * (1 + _D[_p, _bias_j]))
            ),
        ),
    ),
    consequence="The bias rows carry coverage factors m_j; whether they are suppressed depends on "
    "how m_j grows with P (theorems coverage and element-exponents).",
    numerical_test=on_model("elements_respect_their_bounds"),
)


_cover = Symbol("m", integer=True, positive=True)
_covered = {
    count: _s**2 * curved(Sum(_dh(_k, _i), (_p, 1, count)), Sum(_dh(_l, _j), (_q, 1, count)))
    for count in (_cover, _P)
}

BIAS_NOT_SUPPRESSED = Derivation(
    name="bias-not-suppressed",
    title="Refuted: bias elements stay suppressed by 1/P^2",
    summary="Let the m covering patches respond alike to two pixels they all contain: the sums of "
    "the Gauss-Newton term of Eq. (5) run over them alone. Their element of G is s^2 m^2 times the "
    "element of a single QNN with scale 1. For the central pixels m = P for every P, so at "
    "alpha = 1 the element is c^2 times it, whatever P.",
    source="ours, against Sec. 2.2 (bias terms)",
    kind="counterexample",
    assumptions=(Assumption("the covering patches respond alike (f_pk = h_k)"),),
    steps=(
        Step(
            "m patches",
            Formula(_covered[_cover], "=", _s**2 * _cover**2 * _COHERENT),
            "idle sums over the covering patches count m each",
        ),
        Claim(
            "all patches",
            Formula(_covered[_P].xreplace({_alpha: Integer(1)}), "=", _c**2 * _COHERENT),
            "central pixels: m = P; with alpha = 1 the powers of P cancel",
        ),
    ),
    consequence="'A limited, local number of patches' is not limited: with the image and the "
    "patch fixed, m_j grows in proportion to P.",
    numerical_test=on_model("bias_elements_are_not_suppressed"),
)

THEOREMS: tuple[Derivation, ...] = (
    ONE_QNN,
    SHARED,
    SHARED_MEAN,
    INCOHERENT,
    OBSERVABLES,
    OBSERVABLES_GAIN,
    PIXEL_BIAS,
    BIAS_NOT_SUPPRESSED,
)
