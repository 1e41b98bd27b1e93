"""What comparison and ledger say of the committed records, against numbers kept since 27 Nov.

``python -m tests.verification.test_numbers_on_record`` writes the numbers anew, for a change that
is meant to change them. Sums stand for their terms, so that the file stays small: the terms of a
sum are numbers of one kind, and one that changes changes it.
"""

import json
import math
import shutil
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from patchlaw.commands.compare import compare
from patchlaw.paper_figures.records import ANALYSES, RESULTS, kernels_beside
from patchlaw.verification.claims import Findings, entry_record, ledger
from patchlaw.verification.records import author_models, read_analyses

GOLDEN = Path(__file__).with_name("numbers_on_record.json")
DIGITS = 1e-12  # relative: an order of summation may change, a number not

OF_A_LAW = ("n_pairs", "n_missing", "n_within", "largest_log_error", "median_log_error")
OF_A_FIT = ("exponent", "interval", "residual_std")


def copied(names: Iterable[str], folder: Path) -> Path:
    """The committed records of these names: later ones must not change what is compared.

    Returns:
        The folder of analyses; kernels lie beside it.
    """
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(RESULTS / name, folder / name)
    return folder / ANALYSES.name


def sums(groups: Mapping[str, list[list[float | None]]]) -> dict[str, Any]:
    """Rows of a group, how many of each column are finite numbers, and the sums of those."""
    found = {}
    for key, rows in groups.items():
        columns = [[x for x in column if isinstance(x, float | int)] for column in zip(*rows)]  # noqa: B905
        columns = [[x for x in column if math.isfinite(x)] for column in columns]
        found[key] = [len(rows), [len(c) for c in columns], [math.fsum(c) for c in columns]]
    return found


def comparison(folder: Path) -> dict[str, Any]:
    """``patchlaw compare --json``: ratios, inputs and predictions by law, summaries, exponents."""
    result = CliRunner().invoke(compare, ["--records", str(folder), "--json"])
    assert result.exit_code == 0, result.output
    content = json.loads(result.stdout)
    found: dict[str, Any] = {"indistinct": content["records"]["indistinct"]}
    for source in ("records", "author"):
        ratios: dict[str, list[list[float | None]]] = defaultdict(list)
        for row in content[source]["comparisons"]:
            ends = row["measured_interval"] or (None, None)
            key = f"{row['protocol']}, {row['matrix']}, {row['law']}"
            numbers = [row["measured"], *ends, row["predicted"], row["relative_error"]]
            ratios[key].append([*numbers, *row["inputs"].values()])
        found[source] = {
            "ratios": sums(ratios),
            "laws": [[s[name] for name in OF_A_LAW] for s in content[source]["laws"]],
            "exponents": [
                [e["quantity"], e["patches"], e["left_out"], *(e["fit"][n] for n in OF_A_FIT)]
                for e in content[source]["exponents"]
            ],
        }
    return found


def verdicts(folder: Path) -> dict[str, Any]:
    """The ledger without proofs: verdict, reason and the evidence's numbers of every part."""
    models = (*author_models(), *read_analyses(folder))
    entries = ledger(Findings(models=models, kernels=kernels_beside(folder)))
    found = {}
    for entry in map(entry_record, entries):
        for part in entry["parts"]:
            pieces: dict[str, list[list[float | None]]] = defaultdict(list)
            for piece in part["evidence"]:
                key = f"{piece['grade']}: {piece['outcome']}, {piece['samples']}"
                ends = piece["interval"] or (None, None)
                pieces[key].append([piece["value"], *ends, len(piece["label"] + piece["note"])])
            found[part["id"]] = [part["verdict"], part["reason"], sums(pieces)]
    return found


def close(value: Any) -> Any:
    """The same with numbers that may differ in the last digits."""
    if isinstance(value, dict):
        return {key: close(item) for key, item in value.items()}
    if isinstance(value, list):
        return [close(item) for item in value]
    return pytest.approx(value, rel=DIGITS, abs=1e-13) if isinstance(value, float) else value


@pytest.fixture(scope="module")
def golden() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(GOLDEN.read_text(encoding="utf-8"))
    return content


def test_the_comparison_says_what_it_said(golden: dict[str, Any], tmp_path: Path) -> None:
    """Only this catches a rewritten comparison that changes a ratio, an input or an interval."""
    found = comparison(copied(golden["records"], tmp_path))
    assert found == close(golden["comparison"])


def test_the_ledger_says_what_it_said(golden: dict[str, Any], tmp_path: Path) -> None:
    """Only this catches a rewritten ledger that changes a verdict or a number behind it."""
    found = verdicts(copied(golden["records"], tmp_path))
    found = {part: found[part] for part in golden["ledger"]}  # later parts are not on record
    assert found == close(golden["ledger"])


def main() -> None:
    folder = ANALYSES
    content = {
        "records": sorted(
            path.relative_to(RESULTS).as_posix()
            for kind in (folder, RESULTS / "kernels")
            for path in kind.glob("*.json")
        ),
        "comparison": comparison(folder),
        "ledger": verdicts(folder),
    }
    GOLDEN.write_text(json.dumps(content, indent=None) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
