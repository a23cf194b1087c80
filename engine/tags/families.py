"""Families of tags, which a user may hide: UCS categories, AudioSet's labels, all others."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Literal

from engine.metadata.ucs_names import category_of_tag
from engine.search.labels.taxonomy import find_taxonomy

Family = Literal["ucs", "audioset", "other"]
FAMILIES: tuple[Family, ...] = ("ucs", "audioset", "other")


def family_of(label: str) -> Family:
    """Return the family of a tag."""
    if category_of_tag(label) is not None:
        return "ucs"
    return "audioset" if label.casefold() in _audioset() else "other"


def shown_tags(tags: Sequence[str], hidden: frozenset[str]) -> list[str]:
    """Return the tags whose families are not hidden."""
    if not hidden:
        return list(tags)
    return [tag for tag in tags if family_of(tag) not in hidden]


@cache
def _audioset() -> frozenset[str]:
    return frozenset(label.tag.casefold() for label in find_taxonomy("audioset").labels)
