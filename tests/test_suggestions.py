"""Wherever a name is refused, the nearest one that exists is offered, by one helper."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from patchlaw.cli import COMMANDS, main
from patchlaw.hessian_theory.input_checks import nearest, one_of
from patchlaw.hessian_theory.predictions.laws import find_law
from patchlaw.verification.analysis.options import STAGES
from patchlaw.verification.runs import Run
from patchlaw.verification.store.errors import near

RUNS = ["P4_d1_s1001", "P4_d1_s1002_ab12cd34", "P16_d1_s1001"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in RUNS:
        (tmp_path / "runs" / name).mkdir(parents=True)
    (tmp_path / "plan.toml").write_text("[[runs]]\npatchs = 4\ndepth = 1\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "offer"),
    [
        ("analize", "'analyse'"),
        ("train --pathces 4", "'--patches'"),
        ("predict --start --data fashion", "'fashion-mnist'"),
        ("claim 4.a", "'4a'"),
        ("derive hessian-eqs6", "'hessian-eq6'"),
        ("figures tabel-3", "'table-3'"),
        ("analyse runs/P16_d1_s1001 --stage gaus-newton", "'gauss-newton'"),
        ("analyse runs/P4_d1_s101", "'P4_d1_s1001'"),
        ("thin runz/P4_d1_s1001 --out x", "'runs'"),
        ("landscape runs/P16_d1_s101", "'P16_d1_s1001'"),
        ("status rnus", "'runs'"),
        ("compare --records rnus", "'runs'"),
        ("sweep plan.tml", "'plan.toml'"),
        ("sweep plan.toml", "'patches'"),
    ],
)
def test_a_command_offers_what_was_meant(folder: Path, arguments: str, offer: str) -> None:
    result = CliRunner().invoke(main, arguments.split())
    assert result.exit_code in (1, 2), result.output
    assert "id you mean" in result.output
    assert offer in result.output


def test_the_library_does_too(folder: Path) -> None:
    with pytest.raises(ValueError, match=r"got 'alined' \(did you mean 'aligned' or"):
        find_law("alined")
    with pytest.raises(ValueError, match=r"got none \(did you mean 'P4_d1_s1001' or"):
        Run.open("runs/P4_d1_s1003")
    assert near(Path("nowhere/at/all")) == ""


def test_stages_are_listed_without_a_run() -> None:
    """Before, `analyse --list` asked for a run that it does not need."""
    result = CliRunner().invoke(main, ["analyse", "--list"])
    assert (result.exit_code, result.output.splitlines()) == (0, list(STAGES))
    result = CliRunner().invoke(main, ["analyse"])
    assert result.exit_code == 2
    assert "Missing argument 'RUN...'" in result.output


@given(st.sampled_from(COMMANDS), st.data())
def test_a_name_with_a_letter_lost_is_found_again(name: str, data: st.DataObject) -> None:
    """Cutoff and case: an edit of one letter in five or more is near, whatever its case."""
    at = data.draw(st.integers(0, len(name) - 1))
    typed = name[:at] + name[at + 1 :]
    if len(name) >= 5 and typed not in COMMANDS:
        assert repr(name) in nearest(typed.upper(), COMMANDS)


@given(st.one_of(st.none(), st.integers(), st.text(max_size=3), st.lists(st.text(), max_size=1)))
def test_whatever_is_given_is_refused_in_words(value: object) -> None:
    """Also what cannot be hashed or is no text; nothing is offered for the empty name."""
    assert nearest("", COMMANDS) == ""
    with pytest.raises(ValueError, match=r"^name: expected one of analyse, "):
        one_of("name", value, COMMANDS)
