"""What a page's blocks print, shown below them on the site.

A fence followed by ``<!-- output -->`` is carried out when the site is built; ``<!-- output: 12
lines -->`` shows the first lines only. Blocks of Python share their names down the page, as in the
test that runs them; commands run in an empty folder of the page.
"""

import contextlib
import io
import re
import shlex
import tempfile
from dataclasses import replace

from docs.website.markdown import FENCE
from docs.website.pages import Page, PageError

_WISH = re.compile(r"\s*<!-- output(?:: (?P<lines>\d+) lines)? -->")
WIDTH = 80  # columns of a terminal, which fit a block of the site


def with_outputs(page: Page) -> Page:
    """The page with what its marked blocks print.

    Raises:
        PageError: a block fails.
    """
    if not _WISH.search(page.text):
        return page
    names: dict[str, object] = {"__name__": "documentation"}
    parts, end = [], 0
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        for fence in FENCE.finditer(page.text):
            wish = _WISH.match(page.text, fence.end())
            if fence["language"] == "python" or wish:
                printed = _carried_out(page, fence["language"], fence["code"], names)
            if wish:
                lines = printed.rstrip().splitlines()
                shown = lines[: int(wish["lines"] or len(lines))]
                more = ["…"] if len(shown) < len(lines) else []
                block = "\n".join(["", "", "```text", *shown, *more, "```"])
                parts += [page.text[end : fence.end()], block]
                end = wish.end()
    return replace(page, text="".join([*parts, page.text[end:]]))


def _carried_out(page: Page, language: str, code: str, names: dict[str, object]) -> str:
    if language == "python":
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(compile(code, page.source, "exec"), names)
        return printed.getvalue()
    from click.testing import CliRunner

    from patchlaw.cli import main

    said = ""
    for line in code.replace("\\\n", " ").splitlines():
        if words := shlex.split(line, comments=True):
            result = CliRunner(env={"COLUMNS": str(WIDTH)}).invoke(main, words[1:])
            if words[0] != "patchlaw" or result.exit_code:
                raise PageError(f"{page.source}: {line}: expected it to work, got {result.output}")
            said += result.output
    return said
