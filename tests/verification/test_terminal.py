"""Whatever standard output can or cannot take, no command answers with a traceback."""
# ruff: noqa: RUF001

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from rich.table import Table as RichTable

from patchlaw.cli import main
from patchlaw.console import NARROWEST, WIDEST, PlainConsole, width_asked
from patchlaw.terminal import CLOSED_PIPE, OutputLostError, printable_streams
from patchlaw.verification.jobs.progress import ConsoleProgress
from patchlaw.verification.printable import printable
from patchlaw.verification.tables import Table, print_table

PREDICT = ["predict", "--from", "4", "--to", "9", "--all"]


@pytest.mark.parametrize(
    ("text", "encoding", "expected"),
    [
        ("λ_max ± 1 × 10⁻³", "ascii", "lambda_max +- 1 x 10^-3"),
        ("λ ± Σ", "latin-1", "lambda ± Sigma"),
        ("4→9 – 5 — α ≤ Λ", "cp1252", "4->9 – 5 — alpha <= Lambda"),
        ("é ü – ┃━", "ascii", "e u - +-"),
        ("数\udcff", "ascii", "?\\xff"),
        ("λ\udcff", "utf-8", "λ\\xff"),
        ("λ ±", "utf-8", "λ ±"),
    ],
)
def test_symbols_fall_back_to_ascii_one_by_one(text, encoding, expected):
    assert printable(text, encoding) == expected


@given(st.text(st.characters(codec=None)), st.sampled_from(["ascii", "latin-1", "cp1252", "utf-8"]))
def test_any_text_can_be_printed_in_any_encoding(text, encoding):
    """Lone surrogates too: file names have them, and not even UTF-8 does."""
    shown = printable(text, encoding)
    shown.encode(encoding)
    assert shown == text or not encodable(text, encoding)


def encodable(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


class Failing(io.StringIO):
    """A stream that takes a few characters only."""

    encoding = "utf-8"

    def __init__(self, error: OSError, room: int) -> None:
        super().__init__()
        self.error, self.room = error, room

    def write(self, text: str) -> int:
        """Fail where there is no room."""
        if self.tell() + len(text) > self.room:
            raise self.error
        return super().write(text)


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (BrokenPipeError(32, "Broken pipe"), CLOSED_PIPE, ""),
        (OSError(28, "No space left on device"), 1, "standard output: No space left on device"),
    ],
)
@pytest.mark.parametrize("room", [0, 100])
def test_output_that_is_lost_ends_the_program_at_once(
    monkeypatch, capsys, error, code, message, room
):
    """Also where commands catch OSError, or any Exception, to go on with the next run."""
    monkeypatch.setattr(sys, "stdout", Failing(error, room))

    def work() -> None:
        with printable_streams():
            for _ in range(3):
                try:
                    PlainConsole().print("x" * 60)
                except Exception:  # as sweep does
                    pytest.fail("the loss was taken for a run's failure")

    with pytest.raises(OutputLostError) as found:
        work()
    assert found.value.code == code
    assert message in capsys.readouterr().err


def test_a_stderr_that_is_lost_changes_nothing(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stderr", Failing(OSError(28, "full"), 0))
    with pytest.raises(SystemExit) as found:
        main([*PREDICT, "--alpha", "x"])
    assert found.value.code == 2


def test_streams_are_as_before_afterwards():
    before = sys.stdout, sys.stderr
    with pytest.raises(SystemExit):
        main(["--version"])
    assert (sys.stdout, sys.stderr) == before


def program(*arguments: str, **options: Any) -> "subprocess.CompletedProcess[bytes]":
    """The command as a shell starts it: half a second, as none of these imports torch."""
    code = "from patchlaw.cli import main; main(prog_name='patchlaw')"
    environment = {"PYTHONPATH": str(Path(__file__).parents[2])} | options.pop("environment", {})
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        stdout=options.pop("stdout", subprocess.PIPE),
        stderr=subprocess.PIPE,
        env=os.environ | environment,
        timeout=20,
        check=False,
        **options,
    )


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_a_table_in_an_encoding_without_its_symbols(encoding):
    """click writes UTF-8 where it mistrusts an encoding: only a true process shows that."""
    done = program(*PREDICT, environment={"PYTHONIOENCODING": encoding})
    assert (done.returncode, done.stderr) == (0, b"")
    assert "| elementwise" in done.stdout.decode("ascii")
    done = program("derive", "λ→", environment={"PYTHONIOENCODING": encoding})
    assert done.returncode == 2
    assert b"lambda->" in done.stderr
    assert b"Traceback" not in done.stderr


COMMANDS = [["claim"], ["compare"], ["verify"], PREDICT]
COMMAND_IDS = [command[0] for command in COMMANDS]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
@pytest.mark.parametrize("command", COMMANDS, ids=COMMAND_IDS)
def test_a_full_disk_is_noticed_before_any_work(tmp_path, command):
    """claim and verify work for a minute or more; nothing of it may be done, or written, here."""
    with open("/dev/full", "wb") as full:
        done = program(*command, stdout=full, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr == b"Error: standard output: No space left on device\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", COMMANDS, ids=COMMAND_IDS)
def test_a_pipe_that_nobody_reads_is_noticed_before_any_work(tmp_path, command):
    read, write = os.pipe()
    os.close(read)
    try:
        done = program(*command, stdout=write, cwd=tmp_path)
    finally:
        os.close(write)
    assert (done.returncode, done.stderr) == (CLOSED_PIPE, b"")
    assert list(tmp_path.iterdir()) == []


def test_a_closed_stdout_is_no_error():
    code = "import os, sys; os.close(1); os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    command = ["-c", "from patchlaw.cli import main; main()", *PREDICT]
    done = subprocess.run(
        [sys.executable, "-c", code, *command], stderr=subprocess.PIPE, timeout=20, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize(
    ("columns", "width"),
    [
        (None, None), ("0", NARROWEST), ("1", NARROWEST), ("-3", NARROWEST), ("²", NARROWEST),
        ("", NARROWEST), ("120", 120), ("9" * 5, WIDEST), ("9" * 5000, WIDEST),
    ],
)  # fmt: skip
def test_a_table_is_whole_at_any_width(monkeypatch, columns, width):
    """rich drops columns where there is no room, fails at "²", and pads to a width of any size."""
    if columns is None:
        monkeypatch.delenv("COLUMNS", raising=False)
    else:
        monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("LINES", "²")
    assert width_asked() == width
    result = CliRunner().invoke(main, PREDICT)
    assert result.exit_code == 0, result.output
    assert "elementwise" in result.output
    assert "16/81" in result.output or "0.1975" in result.output
    assert max(map(len, result.output.splitlines())) <= WIDEST


# --- markup

BRACKETS = "[/x] :smile: [bold]"


def test_a_console_prints_brackets_as_they_are(capsys):
    table = RichTable(BRACKETS, title=BRACKETS, caption=BRACKETS)
    table.add_row(BRACKETS)
    console = PlainConsole()
    console.print(table)
    console.print(BRACKETS)
    console.say(BRACKETS)
    assert capsys.readouterr().out.count(BRACKETS) == 6


def test_columns_stay_straight_where_symbols_become_longer(monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    rows = (("λ ± 1",), ("0 → λ",), ("long enough to be the longest",))
    with printable_streams():
        print_table(Table("Σ", ("λ",), rows), PlainConsole(), {"λ ± 1": "green"})
    stream.flush()
    lines = stream.buffer.getvalue().decode("ascii").splitlines()
    assert lines[0] == "Sigma"
    assert "lambda +- 1" in lines[4]
    assert "0 -> lambda" in lines[5]
    assert len({len(line) for line in lines[1:-1]}) == 1


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["sweep", "[/x].toml", "--list"], 0),
        (["status", "[/x]"], 1),
        (["figures", "figure-1", "--out", "[/x]", "--records", "[/x]"], 0),
        (["thin", "[/x]", "--out", "y"], 1),
        (["analyse", "[/x]"], 1),
        (["landscape", "[/x]"], 1),
        (["data", "check", "[/x].toml"], 1),
        (["derive", "[/x]"], 2),
        (["claim", "[/x]"], 2),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_a_path_with_square_brackets_is_no_markup(tmp_path, monkeypatch, arguments, code):
    """MarkupError before: a path such as [/x] closes a tag that nothing opened."""
    monkeypatch.chdir(tmp_path)
    Path("[").mkdir()
    Path("[/x]").mkdir()
    Path("[/x]", "run").mkdir()
    Path("[/x]", "run", "config.json").write_text("[/x]")
    Path("[/x].toml").write_text("[[runs]]\npatches = 4\ndepth = 1\n")
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == code, result.output
    assert isinstance(result.exception, SystemExit | None)
    assert "[/x]" in result.output


def test_a_terminal_shows_bars_and_the_console_is_still_richs(monkeypatch):
    """Only this sees a method of ours that hides one which rich calls when a bar ends."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("FORCE_COLOR", "1")
    console = PlainConsole()
    assert console.is_terminal
    with console.capture() as shown, ConsoleProgress(console) as progress:
        progress.say(BRACKETS)
    assert BRACKETS in shown.get()
