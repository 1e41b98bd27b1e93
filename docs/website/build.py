"""Build the site: ``python -m docs.website.build [OUT]``, by default into build/website/site.

Pages are staged in OUT/pages, the packages laid out in OUT/packages, and the generator writes
OUT/site. Nothing is fetched. Whatever is amiss ends it: a warning of the generator, a dead link, a
missing docstring, a formula that KaTeX refuses, an asset from the network.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from docs.website import checks, reference
from docs.website.gallery import exhibits, gallery_page
from docs.website.navigation import navigation
from docs.website.notebooks import notebook_page
from docs.website.outputs import with_outputs
from docs.website.pages import Page, PageError, read_pages, staged
from patchlaw.paper_figures.drawing import Inputs
from patchlaw.paper_figures.records import Records
from patchlaw.paper_figures.report.explorer import Explorer

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
OUT = ROOT / "build" / "website"
CONFIG = "zensical.toml"  # also tells a folder of ours from any other
INTERACTIVE = """# The records, to explore

<a href="explorer.html">Open the page</a>: every law against the measured ratios, with its runs and
intervals; spectra predicted and measured, with sliders in P and d; loss landscapes to turn around.
Everything that is drawn is in a table beside it. `patchlaw figures explorer` writes the same page.
"""
ASSETS = ("katex", "iframe-worker", "site.css", "formulas.js")


def build(out: Path = OUT) -> Path:
    """Build the site below ``out`` and return its folder.

    Raises:
        PageError: something is amiss, all of it in the message.
    """
    config = (HERE / CONFIG).read_text(encoding="utf-8")
    clear(out)
    put(out / CONFIG, config.encode())
    pages = out / "pages"
    pages.mkdir()
    reference.lay_out_packages(ROOT, out / "packages")
    refuse(reference.faults(out / "packages"))
    written = [with_outputs(page) for page in read_pages(ROOT)]
    made = [*reference.reference_pages(out / "packages"), *run_examples(pages)]
    for each in staged(ROOT, [*written, *made], pages):
        if isinstance(each, Page):
            put(pages / each.path, each.text.encode())
        else:
            put(pages / each[0], each[1].read_bytes())
    for name in ASSETS:
        copy = shutil.copytree if (HERE / name).is_dir() else shutil.copy
        (pages / "assets").mkdir(exist_ok=True)
        copy(HERE / name, pages / "assets" / name)
    listed = toml(navigation([*written, *made]))
    put(out / CONFIG, config.replace("nav = []", f"nav = {listed}").encode())
    generate(out)
    Explorer().write(Inputs.of(Records.read()), out / "site", ())
    refuse(checks.faults(out / "site"))
    formulas = (f for page in checks.read_site(out / "site").values() for f in page.formulas)
    refuse(checks.formula_faults(HERE / "katex" / "katex.min.js", formulas))
    return out / "site"


def clear(out: Path) -> None:
    """Remove an earlier site.

    Raises:
        PageError: what is there is none.
    """
    if out.exists() and not (out / CONFIG).is_file() and any(out.iterdir()):
        raise PageError(f"{out}: expected an earlier site, or nothing, got other files")
    shutil.rmtree(out, ignore_errors=True)


def run_examples(pages: Path) -> Iterator[Page]:
    """Run gallery and notebooks, and leave their pictures among the pages."""
    (pages / "gallery").mkdir()
    shown = exhibits(ROOT)
    for exhibit in shown:
        exhibit.draw(pages / "gallery")
    yield gallery_page(shown)
    for path in sorted((ROOT / "docs" / "notebooks").glob("*.ipynb")):
        page, pictures = notebook_page(ROOT, path.relative_to(ROOT).as_posix())
        for name, content in pictures.items():
            put(pages / name, content)
        yield page
    yield Page("interactive.md", "docs/interactive.md", INTERACTIVE)


def generate(out: Path) -> None:
    """Run the generator, for which a warning is an error."""
    command = [sys.executable, "-m", "zensical", "build", "--strict", "--config-file"]
    done = subprocess.run(
        [*command, str(out / CONFIG)],
        cwd=out,
        env={**os.environ, "NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        said = done.stdout.partition("Traceback (most recent call last)")[0] or done.stdout
        raise PageError(f"zensical: expected no warning, got\n{said[-6000:]}")


def put(path: Path, content: bytes) -> None:
    """Write a file, its folder with it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def refuse(faults: Iterable[str]) -> None:
    """End the build if there is a fault."""
    if found := list(faults):
        raise PageError("\n".join(found))


def toml(value: Any) -> str:
    """Lists, tables of one key and strings as TOML."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(k)} = {toml(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


if __name__ == "__main__":
    try:
        print(build(*(Path(argument).resolve() for argument in sys.argv[1:])) / "index.html")
    except PageError as error:
        sys.exit(str(error))
