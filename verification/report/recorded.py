"""Eigenvalue densities of the analysed runs on record, for the report's spectra."""

from pathlib import Path

from patchlaw.verification.report.figures import DensityCurve


def recorded_densities(folder: Path) -> tuple[DensityCurve, ...]:
    """The density of H of every analysis record in a folder, a panel a depth.

    Outliers are the record's eigenvalues above the edge that its counting rule found.

    Raises:
        ValueError: a record that is damaged, altered or of another version.
    """
    from patchlaw.verification.analysis.record import (
        read_analyses,  # only where there is a folder to read
    )

    curves = []
    for record in sorted(read_analyses(folder), key=lambda r: (r.run.depth, r.run.n_patches)):
        if record.density is None:
            continue
        edge = float("inf") if record.outliers is None else record.outliers.edge
        top = () if record.subset is None else record.subset.top
        curves.append(
            DensityCurve.of(
                f"P = {record.run.n_patches}, seed {record.run.seed}, "
                f"{record.density.n_samples or 0:,} images",
                record.density,
                tuple(value.value for value in top if value.value > edge),
                f"depth {record.run.depth}",
            )
        )
    return tuple(curves)
