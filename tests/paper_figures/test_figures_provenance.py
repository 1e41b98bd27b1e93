"""patchlaw figures: which records, seeds, samples and commits a figure states."""

import getpass
import hashlib
import re
import socket
from pathlib import Path

import pytest
from PIL import Image

from tests.paper_figures.figure_cases import SMALL, invoke, sidecar
from tests.paper_figures.synthetic_records import (
    COMMIT,
)


def test_a_figure_states_its_records_seeds_samples_and_commits(small, tmp_path):
    out = tmp_path / "out"
    result = invoke("figure-4", "--small", "--records", small, "--out", out)
    assert result.exit_code == 0, result.output
    found = sidecar(out, "figure-4")
    (record,) = found["records"]
    assert record["file"] == f"analyses/{SMALL.run_id}.json"
    assert record["run"] == SMALL.run_id
    assert found["seeds"] == [record["seed"]] == [7]
    assert record["samples"] == {
        "training images": 200,
        "test images": 10_000,
        "subset of the training images": 200,
    }
    assert record["commits"] == [COMMIT]
    assert re.fullmatch(r"[0-9a-f]{40}(-dirty)?|unknown", found["drawn_at_commit"])
    assert found["paper"] == "Fig. 4"
    assert found["missing"] == []


@pytest.mark.parametrize(("name", "seen"), [("figure-4", "analyses"), ("figure-3", "landscapes")])
def test_the_sha256_is_that_of_the_file(small, tmp_path, name, seen):
    """Of its bytes, as ``sha256sum`` prints it: the digest of parsed JSON would differ."""
    assert invoke(name, "--small", "--records", small, "--out", tmp_path).exit_code == 0
    (record,) = sidecar(tmp_path, name)["records"]
    content = (small / seen / f"{SMALL.run_id}.json").read_bytes()
    assert record["sha256"] == hashlib.sha256(content).hexdigest()


def test_the_metadata_of_every_format_hold_the_same_statement(small, tmp_path):
    result = invoke(
        "figure-1", "--small", "--records", small, "--out", tmp_path, "--format", "svg,png,pdf"
    )
    assert result.exit_code == 0, result.output
    with Image.open(tmp_path / "figure-1.png") as image:
        png = image.text["Description"]
        assert image.text["Software"].startswith("patchlaw ")
    svg = (tmp_path / "figure-1.svg").read_text()
    pdf = (tmp_path / "figure-1.pdf").read_bytes().decode("latin-1")
    parts = [
        f"records: runs/{SMALL.run_id}/checkpoint.json (sha256 ",
        "seeds: 7",
        "200 training images",
        "10000 test images",
        f"computed at commit: {COMMIT}",
        "drawn at commit: ",
    ]
    for part in parts:
        assert part in png
        assert part in svg
        # PDF escapes brackets
        assert part.replace("(", r"\(") in pdf
    assert "CreationDate" not in pdf
    assert "<dc:date>" not in svg


def test_no_file_names_the_machine_its_user_or_its_folders(small, tmp_path):
    out = tmp_path / "out"
    result = invoke(
        "figure-1", "law-summary", "--records", small, "--out", out,
        "--format", "png,pdf,svg",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "not run" in result.output
    secret = [str(tmp_path), str(Path.home()), str(Path.cwd())]
    secret += [name for name in (socket.gethostname(), getpass.getuser()) if len(name) > 4]
    files = sorted(out.iterdir())
    assert len(files) == 8
    for path in files:
        content = path.read_bytes().decode("latin-1")
        if path.suffix == ".png":
            with Image.open(path) as image:
                content = " ".join(image.text.values())
        assert not [name for name in secret if name in content], path.name


@pytest.mark.parametrize("name", ["figure-3-surfaces", "figure-5"])
def test_the_same_records_give_the_same_bytes(small, tmp_path, name):
    """Random ids of SVG or a date in the PDF would differ."""
    for folder in ("one", "two"):
        result = invoke(
            name, "--small", "--records", small, "--out", tmp_path / folder,
            "--format", "pdf,png,svg",
        )  # fmt: skip
        assert result.exit_code == 0, result.output
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert names == [f"{name}.{suffix}" for suffix in ("json", "pdf", "png", "svg")]
    for file in names:
        one, two = ((tmp_path / folder / file).read_bytes() for folder in ("one", "two"))
        assert one == two, file
