"""When sounds were used, for what, and where they went."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import delete, func, insert, select

from engine.store import tables
from engine.store.history import recording
from engine.store.library import Library


@dataclass(frozen=True)
class Use:
    """One use of a sound; project and target (a program or a folder) may be empty."""

    used_ns: int
    project: str
    target: str


def note_use(library: Library, sound_id: int, project: str = "", target: str = "") -> None:
    """Note that a sound was used just now."""
    note_uses(library, [sound_id], project, target)


def note_uses(
    library: Library,
    ids: Collection[int],
    project: str = "",
    target: str = "",
    as_step: bool = True,
) -> None:
    """Note that sounds were used just now; those that the library does not know are passed over.

    :param project: what for; ``target``: the program or folder that they went to.
    :param as_step: it is a decision of the user, which undo takes back.
    """
    u, s = tables.uses.c, tables.sounds.c
    now = time.time_ns()
    texts = {"project": " ".join(project.split()), "target": target}
    scope = {"uses": u.used_ns == now}
    noting = recording(library, "used", scope, texts["project"]) if as_step else library.writing()
    with noting as connection:
        known = connection.scalars(select(s.id).where(s.id.in_(tables.chosen(ids))).order_by(s.id))
        rows = [{"sound_id": i, "used_ns": now, **texts} for i in known]
        if rows:
            connection.execute(insert(tables.uses), rows)


def forget_uses(library: Library, ids: Collection[int]) -> None:
    """Let sounds be as if they had never been used."""
    scope = tables.uses.c.sound_id.in_(tables.chosen(ids))
    with recording(library, "not used", {"uses": scope}) as connection:
        connection.execute(delete(tables.uses).where(scope))


def uses_of(library: Library, sound_id: int) -> list[Use]:
    """Return the uses of a sound, the latest first."""
    u = tables.uses.c
    listed = select(u.used_ns, u.project, u.target).where(u.sound_id == sound_id)
    with library.reading() as connection:
        rows = connection.execute(listed.order_by(u.used_ns.desc(), u.id.desc()))
        return [Use(*row) for row in rows]


def projects(library: Library) -> list[str]:
    """Return the projects that sounds were used for, the latest first."""
    u = tables.uses.c
    listed = select(u.project).where(u.project != "").group_by(u.project)
    with library.reading() as connection:
        return list(connection.scalars(listed.order_by(func.max(u.used_ns).desc())))
