"""The calibration of the laws' intervals, written from the records.

``python -m patchlaw.paper_figures.tables.calibration_file``

`patchlaw predict` reads it; a package below this one, so the numbers reach it as a file.
"""

import json
from typing import Any

from patchlaw.hessian_theory.predictions.calibration import CALIBRATION_FILE, COVERAGE
from patchlaw.paper_figures.records import Records, author_source
from patchlaw.verification.comparison import (
    calibrate,
    choice_coverage,
    compare_author,
    compare_models,
)
from patchlaw.verification.store.atomic_write import write_atomically
from patchlaw.verification.store.json_files import plain

_DIGITS = 4  # of the logarithm's error: the third changes with a solver's last bits


def calibration_data(records: Records) -> dict[str, Any]:
    """Calibration of every law on the paper's models, and the files behind it with hashes."""
    records = records.of_the_paper
    models = [records.analyses[name] for name in sorted(records.analyses)]
    kernels = [records.kernels[name] for name in sorted(records.kernels)]
    rows = {
        "ours": compare_models(models, kernels),
        "author": compare_author(kernels, every_pair=True),
    }
    found = calibrate(rows)
    entries = [plain(each) for each in found]
    for entry in entries:
        entry["log_error"] = round(entry["log_error"], _DIGITS)
    ours = [*map(records.source, models), *map(records.source, kernels)]
    sources = [author_source("results"), *ours]
    return {
        "written_by": "python -m patchlaw.paper_figures.tables.calibration_file",
        "coverage": COVERAGE,
        "sources": {source.file: source.sha256 for source in sources},
        "choices": choice_coverage(rows),
        "calibrations": entries,
    }


def _one_a_line(value: Any) -> str:
    """JSON with a line for each entry, so that a diff is short."""
    if not isinstance(value, dict | list):
        return json.dumps(value)
    if isinstance(value, dict):
        inner = ",\n".join(f"{json.dumps(key)}: {json.dumps(each)}" for key, each in value.items())
        return f"{{\n{inner}\n}}"
    return "[\n" + ",\n".join(map(json.dumps, value)) + "\n]"


if __name__ == "__main__":
    parts = calibration_data(Records.read())
    lines = [f"{json.dumps(key)}: {_one_a_line(part)}" for key, part in parts.items()]
    write_atomically(CALIBRATION_FILE, "{\n" + ",\n".join(lines) + "\n}\n")
    print(f"wrote {CALIBRATION_FILE}")
