"""A release, in a repository of its own; and that what describes the project agrees with itself."""

import importlib.util
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / ".ci" / "release.py"
DESCRIBED = ("CITATION.cff", "codemeta.json")

pytestmark = pytest.mark.skipif(not SCRIPT.exists(), reason="a source distribution has no .ci")


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("release", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


CHANGELOG = """# Changelog

## Unreleased

### Added
- A *thing*.
# kept

## 0.1.0 - 2026-01-01
- Old.
"""


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for key in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{key}_NAME", "A")
        monkeypatch.setenv(f"GIT_{key}_EMAIL", "a@example.org")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    for name in DESCRIBED:
        (tmp_path / name).write_text((ROOT / name).read_text())
    pyproject = (ROOT / "pyproject.toml").read_text()
    (tmp_path / "pyproject.toml").write_text(pyproject)
    for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "-m", "first"]):
        subprocess.run(["git", "-C", tmp_path, *command], check=True)
    return tmp_path


def test_a_release_tags_with_the_notes(script: ModuleType, repository: Path) -> None:
    """Also that a line beginning with '#' stays in the tag's message, which git takes out."""
    notes = script.release("0.2.0", repository)
    assert notes == "### Added\n- A *thing*.\n# kept\n"
    message = script.git("tag", "--list", "--format=%(contents)", "v0.2.0", root=repository)
    assert message == notes.strip()
    text = (repository / "CHANGELOG.md").read_text()
    assert re.search(
        r"## Unreleased\n\n## 0\.2\.0 - \d{4}-\d\d-\d\d\n\n### Added\n(.*\n)+\n## 0\.1\.0", text
    )
    assert json.loads((repository / "codemeta.json").read_text())["version"] == "0.2.0"
    assert (repository / "CITATION.cff").read_text().count("\nversion: ") == 1
    assert script.git("status", "--porcelain", root=repository) == ""
    with pytest.raises(ValueError, match="expected entries below '## Unreleased', got none"):
        script.release("0.3.0", repository)


def test_the_version_is_the_tags(script: ModuleType, repository: Path) -> None:
    """Without a tag it is a development version, and one commit after a tag the next one's."""

    def version() -> str:
        command = [sys.executable, "-m", "setuptools_scm"]
        return subprocess.run(
            command, cwd=repository, capture_output=True, text=True, check=True
        ).stdout.strip()

    assert version() == "0.1.dev1"
    script.release("1.2.0", repository)
    assert version() == "1.2.0"
    subprocess.run(["git", "-C", repository, "commit", "-qm", "x", "--allow-empty"], check=True)
    assert version() == "1.2.1.dev1"


@pytest.mark.parametrize(
    ("version", "spoilt", "message"),
    [
        ("1.2", {}, "VERSION: expected three numbers"),
        ("", {}, "VERSION: expected three numbers"),
        ("0.2.0", {"new.txt": "x"}, "tree: expected no change that is not committed"),
        ("0.2.0", {"CHANGELOG.md": CHANGELOG + "x"}, "tree: expected no change"),
    ],
)
def test_what_is_refused_changes_nothing(
    script: ModuleType, repository: Path, version: str, spoilt: dict[str, str], message: str
) -> None:
    for name, text in spoilt.items():
        (repository / name).write_text(text)
    before = {path: path.read_bytes() for path in repository.iterdir() if path.is_file()}
    with pytest.raises(ValueError, match=message):
        script.release(version, repository)
    assert {path: path.read_bytes() for path in repository.iterdir() if path.is_file()} == before
    assert script.git("tag", root=repository) == ""


def test_a_tag_that_exists_and_a_commit_that_fails(script: ModuleType, repository: Path) -> None:
    script.git("tag", "v0.2.0", root=repository)
    with pytest.raises(ValueError, match=r"tag: expected a new one, got v0\.2\.0"):
        script.release("0.2.0", repository)
    hook = repository / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho no >&2; exit 1\n")
    hook.chmod(0o755)
    with pytest.raises(ValueError, match="git commit: no"):
        script.release("0.3.0", repository)
    assert (repository / "CHANGELOG.md").read_text() == CHANGELOG
    assert script.git("status", "--porcelain", root=repository) == ""


def test_descriptions_agree() -> None:
    """Title, licence, keywords and paper stand in three files; CFF needs four keys."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    citation = (ROOT / "CITATION.cff").read_text()
    meta = json.loads((ROOT / "codemeta.json").read_text())
    keys = dict(re.findall(r"^([a-z-]+):(.*)$", citation, re.MULTILINE))
    assert {"cff-version", "message", "title", "authors"} <= set(keys)
    assert keys["cff-version"].strip() == "1.2.0"
    assert keys["license"].strip() == project["license"] == meta["license"].rpartition("/")[2]
    assert meta["name"] == project["name"]
    assert meta["description"] == project["description"]
    assert meta["keywords"] == project["keywords"]
    assert re.findall(r"^  - ([^:\n]+)$", citation, re.MULTILINE) == project["keywords"]
    assert project["urls"]["Paper"] in citation
    assert project["urls"]["Paper"] == meta["referencePublication"][0]["@id"]
    pythons = re.findall(r"Python :: (3\.\d+)", " ".join(project["classifiers"]))
    assert meta["runtimePlatform"] == f"Python {', '.join(pythons)}"
    tested = re.findall(r"on_another (3\.\d+)", (ROOT / ".ci" / "test-dist").read_text())
    assert ["3.11", *tested] == pythons
