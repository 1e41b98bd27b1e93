import io
import itertools
import math
import os
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
import torch
from rich.console import Console
from safetensors.torch import save_file

from patchlaw.verification.jobs import job
from patchlaw.verification.jobs.progress import ConsoleProgress
from patchlaw.verification.runs import Run, RunConfig, RunError, execute_run
from patchlaw.verification.runs.checkpoint import CHECKPOINT_FILE
from patchlaw.verification.runs.samples import load_samples
from patchlaw.verification.store.errors import InUseError, RecordError, StoreError
from patchlaw.verification.store.lock import held
from patchlaw.verification.training import Evaluation, Objective
from tests.verification.run_cases import kill_when, resume, run_toy, spoil, toy_config, toy_samples

SAMPLES = toy_samples()
TENSOR_FILES = ["epochs/003.safetensors", "optimiser-003.safetensors"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Run:
    """Eight epochs, not interrupted."""
    return run_toy(tmp_path_factory.mktemp("whole"), 8)


def assert_same(run: Run, other: Run) -> None:
    """Same bits: every epoch's parameters, Adam's state, and all of the history but its times."""
    assert run.epochs_done == other.epochs_done
    assert run.trajectory().equal(other.trajectory())
    assert run.checkpoint.optimiser_file == other.checkpoint.optimiser_file
    assert run.checkpoint.parameter_files == other.checkpoint.parameter_files
    assert run.checkpoint.scheduler == other.checkpoint.scheduler
    untimed = [[replace(entry, seconds=0.0) for entry in each.history] for each in (run, other)]
    assert untimed[0] == untimed[1]


# --- resuming


@pytest.mark.parametrize("stop", [1, 5, 6])
def test_a_run_in_two_parts_has_the_bits_of_one(whole, tmp_path, stop):
    """Epoch 6 runs at rate 0 and epoch 7 restarts the cosine, where its state matters most.

    Only this catches a checkpoint without Adam's moments or step count, a scheduler that starts
    over, and batches that depend on how many epochs were asked for.
    """
    run_toy(tmp_path, stop)
    assert_same(run_toy(tmp_path, 8), whole)


def test_a_killed_run_resumes_to_the_same_bits(whole, tmp_path):
    """SIGKILL to a process, twice, at moments nobody chose."""
    folder = tmp_path / toy_config(SAMPLES).run_id
    command = ("-m", "tests.verification.run_cases", tmp_path, 1000)
    for least, delay in ((1, 0.05), (2, 0.013)):
        target = epochs_on_disk(folder) + least
        kill_when(lambda: epochs_on_disk(folder) >= target, *command, delay=delay)  # noqa: B023
    killed_at = epochs_on_disk(folder)
    assert 0 < killed_at < 1000
    resumed = run_toy(tmp_path, killed_at + 2)
    reference = run_toy(tmp_path / "reference", killed_at + 2)
    assert_same(resumed, reference)
    assert resumed.trajectory()[: len(whole.history)].equal(
        whole.trajectory()[: len(resumed.history)]
    )


def epochs_on_disk(folder: Path) -> int:
    return Run.open(folder).epochs_done if (folder / CHECKPOINT_FILE).exists() else -1


class Killed(BaseException):
    """Stands for the end of the process."""


class Fuse:
    """Lets so many file operations pass, then none: what a dead process does."""

    def __init__(self, operations: int) -> None:
        self.left = operations

    def guard(self, function):
        """The function, as long as operations are left."""

        def guarded(*args, **kwargs):
            if self.left <= 0:
                raise Killed
            self.left -= 1
            return function(*args, **kwargs)

        return guarded


def test_a_kill_between_any_two_file_operations_costs_nothing(tmp_path, monkeypatch):
    """Every write, flush, rename and deletion of two epochs as the last one that happened.

    Only this catches files written in an order that leaves a moment without a valid checkpoint:
    random kills hit the steps between them far too seldom.
    """
    reference = run_toy(tmp_path / "reference", 2)
    names = [(os, "fsync"), (os, "replace"), (os, "unlink"), (Path, "unlink")]
    originals = [getattr(*name) for name in names]
    for operations in range(100):
        folder, fuse = tmp_path / str(operations), Fuse(operations)
        with monkeypatch.context() as patch:
            for name, original in zip(names, originals, strict=True):
                patch.setattr(*name, fuse.guard(original))
            try:
                run_toy(folder, 2)
            except Killed:
                pass
            else:
                break  # it needed no more operations than this
        if epochs_on_disk(next(folder.iterdir())) >= 0:
            Run.open(next(folder.iterdir())).verify()
        resumed = run_toy(folder, 2)
        resumed.verify()
        assert_same(resumed, reference)
        left_over = {path.name for path in resumed.path.rglob("*")} - {
            path.name for path in reference.path.rglob("*")
        }
        assert not left_over
    assert operations > 15


def test_a_finished_run_is_left_alone(whole):
    before = {path: path.stat().st_mtime_ns for path in whole.path.rglob("*.*")}
    assert_same(run_toy(whole.path.parent, 8), whole)
    assert_same(run_toy(whole.path.parent, 2), whole)
    assert {path: path.stat().st_mtime_ns for path in whole.path.rglob("*.*")} == before


def test_float64_parameters_stay_float64(tmp_path):
    config = toy_config(SAMPLES, 1, dtype="float64")
    run = execute_run(tmp_path, config, SAMPLES, threads=1)
    assert run.parameters(1).dtype == torch.float64
    start = toy_config(SAMPLES).model.build().flat_parameters()
    assert run.parameters(0).float().equal(start)


@pytest.mark.parametrize(("number", "kind"), [(3, "training"), (4, "test")])
def test_a_loss_that_ends_an_epoch_infinite_ends_the_run(tmp_path, monkeypatch, number, kind):
    """The third and fourth evaluations are those after an epoch; no step has seen them."""
    evaluate, count = Objective.evaluate, itertools.count(1)

    def late(self: Objective, *data: torch.Tensor) -> Evaluation:
        found = evaluate(self, *data)
        return msgspec.structs.replace(found, loss=math.inf) if next(count) == number else found

    with monkeypatch.context() as patch:
        patch.setattr(Objective, "evaluate", late)
        message = f"got inf over all {kind} samples after 1 epochs .*; lower learning_rate"
        with pytest.raises(FloatingPointError, match=message):
            run_toy(tmp_path, 2)
    assert run_toy(tmp_path, 2).epochs_done == 2


# --- what is refused, and left as it was


@pytest.mark.parametrize(
    "name",
    ["checkpoint.json", "config.json", "epochs/003.safetensors", "optimiser-003.safetensors"],
)
def test_a_truncated_file_is_refused(begun, name):
    content = (begun.path / name).read_bytes()[:-7]
    path = spoil(begun, name, content)
    message = "expected .*got .*(truncated).*restore"
    with pytest.raises(RecordError, match=message):
        resume(begun)
    assert path.read_bytes() == content


@pytest.mark.parametrize("name", ["epochs/003.safetensors", "optimiser-003.safetensors"])
def test_a_flipped_bit_is_refused(begun, name):
    content = bytearray((begun.path / name).read_bytes())
    content[-5] ^= 1
    spoil(begun, name, bytes(content))
    with pytest.raises(RecordError, match=r"checksum mismatch: expected sha256 \w+, got \w+"):
        resume(begun)


@pytest.mark.parametrize("name", ["checkpoint.json", "config.json"])
def test_an_edited_number_is_refused(begun, name):
    content = (begun.path / name).read_text()
    spoil(begun, name, content.replace("0.05", "0.04", 1).encode())
    with pytest.raises(RecordError, match=r"checksum mismatch.*the file was altered"):
        resume(begun)


def test_a_missing_file_is_refused(begun):
    (begun.path / "optimiser-003.safetensors").unlink()
    with pytest.raises(RecordError, match=r"optimiser-003.*expected a file of \d+ bytes"):
        resume(begun)


def test_a_checkpoint_of_another_run_is_refused(begun, tmp_path):
    config = toy_config(SAMPLES, 2, learning_rate=0.01)
    other = execute_run(tmp_path / "other", config, SAMPLES, threads=1)
    spoil(begun, CHECKPOINT_FILE, (other.path / CHECKPOINT_FILE).read_bytes())
    with pytest.raises(RecordError, match=r"expected a checkpoint of configuration .*another"):
        resume(begun)


def test_another_configuration_is_refused_by_its_fields(begun):
    config = toy_config(SAMPLES, 5, learning_rate=0.01)
    begun.path.rename(begun.path.with_name(config.run_id))
    with pytest.raises(StoreError, match=r"expected training.learning_rate 0.05, got 0.01"):
        execute_run(begun.path.parent, config, SAMPLES)


def test_other_threads_are_refused_and_the_recorded_ones_are_the_default(begun):
    config = toy_config(SAMPLES, 4)
    with pytest.raises(StoreError, match=r"threads: expected 1.*got 2.*leave --threads out"):
        execute_run(begun.path.parent, config, SAMPLES, threads=2)
    assert execute_run(begun.path.parent, config, SAMPLES).epochs_done == 4


def test_an_unknown_device_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(ValueError, match="device: expected one that torch has here"):
        run_toy(tmp_path, 1, device="nowhere")
    assert not list(tmp_path.iterdir())


def test_samples_of_another_digest_are_refused(tmp_path):
    with pytest.raises(ValueError, match="samples: expected digest"):
        execute_run(tmp_path, toy_config(SAMPLES), toy_samples(seed=1))
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    folder = tmp_path / toy_config(SAMPLES).run_id
    folder.mkdir()
    (folder / "thesis.txt").write_text("chapter 1")
    with pytest.raises(RunError, match=r"got one without config.json that holds thesis.txt"):
        run_toy(tmp_path, 1)
    with pytest.raises(RunError, match="expected the folder of a run"):
        Run.open(folder)
    assert (folder / "thesis.txt").read_text() == "chapter 1"


def test_a_foreign_file_in_the_way_is_not_overwritten(begun):
    path = begun.path / "epochs" / "004.safetensors"
    save_file({"weights": torch.ones(3)}, path)
    content = path.read_bytes()
    with pytest.raises(RecordError, match=r"004.safetensors: expected no file, or one of this"):
        resume(begun)
    assert path.read_bytes() == content
    path.unlink()
    assert resume(begun).epochs_done == 5


def test_a_json_file_of_another_program_is_refused(begun):
    spoil(begun, CHECKPOINT_FILE, b'{"kind": "notebook"}')
    with pytest.raises(RecordError, match="of kind 'patchlaw checkpoint', got 'notebook'"):
        resume(begun)


def test_one_process_at_a_time(begun):
    with held(begun.path), pytest.raises(InUseError, match=f"held by process {os.getpid()}"):
        resume(begun)
    assert resume(begun).epochs_done == 5


@pytest.mark.parametrize("what", ["machine", "processor"])
def test_another_environment_is_noted(begun, monkeypatch, what):
    """On another processor libraries take other kernels, so a run is another after some epochs."""
    environment = job.current_environment()
    assert begun.header.environment[what] == getattr(environment, what)
    monkeypatch.setattr(
        job, "current_environment", lambda device: replace(environment, **{what: "vax"})
    )
    text = io.StringIO()
    config = toy_config(SAMPLES, 4)
    with ConsoleProgress(Console(file=text, width=1000)) as progress:
        run = execute_run(begun.path.parent, config, SAMPLES, progress=progress)
    (note,) = (line for line in text.getvalue().splitlines() if line.startswith("note: "))
    assert "goes on in another environment, so its last bits may differ" in note
    assert note.endswith(f"({what}: {getattr(environment, what)} then, vax now)")
    assert [session.from_epoch for session in run.checkpoint.sessions] == [0, 3]


def test_the_record_says_with_how_many_threads_it_began(tmp_path):
    """Only this catches the process' own number in place of the run's."""
    run = execute_run(tmp_path, toy_config(SAMPLES, 1), SAMPLES, threads=3)
    sessions = [run.header.environment, run.checkpoint.sessions[0].environment]
    assert [each["threads"] for each in sessions] == [3, 3]


# --- reading


def test_the_reader_gives_what_the_trainer_had(whole):
    losses = [entry.train.loss for entry in whole.history]
    assert whole.minimum_epoch == min(range(1, 9), key=losses.__getitem__)
    assert [len(entry.step_losses) for entry in whole.history] == [0] + [5] * 8
    assert whole.history[6].learning_rate == 0.0
    assert whole.parameters(5).equal(whole.parameters(6))  # the epoch of rate 0
    model = whole.model(8)
    logits = model(SAMPLES.test_images)
    loss = torch.nn.functional.cross_entropy(logits, SAMPLES.test_labels)
    assert float(loss.detach()) == pytest.approx(whole.history[8].test.loss, rel=1e-5)
    with pytest.raises(IndexError, match="epoch: expected 0 to 8, got 9"):
        whole.parameters(9)


def test_names_tell_the_authors_protocol_from_others():
    paper = RunConfig.paper(4, 50)
    assert paper.run_id == "P4_d50_s1001"
    assert RunConfig.paper(4, 50, epochs=7).run_id == "P4_d50_s1001"
    assert paper.training.learning_rate == 1e-2
    assert paper.training.batch_seed == 1001
    slow = replace(paper, training=replace(paper.training, learning_rate=1e-4))
    assert slow.run_id == f"P4_d50_s1001_{slow.sha256[:8]}"
    # MNIST given anew is no other data set
    assert paper.on(load_samples()).run_id == "P4_d50_s1001"
