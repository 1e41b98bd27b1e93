"""The tests of the documentation site, which need the extra ``docs``: ``make test-site``.

``make test`` leaves them out; asked for by name they run, and fail where the extra is missing.
"""

from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Whether the folder was not asked for by name."""
    args = [str(arg).partition("::")[0] for arg in config.invocation_params.args]
    named = [Path(arg).resolve() for arg in args if "tests" in arg]
    asked = any(path == HERE or HERE in path.parents for path in named)
    return None if asked or collection_path == HERE else True


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole site, built once; what is amiss in it ends the build."""
    from docs.website.build import build

    return build(tmp_path_factory.mktemp("site"))
