from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from patchlaw.commands.plan import plan
from patchlaw.commands.sweep import sweep
from patchlaw.commands.verify import make_config
from patchlaw.verification.runs import RunRequest
from patchlaw.verification.runs.plan import PlanError, parse_plan, read_plan

PLANS = Path(__file__).parents[2] / "paper_figures" / "plans"


@given(
    st.lists(st.sampled_from([1, 4, 9, 49]), min_size=1, max_size=3, unique=True),
    st.lists(st.integers(1, 200), min_size=1, max_size=3, unique=True),
    st.booleans(),
)
def test_a_table_is_the_product_of_its_lists_in_the_order_written(patches, depths, depth_first):
    lists = {"depth": depths, "patches": patches}
    keys = ["depth", "patches"] if depth_first else ["patches", "depth"]
    found = parse_plan({"runs": [{key: lists[key] for key in keys}]})
    expected = (
        [(p, d) for d in depths for p in patches]
        if depth_first
        else [(p, d) for p in patches for d in depths]
    )
    assert [(request.patches, request.depth) for request in found] == expected


def test_a_table_overrides_the_defaults():
    found = parse_plan(
        {
            "defaults": {"epochs": 3, "depth": 2, "learning_rate": 0.1},
            "runs": [{"patches": 4}, {"patches": 4, "depth": 5, "epochs": 7}],
        }
    )
    assert found == (
        RunRequest(4, 2, epochs=3, learning_rate=0.1),
        RunRequest(4, 5, epochs=7, learning_rate=0.1),
    )


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        ({}, "expected at least one run, got none"),
        ({"runs": [], "run": 1}, r"expected \[defaults\], \[\[runs\]\], .* only, got run"),
        ({"runs": {"patches": 4}}, r"runs: expected tables \[\[runs\]\]"),
        ({"defaults": 3, "runs": []}, "defaults: expected a table, got 3"),
        ({"runs": [{"patches": 4}]}, "table 1: expected patches and depth, got no depth"),
        ({"runs": [{"patches": 4, "depth": 1, "lr": 1}]}, "table 1: expected keys among .*got lr"),
        ({"runs": [{"patches": [4, 5], "depth": 1}]}, "table 1: n_patches: expected a square"),
        ({"runs": [{"patches": 25, "depth": 1}]}, "table 1: n_patches: expected one of"),
        ({"runs": [{"patches": 4, "depth": "deep"}]}, "depth: expected an integer, got 'deep'"),
        ({"runs": [{"patches": 4, "depth": 0}]}, "depth: expected an integer >= 1, got 0"),
        ({"runs": [{"patches": 4, "depth": 1, "seed": 2**32}]}, "seed: expected less than 2"),
        (
            {"runs": [{"patches": 4, "depth": 1, "dtype": "half"}]},
            "dtype: expected one of float32",
        ),
        (
            {"runs": [{"patches": 4, "depth": 1, "learning_rate": "low"}]},
            "learning_rate: expected a number, got 'low'",
        ),
        (  # else the table would stand for no run
            {"runs": [{"patches": 4, "depth": 1}, {"patches": 9, "depth": 1, "seed": []}]},
            r"table 2: seed: expected a value or several, got none",
        ),
        (
            {"runs": [{"patches": 4, "depth": [1, 2]}, {"patches": 4, "depth": 2, "epochs": 9}]},
            "expected every run once, got run 2 again as run 3",
        ),
        (  # the defaults, written out
            {"runs": [{"patches": 4, "depth": 1}, {"patches": 4, "depth": 1, "patch_side": 8}]},
            "expected every run once, got run 1 again as run 2",
        ),
        (
            {"runs": [{"patches": 4, "depth": 1}, {"patches": 4, "depth": 1, "image_side": 14}]},
            "expected every run once, got run 1 again as run 2",
        ),
        (
            {
                "runs": [
                    {"patches": 4, "depth": 50},
                    {"patches": 4, "depth": 50, "learning_rate": 0.01},
                ]
            },
            "expected every run once, got run 1 again as run 2",
        ),
        (  # two batches of each
            {"runs": [{"patches": 4, "depth": 1, "images": 100, "batch_size": [20, 40, 1000]}]},
            "expected every run once, got run 2 again as run 3",
        ),
    ],
)
def test_a_plan_that_cannot_work_is_refused_with_its_table(plan, message):
    with pytest.raises(PlanError, match=message):
        parse_plan(plan)


def test_a_file_that_is_no_toml_is_refused_by_name(tmp_path):
    path = tmp_path / "plan.toml"
    path.write_text("[[runs\n")
    with pytest.raises(PlanError, match=r"plan.toml: expected TOML, got"):
        read_plan(path)


def test_a_plan_that_cannot_work_is_refused_by_its_file_too(tmp_path):
    path = tmp_path / "plan.toml"
    path.write_text("[[runs]]\npatches = 4\n")
    with pytest.raises(
        PlanError, match=r"plan\.toml: \[\[runs\]\] table 1: expected patches and depth"
    ):
        read_plan(path)


def test_the_plan_of_the_paper():
    """By worth: seed 1001 at every depth, then all further seeds of one depth after another."""
    requests = read_plan(PLANS / "paper.toml")
    named = [(r.seed, r.depth, r.patches) for r in requests]
    assert len(set(named)) == len(named) == 5 * 4 * 3
    assert named[:12] == sorted(place for place in named if place[0] == 1001)
    worth = (50, 100, 200, 150)
    assert named[12:] == sorted(named[12:], key=lambda place: (worth.index(place[1]), place[::2]))
    assert {r.epochs for r in requests} == {50}


def test_the_plan_of_the_scaling_study():
    requests = read_plan(PLANS / "scaling.toml")
    assert {(r.patches, r.depth) for r in requests} == {
        (p, d) for p in (4, 9, 16, 49) for d in (2, 5, 10, 20)
    }
    # it trains as `patchlaw verify` does, so that the two can be compared
    config = make_config(False, 0, None, None, None)
    trained = {(r.images, r.batch_size, r.epochs) for r in requests}
    assert trained == {(config.images, config.batch_size, config.epochs)}


def test_a_plan_that_lists_data_is_not_done_twice_on_one_of_them(tmp_path):
    """Only this catches two tasks of an array that train the same run."""
    path = tmp_path / "plan.toml"
    path.write_text('[[runs]]\npatches = 1\ndepth = 1\ndata = ["mnist", "digits"]\n')
    arguments = [str(path), "--list", "--out", str(tmp_path)]
    assert CliRunner().invoke(sweep, arguments).exit_code == 0
    for command in (sweep, plan):
        on_one = [*(arguments if command is sweep else [str(path)]), "--data", "digits"]
        refused = CliRunner().invoke(command, on_one)
        assert (refused.exit_code, "got run 1 again as run 2" in refused.output) == (2, True)
