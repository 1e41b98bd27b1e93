"""On a terminal no word of a table is cut, and no line is longer than the terminal is wide."""

import io
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import assume, given
from hypothesis import strategies as st
from rich.console import Console

from patchlaw.cli import main
from patchlaw.hessian_theory import theorems
from patchlaw.paper_figures.records import RESULTS
from patchlaw.paper_figures.report.text import print_report
from patchlaw.verification import tables
from patchlaw.verification.claims import terminal
from patchlaw.verification.tables import Table, as_rich
from tests.paper_figures.report_cases import finished_report
from tests.verification.comparison_cases import write_analysis
from tests.verification.test_claims_sources import write

WIDTH = 80
FRAME = re.compile(r"[\s│┃┏┓┡┩└┘┳┻╇┴┬━─╋┼|+]+")


def words(text: str) -> Counter[str]:
    """Words between blanks and the lines of a frame."""
    return Counter(word for word in FRAME.split(text) if word)


@contextmanager
def recorded(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Table]]:
    """Every table that is laid out meanwhile."""
    found: list[Table] = []

    def lay_out(table: Table, *arguments: Any, **options: Any) -> Any:
        found.append(table)
        return as_rich(table, *arguments, **options)

    for module in (tables, terminal):
        monkeypatch.setattr(module, "as_rich", lay_out)
    yield found


def check(shown: str, found: list[Table]) -> None:
    """Every word of every cell stands in what was shown, at least as often as in the tables."""
    assert found
    missing: Counter[str] = Counter()
    for table in found:
        for text in (*table.header, *(cell for row in table.rows for cell in row)):
            missing += words(text)
    missing -= words(shown)
    assert missing == Counter(), missing
    # lines of prose may be longer (a path is never cut): those of the tables may not
    lines = [line for line in shown.splitlines() if line.strip()[:1] in "│┃┏┡└"]
    assert max(map(len, lines), default=0) <= WIDTH


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, found = tmp_path_factory.mktemp("report"), finished_report()
    for model in found.models:
        write_analysis(folder / "analyses", model)
    return write(folder, "report.json", found.to_json())


@pytest.mark.parametrize(
    "command",
    [
        ["data", "check"],
        ["predict", "--from", "4", "--to", "9", "--depth", "50", "--all"],
        [
            "predict",
            "--patches",
            "4,9",
            "--depth",
            "2",
            "--start",
            "--images",
            "20",
            "--draws",
            "2",
        ],
        ["status", str(RESULTS / "runs")],
        ["compare"],
        ["claim", "--report", "REPORT"],
        ["claim", "4", "--report", "REPORT"],
        ["claim", "9", "--report", "REPORT"],
        ["figures", "table-2", "--format", "png"],
        ["derive"],
    ],
    ids=" ".join,
)
def test_no_command_cuts_a_word(command, report, tmp_path, monkeypatch):
    """Before, evidence read 'lambda_max(' and 'H)' in two lines, and compare cut numbers."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", str(WIDTH))
    monkeypatch.setattr(theorems, "THEOREMS", theorems.THEOREMS[:1])
    arguments = [str(report) if word == "REPORT" else word for word in command]
    with recorded(monkeypatch) as found:
        result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    check(result.stdout, found)


def test_the_reports_tables_too(monkeypatch):
    console = Console(file=io.StringIO(), width=WIDTH)
    with recorded(monkeypatch) as found:
        print_report(finished_report(), console)
    assert isinstance(console.file, io.StringIO)
    check(console.file.getvalue(), found)


cells = st.text(st.sampled_from("ab λ→_(")).map(" ".join) | st.text(
    st.sampled_from("abcd λ→\n"), max_size=40
)


@given(
    rows=st.integers(1, 12).flatmap(
        lambda n: st.lists(st.lists(cells, min_size=n, max_size=n), min_size=1, max_size=4)
    ),
    keys=st.integers(0, 3),
    framed=st.booleans(),
    encoding=st.sampled_from(["utf-8", "ascii"]),
)
def test_any_table_that_can_be_shown_whole_is(rows, keys, framed, encoding):
    """The arithmetic of widths: one column too few for a frame or a blank cuts a word here."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    console = Console(file=stream, width=WIDTH)
    table = Table(
        "", tuple(f"h{j}" for j in range(len(rows[0]))), tuple(map(tuple, rows)), keys=keys
    )
    plain = [[tables.printable(cell, encoding) for cell in row] for row in rows]
    columns = zip(*plain, strict=True)
    longest = [max(2, *map(len, re.split(r"[ \n]\b", " ".join(column)))) for column in columns]
    assume(sum(longest[:keys]) + max(longest) + 3 * (keys + 1) + 1 <= WIDTH)
    console.print(as_rich(table, console, framed=framed))
    stream.flush()
    shown = stream.buffer.getvalue().decode(encoding)  # type: ignore[attr-defined]
    expected = Counter(word for row in plain for cell in row for word in cell.split())
    assert not expected - Counter(re.split(r"[\s│┃|]+", shown))
    assert max(map(len, shown.splitlines()), default=0) <= WIDTH
