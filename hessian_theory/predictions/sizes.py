"""Size estimates of tr G and lambda_max from the architecture and the loss.

The chain, over the angles: tr G = s^2 sum_i <d_i f^T S d_i f>. If a patch circuit behaves like
a 2-design on both sides of a rotation, E[d_i f_k d_i f_l] = v delta_kl with v fixed by the
number of qubits, so that tr G = s^2 P n_p v <tr S>; then lambda_max = kappa tr G, kappa the
share of the top direction. Independently of that chain, the paper's twelve eigenvalues collapse
onto lambda_max = K L n_p / P with one constant K.
"""

from dataclasses import dataclass
from fractions import Fraction

from patchlaw.hessian_theory.input_checks import bounded_integer, finite_number
from patchlaw.hessian_theory.predictions.architecture import MAX_QUBITS, Architecture
from patchlaw.hessian_theory.predictions.evidence import Interval, Number, Status
from patchlaw.hessian_theory.predictions.loss_factors import check_curvature, curvature_ceiling


@dataclass(frozen=True)
class CollapseConstant:
    """K of lambda_max = K L n_p / P, fitted at c = 100, alpha = 1 and n = 8.

    Attributes:
        median: median of lambda_max P / (L n_p) over the runs.
        low: smallest value seen.
        high: largest value seen.
        scale: the c at which the runs were made.
        source: where the runs are from.
    """

    median: float
    low: float
    high: float
    scale: float
    source: str


PAPER_COLLAPSE = CollapseConstant(
    median=1.44,
    low=1.11,
    high=2.01,
    scale=100.0,
    source="arXiv 2504.19239, Table 3 (lambda_max) and the training losses at the same minima, "
    "P = 4, 9, 16 and d = 50, 100, 150, 200",
)


@dataclass(frozen=True)
class SizeEstimate:
    """One estimated size.

    Attributes:
        quantity: what is estimated.
        value: the estimate; None where an input is missing.
        formula: how it is computed.
        used: inputs beyond the architecture.
        status: ``assumed`` or ``empirical``.
        assumption: what the estimate rests on.
        interval: the range that goes with it, and its premise; None where there is none.
        reason: why there is no value; None where there is one.
    """

    quantity: str
    value: float | None
    formula: str
    used: tuple[str, ...]
    status: Status
    assumption: str
    interval: Interval | None = None
    reason: str | None = None


def derivative_variance(n_qubits: int) -> Fraction:
    """v = E[(d f)^2] for a rotation by a Pauli P inside a deep circuit and a Pauli observable O.

    Formula: v = N^2 / (2 (N + 1) (N^2 - 1)), N = 2^n; 1 / (2 (N + 1)) up to a factor
    1 + 1 / (N^2 - 1).

    Derivation: with W before and V after the rotation, d f = <psi| X |psi>, psi = W |0>,
    X = (i/2) [P, V^+ O V], traceless. If W is a 2-design, E (d f)^2 = tr X^2 / (N (N + 1)), and
    tr X^2 = (N - tr(P V^+OV P V^+OV)) / 2; if V is one, the last trace averages to
    -N / (N^2 - 1). Two different Pauli observables give E[d f_k d f_l] = 0.
    Source: McClean et al., Nat. Commun. 9, 4812 (2018) for the scaling; the constant is ours.

    Args:
        n_qubits: n.

    Raises:
        TypeError: n is not an integer.
        ValueError: n is not positive, or beyond 64.
    """
    dimension = 2 ** bounded_integer("n_qubits", n_qubits, MAX_QUBITS)
    return Fraction(dimension**2, 2 * (dimension + 1) * (dimension**2 - 1))


def size_estimates(
    architecture: Architecture,
    *,
    loss: Number | None = None,
    curvature: Number | None = None,
    kappa: Number | None = None,
    collapse: CollapseConstant = PAPER_COLLAPSE,
) -> tuple[SizeEstimate, ...]:
    """Every size estimate, with a reason where an input is missing.

    Args:
        architecture: sizes, c and alpha.
        loss: mean cross-entropy L in nats over the samples.
        curvature: <tr S> over the samples.
        kappa: share lambda_max(G) / tr G of the top direction, in (0, 1], from a measurement.
        collapse: the constant K of the empirical collapse.

    Raises:
        TypeError: a value is not a number of the right kind.
        ValueError: a value is out of range, or the curvature contradicts the loss.
    """
    if loss is not None:
        loss = finite_number("loss", loss, what="the mean cross-entropy in nats", minimum=0)
    if curvature is not None:
        curvature = check_curvature(curvature, loss=loss, n_classes=architecture.n_classes)
    if kappa is not None:
        what = "the share lambda_max / tr G of the top direction"
        kappa = finite_number("kappa", kappa, what=what, above=0, maximum=1)
    trace = gauss_newton_trace(architecture, loss=loss, curvature=curvature)
    return (
        trace,
        _top_share(trace, kappa),
        collapsed_eigenvalue(architecture, loss=loss, collapse=collapse),
    )


def gauss_newton_trace(
    architecture: Architecture, *, loss: Number | None = None, curvature: Number | None = None
) -> SizeEstimate:
    """tr G over the angles: s^2 P n_p v <tr S>, nothing fitted.

    Without <tr S> the loss gives its ceiling <= 2 L (``curvature_ceiling``), and the estimate
    becomes an upper end: tr G is at most that, given the same assumption.

    Args:
        architecture: sizes, c and alpha.
        loss: mean cross-entropy L; read only where the curvature is missing.
        curvature: <tr S>.
    """
    s = architecture.logit_factor
    per_curvature = (
        s * s * architecture.n_angles * float(derivative_variance(architecture.n_qubits))
    )
    assumption = (
        "patch circuits are 2-designs on both sides of every rotation, and S is independent of "
        "the derivatives"
    )
    value: float | None = None
    interval: Interval | None = None
    reason: str | None = None
    used: tuple[str, ...] = ("curvature",)
    quantity, formula = "tr G, angles", "s^2 P n_p v <tr S>"
    if curvature is not None:
        value = per_curvature * float(curvature)
    elif loss is not None:
        used = ("loss",)
        formula = "s^2 P n_p v (ceiling of <tr S> at this loss)"
        quantity = "tr G, angles, at most"
        value = per_curvature * curvature_ceiling(loss, architecture.n_classes)
        interval = Interval(0.0, value, assumption)
    else:
        used, reason = (), "needs curvature (or loss, for an upper end)"
    return SizeEstimate(quantity, value, formula, used, "assumed", assumption, interval, reason)


def collapsed_eigenvalue(
    architecture: Architecture,
    *,
    loss: Number | None = None,
    collapse: CollapseConstant = PAPER_COLLAPSE,
) -> SizeEstimate:
    """lambda_max(H) at a minimum: K (s/c0)^2 P L n_p, which is K L n_p / P for c = c0, alpha = 1.

    The interval is the spread of K over the runs it was taken from; those runs include the pixel
    bias. Other c, alpha or n than theirs extrapolate by the scaling of tr G in s.

    Args:
        architecture: sizes, c and alpha.
        loss: mean training loss L at the minimum.
        collapse: the constant K.
    """
    extrapolated = (
        architecture.n_qubits != 8
        or architecture.aggregation_exponent != 1
        or architecture.scale != collapse.scale
    )
    assumption = f"K = {collapse.median:g} from {collapse.source}" + (
        "; extrapolated to another n, alpha or c" if extrapolated else ""
    )
    quantity, formula = "lambda_max(H)", "K (s/c0)^2 P L n_p"
    if loss is None:
        return SizeEstimate(
            quantity, None, formula, (), "empirical", assumption, reason="needs loss"
        )
    s = architecture.logit_factor / collapse.scale
    unit = s * s * architecture.n_angles * float(loss)
    return SizeEstimate(
        quantity,
        collapse.median * unit,
        formula,
        ("loss",),
        "empirical",
        assumption,
        Interval(collapse.low * unit, collapse.high * unit, "K within the range of those runs"),
    )


def _top_share(trace: SizeEstimate, kappa: Number | None) -> SizeEstimate:
    """lambda_max(G) = kappa tr G over the angles."""
    missing = [*(["kappa"] if kappa is None else []), *(["curvature"] if trace.interval else [])]
    value = None
    if kappa is not None and trace.value is not None and not trace.interval:
        value = float(kappa) * trace.value
    reason = trace.reason or (f"needs {' and '.join(missing)}" if missing else None)
    return SizeEstimate(
        "lambda_max(G), angles",
        value,
        "kappa tr G",
        () if value is None else ("kappa", *trace.used),
        "empirical",
        f"kappa measured on a like model; {trace.assumption}",
        Interval(0.0, trace.value, trace.assumption)
        if value is not None and trace.value is not None
        else None,
        reason,
    )
