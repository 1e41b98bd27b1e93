"""What a record says of where it was made, also where that is not all to be known."""

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

from patchlaw.verification.store import environment
from patchlaw.verification.store.environment import current_environment


def test_a_library_that_is_not_installed_is_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    def without_numba(name: str) -> str:
        if name == "numba":
            raise PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(environment, "version", without_numba)
    versions = current_environment().versions
    assert versions["numba"] == "not installed"
    assert versions["numpy"] == version("numpy")


@pytest.mark.parametrize(
    ("repository", "search_path"),
    [(False, None), (True, None), (True, "")],
    ids=["installed package", "damaged repository", "no git"],
)
def test_without_a_commit_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, repository: bool, search_path: str | None
) -> None:
    """A record must not fail hours in, nor name the commit of a repository around the package."""
    monkeypatch.delenv(environment.COMMIT_VARIABLE, raising=False)
    monkeypatch.setattr(
        environment, "__file__", str(tmp_path / "verification" / "store" / "environment.py")
    )
    if repository:
        (tmp_path / ".git").mkdir()
        monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    if search_path is not None:
        monkeypatch.setenv("PATH", search_path)
    assert current_environment().commit is None


def test_a_copy_is_told_its_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a copy's own repository (of whoever copied it) named in place of patchlaw's."""
    monkeypatch.setenv(environment.COMMIT_VARIABLE, "0" * 40)
    assert current_environment().commit == "0" * 40
    monkeypatch.setenv(environment.COMMIT_VARIABLE, "")
    assert current_environment().commit != ""
