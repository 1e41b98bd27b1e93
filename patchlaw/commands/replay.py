"""``patchlaw replay``: the author's recorded training run, repeated step by step."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from patchlaw.commands.options import data_option, interruptible, out_option, refusals

if TYPE_CHECKING:
    from patchlaw.console import PlainConsole
    from patchlaw.verification.runs import Run
    from patchlaw.verification.runs.replay import ReplayComparison

# The first steps must agree to this; later ones are shown but rounding, amplified by training,
# may carry them apart (model.md of the author's runs: within 3e-4 for 1,140 steps).
TOLERANCE = 1e-3
JUDGED_STEPS = 6


@click.command()
@click.option("--patches", type=int, required=True, help="Number of patches P.")
@click.option("--depth", type=int, required=True, help="Circuit depth d.")
@click.option(
    "--steps",
    type=click.IntRange(1, 3000),
    default=6,
    show_default=True,
    help="Steps to repeat and show one by one.",
)
@click.option(
    "--epochs",
    type=click.IntRange(1, 50),
    help="In place of --steps: whole epochs, as the run that `patchlaw train` keeps.",
)
@out_option("runs", "With --epochs: folder of runs; epochs that it has are not repeated.")
@data_option()
@click.option("--device", help="torch device.  [default: cpu]")
def replay(
    patches: int,
    depth: int,
    steps: int,
    epochs: int | None,
    out: Path,
    data: Path | str | None,
    device: str | None,
) -> None:
    """Repeat the author's recorded run and compare the mini-batch losses.

    Prints recorded and replayed loss side by side. Exits with 1 if one of the first six steps
    (or fewer, if fewer are asked for) differs by more than 1e-3 relative.

    With --epochs it prints one line an epoch and the steps at which the losses first part by more
    than 1e-3 and 1e-2. Exits with 1 if in the first five epochs (or fewer) a mini-batch loss
    differs by more than 1e-3, or the test loss after an epoch in the fourth decimal.
    """
    from patchlaw.console import PlainConsole
    from patchlaw.verification.records import author_runs
    from patchlaw.verification.torch_devices import check_device

    runs = author_runs()
    if (patches, depth) not in runs:
        recorded = ", ".join(f"P={p} d={d}" for p, d in sorted(runs))
        raise click.UsageError(
            f"no run is recorded for P={patches} d={depth}; recorded are: {recorded}"
        )
    console = PlainConsole()
    if epochs is not None:
        from patchlaw.verification.runs.replay import ReplayComparison

        with interruptible(console, "goes on after the last finished epoch"), refusals():
            run = run_of(patches, depth, epochs, out, data, device, console)
            comparison = ReplayComparison(run, runs[patches, depth], epochs)
        print_epochs(comparison, console)
        return
    console.say(
        f"Author's run P={patches} d={depth}, seed 1001, float32: loss of each mini-batch before "
        "its update (recorded to 5 decimals)"
    )
    console.say(f"{'step':>5} {'recorded':>10} {'replayed':>10} {'rel. difference':>16}")
    differences = []
    recorded_losses = runs[patches, depth].iteration_train_loss
    with refusals():
        replayed = replayed_losses(patches, depth, data, check_device(device))
        for step, loss in enumerate(islice(replayed, steps)):
            recorded_loss = float(recorded_losses[step])
            differences.append(abs(loss - recorded_loss) / recorded_loss)
            console.say(
                f"{step + 1:>5} {recorded_loss:>10.5f} {loss:>10.5f} {differences[-1]:>16.1e}"
            )
    judged = differences[:JUDGED_STEPS]
    verdict = (
        f"largest relative difference {max(differences):.1e} over {len(differences)} steps, "
        f"{max(judged):.1e} over the first {len(judged)} (tolerance {TOLERANCE:.0e})"
    )
    if max(judged) > TOLERANCE:
        console.say(f"DIFFERS: {verdict}", "bold red")
        raise SystemExit(1)
    console.say(f"agrees: {verdict}", "bold green")


def replayed_losses(
    patches: int, depth: int, data: Path | str | None, device: str = "cpu"
) -> Iterator[float]:
    """Mini-batch losses of the author's protocol from the author's start, step by step."""
    import torch

    from patchlaw.simulators import DistributedQNN, load_mnist
    from patchlaw.verification.training import Trainer, TrainingConfig
    from patchlaw.verification.training.protocol import default_learning_rate

    mnist = load_mnist(data)
    model = DistributedQNN(patches, depth, device=device)
    config = TrainingConfig(learning_rate=default_learning_rate(depth))
    images = torch.as_tensor(mnist.train_images)
    labels = torch.as_tensor(mnist.train_labels)
    trainer = Trainer(model, images, labels, config, evaluate_epochs=False)
    for step in trainer.run():
        yield step.loss


def print_epochs(comparison: "ReplayComparison", console: "PlainConsole") -> None:
    """Print the comparison of whole epochs, exit with 1 if the judged ones differ."""
    author = comparison.author
    console.say(
        f"Author's run P={author.n_patches} d={author.depth}, seed 1001, float32: largest absolute "
        "difference of an epoch's mini-batch losses, test loss after it"
    )
    console.say(
        f"{'epoch':>5} {'rate':>8} {'largest':>9} {'recorded':>10} {'replayed':>10} {'diff.':>9}"
    )
    history = comparison.run.history
    rows = zip(
        comparison.largest, author.epoch_test_loss, comparison.test_differences, strict=False
    )
    for entry, (largest, recorded, apart) in zip(history[1:], rows, strict=False):
        console.say(
            f"{entry.epoch:>5} {entry.learning_rate or 0.0:>8.1e} {largest:>9.1e} "
            f"{recorded:>10.5f} {entry.test.loss:>10.5f} {apart:>+9.1e}"
        )
    for tolerance in (1e-3, 1e-2):
        step = comparison.departure(tolerance)
        if step is None:
            console.say(f"no step differs by more than {tolerance:.0e}")
        else:
            entry = history[step // len(history[1].step_losses) + 1]
            console.say(
                f"first step that differs by more than {tolerance:.0e}: {step + 1} (epoch "
                f"{entry.epoch}, rate {entry.learning_rate or 0.0:.1e}): recorded "
                f"{author.iteration_train_loss[step]:.5f}, replayed {comparison.losses[step]:.5f}"
            )
    if not comparison.agrees:
        console.say("DIFFERS within the first five epochs", "bold red")
        raise SystemExit(1)
    console.say("agrees over the first five epochs, or all if fewer", "bold green")


def run_of(
    patches: int,
    depth: int,
    epochs: int,
    out: Path,
    data: Path | str | None,
    device: str | None,
    console: "PlainConsole",
) -> "Run":
    """The run with at least so many epochs: as it is on disk, or trained until it has them."""
    from patchlaw.verification.jobs.progress import ConsoleProgress
    from patchlaw.verification.records import author_runs
    from patchlaw.verification.runs import Run, RunRequest, execute_run, load_samples
    from patchlaw.verification.runs.replay import check_author
    from patchlaw.verification.store.errors import StoreError

    samples = load_samples(data)
    config = RunRequest(patches, depth, epochs=epochs).config(samples)
    check_author(config, out / config.run_id, author_runs()[patches, depth])  # before it is trained
    try:
        run = Run.open(out / config.run_id)  # also while another process works on it
        if run.epochs_done >= epochs:
            return run
    except StoreError:
        pass  # none yet, or unusable: then training says what is wrong
    with ConsoleProgress(console) as progress:
        return execute_run(out, config, samples, device=device, progress=progress)
