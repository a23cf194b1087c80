"""Files that Soundsift itself wrote into: the library knows them still."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, case, false, literal, update

from engine.store import tables
from engine.store.library import Library, write_headers
from engine.store.records import Header


@dataclass(frozen=True)
class Rewritten:
    """What a file is now; its audio is what it was."""

    path: str
    size: int
    mtime_ns: int
    content_hash: str
    header: Header


def check_may_follow(library: Library) -> None:
    """Refuse, before a file is touched, who may not tell the library of it.

    :raises RefusedError: the library is on a server, and the role of who asks does not allow it.
    """
    s = tables.sounds.c
    with library.writing() as connection:  # the server asks for rights even where nothing changes
        connection.execute(update(tables.sounds).where(false()).values(size=s.size))


def put_rewritten(library: Library, files: Sequence[Rewritten]) -> None:
    """Record what files are after their metadata changed, so that they are not heard again.

    A sound that was not wholly heard yet still waits for it.
    """
    if not files:
        return
    s = tables.sounds.c
    changed = (
        update(tables.sounds)
        .where(s.path == bindparam("of"))
        .values(
            size=bindparam("new_size"),
            mtime_ns=bindparam("new_mtime"),
            content_hash=case((s.content_hash == "", literal("")), else_=bindparam("new_hash")),
        )
    )
    rows = [
        {"of": f.path, "new_size": f.size, "new_mtime": f.mtime_ns, "new_hash": f.content_hash}
        for f in files
    ]
    with library.writing() as connection:
        connection.execute(changed, rows)
        write_headers(connection, {file.path: file.header for file in files})


def put_headers_of(library: Library, headers: Mapping[str, Header]) -> None:
    """Record what headers and names say, by path; nothing else changed."""
    if headers:
        with library.writing() as connection:
            write_headers(connection, headers)
