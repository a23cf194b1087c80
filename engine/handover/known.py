"""What a library knows of sounds, as fields of names."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

from engine.handover.naming import FIELDS, fields_in
from engine.handover.order import Order
from engine.metadata.fx_names import draft_fx_name
from engine.metadata.ucs_names import category_of_sound
from engine.store import Library, SoundRow
from engine.store.listing import details_of
from engine.store.places import sound_at
from engine.store.tags import sounds_with_tags

_OF_ORDERS = {"name", "start", "end", "region", "how", "project", "number"}
_KNOWN = frozenset(FIELDS) - _OF_ORDERS


def fields_of(library: Library, ids: Sequence[int], project: str = "") -> dict[int, dict[str, str]]:
    """Return the fields by which sounds can be named, by id; they are numbered in this order."""
    (sounds, tags), roots = sounds_with_tags(library, ids), library.folders()
    width = max(2, len(str(len(ids))))
    found = {}
    for number, sound_id in enumerate(ids, start=1):
        sound = sounds.get(sound_id)
        if sound is None:
            continue
        details = details_of(library, sound_id)
        within = [Path(r).name for r in reversed(roots) if Path(sound.path).is_relative_to(r)]
        found[sound_id] = {
            **_fields_of_row(sound, project, tags.get(sound_id, ()), _read(details)),
            "library": next(iter(within), ""),
            "number": str(number).zfill(width),
        }
    return found


def named_orders(library: Library, orders: Sequence[Order]) -> list[Order]:
    """Return orders with what the library knows of their sounds, to be named by.

    What an order says itself stays.  The library is not asked where no pattern needs it.
    """
    found = []
    for order in orders:
        known: Mapping[str, str] = {}
        if (fields_in(order.pattern) & _KNOWN) - order.fields.keys():
            sound_id = sound_at(library, str(order.path))
            known = fields_of(library, [sound_id]).get(sound_id, {}) if sound_id is not None else {}
        found.append(replace(order, fields={**known, **order.fields}))
    return found


def _fields_of_row(
    sound: SoundRow,
    project: str = "",
    tags: Sequence[str] = (),
    details: Mapping[str, object] | None = None,
) -> dict[str, str]:
    """Return the fields of one sound."""
    category = category_of_sound(tags, sound.category)
    said = [str(text) for name, text in (details or {}).items() if name.lower().endswith("fxname")]
    return {
        "catid": category.id if category else "",
        "category": category.category.title() if category else "",
        "subcategory": category.subcategory.title() if category else "",
        "fxname": draft_fx_name(
            Path(sound.path), next(filter(None, said), ""), tags, sound.description, category
        ),
        "description": sound.description or "",
        "project": project,
        "date": date.today().isoformat(),
        "rate": f"{sound.rate_hz / 1000:g}k",  # of the source, until another one is made
        "bits": str(sound.bits or ""),
        "channels": str(sound.channels),
    }


def _read(details: str | None) -> dict[str, object]:
    found = json.loads(details) if details else {}
    return found if isinstance(found, dict) else {}
