"""Findings from the sources there are: a verification report, experiment records, the author."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from patchlaw.simulators import PatchGrid
from patchlaw.verification.claims.evidence import Grade
from patchlaw.verification.claims.findings import (
    CheckFinding,
    Eigenvalue,
    Findings,
    ModelFindings,
    TheoremFinding,
    TrainingPoint,
)
from patchlaw.verification.claims.records import parse_eigenvalue, protocol_text
from patchlaw.verification.json_files import JsonFileError, read_json
from patchlaw.verification.records import author_results

_REPORT_FORMATS = (1, 2)


def default_records_folder() -> Path:
    """Where this source tree keeps the records of analysed runs."""
    return Path(__file__).resolve().parents[2] / "paper_figures" / "results" / "analyses"


def author_models() -> tuple[ModelFindings, ...]:
    """The author's Tables 1, 3 and 6 (seed 1001): not ours, and without error bounds."""
    return tuple(
        ModelFindings(
            label=f"author's P {r.n_patches}, d {r.depth}",
            grade=Grade.AUTHOR,
            reproduce="recorded: verification.records.author_results()",
            n_patches=r.n_patches,
            depth=r.depth,
            seed=1001,
            protocol=protocol_text(60_000, 50),
            n_train=60_000,
            n_test=10_000,
            train_loss=r.train_loss,
            test_loss=r.test_loss,
            test_accuracy=r.test_accuracy,
            eigenvalues={"H": (Eigenvalue(r.top_hessian_eigenvalue, None, True, 60_000),)},
            pc_ratios=(r.pca_ratio_1, r.pca_ratio_2),
            n_points=51,
        )
        for r in author_results()
    )


def load_report(path: Path) -> dict[str, Any]:
    """A report.json of ``patchlaw verify``.

    Raises:
        ValueError: not such a report, or of a version this release cannot read.
    """
    fix = "give the report.json that `patchlaw verify` wrote"
    try:
        content = read_json(path)
    except JsonFileError as error:
        raise ValueError(f"{path}: {error}; {fix}") from error
    needed = {"format", "config", "theorems", "checks", "models"}
    if not isinstance(content, dict) or not needed <= content.keys():
        raise ValueError(f"{path}: expected the keys {', '.join(sorted(needed))}; {fix}")
    if content["format"] not in _REPORT_FORMATS:
        raise ValueError(
            f"{path}: expected format 1 or 2, got {content['format']!r}; run verify again"
        )
    return content


def findings_from_report(
    report: Mapping[str, Any], others: tuple[ModelFindings, ...] = ()
) -> Findings:
    """Findings of a report, as ``dataclasses.asdict`` gives it or as read from report.json.

    Verdicts in the file are not read: the ledger computes them again.

    Args:
        report: the report.
        others: further models (the author's, experiment records).

    Raises:
        ValueError: a section has not the form that ``patchlaw verify`` writes.
    """
    try:
        config = report["config"]
        return Findings(
            theorems={
                t["name"]: TheoremFinding(
                    str(t["status"]), int(t["steps"]), str(t.get("numerical_test", ""))
                )
                for t in report["theorems"]
            },
            checks={
                c["name"]: CheckFinding(
                    bool(c["passed"]),
                    float(c["measured"]),
                    float(c["tolerance"]),
                    int(c["instances"]),
                )
                for c in report["checks"]
            },
            models=(
                *(_verified(m, config, report.get("supporting", ())) for m in report["models"]),
                *others,
            ),
            check_command=str(report.get("reproduce") or verify_command(config)),
        )
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
        raise ValueError(
            f"report: expected the form that `patchlaw verify` writes, got {error!r}; "
            "run verify again"
        ) from error


def verify_command(config: Mapping[str, Any]) -> str:
    """The command that gives a report's numbers again."""
    quick = " --quick" if config["quick"] else ""
    return (
        f"patchlaw verify{quick} --seed {config['seed']} --depth {config['depth']} "
        f"--images {config['images']} --epochs {config['epochs']}"
    )


def _verified(
    model: Mapping[str, Any], config: Mapping[str, Any], supporting: Any
) -> ModelFindings:
    """A model trained by ``patchlaw verify``: small, whatever its options."""
    eigenvalues = {name: (parse_eigenvalue(top),) for name, top in model["top"].items()}
    eigenvalues |= {b["matrix"]: (parse_eigenvalue(b),) for b in model["blocks"]}
    moments: dict[str, dict[str, Eigenvalue]] = {"start": {}, "minimum": {}}
    for extra in supporting:
        if extra["n_patches"] == model["n_patches"]:
            top = extra["top"]
            moments[extra["moment"]][top["matrix"]] = parse_eigenvalue(top)
            # on fewer images than the others, so it must not stand in for one of them
            eigenvalues.setdefault(top["matrix"], (parse_eigenvalue(top),))
    train, test = model["train"], model["test"]
    points = (
        TrainingPoint(0, float(model["start_loss"]), moments["start"]),
        TrainingPoint(int(model["epoch"]) + 1, float(train["loss"]), moments["minimum"]),
    )
    PatchGrid(n_patches=int(model["n_patches"]))  # refuses what no run can have
    return ModelFindings(
        label=f"verify's P {model['n_patches']}, d {model['depth']}",
        grade=Grade.SMALL,
        reproduce=verify_command(config),
        n_patches=int(model["n_patches"]),
        depth=int(model["depth"]),
        seed=int(config["seed"]),
        # the command that made them: nothing else is trained just so
        protocol=verify_command(config),
        n_train=int(train["n_samples"]),
        n_test=int(test["n_samples"]),
        train_loss=float(train["loss"]),
        test_loss=float(test["loss"]),
        test_accuracy=float(test["accuracy"]),
        trace_s=float(train["trace_s"]),
        gradient_norm=float(train["gradient_norm"]),
        eigenvalues=eigenvalues,
        bias_share=float(model["bias_share"]),
        training=points if moments["start"] else (),
    )
