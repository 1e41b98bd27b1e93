"""Sealed files in both layouts, as the former release wrote them, and what is refused of them."""

import hashlib
import json
from pathlib import Path

import msgspec
import numpy as np
import pytest

from patchlaw.verification.store.errors import RecordError
from patchlaw.verification.store.json_files import JsonFileError, plain, typed
from patchlaw.verification.store.seal import FileKind

FLAT = FileKind("patchlaw example", "make it again")
NESTED = FileKind("patchlaw example", "make it again", nested=True)
HEADLESS = FileKind(None, "make it again", nested=True, version=None)


def seal(text: str) -> str:
    """By hand: the object's text with sorted keys and no spaces."""
    return hashlib.sha256(text.encode()).hexdigest()


BODY = '{"a":[1,2.5,null],"b":"\\u00b5"}'
WHOLE = '{"a":[1,2.5,null],"b":"\\u00b5","format":"patchlaw example","version":1}'
FILES = [
    (FLAT, f'{WHOLE[:-1]},"sha256":"{seal(WHOLE)}"}}'),
    (NESTED, f'{{"kind":"patchlaw example","format":1,"sha256":"{seal(BODY)}","body":{BODY}}}'),
    (HEADLESS, f'{{"sha256":"{seal(BODY)}","body":{BODY}}}'),
]


@pytest.mark.parametrize(("kind", "text"), FILES, ids=["flat", "nested", "headless"])
def test_files_of_the_former_release_are_read_and_written_alike(
    tmp_path: Path, kind: FileKind, text: str
) -> None:
    """Catches a seal over other bytes, by which every file on disk would count as altered."""
    path, content = tmp_path / "old.json", {"a": [1, 2.5, None], "b": "µ"}
    path.write_text(text)
    assert kind.read(path) == content
    kind.write(tmp_path / "new.json", content)
    assert json.loads((tmp_path / "new.json").read_text()) == json.loads(text)
    path.write_text(text.replace("2.5", "2.6"))
    with pytest.raises(RecordError, match=r"old\.json: checksum mismatch.*; make it again"):
        kind.read(path)


@pytest.mark.parametrize("kind", [FLAT, NESTED])
def test_a_file_of_the_other_layout_is_called_by_its_name(tmp_path: Path, kind: FileKind) -> None:
    """As `compare --records` meets when it is given the folder of a run."""
    other = FileKind("patchlaw run", "", nested=not kind.nested)
    other.write(tmp_path / "config.json", {"a": 1})
    with pytest.raises(RecordError, match=r"got 'patchlaw run'; name a folder of such files"):
        kind.read(tmp_path / "config.json")


def test_a_seal_may_be_missing_only_where_that_is_allowed(tmp_path: Path) -> None:
    path = tmp_path / "theirs.json"
    path.write_text(WHOLE)
    assert FLAT.read(path, sealed=False)["a"] == [1, 2.5, None]
    with pytest.raises(RecordError, match="checksum mismatch"):
        FLAT.read(path)
    path.write_text(f'{WHOLE[:-1]},"sha256":"0"}}')
    with pytest.raises(RecordError, match="checksum mismatch"):
        FLAT.read(path, sealed=False)


def test_nothing_that_json_lacks_is_written(tmp_path: Path) -> None:
    """A NaN outside an array is a fault of the writer, not a number to come."""
    path = tmp_path / "record.json"
    FLAT.write(path, {"a": 1})
    before = path.read_bytes()
    with pytest.raises(ValueError, match="not JSON compliant"):
        FLAT.write(path, {"a": float("nan")})
    with pytest.raises(ValueError, match="not JSON compliant"):
        FLAT.write(path, {"a": np.array([np.inf])})
    assert path.read_bytes() == before
    assert plain(np.array([[1.0, np.nan]])) == [[1.0, None]]


def test_a_struct_keeps_its_names_on_disk() -> None:
    """Fields may get better names than the keys of files that are there already."""

    class Renamed(msgspec.Struct, rename={"mean_abs_slope": "gradient_norm"}):
        mean_abs_slope: float
        parts: tuple[int, ...] = (1, 2)

    content = {"gradient_norm": 0.5, "parts": [1, 2]}
    assert plain([Renamed(0.5)]) == [content]
    assert typed([content], list[Renamed], exactly=True) == [Renamed(0.5)]


def test_unknown_keys_are_found_at_any_depth() -> None:
    from patchlaw.verification.jobs.job import Execution

    right = [{"x": {"threads": 1, "max_chunk": 2}}]
    kind = list[dict[str, Execution]]
    assert typed(right, kind, exactly=True) == [{"x": Execution(1, 2)}]
    right[0]["x"]["weather"] = 3
    assert typed(right, kind) == [{"x": Execution(1, 2)}]
    with pytest.raises(JsonFileError, match=r"expected no field 0\.x\.weather, got one"):
        typed(right, kind, exactly=True)
