"""The report.json of ``patchlaw verify`` as the ledger reads it: facts, no verdicts."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from patchlaw.verification.checks import CheckResult
from patchlaw.verification.claims.claim import Findings, TheoremResult
from patchlaw.verification.kernels.record import KernelRecord
from patchlaw.verification.records import TrainedModel, read_model
from patchlaw.verification.store.json_files import JsonFileError, read_json, typed

FORMAT_VERSION = 3  # 3: the models are analysis records, in a folder beside the report
RECORDS = "analyses"  # its name
_NEEDED = {"format", "theorems", "checks", "models", "reproduce"}


def read_report(
    path: Path, others: tuple[TrainedModel, ...] = (), kernels: tuple[KernelRecord, ...] = ()
) -> Findings:
    """Findings of a report and of further records; its verdicts are computed again, not read.

    Raises:
        ValueError: not such a report, of a version this release cannot read, or with a section
            that has not the form that ``patchlaw verify`` writes, or a model's record is missing.
    """
    fix = "give the report.json that `patchlaw verify` wrote"
    try:
        content = read_json(path)
    except JsonFileError as error:
        raise ValueError(f"{path}: {error}; {fix}") from error
    if not isinstance(content, dict) or not content.keys() >= _NEEDED:
        raise ValueError(f"{path}: expected the keys {', '.join(sorted(_NEEDED))}; {fix}")
    if content["format"] != FORMAT_VERSION:
        raise ValueError(
            f"{path}: expected format {FORMAT_VERSION}, got {content['format']!r}; run verify again"
        )
    try:
        theorems = typed(content["theorems"], tuple[TheoremResult, ...])
        checks = [_check(entry) for entry in typed(content["checks"], list[dict[str, Any]])]
        models = [path.parent / name for name in typed(content["models"], list[str])]
        for model in models:
            if not model.is_file():
                raise ValueError(f"a model whose record {model} is not there")
        return Findings(
            theorems={theorem.name: theorem for theorem in theorems},
            checks={check.name: check for check in checks},
            models=(*others, *(replace(read_model(model), origin="verify") for model in models)),
            check_command=typed(content["reproduce"], str),
            kernels=kernels,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path}: expected the form that `patchlaw verify` writes, got {error}; run verify "
            "again"
        ) from error


def _check(entry: dict[str, Any]) -> CheckResult:
    """A check; one that failed by an infinity has it as a string, which JSON lacks."""
    return typed({**entry, "measured": float(entry["measured"])}, CheckResult)
