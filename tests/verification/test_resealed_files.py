"""Files whose checksum is right and whose content is not: an error of ours, never a traceback.

Every leaf and branch of each JSON document is replaced by values that nobody meant, one at a time,
and sealed again; then whoever reads such files reads it.
"""

import json
import random
import shutil
import time
from collections.abc import Callable, Iterator
from functools import reduce
from operator import getitem
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from patchlaw.cli import main
from patchlaw.verification.claims import read_report
from patchlaw.verification.landscape.record import LandscapeRecord
from patchlaw.verification.records import read_model
from patchlaw.verification.runs import Run, RunError, execute_run
from patchlaw.verification.store.errors import RecordError
from patchlaw.verification.store.json_files import MAX_DEPTH, JsonFileError, read_json
from patchlaw.verification.store.seal import SEAL, digest
from tests.strategies import examples
from tests.verification.run_cases import toy_config, toy_samples

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "paper_figures" / "results"
SAMPLES = toy_samples()
HOSTILE: list[Any] = ["1", None, [], {}, -1, 10**18, 1e300, "10^400", True, [[]], {"a": 1}, 0.5]
PLACES = examples(40).max_examples  # of a document that are tried, drawn with a fixed seed

Place = tuple[Any, ...]


def places(value: Any, at: Place = ()) -> Iterator[Place]:
    """Every key and index of a document, of long lists the first two."""
    if isinstance(value, dict):
        items = list(value.items())
    else:
        items = list(enumerate(value))[:2] if isinstance(value, list) else []
    for key, inner in items:
        yield (*at, key)
        yield from places(inner, (*at, key))


def altered(document: Any, seed: int) -> Iterator[tuple[str, Any]]:
    """The document itself, changed in one place, as long as nobody asks for the next."""
    rng = random.Random(seed)
    found = list(places(document))
    for *way, last in rng.sample(found, min(PLACES, len(found))):
        inner = reduce(getitem, way, document)
        kept = inner[last]
        for value in rng.sample(HOSTILE, 2):
            inner[last] = value
            yield f"{way}, {last!r} = {value!r}", document
        del inner[last]
        yield f"{way}, {last!r} left out", document
        if isinstance(inner, list):
            inner.insert(last, kept)
        else:
            inner[last] = kept


def try_all(
    path: Path, seal: Callable[[Any], Any], document: Any, read: Callable[[], object]
) -> None:
    """Read every altered document; only ValueErrors of ours, each within a second."""
    original = path.read_bytes()
    for text, changed in altered(document, seed=len(original)):
        path.write_text(json.dumps(seal(changed)))
        begin, message = time.perf_counter(), "expected"
        try:
            read()
        except (ValueError, RunError) as error:
            message = str(error)
        except Exception as error:
            raise AssertionError(f"{text}: {error!r}") from error
        assert "expected" in message, text
        assert time.perf_counter() - begin < 5, text
    path.write_bytes(original)


def sealed_body(body: Any, kind: str) -> dict[str, Any]:
    return {"kind": kind, "format": 1, "sha256": digest(body), "body": body}


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    folder = tmp_path_factory.mktemp("runs")
    return execute_run(folder, toy_config(SAMPLES, 3), SAMPLES, threads=1)


@pytest.fixture(scope="module")
def thinned(run, tmp_path_factory) -> Run:
    from patchlaw.verification.runs.thinned import thin_run

    return thin_run(run, tmp_path_factory.mktemp("thin"))


def use(path: Path) -> Callable[[], None]:
    """All that a run's two files serve: its facts, its parameters, and training on."""

    def read() -> None:
        found = Run.open(path)
        found.verify()
        found.parameters(found.minimum_epoch)
        if found.kept is None:
            copied = path.parent.with_name("copy")
            shutil.rmtree(copied, ignore_errors=True)
            shutil.copytree(path.parent, copied)
            execute_run(copied, toy_config(SAMPLES, 4), SAMPLES, threads=1)

    return read


@pytest.mark.parametrize("name", ["config.json", "checkpoint.json"])
def test_a_runs_files(run: Run, name: str) -> None:
    path = run.path / name
    record = json.loads(path.read_text())
    try_all(path, lambda body: sealed_body(body, record["kind"]), record["body"], use(run.path))


@pytest.mark.parametrize("place", [("optimiser_file",), ("parameter_files", 3)])
def test_a_run_names_its_own_files(run: Run, place: Place) -> None:
    """Only this catches a thinned copy, or Adam's former state, beyond the folder."""
    path = run.path / "checkpoint.json"
    record, before = json.loads(path.read_text()), path.read_bytes()
    file = record["body"]
    for key in place:
        file = file[key]
    victim = run.path.with_name("victim.safetensors")
    shutil.copyfile(run.path / file["name"], victim)
    file["name"] = "../victim.safetensors"
    path.write_text(json.dumps(sealed_body(record["body"], record["kind"])))
    with pytest.raises(RecordError, match=r"expected file .*-?003\.safetensors, got \.\./victim"):
        execute_run(run.path.parent, toy_config(SAMPLES, 4), SAMPLES, threads=1)
    assert victim.exists()
    path.write_bytes(before)


def test_a_thinned_runs_list_of_epochs(thinned: Run) -> None:
    path = thinned.path / "kept.json"
    record = json.loads(path.read_text())
    seal = lambda body: sealed_body(body, record["kind"])  # noqa: E731
    try_all(path, seal, record["body"], use(thinned.path))


def sealed_record(content: Any) -> Any:
    if not isinstance(content, dict):
        return content
    plain = {name: value for name, value in content.items() if name != SEAL}
    return {**plain, SEAL: digest(plain)}


@pytest.mark.parametrize("name", ["P4_d50_s1001", "P16_d5_s1001_d4ca5277"])
def test_an_analysis(tmp_path, name: str) -> None:
    path = tmp_path / f"{name}.json"
    shutil.copyfile(RESULTS / "analyses" / path.name, path)

    try_all(path, sealed_record, json.loads(path.read_text()), lambda: read_model(path))


def test_a_landscape(tmp_path) -> None:
    path = tmp_path / "P4_d50_s1001.json"
    shutil.copyfile(RESULTS / "landscapes" / path.name, path)
    try_all(path, sealed_record, json.loads(path.read_text()), lambda: LandscapeRecord.read(path))


def test_a_report_of_verify(tmp_path) -> None:
    path = tmp_path / "report.json"
    name = "P4_d50_s1001.json"
    shutil.copyfile(RESULTS / "analyses" / name, tmp_path / name)
    report = {
        "format": 3, "reproduce": "patchlaw verify", "models": [name],
        "theorems": [{"name": "x", "status": "proved", "steps": 1}],
        "checks": [{"name": "c", "statement": "s", "passed": True, "measured": 0.0,
                    "tolerance": 0.0, "tolerance_from": "exact", "instances": 1}],
    }  # fmt: skip
    path.write_text(json.dumps(report))
    try_all(path, lambda x: x, report, lambda: read_report(path))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[" * 100_000, "levels|parse"),
        ("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), "levels"),
        ('{"a": NaN}', "finite"),
        ('{"a": 1e999}', "finite"),
        ('{"a": ' + "9" * 5000 + "}", "digits"),
        ('{"a": 1', "parse"),
        ("\xff", "parse"),
    ],
    ids=["deep", "too deep", "NaN", "infinite", "many digits", "cut", "no text"],
)
def test_json_that_is_none_of_ours(tmp_path, content: str, words: str) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(JsonFileError, match=words):
        read_json(path)


def test_what_is_no_file_is_not_opened(tmp_path) -> None:
    import os

    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, Path("/dev/zero")):
        with pytest.raises(JsonFileError, match="expected a JSON file"):
            read_json(path)


COMMANDS = [
    ["status", "{runs}"],
    ["status", "--check", "{runs}"],
    ["thin", "{run}", "--out", "{out}"],
    ["compare", "--records", "{analyses}"],
    ["claim", "4b", "--records", "{analyses}"],
    ["figures", "table-3", "--records", "{results}", "--out", "{out}"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=[" ".join(c[:2]) for c in COMMANDS])
@pytest.mark.parametrize(
    ("value", "key"), [("1", "depth"), (None, "n_patches"), (10**9, "n_patches"), ([], "seed")]
)
def test_commands_say_so_and_end(tmp_path, run: Run, command, value, key) -> None:
    results = tmp_path / "results"
    (results / "analyses").mkdir(parents=True)
    shutil.copytree(run.path, results / "runs" / run.path.name)
    config = results / "runs" / run.path.name / "config.json"
    record = json.loads(config.read_text())
    record["body"]["configuration"]["model"][key] = value
    config.write_text(json.dumps(sealed_body(record["body"], record["kind"])))
    analysis = json.loads((RESULTS / "analyses" / "P4_d100_s1001.json").read_text())
    analysis["run"][key] = value
    target = results / "analyses" / "P4_d100_s1001.json"
    target.write_text(json.dumps(sealed_record(analysis)))
    names = {
        "{runs}": results / "runs", "{run}": config.parent, "{out}": tmp_path / "out",
        "{analyses}": results / "analyses", "{results}": results,
    }  # fmt: skip
    begin = time.perf_counter()
    result = CliRunner().invoke(main, [str(names.get(word, word)) for word in command])
    assert time.perf_counter() - begin < 10
    assert result.exit_code in (1, 2), result.output
    assert isinstance(result.exception, SystemExit), repr(result.exception)
    assert "expected" in " ".join(result.output.split())
