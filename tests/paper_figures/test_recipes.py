"""The commands that are named are commands: click reads from them what they were made from."""

import shlex
from pathlib import Path

import click
from hypothesis import given
from hypothesis import strategies as st

from patchlaw.commands.analyse import analyse
from patchlaw.commands.landscape import landscape
from patchlaw.commands.train import train
from patchlaw.paper_figures import recipes
from patchlaw.verification.runs import RunRequest

FOLDERS = st.sampled_from(["paper_figures/results", "/tmp/a folder/with spaces", "kept's"])

requests = st.builds(
    RunRequest,
    patches=st.sampled_from([1, 4, 9, 16, 49]),
    depth=st.integers(1, 400),
    seed=st.sampled_from([1001]) | st.integers(0, 2**32 - 1),
    epochs=st.sampled_from([50]) | st.integers(1, 500),
    learning_rate=st.none() | st.floats(1e-6, 1.0),
    dtype=st.sampled_from(["float32", "float64"]),
    batch_size=st.sampled_from([1000]) | st.integers(1, 5000),
    images=st.none() | st.integers(10, 60_000),
    alpha=st.sampled_from([1.0, 0.5, 0.0]),
    scale=st.sampled_from([100.0]) | st.floats(1e-3, 1e3),
    bias=st.booleans(),
    shared_angles=st.booleans(),
    patch_side=st.sampled_from([None, 8]),
    data=st.sampled_from(["mnist", "fashion-mnist"]),
    ansatz=st.sampled_from(["paper", "interleaved"]),
    observables=st.sampled_from(["paper", "zz"]),
    loss=st.sampled_from(["cross_entropy", "squared_error"]),
)


def parsed(command: click.Command, text: str) -> dict:
    """Parameters that click finds in a line, as a shell would split it."""
    program, name, *arguments = shlex.split(text)
    assert (program, name) == ("patchlaw", command.name)
    return command.make_context(name, arguments).params


@given(requests, FOLDERS)
def test_the_training_command_asks_for_the_run_it_is_made_from(request, folder):
    """An option that is forgotten, misspelt or left out at another default shows here only."""
    found = parsed(train, recipes.train(request).text(folder))
    assert found.pop("out") == Path(folder) / "runs"
    found = {k: v for k, v in found.items() if k not in ("threads", "device")}
    (seed,) = found.pop("seeds")
    found["data"] = found["data"] or "mnist"
    assert RunRequest(**found, seed=seed) == request


def test_defaults_are_left_out():
    text = recipes.train(RunRequest(4, 50)).text("r")
    assert text == "patchlaw train --patches 4 --depth 50 --out r/runs"


def test_analyses_and_landscapes_lie_beside_the_runs(tmp_path):
    (tmp_path / "runs" / "P4_d1_s7").mkdir(parents=True)
    for recipe, command, kind in (
        (recipes.analyse("P4_d1_s7"), analyse, "analyses"),
        (recipes.landscape("P4_d1_s7"), landscape, "landscapes"),
    ):
        found = parsed(command, recipe.text(tmp_path))
        runs = next(found[name] for name in ("run", "runs") if name in found)
        assert tmp_path / "runs" / "P4_d1_s7" in (runs if isinstance(runs, tuple) else (runs,))
        assert found["out"] == tmp_path / kind
