"""A record as it grows: one JSON file, replaced as a whole after every stage."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from verification.analysis.options import AnalysisOptions, stages_decided_by
from verification.analysis.record import RunFacts, read_content
from verification.claims.records import FORMAT, VERSION
from verification.sealed_record import write_record


class AnalysisDocument:
    """The record of one run, on disk; a stage's sections appear together with its mark.

    Args:
        path: of the file; read if it is there.
        run: which run is analysed.
        reproduce: command that gives the record again.
        options: everything else that decides its numbers, as JSON. Where they differ from the
            file's only in what no stage on record used, these hold from now on.

    Raises:
        ValueError: the file is truncated, altered or another program's, or it holds the analysis
            of another run, of other epochs, or stages done with other options.
    """

    def __init__(
        self, path: Path, run: RunFacts, reproduce: str, options: Mapping[str, Any]
    ) -> None:
        self.path = path
        self._content: dict[str, Any] = {
            "format": FORMAT,
            "version": VERSION,
            "reproduce": reproduce,
            "run": asdict(run),
            "options": dict(options),
            "stages": {},
        }
        if path.exists():
            self._adopt(read_content(path))

    def _adopt(self, content: dict[str, Any]) -> None:
        done = content.get("stages", {})
        for part in ("run", "options"):
            stored, wanted = content.get(part, {}), json.loads(json.dumps(self._content[part]))
            for name in sorted({*stored, *wanted}):
                bound = part == "run" or any(stage in done for stage in stages_decided_by(name))
                if bound and stored.get(name) != wanted.get(name):
                    raise ValueError(
                        f"{self.path}: expected the record of this analysis, got one with "
                        f"{part}.{name} = {stored.get(name)!r}, now {wanted.get(name)!r}; move "
                        "it away, or name another folder"
                    )
        self._content = content | {part: self._content[part] for part in ("options", "reproduce")}

    def done(self, stage: str) -> bool:
        """Whether a stage's results are on record."""
        return stage in self._content["stages"]

    def section(self, name: str) -> Any:
        """A section; None if it is not there."""
        return self._content.get(name)

    def finish(self, stage: str, sections: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
        """Add a stage's sections and its mark, and write the file.

        Sections that are JSON objects are merged into what earlier stages put there.

        Raises:
            ValueError: NaN or infinity in them.
        """
        content = {**self._content, "stages": {**self._content["stages"], stage: dict(facts)}}
        for name, section in sections.items():
            content[name] = _merged(content.get(name), section)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_record(self.path, content)
        self._content = content


def recorded_options(path: Path) -> AnalysisOptions:
    """What a later stage of a record takes unless told otherwise; the defaults without a file.

    Raises:
        ValueError: the file is truncated, altered or another program's, or holds an option out of
            range.
    """
    if not path.exists():
        return AnalysisOptions()
    stored = read_content(path).get("options", {})
    try:
        return AnalysisOptions.from_json(stored)
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"{path}: expected options of an analysis, got {stored}: {error}; move it away"
        ) from error


def _merged(old: Any, new: Any) -> Any:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return {**old, **{key: _merged(old.get(key), value) for key, value in new.items()}}
    return new
