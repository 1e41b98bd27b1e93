"""What is on record of H at single moments of training, on the subset of an analysis."""

from collections.abc import Mapping
from dataclasses import dataclass

from patchlaw.verification.records.eigenvalue import Eigenvalue
from patchlaw.verification.solvers import Estimate, OutlierCount, SpectralDensity
from patchlaw.verification.store.json_files import Count


@dataclass(frozen=True)
class SplitMoment:
    """The split: loss and top eigenvalues of H, G and R.

    ``bias_share`` is that of H's top eigenvector on the bias.
    """

    epoch: Count
    loss: float
    top: Mapping[str, Eigenvalue]
    bias_share: float | None = None


@dataclass(frozen=True, eq=False)
class SpectrumMoment:
    """H's spectrum: its largest eigenvalues and its bulk.

    Attributes:
        epoch: epochs done.
        loss: mean over the subset, nats.
        top: largest eigenvalues, descending.
        density: of the spectrum.
        outliers: counted above the bulk's edge.
        near_zero: share of eigenvalues within lambda_max / 100 of zero.
        outliers_by_gap: by the widest relative gap; None where an eigenvalue did not converge.
    """

    epoch: Count
    loss: float
    top: tuple[Eigenvalue, ...]
    density: SpectralDensity
    outliers: OutlierCount
    near_zero: Estimate
    outliers_by_gap: OutlierCount | None = None
