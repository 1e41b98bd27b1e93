"""A trained run of seconds and its landscape, also as a process that tests can kill."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from patchlaw.verification.landscape.landscape_job import compute_landscape
from patchlaw.verification.landscape.record import LandscapeRecord
from patchlaw.verification.landscape.settings import LandscapeSettings
from patchlaw.verification.runs import Run, execute_run
from tests.verification.run_cases import toy_config, toy_samples

if TYPE_CHECKING:
    from sklearn.decomposition import PCA

SAMPLES = toy_samples()


def toy_run(folder: Path, epochs: int = 8, **options: object) -> Run:
    """Trained at a rate at which the loss is least before the last epoch, after the seventh."""
    config = toy_config(SAMPLES, epochs, **{"learning_rate": 0.8} | options)
    return execute_run(folder, config, SAMPLES, threads=1)


def toy_landscape(
    run: Run, out: Path, *, threads: int | None = 1, points: int = 6, **options: object
) -> LandscapeRecord:
    settings = {name: options.pop(name) for name in ("images", "seed", "margin") if name in options}
    return compute_landscape(
        run,
        SAMPLES,
        out,
        LandscapeSettings(points=points, **settings),
        threads=threads,
        **options,
    )


def independent_components(points: np.ndarray) -> tuple["PCA", np.ndarray, np.ndarray]:
    """scikit-learn's PCA, its first two components with the start's score negative, the scores."""
    from sklearn.decomposition import PCA  # a second that a killed process need not wait for

    pca = PCA(svd_solver="full").fit(points)
    scores = pca.transform(points)[:, :2]
    signs = -np.sign(scores[0])
    return pca, signs[:, None] * pca.components_[:2], signs * scores


if __name__ == "__main__":  # a process that the tests can kill
    toy_landscape(
        Run.open(sys.argv[1]), Path(sys.argv[2]), points=int(sys.argv[3]), save_seconds=0.0
    )
