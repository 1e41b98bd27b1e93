"""One answer first: which law gives it, how wide its interval is, what it says when unsure."""

import json
import math
from fractions import Fraction

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

import patchlaw
from patchlaw.commands.predict import predict as command
from patchlaw.hessian_theory.predictions import RatioInputs, find_law
from patchlaw.hessian_theory.predictions.calibration import (
    calibrations,
    log_error_quantile,
    regime_of,
)
from patchlaw.hessian_theory.predictions.laws import ratio_inputs
from patchlaw.paper_figures.records import RESULTS, Records
from patchlaw.paper_figures.tables.calibration_file import calibration_data
from patchlaw.verification.comparison import LawComparison, calibrate, choice_coverage
from tests.strategies import examples

LOSSES = {"loss": (0.0229, 0.0126)}


def run(*arguments: str, columns: int = 80) -> str:
    done = CliRunner().invoke(command, list(arguments), env={"COLUMNS": str(columns)})
    assert done.exit_code == 0, done.output
    return done.output


def test_the_answer_is_the_law_of_least_error_that_the_inputs_allow() -> None:
    """By hand from the file: catches a law chosen by its place, or from another regime."""
    known = calibrations()
    for depth, regime in ((50, "deep"), (200, "deep"), (49, "shallow"), (2, "shallow")):
        found = patchlaw.predict(4, 9, depth=depth, **LOSSES)
        errors = {
            law: known[law, "H", regime].log_error
            for law in ("elementwise", "aligned", "aligned_loss")
        }
        assert found.law == min(errors, key=lambda law: errors[law])
        factor = math.exp(errors[found.law])
        value = float(patchlaw.predict_eigenvalue_ratio(4, 9, found.law, **LOSSES))
        assert float(found.value) == pytest.approx(value)
        assert found.interval.low == pytest.approx(value / factor)
        assert found.interval.high == pytest.approx(value * factor)
        assert found.paper.ratio == Fraction(16, 81)
    assert patchlaw.predict(4, 9).answer.calibration.regime == "any"


MADE_UP = {
    "angle_part": (12, None),
    "bias_part": (3, None),
    "blocks": ([5.0] * 4, [1.0] * 9),
    "alignment": (0.9, 0.9),
    "curvature": (0.02, 0.015),
    "kernel_eigenvalue": (20.0, 5.0),
}


def test_more_inputs_bring_the_narrower_law_that_was_promised() -> None:
    """What each hint names, given, answers with the factor that it named, and narrower."""
    first = patchlaw.predict(4, 9, depth=50, **LOSSES).answer
    assert 1 <= len(first.improvements) <= 2
    assert first.improvements[-1].factor <= first.improvements[0].factor
    for hint in first.improvements:
        # of loss1, without the model's number; angle_part is the first one's alone
        names = {name if name in MADE_UP else name[:-1] for name in hint.inputs}
        assert names
        assert hint.each == ("blocks" in names)
        more = {name: MADE_UP[name] for name in names}
        then = patchlaw.predict(4, 9, depth=50, **LOSSES, **more).answer
        assert then.calibration.factor <= hint.factor
        assert find_law(hint.law).predict(then_inputs(**LOSSES, **more)).ratio is not None
        assert then.calibration.factor < first.calibration.factor
        assert then.candidates > first.candidates
    found = patchlaw.predict(4, 9, depth=50, **LOSSES, blocks=MADE_UP["blocks"])
    assert found.law == "blocks"  # nothing but the measured blocks comes near them


def test_what_laws_take_of_the_first_model_may_be_one_number() -> None:
    """Only this catches a number that is taken for the second model's, or asked for as a pair."""
    pair = patchlaw.predict(4, 9, depth=50, angle_part=(12, None), bias_part=(3, None), **LOSSES)
    alone = patchlaw.predict(4, 9, depth=50, angle_part=12, bias_part=3, **LOSSES)
    assert alone.answer == pair.answer
    assert alone.law == "level_off_loss"


def then_inputs(**known: tuple) -> RatioInputs:
    return ratio_inputs(4, 9, known)


@given(st.lists(st.floats(0, 10), min_size=1, max_size=40), st.sampled_from([0.5, 0.8, 0.9]))
@examples(50)
def test_quantile_is_split_conformal(scores: list[float], coverage: float) -> None:
    """A share c of m + 1 exchangeable scores, the new one the largest, is at most q."""
    q = log_error_quantile(scores, coverage)
    below = sum(score <= q for score in scores)
    assert q in scores
    assert below >= min(math.ceil(coverage * (len(scores) + 1)), len(scores))
    assert sum(score < q for score in scores) < coverage * (len(scores) + 1)


def row(depth: int, error: float, law: str = "aligned") -> LawComparison:
    return LawComparison(
        "H", depth, (4, 9), 0.5, None, law, "", "assumed", 0.5 * math.exp(error), 0.0, None
    )


def test_held_out_depths_do_not_make_their_own_interval() -> None:
    """Depth 50 is off by 1, the others by 0.1: catches a depth that calibrates itself."""
    rows = [row(50, 1.0), row(50, -1.0), row(100, 0.1), row(150, -0.1), row(200, 0.1)]
    far = {"ours": rows, "author": [row(50, 0.05)]}
    deep = next(each for each in calibrate(far) if each.regime == "deep")
    assert deep.held_out == {"ours": (3, 5), "author": (1, 1)}
    assert deep.n_pairs == 6
    assert deep.log_error == pytest.approx(1.0)
    assert deep.coverage == pytest.approx(4 / 6)
    assert (deep.depths, deep.patches) == ((50, 100, 150, 200), (4, 9))
    assert calibrate({"ours": rows[:2]}) == []  # one depth, none to leave out


def test_the_choice_of_the_law_is_left_out_as_well() -> None:
    """A law that is best at one depth alone: catches a choice that has seen its pair.

    "aligned" is off by 0.1 everywhere, "elementwise" by 0.01, but by 1 at d = 50. Left out, depth
    50 is answered by elementwise, and missed; the others by aligned, and met.
    """
    depths = (50, 100, 150, 200)
    both = [row(d, 0.1) for d in depths]
    both += [row(d, 1.0 if d == 50 else 0.01, "elementwise") for d in depths]
    found = choice_coverage({"ours": both})["H"]
    assert found["deep"] == found["any"] == (3, 4)
    assert found["shallow"] == (0, 0)
    own = {each.law: each for each in calibrate({"ours": both}) if each.regime == "deep"}
    assert own["aligned"].coverage == 1


def test_the_file_is_what_the_records_give() -> None:
    """Catches a record, a law or a rule changed without `make docs`."""
    made = json.loads(json.dumps(calibration_data(Records.read(RESULTS))))
    path = patchlaw.hessian_theory.predictions.calibration.CALIBRATION_FILE
    stored = json.loads(path.read_text())
    assert stored["sources"] == made["sources"]
    for each in (*stored["calibrations"], *made["calibrations"]):
        each["log_error"] = pytest.approx(each["log_error"], abs=2e-4)
    assert stored == made


def test_coverage_on_record_is_near_what_it_is_made_for() -> None:
    """Of all laws, matrices and regimes together; some alone have but eleven pairs."""
    known = calibrations().values()
    inside = sum(each.inside for each in known)
    pairs = sum(n for each in known for _, n in each.held_out.values())
    assert 0.78 < inside / pairs < 0.9
    assert {each.law for each in known} >= {"elementwise", "aligned_loss", "level_off_loss"}
    assert all(find_law(each.law).matrix.startswith("G") for each in known)


def test_first_line_is_the_answer_and_tables_wait_for_all() -> None:
    """Catches tables before the answer, lines beyond 80 columns, a missing law of the paper."""
    arguments = ("--from", "4", "--to", "9", "--depth", "50")
    losses = ("--loss1", "0.0229", "--loss2", "0.0126")
    shown = run(*arguments, *losses)
    lines = shown.splitlines()
    found = patchlaw.predict(4, 9, depth=50, **LOSSES)
    value, low, high = (float(x) for x in (found.value, found.interval.low, found.interval.high))
    answer = f"{value:.3g} (80 %: {low:.3g} to {high:.3g}); paper's law: 0.198"
    assert lines[0] == f"lambda_max(H), P 4 -> 9: {answer}"
    assert str(found).splitlines()[0] == lines[0]
    assert value == pytest.approx(4 / 9 * 0.0126 / 0.0229)
    assert len(lines) <= 9
    record = found.answer.calibration
    pairs = sum(n for _, n in record.held_out.values())
    assert f"{record.inside} of {pairs} measured ratios" in " ".join(shown.split())
    assert max(map(len, lines)) <= 80
    assert "upper bounds" not in shown
    assert "contradicted" not in shown
    assert "--depth takes those alike" not in shown
    assert "--depth takes those alike" in run("--from", "4", "--to", "9")
    whole = run(*arguments, *losses, "--all")
    assert whole.splitlines()[0] == lines[0]
    assert "Rigorous upper bounds" in whole
    report = json.loads(run(*arguments, *losses, "--json"))
    assert next(iter(report)) == "answer"
    assert {"value", "interval", "law", "coverage", "paper", "outside"} <= set(report["answer"])
    assert report["answer"]["law"] == "aligned_loss"


def test_what_the_records_do_not_cover_is_said() -> None:
    """Each of P, alpha, n, classes, image, scale and depth beyond what was measured."""
    found = patchlaw.predict(
        4,
        100,
        depth=300,
        aggregation_exponent=Fraction(1, 2),
        sizes={"n_qubits": 4, "image_side": 28, "n_classes": 4, "scale": 50},
        include_bias=False,
    )
    said = " ".join(found.answer.outside)
    for text in ("alpha = 1/2", "P = 100", "d = 300", "n = 4", "side = 28", "C = 4", "c = 50"):
        assert text in said
    assert patchlaw.predict(4, 16, depth=100).answer.outside == ()
    assert "Outside the records" in run("--from", "4", "--to", "100", "--alpha", "1/2")
    assert found.answer.matrix == "G over the angles"
    assert regime_of(None) == "any"


@pytest.mark.parametrize(
    ("known", "message"),
    [
        ({"loss": 0.1}, "loss: expected a pair, one value for each model"),
        ({"sizes": {"n_qubits": 6}}, "sizes: expected a depth with them, got n_qubits alone"),
        ({"lss": (0.1, 0.2)}, "known: expected inputs of laws, .* got 'lss'; the models' sizes go"),
        ({"loss": (0.1, -1)}, "loss: expected a finite number, >= 0"),
        ({"sizes": {"n_qubits": 0}, "depth": 5}, "n_qubits: expected a positive integer"),
    ],
)
def test_bad_input_is_refused(known: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        patchlaw.predict(4, 9, **known)
