"""sweep, analyse and kernel of one plan: what it says of their options, and what is on record."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from patchlaw.cli import main
from patchlaw.verification.kernels.record import read_kernels
from patchlaw.verification.records import read_analyses

PLAN = """
[defaults]
epochs = 1
images = 40
batch_size = 20
depth = 1
qubits = 5
patches = 4
[[runs]]
bias = [true, false]
[analyse]
stages = ["hessian"]
top = 1
subset-top = 3
tol = 1e-2
[kernel]
images = 20
top = 2
brief = true
"""


def call(command: str, plan: Path, *words: str) -> Result:
    out = {"sweep": "runs", "analyse": "analyses", "kernel": "kernels"}[command]
    folder = plan.parent
    within = [] if command == "sweep" else ["--in", str(folder / "runs")]
    return CliRunner().invoke(
        main, [command, str(plan), "--out", str(folder / out), *within, *words]
    )


def test_one_command_each_by_the_plan_s_options(tmp_path: Path) -> None:
    """Catches a plan's option that is lost, or that overrides a record or the command line."""
    plan = tmp_path / "plan.toml"
    plan.write_text(PLAN)
    for command in ("sweep", "analyse", "kernel"):
        found = call(command, plan, "--threads", "1")
        assert found.exit_code == 0, found.output
        assert re.search(r"^2 runs in \d+\.\d min$", found.output, re.MULTILINE)
    analyses, kernels = read_analyses(tmp_path / "analyses"), read_kernels(tmp_path / "kernels")
    assert {model.run.pixel_bias for model in analyses} == {True, False}
    for model in analyses:
        assert set(model.stages) == {"evaluation", "hessian"}
        assert "--top 1 --subset-top 3 --tol 0.01" in model.reproduce
    for record in kernels:
        assert (record.n_samples, record.top) == (20, 2)
        assert record.moments["minimum"].measured
        assert not record.moments["minimum"].commutator
        assert not record.moments["minimum"].whole

    # another plan and other threads leave what is on record as it is; the command line does not
    plan.write_text(PLAN.replace("top = 3", "top = 5").replace("images = 20\n", "images = 30\n"))
    for command in ("sweep", "analyse", "kernel"):
        assert call(command, plan, "--threads", "2").exit_code == 0, command
    assert read_kernels(tmp_path / "kernels") == kernels
    assert call("analyse", plan, "--subset-top", "4").exit_code == 1
    assert call("kernel", plan, "--images", "30").exit_code == 1


@pytest.mark.parametrize(
    ("old", "new", "command", "message"),
    [
        ("subset-top", "subset_top", "analyse", "[analyse]: expected top, subset-top"),
        ('"hessian"', '"hesse"', "analyse", "stage: expected one of"),
        ("tol = 1e-2", "tol = 0", "analyse", "tol: expected a finite number"),
        ("top = 2", 'top = "2"', "kernel", "top: expected an integer"),
        ("brief", "short", "kernel", "[kernel]: expected"),
        ("[kernel]", "[kernels]", "kernel", "expected [defaults], [[runs]], [analyse]"),
        ("[analyse]", "[[analyse]]", "analyse", "analyse: expected a table"),
    ],
)
def test_what_a_plan_must_not_say(
    tmp_path: Path, old: str, new: str, command: str, message: str
) -> None:
    """Only this catches a misspelt option that is silently left out."""
    plan = tmp_path / "plan.toml"
    plan.write_text(PLAN.replace(old, new))
    found = call(command, plan)
    assert found.exit_code in (1, 2)
    assert message in " ".join(found.output.replace("│", " ").split())
    assert not (tmp_path / "analyses").exists()


def test_a_plan_s_options_are_not_those_of_another_s_runs(tmp_path: Path) -> None:
    """Only this catches the runs of all plans analysed by the last one's table."""
    plan, other = tmp_path / "plan.toml", tmp_path / "other.toml"
    plan.write_text(PLAN)
    other.write_text(PLAN.replace("top = 3", "top = 5").replace("images = 20\n", "images = 30\n"))
    for command in ("analyse", "kernel"):
        found = call(command, plan, str(other))
        assert found.exit_code in (1, 2)
        words = found.output.replace("│", " ").split()
        assert f"expected plans of one table [{command}], got" in " ".join(words)
    same = call("analyse", plan, str(plan), "--list")
    assert same.exit_code == 0, same.output
