"""Notebooks run from top to bottom, and shown with what they then print and draw."""

import base64
import re
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from traitlets.config import Config

from docs.website.pages import Page, PageError

SECONDS = 120  # for one cell; a notebook that needs more is no example


def notebook_page(root: Path, source: str) -> tuple[Page, dict[str, bytes]]:
    """A notebook as a page, and its pictures by their place on the site.

    Raises:
        PageError: a cell failed, wrote to stderr, or drew a picture without a text alternative.
    """
    notebook = nbformat.read(root / source, as_version=4)
    with tempfile.TemporaryDirectory() as sockets:  # nothing listens on a port
        client = NotebookClient(
            notebook,
            timeout=SECONDS,
            resources={"metadata": {"path": str(root)}},
            config=Config(KernelManager={"transport": "ipc", "ip": f"{sockets}/kernel"}),
        )
        try:
            client.execute()
        except CellExecutionError as error:
            raise PageError(f"{source}: {error}") from error
    path = source.removeprefix("docs/").replace(".ipynb", ".md")
    pictures: dict[str, bytes] = {}
    text = []
    for number, cell in enumerate(notebook.cells):
        place = f"{source}, cell {number}"
        if cell.cell_type == "markdown":
            text.append(cell.source)
        elif cell.cell_type == "code":
            text.append(f"```python\n{cell.source}\n```")
            shown = [_shown(output, place, path, pictures) for output in cell.outputs]
            text.append("\n\n".join(shown).replace("\n```\n\n```text", ""))  # one stream, one block
    text.append(f"This page is the notebook `{source}`, run when the site was built.")
    return Page(path, source, "\n\n".join(text) + "\n"), pictures


def _shown(output: Any, place: str, path: str, pictures: dict[str, bytes]) -> str:
    """One output of a cell as Markdown."""
    if output.output_type == "stream":
        if output.name == "stderr":
            raise PageError(f"{place}: expected nothing on stderr, got {output.text.strip()!r}")
        return f"```text\n{output.text.rstrip()}\n```"
    if "image/png" in output.data:
        alternative = output.metadata.get("alt", "")
        if not alternative:
            raise PageError(
                f"{place}: expected a text alternative of the picture, got none; "
                'show it by display(figure, metadata={"alt": "..."})'
            )
        name = f"{path.removesuffix('.md')}-{len(pictures)}.png"
        pictures[name] = base64.b64decode(output.data["image/png"])
        return f"![{re.sub('[][]', '', alternative)}]({Path(name).name})"
    return f"```text\n{output.data['text/plain'].rstrip()}\n```"
