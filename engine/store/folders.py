"""All folders of a library, down to the last, and how many sounds lie in each."""

from __future__ import annotations

import itertools
import os
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from sqlalchemy import func, select

from engine.paths import is_under
from engine.store import tables
from engine.store.library import Library
from engine.store.portable import folder_of, mounts_in_effect
from engine.store.sound_rows import indexed_folders
from engine.store.tables import PRESENT

SEPARATOR = "/"  # between the parts of a folder as people write it, on every system

_SEPARATORS = f"/{os.sep}"
_MOST_LATER = 2000  # folders that fit less well, after which no better ones are looked for


@dataclass(frozen=True)
class Spelled:
    """Folders in the order of their names; ``text`` is all in lower case, a line each.

    ``starts`` are where the lines begin, and where one more would.
    """

    names: tuple[str, ...]
    text: str
    starts: tuple[int, ...]


@dataclass(frozen=True)
class FolderTree:
    """Indexed folders and all below them, as absolute paths.

    ``counts`` are present sounds in and below each; ``children`` the folders right below one that
    has any.
    """

    roots: tuple[str, ...]
    counts: Mapping[str, int]
    children: Mapping[str, Sequence[str]]

    @cached_property
    def spelled(self) -> Spelled:
        """Return what folders are called from their indexed one on."""
        names = []
        for root in self.roots:
            before = len(os.path.dirname(root).rstrip(os.sep)) + 1  # noqa: PTH120 - 10⁵ times
            names += [p[before:].replace(os.sep, SEPARATOR) for p in self.below(root)]
        names.sort(key=str.lower)
        lines = [name.lower() for name in names]
        starts = [0, *itertools.accumulate(len(line) + 1 for line in lines)]
        return Spelled(tuple(names), "\n".join(lines), tuple(starts))

    def below(self, folder: str) -> Iterable[str]:
        """Give a folder and all below it."""
        waiting = [folder]
        while waiting:
            path = waiting.pop()
            yield path
            waiting += self.children.get(path, ())

    def completing(self, typed: str, most: int = 100) -> list[str]:
        """Return folders whose names hold what was typed: first those whose own name begins so."""
        wanted = typed.lower().replace(os.sep, SEPARATOR)
        first: list[str] = []
        later: list[str] = []
        text, starts = self.spelled.text, self.spelled.starts
        place = text.find(wanted) if self.spelled.names else -1
        while place >= 0 and len(first) < most and len(later) < _MOST_LATER:
            line = bisect_right(starts, place) - 1
            end = starts[line + 1] - 1
            place = text.rfind(wanted, place, end)
            begins = place == starts[line] or text[place - 1] == SEPARATOR
            own = begins and SEPARATOR not in text[place:end]
            (first if own else later).append(self.spelled.names[line])
            place = text.find(wanted, end + 1) if end < len(text) else -1
        return (first + later)[:most]


def folder_tree(library: Library) -> FolderTree:
    """Return all folders of a library that hold present sounds."""
    s = tables.sounds.c
    folder = folder_of(s.path)
    counted = select(folder, func.count()).where(s.state == PRESENT).group_by(folder)
    with library.reading() as connection:
        roots, mounts = indexed_folders(connection), mounts_in_effect()
        rows = connection.execute(counted).all()
    counts = {mounts.local(row[0].rstrip(_SEPARATORS) or os.sep): row[1] for row in rows}
    return tree_of(roots, counts)


def tree_of(roots: Sequence[str], counts: Mapping[str, int]) -> FolderTree:
    """Return the tree of indexed folders; ``counts`` are sounds right in each folder."""
    tops = {root for root in roots if not is_under(root, [r for r in roots if r != root])}
    total: Counter[str] = Counter(dict.fromkeys(tops, 0))
    children: dict[str, set[str]] = {}
    for folder, count in counts.items():
        if not is_under(folder, tops):
            continue  # of single files that were indexed
        path = folder
        while True:
            total[path] += count
            if path in tops:
                break
            above = os.path.dirname(path)  # noqa: PTH120 - for every folder of a library
            children.setdefault(above, set()).add(path)
            path = above
    ordered = {above: sorted(paths, key=str.lower) for above, paths in children.items()}
    return FolderTree(tuple(sorted(tops)), dict(total), ordered)
