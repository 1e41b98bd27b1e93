"""The scripts of docs/clusters.md: their syntax, and that they call what there is."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest
import torch.distributed.run
from click.testing import CliRunner

from patchlaw.cli import main
from tests.docs.pages import ROOT, Block, blocks
from tests.docs.test_commands import parse

PAGE = ROOT / "docs" / "clusters.md"
# https://apptainer.org/docs/user/main/definition_files.html
SECTIONS = {
    *("arguments", "setup", "files", "environment", "post"),
    *("runscript", "startscript", "test", "labels", "help"),
}
SHELL_SECTIONS = {"setup", "environment", "post", "runscript", "startscript", "test"}


def scripts(language: str) -> list[Block]:
    return [block for block in blocks(PAGE) if block.language == language]


def check_syntax(script: str, place: str) -> None:
    done = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True)
    assert (done.returncode, done.stderr) == (0, ""), f"{place}: {done.stderr}"


def calls(script: str) -> list[list[str]]:
    """What a script has patchlaw do: the words before its name, and its arguments."""
    lines = script.replace("\\\n", " ").splitlines()
    return [words for line in lines if "patchlaw" in (words := shlex.split(line, comments=True))]


@pytest.mark.parametrize("block", scripts("bash"), ids=lambda block: block.place)
def test_a_scheduler_s_script_is_bash_and_its_commands_exist(
    block: Block, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An option that was renamed, also one of torchrun's, would fail on the cluster only."""
    check_syntax(block.code, block.place)
    assert re.search(r"^#(SBATCH|PBS) -", block.code, re.MULTILINE), block.place
    monkeypatch.chdir(ROOT)
    found = calls(block.code)
    assert found, block.place
    for words in found:
        at = words.index("patchlaw")
        arguments = ["8" if word.startswith("$") else word for word in words[at + 1 :]]
        parse(arguments, f"{block.place}: {shlex.join(words)}")
        if words[0] == "torchrun":
            launch = torch.distributed.run.get_args_parser().parse_args(words[1:])
            assert launch.module
            assert launch.training_script == "patchlaw"
            assert int(launch.nproc_per_node) == 8


def test_there_is_a_script_for_each_way() -> None:
    heads = [block.code for block in scripts("bash")]
    for word in ("#SBATCH --array", "#PBS -J", "torchrun", "mpirun"):
        assert any(word in code for code in heads), word
    assert (len(scripts("singularity")), len(scripts("py"))) == (1, 1)


def test_the_container_has_the_sections_that_apptainer_knows() -> None:
    """And the shell in them parses: a section's name mistyped is a section left out."""
    (block,) = scripts("singularity")
    header, *parts = re.split(r"^%", block.code, flags=re.MULTILINE)
    keys = dict(line.split(": ") for line in header.split("\n") if line)
    assert set(keys) == {"Bootstrap", "From"}
    bodies = {part.split("\n", 1)[0]: part.split("\n", 1)[1] for part in parts}
    assert set(bodies) <= SECTIONS
    assert {"files", "post", "runscript"} <= set(bodies)
    declared = set(re.findall(r"^\s*(\w+)=", bodies["arguments"], re.MULTILINE))
    assert set(re.findall(r"\{\{ (\w+) \}\}", block.code)) == declared
    for name in SHELL_SECTIONS & set(bodies):
        check_syntax(re.sub(r"\{\{ \w+ \}\}", "x", bodies[name]), f"{block.place}: %{name}")
    _, copied = bodies["files"].split()
    assert copied in bodies["post"].split()


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # parsl's, asking for its address
def test_the_parsl_configuration_is_one(tmp_path: Path) -> None:
    """Read as the command reads it, where parsl is installed; elsewhere it is compiled only."""
    (block,) = scripts("py")
    compile(block.code, block.place, "exec")
    pytest.importorskip("parsl")
    from patchlaw.commands.parsl_tasks import read_config

    path = tmp_path / "cluster.py"
    path.write_text(block.code)
    assert read_config(path).retries == 3


def test_the_hours_of_the_page_are_the_command_s() -> None:
    """Rounded, so within a tenth; the records may move them, and then the page is to be changed."""
    rows = re.findall(r"^\| ([^|]+) \(on record\) \|(.+)\|$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert len(rows) == 2
    for name, cells in rows:
        rate, training, analysis = (float(cell.replace(",", "")) for cell in cells.split("|"))
        device = ["--device", name] if "cores" not in name else ["--gflops", str(rate)]
        plan = str(ROOT / "paper_figures" / "plans" / "thousand.toml")
        output = CliRunner().invoke(main, ["plan", plan, *device]).output
        found = re.search(r"train in (\S+) h, 1,000 to analyse in (\S+) h", output)
        assert found, output
        hours = [float(text.replace(",", "")) for text in found.groups()]
        assert hours == pytest.approx([training, analysis], rel=0.1)
        assert f"{rate:,.0f} at n = 10" in output
