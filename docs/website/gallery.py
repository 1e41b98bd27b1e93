"""The gallery: every script of docs/gallery is run, and shown beside the picture it draws."""

import ast
import contextlib
import io
import runpy
from dataclasses import dataclass
from pathlib import Path

from docs.website.pages import Page, PageError

SCRIPTS = "docs/gallery"


@dataclass(frozen=True)
class Exhibit:
    """A script of the gallery and what its docstring says.

    Attributes:
        path: the script.
        title: first line.
        caption: what stands between.
        alternative: the paragraph that begins with ``Alt:``, for who does not see the picture.
        code: the script below its docstring.
    """

    path: Path
    title: str
    caption: str
    alternative: str
    code: str

    @classmethod
    def read(cls, path: Path) -> "Exhibit":
        """The script at ``path``.

        Raises:
            PageError: no docstring, or none of the kind above.
        """
        source = path.read_text(encoding="utf-8")
        tree = ast.parse(source)
        paragraphs = [" ".join(p.split()) for p in (ast.get_docstring(tree) or "").split("\n\n")]
        match paragraphs:
            case [title, *caption, alternative] if alternative.startswith("Alt: "):
                end = tree.body[0].end_lineno or 0
                code = "\n".join(source.splitlines()[end:]).strip()
                told = alternative.removeprefix("Alt: ")
                return cls(path, title.rstrip("."), "\n\n".join(caption), told, code)
        raise PageError(f"{path.name}: expected a docstring of title, caption and 'Alt: ...'")

    @property
    def picture(self) -> str:
        """Name of the picture that it draws into the folder it is run in."""
        return f"{self.path.stem}.png"

    def draw(self, folder: Path) -> Path:
        """Run the script in a folder.

        Raises:
            PageError: it left no picture of its name.
        """
        import matplotlib as mpl

        mpl.use("agg")
        import matplotlib.pyplot as plt

        silence = contextlib.redirect_stdout(io.StringIO())
        with silence, contextlib.chdir(folder), mpl.rc_context():
            runpy.run_path(str(self.path), run_name="__main__")
            plt.close("all")
        drawn = folder / self.picture
        if not drawn.is_file():
            raise PageError(
                f"{self.path.name}: expected it to write {self.picture}, got no such file"
            )
        return drawn


def exhibits(root: Path) -> list[Exhibit]:
    """Every script of the gallery."""
    return [Exhibit.read(path) for path in sorted((root / SCRIPTS).glob("*.py"))]


def gallery_page(shown: list[Exhibit]) -> Page:
    """The gallery's page, its pictures beside it in the folder ``gallery``."""
    text = [
        "# Gallery",
        "Every picture here is drawn anew for this site by the few lines below it.",
    ]
    for each in shown:
        text += [
            f"## {each.title}",
            f"![{each.alternative}](gallery/{each.picture})",
            each.caption,
            f"```python\n{each.code}\n```",
        ]
    return Page("gallery.md", "docs/gallery.md", "\n\n".join(text) + "\n")
