"""``patchlaw`` alone, ``patchlaw doctor``, completion: what a user meets first."""

import importlib.metadata
import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result

from patchlaw.cli import COMMANDS, main
from patchlaw.paper_figures.records import RESULTS
from patchlaw.simulators.datasets import mnist
from patchlaw.verification.store.environment import current_environment
from patchlaw.work_folder import ALWAYS, FIRST, KINDS


def told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.chdir(folder)
    result = CliRunner().invoke(main, [])
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert max(map(len, lines)) <= 80
    assert len(lines) <= 9
    return lines


def test_alone_it_says_how_to_begin(tmp_path, monkeypatch):
    """Every command it names is one that click takes, options included."""
    lines = told(tmp_path, monkeypatch)
    assert lines[0] == "To begin:"
    for command, what in (*FIRST, *ALWAYS):
        assert any(command in line and line.endswith(what) for line in lines)
        name, *arguments = shlex.split(command)[1:]
        if name in COMMANDS:
            sub = main.get_command(None, name)
            sub.make_context(name, arguments, resilient_parsing=False)
        else:
            assert name == "--help"
    assert list(tmp_path.iterdir()) == []


def test_alone_it_goes_on_from_what_is_here(tmp_path, monkeypatch):
    (run,) = (RESULTS / "runs").glob("P4_d2_s1001_*")
    run = Path(shutil.copytree(run, tmp_path / "runs" / run.name))
    lines = told(tmp_path, monkeypatch)
    assert lines[0] == "In this folder: runs: 1. Next:"
    assert f"patchlaw analyse runs/{run.name}" in lines[1]
    (tmp_path / "analyses").mkdir()
    (tmp_path / "analyses" / f"{run.name}.json").write_text("{}")
    (tmp_path / "analyses" / "another.json").write_text("{}")
    lines = told(tmp_path, monkeypatch)
    assert not any("patchlaw analyse" in line for line in lines)
    assert "patchlaw compare --records analyses" in lines[1]
    (run / "checkpoint.json").write_text("{")
    lines = told(tmp_path, monkeypatch)
    assert "1 damaged" in lines[1]
    assert "patchlaw status" in lines[1]


def examined(*arguments: str) -> Result:
    result = CliRunner().invoke(main, ["doctor", *arguments])
    assert "Traceback" not in result.output
    return result


def test_the_doctor_finds_a_sound_installation_sound(tmp_path, monkeypatch):
    """Its facts are those of every record's environment, and of torch and the disk."""
    monkeypatch.chdir(tmp_path)
    result = examined("--json")
    found = json.loads(result.stdout)
    assert (result.exit_code, found["problems"]) == (0, [])
    expected = current_environment()
    assert found["environment"]["versions"] == expected.versions
    assert found["environment"]["threads"] == torch.get_num_threads()
    assert found["device"] == ("cuda" if torch.cuda.is_available() else "cpu")
    assert found["data"]["images"] == 70_000
    assert found["memory_bytes"] > 0
    assert found["records"]["here"] == dict.fromkeys(KINDS, 0)
    shown = examined()
    assert shown.exit_code == 0
    assert shown.output.splitlines()[-1] == "Nothing is missing."
    assert max(map(len, shown.output.splitlines())) <= 80


def test_the_doctor_names_what_is_missing_and_the_command(monkeypatch):
    """A package that is too old, and one that is not there at all: before torch is imported."""

    def version(name: str) -> str:
        if name == "torch":
            raise importlib.metadata.PackageNotFoundError(name)
        return "0.1" if name == "scipy" else importlib.metadata.distribution(name).version

    monkeypatch.setattr(importlib.metadata, "version", version)
    result = examined("--json")
    problems = json.loads(result.stdout)["problems"]
    assert result.exit_code == 1
    assert [problem.partition(":")[0] for problem in problems] == ["scipy", "torch"]
    assert 'got 0.1; pip install "scipy>=' in problems[0]
    assert 'got none; pip install "torch>=' in problems[1]
    shown = examined()
    assert shown.exit_code == 1
    assert shown.output.count("missing ") == 2


def test_the_doctor_reads_the_data(tmp_path, monkeypatch):
    """Only a check that reads the file sees one byte of 6 MB changed."""
    content = bytearray(mnist.EMBEDDED_FILE.read_bytes())
    content[-1] ^= 1
    copy = tmp_path / mnist.EMBEDDED_FILE.name
    copy.write_bytes(content)
    manifest = mnist.EMBEDDED_FILE.with_suffix(".json")
    copy.with_suffix(".json").write_bytes(manifest.read_bytes())
    monkeypatch.setattr(mnist, "EMBEDDED_FILE", copy)
    result = examined()
    assert result.exit_code == 1
    assert "missing   data:" in result.output


@pytest.mark.parametrize(
    ("words", "completions"),
    [
        ("patchlaw an", ["plain,analyse"]),
        ("patchlaw analyse --st", ["plain,--stage"]),
        ("patchlaw nothing an", ["plain,analyse"]),
    ],
)
def test_a_shell_completes(words, completions):
    """Before, click's bytes met a stream that took text alone: a traceback at every tab."""
    environment = {
        "_PATCHLAW_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(words.count(" ")),
        "PYTHONPATH": str(Path(__file__).parents[1]),
    }
    done = subprocess.run(
        [sys.executable, "-m", "patchlaw"],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert [line for line in done.stdout.splitlines() if line] == completions
