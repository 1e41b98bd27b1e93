"""A loss landscape on record: one JSON file a run, also the state from which it is continued.

The file is a ``LandscapeRecord`` field by field, sealed. Lists are in the order of the epoch ends,
the start first; lengths are in radians; a loss that is not computed yet is null.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchlaw.verification.jobs.job import Execution
from patchlaw.verification.landscape.pca import LEAST_POINTS
from patchlaw.verification.records import RunFacts
from patchlaw.verification.store.errors import RecordError
from patchlaw.verification.store.json_files import Count
from patchlaw.verification.store.seal import FileKind

LANDSCAPE = FileKind(
    "patchlaw landscape",
    "restore it from a copy, or move it away and compute it again with `patchlaw landscape`",
)

Float = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PrincipalComponents:
    """How much of the trajectory the plane shows; n points, the start and every epoch's end.

    Attributes:
        ratios: contribution ratios of all components, descending.
        off_plane: distance of every point from the plane through the minimum, shape (n,).
        from_minimum: distance of every point from the minimum, shape (n,).
        random_walk_ratios: of the first two components of a random walk of n points, shape (2,).
    """

    ratios: Float
    off_plane: Float
    from_minimum: Float
    random_walk_ratios: Float


@dataclass(frozen=True, eq=False)
class ProjectedTrajectory:
    """The trajectory in the plane, the minimum at (0, 0); each of shape (n,).

    Attributes:
        x: along PC1, radians.
        y: along PC2.
        train_loss: over all training images of the run, as recorded while it was trained.
    """

    x: Float
    y: Float
    train_loss: Float


@dataclass(frozen=True, eq=False)
class LossGrid:
    """The landscape.

    Attributes:
        margin: between the trajectory's range and the grid's edge, radians.
        x: positions along PC1, ascending, shape (points,).
        y: positions along PC2, ascending, shape (points,).
        loss: loss[i, j] at y[i] and x[j], NaN where it is not computed yet, shape (points, points).
    """

    margin: float
    x: Float
    y: Float
    loss: Float

    @property
    def n_done(self) -> int:
        """Losses computed so far."""
        return int(np.isfinite(self.loss).sum())


@dataclass(frozen=True)
class Resumption:
    """A session that went on: the losses that were there, and its environment."""

    from_point: Count
    environment: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class LandscapeRecord:
    """The loss over the plane of a run's trajectory, as far as it is computed.

    Attributes:
        run: which run, with the hash of its parameters.
        n_samples: images behind each loss of the grid.
        subset_seed: seed of their stratified draw; None if they are all of the run's.
        minimum_epoch: epochs done at the minimum of the training loss, the plane's origin.
        pca: the plane's share of the trajectory.
        loss_at_minimum: the loss at the origin, over the grid's images.
        execution: threads and chunks, the same in every session.
        environment: of the process that began.
        resumed: the sessions that went on.
    """

    reproduce: str
    run: RunFacts
    n_samples: Count
    subset_seed: Count | None
    minimum_epoch: Count
    pca: PrincipalComponents
    trajectory: ProjectedTrajectory
    grid: LossGrid
    loss_at_minimum: float
    execution: Execution
    environment: Mapping[str, Any]
    resumed: tuple[Resumption, ...]
    seconds: float

    @property
    def complete(self) -> bool:
        """Whether every loss of the grid is computed."""
        return self.grid.n_done == self.grid.loss.size

    @property
    def covers_training_set(self) -> bool:
        """Whether every loss is over all training images of the run."""
        return self.subset_seed is None

    def losses_on_plane(self) -> Float:
        """The landscape where the trajectory's points are projected to, shape (epochs + 1,).

        Bilinear between the grid's points, NaN outside and beside a loss that is not computed.
        They differ from ``trajectory.train_loss`` by what the plane leaves out: the distance from
        it, and the pixel bias, which the plane keeps as it is at the minimum.
        """
        # half a second that a reader of records need not wait for
        from scipy.interpolate import RegularGridInterpolator

        grid = self.grid
        below = RegularGridInterpolator((grid.y, grid.x), grid.loss, bounds_error=False)
        losses: Float = below((self.trajectory.y, self.trajectory.x))
        return losses

    def write(self, path: Path) -> None:
        """Write the record under its checksum; a file that is there stays until the end."""
        LANDSCAPE.write(path, self)

    @classmethod
    def read(cls, path: Path) -> "LandscapeRecord":
        """Read a record, finished or not.

        Raises:
            RecordError: truncated, altered since it was written, of another kind or
                version, or with numbers that do not fit together.
            OSError: the file cannot be read.
        """
        record = LANDSCAPE.read_as(path, cls, exactly=True)
        try:
            _check(record)
        except ValueError as error:
            raise RecordError(f"{path}: {error}; {LANDSCAPE.fix}") from None
        return record


def _check(record: LandscapeRecord) -> None:
    """Raise ValueError, naming the key, for numbers that do not fit together."""
    pca, trajectory, grid = record.pca, record.trajectory, record.grid
    n_points = record.run.epochs + 1
    if n_points < LEAST_POINTS or not 1 <= record.minimum_epoch < n_points:
        raise ValueError(
            f"minimum_epoch: expected 1 to {record.run.epochs}, got {record.minimum_epoch}"
        )
    if not 1 <= record.n_samples <= record.run.images:
        raise ValueError(f"n_samples: expected 1 to {record.run.images}, got {record.n_samples}")
    expected = {
        "pca.off_plane": (pca.off_plane, (n_points,)),
        "pca.from_minimum": (pca.from_minimum, (n_points,)),
        "pca.random_walk_ratios": (pca.random_walk_ratios, (2,)),
        "pca.ratios": (pca.ratios, (len(pca.ratios),)),
        "trajectory.x": (trajectory.x, (n_points,)),
        "trajectory.y": (trajectory.y, (n_points,)),
        "trajectory.train_loss": (trajectory.train_loss, (n_points,)),
        "grid.x": (grid.x, (len(grid.x),)),
        "grid.y": (grid.y, (len(grid.y),)),
    }
    for name, (values, shape) in expected.items():
        if values.shape != shape or not np.isfinite(values).all():
            raise ValueError(f"{name}: expected finite numbers of shape {shape}, got {values}")
    if grid.loss.shape != (len(grid.y), len(grid.x)) or min(grid.loss.shape) < 2:
        raise ValueError(
            f"grid.loss: expected shape {(len(grid.y), len(grid.x))}, at least (2, 2), got "
            f"{grid.loss.shape}"
        )
    if (np.diff(grid.x) <= 0).any() or (np.diff(grid.y) <= 0).any():
        raise ValueError("grid.x and grid.y: expected ascending numbers")
    if len(pca.ratios) < 2 or (np.diff(pca.ratios) > 0).any():
        raise ValueError("pca.ratios: expected at least two numbers, descending")
