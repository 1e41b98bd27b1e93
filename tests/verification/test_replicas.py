"""Runs trained side by side, on disk: each record is that of a run alone."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from patchlaw.commands.sweep import sweep
from patchlaw.commands.train import train
from patchlaw.verification.jobs.progress import Progress
from patchlaw.verification.runs import Run, RunConfig, execute_run, execute_runs
from patchlaw.verification.runs.plan import parse_plan, side_by_side
from patchlaw.verification.store.errors import InUseError, RecordError, StoreError
from patchlaw.verification.store.lock import held
from patchlaw.verification.training import trainer
from tests.verification.run_cases import Stop, StopAt, toy_config, toy_samples

SAMPLES = toy_samples()
SEEDS = (3, 4, 5)


def config(seed: int, epochs: int = 4) -> RunConfig:
    found = toy_config(SAMPLES, epochs, seed=seed)
    return replace(found, training=replace(found.training, batch_seed=seed))


def together(folder: Path, epochs: int = 4, seeds: tuple[int, ...] = SEEDS, **options) -> list[Run]:
    configs = [config(seed, epochs) for seed in seeds]
    return execute_runs(folder, configs, SAMPLES, **({"threads": 1} | options))


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> list[Run]:
    folder = tmp_path_factory.mktemp("alone")
    return [execute_run(folder, config(seed), SAMPLES, threads=1) for seed in SEEDS]


def untimed(run: Run) -> list:
    return [replace(entry, seconds=0.0) for entry in run.history]


def assert_same(ours: list[Run], theirs: list[Run]) -> None:
    for one, other in zip(ours, theirs, strict=True):
        assert one.config == other.config
        assert one.checkpoint.parameter_files == other.checkpoint.parameter_files
        assert one.checkpoint.optimiser_file == other.checkpoint.optimiser_file
        assert one.checkpoint.scheduler == other.checkpoint.scheduler
        assert untimed(one) == untimed(other)
        one.verify()


@pytest.mark.parametrize("where", ["in epoch 2", "over all test samples after 3 epochs"])
def test_one_that_diverges_does_not_stop_the_others(alone, tmp_path, monkeypatch, where):
    """In the middle of an epoch, or as its end is written; the same command ends what is left.

    Only this catches steps of the broken epoch that the others do twice.
    """
    check, told, progress = trainer.Trainer.check_finite, [], Progress()
    monkeypatch.setattr(progress, "say", told.append)

    def diverges(self: trainer.Trainer, loss: float, place: str) -> None:
        its = (self.config.batch_seed, place) == (4, where)
        third = "test" in where or len(self.steps) % 5 == 2
        check(self, np.nan if its and third else loss, place)

    with monkeypatch.context() as patch:
        patch.setattr(trainer.Trainer, "check_finite", diverges)
        with pytest.raises(FloatingPointError, match=f"got nan {where} .batch seed 4"):
            together(tmp_path, progress=progress)
    ended, left, other = (Run.open(tmp_path / run.config.run_id) for run in alone)
    assert_same([ended, other], [alone[0], alone[2]])
    assert left.epochs_done == 2
    assert any(f"{left.config.run_id}: loss" in line and "go on" in line for line in told)
    assert_same(together(tmp_path), alone)


@pytest.mark.filterwarnings("ignore:(overflow|invalid value) encountered")
@pytest.mark.parametrize("device", [False, True])
def test_a_gradient_that_overflows_is_a_divergence(tmp_path, monkeypatch, device):
    """A finite loss near float32's end: of seed 3 the slopes are finite, of seed 5 they are not.

    Only this catches Adam's NaN parameters, refused by the next step as a fault of the input, which
    stopped all runs; in the devices' steps too (in torch on the CPU).
    """
    monkeypatch.setattr(trainer, "steps_on_a_device", lambda model: device)
    configs = [
        replace(
            config(seed, 2),
            model=replace(config(seed).model, scale=10**19.65),
            training=replace(config(seed, 2).training, loss="squared_error"),
        )
        for seed in (3, 5)
    ]
    with pytest.raises(FloatingPointError, match=r"got nan in epoch 0 .batch seed 5") as caught:
        execute_runs(tmp_path, configs, SAMPLES, threads=1)
    assert caught.value.trainer.model.flat_parameters().isfinite().all()  # not stepped along
    done = [Run.open(tmp_path / each.run_id).epochs_done for each in configs]
    assert done == [2, 0]


def test_one_that_diverges_before_the_first_step_does_not_stop_the_others(
    alone, tmp_path, monkeypatch
):
    """And the progress counts what is left alone."""
    check, told, progress = trainer.Trainer.check_finite, [], Progress()
    monkeypatch.setattr(progress, "begin", lambda name, total, done: told.append((total, done)))

    def diverges(self: trainer.Trainer, loss: float, place: str) -> None:
        its = self.config.batch_seed == 4 and place.endswith("after 0 epochs")
        check(self, np.nan if its else loss, place)

    monkeypatch.setattr(trainer.Trainer, "check_finite", diverges)
    with pytest.raises(FloatingPointError, match=r"after 0 epochs .batch seed 4"):
        together(tmp_path, progress=progress)
    assert_same([Run.open(tmp_path / alone[k].config.run_id) for k in (0, 2)], alone[::2])
    assert told == [(3 * 4 * 5, 0), (2 * 4 * 5, 0)]


def test_each_record_is_that_of_a_run_alone(alone, tmp_path):
    assert_same(together(tmp_path), alone)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        r.config.run_id for r in alone
    )


def test_each_is_resumed_alone_or_together(alone, tmp_path):
    """Seeds at epochs 2, 3 and 0: only this catches a run that is trained on from another's end."""
    together(tmp_path, 2)
    execute_run(tmp_path, config(4, 3), SAMPLES)
    shutil.rmtree(tmp_path / config(5).run_id)
    assert_same(together(tmp_path), alone)


@pytest.mark.parametrize("line", [f"{config(4).run_id}: epoch   3/4", "no line"])
def test_a_kill_costs_the_epoch_under_way(alone, tmp_path, line):
    """Between the checkpoints of two runs, or in the middle of an epoch."""
    steps = -1 if line != "no line" else 3 * 5 * 2 + 3 * 2
    with pytest.raises(Stop):
        together(tmp_path, progress=StopAt(line, steps))
    done = [Run.open(tmp_path / config(seed).run_id).epochs_done for seed in SEEDS]
    assert done == ([3, 3, 2] if steps < 0 else [2, 2, 2])
    assert_same(together(tmp_path), alone)


def test_on_a_device_a_run_is_resumed_to_the_same_bits(alone, tmp_path, monkeypatch):
    """The devices' steps in torch on the CPU; together as alone, to rounding.

    Only this catches moments or parameters that a checkpoint does not find in the stacked tensors.
    """
    monkeypatch.setattr(trainer, "steps_on_a_device", lambda model: True)
    whole = together(tmp_path / "whole")
    together(tmp_path / "parts", 2)
    parts = together(tmp_path / "parts")
    assert_same(parts, whole)
    for ours, theirs in zip(whole, alone, strict=True):
        torch.testing.assert_close(ours.trajectory(), theirs.trajectory(), rtol=0, atol=2e-5)
        assert not ours.parameters(4).equal(ours.parameters(3))


def test_one_that_is_refused_leaves_the_others_as_they_are(alone, tmp_path):
    together(tmp_path, 2)
    before = {p: p.read_bytes() for p in tmp_path.rglob("*.json")}
    file = tmp_path / config(5).run_id / "optimiser-002.safetensors"
    content = file.read_bytes()
    file.write_bytes(content[:-1])
    with pytest.raises(RecordError, match="truncated"):
        together(tmp_path)
    assert {p: p.read_bytes() for p in tmp_path.rglob("*.json")} == before
    file.write_bytes(content)
    with held(tmp_path / config(4).run_id), pytest.raises(InUseError):
        together(tmp_path)
    assert_same(together(tmp_path), alone)


def test_runs_of_other_kinds_are_refused(tmp_path):
    others = [config(3), toy_config(SAMPLES, 4, seed=4, learning_rate=0.1)]
    for configs in (others, [config(3), config(4, 5)], [config(3), config(3)]):
        with pytest.raises(ValueError, match="different runs that differ in their seeds alone"):
            execute_runs(tmp_path, configs, SAMPLES)
    assert not list(tmp_path.iterdir())
    together(tmp_path, 1, (3,))
    together(tmp_path, 1, (4,), threads=2)
    with pytest.raises(StoreError, match="began with the same threads and device"):
        together(tmp_path, 2, (3, 4), threads=None)


# --- the commands


def invoke(command, *arguments: object):
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


SMALL = ("--patches", 1, "--depth", 1, "--qubits", 5, "--images", 50, "--epochs", 1)
SMALL += ("--batch-size", 25)


def test_train_takes_several_seeds(tmp_path):
    result = invoke(train, *SMALL, "--seeds", "7-8,3", "--out", tmp_path)
    assert result.exit_code == 0, result.output
    seeds = [Run.open(path).config.model.seed for path in tmp_path.iterdir()]
    assert sorted(seeds) == [3, 7, 8]
    assert {Run.open(p).config.training.batch_seed for p in tmp_path.iterdir()} == {3, 7, 8}
    lines = [line for line in result.output.splitlines() if ": epoch   1/1" in line]
    assert [line.split("_s")[1][0] for line in lines] == ["7", "8", "3"]


@pytest.mark.parametrize(
    "seeds", ["", "5-4,1", "1,1", "-1", "1-", "0-1000", "4294967296", "a", "1.5", "1-5000000000,3"]
)
def test_seeds_that_are_none_are_refused(tmp_path, seeds):
    result = invoke(train, *SMALL, f"--seeds={seeds}", "--out", tmp_path)
    assert result.exit_code == 2
    assert "expected different integers" in " ".join(result.output.split())
    assert not list(tmp_path.iterdir())


def test_a_sweep_trains_seeds_together(tmp_path):
    plan = tmp_path / "plan.toml"
    plan.write_text(
        "[[runs]]\nseed = [1, 2]\npatches = [1, 4]\ndepth = 1\nqubits = 5\nimages = 50\n"
        "batch_size = 25\nepochs = 1\n"
    )
    listed = invoke(sweep, plan, "--together", "--list", "--shard", "2/2")
    assert "[1/1] P=4 d=1 seed=1,2" in listed.output
    result = invoke(sweep, plan, "--together", "--out", tmp_path / "runs")
    assert result.exit_code == 0, result.output
    assert len(list((tmp_path / "runs").iterdir())) == 4


def test_groups_keep_the_plans_order_and_all_runs():
    requests = parse_plan({"runs": [{"patches": [4, 1], "depth": 1, "seed": [5, 6]}]})
    groups = side_by_side(requests, True)
    assert [[(r.patches, r.seed) for r in group] for group in groups] == [
        [(4, 5), (4, 6)],
        [(1, 5), (1, 6)],
    ]
    assert side_by_side(requests, False) == tuple((request,) for request in requests)
