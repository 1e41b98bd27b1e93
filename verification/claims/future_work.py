"""Claim 13: what the paper leaves to future work."""

from patchlaw.verification.claims import evolution
from patchlaw.verification.claims.claim import PAPER, Claim, Part, scale_part
from patchlaw.verification.claims.controls import Keep, beside, beside_one_large, only
from patchlaw.verification.claims.measures import Number, eigenvalue_ratios, quotient
from patchlaw.verification.claims.piece_of_evidence import Band
from patchlaw.verification.claims.structure import TOO_RAPIDLY
from patchlaw.verification.claims.trained_models import (
    TREND,
    falling_test_loss,
    outliers_beside_classes,
)
from patchlaw.verification.claims.verdict import Reach, Role
from patchlaw.verification.records import TrainedModel


def _test_loss_ratio(first: TrainedModel, second: TrainedModel) -> Number | None:
    one, two = first.minimum.test.loss, second.minimum.test.loss
    return Number(two / one, samples=first.minimum.test.n_samples) if one and two else None


def _with_noise(p: float) -> Keep:
    return lambda run: run.noise == p


NOISE = (0.001, 0.003)  # p a gate, in paper_figures/plans/noise.toml

_NOISE_AND_DATA = (
    "Future studies incorporating noisy environments and applying the models to more complex "
    "datasets present promising avenues for future research"
)

CLAIM = Claim(
    "13",
    "What the paper leaves to future work",
    "Sec. 4",
    (
        Part(
            "13a",
            "With s = c / sqrt(P) the first term's elements fall as 1/P in place of 1/P^2",
            "Sec. 4",
            "Another exponent at alpha = 1/2 in the derived expressions, or on random circuits.",
            "A statement about formulas; the check 'element scaling' includes alpha = 1/2.",
            theorems=("aggregation-table", "element-exponents"),
            checks=("element scaling",),
            quote=TOO_RAPIDLY,
            criterion_by=PAPER,
        ),
        Part(
            "13b",
            "s = c / sqrt(P) is an effective improvement",
            "Sec. 4, future work",
            "Trained beside s = c / P at equal c, P, d, seed and data, its test loss is not lower "
            "in more than a quarter of the pairs.",
            f"{TREND} It is asked of every size, as the paper's sentence names none; shallow "
            "models can refute it and confirm it with a qualification, and eight pairs at the "
            "paper's scale are needed for more.",
            reach=Reach.ANY_SIZE,
            measures=(
                beside(
                    "test loss at alpha = 1/2 over that at 1",
                    _test_loss_ratio,
                    Band.below(1.0, "below 1"),
                    lambda run: run.aggregation_exponent == 0.5,
                    "aggregation_exponent",
                ),
            ),
            quorum=0.75,
            complete=8,
            variants=True,
            quote=(
                "replacing the simple average with a scaling factor of [1/sqrt(P)] for the "
                "aggregated output might be a highly effective architectural improvement"
            ),
            since="2026-11-27",
        ),
        scale_part(
            "13c",
            "The number of outliers equals the number of classes exactly",
            "Sec. 4, future work",
            "A model whose count, by the rule that its record states, is not C.",
            "'Exactly'.",
            measures=outliers_beside_classes(0),
            complete=12,
            quote=(
                "it is important to investigate whether the number of outlier spikes in the "
                "Hessian eigenspectrum of QNNs exactly corresponds to the number of classes"
            ),
            criterion_by=PAPER,
        ),
        evolution.PARTS[0],
        Part(
            "13e",
            "A single large QNN has a sharper landscape than the distributed model",
            "Sec. 4, future work",
            "Trained on the same data at equal parameter count (within 2 %), its lambda_max(H) is "
            "not larger, error bounds included.",
            "Of every size, as in 13b; 2 % is less than one layer of the circuits that are "
            "compared, so no choice of depth could be closer by much.",
            reach=Reach.ANY_SIZE,
            measures=(
                beside_one_large(
                    "lambda_max(H) of one QNN over the distributed model's",
                    lambda first, large: quotient(first.top("H"), large.top("H")),
                    Band.above(1.0, "above 1"),
                ),
            ),
            complete=4,
            variants=True,
            quote="comparing the distributed QNN model with a single large QNN",
            since="2026-11-27",
        ),
        Part(
            "13f",
            "The flattening survives noise",
            "Sec. 4, future work",
            "Trained with global depolarising after every gate, fewer than three quarters of the "
            "ratios of lambda_max(H) from one P to the next are below 1, error bounds included.",
            f"The criterion of 9a on noisy circuits. {TREND} Of every size, as in 13b. Global "
            "depolarising multiplies the outputs by (1 - p)^m; other noise is not trained with.",
            reach=Reach.ANY_SIZE,
            measures=tuple(
                only(
                    _with_noise(p),
                    eigenvalue_ratios("H", "n_patches", Band.below(1.0, "below 1")),
                    f"p = {p:g} a gate",
                )
                for p in NOISE
            ),
            quorum=0.75,
            complete=8,
            variants=True,
            quote=_NOISE_AND_DATA,
            since="2026-11-27",
        ),
        Part(
            "13g",
            "The findings carry over to harder data",
            "Sec. 4, future work",
            "On Fashion-MNIST fewer than three quarters of these hold: lambda_max(H) and test loss "
            "fall from one P to the next, and within 20 % of C outliers are counted.",
            f"The criteria of 9a, 10a and 11b on other data. {TREND} Of every size, as in 13b. "
            "Digits are no harder than MNIST and do not count.",
            reach=Reach.ANY_SIZE,
            measures=tuple(
                only(lambda run: run.dataset == "fashion-mnist", measure, "Fashion-MNIST")
                for measure in (
                    eigenvalue_ratios("H", "n_patches", Band.below(1.0, "below 1")),
                    falling_test_loss("n_patches"),
                    *outliers_beside_classes(0.2),
                )
            ),
            quorum=0.75,
            complete=24,
            variants=True,
            quote=_NOISE_AND_DATA,
            since="2026-11-27",
        ),
        Part(
            "13h",
            "Noise flattens: at equal c the models trained with it have the smaller lambda_max(H)",
            "ours: what the theorem on depolarised outputs says at fixed g and S, asked of trained "
            "models, whose g and S follow",
            "Fewer than three quarters of the models trained with global depolarising after every "
            "gate have a smaller lambda_max(H) than the one without at equal P, depth, seed and "
            "data, error bounds included.",
            "G falls by (1 - p)^(2m) and R by (1 - p)^m at fixed g and S only; a larger loss can "
            "outweigh that, so exceptions are allowed.",
            reach=Reach.ANY_SIZE,
            measures=tuple(
                beside(
                    f"lambda_max(H) with p = {p:g} a gate over that without",
                    lambda first, noisy: quotient(first.top("H"), noisy.top("H")),
                    Band.below(1.0, "below 1"),
                    _with_noise(p),
                    "noise",
                )
                for p in NOISE
            ),
            quorum=0.75,
            complete=8,
            role=Role.ASIDE,
            variants=True,
            since="2026-11-27",
        ),
        evolution.PARTS[1],
    ),
)
