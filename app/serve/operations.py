"""What the server can do, a row each: the HTTP API and the tools of agents are made of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from app.serve.answers import rounded
from app.serve.desk import Desk, NotAllowedError
from app.serve.handing_over import hand_over
from app.serve.questions import (
    DecideTags,
    Describe,
    HandOver,
    Nothing,
    Outline,
    Question,
    Search,
    Similar,
    SimilarFile,
    SoundTag,
    SuggestTags,
)
from engine.errors import InputError
from engine.handover.used import note_handed, project_of
from engine.plain_text import one_line
from engine.progress import Control
from engine.search import Answer, QuerySound
from engine.search.answer import to_dict
from engine.search.telling import describe_sound, outline
from engine.store.adopted import adopted_model
from engine.store.collections import collections
from engine.store.listing import facets
from engine.tags.suggest import Rules, Suggestion

_MOST_TEXT = 1000  # characters of a description in results

Does = Callable[[Desk, Any], dict[str, Any]]


@dataclass(frozen=True)
class Operation:
    """One thing that can be asked for.

    ``path`` is its address below ``/v1/``, ``name`` what agents call it, ``tells`` what it does.
    ``needs`` is the permission without which agents do not see it.
    """

    path: str
    name: str
    tells: str
    asks: type[Question]
    does: Does
    needs: str = ""

    def answer(self, desk: Desk, fields: Any) -> dict[str, Any]:
        """Return the answer to a question with these fields.

        :raises ValidationError: they are not those of the question.
        """
        found: dict[str, Any] = rounded(self.does(desk, self.asks.model_validate(fields)))
        return found

    def is_allowed(self, desk: Desk) -> bool:
        """Return whether the server may do it."""
        allowed = {
            "changes": desk.permissions.changes,
            "folders": bool(desk.permissions.folders),
        }
        return allowed.get(self.needs, True)


def _status(desk: Desk, asked: Nothing) -> dict[str, Any]:
    library, permissions = desk.session.library, desk.permissions
    counts, model = library.statistics(), adopted_model(library)
    return {
        "library": library.name,
        "model": model.name if model is not None else "",
        "sounds": counts.sounds,
        "waiting": counts.sounds - counts.embedded,
        "missing": counts.missing,
        "offline": counts.offline,
        "hours": counts.hours,
        "may_change_tags": permissions.changes,
        "hand_over_folders": [str(folder) for folder in permissions.folders],
    }


def _folders(desk: Desk, asked: Nothing) -> dict[str, Any]:
    counted = facets(desk.session.library).folders
    rows = [
        {"path": path, "sounds": c.sounds, "waiting": c.waiting, "offline": c.offline}
        for path, c in counted.items()
    ]
    return {"folders": rows}


def _collections(desk: Desk, asked: Nothing) -> dict[str, Any]:
    known = collections(desk.session.library)
    return {"collections": [{"name": name, "sounds": count} for name, count in known.items()]}


def _search(desk: Desk, asked: Search) -> dict[str, Any]:
    return _answer(desk, desk.session.search(asked.text, asked.limit, asked.names))


def _similar(desk: Desk, asked: Similar) -> dict[str, Any]:
    sounds = [
        QuerySound(Path(desk.sound(part.sound).path), part.start_s, part.end_s)
        for part in asked.sounds
    ]
    return _answer(desk, desk.session.similar(sounds, asked.limit, asked.plus, asked.minus))


def similar_file(desk: Desk, file: Path, asked: SimilarFile) -> dict[str, Any]:
    """Return sounds that are similar to a file that was sent along."""
    answer = desk.session.similar(QuerySound(file), asked.limit, asked.plus, asked.minus)
    return _answer(desk, answer) | {"query": "the file"}


def _describe(desk: Desk, asked: Describe) -> dict[str, Any]:
    return describe_sound(desk.session, desk.sound(asked.sound)).to_dict()


def _outline(desk: Desk, asked: Outline) -> dict[str, Any]:
    return outline(desk.session, asked.level).to_dict()


def _saved_searches(desk: Desk, asked: Nothing) -> dict[str, Any]:
    known = desk.session.keeping.searches()
    return {"searches": [{"name": name, "text": text} for name, text in known.items()]}


def _suggest_tags(desk: Desk, asked: SuggestTags) -> dict[str, Any]:
    sounds = {sound.id: sound for sound in map(desk.sound, asked.sounds)}
    rules = Rules(asked.least, asked.most, folder=False)
    found = desk.tagger(asked.taxonomy).suggest(
        np.array(sorted(sounds), np.int64), rules, Control()
    )
    rows = [
        {"id": i, "path": sound.path, "suggestions": [_suggested(s) for s in found.get(i, [])]}
        for i, sound in sounds.items()
    ]
    return {"taxonomy": asked.taxonomy, "sounds": rows}


def _suggested(suggestion: Suggestion) -> dict[str, Any]:
    return {
        "label": suggestion.label.tag,
        "name": suggestion.label.name,
        "probability": suggestion.probability,
        "start_s": suggestion.start_s,
        "end_s": suggestion.end_s,
    }


def _decide_tags(desk: Desk, asked: DecideTags) -> dict[str, Any]:
    if not desk.permissions.changes:
        raise NotAllowedError(
            "tags may not be changed: start the server with --allow-changes to permit it"
        )
    accepted, rejected = (
        [(desk.sound(one.sound).id, _label(one)) for one in some]
        for some in (asked.accept, asked.reject)
    )
    decided = desk.decisions.decide(accepted, rejected)
    return {
        "changed": [
            {"id": row.sound_id, "label": row.label, "state": row.state} for row in decided.changed
        ],
        "kept": [{"id": i, "label": label, "reason": why} for i, label, why in decided.kept],
    }


def _label(asked: SoundTag) -> str:
    label = " ".join(asked.label.split())
    if not label or one_line(label) != label:
        raise InputError(f"{one_line(asked.label)} cannot be a tag: write it as plain words")
    return label


def _hand_over(desk: Desk, asked: HandOver) -> dict[str, Any]:
    folder = desk.allowed_folder(asked.folder)
    sound = desk.sound(asked.sound)
    file = hand_over(sound, (asked.start_s, asked.end_s), folder)
    note_handed(desk.session.library, [sound.id], str(folder), project_of(folder))
    return {"id": sound.id, "file": str(file)}


def _answer(desk: Desk, answer: Answer) -> dict[str, Any]:
    """Return an answer as the command line has it, with ids and what else lists show."""
    document = to_dict(answer)
    for row, match in zip(document["results"], answer.matches, strict=True):
        sound = match.sound
        row |= {
            "id": sound.id,
            "state": sound.presence,
            "description": (sound.description or "")[:_MOST_TEXT],
            "category": sound.category or "",
        }
    return document


OPERATIONS = (
    Operation(
        "search",
        "search_sounds",
        "Find sounds by a description of what they sound like, by words, and by filters.  Results "
        "are ordered, best first; those from the place `strong` on are weak matches.",
        Search,
        _search,
    ),
    Operation(
        "similar",
        "similar_sounds",
        "Find sounds that sound like one or several sounds of the library, or like a part of one.",
        Similar,
        _similar,
    ),
    Operation(
        "describe",
        "describe_sound",
        "Tell what is known of a sound: what it sounds like as a whole and in time, its file's "
        "facts and header, its tags and collections.",
        Describe,
        _describe,
    ),
    Operation(
        "suggest-tags",
        "suggest_tags",
        "Suggest tags for sounds, likeliest first; nothing is changed.",
        SuggestTags,
        _suggest_tags,
    ),
    Operation(
        "decide-tags",
        "decide_tags",
        "Accept and reject tags of sounds in the library.  What its user decided stays, and is "
        "told under `kept`; `soundsift tag undo` undoes all of it.  Files are not changed.",
        DecideTags,
        _decide_tags,
        needs="changes",
    ),
    Operation(
        "hand-over",
        "hand_over_sound",
        "Copy a sound, or a part of it as WAV, into a folder that the server's user allowed; "
        "return the file.  Nothing is overwritten; the library notes that the sound was used.",
        HandOver,
        _hand_over,
        needs="folders",
    ),
    Operation(
        "status",
        "library_status",
        "Count what is in the library, and tell what this server may do.",
        Nothing,
        _status,
    ),
    Operation(
        "folders",
        "list_folders",
        "List the indexed folders, with how many sounds each holds.",
        Nothing,
        _folders,
    ),
    Operation(
        "collections",
        "list_collections",
        'List the collections, with how many sounds each holds; search coll:"NAME" finds them.',
        Nothing,
        _collections,
    ),
    Operation(
        "map",
        "library_map",
        "Tell what the library sounds like: the regions of its map with their names, how many "
        "sounds each holds, and sounds in the middle of it; coarse and large regions first.",
        Outline,
        _outline,
    ),
    Operation(
        "saved-searches",
        "list_saved_searches",
        "List the searches that the user saved, with their texts, which search_sounds takes.",
        Nothing,
        _saved_searches,
    ),
)
