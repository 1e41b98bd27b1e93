"""Parts 4g to 4i and 4m to 4o: the tangent kernel's laws against measured spectra."""

import json
import math
import shutil
from dataclasses import replace
from itertools import cycle
from pathlib import Path

import pytest
from click.testing import CliRunner

from patchlaw.commands.claim import claim
from patchlaw.paper_figures.records import ANALYSES, kernels_beside
from patchlaw.verification.claims import Findings, Grade, Outcome, Verdict, find
from patchlaw.verification.kernels.criterion import CRITERIA, ON_AXES, findings
from patchlaw.verification.kernels.record import KERNEL, KernelRecord, read_kernels
from patchlaw.verification.records import TrainedModel, author_results
from patchlaw.verification.store.errors import RecordError
from tests.verification.claim_worlds import AUTHOR

PAPER = [(result.n_patches, result.depth) for result in author_results()]
KERNELS = kernels_beside(ANALYSES)
PARTS = dict(zip(CRITERIA, ("4g", "4h", "4i", "4o"), strict=True))


def judged(part: str, kernels: tuple[KernelRecord, ...]):
    entry = find("4")[0].entry(Findings(kernels=kernels))
    return next(found for found in entry.parts if found.part.id == part)


def like(
    record: KernelRecord, factors: tuple[float, ...], n_patches: int, depth: int, **facts
) -> KernelRecord:
    """The record with predictions that are so many times what was measured, in turn."""
    moments = {}
    for name, moment in record.moments.items():
        pairs = zip(cycle(factors), moment.measured, strict=False)
        law = tuple(factor * found.value for factor, found in pairs)
        moments[name] = replace(moment, predicted=law, commutator=law)
    name = f"P{n_patches}_d{depth}_s1001"
    run = replace(record.run, n_patches=n_patches, depth=depth, id=name, **facts)
    return replace(record, run=run, moments=moments)


def world(*factors: float, **facts) -> tuple[KernelRecord, ...]:
    """Records of the paper's twelve configurations."""
    deep = next(record for record in KERNELS if record.run.id == "P4_d50_s1001")
    between = replace(deep.moments["start"], epoch=3)
    deep = replace(deep, moments={**deep.moments, "epoch 3": between})
    return tuple(like(deep, factors, *place, **facts) for place in PAPER)


@pytest.mark.parametrize("criterion", CRITERIA, ids=PARTS.get)
def test_both_limits_decide(criterion) -> None:
    """Catches a criterion of which one half is not looked at, and a limit typed anew and wrong."""
    part = PARTS[criterion]
    small, large = 1 + 0.9 * criterion.median, 1 + 1.1 * criterion.median
    assert judged(part, world(small)).judgement.verdict is Verdict.CONFIRMED
    assert judged(part, world(large)).judgement.verdict is Verdict.REFUTED  # by the median
    rare = (1.0,) * 11 + (1 + 1.01 * criterion.worst,)
    assert judged(part, world(*rare)).judgement.verdict is Verdict.REFUTED  # by the worst
    assert judged(part, world(1.0)[:3]).judgement.verdict is Verdict.QUALIFIED
    one_small = like(world(1.0)[0], rare, 4, 20, images=2000)
    assert judged(part, (*world(1.0), one_small)).judgement.verdict is Verdict.REFUTED
    assert judged(part, world(small, images=2000)).judgement.verdict is Verdict.QUALIFIED
    assert judged(part, ()).judgement.verdict is Verdict.NOT_MEASURED


def test_shallow_circuits_and_loose_eigenvalues_do_not_count() -> None:
    """Catches d = 10 judged by a criterion of d >= 20, and numbers no solver vouches for."""
    deep = world(1.0)
    shallow = like(deep[0], (3.0,), 4, 10)
    assert len(judged("4g", (*deep, shallow)).evidence) == len(deep) + 2
    start = deep[0].moments["start"]
    measured = (replace(start.measured[0], converged=False), *start.measured[1:])
    loose = replace(deep[0], moments={"start": replace(start, measured=measured)})
    pieces = judged("4g", (loose,)).evidence
    assert {piece.outcome for piece in pieces} == {Outcome.OPEN}
    assert judged("4g", (loose,)).judgement.verdict is Verdict.UNDECIDED


@pytest.mark.parametrize("radius", [1.0, 2.0])
def test_an_eigenvalue_that_may_be_zero_decides_nothing(radius: float) -> None:
    """Only this catches a division by zero, and an error bounded where the interval holds 0."""
    (record, *_) = world(1.0)
    start = record.moments["start"]
    first = start.measured[0]
    wide = (replace(first, residual_norm=radius * first.value, rounding=0.0), *start.measured[1:])
    loose = replace(record, moments={"start": replace(start, measured=wide)})
    worst = next(p for p in judged("4g", (loose,)).evidence if p.label.startswith("worst error of"))
    assert worst.outcome is Outcome.OPEN
    assert worst.interval == (0.0, math.inf)


def test_errors_are_those_of_the_criterion_on_record() -> None:
    """Two ways to the same numbers: the ledger's pieces, and ``criterion.findings``."""
    for found in findings(KERNELS, CRITERIA):
        pieces = judged(PARTS[found.criterion], KERNELS).evidence
        *own, middle, worst = pieces
        assert len(own) == found.n_models
        assert max(piece.value for piece in own) == worst.value == pytest.approx(found.worst)
        assert middle.value == pytest.approx(found.median)
        assert all(low <= piece.value <= high for piece in pieces for low, high in [piece.interval])
        deep = sum(" d 20," not in piece.label for piece in own)
        assert [piece.grade for piece in own].count(Grade.SCALE) == deep


def test_the_run_that_a_law_was_found_on_does_not_count() -> None:
    """Catches a law confirmed by what it was made from, and one law's numbers for another's."""
    found_on, *others = world(1.0)
    assert found_on.run.id in CRITERIA[2].made_on
    wrong = world(3.0)[0]
    assert judged("4i", (wrong, *others)).judgement == judged("4i", (*others,)).judgement
    assert judged("4i", (found_on,)).judgement.verdict is Verdict.NOT_MEASURED
    minimum = others[0].moments["minimum"]
    off = tuple(2 * value for value in minimum.commutator)
    only_one = replace(others[0], moments={"minimum": replace(minimum, commutator=off)})
    kernels = (found_on, only_one, *others[1:])
    assert judged("4h", kernels).judgement.verdict is Verdict.CONFIRMED
    assert judged("4i", kernels).judgement.verdict is Verdict.REFUTED


def test_an_altered_record_is_refused_or_changes_the_verdict(tmp_path: Path) -> None:
    """The attack: one eigenvalue raised by a half, with the old checksum and with a new one."""
    folder = tmp_path / "kernels"
    folder.mkdir()
    path = folder / "P4_d50_s1001.json"
    shutil.copy(ANALYSES.parent / "kernels" / path.name, path)
    honest = judged("4h", kernels_beside(tmp_path / "analyses"))
    assert honest.judgement.verdict is Verdict.QUALIFIED
    content = json.loads(path.read_text())
    content["moments"]["minimum"]["predicted"][3] *= 1.5
    path.write_text(json.dumps(content))
    with pytest.raises(RecordError, match="sha256"):
        kernels_beside(tmp_path / "analyses")
    content = {k: v for k, v in content.items() if k not in ("format", "version", "sha256")}
    KERNEL.write(path, content)
    altered = judged("4h", kernels_beside(tmp_path / "analyses"))
    assert altered.judgement.verdict is Verdict.REFUTED


def test_the_aside_leaves_the_paper_s_claim_alone() -> None:
    """Catches a law of ours that changes what is said of the paper's."""
    models: tuple[TrainedModel, ...] = ()
    paper_s = find("4")[0]
    for factor in (1.0, 2.0):
        found = Findings(models=models, kernels=world(factor))
        assert paper_s.entry(found).judgement == paper_s.entry(Findings(models=models)).judgement


def test_the_command_takes_kernels_beside_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches records that the command does not hand to the ledger; nothing is proved here."""

    def unproved(_claims, models, _seed, _progress, kernels) -> Findings:
        return Findings(models=models, kernels=kernels)

    monkeypatch.setattr("patchlaw.verification.claims.proofs.prove_and_check", unproved)
    (tmp_path / "analyses").mkdir()
    shutil.copytree(ANALYSES.parent / "kernels", tmp_path / "kernels")
    result = CliRunner().invoke(claim, ["4g", "--records", str(tmp_path / "analyses"), "--json"])
    assert result.exit_code == 0, result.output
    (part,) = json.loads(result.stdout)["parts"]
    assert len(part["evidence"]) == len(judged("4g", KERNELS).evidence) > 2


@pytest.mark.parametrize(("part", "criterion"), [*zip(("4m", "4n"), ON_AXES, strict=True)])
def test_other_models_are_judged_axis_by_axis(part, criterion) -> None:
    """Catches an axis that is off hidden behind others, and other models that reach 4g to 4i."""
    one, other = 1 + 0.9 * criterion.median, 1 + 1.1 * criterion.median
    deep = world(1.0, images=2000)[0]
    bare = like(deep, (one,), 4, 50, pixel_bias=False)
    alpha = [like(deep, (one,), p, 5, aggregation_exponent=0.5) for p in (4, 9)]
    found = judged(part, (*world(3.0), bare, *alpha))
    assert found.judgement.verdict is Verdict.QUALIFIED
    assert len(found.evidence) == 3 + 4
    off = like(deep, (other,), 9, 5, shared_angles=True, pixel_bias=False)
    assert judged(part, (bare, *alpha, off)).judgement.verdict is Verdict.REFUTED
    labels = " ".join(piece.label for piece in judged(part, (off, bare)).evidence)
    assert "shared angles" in labels
    assert "pixel bias" in labels
    assert judged(part, world(1.0)).judgement.verdict is Verdict.NOT_MEASURED
    for plain in ("4g", "4h", "4i"):
        assert judged(plain, (*world(1.0), off)) == judged(plain, world(1.0))


@pytest.mark.parametrize(("author", "epochs"), [(True, 50), (True, 5), (False, 50)])
def test_a_variant_s_kernel_counts_at_scale_where_its_analysis_does(
    author: bool, epochs: int
) -> None:
    """Only this catches 60,000 images at another rate, or few epochs, that decide 4m at scale."""
    record = like(world(1.0)[0], (1.0,), 4, 50, pixel_bias=False)
    record = replace(record, run=replace(record.run, id="P4_d50_s1001_0123abcd"))
    known = replace(AUTHOR, author_protocol=author)
    models = (TrainedModel(record.run, "", settings=known),)
    record = replace(record, run=replace(record.run, epochs=epochs))
    entry = find("4")[0].entry(Findings(models=models, kernels=(record,)))
    (evidence,) = (part.evidence for part in entry.parts if part.part.id == "4m")
    assert {e.grade for e in evidence} == {Grade.SCALE if author and epochs == 50 else Grade.SMALL}


def test_two_records_of_one_kernel_are_refused(tmp_path: Path) -> None:
    """Only this catches a copy that counts as a model of its own in 4g to 4i."""
    source = ANALYSES.parent / "kernels" / "P4_d100_s1001.json"
    for name in ("one", "two"):
        shutil.copy(source, tmp_path / f"{name}.json")
        if name == "one":
            assert len(read_kernels(tmp_path)) == 1
    with pytest.raises(RecordError, match="expected one record of run P4_d100_s1001, got another"):
        read_kernels(tmp_path)
