"""Job arrays: every run is done by one task, or the task is refused; none does all in silence."""

import itertools

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from patchlaw.commands.sweep import sweep
from patchlaw.verification.runs.shard import Shard


def slurm(tasks: list[int]) -> list[dict[str, str]]:
    """What Slurm sets for each task of ``--array=tasks``; the step is that of the first two."""
    step = tasks[1] - tasks[0] if len(tasks) > 1 else 1
    return [
        {
            "SLURM_ARRAY_TASK_ID": str(task),
            "SLURM_ARRAY_TASK_MIN": str(tasks[0]),
            "SLURM_ARRAY_TASK_MAX": str(tasks[-1]),
            "SLURM_ARRAY_TASK_STEP": str(step),
            "SLURM_ARRAY_TASK_COUNT": str(len(tasks)),
        }
        for task in tasks
    ]


def sge(first: int, last: int, step: int) -> list[dict[str, str]]:
    """What SGE sets for each task of ``-t first-last:step``; the last need not be a task."""
    return [
        {
            "SGE_TASK_ID": str(task),
            "SGE_TASK_FIRST": str(first),
            "SGE_TASK_LAST": str(last),
            "SGE_TASK_STEPSIZE": str(step),
        }
        for task in range(first, last + 1, step)
    ]


def lsf(task: int, last: int, step: int = 1) -> dict[str, str]:
    return {
        "LSB_JOBINDEX": str(task),
        "LSB_JOBINDEX_END": str(last),
        "LSB_JOBINDEX_STEP": str(step),
    }


@given(st.integers(0, 40), st.integers(1, 50))
def test_shards_are_disjoint_and_cover_the_plan_evenly(n_items, count):
    items = tuple(range(n_items))
    shards = [Shard(index, count).of(items) for index in range(1, count + 1)]
    assert sorted(item for shard in shards for item in shard) == list(items)
    assert all(list(shard) == sorted(shard) for shard in shards)
    assert max(map(len, shards)) - min(map(len, shards)) <= 1


@given(st.integers(0, 5), st.integers(2, 8), st.integers(1, 3), st.integers(0, 2))
def test_evenly_spaced_tasks_are_all_shards_once(first, count, step, beyond):
    """Arrays may start anywhere and step: only this sees a shard left out or done twice."""
    tasks = list(range(first, first + count * step, step))
    whole = [Shard(index, count) for index in range(1, count + 1)]
    assert [Shard.from_environment(e, n_runs=99) for e in slurm(tasks)] == whole
    last = tasks[-1] + min(beyond, step - 1)
    assert [Shard.from_environment(e, n_runs=99) for e in sge(first, last, step)] == whole


@given(st.lists(st.integers(0, 12), min_size=1, max_size=6, unique=True), st.integers(2, 9))
def test_any_list_of_tasks_covers_the_plan_once_or_is_refused_by_every_task(tasks, n_runs):
    """Before, --array=1,2,5 failed in its last task alone, and 1,3,6 left that task's share out."""
    done, messages = [], []
    for environment in slurm(sorted(tasks)):
        try:
            done += Shard.from_environment(environment, n_runs).of(range(n_runs))
        except ValueError as error:
            messages.append(str(error))
    assert len(messages) in (0, len(tasks))
    assert all(
        m.startswith("job array: ") and "--shard I/N" in " ".join(m.split()) for m in messages
    )
    assert messages or sorted(done) == list(range(n_runs))


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        (slurm([1, 2, 5])[1], "expected evenly spaced tasks, got 3 from 1 to 5 with step 1"),
        (slurm([3])[0], "expected at least two tasks, got task 3 alone, .* do all 7 runs"),
        (slurm([0])[0], "got task 0 alone"),
        ({"SLURM_ARRAY_TASK_ID": "0"}, "SLURM_ARRAY_TASK_MIN: expected an integer, got ''"),
        (slurm([1, 2])[0] | {"SLURM_ARRAY_TASK_STEP": "0"}, "expected evenly spaced tasks"),
        (slurm([1, 3])[0] | {"SLURM_ARRAY_TASK_ID": "2"}, "one of the tasks 1 to 3 in steps of 2"),
        (slurm([1, 2])[0] | {"SLURM_ARRAY_TASK_ID": "-1"}, "expected an integer, got '-1'"),
        (sge(3, 3, 1)[0], "got task 3 alone"),
        (sge(1, 4, 1)[0] | {"SGE_TASK_STEPSIZE": "0"}, "in steps of 0"),
        ({"SGE_TASK_ID": "2"}, "SGE_TASK_FIRST: expected an integer, got ''"),
        ({"PBS_ARRAY_INDEX": "0"}, "expected PBS_ARRAY_INDEX from 1 to 7, one task a run, got 0"),
        ({"PBS_ARRAYID": "8"}, "expected PBS_ARRAYID from 1 to 7"),
        (lsf(2, 4), "ends at 4 with step 1"),
        (lsf(3, 3), "ends at 3 with step 1"),
        (lsf(3, 7, 2), "ends at 7 with step 2"),
        ({"LSB_JOBINDEX": "3"}, "LSB_JOBINDEX_END: expected an integer, got ''"),
        (lsf(3, 7) | {"PBS_ARRAY_INDEX": "2"}, "variables of one scheduler.*2/7 and 3/7"),
        ({"PBS_ARRAY_INDEX": "9" * 5000}, "PBS_ARRAY_INDEX: expected an integer"),
    ],
)
def test_what_leaves_the_share_open_is_refused_with_the_fix(environment, message):
    """A resubmitted single task did the whole plan in silence, and SGE's and LSF's tasks did."""
    with pytest.raises(ValueError, match=f"^job array: .*{message}.*--shard I/N"):
        Shard.from_environment(environment, 7)


@pytest.mark.parametrize(
    ("environment", "shard"),
    [
        ({}, Shard(1, 1)),
        ({"SGE_TASK_ID": "undefined", "SGE_TASK_FIRST": "undefined"}, Shard(1, 1)),
        ({"LSB_JOBINDEX": "0"}, Shard(1, 1)),
        ({"PBS_ARRAY_INDEX": "3"}, Shard(3, 7)),
        ({"PBS_ARRAYID": "3"}, Shard(3, 7)),
        (lsf(3, 7), Shard(3, 7)),
        (lsf(3, 7) | {"PBS_ARRAY_INDEX": "3"}, Shard(3, 7)),
    ],
)
def test_no_array_means_all_and_one_task_a_run_is_that_run(environment, shard):
    assert Shard.from_environment(environment, 7) == shard


def test_a_single_task_may_do_a_plan_of_one_run():
    assert Shard.from_environment(slurm([4])[0], 1) == Shard(1, 1)


@pytest.mark.parametrize("text", ["2", "a/b", "-1/3", "1/2/3", "", "1/" + "9" * 5000])
def test_a_shard_is_two_numbers(text):
    with pytest.raises(ValueError, match="shard: expected i/n, such as 2/4"):
        Shard.parse(text)
    assert Shard.parse("2/4") == Shard(2, 4)


PLAN = "[[runs]]\npatches = 4\ndepth = [1, 2, 3]\n"


def listed(tmp_path, environment, *options):
    path = tmp_path / "plan.toml"
    path.write_text(PLAN)
    return CliRunner(env=environment).invoke(sweep, [str(path), "--list", *options])


def test_the_tasks_of_an_array_list_every_run_once(tmp_path):
    outputs = [listed(tmp_path, environment).output for environment in slurm([0, 1])]
    depths = [line.split("d=")[1] for line in "".join(outputs).splitlines() if "d=" in line]
    assert sorted(depth.split()[0] for depth in depths) == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("environment", "options"),
    list(
        itertools.product(
            [slurm([1, 2, 5])[0], slurm([2])[0], sge(2, 2, 1)[0]], [(), ("--shard", "")]
        )
    ),
)
def test_sweep_refuses_an_array_it_cannot_share(tmp_path, environment, options):
    """An empty --shard, as of a variable that is not set, was taken for none."""
    result = listed(tmp_path, environment, *options)
    assert result.exit_code == 2
    assert ("shard: expected i/n" if options else "job array: expected") in result.output
    assert "d=" not in result.output
    assert listed(tmp_path, environment, "--shard", "2/3").output.endswith("d=2 seed=1001\n")
