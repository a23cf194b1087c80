"""The library that the window shows, with its model; what is done with it runs in jobs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import LibraryError
from engine.models.spec import read_spec
from engine.session import model_of
from engine.store import Library
from engine.tags.review import Review

if TYPE_CHECKING:
    from engine.search import Searcher
    from engine.search.explain import ReferenceTexts


class Workspace:
    """An open library; every method may take long and belongs into a job.

    :raises LibraryError: it cannot be opened; ModelError: its model is not there.
    """

    def __init__(self, path: Path) -> None:
        self.library = Library(path)
        self.model_folder = model_of(self.library)
        self._searcher: Searcher | None = None
        self._bank: ReferenceTexts | None = None
        self._one_at_a_time = threading.Lock()
        self.review = Review(self.library)
        self._settle()

    def _settle(self) -> None:
        """Put in order what a killed run of tagging left behind."""
        from engine.tags.run import settle

        settle(self.library)

    def close(self) -> None:
        """Close the library."""
        self.library.close()

    @property
    def model_name(self) -> str:
        """Return the name of the model."""
        return read_spec(self.model_folder).name

    @property
    def is_warm(self) -> bool:
        """Return whether a search by sound would answer at once."""
        return self._searcher is not None

    @property
    def bank(self) -> ReferenceTexts | None:
        """Return the words that sounds are likened to; they come with the searcher."""
        return self._bank

    def warm_up(self) -> bool:
        """Load the model and the vectors; return whether there is anything to search."""
        if self._searcher is None and not self.library.has_sounds():
            return False
        from engine.search import Searcher
        from engine.search.explain import ReferenceTexts

        with self._one_at_a_time:
            if self._searcher is None:
                searcher = Searcher(self.library, self.model_folder)
                searcher.warm_up()
                self._bank = ReferenceTexts(self.library, self.model_folder)
                self._searcher = searcher
        return True

    def refresh(self) -> None:
        """See what was indexed since; forget the model if it is another one now."""
        folder = model_of(self.library)
        with self._one_at_a_time:
            if folder != self.model_folder:
                self.model_folder, self._searcher, self._bank = folder, None, None
            elif self._searcher is not None:
                self._searcher.refresh()

    @contextmanager
    def searching(self) -> Iterator[Searcher]:
        """Give the searcher to this thread alone.

        :raises LibraryError: nothing was listened to yet.
        """
        self.warm_up()
        with self._one_at_a_time:
            if self._searcher is None:
                raise LibraryError("there is nothing to search yet: add a folder of sounds first")
            yield self._searcher
