"""The roots of a library: made, mounted here, renamed and taken away; see docs/decisions/0033."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from engine.errors import InputError, LibraryError
from engine.paths import is_under, refuse_odd_name, spelled_out
from engine.progress import Control, Progress
from engine.roots import NOWHERE, PREFIX, Mounts, checked_name
from engine.store import tables
from engine.store.chunks import SOME, rows_of_some
from engine.store.copies import keep_copy
from engine.store.library import Library
from engine.store.mounts import drop_mount, mounts_of, put_mount
from engine.store.portable import is_at, mapped_by, mounts_in_effect
from engine.store.sound_rows import indexed_folders
from engine.store.words import index_words

_AT_ONCE = 500  # sounds whose paths are rewritten between two reports
_SAMPLE = 1000  # sounds that are looked for where a root shall be mounted
_PATHS = (tables.folders.c.path, tables.skipped.c.path, tables.interest.c.folder)


@dataclass(frozen=True)
class Root:
    """A root: its name, where it is mounted here (None: nowhere), and how many sounds it holds."""

    name: str
    folder: str | None
    sounds: int

    def to_dict(self) -> dict[str, str | int | None]:
        """Return the fields as plain values."""
        return {"name": self.name, "folder": self.folder, "sounds": self.sounds}


@dataclass(frozen=True)
class RootChange:
    """A root after a change, how many sounds' paths became others, and what could not be done."""

    root: Root
    moved: int = 0
    remark: str = ""


def list_roots(library: Library) -> list[Root]:
    """Return the roots by name."""
    with library.reading() as connection:
        return _listed(connection)


def unmounted_roots(library: Library) -> list[Root]:
    """Return the roots that are not mounted here, by name."""
    return [root for root in list_roots(library) if root.folder is None]


def add_root(library: Library, name: str, folder: Path, control: Control) -> RootChange:
    """Make a folder of this computer a root, with all that the library knows below it.

    The library is copied first, as index runs do it; then it is one transaction.

    :raises InputError: the name or the folder makes no root.
    :raises LibraryError: it cannot be written, or is being indexed.
    :raises Cancelled: the user asked to stop; nothing has changed.
    """
    place, key = _checked_folder(folder), secrets.token_hex(8)
    with library.database.alone():
        remark = _keep_copy(library, control)
        try:
            with library.writing() as connection:
                name = checked_name(name, (root.name for root in _listed(connection)))
                _refuse_overlap(mounts_in_effect(), name, place)
                connection.execute(insert(tables.roots).values(key=key, name=name))
                moved = _take_in(connection, name, place, control)
                put_mount(key, place)  # of a root that is not there, if this is the end
        except BaseException:
            with suppress(LibraryError):
                drop_mount(key)
            raise
    return RootChange(_root(library, name), moved, remark)


def mount_root(library: Library, name: str, folder: Path, control: Control) -> RootChange:
    """Say where a root is on this computer.

    What the library knows there by other paths lies under the root from then on.

    :raises InputError: there is no such root, or its sounds are not in the folder.
    :raises LibraryError: this cannot be written.
    :raises Cancelled: the user asked to stop; nothing has changed.
    """
    place = _checked_folder(folder)
    with library.reading() as connection:
        root = _named(_listed(connection), name)
        mounts = mounts_in_effect()
        _refuse_overlap(mounts, root.name, place)
        others = {one: at for one, at in mounts.folders.items() if one != root.name}
        after = Mounts(others | {root.name: place})
        with mapped_by(Mounts(others)):
            known_there = _count(connection, place)
        _refuse_other_folder(connection, root, place, after)
    moved, remark = 0, ""
    if known_there:
        with library.database.alone():
            remark = _keep_copy(library, control)
            with library.writing() as connection, mapped_by(Mounts(others)):
                moved = _take_in(connection, root.name, place, control)
                put_mount(_key(connection, root.name), place)
    else:
        with library.reading() as connection:
            key = _key(connection, root.name)
        put_mount(key, place)
    return RootChange(_root(library, root.name), moved, remark)


def unmount_root(library: Library, name: str) -> Root:
    """Say that a root is not on this computer any more; its sounds stay known.

    :raises InputError: there is no such root.
    :raises LibraryError: this cannot be written.
    """
    with library.reading() as connection:
        root = _named(_listed(connection), name)
        key = _key(connection, root.name)
    drop_mount(key)
    return _root(library, root.name)


def rename_root(library: Library, name: str, new: str, control: Control) -> RootChange:
    """Give a root another name, for everybody; it stays mounted.

    :raises InputError: there is no such root, or the new name makes none.
    :raises LibraryError: it cannot be written, or is being indexed.
    :raises Cancelled: the user asked to stop; nothing has changed.
    """
    with library.database.alone():
        remark = _keep_copy(library, control)
        with library.writing() as connection:
            known = _listed(connection)
            old = _named(known, name).name
            new = checked_name(new, (root.name for root in known if root.name != old))
            r = tables.roots.c
            connection.execute(update(tables.roots).where(r.name == old).values(name=new))
            before, after = PREFIX + old, PREFIX + new
            moved = 0
            if old != new:
                moved = _rewrite(
                    connection, before, lambda path: after + path[len(before) :], control
                )
    return RootChange(_root(library, new), moved, remark)


def remove_root(library: Library, name: str, control: Control) -> RootChange:
    """Let sounds lie under no root again, but where it is mounted here.

    :raises InputError: there is no such root, or it is not mounted here.
    :raises LibraryError: it cannot be written, or is being indexed.
    :raises Cancelled: the user asked to stop; nothing has changed.
    """
    with library.database.alone():
        remark = _keep_copy(library, control)
        with library.writing() as connection:
            root = _named(_listed(connection), name)
            if root.folder is None:
                raise InputError(
                    f"the root {root.name} is not mounted on this computer, so that its sounds "
                    f'have no paths: mount it first with `soundsift roots mount "{root.name}" '
                    "FOLDER`"
                )
            key = _key(connection, root.name)
            moved = _rewrite(connection, PREFIX + root.name, mounts_in_effect().local, control)
            connection.execute(delete(tables.roots).where(tables.roots.c.key == key))
    with suppress(LibraryError):  # of a root that is gone: nobody asks for it again
        drop_mount(key)
    return RootChange(Root(root.name, root.folder, 0), moved, remark)


def _take_in(connection: Connection, name: str, folder: str, control: Control) -> int:
    """Let all that is known at or below a folder lie under a root; return how many sounds."""
    mounts = mounts_in_effect()
    indexed = indexed_folders(connection)
    within = is_under(folder, indexed) and folder not in indexed
    after = Mounts({**mounts.folders, name: folder})
    moved = _rewrite(connection, folder, after.stored, control)
    if within:  # or others, who do not have the folder around it, would never look for changes
        with mapped_by(NOWHERE):
            connection.execute(insert(tables.folders).values(path=PREFIX + name))
    return moved


def _rewrite(
    connection: Connection, place: str, convert: Callable[[str], str], control: Control
) -> int:
    """Write all paths at or below a place otherwise, as the library holds them.

    :raises InputError: what a path would become is known, too.
    """
    s = tables.sounds.c
    with mapped_by(NOWHERE):
        for column in _PATHS:
            rows = connection.scalars(select(column).where(is_at(column, place))).all()
            moves = [{"old": path, "new": convert(path)} for path in rows]
            changed = update(column.table).where(column == bindparam("old"))
            _refuse_taken(connection, column, place, [move["new"] for move in moves])
            if moves:
                connection.execute(changed.values({column.name: bindparam("new")}), moves)
        ids = connection.scalars(select(s.id).where(is_at(s.path, place)).order_by(s.id)).all()
        changed = update(tables.sounds).where(s.id == bindparam("sound"))
        for start in range(0, len(ids), _AT_ONCE):
            control.report(Progress("rewriting paths", start, len(ids)))
            some = ids[start : start + _AT_ONCE]
            known = connection.execute(select(s.id, s.path).where(s.id.in_(some)))
            moves = [{"sound": row.id, "new": convert(row.path)} for row in known]
            _refuse_taken(connection, s.path, place, [str(move["new"]) for move in moves])
            connection.execute(changed.values(path=bindparam("new")), moves)
            index_words(connection, some)
        control.report(Progress("rewriting paths", len(ids), len(ids)))
    return len(ids)


def _refuse_taken(connection: Connection, column: Any, place: str, paths: Sequence[str]) -> None:
    """Refuse to write paths that are known already, or are two of one name.

    :raises InputError: there are any.
    """
    taken = len(paths) - len(set(paths))
    taken += len([*rows_of_some(connection, select(column).where(column.in_(SOME)), paths)])
    if taken:
        raise InputError(
            f"{taken} files in {place} are known twice, under the root and by paths of their own: "
            "take the folder out of the library first, then index it again"
        )


def _refuse_overlap(mounts: Mounts, name: str, folder: str) -> None:
    other = mounts.overlapping(folder, name)
    if other is not None:
        raise InputError(
            f"{folder} and the root {other} ({mounts.folders[other]}) overlap: choose a folder "
            "beside it"
        )


def _refuse_other_folder(connection: Connection, root: Root, folder: str, after: Mounts) -> None:
    """Refuse a folder in which less than half of a root's sounds are.

    A rescan would mark them all missing, for everybody.
    """
    s = tables.sounds.c
    with mapped_by(NOWHERE):
        held = select(s.path).where(is_at(s.path, PREFIX + root.name), s.state != tables.MISSING)
        some = connection.scalars(held.order_by(s.content_hash, s.id).limit(_SAMPLE)).all()
    there = sum(Path(after.local(path)).is_file() for path in some)
    if there < len(some) / 2:
        raise InputError(
            f"only {there} of {len(some)} sounds of the root {root.name} are in {folder}: name "
            "the folder that holds them here, arranged as before"
        )


def _checked_folder(folder: Path) -> str:
    """Return the absolute path of a folder that is there.

    :raises InputError: it is not, or has a name that is no text.
    """
    place = spelled_out(folder)
    refuse_odd_name(place)
    if not Path(place).is_dir():
        raise InputError(f"{folder} is no folder: check the path, or connect the drive")
    return place


def _keep_copy(library: Library, control: Control) -> str:
    return keep_copy(library.file, control) if library.file is not None else ""


def _listed(connection: Connection) -> list[Root]:
    names = connection.scalars(select(tables.roots.c.name)).all()
    folders = mounts_of(connection).folders
    with mapped_by(NOWHERE):
        counts = {name: _count(connection, PREFIX + name) for name in names}
    found = [Root(name, folders.get(name), count) for name, count in counts.items()]
    return sorted(found, key=lambda root: root.name.casefold())


def _count(connection: Connection, place: str) -> int:
    """Return how many sounds are known at or below a place."""
    s = tables.sounds.c
    return connection.scalar(select(func.count(s.id)).where(is_at(s.path, place))) or 0


def _root(library: Library, name: str) -> Root:
    return _named(list_roots(library), name)


def _named(known: Sequence[Root], name: str) -> Root:
    """Return the root of a name.

    :raises InputError: there is none.
    """
    wanted = name.strip().casefold()
    found = next((root for root in known if root.name.casefold() == wanted), None)
    if found is None:
        there = ", ".join(root.name for root in known) or "none yet"
        raise InputError(f"there is no root {name}: there are {there}")
    return found


def _key(connection: Connection, name: str) -> str:
    r = tables.roots.c
    return str(connection.scalar(select(r.key).where(r.name == name)))
