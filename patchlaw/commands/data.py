"""The ``patchlaw data`` command: build and check packed data files."""

from pathlib import Path

import click

from patchlaw.commands.options import ExistingPath, refusals


@click.group()
def data() -> None:
    """Build or check the embedded MNIST data file."""


@data.command()
@click.argument("directory", type=ExistingPath(file_okay=False))
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write, its manifest beside it.  [default: the package's own MNIST file]",
)
@click.option(
    "--subset",
    type=(click.IntRange(10), click.IntRange(10)),
    metavar="TRAIN TEST",
    help="Training and test images to keep, drawn by class.",
)
def build(directory: Path, out: Path | None, subset: tuple[int, int] | None) -> None:
    """Pack the four IDX files in DIRECTORY (plain or gzip) into one file.

    The same input gives the same bytes. Without --out this rebuilds the file that ships with the
    package, and DIRECTORY must hold MNIST itself.
    """
    from patchlaw.simulators.datasets.mnist import build_packed

    with refusals():
        path, manifest = build_packed(directory, out, subset)
    click.echo(
        f"{path}: {manifest.name}, {manifest.n_train} training and {manifest.n_test} test images, "
        f"{path.stat().st_size} bytes, sha256 {manifest.sha256}"
    )


@data.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), required=False)
def check(file: Path | None) -> None:
    """Check FILE (default: the package's own) against its manifest and show what it holds.

    Exits with 1 if a file is missing or damaged.
    """
    import numpy as np

    from patchlaw.console import PlainConsole
    from patchlaw.simulators.datasets.embedded import read_packed
    from patchlaw.simulators.datasets.mnist import EMBEDDED_FILE
    from patchlaw.verification.tables import Table, print_table

    path = EMBEDDED_FILE if file is None else file
    with refusals():
        dataset, manifest = read_packed(path)
    rows = []
    for split, sums, labels in (
        ("train", dataset.train_sums, dataset.train_labels),
        ("test", dataset.test_sums, dataset.test_labels),
    ):
        counts = np.bincount(labels, minlength=10)
        fewest, most = int(counts.argmin()), int(counts.argmax())
        rows.append(
            (
                split,
                f"{len(sums):,}",
                f"{sums.shape[1]}x{sums.shape[2]}",
                f"{sums.min()}..{sums.max()}",
                f"{counts[fewest]:,} of {fewest}",
                f"{counts[most]:,} of {most}",
            )
        )
    header = ("split", "images", "size", "sums of 2x2 pixels", "smallest class", "largest")
    title = f"{manifest.name}: {path.name}, {path.stat().st_size:,} bytes"
    note = f"sha256 ok: {manifest.sha256}\nlicence: {manifest.licence}"
    print_table(Table(title, header, tuple(rows), note, right=header[1:]), PlainConsole())
