"""The wheel: everything below ``patchlaw``, small, and of use beside other packages' folders."""

import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--quiet"]
    # a build folder in the source tree would be taken up by the next build
    options = ["--config-settings", f"--build-option=build --build-base {folder / 'build'}"]
    subprocess.run([*command, *options, "--wheel-dir", folder, ROOT], check=True, cwd=folder)
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


def test_it_works_beside_packages_of_the_same_names(wheel: Path, tmp_path: Path) -> None:
    """A researcher's own ``simulators`` and ``verification``, which would break a bare import."""
    site, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    ZipFile(wheel).extractall(site)
    for name in ("simulators", "verification"):
        (elsewhere / name).mkdir(parents=True)
        (elsewhere / name / "__init__.py").write_text("raise SystemExit('not this one')\n")
    code = (
        "import patchlaw, sys\n"
        "assert patchlaw.__file__.startswith(sys.argv[1]), patchlaw.__file__\n"
        "model = patchlaw.DistributedQNN(4, 1, seed=0)\n"
        "assert model(patchlaw.load_mnist().train_images[:2]).shape == (2, 10)\n"
        "from patchlaw.cli import main\n"
        "main(['figures', 'table-2', 'figure-2', '--out', 'figures', '--format', 'png'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(site)],
        cwd=elsewhere,
        env={"PYTHONPATH": str(site), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert {"table-2.md", "figure-2.png"} <= {p.name for p in (elsewhere / "figures").iterdir()}
