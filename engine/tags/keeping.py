"""What a user keeps of sounds, for scripts and the command line: marks, uses, saved searches, undo.

Every change is a step of the library's history (:mod:`engine.store.history`).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from engine.errors import InputError
from engine.progress import Control
from engine.store import Library
from engine.store.history import Restored, Step, steps
from engine.store.marks import colour_named, set_colour, set_note, set_stars
from engine.store.saved_searches import drop_search, rename_search, save_search, saved_searches
from engine.store.sharing import Whose, share, whose
from engine.store.uses import Use, forget_uses, note_uses, projects, uses_of
from engine.tags.undoing import redo_now, undo_now

NO_COLOUR = "none"


@dataclass(frozen=True)
class MarkOrder:
    """What to set; None stays as it is.

    ``colour`` may be ``none``, ``note`` empty; ``project`` is what the sounds were used for just
    now, empty if that is not to be told; ``unused`` forgets every use.
    """

    stars: int | None = None
    colour: str | None = None
    note: str | None = None
    project: str | None = None
    unused: bool = False

    @property
    def is_empty(self) -> bool:
        """Return whether nothing is to be set."""
        return self == MarkOrder()

    def check(self) -> None:
        """Refuse what makes no sense.

        :raises InputError: a sound cannot be marked so.
        """
        if self.unused and self.project is not None:
            raise InputError("a sound is used or unused, not both: leave one of them out")
        if self.colour is not None and self.colour.lower() != NO_COLOUR:
            colour_named(self.colour)


class Keeping:
    """What the user of one library keeps."""

    def __init__(self, library: Library) -> None:
        self._library = library

    def mark(self, ids: Collection[int], order: MarkOrder) -> None:
        """Mark sounds by their ids.

        :raises InputError: a sound cannot be marked so.
        """
        order.check()
        if order.stars is not None:
            set_stars(self._library, ids, order.stars)
        if order.colour is not None:
            colour = None if order.colour.lower() == NO_COLOUR else order.colour
            set_colour(self._library, ids, colour)
        if order.note is not None:
            set_note(self._library, ids, order.note)
        if order.project is not None:
            note_uses(self._library, ids, order.project)
        if order.unused:
            forget_uses(self._library, ids)

    def uses(self, sound_id: int) -> list[Use]:
        """Return when a sound was used, the latest use first."""
        return uses_of(self._library, sound_id)

    def projects(self) -> list[str]:
        """Return what sounds were used for, the latest first."""
        return projects(self._library)

    def searches(self) -> dict[str, str]:
        """Return the saved searches by name."""
        return saved_searches(self._library)

    def save_search(self, name: str, text: str) -> None:
        """Keep a search.

        :raises InputError: it makes no sense, or the name is taken.
        """
        from engine.search.grammar import parse

        parse(text)
        save_search(self._library, name, text)

    def rename_search(self, name: str, new: str) -> None:
        """Give a saved search another name.

        :raises InputError: it is taken.
        """
        rename_search(self._library, name, new)

    def drop_search(self, name: str) -> None:
        """Forget a saved search."""
        drop_search(self._library, name)

    def searches_of(self) -> dict[str, Whose]:
        """Return by name whose the saved searches are, and which all see."""
        return whose(self._library, "saved_searches")

    def share_search(self, name: str, shared: bool) -> None:
        """Let all who use the library see a saved search, or nobody else.

        :raises InputError: there is none of that name, or the library is a file.
        """
        share(self._library, "saved_searches", name, shared)

    def steps(self) -> list[Step]:
        """Return what can be undone, the latest first."""
        return steps(self._library)

    def undo(self) -> Restored:
        """Take the latest step back.

        :raises InputError: there is none.
        """
        return _there(undo_now(self._library, Control()), "there is nothing to undo")

    def redo(self) -> Restored:
        """Do again what was undone last.

        :raises InputError: there is nothing.
        """
        return _there(redo_now(self._library, Control()), "there is nothing to redo")


def _there(done: Restored | None, otherwise: str) -> Restored:
    if done is None:
        raise InputError(otherwise)
    return done
