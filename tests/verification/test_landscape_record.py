"""Reading landscape records: what is refused, in which order they come."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from patchlaw.verification.jobs.job import Execution
from patchlaw.verification.landscape.record import (
    LandscapeRecord,
    LossGrid,
    PrincipalComponents,
    ProjectedTrajectory,
)
from patchlaw.verification.records import RunFacts
from patchlaw.verification.store.errors import RecordError
from patchlaw.verification.store.seal import digest


def record(n_patches: int = 4, depth: int = 50, seed: int = 1001) -> LandscapeRecord:
    """Four epoch ends, a grid of 2 rows and 3 columns with one loss missing; 1/3 has no end."""
    return LandscapeRecord(
        reproduce="patchlaw landscape RUN",
        run=RunFacts(
            *(n_patches, depth, seed, 60, 3),
            id=f"P{n_patches}_d{depth}_s{seed}",
            configuration_sha256="c" * 64,
            parameters_sha256="p" * 64,
        ),
        n_samples=20,
        subset_seed=0,
        minimum_epoch=2,
        pca=PrincipalComponents(
            np.array([2 / 3, 1 / 4, 1 / 12]), np.arange(4.0), np.arange(4.0) / 3, np.ones(2) / 3
        ),
        trajectory=ProjectedTrajectory(np.arange(4.0) / 7, np.arange(4.0) ** 2, np.ones(4) / 9),
        grid=LossGrid(
            5.0,
            np.array([-1.0, 1 / 3, 2.0]),
            np.array([0.0, 1.0]),
            np.array([[1 / 3, 2.0, 3.0], [4.0, np.nan, 6.0]]),
        ),
        loss_at_minimum=0.1,
        execution=Execution(2, 1040),
        environment={"machine": "Linux x86_64"},
        resumed=(),
        seconds=1.5,
    )


def write(path: Path, content: dict) -> Path:
    """A file with the checksum that belongs to its content."""
    content.pop("sha256", None)
    path.write_text(json.dumps(content | {"sha256": digest(content)}))
    return path


@pytest.fixture
def content(tmp_path) -> dict:
    record().write(tmp_path / "right.json")
    return json.loads((tmp_path / "right.json").read_text())


def test_what_is_read_is_what_was_written(tmp_path):
    record().write(tmp_path / "a.json")
    found = LandscapeRecord.read(tmp_path / "a.json")
    for part in ("pca", "trajectory", "grid"):
        for name, value in vars(getattr(record(), part)).items():
            np.testing.assert_array_equal(getattr(getattr(found, part), name), value)
    assert found.grid.n_done == 5
    assert not found.complete
    assert replace(found, grid=replace(found.grid, loss=np.ones((2, 3)))).complete
    same = ("run", "n_samples", "subset_seed", "minimum_epoch", "execution", "resumed", "seconds")
    assert [getattr(found, name) for name in same] == [getattr(record(), name) for name in same]
    # to the last bit, however often
    found.write(tmp_path / "b.json")
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


def test_losses_on_the_plane_are_read_at_the_projections():
    """Of a bilinear landscape interpolation is exact; exchanged axes would give another value."""
    grid = record().grid
    plane = replace(grid, loss=2 * grid.x + 5 * grid.y[:, None] + grid.x * grid.y[:, None])
    inside = ProjectedTrajectory(np.array([-1.0, 0.5, 2.5]), np.array([0.25, 1.0, 0.5]), np.ones(3))
    found = replace(record(), grid=plane, trajectory=inside).losses_on_plane()
    np.testing.assert_allclose(found[:2], [-1.0, 6.5], rtol=1e-12)
    assert np.isnan(found[2])


def test_the_file_is_plain_json_with_rows_along_y(content):
    """The interface to the figures: a transposed grid or a NaN in it would go unseen here only."""
    assert content["grid"]["loss"] == [[1 / 3, 2.0, 3.0], [4.0, None, 6.0]]
    assert (content["format"], content["version"]) == ("patchlaw landscape", 1)
    assert {"id", "n_patches", "depth", "seed", "images", "epochs", "n_classes"} < set(
        content["run"]
    )
    assert content["pca"]["random_walk_ratios"] == [1 / 3, 1 / 3]
    assert content["subset_seed"] == 0


def spoilt(content: dict, *keys: str, value: object) -> dict:
    place = content
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    return content


@pytest.mark.parametrize(
    ("keys", "value", "message"),
    [
        (("version",), 2, "expected version 1 of 'patchlaw landscape', got 2"),
        (
            ("format",),
            "patchlaw analysis",
            "expected a file of kind .* got 'patchlaw analysis'",
        ),
        (("pca", "off_plane"), [0.0, 1.0], r"pca.off_plane: expected .* of shape \(4,\)"),
        (("pca", "ratios"), [0.2, 0.8], "pca.ratios: expected at least two numbers, descending"),
        (("pca", "ratios"), [1.0], "pca.ratios: expected at least two numbers, descending"),
        (("pca", "random_walk_ratios"), [0.6], "pca.random_walk_ratios: expected .*2"),
        (("trajectory", "x"), [0.0, 1.0, None, 2.0], "trajectory.x: expected finite numbers"),
        (("trajectory", "train_loss"), [1.0] * 5, r"trajectory.train_loss: .* shape \(4,\)"),
        (("grid", "loss"), [[1.0, 2.0], [1.0, 2.0], [1.0, 2.0]], r"grid.loss: .*\(2, 3\)"),
        (("grid", "loss"), [[1.0, 2.0, 3.0], [1.0]], "expected the fields of 'patchlaw landscape'"),
        (("grid", "x"), [-1.0, 2.0, 2.0], "grid.x and grid.y: expected ascending numbers"),
        (("grid", "x"), "none", "expected the fields of 'patchlaw landscape'"),
        (("grid",), {}, "expected the fields of 'patchlaw landscape': .*missing required field"),
        (("run", "epochs"), 1, "minimum_epoch: expected 1 to 1, got 2"),
        (("minimum_epoch",), 0, "minimum_epoch: expected 1 to 3, got 0"),
        (("n_samples",), 61, "n_samples: expected 1 to 60, got 61"),
        (("run", "weather"), "fine", "expected the fields of .*weather"),
        (("execution",), None, "expected the fields of 'patchlaw landscape'"),
    ],
)
def test_what_does_not_fit_together_is_refused(content, tmp_path, keys, value, message):
    path = write(tmp_path / "wrong.json", spoilt(content, *keys, value=value))
    with pytest.raises(RecordError, match=message):
        LandscapeRecord.read(path)


def test_a_missing_file_is_an_error_of_the_system(tmp_path):
    with pytest.raises(FileNotFoundError):
        LandscapeRecord.read(tmp_path / "none.json")
