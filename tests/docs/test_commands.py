"""Every command and every Python block of README.md and docs/*.md works as it is printed.

Python blocks are executed. Commands are executed too, in a folder like the source tree's, except
those of ``NOT_EXECUTED``: their command is looked up and their arguments are parsed by the program
itself, so that an option that does not exist fails here.
"""

import glob
import importlib.util
import re
import shutil
import tomllib
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from patchlaw.cli import main
from tests.docs.pages import PAGES, ROOT, blocks, command_lines, commands_in_text
from tests.idx_files import write_idx_files

# Beginning of a command, and why no test can carry it out. Whatever begins otherwise is executed.
NOT_EXECUTED = {
    "patchlaw train --patches 4 --depth 50": "a run at the paper's size: minutes at least",
    "patchlaw train --patches 9 --depth 50": "a run at the paper's size: an hour at least",
    "patchlaw sweep paper_figures/plans/paper.toml --out": "runs at the paper's size: days",
    "patchlaw sweep paper_figures/plans/scaling.toml --out": "48 runs: hours",
    "patchlaw analyse paper_figures/results/runs/P4_d50_s1001 --out": "60,000 images: hours",
    "patchlaw analyse mine/runs/": "the same",
    "patchlaw analyse paper_figures/results/runs/P49_d2_*": "49 patches, 2,000 images: minutes",
    "patchlaw analyse paper_figures/plans/along_training.toml": "a density a moment: hours",
    "patchlaw kernel paper_figures/plans/along_training.toml": "twelve eigenvalues a moment",
    "patchlaw analyse small/runs/P4_d1_* --out small/analyses --subset 20": "all stages: a minute",
    "patchlaw sweep paper_figures/plans/alpha.toml --out": "ten runs: a quarter of an hour",
    "patchlaw analyse paper_figures/plans/alpha.toml": "their records, which a test need not make",
    "patchlaw kernel paper_figures/plans/alpha.toml": "the same",
    "patchlaw landscape paper_figures/results/runs/P4_d50_s1001": "60,000 images: hours",
    "patchlaw claim": "proves theorems and runs the exact checks: half a minute",
    "patchlaw replay --patches 4 --depth 200": "a CUDA device",
    "patchlaw train --patches 16 --depth 200": "a CUDA device",
    "make": "sets up an environment of its own; the target must exist",
}
# These begin like one of the above and are executed all the same.
EXECUTED = (
    "patchlaw claim 7",
    "patchlaw analyse small/runs/P4_d1_* --out small/analyses --subset 20 --stage trajectory",
)

# Languages of a page whose blocks another test checks.
CHECKED_ELSEWHERE = {"clusters.md": ("bash", "py", "singularity")}  # test_clusters.py

PAGE_IDS = [page.name for page in PAGES]


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what the commands name: plans, a committed run's history, data to bring."""
    shutil.copytree(ROOT / "paper_figures" / "plans", tmp_path / "paper_figures" / "plans")
    runs = Path("paper_figures", "results", "runs")
    shutil.copytree(ROOT / runs / "P4_d50_s1001", tmp_path / runs / "P4_d50_s1001")
    mine = Path("mine", "runs")
    for folder in (runs / "P49_d2_s1001-00000000", mine / "P4_d50_s1001", mine / "P9_d50_s1001"):
        (tmp_path / folder).mkdir(parents=True)  # are parsed, not opened
    (tmp_path / "paper_figures" / "results" / "analyses").mkdir()
    (tmp_path / "docs").mkdir()
    write_idx_files(tmp_path / "my-data", n_train=100, n_test=20)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def reason_not_to(line: str) -> str | None:
    """Why a command is not executed; None if it is."""
    if line in EXECUTED:
        return None
    return next((why for start, why in NOT_EXECUTED.items() if line.startswith(start)), None)


@pytest.mark.parametrize("page", PAGES, ids=PAGE_IDS)
def test_blocks_are_python_shell_or_formulas(page: Path) -> None:
    """A block in another language would be tested by nobody; formulas are by ``make test-site``."""
    known = {"python", "sh", "math", *CHECKED_ELSEWHERE.get(page.name, ())}
    others = [f"{b.place}: {b.language!r}" for b in blocks(page) if b.language not in known]
    assert others == []


@pytest.mark.parametrize("page", PAGES, ids=PAGE_IDS)
def test_python_blocks_run(page: Path, tree: Path) -> None:
    """In order; on a page of docs/ a block may use names of those above it, in README.md not."""
    names: dict[str, object] = {}
    for block in blocks(page):
        if block.language == "python":
            if page.name == "README.md":
                names = {}
            names["__name__"] = "documentation"
            # as many lines above as on the page, so that a traceback names the page's line
            code = compile("\n" * block.line + block.code, str(page), "exec")
            exec(code, names)


@pytest.mark.parametrize("page", PAGES, ids=PAGE_IDS)
def test_commands_run(page: Path, tree: Path) -> None:
    """In order, in one folder: what one writes the next may read."""
    for block in blocks(page):
        if block.language == "sh":
            for words in command_lines(block):
                carry_out(words, block.place)


def carry_out(words: list[str], place: str) -> None:
    line = " ".join(words)
    match words:
        case ["patchlaw", *rest]:
            arguments = [name for word in rest for name in expanded(word)]
            if reason_not_to(line):
                parse(arguments, f"{place}: {line}")
                return
            result = CliRunner().invoke(main, arguments, catch_exceptions=False)
            assert result.exit_code == 0, f"{place}: {line}\n{result.output}"
        case ["torchrun" | "mpirun", *launch] if "patchlaw" in launch:
            parse(launch[launch.index("patchlaw") + 1 :], f"{place}: {line}")
        case ["make", *targets]:
            for target in targets:
                assert target in make_targets(), f"{place}: {line}: no such target"
        case ["python", "-m", module, *_]:
            assert importlib.util.find_spec(module), f"{place}: {line}: no such module"
        case ["pip", "install", here]:  # done in tests of the wheel; here that the extras exist
            found = re.fullmatch(r"\.(?:\[([\w,]+)\])?", here)
            assert found, f"{place}: {line}: expected this checkout"
            project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
            assert set((found[1] or "").split(",")) - {""} <= set(project["optional-dependencies"])
        case _:
            pytest.fail(f"{place}: {line}: this test knows no way to check it")


def expanded(word: str) -> list[str]:
    """What a shell makes of a word with an asterisk."""
    return sorted(glob.glob(word)) or [word]


def parse(arguments: list[str], what: str) -> None:
    """Let the command itself parse its arguments, without running it."""
    context = click.Context(main, info_name="patchlaw")
    command: click.Command = main
    try:
        while isinstance(command, click.Group) and arguments:
            found = command.get_command(context, arguments[0])
            assert found is not None, f"{what}: no command {arguments[0]}"
            command, arguments = found, arguments[1:]
        command.make_context(command.name, arguments, parent=context)
    except click.ClickException as error:
        pytest.fail(f"{what}: {error.format_message()}")
    except click.exceptions.Exit:  # --help and --version
        pass


def make_targets() -> set[str]:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z][\w-]*):", text, re.MULTILINE))


@pytest.mark.parametrize("page", PAGES, ids=PAGE_IDS)
def test_commands_in_the_text_exist(page: Path) -> None:
    """Names and options only: arguments there are placeholders, such as RUN or [NAME]."""
    for line in commands_in_text(page):
        program, *words = re.sub(r"[\[\],]", " ", line).split()
        if program == "make":
            assert words[0] in make_targets(), f"{page.name}: {line}"
        elif program == "python":
            assert importlib.util.find_spec(words[1]), f"{page.name}: {line}"
        else:
            check_options(words, f"{page.name}: {line}")


def check_options(words: list[str], what: str) -> None:
    context = click.Context(main, info_name="patchlaw")
    command: click.Command = main
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        found = command.get_command(context, words[0])
        assert found is not None, f"{what}: no command {words[0]}"
        command, words = found, words[1:]
    known = {name for p in command.get_params(context) for name in (*p.opts, *p.secondary_opts)}
    unknown = [w for w in words if w.startswith("--") and w.split("=")[0] not in known]
    assert unknown == [], f"{what}: no option {', '.join(unknown)}"


def test_the_list_of_what_is_not_executed_is_in_use() -> None:
    lines = [
        " ".join(words)
        for page in PAGES
        for block in blocks(page)
        if block.language == "sh"
        for words in command_lines(block)
    ]
    idle = [start for start in NOT_EXECUTED if not any(line.startswith(start) for line in lines)]
    assert idle == []
    assert set(EXECUTED) <= set(lines)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("patchlaw verify --quickly", "No such option"),
        ("patchlaw train --patches 9 --depth 50 --epoch_s 3", "No such option"),
        ("patchlaw sweep paper_figures/plans/paper.toml --out", "requires an argument"),
        ("patchlaw claims", "No such command 'claims'"),
        ("torchrun --nproc-per-node 2 -m patchlaw trains", "No such command 'trains'"),
        ("make coffee", "no such target"),
        ("python -m patchlaw.paper_figures.nothing", "no such module"),
        ("rm -rf everything", "knows no way"),
    ],
)
def test_a_wrong_command_is_noticed(line: str, message: str, tree: Path) -> None:
    """The checks themselves: a documented option that does not exist must fail."""
    with pytest.raises((pytest.fail.Exception, AssertionError), match=message):
        carry_out(line.split(), "page:1")


def test_a_wrong_option_in_the_text_is_noticed() -> None:
    check_options(["derive", "NAME", "--latex"], "page")
    with pytest.raises(AssertionError, match="page: no option --tex"):
        check_options(["derive", "NAME", "--tex"], "page")
