"""Decisions on tags by another program: they yield to a person's, and can be undone as one run."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from engine.metadata.ucs_names import category_of_tag
from engine.store import Library
from engine.store.tags import AGENT, PERSON, State, TagRow, put_tags, tag_rows
from engine.tags.review import Pair, TagChange
from engine.tags.run import TagRun


@dataclass(frozen=True)
class Decided:
    """The tags that changed, and those that did not: (sound id, label, why)."""

    changed: tuple[TagRow, ...]
    kept: tuple[tuple[int, str, str], ...]


class Decisions:
    """What one program decides on the tags of a library.

    All of it is one run, which ``soundsift tag undo`` undoes, until a run of somebody else follows:
    a program that decides a thousand times must not push other runs out of those that are kept.
    """

    def __init__(self, library: Library) -> None:
        self._library = library
        self._one_at_a_time = threading.Lock()
        self._folder: Path | None = None
        self._change = TagChange((), ())

    def decide(self, accepted: Sequence[Pair], rejected: Sequence[Pair]) -> Decided:
        """Accept and reject (sound id, label).

        What a person decided stays, and so does a category: a sound has one.

        :raises LibraryError: the decisions cannot be recorded; nothing was changed.
        """
        with self._one_at_a_time:
            wanted: list[tuple[Pair, State]] = [(pair, "rejected") for pair in rejected]
            wanted += [(pair, "accepted") for pair in accepted]
            ids = {sound_id for (sound_id, _), _ in wanted}
            before = tag_rows(self._library, ids)
            rows, kept = _decided(before, wanted)
            if rows:
                pairs = {(row.sound_id, row.label) for row in rows}
                old = tuple(row for row in before if (row.sound_id, row.label) in pairs)
                with self._noting(TagChange(old, tuple(rows))):
                    put_tags(self._library, rows)
            return Decided(tuple(rows), tuple(kept))

    @contextmanager
    def _noting(self, change: TagChange) -> Iterator[None]:
        """Note a change before it is made, so that none goes without the way back."""
        if self._folder is not None:
            with TagRun.again(self._library, self._folder) as run:
                if run is not None:
                    self._change = joined(self._change, change)
                    run.note(self._change)
                    yield
                    return
        with TagRun.begin(self._library) as run:
            self._folder, self._change = run.folder, change
            run.note(change)
            yield


def joined(first: TagChange, then: TagChange) -> TagChange:
    """Return two changes as one."""
    was, middle, new, last = (
        {(row.sound_id, row.label): row for row in rows}
        for rows in (first.before, first.after, then.before, then.after)
    )
    sooner, later = was.keys() | middle.keys(), new.keys() | last.keys()
    before, after = [], []
    for pair in {**was, **middle, **new, **last}:
        old = (was if pair in sooner else new).get(pair)
        row = (last if pair in later else middle).get(pair)
        if old != row:
            before += [old] if old is not None else []
            after += [row] if row is not None else []
    return TagChange(tuple(before), tuple(after))


def _decided(
    before: Collection[TagRow], wanted: Sequence[tuple[Pair, State]]
) -> tuple[list[TagRow], list[tuple[int, str, str]]]:
    """Return the tags that change, and those that must not."""
    known = {(row.sound_id, row.label): row for row in before}
    rows: dict[Pair, TagRow] = {}
    kept = []
    for (sound_id, label), state in wanted:
        pair = (sound_id, label)
        old = rows.get(pair) or known.get(pair)
        if old is not None and old.state == state and old.said_by in (PERSON, AGENT):
            continue
        if old is not None and old.said_by == PERSON:
            kept.append((sound_id, label, f"its user {old.state} it"))
            continue
        filed = _category_of({**known, **rows}.values(), sound_id)
        if state == "accepted" and category_of_tag(label) and filed not in ("", label):
            kept.append((sound_id, label, f"it has the category {filed}: reject that first"))
            continue
        if old is None:
            rows[pair] = TagRow(sound_id, label, state, AGENT)
        else:
            span = (old.probability, old.start_s, old.end_s)
            rows[pair] = TagRow(sound_id, label, state, AGENT, *span)
    return list(rows.values()), kept


def _category_of(rows: Collection[TagRow], sound_id: int) -> str:
    """Return the category that is accepted of a sound, if any."""
    own = (row for row in rows if row.sound_id == sound_id and row.state == "accepted")
    return next((row.label for row in own if category_of_tag(row.label)), "")
