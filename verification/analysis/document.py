"""A record as it grows: one JSON file, replaced as a whole after every stage."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from patchlaw.verification.analysis.options import AnalysisOptions, adds_to, stages_decided_by
from patchlaw.verification.records import ANALYSIS, RunFacts
from patchlaw.verification.records.run_facts import Settings
from patchlaw.verification.store.json_files import JsonFileError, plain, typed

# Keys of a stage's mark.
_INCOMPLETE = "incomplete"
_EARLIER = "earlier"


class AnalysisDocument:
    """The record of one run, on disk; a stage's sections appear together with its mark.

    Args:
        path: of the file; read if it is there.
        run: which run is analysed.
        settings: of the run; records of former releases have none, or a digest. Held against others
            they would stand apart, so these are written into the file, whatever is left to do.
        reproduce: command that gives the record again.
        options: everything else that decides its numbers, as JSON. Where they differ from the
            file's only in what no stage on record used, these hold from now on; where they ask a
            stage for more of the same, it is not done any more and keeps what it has.

    Raises:
        ValueError: the file is truncated, altered or another program's, or it holds the analysis
            of another run, of other epochs, or stages done with other options.
    """

    def __init__(
        self,
        path: Path,
        run: RunFacts,
        settings: Settings,
        reproduce: str,
        options: Mapping[str, Any],
    ) -> None:
        self.path = path
        self._content: dict[str, Any] = {
            "reproduce": reproduce,
            "run": plain(run),
            "settings": plain(settings),
            "options": plain(options),
            "stages": {},
        }
        if path.exists():
            self._adopt(ANALYSIS.read(path))

    def _adopt(self, content: dict[str, Any]) -> None:
        done = dict(content.get("stages", {}))
        for part in ("run", "options"):
            stored, wanted = content.get(part, {}), self._content[part]
            for name in sorted({*stored, *wanted}):
                bound = part == "run" or any(stage in done for stage in stages_decided_by(name))
                if not bound or stored.get(name) == wanted.get(name):
                    continue
                if part == "options" and adds_to(name, stored.get(name), wanted.get(name)):
                    for stage in done.keys() & set(stages_decided_by(name)):
                        done[stage] = {**done[stage], _INCOMPLETE: True}
                else:
                    raise ValueError(
                        f"{self.path}: expected the record of this analysis, got one with "
                        f"{part}.{name} = {stored.get(name)!r}, now {wanted.get(name)!r}; move "
                        "it away, or name another folder"
                        + ("; to measure more moments, name these too" * (name == "epochs"))
                    )
        settings = self._content["settings"]
        if content.get("settings") != settings:
            ANALYSIS.write(self.path, {**content, "settings": settings})
        self._content = {
            **content,
            "stages": done,
            **{part: self._content[part] for part in ("settings", "options", "reproduce")},
        }

    def done(self, stage: str) -> bool:
        """Whether a stage's results are on record, all that the options ask for."""
        return stage in _whole(self._content)

    def section(self, name: str) -> Any:
        """A section; None if it is not there."""
        return self._content.get(name)

    def finish(self, stage: str, sections: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
        """Add a stage's sections and its mark, and write the file.

        Sections become JSON, whose objects are merged into what earlier stages put there. The mark
        of a stage that has added to what it had keeps the former ones under "earlier".

        Raises:
            ValueError: NaN or infinity in them.
        """
        stages, mark = self._content["stages"], dict(facts)
        if stage in stages:
            former = {k: v for k, v in stages[stage].items() if k not in (_INCOMPLETE, _EARLIER)}
            mark[_EARLIER] = [*stages[stage].get(_EARLIER, ()), former]
        content = {**self._content, "stages": {**stages, stage: mark}}
        for name, section in sections.items():  # a NaN stays one, and is refused
            content[name] = _merged(content.get(name), plain(section, lambda number: False))
        self.path.parent.mkdir(parents=True, exist_ok=True)
        ANALYSIS.write(self.path, content)
        self._content = content


def stages_on_record(path: Path, epochs: int) -> frozenset[str]:
    """Stages that a record holds whole; none of a run that was shorter.

    Raises:
        ValueError, OSError: no record.
    """
    content = ANALYSIS.read(path)
    return _whole(content) if content.get("run", {}).get("epochs", 0) >= epochs else frozenset()


def _whole(content: Mapping[str, Any]) -> frozenset[str]:
    marks = content["stages"].items()
    return frozenset(name for name, mark in marks if not mark.get(_INCOMPLETE, False))


def recorded_options(path: Path, new: AnalysisOptions | None = None) -> AnalysisOptions:
    """What a later stage of a record takes unless told otherwise; ``new`` without a file.

    Raises:
        ValueError: the file is truncated, altered or another program's, or holds an option out of
            range.
    """
    if not path.exists():
        return new or AnalysisOptions()
    try:
        return typed(ANALYSIS.read(path).get("options", {}), AnalysisOptions)
    except JsonFileError as error:
        raise ValueError(
            f"{path}: expected options of an analysis: {error}; move it away"
        ) from error


def _merged(old: Any, new: Any) -> Any:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return {**old, **{key: _merged(old.get(key), value) for key, value in new.items()}}
    return new
