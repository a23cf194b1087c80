"""Drives that come and go: the sounds of a folder that is away are offline, not missing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from engine.errors import InputError, LibraryError
from engine.paths import is_away, is_under, refuse_odd_name, spelled_out
from engine.roots import mounted
from engine.store import Library
from engine.store.places import (
    change_root,
    count_under,
    has_state,
    paths_under,
    set_state_under,
    spelled,
)
from engine.store.roots import list_roots
from engine.store.tables import MISSING, OFFLINE, PRESENT


def note_drives(library: Library) -> list[str]:
    """Mark sounds of indexed folders that are away offline, and of those that are back present.

    Return the folders that are away.  An empty folder counts as away where sounds were known:
    so looks the place of a drive that is not mounted.  In a library on a server nothing is marked:
    what is away here is there for others.
    """
    folders = mounted(library.folders())  # what nobody mounted here is there for others
    away = [folder for folder in folders if is_away(folder)]
    if library.file is None:
        return [folder for folder in away if count_under(library, folder, PRESENT)]
    for folder in away:
        if count_under(library, folder, PRESENT):
            set_state_under(library, folder, PRESENT, OFFLINE)
    if not has_state(library, OFFLINE):
        return []
    for folder in set(folders) - set(away):
        if count_under(library, folder, OFFLINE):
            set_state_under(library, folder, OFFLINE, PRESENT)
    return [folder for folder in away if count_under(library, folder, OFFLINE)]


def refuse_vanished(library: Library, roots: Sequence[str]) -> None:
    """Stop a run over ``roots`` whose drive went away, and mark its sounds offline.

    :raises LibraryError: an indexed folder that holds a root, or lies in one, is away.
    """
    for folder in mounted(library.folders()):
        concerned = is_under(folder, roots) or any(is_under(root, [folder]) for root in roots)
        if concerned and is_away(folder):
            if library.file is not None:
                set_state_under(library, folder, PRESENT, OFFLINE)
            raise LibraryError(
                f"{folder} was disconnected while it was indexed: what is done so far is "
                "kept; connect its drive and run the same command again"
            )


def relink(library: Library, old: Path, new: Path) -> int:
    """Tell the library that everything under ``old`` is now under ``new``; return how much.

    :raises InputError: nothing is known under ``old``, or less than half of it is in ``new``.
    """
    before, after = (spelled(library, spelled_out(path)) for path in (old, new))
    refuse_odd_name(before)
    refuse_odd_name(after)
    if is_under(after, [before]) or is_under(before, [after]):
        raise InputError(f"{old} and {new} overlap: index {new} instead")
    roots = [root.name for root in list_roots(library) if root.folder == before]
    if roots:
        raise InputError(
            f"{old} is the root {roots[0]}: say where it is now with `soundsift roots mount "
            f'"{roots[0]}" FOLDER`'
        )
    known = paths_under(library, before)
    if not known:
        raise InputError(
            f"the library has no sounds under {old}: list its folders with `soundsift status`"
        )
    there = sum(Path(after + path[len(before) :]).is_file() for path in known)
    if there < len(known) / 2:
        raise InputError(
            f"only {there} of the {len(known)} sounds indexed under {old} are in {new}: name "
            "the folder that holds them now, arranged as before"
        )
    change_root(library, before, after)
    set_state_under(library, after, OFFLINE, PRESENT)
    set_state_under(library, after, MISSING, PRESENT)
    return len(known)
