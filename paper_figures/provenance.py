"""Files of a figure: the drawing with its provenance in the metadata, and a sidecar with numbers.

The sidecar ``NAME.json`` holds what the metadata say, in full, and every number that was drawn.
Neither names the machine, its user or a path outside the source tree.
"""

import io
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from patchlaw.paper_figures import style
from patchlaw.paper_figures.drawing import Drawing
from patchlaw.paper_figures.outcome import Outcome, status_of
from patchlaw.paper_figures.records import Records, Source
from patchlaw.verification.store.atomic_write import write_atomically
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
class Caption:
    """What a figure is called.

    Attributes:
        name: as given on the command line; files are named after it.
        title: what it shows, one line.
        paper: the paper's figure it regenerates; "ours" if the paper has none.
    """

    name: str
    title: str
    paper: str


def write_figure(
    caption: Caption,
    drawing: Drawing,
    out: Path,
    formats: Sequence[Format],
    records: Records,
    *,
    small: bool = False,
) -> Outcome:
    """Write a drawing in every format, and its sidecar; the same drawing gives the same bytes.

    Args:
        caption: of the figure.
        drawing: the figure; drawn and saved within ``style.figure_style``.
        out: folder, which exists.
        formats: of the files.
        records: that it was drawn from.
        small: whether raster files are of low resolution.

    Raises:
        OSError: a file cannot be written.
    """
    lay_out(drawing.figure)
    files = []
    statement = _statement(caption, drawing)
    for name in formats:
        path = out / f"{caption.name}.{name}"
        buffer = io.BytesIO()
        dpi = style.SMALL_DPI if small else style.DPI
        drawing.figure.savefig(
            buffer, format=name, dpi=dpi, metadata=_metadata(name, caption, statement)
        )
        write_atomically(path, buffer.getvalue())
        files.append(path)
    sidecar = out / f"{caption.name}.json"
    write_atomically(sidecar, _sidecar(caption, drawing, records.label))
    files.append(sidecar)
    missing = dict.fromkeys(
        recipe.text(records.typed) for gap in drawing.gaps for recipe in gap.recipes
    )
    n_drawn = len(drawing.numbers["panels"])
    return Outcome(
        caption.name,
        tuple(files),
        status_of(n_drawn, len(drawing.gaps) or int(n_drawn == 0)),
        tuple(missing),
    )


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


def _sidecar(caption: Caption, drawing: Drawing, records_label: str) -> str:
    content = {
        "format": SIDECAR_FORMAT,
        "version": SIDECAR_VERSION,
        **asdict(caption),
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


def _statement(caption: Caption, drawing: Drawing) -> str:
    """Records, seeds, sample counts and commits in one line."""
    samples = ", ".join(
        f"{'/'.join(map(str, counts))} {kind}"
        for kind, counts in samples_of(drawing.sources).items()
    )
    computed = dict.fromkeys(commit for source in drawing.sources for commit in source.commits)
    parts = [
        f"{caption.paper}: {caption.title}" if caption.paper != "ours" else caption.title,
        "records: " + (", ".join(_named(s) for s in drawing.sources) or "none"),
        "seeds: " + (", ".join(map(str, seeds_of(drawing.sources))) or "none"),
        "samples: " + (samples or "none"),
        "computed at commit: " + (", ".join(computed) or "none"),
        f"drawn at commit: {drawing_commit()}",
    ]
    if drawing.gaps:
        parts.insert(1, "missing: " + ", ".join(gap.panel for gap in drawing.gaps))
    return "; ".join(parts)


def _named(source: Source) -> str:
    return f"{source.file} (sha256 {source.sha256[:12]})"


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


def _metadata(name: Format, caption: Caption, statement: str) -> dict[str, Any]:
    """In the words of each format; no date, so that the same drawing gives the same bytes."""
    creator = f"patchlaw {version('patchlaw')}"
    if name == "pdf":
        return {
            "Title": caption.title,
            "Subject": statement,
            "Keywords": caption.name,
            "Creator": creator,
            "CreationDate": None,
        }
    if name == "svg":
        return {
            "Title": caption.title,
            "Description": statement,
            "Keywords": [caption.name],
            "Creator": creator,
            "Date": None,
        }
    return {"Title": caption.title, "Description": statement, "Software": creator}
