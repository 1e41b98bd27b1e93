"""Runs of one QNN that reads one observable a class, or the mean of four (claim 8c).

``python -m patchlaw.paper_figures.averaged_observables --out runs``

The models are torch modules, which plans do not name; `patchlaw analyse` takes their runs as any.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from patchlaw.simulators.averaged_observables import four_observables, one_observable
from patchlaw.simulators.datasets.digits import SIDE
from patchlaw.verification.jobs.progress import Progress
from patchlaw.verification.runs import (
    ModelConfig,
    RunConfig,
    RunSamples,
    execute_run,
    load_samples,
)
from patchlaw.verification.runs.factory import Factory
from patchlaw.verification.training import TrainingConfig
from patchlaw.verification.training.protocol import default_learning_rate

# Modules go by autograd, gate by gate, so that it is the digits and few of them
IMAGES, EPOCHS, BATCH_SIZE, DEPTH, SEEDS = 600, 15, 100, 5, (1001, 1002)


def configurations(samples: RunSamples) -> Iterator[RunConfig]:
    """Both models for each seed."""
    for seed in SEEDS:
        for make in (one_observable, four_observables):
            factory = Factory.of(make, n_qubits=8, depth=DEPTH, side=SIDE, n_classes=10)
            model = ModelConfig(1, DEPTH, seed, image_side=SIDE, patch_side=SIDE, factory=factory)
            training = TrainingConfig(default_learning_rate(DEPTH), EPOCHS)
            yield RunConfig(model, training).on(samples, IMAGES, BATCH_SIZE)


class _Lines(Progress):
    def say(self, line: str) -> None:
        click.echo(line)


@click.command()
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=Path("runs"))
def main(out: Path) -> None:
    """Train them one after another; the same command again goes on."""
    samples = load_samples("digits", IMAGES)
    try:
        for config in configurations(samples):
            click.echo(f"Run: {execute_run(out, config, samples, progress=_Lines()).path}")
    except (OSError, ValueError) as error:
        raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    sys.exit(main())
