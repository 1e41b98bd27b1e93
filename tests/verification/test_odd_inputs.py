"""Files, numbers and devices that no command can use: one line of ours, within seconds."""

import json
import os
import stat
from fractions import Fraction
from pathlib import Path

import pytest
from click.testing import CliRunner

from patchlaw.cli import main
from patchlaw.hessian_theory.input_checks import finite_number
from patchlaw.verification.claims import read_report
from patchlaw.verification.runs.plan import PlanError, read_plan
from patchlaw.verification.torch_devices import check_device


def refused(arguments: list[str], code: int) -> str:
    """The output of a command that must end in words, as one line."""
    result = CliRunner().invoke(main, arguments)
    assert isinstance(result.exception, SystemExit), repr(result.exception)
    assert result.exit_code == code, result.output
    return " ".join(result.output.split())


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """An empty working folder with an empty folder, a named pipe and a file without an end."""
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    os.mkfifo("pipe")
    with open("endless", "wb") as file:
        file.truncate(10**13)  # takes no room on the disk
    return tmp_path


NUMBERS = [
    "1e99999999", "1e-999999999", "-1e99999999", "1e9_9999999", "1E+0099999999", "1e400", "1e-400",
    "nan", "inf", "-inf", "1/0", "9" * 5000, "1e", "", "0x10",
]  # fmt: skip


@pytest.mark.parametrize("number", NUMBERS, ids=lambda text: text[:16])
@pytest.mark.parametrize("option", ["--alpha", "--loss1", "--blocks2", "--scale", "--kappa"])
def test_predict_refuses_a_number_that_is_none_or_without_end(option, number):
    """1e99999999 was taken for a fraction with as many digits, which never came to an end."""
    shown = refused(["predict", "--from", "4", "--to", "9", f"{option}={number}"], 2)
    assert f"Invalid value for '{option}': expected" in shown
    assert len(shown) < 400


@pytest.mark.parametrize("number", ["1e150", "1e-150", "0.5", "1/2", "2e-3", "1e0000000001", "0e9"])
def test_numbers_within_the_laws_range_are_kept(number):
    result = CliRunner().invoke(main, ["predict", "--from", "4", "--to", "9", "--loss1", number])
    assert "Invalid value for" not in result.output
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("path", ["/dev/zero", "pipe", "endless"])
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["data", "check", "{}"], 1),
        (["train", "--patches", "4", "--depth", "1", "--data", "{}"], 1),
        (["sweep", "{}", "--list"], 2),
        (["claim", "--report", "{}"], 1),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_what_is_no_regular_file_is_not_read(here, arguments, code, path):
    """/dev/zero filled the memory and a pipe that nobody writes to was waited for."""
    shown = refused([path if each == "{}" else each for each in arguments], code)
    assert f"{path}: expected" in shown
    assert not Path("runs").exists()


def test_a_pipe_among_the_idx_files_is_not_read(here):
    os.mkfifo("empty/train-images-idx3-ubyte")
    shown = refused(["data", "build", "empty", "--out", "x"], 1)
    assert "empty/train-images-idx3-ubyte: expected this file" in shown


@pytest.mark.parametrize(
    "arguments",
    [
        ["replay", "--patches", "4", "--depth", "50"],
        ["replay", "--patches", "4", "--depth", "50", "--epochs", "1"],
        ["train", "--patches", "4", "--depth", "1"],
        ["verify", "--quick"],
    ],
    ids=lambda arguments: " ".join(arguments[:1] + arguments[-2:]),
)
def test_an_empty_folder_of_data_is_refused_before_any_work(here, arguments):
    """verify proved theorems for a minute first, and replay answered with a traceback."""
    shown = refused([*arguments, "--data", "empty"], 1)
    assert "empty/train-images-idx3-ubyte: expected this file" in shown
    assert not Path("runs").exists()
    assert not Path("verify-report").exists()


@pytest.mark.parametrize("device", ["meta", "", "[/x]", "cpu:-1", "xla", "hpu", "a" * 100])
def test_a_device_that_computes_nothing_is_refused(device):
    """torch makes tensors on "meta" and fails at the first number asked of them."""
    with pytest.raises(ValueError, match=r"^device: expected one that torch has here"):
        check_device(device)


def test_no_device_is_the_cpu():
    assert check_device(None) == check_device("cpu") == "cpu"


REPORT = {"format": 3, "reproduce": "a", "theorems": [], "checks": [], "models": []}
FORM = "report.json: expected the form that `patchlaw verify` writes, got "
THEOREM = {"name": "a", "status": "proved"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[" * 100_000 + b"]" * 100_000, "expected at most 40 levels, got far more"),
        (bytes(range(256)), "expected a whole JSON file, got 256 bytes"),
        (b"9" * 5000, "an integer of 5000 digits"),
        (b"[]", "expected the keys"),
        (json.dumps(REPORT | {"format": []}).encode(), "expected format 3, got"),
        (
            json.dumps(REPORT | {"theorems": [THEOREM | {"steps": float("inf")}]}).encode(),
            "Infinity is not a finite number",
        ),
        (json.dumps(REPORT | {"theorems": [THEOREM | {"steps": "x"}]}).encode(), FORM),
        (json.dumps(REPORT | {"theorems": [{"name": []}]}).encode(), FORM),
        (json.dumps(REPORT | {"models": ["\0"]}).encode(), FORM),
        (json.dumps(REPORT | {"models": 3}).encode(), FORM),
    ],
    ids=["deep", "binary", "digits", "list", "format", "inf", "text", "name", "patches", "models"],
)
def test_a_file_that_is_no_report_is_refused(tmp_path, content, message):
    path = tmp_path / "report.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_report(path)


def test_a_plan_that_is_no_regular_file_or_too_deep_is_refused(here):
    for name in ("pipe", "endless", "empty"):
        with pytest.raises(PlanError, match=f"{name}: expected a plan, "):
            read_plan(Path(name))
    Path("deep.toml").write_text("runs = " + "[" * 100_000)
    with pytest.raises(PlanError, match=r"deep\.toml: expected TOML, got"):
        read_plan(Path("deep.toml"))


def test_a_page_does_not_take_the_place_of_a_pipe(here):
    """A rename does that, and to a device such as /dev/null if the user may."""
    assert "--markdown: expected a file to write" in refused(["derive", "--markdown", "pipe"], 2)
    assert stat.S_ISFIFO(Path("pipe").stat().st_mode)


@pytest.mark.parametrize("command", ["verify", "claim"])
def test_a_seed_beyond_numpys_limit_is_refused_at_once(command):
    """It failed where the training begins, after the proofs."""
    assert "'--seed'" in refused([command, "--seed", str(2**32)], 2)


@pytest.mark.parametrize("rate", ["1e300", "1e39", "inf", "nan", "-1"])
def test_a_learning_rate_beyond_float32_is_refused_before_anything_is_written(here, rate):
    """Adam failed with a RuntimeError at its first step, the run's folder being there."""
    arguments = ["train", "--patches", "4", "--depth", "1", f"--learning-rate={rate}"]
    assert "learning_rate: expected a finite number >= 0" in refused(arguments, 1)
    assert not Path("runs").exists()


def test_a_name_longer_than_a_name_can_be_is_refused(here):
    for command in (["status"], ["landscape"], ["data", "check"]):
        assert "x" * 50 in refused([*command, "x" * 5000], 1)


def test_a_fraction_that_is_zero_as_a_float_is_refused_by_the_laws():
    """It passed for one within the range, as its float was compared with the least size."""
    with pytest.raises(ValueError, match="loss: expected a finite number"):
        finite_number("loss", Fraction(1, 10**999), what="the loss")
    assert finite_number("loss", Fraction(1, 10**150), what="the loss") == Fraction(1, 10**150)
