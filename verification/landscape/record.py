"""A loss landscape on record: one JSON file a run, also the state from which it is continued.

Version 1. Lists are in the order of the epoch ends, the start first; lengths are in radians::

    {"format": "patchlaw landscape", "version": 1, "reproduce": "patchlaw landscape RUN ..",
     "run": {"id": "P4_d50_s1001", "n_patches": 4, "depth": 50, "seed": 1001, "images": 60000,
             "epochs": 50, "n_classes": 10, "configuration_sha256": "..",
             "parameters_sha256": ".."},          # of the epoch ends' files
     "n_samples": 60000, "subset_seed": null,     # images behind each loss; null: all of the run's
     "minimum_epoch": 37,                         # epochs done
     "pca": {"ratios": [..], "off_plane": [..], "from_minimum": [..],
             "random_walk_ratios": [.., ..]},
     "trajectory": {"x": [..], "y": [..], "train_loss": [..]},
     "grid": {"margin": 5.0, "x": [..], "y": [..], "loss": [[..], ..]},  # loss[i][j] at y[i], x[j]
     "loss_at_minimum": .., "execution": {"threads": 2, "max_chunk": 1040,
     "device": "cpu"},
     "environment": {..}, "resumed": [{"from_point": 120, "environment": {..}}, ..],
     "seconds": .., "sha256": ".."}               # of all the other keys

A loss that is not computed yet is null.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchlaw.verification.json_files import Count, Depth, Patches, PositiveCount, exactly, typed
from patchlaw.verification.landscape.pca import LEAST_POINTS
from patchlaw.verification.sealed_record import RecordError, read_folder, read_record, write_record

FORMAT = "patchlaw landscape"
VERSION = 1
_AGAIN = "compute it again with `patchlaw landscape`"

Float = NDArray[np.float64]


@dataclass(frozen=True)
class LandscapeRun:
    """Whose landscape it is.

    Attributes:
        id: the run's name.
        n_patches: P.
        depth: d.
        seed: of the initial angles.
        images: training images of the run.
        epochs: epochs done, so the trajectory has one point more.
        n_classes: C.
        configuration_sha256: hash of the run's configuration.
        parameters_sha256: hash of the hashes of its epoch ends' parameter files.
    """

    id: str
    n_patches: Patches
    depth: Depth
    seed: Count
    images: PositiveCount
    epochs: Count
    n_classes: PositiveCount
    configuration_sha256: str
    parameters_sha256: str


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
class LandscapeExecution:
    """What decides the last bits of the losses on one machine.

    Attributes:
        threads: worker threads of the fast engine.
        max_chunk: most samples that a thread works on at a time.
        device: torch device.
    """

    threads: PositiveCount
    max_chunk: PositiveCount
    device: str = "cpu"


@dataclass(frozen=True, eq=False)
class LandscapeRecord:
    """The loss over the plane of a run's trajectory, as far as it is computed.

    Attributes:
        reproduce: command that gives it again.
        run: whose it is.
        n_samples: images behind each loss of the grid.
        subset_seed: seed of their stratified draw; None if they are all of the run's.
        minimum_epoch: epochs done at the minimum of the training loss, the plane's origin.
        pca: the plane's share of the trajectory.
        trajectory: its points in the plane.
        grid: the losses.
        loss_at_minimum: the loss at the origin, over the grid's images.
        execution: threads and chunks, the same in every session.
        environment: of the process that began.
        resumed: of those that went on, each with the number of losses that were there.
        seconds: wall-clock time of all of them.
    """

    reproduce: str
    run: LandscapeRun
    n_samples: int
    subset_seed: int | None
    minimum_epoch: int
    pca: PrincipalComponents
    trajectory: ProjectedTrajectory
    grid: LossGrid
    loss_at_minimum: float
    execution: LandscapeExecution
    environment: Mapping[str, Any]
    resumed: tuple[Mapping[str, Any], ...]
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
        content = {"format": FORMAT, "version": VERSION, **_plain(asdict(self))}
        content["grid"]["loss"] = [
            [loss if np.isfinite(loss) else None for loss in row] for row in self.grid.loss.tolist()
        ]
        write_record(path, content)

    @classmethod
    def read(cls, path: Path) -> "LandscapeRecord":
        """Read a record, finished or not.

        Raises:
            RecordError: truncated, altered since it was written, of another kind or
                version, or with numbers that do not fit together.
            OSError: the file cannot be read.
        """
        content = read_record(path, FORMAT, VERSION, _AGAIN)
        try:
            record = _parse(content)
            _check(record)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise RecordError(
                f"{path}: expected the keys of '{FORMAT}': {error!r}; move it away and {_AGAIN}"
            ) from error
        return record


def read_all(folder: Path) -> tuple[LandscapeRecord, ...]:
    """Every record in a folder, by P, depth, seed and name; an empty or missing folder has none.

    Raises:
        RecordError: see ``LandscapeRecord.read``.
    """
    return read_folder(folder, LandscapeRecord.read)


def _parse(content: Mapping[str, Any]) -> LandscapeRecord:
    grid = content["grid"]
    return LandscapeRecord(
        reproduce=typed(content["reproduce"], str),
        run=exactly(content["run"], LandscapeRun),
        n_samples=typed(content["n_samples"], Count),
        subset_seed=_optional_count(content["subset_seed"]),
        minimum_epoch=typed(content["minimum_epoch"], Count),
        pca=PrincipalComponents(**_arrays(PrincipalComponents, content["pca"])),
        trajectory=ProjectedTrajectory(**_arrays(ProjectedTrajectory, content["trajectory"])),
        grid=LossGrid(
            margin=typed(grid["margin"], float),
            x=_array(grid["x"]),
            y=_array(grid["y"]),
            # null becomes NaN
            loss=_array(grid["loss"]),
        ),
        loss_at_minimum=typed(content["loss_at_minimum"], float),
        execution=exactly(content["execution"], LandscapeExecution),
        environment=typed(content["environment"], dict[str, Any]),
        resumed=typed(content["resumed"], tuple[dict[str, Any], ...]),
        seconds=typed(content["seconds"], float),
    )


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


def _arrays(kind: type, values: Mapping[str, Any]) -> dict[str, Float]:
    return {field.name: _array(values[field.name]) for field in fields(kind)}


def _optional_count(value: Any) -> int | None:
    return None if value is None else typed(value, Count)


def _array(values: Any) -> Float:
    rows = typed(values, list[float | list[float | None] | None])
    array = np.array(rows, dtype=np.float64)
    array.flags.writeable = False
    return array


def _plain(value: Any) -> Any:
    """The value with arrays as lists and tuples as such, ready for JSON."""
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    return value.tolist() if isinstance(value, np.ndarray) else value
