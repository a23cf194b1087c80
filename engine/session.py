"""A library with its model, for scripts: index it and search it in a few lines."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from engine.paths import default_library, spelled_out
from engine.progress import Control

if TYPE_CHECKING:
    from engine.index.build import IndexReport
    from engine.search import Match, Searcher
    from engine.search.cue_sheet import CueAnswer
    from engine.store import Library
    from engine.tags.suggest import Rules, Suggestion

Paths = str | Path | Iterable[str | Path]


def open_library(path: str | Path | None = None, model: str | None = None) -> Session:
    """Open a library, or make it.

    :param path: the database; the library of this user if None.
    :param model: name or folder of the model for a new library; the best there is if None.
    :raises LibraryError: it cannot be opened; ModelError: there is no such model.
    """
    from engine.store import Library

    library = Library(Path(path).expanduser() if path is not None else default_library())
    return Session(library, model_of(library, model))


def model_of(library: Library, model: str | None = None) -> Path:
    """Return the folder of a library's model; of ``model``, or the best, if it has none yet.

    :raises ModelError: there is no such model.
    """
    from engine.models.catalog import find_model, preferred_model

    stored = library.setting("model_folder")
    return find_model(os.fsdecode(stored) if stored else model or preferred_model())


class Session:
    """An open library and its model; the model is loaded when it is first needed.

    Every method raises a :class:`engine.errors.SoundsiftError` whose text says what to do.
    """

    def __init__(self, library: Library, model_folder: Path) -> None:
        self.library, self.model_folder = library, model_folder
        self._searcher: Searcher | None = None

    def __enter__(self) -> Session:
        """Give the session."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close the library."""
        self.close()

    def close(self) -> None:
        """Close the library."""
        self.library.close()

    def index(self, paths: Paths, control: Control | None = None) -> IndexReport:
        """Bring the library in step with folders or files; return what was done."""
        from engine.index.build import index_folders

        report = index_folders(
            self.library, self.model_folder, _listed(paths), control or Control()
        )
        if self._searcher is not None:
            self._searcher.refresh()
        return report

    def search(self, text: str, limit: int = 20) -> Sequence[Match]:
        """Return the sounds that ``text`` describes, in the grammar of the search bar."""
        return self.searcher.search_text(text, limit).matches

    def similar(
        self, paths: Paths, limit: int = 20, plus: str = "", minus: str = ""
    ) -> Sequence[Match]:
        """Return the sounds that are like a file, or like several together."""
        from engine.search import QuerySound

        sounds = [QuerySound(path) for path in _listed(paths)]
        return self.searcher.search_sounds(sounds, limit, plus, minus).matches

    def cues(self, texts: Sequence[str], alternates: int = 1) -> list[CueAnswer]:
        """Return different clips for each of ``texts``."""
        from engine.search.cue_sheet import Cue, solve_cues
        from engine.search.cues import CueRules

        cues = [Cue(line, text) for line, text in enumerate(texts, start=1)]
        return solve_cues(self.library, self.searcher, cues, CueRules(alternates))

    def suggest_tags(
        self, paths: Paths, taxonomy: str = "ucs", rules: Rules | None = None
    ) -> dict[str, list[Suggestion]]:
        """Return tags for the indexed sounds at or below some paths, by path, likeliest first.

        :param taxonomy: ``ucs``, ``audioset``, or a file with labels.
        """
        import numpy as np

        from engine.store.places import ids_under
        from engine.tags.suggest import Rules, Tagger
        from engine.tags.taxonomy import find_taxonomy

        roots = [spelled_out(path) for path in _listed(paths)]
        ids = sorted({sound_id for root in roots for sound_id in ids_under(self.library, root)})
        tagger = Tagger(self.library, self.searcher, find_taxonomy(taxonomy))
        found = tagger.suggest(np.array(ids, np.int64), rules or Rules(), Control())
        sounds = self.library.sounds(ids)
        return {sounds[i].path: found.get(i, []) for i in ids}

    @property
    def searcher(self) -> Searcher:
        """Return what answers queries, as the library was when last indexed from here."""
        from engine.search import Searcher

        if self._searcher is None:
            self._searcher = Searcher(self.library, self.model_folder)
        return self._searcher


def _listed(paths: Paths) -> list[Path]:
    several = [paths] if isinstance(paths, str | Path) else list(paths)
    return [Path(path).expanduser() for path in several]
