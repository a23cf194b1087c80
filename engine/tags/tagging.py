"""One tagging run: suggest, accept, write into files, rename; or show what that would do."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from engine.errors import InputError
from engine.metadata.renaming import UCS_PATTERN, Rename, needed_fields
from engine.metadata.write import SoundTags
from engine.progress import Control
from engine.store import Library
from engine.store.history import RunKind
from engine.store.tags import TagRow, merge, tag_rows
from engine.tags.review import record, rows_of
from engine.tags.run import TagRun, Written
from engine.tags.suggest import Rules, Suggestions, Tagger
from engine.tags.writing import renames_of, tags_to_write

_EXAMPLES = {"creator": "ABC", "source": "MyLib", "user": "x"}


@dataclass(frozen=True)
class Naming:
    """How files are renamed: a pattern, and those of its fields that are the same for all."""

    pattern: str = UCS_PATTERN
    creator: str = ""
    source: str = ""
    user: str = ""

    def fields(self) -> dict[str, str]:
        """Return the fields by name."""
        return {name: getattr(self, name) for name in _EXAMPLES}

    def check(self) -> None:
        """Tell what the pattern lacks before anything is done.

        :raises InputError: a field that every name holds is empty, or the pattern makes no sense.
        """
        needed = needed_fields(self.pattern)
        for name, example in _EXAMPLES.items():
            if name in needed and not getattr(self, name):
                raise InputError(f"the pattern uses {name}: give one, such as --{name} {example}")


@dataclass(frozen=True)
class TagOrder:
    """What a run does beside suggesting; the default changes nothing.

    ``apply`` accepts suggestions of at least the probability ``accept``; ``write`` puts accepted
    tags into the files and ``rename`` renames those, and both accept first.  ``dry_run`` only
    tells what would be done.
    """

    rules: Rules = field(default_factory=Rules)
    apply: bool = False
    accept: float = 0.5
    write: bool = False
    keep_time: bool = False
    rename: Naming | None = None
    dry_run: bool = False

    @property
    def changes(self) -> bool:
        """Return whether anything beside suggesting is asked for."""
        return self.apply or self.write or self.rename is not None


@dataclass(frozen=True)
class TagOutcome:
    """What a run suggested, and what it did or, in a dry run, would do.

    ``paths`` of the sounds by id, in their order; ``accepted`` counts tags.
    """

    model: str
    taxonomy: str
    order: TagOrder
    paths: Mapping[int, str]
    suggestions: Suggestions
    accepted: int = 0
    to_write: Mapping[str, SoundTags] = field(default_factory=dict)
    written: Written | None = None
    renames: Sequence[Rename] = ()
    remark: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the tag JSON; what was done stands there where it was asked for."""
        document: dict[str, Any] = {
            "model": self.model,
            "taxonomy": self.taxonomy,
            "remark": self.remark,
            "files": [self._suggested(i, path) for i, path in self.paths.items()],
        }
        if self.order.dry_run:
            document["dry_run"] = True
        if self.order.write:
            refused = self.written.refused if self.written else ()
            done = self.written.done if self.written else tuple(self.to_write)
            document["write"] = [
                {"path": path, "fields": self.to_write[path].named()} for path in done
            ]
            document["not_written"] = [{"path": path, "reason": reason} for path, reason in refused]
            kept = self.written.kept if self.written else ()
            document["kept"] = [{"path": path, "reason": reason} for path, reason in kept]
        if self.order.rename is not None:
            document["rename"] = [asdict(plan) for plan in self.renames]
        return document

    def _suggested(self, sound_id: int, path: str) -> dict[str, Any]:
        suggestions = [
            {
                "label": suggestion.label.name,
                "id": suggestion.label.id,
                "probability": suggestion.probability,
                "start_s": suggestion.start_s,
                "end_s": suggestion.end_s,
            }
            for suggestion in self.suggestions.get(sound_id, ())
        ]
        return {"path": path, "suggestions": suggestions}


def tag(
    library: Library, tagger: Tagger, ids: Collection[int], order: TagOrder, control: Control
) -> TagOutcome:
    """Suggest tags for sounds, and do with them what was ordered.

    :raises InputError: names lack a field, or their pattern makes no sense; nothing was changed.
    :raises Cancelled: the user asked to stop; what was done is kept, and can be taken back.
    """
    if order.rename is not None:
        order.rename.check()
    listed = sorted(ids)
    suggestions = tagger.suggest(np.array(listed, np.int64), order.rules, control)
    sounds = library.sounds(listed)
    paths = {i: sounds[i].path for i in sorted(listed, key=lambda i: sounds[i].path)}
    outcome = TagOutcome(tagger.model_name, tagger.taxonomy.name, order, paths, suggestions)
    if not order.changes:
        return outcome
    new = rows_of(library, suggestions, listed, tagger.model_id, order.accept)
    if order.dry_run:
        return _foreseen(library, outcome, new)
    kind: RunKind | None = "write" if order.write else "rename" if order.rename else None
    with TagRun.begin(library, kind, len(listed)) as run:
        change = record(library, listed, new, run.note)
        outcome = replace(outcome, accepted=_accepted(change.after))
        outcome = _planned(library, outcome, tag_rows(library, listed))
        if order.write:
            written = run.write(outcome.to_write, control, order.keep_time)
            outcome = replace(outcome, written=written)
        run.rename(outcome.renames)
    return replace(outcome, remark=run.remark)


def _foreseen(library: Library, outcome: TagOutcome, new: Sequence[TagRow]) -> TagOutcome:
    """Return what would be done if ``new`` were recorded."""
    old = tag_rows(library, list(outcome.paths))
    counting = merge(old, new)
    replaced = {(row.sound_id, row.label) for row in counting}
    rows = [row for row in old if (row.sound_id, row.label) not in replaced] + counting
    return replace(_planned(library, outcome, rows), accepted=_accepted(counting))


def _planned(library: Library, outcome: TagOutcome, rows: Sequence[TagRow]) -> TagOutcome:
    """Return the outcome with what is to be written and renamed."""
    order, ids = outcome.order, list(outcome.paths)
    if order.write:
        outcome = replace(outcome, to_write=tags_to_write(library, ids, rows))
    if order.rename is not None:
        naming = order.rename
        plans = renames_of(library, ids, rows, naming.pattern, naming.fields())
        outcome = replace(outcome, renames=plans)
    return outcome


def _accepted(rows: Sequence[TagRow]) -> int:
    return sum(row.state == "accepted" for row in rows)
