"""Files of a run with the right checksum and the wrong contents: refused by name, left alone."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load, save

from patchlaw.verification.runs import Run, RunError
from patchlaw.verification.runs.checkpoint import CHECKPOINT_FILE
from patchlaw.verification.store.errors import RecordError
from patchlaw.verification.store.seal import digest
from tests.verification.run_cases import resume, spoil


def reseal(run: Run, name: str, change: Callable[[dict[str, Any]], None]) -> Path:
    """Change a JSON file and give it the checksum of what it now says."""
    record = json.loads((run.path / name).read_text())
    change(record)
    record["sha256"] = digest(record["body"])
    return spoil(run, name, json.dumps(record).encode())


def forget(*keys: str) -> Callable[[dict[str, Any]], None]:
    """Leave out one entry of the body, by its path."""

    def change(record: dict[str, Any]) -> None:
        inner = record["body"]
        for key in keys[:-1]:
            inner = inner[int(key) if isinstance(inner, list) else key]
        del inner[keys[-1]]

    return change


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        (
            "checkpoint.json",
            forget("history"),
            "missing required field `history`; restore",
        ),
        (
            "checkpoint.json",
            forget("scheduler"),
            "missing required field `scheduler`; restore",
        ),
        (
            "checkpoint.json",
            forget("history", "1", "test"),
            "field `test` at history.1.; restore",
        ),
        (
            "checkpoint.json",
            lambda record: record["body"]["parameter_files"].pop(),
            "expected one parameter file for each of 4 epoch ends, got 3; restore",
        ),
        (
            "checkpoint.json",
            lambda record: record["body"].update(history=[], parameter_files=[]),
            "expected one parameter file for each of 0 epoch ends, got 0; restore",
        ),
        (
            "checkpoint.json",
            lambda record: record.update(format=99),
            "expected version 1 of 'patchlaw checkpoint', got 99; use the version of patchlaw that",
        ),
        (
            "config.json",
            forget("execution"),
            "fields: expected `object`, got `null`; restore",
        ),
        (
            "config.json",
            forget("execution", "threads"),
            "missing required field `threads`; restore",
        ),
        (
            "config.json",
            forget("configuration", "model"),
            "configuration: object missing required field `model`; .*another version",
        ),
        (
            "config.json",
            lambda record: record["body"]["configuration"]["training"].update(epochs=0),
            "configuration: epochs: expected an integer >= 1, got 0 at training; .*another version",
        ),
        (
            "config.json",
            lambda record: record["body"].update(configuration_sha256="0" * 64),
            f"expected configuration {'0' * 64}, got .*had other fields: restore",
        ),
    ],
)
def test_a_json_file_of_other_contents_is_refused_in_spite_of_its_checksum(
    begun, name, change, message
):
    """As another version, or a script, may have written it: a KeyError would name no file."""
    path = reseal(begun, name, change)
    content = path.read_bytes()
    with pytest.raises(RecordError, match=message):
        Run.open(begun.path)
    with pytest.raises(RecordError, match=message):
        resume(begun)
    assert path.read_bytes() == content


def rewrite(run: Run, name: str, content: bytes) -> Path:
    """Replace a tensor file, and its size and sha256 in the checkpoint."""

    def change(record: dict[str, Any]) -> None:
        body = record["body"]
        for entry in (*body["parameter_files"], body["optimiser_file"]):
            if entry["name"] == name:
                entry |= {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}

    reseal(run, CHECKPOINT_FILE, change)
    return spoil(run, name, content)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("epochs/003", lambda t: t["angles"].fill_(torch.nan), "parameters: expected finite"),
        ("epochs/003", lambda t: t.pop("angles"), r"parameters: expected \(\d+,\) .*got \(16,\)"),
        ("epochs/003", lambda t: t.update(x=t.pop("angles")) or t.pop("pixel_bias"), "got none"),
        (
            "epochs/003",
            lambda t: t.update({name: tensor.double() for name, tensor in t.items()}),
            r"expected .* torch.float32, got .* torch.float64",
        ),
        ("optimiser-003", lambda t: t.pop("angles.exp_avg"), "angles.exp_avg: .*got none"),
        ("optimiser-003", lambda t: t["angles.step"].fill_(torch.inf), "step: expected finite"),
    ],
)
def test_tensors_of_another_model_are_refused_in_spite_of_their_checksum(
    begun, name, change, message
):
    """NaN in a checkpoint would train on as NaN, and be the run's minimum."""
    tensors = load((begun.path / f"{name}.safetensors").read_bytes())
    change(tensors)
    content = save(tensors)
    path = rewrite(begun, f"{name}.safetensors", content)
    with pytest.raises(RecordError, match=rf"{name}.safetensors: .*{message}.*restore"):
        resume(begun)
    assert path.read_bytes() == content


def test_a_file_that_is_no_safetensors_is_refused_in_spite_of_its_checksum(begun):
    path = rewrite(begun, "epochs/003.safetensors", b"chapter 1")
    with pytest.raises(RecordError, match=r"003.*expected a safetensors file, got .*restore"):
        Run.open(begun.path).parameters(3)
    assert path.read_bytes() == b"chapter 1"


def test_a_run_without_checkpoint_is_no_run_to_read_but_one_to_train(begun):
    (begun.path / CHECKPOINT_FILE).unlink()
    with pytest.raises(
        RunError, match=r"expected a checkpoint, got none yet; run `patchlaw train`"
    ):
        Run.open(begun.path)
    assert resume(begun, 1).epochs_done == 1
