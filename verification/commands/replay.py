"""``patchlaw replay``: the author's recorded training run, repeated step by step."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import click

# The first steps must agree to this; later ones are shown but rounding, amplified by training,
# may carry them apart (model.md of the author's runs: within 3e-4 for 1,140 steps).
TOLERANCE = 1e-3
JUDGED_STEPS = 6


@click.command()
@click.option("--patches", type=int, required=True, help="Number of patches P.")
@click.option("--depth", type=int, required=True, help="Circuit depth d.")
@click.option("--steps", type=click.IntRange(1, 3000), default=6, show_default=True)
@click.option(
    "--data",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Directory of MNIST IDX files to use in place of the embedded images.",
)
def replay(patches: int, depth: int, steps: int, data: Path | None) -> None:
    """Repeat the author's recorded run and compare the mini-batch losses.

    Prints recorded and replayed loss side by side. Exits with 1 if one of the first six steps
    (or fewer, if fewer are asked for) differs by more than 1e-3 relative.
    """
    from rich.console import Console

    from verification.records import author_runs

    runs = author_runs()
    if (patches, depth) not in runs:
        recorded = ", ".join(f"P={p} d={d}" for p, d in sorted(runs))
        raise click.UsageError(
            f"no run is recorded for P={patches} d={depth}; recorded are: {recorded}"
        )
    console = Console(highlight=False, soft_wrap=True)
    console.print(
        f"Author's run P={patches} d={depth}, seed 1001, float32: loss of each mini-batch before "
        "its update (recorded to 5 decimals)"
    )
    console.print(f"{'step':>5} {'recorded':>10} {'replayed':>10} {'rel. difference':>16}")
    differences = []
    recorded_losses = runs[patches, depth].iteration_train_loss
    replayed = replayed_losses(patches, depth, data)
    for step, loss in enumerate(islice(replayed, steps)):
        recorded_loss = float(recorded_losses[step])
        differences.append(abs(loss - recorded_loss) / recorded_loss)
        console.print(
            f"{step + 1:>5} {recorded_loss:>10.5f} {loss:>10.5f} {differences[-1]:>16.1e}"
        )
    judged = differences[:JUDGED_STEPS]
    verdict = (
        f"largest relative difference {max(differences):.1e} over {len(differences)} steps, "
        f"{max(judged):.1e} over the first {len(judged)} (tolerance {TOLERANCE:.0e})"
    )
    if max(judged) > TOLERANCE:
        console.print(f"[bold red]DIFFERS[/]: {verdict}")
        raise SystemExit(1)
    console.print(f"[bold green]agrees[/]: {verdict}")


def replayed_losses(patches: int, depth: int, data: Path | None) -> Iterator[float]:
    """Mini-batch losses of the author's protocol from the author's start, step by step."""
    import torch

    from simulators import DistributedQNN, load_mnist
    from verification.training import Trainer, TrainingConfig
    from verification.training.protocol import default_learning_rate

    mnist = load_mnist(data)
    model = DistributedQNN(patches, depth)
    config = TrainingConfig(learning_rate=default_learning_rate(depth))
    images = torch.as_tensor(mnist.train_images)
    labels = torch.as_tensor(mnist.train_labels)
    trainer = Trainer(model, images, labels, config, evaluate_epochs=False)
    for step in trainer.run():
        yield step.loss
