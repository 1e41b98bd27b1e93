"""Claims 1 to 3, 7 and 8: what Eqs. (4)-(6) say, settled by proofs and exact checks."""

from patchlaw.verification.claims.claim import PAPER, Claim, Part
from patchlaw.verification.claims.controls import beside_family, only
from patchlaw.verification.claims.measures import eigenvalue_ratios, quotient, ratios_of_means
from patchlaw.verification.claims.piece_of_evidence import Band
from patchlaw.verification.claims.pooled import exponents
from patchlaw.verification.claims.verdict import Reach, Role
from patchlaw.verification.comparison.exponents import LARGEST_RESIDUAL_BLOCK

TOO_RAPIDLY = (
    "simply averaging the outputs (scaling by [1/P]) decays the first Hessian term too rapidly "
    "([1/P^2])"
)
_PROOF = "A statement about formulas: a proof settles it, one exception refutes it."

EQUATIONS = Claim(
    "1",
    "Eqs. (4)-(6) give the gradient and the Hessian",
    "Sec. 2.2, Eqs. (4)-(6)",
    (
        Part(
            "1a",
            "dL/dt_i = s <sum_k g_k sum_p d_i f_pk> with s = c P^(-alpha)",
            "Eq. (4)",
            "Differentiating the model for symbolic P, C, N and alpha gives something else.",
            _PROOF,
            theorems=("gradient-eq4",),
            quote="the gradient of the loss function with respect to a parameter",
            criterion_by=PAPER,
        ),
        Part(
            "1b",
            "H = G + R: a term with s^2 and the loss's curvature S, one with s and its slope g",
            "Eq. (5)",
            "Differentiating twice gives something else, or H - G - R, the three computed "
            "separately on random circuits, exceeds rounding.",
            _PROOF,
            theorems=("hessian-eq5",),
            checks=("split", "symmetry"),
            quote="By further differentiating this gradient [..], we obtain the Hessian matrix "
            "elements",
            criterion_by=PAPER,
        ),
        Part(
            "1c",
            "For angles of independent QNNs only their own patches remain in the sums",
            "Eq. (6)",
            "Eq. (5), specialised to angles of one patch each, gives something else.",
            _PROOF,
            theorems=("hessian-eq6",),
            quote="Eq. (5) can be simply described by [Eq. (6)]",
            criterion_by=PAPER,
        ),
    ),
)

BLOCK_DIAGONAL = Claim(
    "2",
    "The residual term is block-diagonal in the angles of different patches",
    "Sec. 2.2, below Eq. (6)",
    (
        Part(
            "2a",
            "R_ij = 0 whenever angles i and j belong to different QNNs",
            "Sec. 2.2, below Eq. (6)",
            "One element of R between patches is not exactly zero on a random circuit.",
            "The zeros are structural, so no rounding is allowed for; the check counts only where "
            "G is not zero there as well, else it would show nothing.",
            theorems=("hessian-eq6", "residual-spectrum"),
            checks=("blocks of R",),
            quote=(
                "this cross-derivative term is identically zero, making the second term of "
                "the Hessian matrix effectively block-diagonal with respect to the QNN "
                "parameters"
            ),
            criterion_by=PAPER,
        ),
        Part(
            "2b",
            "The same holds with the pixel bias: R's largest eigenvalue is its blocks' largest",
            "ours: a wider reading, the paper speaks of the QNNs' parameters only",
            "A bordered block-diagonal matrix with a larger eigenvalue than any of its blocks.",
            _PROOF,
            contradicted_by=("bias-breaks-the-blocks",),
            role=Role.ASIDE,
        ),
        Part(
            "2c",
            "The first term G does couple different patches",
            "ours: what Eq. (6) says of the first term",
            "G between patches is zero on a random circuit whose patches see different data.",
            "Stated so that block-diagonality of R is not taken for that of H. The check "
            "'blocks of R' passes only where G between patches is not zero.",
            theorems=("gram-picture", "gram-bounds"),
            checks=("blocks of R", "block bounds"),
            role=Role.ASIDE,
        ),
    ),
)


_UNCHANGED = Band(0.8, 1.25, "between 1/1.25 and 1.25")

ELEMENT_SCALING = Claim(
    "3",
    "Elements of G scale as 1/P^2, elements of R as 1/P",
    "Sec. 2.2, Eq. (6)",
    (
        Part(
            "3a",
            "With the patches' functions, g and S held fixed, elements of G over the angles carry "
            "P^(-2 alpha), those of R P^(-alpha)",
            "Sec. 2.2, Eq. (6)",
            "Another exponent in the derived expression, or copies of one QNN whose elements "
            "change by another factor than s^2 and s beyond rounding.",
            _PROOF,
            theorems=("element-exponents",),
            checks=("element scaling",),
            quote=TOO_RAPIDLY,
            criterion_by=PAPER,
        ),
        Part(
            "3b",
            "g and S may indeed be taken as fixed when models of different P are compared at "
            "their minima",
            "ours: the premise under which 3a speaks of trained models",
            "<tr S> or <|g|_1> at the minimum changes by more than a factor 1.25 from one P to "
            "the next.",
            "The smallest step, 9 to 16, separates the paper's law from the aligned one by "
            "a factor 16/9; 1.25 is a round factor below its square root 1.33, so a larger change "
            "could turn one law into the other.",
            reach=Reach.ANY_SIZE,
            measures=(
                ratios_of_means(
                    "<tr S>", "n_patches", lambda m: m.minimum.train.mean_softmax_trace, _UNCHANGED
                ),
                ratios_of_means(
                    "<|g|_1>", "n_patches", lambda m: m.minimum.train.mean_abs_slope, _UNCHANGED
                ),
            ),
            complete=16,
            role=Role.PREMISE,
        ),
        Part(
            "3c",
            "So the largest eigenvalue of R over the angles falls as 1/P at the minima",
            "ours: what 3a and 3b together predict of R; its blocks have one size at every P",
            "-1 lies outside the 95 % interval of the exponent fitted to max_p lambda_max(R_pp) "
            "over all P.",
            "The criterion of 4e. R is block-diagonal, so nothing but its elements decides how its "
            "largest eigenvalue falls; for G, whose patches are coupled, see claim 4.",
            reach=Reach.ANY_SIZE,
            measures=(exponents("max_p lambda_max(R_pp)", LARGEST_RESIDUAL_BLOCK, -1),),
            role=Role.PREMISE,
            since="2026-11-25",
        ),
    ),
)

SHARED_ANGLES = Claim(
    "7",
    "Sharing angles between the QNNs removes the flattening",
    "Sec. 2.2, below Eq. (5)",
    (
        Part(
            "7a",
            "If the patches respond alike, shared angles cancel the factors 1/P^2 and 1/P whole",
            "Sec. 2.2, below Eq. (5)",
            "Another power of P in Eq. (5) with shared angles and equal patch functions.",
            _PROOF,
            theorems=("shared-angles", "one-qnn"),
            quote=(
                "leaving numerous terms in the summations [..] of Eq. (5), thereby "
                "diminishing the flattening effect and complicating the loss landscape"
            ),
            criterion_by=PAPER,
        ),
        Part(
            "7b",
            "They cancel whole whatever the patches' derivatives are",
            "ours: the claim without its premise",
            "Patch derivatives for which a power of P remains.",
            _PROOF,
            contradicted_by=("incoherent-sharing",),
            role=Role.PREMISE,
        ),
        Part(
            "7c",
            "In trained models with shared angles lambda_max(H) does not fall with P",
            "ours: the claim at the minima, where patches respond as they may",
            "One ratio of neighbouring P at equal depth, both models with shared angles, is below "
            "0.8, error bounds included.",
            "'Removes' the flattening; the tolerance is that of 4b. Own angles beside them, "
            "without a bias as well, are in the same plan.",
            reach=Reach.ANY_SIZE,
            measures=(
                only(
                    lambda run: run.shared_angles,
                    eigenvalue_ratios("H", "n_patches", Band.above(0.8)),
                    "shared angles",
                ),
            ),
            complete=8,
            role=Role.PREMISE,
            variants=True,
            since="2026-11-27",
        ),
    ),
)

AVERAGED_OBSERVABLES = Claim(
    "8",
    "One QNN with many averaged observables gains nothing",
    "Sec. 2.2, below Eq. (5)",
    (
        Part(
            "8a",
            "Observables that respond alike give the Hessian of a single one, and none exceeds "
            "the bounds of a single one",
            "Sec. 2.2, below Eq. (5)",
            "A power of P in Eq. (5) for one QNN with P equal observables.",
            _PROOF,
            theorems=("averaged-observables", "one-qnn"),
            quote=(
                "These accumulated terms would largely cancel out the scaling factors [..], "
                "making the loss landscape more complex"
            ),
            criterion_by=PAPER,
        ),
        Part(
            "8b",
            "Averaging different observables flattens nothing either",
            "ours: the claim without 'largely'",
            "Two observables whose average has smaller slopes than either.",
            _PROOF,
            contradicted_by=("observables-can-gain",),
            role=Role.PREMISE,
        ),
        Part(
            "8c",
            "In a trained QNN that averages four different observables a class lambda_max(H) is "
            "as large as in one that reads one",
            "ours: the claim at the minima, where observables respond as they may",
            "One ratio, four observables over one at equal depth, seed and data, is below 0.8, "
            "error bounds included.",
            "'Gains nothing'; the tolerance is that of 4b and 7c. Both circuits are the paper's on "
            "the whole image, without a bias; class k reads the paper's observable and three more.",
            reach=Reach.ANY_SIZE,
            measures=(
                beside_family(
                    "lambda_max(H), four observables over one",
                    lambda one, four: quotient(one.top("H"), four.top("H")),
                    Band.above(0.8),
                    ("one_observable", "four_observables"),
                ),
            ),
            complete=8,
            role=Role.PREMISE,
            variants=True,
            since="2026-11-27",
        ),
    ),
)

CLAIMS = (EQUATIONS, BLOCK_DIAGONAL, ELEMENT_SCALING, SHARED_ANGLES, AVERAGED_OBSERVABLES)
