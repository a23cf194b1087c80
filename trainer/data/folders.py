"""Folders of sounds, each listed once, and the files in them that a table means.

Tables and files of one data set often differ a little: another suffix, HTML's entities in a
name, characters that some file system would not take, an id with its times behind it.
"""

from __future__ import annotations

import html
import os
import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from engine.audio.decode import EXTENSIONS

_TIME = re.compile(r"(.+)_(\d+(?:\.\d+)?)")  # what stands before the last number, and it


@dataclass(frozen=True)
class Listing:
    """The names in one folder; its sounds also by stem, by plain stem, and without times.

    A plain stem that several sounds have names None: it tells them not apart.
    """

    names: frozenset[str]
    stems: dict[str, str] = field(default_factory=dict)
    plain: dict[str, str | None] = field(default_factory=dict)
    timed: dict[str, list[tuple[float, str]]] = field(default_factory=dict)


class Folders:
    """Answers where sounds are from one listing a folder."""

    def __init__(self) -> None:
        self._listings: dict[Path, Listing] = {}

    def has(self, path: Path) -> bool:
        """Return whether there is such a file."""
        # A file system that ignores case knows files by names that it does not list.
        try:
            return path.name in self._listing(path.parent).names or path.is_file()
        except (OSError, ValueError):  # no file can be called so
            return False

    def named(self, name: str, homes: Iterable[Path]) -> Path | None:
        """Return the first sound in ``homes`` that is called so, or else one that is so nearly."""
        wanted = PurePosixPath(name)
        stem = wanted.stem if wanted.suffix.lower() in EXTENSIONS else wanted.name
        plain = _plain(stem)
        places = [home / wanted.parent for home in homes]
        ways: tuple[Callable[[Listing], str | None], ...] = (
            lambda listing: wanted.name if wanted.name in listing.names else None,
            lambda listing: listing.stems.get(stem),
            lambda listing: listing.plain.get(plain) if plain else None,
        )
        for way in ways:
            for place in places:
                if found := way(self._listing(place)):
                    return place / found
        return None

    def of_video(self, video: str, start_s: str, homes: Iterable[Path]) -> Path | None:
        """Return the sound of a video's clip: ``id``, ``id_start`` or ``id_start_end``.

        An id may have a ``Y`` before it; times are seconds or milliseconds.
        """
        try:
            starts = {float(start_s), 1000 * float(start_s)}
        except ValueError:
            starts = set()
        places = list(homes)
        for place in places:
            for name in (video, f"Y{video}"):
                listing = self._listing(place)
                if found := listing.stems.get(name):
                    return place / found
                for start, found in listing.timed.get(name, ()):
                    if start in starts or not starts:
                        return place / found
        return None

    def _listing(self, folder: Path) -> Listing:
        if folder not in self._listings:
            try:
                self._listings[folder] = _listing(sorted(os.listdir(folder)))  # noqa: PTH208 - names only
            except (OSError, ValueError):
                self._listings[folder] = Listing(frozenset())
        return self._listings[folder]


def _listing(names: list[str]) -> Listing:
    listing = Listing(frozenset(names))
    for name in names:
        stem, dot, suffix = name.rpartition(".")
        if f"{dot}{suffix}".lower() not in EXTENSIONS:
            continue
        listing.stems.setdefault(stem, name)
        plain = _plain(stem)
        listing.plain[plain] = name if listing.plain.get(plain, name) == name else None
        if one := _TIME.fullmatch(stem):
            listing.timed.setdefault(one[1], []).append((float(one[2]), name))
            if two := _TIME.fullmatch(one[1]):
                listing.timed.setdefault(two[1], []).append((float(two[2]), name))
    return listing


def _plain(stem: str) -> str:
    """Return the letters and digits of a name, without accents, entities and case."""
    letters = unicodedata.normalize("NFKD", html.unescape(stem)).casefold()
    return "".join(letter for letter in letters if letter.isalnum())
