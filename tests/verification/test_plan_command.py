import itertools
import re
import shutil
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner, Result

from patchlaw.commands.plan import plan
from patchlaw.commands.sweep import sweep
from patchlaw.paper_figures.study import Study
from patchlaw.simulators.fast_engine import product_rate
from patchlaw.verification.analysis.options import check_stages
from patchlaw.verification.records import ANALYSIS
from patchlaw.verification.runs import Run, RunRequest, RunSamples, thin_run
from patchlaw.verification.runs.cost import RunCost, cost_model
from tests.idx_files import write_idx_files

PLAN = """
[defaults]
patches = 4
data = "digits"
patch_side = 4
epochs = 3

[[runs]]
depth = [2, 3]
seed = [1, 2, 3]
alpha = [0, 1]
"""


def planned(folder: Path, text: str, *options: str) -> Result:
    path = folder / "plan.toml"
    path.write_text(text)
    return CliRunner(env={"COLUMNS": "100"}).invoke(plan, [str(path), *options])


def test_runs_that_differ_in_what_costs_nothing_share_a_row(tmp_path: Path) -> None:
    """Seeds and alpha multiply; the hours are those of the model at the rate given."""
    done = planned(tmp_path, PLAN, "--gflops", "2")
    assert done.exit_code == 0, done.output
    rows = [line.split() for line in done.output.splitlines() if re.match(r" *4 +[23] ", line)]
    assert [(row[1], row[3], row[8]) for row in rows] == [("2", "1,500", "6"), ("3", "1,500", "6")]
    model = cost_model()
    costs = [
        RunCost.of(
            RunRequest(4, depth, patch_side=4, data="digits", epochs=3),
            *(1500, 297),
            machine=model.machines[0],
            memory=model.memory,
            gflops=2.0,
        )
        for depth in (2, 3)
    ]
    assert [float(row[9]) for row in rows] == pytest.approx(
        [cost.training() / 3600 for cost in costs], rel=0.05
    )
    total = 6 * sum(cost.training() for cost in costs) / 3600
    assert f"In turn: 12 runs to train in {total:.2g} h, 12 to analyse" in done.output
    parameters = [RunRequest(4, d, patch_side=4, data="digits").protocol() for d in (2, 3)]
    assert [row[5].replace(",", "") for row in rows] == [
        str(config.model.build().n_parameters) for config in parameters
    ]


def test_what_is_done_is_not_counted_again(tmp_path: Path) -> None:
    """Whole runs, epochs of a partial one, records of all stages; nothing else."""
    text = PLAN.replace("[2, 3]", "1").replace("[1, 2, 3]", "[1, 2]").replace("[0, 1]", "1")
    text = text.replace("depth", "batch_size = 500\ndepth")
    runs, analyses = tmp_path / "runs", tmp_path / "analyses"
    path = tmp_path / "part.toml"
    for seed, epochs in ((1, 3), (2, 1)):
        part = text.replace("[1, 2]", str(seed)).replace("epochs = 3", f"epochs = {epochs}")
        path.write_text(part)
        done = CliRunner().invoke(sweep, [str(path), "--out", str(runs)])
        assert done.exit_code == 0, done.output
    analyses.mkdir()
    options = ("--in", str(runs), "--analyses", str(analyses), "--gflops", "2")

    def counted() -> list[tuple[str, str, str]]:
        done = planned(tmp_path, text, *options)
        assert done.exit_code == 0, done.output
        rows = [line.split() for line in done.output.splitlines() if re.match(r" *4 +1 ", line)]
        return [(row[4], row[8], row[10]) for row in rows]

    assert counted() == [("3", "0", "1"), ("2", "1", "1")]
    whole, partial = (run.run_id for run in Study.of_plan(tmp_path / "plan.toml").runs)
    trained = {"run": {"epochs": 3}}
    ANALYSIS.write(analyses / f"{partial}.json", {"stages": {"hessian": {}}} | trained)
    assert counted() == [("3", "0", "1"), ("2", "1", "1")]
    every = {stage: {} for stage in check_stages(())}
    ANALYSIS.write(
        analyses / f"{partial}.json", {"stages": every | {"traces": {"incomplete": True}}} | trained
    )
    ANALYSIS.write(analyses / f"{whole}.json", {"stages": every, "run": {"epochs": 2}})
    assert counted() == [("3", "0", "1"), ("2", "1", "1")]  # of an earlier epoch
    ANALYSIS.write(analyses / f"{whole}.json", {"stages": every} | trained)
    assert counted() == [("2", "1", "1")]
    for run in (whole, partial):  # a thinned copy of a shorter run saves nothing
        thin_run(Run.open(runs / run), tmp_path / "thin")
    options = ("--in", str(tmp_path / "thin"), *options[2:])
    assert counted() == [("3", "1", "1")]
    shutil.copytree(runs / whole, tmp_path / "other" / partial)  # a folder by another run's name
    wrong = planned(tmp_path, text, "--in", str(tmp_path / "other"))
    assert wrong.exit_code == 2
    assert whole in wrong.output


def test_a_run_on_files_is_another_than_the_packages(tmp_path: Path) -> None:
    """Its name has the files' digest; only this sees the package's run looked for in its place."""
    text = "[[runs]]\npatches = 4\ndepth = 1\nepochs = 1\nbatch_size = 10\n"
    path, data, runs = tmp_path / "plan.toml", tmp_path / "data", tmp_path / "runs"
    write_idx_files(data, n_train=20, n_test=10)
    path.write_text(text)
    done = CliRunner().invoke(sweep, [str(path), "--out", str(runs), "--data", str(data)])
    assert done.exit_code == 0, done.output
    options = ("--in", str(runs), "--gflops", "2")
    assert (
        "In turn: 0 runs to train" in planned(tmp_path, text, *options, "--data", str(data)).output
    )
    assert "In turn: 1 runs to train" in planned(tmp_path, text, *options).output


@pytest.mark.parametrize("command", [plan, sweep])
def test_options_that_no_command_has_are_refused_before_any_run(
    tmp_path: Path, command: click.Command
) -> None:
    """Else analyse and kernel refuse them, once hours of training are over."""
    path = tmp_path / "plan.toml"
    for table, message in (
        ('[analyse]\nstages = ["hesian"]', "hessian"),
        ('[analyse]\nstages = "hessian"', "stages: expected a list, got 'hessian'"),
        ("[kernel]\nimagse = 10", "[kernel]: expected images"),
    ):
        path.write_text(f"{PLAN}\n{table}\n")
        done = CliRunner().invoke(command, [str(path)])
        assert done.exit_code == 2
        assert message in " ".join(done.output.split())


def test_what_is_not_on_record_is_said(tmp_path: Path) -> None:
    """Another n or circuit, and an accelerator that nobody timed."""
    text = "[[runs]]\npatches = 49\ndepth = 2\nqubits = 10\nimage_side = 28\ndata = 'digits'\n"
    done = planned(tmp_path, text, "--device", "A100", "--gflops", "1e4")
    assert done.exit_code == 0, done.output
    assert (
        "A100: not on record; at the rate given, with the overheads of NVIDIA H200" in done.output
    )
    assert "n = 10: on no record" in done.output
    assert "ansatz" not in done.output
    other = planned(tmp_path, f"{text}ansatz = ['ry-cz', 'paper']\n", "--device", "h200")
    assert "ansatz ry-cz: on no record; counted as the paper's circuit" in other.output
    on_record = planned(tmp_path, text, "--device", "h200")
    assert "NVIDIA H200, on record" in on_record.output
    assert "not on record" not in on_record.output


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--device", "A100"), "device: expected cpu or one on record"),
        (("--gflops", "nan"), "gflops: expected a finite number > 0, got nan"),
        (("--gflops", "0"), "gflops: expected a finite number > 0, got 0"),
    ],
)
def test_what_cannot_be_planned_is_refused(
    tmp_path: Path, options: tuple[str, ...], message: str
) -> None:
    done = planned(tmp_path, PLAN, *options)
    assert done.exit_code == 2
    assert message in " ".join(done.output.split())


def test_images_of_another_side_are_trained_on_samples_of_that_side_only() -> None:
    """A plan's image_side says what is wanted; the data set's images do not become it."""
    import torch

    def samples(side: int) -> RunSamples:
        images, labels = torch.zeros(20, side, side), torch.arange(20) % 10
        return RunSamples(images, labels, images, labels)

    request = RunRequest(4, 1, batch_size=10, image_side=28, patch_side=8)
    assert request.config(samples(28)).model.build().grid.image_side == 28
    with pytest.raises(ValueError, match="image_side: expected 14, the images', got 28"):
        request.config(samples(14))


@pytest.mark.parametrize("n_qubits", [4, 9])
def test_the_rate_counts_the_products_that_run(
    monkeypatch: pytest.MonkeyPatch, n_qubits: int
) -> None:
    """By a clock on which a round takes a second: only this sees a thread or a share left out."""
    ticks, done = itertools.count(), []
    real = np.matmul

    def counted(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> np.ndarray:
        done.append(8 * a.shape[0] ** 2 * product_rate.COLUMNS / 3)  # three real ones a complex
        return real(a, b, out=out)

    monkeypatch.setattr(np, "matmul", counted)
    monkeypatch.setattr(product_rate.time, "perf_counter", lambda: float(next(ticks)))
    rate = product_rate.dense_product_rate(n_qubits, 2, 2.5)
    rounds = 2  # the untimed one, and one: the clock is read before, after and at its begin
    assert sum(done) / 1e9 == pytest.approx(rounds * rate)
