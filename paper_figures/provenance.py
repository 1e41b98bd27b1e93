"""Files of a figure: the drawing with its provenance in the metadata, and a sidecar with numbers.

The sidecar ``NAME.json`` holds what the metadata say, in full, and every number that was drawn.
Neither names the machine, its user or a path outside the source tree.
"""

import io
import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from patchlaw.paper_figures import style
from patchlaw.paper_figures.drawing import Drawing, Inputs
from patchlaw.paper_figures.outcome import Outcome, status_of, write_files
from patchlaw.paper_figures.records import Source
from patchlaw.verification.store.environment import current_environment
from patchlaw.verification.store.json_files import plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Format: TypeAlias = Literal["pdf", "png", "svg"]
FORMATS: tuple[Format, ...] = get_args(Format)
SIDECAR_FORMAT = "patchlaw figure"
SIDECAR_VERSION = 1
# Panels of a fixed shape change what is left for the others; the second pass finds them at rest.
_LAYOUT_PASSES = 2


@dataclass(frozen=True)
class PaperFigure:
    """A figure.

    Attributes:
        draw: draws it.
        name: as given on the command line; files are named after it.
        shows: what, one line.
        paper: the paper's figure it regenerates; "ours" if the paper has none.
    """

    draw: Callable[[Inputs], Drawing]
    name: str
    shows: str
    paper: str = "ours"

    @property
    def title(self) -> str:
        """What it shows, one line, and which figure of the paper it is."""
        return f"{self.shows} ({self.paper})"

    def write(self, inputs: Inputs, out: Path, formats: Sequence[Format]) -> Outcome:
        """Draw it and write its files to a folder, which exists; equal drawings give equal bytes.

        Raises:
            ValueError: records whose numbers contradict each other.
            OSError: a file cannot be written.
        """
        dpi = style.SMALL_DPI if inputs.small else style.DPI
        contents: dict[str, bytes | str] = {}
        with style.figure_style():
            drawing = self.draw(inputs)
            lay_out(drawing.figure)
            statement = _statement(self, drawing)
            for name in formats:
                buffer, metadata = io.BytesIO(), _metadata(name, self, statement)
                drawing.figure.savefig(buffer, format=name, dpi=dpi, metadata=metadata)
                contents[name] = buffer.getvalue()
        contents["json"] = _sidecar(self, drawing, inputs.records.label)
        recipes = (recipe for gap in drawing.gaps for recipe in gap.recipes)
        missing = dict.fromkeys(recipe.text(inputs.records.typed) for recipe in recipes)
        n_drawn = len(drawing.numbers["panels"])
        status = status_of(n_drawn, len(drawing.gaps) or int(n_drawn == 0))
        return Outcome(self.name, write_files(out, self.name, contents), status, tuple(missing))


@cache
def drawing_commit() -> str:
    """Commit of the source tree that draws; "unknown" outside one."""
    return current_environment().commit or "unknown"


def lay_out(figure: "Figure") -> None:
    """Find the panels' places once: every format gets the same, and does not search anew."""
    layout = figure.get_layout_engine()
    if layout is not None:
        for _ in range(_LAYOUT_PASSES):
            layout.execute(figure)
    figure.set_layout_engine("none")


def _sidecar(figure: PaperFigure, drawing: Drawing, records_label: str) -> str:
    content = {
        "format": SIDECAR_FORMAT,
        "version": SIDECAR_VERSION,
        "name": figure.name,
        "title": figure.shows,
        "paper": figure.paper,
        "drawn_at_commit": drawing_commit(),
        "records": [asdict(source) for source in drawing.sources],
        "seeds": seeds_of(drawing.sources),
        "missing": [
            {
                "panel": gap.panel,
                "reason": gap.reason,
                "commands": [recipe.text(records_label) for recipe in gap.recipes],
            }
            for gap in drawing.gaps
        ],
        "numbers": plain(drawing.numbers, lambda number: not math.isfinite(number)),
    }
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _statement(figure: PaperFigure, drawing: Drawing) -> str:
    """Records, seeds, sample counts and commits in one line."""
    samples = ", ".join(
        f"{'/'.join(map(str, counts))} {kind}"
        for kind, counts in samples_of(drawing.sources).items()
    )
    computed = dict.fromkeys(commit for source in drawing.sources for commit in source.commits)
    files = (f"{source.file} (sha256 {source.sha256[:12]})" for source in drawing.sources)
    parts = [
        f"{figure.paper}: {figure.shows}" if figure.paper != "ours" else figure.shows,
        "records: " + (", ".join(files) or "none"),
        "seeds: " + (", ".join(map(str, seeds_of(drawing.sources))) or "none"),
        "samples: " + (samples or "none"),
        "computed at commit: " + (", ".join(computed) or "none"),
        f"drawn at commit: {drawing_commit()}",
    ]
    if drawing.gaps:
        parts.insert(1, "missing: " + ", ".join(gap.panel for gap in drawing.gaps))
    return "; ".join(parts)


def seeds_of(sources: Iterable[Source]) -> list[int]:
    """Every seed behind the sources, ascending."""
    return sorted({source.seed for source in sources if source.seed is not None})


def samples_of(sources: Iterable[Source]) -> dict[str, list[int]]:
    """Every kind of samples with the counts that occur, ascending."""
    counts: dict[str, set[int]] = {}
    for source in sources:
        for kind, count in source.samples.items():
            counts.setdefault(kind, set()).add(count)
    return {kind: sorted(found) for kind, found in counts.items()}


def _metadata(name: Format, figure: PaperFigure, statement: str) -> dict[str, Any]:
    """In the words of each format; no date, so that the same drawing gives the same bytes."""
    title, creator = {"Title": figure.shows}, {"Creator": f"patchlaw {version('patchlaw')}"}
    if name == "png":
        return {**title, "Description": statement, "Software": creator["Creator"]}
    if name == "svg":
        more = {"Description": statement, "Keywords": [figure.name], "Date": None}
    else:
        more = {"Subject": statement, "Keywords": figure.name, "CreationDate": None}
    return title | creator | more
