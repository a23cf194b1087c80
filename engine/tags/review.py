"""Decisions on tags: suggested ones become accepted, rejected or edited, and back again."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from engine.metadata.ucs_names import category_of_tag
from engine.store import Library, SoundRow
from engine.store.tags import (
    DECIDERS,
    PERSON,
    State,
    TagRow,
    decide_on_tags,
    put_tags,
    sounds_tagged,
    suggest_tags,
    tag_rows,
)

if TYPE_CHECKING:
    from engine.tags.suggest import Suggestion

FILE = "file"
Pair = tuple[int, str]


@dataclass(frozen=True)
class TagChange:
    """Tags before and after a decision; one that is in only one of them was added or removed."""

    before: tuple[TagRow, ...]
    after: tuple[TagRow, ...]

    def take_back(self, library: Library) -> list[TagRow]:
        """Let the tags be what they were, but for those that were decided on since.

        Return those that are, as they were before this.
        """
        then = {(row.sound_id, row.label): row for row in self.after}
        old = {(row.sound_id, row.label): row for row in self.before}
        ids = {sound_id for sound_id, _ in (*then, *old)}
        now = {(row.sound_id, row.label): row for row in tag_rows(library, ids)}
        touched = [pair for pair in {**old, **then} if now.get(pair) == then.get(pair)]
        back = [old[pair] for pair in touched if pair in old]
        put_tags(library, back, [pair for pair in touched if pair not in old])
        return [then.get(pair) or old[pair] for pair in touched]


class Review:
    """A user's decisions on the tags of one library; each is a step that can be undone."""

    def __init__(self, library: Library) -> None:
        self._library = library

    def accept(self, pairs: Collection[Pair]) -> None:
        """Accept (sound id, label)."""
        self._decide(pairs, "accepted")

    def reject(self, pairs: Collection[Pair]) -> None:
        """Reject (sound id, label)."""
        self._decide(pairs, "rejected")

    def edit(self, pairs: Collection[Pair], label: str) -> None:
        """Put another label in the place of those of ``pairs``."""
        known = {(r.sound_id, r.label): r for r in tag_rows(self._library, {i for i, _ in pairs})}
        spans = {
            i: (known[i, old].start_s, known[i, old].end_s) for i, old in pairs if (i, old) in known
        }
        rows = [TagRow(i, old, "edited", PERSON) for i, old in pairs if old != label]
        accepted = [
            TagRow(i, label, "accepted", PERSON, None, *spans.get(i, (None, None)))
            for i in sorted({sound_id for sound_id, _ in pairs})
        ]
        decide_on_tags(self._library, [*rows, *accepted])

    def remove(self, label: str, ids: Collection[int] | None = None) -> list[int]:
        """Take a tag from sounds that have it, from all if None; return which had it."""
        having = sounds_tagged(self._library, label)
        if ids is not None:
            having = sorted(set(having) & set(ids))
        self.reject([(sound_id, label) for sound_id in having])
        return having

    def _decide(self, pairs: Collection[Pair], state: State) -> None:
        known = {(r.sound_id, r.label): r for r in tag_rows(self._library, {i for i, _ in pairs})}
        rows = []
        for sound_id, label in dict.fromkeys(pairs):
            row = known.get((sound_id, label)) or TagRow(sound_id, label, state, PERSON)
            rows.append(replace(row, state=state, said_by=PERSON))
        decide_on_tags(self._library, rows)


def _change_between(before: Sequence[TagRow], after: Sequence[TagRow]) -> TagChange:
    """Return what differs, in the order in which tags are read."""
    was, becomes = set(before), set(after)
    return TagChange(
        tuple(row for row in before if row not in becomes),
        tuple(row for row in after if row not in was),
    )


def sure_tags(rows: Sequence[TagRow], least: float) -> list[Pair]:
    """Return the suggested tags of at least a probability, likeliest first.

    A sound gets one UCS category: the likeliest, and none beside an accepted one.
    """
    pairs = []
    filed = {row.sound_id for row in rows if row.state == "accepted" and category_of_tag(row.label)}
    for row in sorted(rows, key=lambda row: -(row.probability or 0.0)):
        if row.state != "suggested" or (row.probability or 0.0) < least:
            continue
        if category_of_tag(row.label):
            if row.sound_id in filed:
                continue
            filed.add(row.sound_id)
        pairs.append((row.sound_id, row.label))
    return pairs


def rows_of(
    library: Library,
    suggestions: Mapping[int, Sequence[Suggestion]],
    ids: Collection[int],
    model_id: str,
    accept_from: float | None,
) -> list[TagRow]:
    """Return suggestions for the sounds ``ids`` as tags; those that are sure enough are accepted.

    A sound gets one UCS category at most, and none beside one that a person or an agent gave it.
    A category that the file itself names is said by the file.

    :param accept_from: the least probability that is accepted; None accepts nothing.
    """
    sounds = library.sounds(ids)
    chosen = {
        row.sound_id
        for row in tag_rows(library, ids, "accepted")
        if row.said_by in DECIDERS and category_of_tag(row.label)
    }
    return [
        row
        for sound_id in ids
        for row in _rows(
            sounds[sound_id],
            suggestions.get(sound_id, ()),
            model_id,
            accept_from,
            sound_id in chosen,
        )
    ]


def record(
    library: Library,
    ids: Collection[int],
    rows: Sequence[TagRow],
    note: Callable[[TagChange], None] = lambda change: None,
) -> TagChange:
    """Record what a model says of the sounds ``ids``; what a person said stays.

    :param note: is told before it counts, so that no change goes without the way back.
    """
    found: list[TagChange] = []

    def see(before: Sequence[TagRow], after: Sequence[TagRow]) -> None:
        found.append(_change_between(before, after))
        note(found[0])

    suggest_tags(library, ids, rows, see)
    return found[0]


def _rows(
    sound: SoundRow,
    found: Sequence[Suggestion],
    model_id: str,
    accept_from: float | None,
    has_category: bool,
) -> list[TagRow]:
    rows: dict[str, TagRow] = {}
    for suggestion in found:
        label = suggestion.label.tag
        is_category = category_of_tag(label) is not None
        sure = accept_from is not None and suggestion.probability >= accept_from
        accepted = sure and not (is_category and has_category)
        has_category |= is_category and accepted
        known = rows.get(label)
        if known is not None and (known.probability or 0.0) >= suggestion.probability:
            continue  # another part of the sound, less sure
        whole = suggestion.start_s <= 0 and suggestion.end_s >= sound.duration_s - 0.05
        rows[label] = TagRow(
            sound.id,
            label,
            "accepted" if accepted or (known and known.state == "accepted") else "suggested",
            FILE if is_category and label == sound.category else model_id,
            suggestion.probability,
            None if whole else suggestion.start_s,
            None if whole else suggestion.end_s,
        )
    return list(rows.values())
