"""``soundsift tag``: suggest, accept, write, rename, audit, and take back."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from app import report
from app.opening import existing_library, library_path, print_json
from app.progress_bar import progress_bar
from engine.errors import InputError
from engine.paths import is_under, spelled_out
from engine.progress import Control
from engine.session import model_of
from engine.store import Library
from engine.store.places import ids_under

if TYPE_CHECKING:
    from engine.metadata.renaming import Rename
    from engine.metadata.write import SoundTags
    from engine.search import Searcher
    from engine.store.tags import TagRow
    from engine.tags.run import Written
    from engine.tags.suggest import Suggestions


@dataclass
class Outcome:
    """What a run suggests, and what it did or, in a dry run, would do."""

    model: str
    taxonomy: str
    paths: Mapping[int, str]
    suggestions: Suggestions
    accepted: int = 0
    to_write: Mapping[str, SoundTags] = field(default_factory=dict)
    written: Written | None = None
    renames: Sequence[Rename] = ()
    dry: bool = False
    did: tuple[str, ...] = ()
    remark: str = ""


def tag(options: argparse.Namespace) -> None:
    """Do what was asked."""
    if options.undo:
        _undo(options)
        return
    if not options.paths:
        raise InputError("tag which sounds? Name files or folders")
    if options.rename:
        _refuse_unnamed(options)
    with _library_with(options) as library:
        with progress_bar() as control:
            ids, searcher = _sounds(library, options.paths, control)
            if options.audit:
                _audit(options, library, ids, searcher, control)
                return
            outcome = _tagged(options, library, ids, searcher, control)
        if options.json:
            print_json(_document(outcome))
        else:
            print(report.tags(outcome))
        written = outcome.written
        if written is not None and written.refused and not written.done:
            count, reason = len(written.refused), written.refused[0][1]
            raise InputError(f"none of the {count} files could be written: {reason}")


def _refuse_unnamed(options: argparse.Namespace) -> None:
    """Tell what the pattern lacks before anything is done."""
    from engine.metadata.renaming import needed_fields

    needed = needed_fields(options.pattern)
    for name, example in (("creator", "ABC"), ("source", "MyLib"), ("user", "x")):
        if name in needed and not getattr(options, name):
            raise InputError(f"the names hold a {name}: say which, such as --{name} {example}")


def _tagged(
    options: argparse.Namespace,
    library: Library,
    ids: list[int],
    searcher: Searcher,
    control: Control,
) -> Outcome:
    from engine.store.tags import merge, tag_rows
    from engine.tags.review import record, rows_of
    from engine.tags.run import TagRun
    from engine.tags.suggest import Rules, Tagger
    from engine.tags.taxonomy import find_taxonomy

    tagger = Tagger(library, searcher, find_taxonomy(options.taxonomy))
    rules = Rules(options.least, options.most, not options.per_clip, not options.no_words)
    suggestions = tagger.suggest(np.array(ids, np.int64), rules, control)
    sounds = library.sounds(ids)
    outcome = Outcome(
        searcher.spec.name,
        tagger.taxonomy.name,
        {i: sounds[i].path for i in sorted(ids, key=lambda i: sounds[i].path)},
        suggestions,
        dry=options.dry_run,
    )
    if not (options.apply or options.write or options.rename):
        return outcome
    new = rows_of(library, suggestions, ids, tagger.model_id, options.accept)
    outcome.did = tuple(name for name in ("write", "rename") if getattr(options, name))
    if options.dry_run:
        old = tag_rows(library, ids)
        counting = merge(old, new)
        replaced = {(row.sound_id, row.label) for row in counting}
        rows = [r for r in old if (r.sound_id, r.label) not in replaced] + counting
        _plan(outcome, options, library, rows)
        outcome.accepted = sum(row.state == "accepted" for row in counting)
        return outcome
    with TagRun.begin(library) as run:
        change = record(library, ids, new, run.note)
        outcome.accepted = sum(row.state == "accepted" for row in change.after)
        _plan(outcome, options, library, tag_rows(library, ids))
        if options.write:
            outcome.written = run.write(outcome.to_write, control, options.keep_time)
        run.rename(outcome.renames)
    outcome.remark = run.remark
    return outcome


def _plan(
    outcome: Outcome,
    options: argparse.Namespace,
    library: Library,
    rows: Sequence[TagRow],
) -> None:
    """Note what is to be written and renamed."""
    from engine.tags.writing import renames_of, tags_to_write

    ids = list(outcome.paths)
    if options.write:
        outcome.to_write = tags_to_write(library, ids, rows)
    if options.rename:
        fields = {name: getattr(options, name) for name in ("creator", "source", "user")}
        outcome.renames = renames_of(library, ids, rows, options.pattern, fields)


def _audit(
    options: argparse.Namespace,
    library: Library,
    ids: list[int],
    searcher: Searcher,
    control: Control,
) -> None:
    from engine.tags.audit import audit

    found = audit(library, searcher, np.array(ids, np.int64), control)
    if options.json:
        print_json({"model": searcher.spec.name, **found.to_dict()})
    else:
        print(report.audit(found))


def _undo(options: argparse.Namespace) -> None:
    from engine.tags.run import undo_last

    with existing_library(options) as library, progress_bar() as control:
        undone = undo_last(library, control)
    if options.json:
        refused = [{"path": path, "reason": reason} for path, reason in undone.refused]
        counts = {"tags": undone.tags, "files": undone.files, "names": undone.names}
        print_json({**counts, "refused": refused})
    else:
        print(report.undone(undone))


def _library_with(options: argparse.Namespace) -> Library:
    """Return the library; a wrong path must not leave a new, empty one behind."""
    from engine.index.scan import roots_of

    if not library_path(options).is_file():
        roots_of(options.paths)
    return Library(library_path(options))


def _sounds(
    library: Library, paths: Sequence[Path], control: Control
) -> tuple[list[int], Searcher]:
    """Bring the library in step with the paths; return the ids of their sounds."""
    from engine.index.build import index_folders
    from engine.search import Searcher

    folder = model_of(library)
    roots = [spelled_out(path) for path in paths]
    known = library.folders()
    inside = [Path(root) for root in roots if is_under(root, known)]
    outside = [Path(root) for root in roots if not is_under(root, known)]
    for some, remember in ((inside, False), (outside, True)):
        if some:
            index_folders(library, folder, some, control, remember=remember)
    ids = sorted({sound_id for root in roots for sound_id in ids_under(library, root)})
    if not ids:
        raise InputError(f"there are no sounds in {paths[0]} that could be heard")
    return ids, Searcher(library, folder)


def _document(outcome: Outcome) -> dict[str, Any]:
    """Return the tag JSON; what was done stands there where it was asked for."""
    files = [
        {
            "path": path,
            "suggestions": [
                {
                    "label": suggestion.label.name,
                    "id": suggestion.label.id,
                    "probability": suggestion.probability,
                    "start_s": suggestion.start_s,
                    "end_s": suggestion.end_s,
                }
                for suggestion in outcome.suggestions.get(sound_id, ())
            ],
        }
        for sound_id, path in outcome.paths.items()
    ]
    document: dict[str, Any] = {
        "model": outcome.model,
        "taxonomy": outcome.taxonomy,
        "remark": outcome.remark,
        "files": files,
    }
    if outcome.dry:
        document["dry_run"] = True
    if "write" in outcome.did:
        refused = outcome.written.refused if outcome.written else ()
        done = outcome.written.done if outcome.written else tuple(outcome.to_write)
        document["write"] = [
            {"path": path, "fields": outcome.to_write[path].named()} for path in done
        ]
        document["not_written"] = [{"path": path, "reason": reason} for path, reason in refused]
        kept = outcome.written.kept if outcome.written else ()
        document["kept"] = [{"path": path, "reason": reason} for path, reason in kept]
    if "rename" in outcome.did:
        document["rename"] = [
            {"old": plan.old, "new": plan.new, "problem": plan.problem} for plan in outcome.renames
        ]
    return document
