"""The wheel, made of the source distribution: all below ``patchlaw``, and small."""

import json
import subprocess
import sys
from pathlib import Path
from tarfile import TarFile
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    code = "import sys; from setuptools import build_meta; build_meta.build_sdist(sys.argv[1])"
    subprocess.run([sys.executable, "-c", code, folder], check=True, cwd=ROOT, capture_output=True)
    (source,) = folder.glob("*.tar.gz")
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--quiet"]
    subprocess.run([*command, "--wheel-dir", folder, source], check=True, cwd=folder)
    return next(folder.glob("*.whl"))


def test_nothing_lies_outside_patchlaw_and_no_parameters_within(wheel: Path) -> None:
    """Only this sees a package that another's ``simulators`` would shadow, or 60 MB of runs."""
    names = ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert tops == {"patchlaw", next(top for top in tops if top.endswith(".dist-info"))}
    tensors = [name for name in names if name.endswith(".safetensors")]
    data = ("fashion_mnist_pooled", "mnist_pooled")
    assert tensors == [f"patchlaw/simulators/datasets/{name}.safetensors" for name in data]
    assert wheel.stat().st_size < 15e6
    (source,) = wheel.parent.glob("*.tar.gz")
    assert source.name.removesuffix(".tar.gz") == "-".join(wheel.name.split("-")[:2])
    with TarFile.open(source) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    assert {"tests/test_wheel.py", "docs/claims.md", "constraints.txt"} <= inside
    assert sum(name.endswith(".safetensors") for name in inside) == len(data)


def test_every_data_set_has_its_licence(wheel: Path) -> None:
    """A set that is added without one would be given away under MIT."""
    content = ZipFile(wheel)
    (notice,) = (n for n in content.namelist() if n.endswith("licenses/simulators/datasets/NOTICE"))
    text = content.read(notice).decode()
    for manifest in (ROOT / "simulators" / "datasets").glob("*.json"):
        facts = json.loads(manifest.read_text())
        section = text.partition(f"\n{facts['name']}\n---")[2].partition("\n---")[0]
        assert facts["licence"] in section, manifest.name
    for name in ("author_results.json", "author_runs.json"):
        assert name in text
