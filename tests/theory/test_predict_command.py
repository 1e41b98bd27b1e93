"""``patchlaw predict`` through click."""

import json

import pytest
from click.testing import CliRunner, Result

from patchlaw.cli import main
from patchlaw.commands.predict import predict


def run(*arguments: str) -> Result:
    return CliRunner().invoke(predict, list(arguments), env={"COLUMNS": "160"})


def data(*arguments: str) -> dict:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_table_shows_every_law_and_what_is_missing() -> None:
    result = run("--from", "4", "--to", "9", "--all")
    assert result.exit_code == 0
    for text in ("16/81 = 0.1975", "4/9 = 0.4444", "needs loss1 and loss2", "aligned_curvature"):
        assert text in result.output
    assert "Rigorous upper bounds" not in result.output


def test_registered_as_a_subcommand_and_fits_a_narrow_terminal() -> None:
    result = CliRunner().invoke(
        main, ["predict", "--from", "4", "--to", "9", "--all"], env={"COLUMNS": "80"}
    )
    assert result.exit_code == 0, result.output
    assert "aligned_curvature" in result.output


def test_depth_adds_bounds_and_sizes() -> None:
    arguments = ("--from", "4", "--to", "9", "--depth", "50", "--loss1", "0.0229")
    more = ("--loss2", "0.0126", "--curvature1", "0.03", "--kappa", "1/20", "--all")
    result = run(*arguments, *more)
    assert result.exit_code == 0, result.output
    for text in (
        "angles and bias",
        "s^2 phi (P n_p + sum m^2)",
        "kappa tr G",
        "empirical",
        "proven",
    ):
        assert text in result.output


def test_noise_is_a_smaller_c_of_bounds() -> None:
    """920 gates at depth 10; only this catches noise that bounds do not see, or ratios that do."""
    step = ("--from", "4", "--to", "9", "--depth", "10", "--loss1", "0.2", "--loss2", "0.1")
    noisy, plain = data(*step, "--noise", "0.001"), data(*step)
    assert noisy["ratios"] == plain["ratios"]
    left = 0.999**920
    for model, other in zip(noisy["models"], plain["models"], strict=True):
        assert model["scale"]["value"] == pytest.approx(100 * left)
        pairs = zip(model["bounds"][0]["upper"], other["bounds"][0]["upper"], strict=True)
        of_g, of_r = (one["value"] / two["value"] for one, two in list(pairs)[:2])
        assert (of_g, of_r) == (pytest.approx(left**2), pytest.approx(left))


def test_json_is_all_that_is_printed() -> None:
    report = data("--from", "4", "--to", "9", "--loss1", "0.02", "--loss2", "0.01", "--depth", "50")
    laws = {item["law"]: item for item in report["ratios"]}
    assert laws["elementwise"]["ratio"] == {"value": 16 / 81, "exact": "16/81"}
    assert laws["aligned_loss"]["ratio"]["exact"] == "2/9"
    assert laws["exact"]["ratio"] is None
    assert laws["exact"]["reason"] == "needs blocks1 and blocks2"
    assert [model["n_patches"] for model in report["models"]] == [4, 9]
    assert report["models"][0]["angles_per_patch"] == 48 * 50 + 128
    assert [bounds["includes_bias"] for bounds in report["models"][0]["bounds"]] == [False, True]


def test_alpha_and_blocks_reach_the_laws() -> None:
    report = data(
        *("--from", "2", "--to", "3", "--alpha", "0.5", "--blocks1", "1,1/2", "--blocks2", "2,1,1"),
        *("--alignment1", "1", "--alignment2", "3/4"),
        *("--residual-blocks1", "-1,4", "--residual-blocks2", "1,2,3"),
    )
    laws = {item["law"]: item for item in report["ratios"] + report["residual_ratios"]}
    assert laws["elementwise"]["ratio"]["exact"] == "2/3"
    assert laws["blocks"]["ratio"]["exact"] == "8/3"
    assert laws["exact"]["ratio"]["exact"] == "2"
    assert laws["exact"]["interval"] == {"low": 2.0, "high": 2.0, "premise": None}
    assert laws["residual_blocks"]["ratio"]["exact"] == "3/4"
    assert report["block_bounds"][0] == {"low": 1.5, "high": 1.5, "premise": None}


def test_a_contradicted_law_is_marked() -> None:
    blocks = ("--blocks1", "1,2,3,4", "--alignment1", "9/10", "--blocks2", "1,1,1,1,1,1,1,1,2")
    shown = run("--from", "4", "--to", "9", *blocks, "--all").output
    assert "assumed, contradicted" in shown
    laws = {item["law"]: item for item in data("--from", "4", "--to", "9", *blocks)["ratios"]}
    assert laws["elementwise"]["outside_interval"]
    assert not laws["aligned"]["outside_interval"]


def test_two_term_law_appears_with_its_parts() -> None:
    parts = ("--angle-part", "12", "--bias-part", "3")
    report = data("--from", "4", "--to", "9", *parts)
    laws = {item["law"]: item for item in report["level_off_ratios"]}
    # 12 * 4/9 + 3 over 12 + 3
    assert laws["level_off"]["ratio"]["exact"] == "5/9"
    assert laws["level_off"]["status"] == "assumed"
    assert laws["level_off_loss"]["reason"] == "needs loss1 and loss2"
    assert "level_off" in run("--from", "4", "--to", "9", *parts, "--all").output
    losses = ("--loss1", "1/5", "--loss2", "1/10")
    laws = data("--from", "4", "--to", "9", *parts, *losses)["level_off_ratios"]
    assert laws[1]["ratio"]["exact"] == "5/18"
    assert data("--from", "4", "--to", "9")["level_off_ratios"] == []


def test_bias_can_be_left_out_where_there_is_no_grid() -> None:
    report = data("--from", "5", "--to", "7", "--depth", "3", "--no-bias")
    assert [bounds["includes_bias"] for bounds in report["models"][1]["bounds"]] == [False]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--from", "0", "--to", "9"), "model at --from: n_patches: expected a positive integer"),
        (("--from", "4", "--to", "-9"), "model at --to: n_patches: expected a positive integer"),
        (("--from", "4.5", "--to", "9"), "'4.5' is not a valid integer"),
        (("--from", "4"), "Missing option '--to'"),
        (("--loss2", "-1"), "model at --to: loss: expected a finite number, >= 0, got -1; pass"),
        (("--qubits", "6"), "--qubits: expected --depth with it, got none"),
        (("--scale", "50", "--kappa", "0.1"), "--scale, --kappa: expected --depth with it"),
        (("--loss1", "nan"), "'--loss1': expected a finite number, got 'nan'; write it as 1, 0.5"),
        (("--loss1", "1/0"), "'--loss1': expected a finite number, got '1/0'; write it as"),
        (("--alpha", "nan"), "'--alpha': expected a finite number, got 'nan'; write it as"),
        (("--alpha", "7"), "aggregation_exponent: expected a finite number, >= -2, <= 2, got 7"),
        (("--blocks1", "1,,2"), "'--blocks1': expected a finite number, got ''"),
        (("--blocks1", "1,2"), "model at --from: blocks: expected 4 values, one per patch, got 2"),
        (("--angle-part", "1"), "--angle-part, --bias-part: expected both or neither, got one"),
        (("--depth", "5", "--noise", "1"), "noise: expected p from 0 to below 1 that leaves"),
        (("--depth", "0"), "depth: expected a positive integer, got 0; use 1 or more"),
        (("--to", "10", "--depth", "5"), "expected the square of a whole number, got 10; use 9 or"),
        (("--alignment2", "0.05"), "model at --to: alignment: expected at least 1/P = 0.111111"),
    ],
)
def test_bad_input(arguments: tuple[str, ...], message: str) -> None:
    defaults = () if "--from" in arguments else ("--from", "4", "--to", "9")
    result = run(*defaults, *arguments)
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())
    assert result.stdout == ""
