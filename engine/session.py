"""A library and its model: the interface for scripts, the command line and the window.

Nothing here prints.  Long work takes a :class:`engine.progress.Control`, which may be left out.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import InputError, LibraryError
from engine.given import Paths, Sounds, given_place, path_of, paths_of, several
from engine.paths import is_under, spelled_out
from engine.progress import Cancelled, Control
from engine.torch_setup import AUTO, find_device

if TYPE_CHECKING:
    from engine.index.build import IndexReport
    from engine.index.embedder import Embedder
    from engine.search import Answer, QuerySound, Searcher
    from engine.search.cue_sheet import Cue, CueAnswer
    from engine.search.grammar import Query
    from engine.search.labels.taxonomy import Taxonomy
    from engine.store import Library
    from engine.tags.audit import Audit
    from engine.tags.restoring import Undone
    from engine.tags.suggest import Rules, Suggestion, Tagger
    from engine.tags.tagging import TagOrder, TagOutcome

THREADS = 2  # that decode, while one listens


def open_library(
    path: str | Path | None = None,
    model: str | None = None,
    make: bool = True,
    device: str = AUTO,
    following: Control | None = None,
) -> Session:
    """Open a library, or create it.

    :param path: the database, a file or ``postgresql://…``; by default, this user's library.
    :param model: name or folder of the model for a new library; by default, the best available.
    :param make: create it if there is none.
    :param device: where audio is embedded (:func:`engine.torch_setup.find_device`).
    :param following: read a server's library from a copy here (:mod:`engine.store.opening`).
    :raises LibraryError: it cannot be opened; ModelError: there is no such model.
    """
    from engine.models.catalog import find_model
    from engine.store import Library

    if model is not None:
        find_model(model)
    return Session(Library(given_place(path), make, following), model, device)


def open_to_index(
    paths: Paths, path: str | Path | None = None, model: str | None = None, device: str = AUTO
) -> Session:
    """Open the library to index sounds into, or create it.

    A wrong path, model or device leaves no new, empty library behind.

    :param model: for a new library; only :meth:`Session.use_model` changes that of an existing one.
    :raises InputError: a path or the device does not exist, or the library has another model.
    :raises LibraryError: it cannot be opened; ModelError: the model cannot be used.
    """
    from engine.index.scan import roots_of
    from engine.models.catalog import find_model, preferred_model
    from engine.models.trial import ensure_tried
    from engine.store import is_library

    if device != AUTO:
        find_device(device)
    if not is_library(given_place(path)):
        roots_of(paths_of(paths))
        ensure_tried(find_model(model or preferred_model()))
    session = open_library(path, model, device=device)
    try:
        if model is not None:
            _refuse_other_model(session, model)
    except BaseException:
        session.close()
        raise
    return session


def model_of(library: Library, model: str | None = None) -> Path:
    """Return the folder of a library's model; if it has none yet, of ``model`` or the best.

    :raises ModelError: there is no such model.
    """
    from engine.models.catalog import find_model, preferred_model
    from engine.store.adopted import adopted_model

    known = adopted_model(library)
    found_by = known.found_by if known is not None else ""
    return find_model(found_by or model or preferred_model())


class Session:
    """An open library and its model; the model is loaded when it is first needed.

    Threads may share it: one at a time uses the model, see :meth:`searching`.  ``is_warm`` tells
    whether :meth:`warm_up` has loaded it, so that a search by sound answers at once.
    Every method raises a :class:`engine.errors.SoundsiftError` whose text says what to do.
    """

    def __init__(self, library: Library, model: str | None = None, device: str = AUTO) -> None:
        self.library, self.device, self._asked = library, device, model
        self.embedder: Embedder | None = None  # who listens for index(); None: threads
        self._folder: Path | None = None
        self._searcher: Searcher | None = None
        self.is_warm = self._closed = False
        self._one_at_a_time = threading.Lock()
        from engine.tags.keeping import Keeping

        self.keeping = Keeping(library)  # marks, uses, saved searches, undo

    def __enter__(self) -> Session:
        """Return the session."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close the library."""
        self.close()

    def close(self) -> None:
        """Close the library and its searcher."""
        self._closed = True
        if self._searcher is not None:
            self._searcher.close()
        self.library.close()

    # The model

    @property
    def model_folder(self) -> Path:
        """Return the folder of the model.

        :raises ModelError: it does not exist.
        """
        if self._folder is None:
            self._folder = model_of(self.library, self._asked)
        return self._folder

    @property
    def model_name(self) -> str:
        """Return the name of the model."""
        from engine.models.spec import read_spec

        return read_spec(self.model_folder).name

    def use_model(self, model: str, control: Control | None = None) -> bool:
        """Switch the library to another model; return whether its stored features are still valid.

        If they are not, index the folders again.
        """
        from engine.index.build import use_model
        from engine.models.catalog import find_model

        kept = use_model(self.library, find_model(model), control or Control())
        self.refresh()
        return kept

    # What a search needs

    def warm_up(self) -> bool:
        """Load the model before the first search; return whether there is anything to search."""
        if not self.library.has_sounds():
            return False
        with self.searching() as searcher:
            searcher.warm_up()
            self.is_warm = True
        return True

    @property
    def searcher(self) -> Searcher:
        """Return the searcher, which sees the library as of the last :meth:`refresh`."""
        from engine.search import Searcher

        if self._searcher is None:
            self._searcher = Searcher(self.library, self.model_folder)
        return self._searcher

    @contextmanager
    def searching(self, control: Control | None = None) -> Iterator[Searcher]:
        """Lock the searcher for the calling thread.

        :raises LibraryError: nothing is indexed yet.
        :raises Cancelled: the user asked to stop while waiting for another thread.
        """
        with self._one_at_a_time:
            if control is not None and control.cancel():
                raise Cancelled
            if self._closed:
                raise LibraryError(f"the library {self.library.name} is closed: open it again")
            yield self.searcher

    def refresh(self) -> None:
        """Pick up what was indexed since, and the model if the library has switched to another."""
        folder = model_of(self.library, self._asked)
        with self._one_at_a_time:
            if folder != self._folder:
                if self._searcher is not None:
                    self._searcher.close()
                self._folder, self._searcher, self.is_warm = folder, None, False
            elif self._searcher is not None:
                self._searcher.refresh()

    # What is done with sounds

    def index(
        self, paths: Paths, control: Control | None = None, threads: int = THREADS
    ) -> IndexReport:
        """Update the library from folders or files; return what was done."""
        from engine.index.build import index_folders

        folder, control = self.model_folder, control or Control()
        how: dict[str, Any] = {"device": self.device, "embedder": self.embedder}
        report = index_folders(self.library, folder, paths_of(paths), control, threads, **how)
        self.refresh()
        return report

    def watch(
        self,
        paths: Paths,
        told: Callable[[IndexReport], None],
        control: Control | None = None,
        threads: int = THREADS,
    ) -> None:
        """Index, then index changes as they happen, until ``control`` asks to stop."""
        from engine.index.watch import watch_folders

        folder, control = self.model_folder, control or Control()
        watch_folders(self.library, folder, paths_of(paths), control, told, threads, self.device)

    def search(self, text: str | Query, limit: int = 20, names: bool = False) -> Answer:
        """Return the sounds that ``text`` describes, in the grammar of the search bar.

        :param names: search words only, which needs no model.
        """
        from engine.search import search_names
        from engine.search.grammar import parse
        from engine.store.interest import note_interest

        query = parse(text) if isinstance(text, str) else text
        if names:
            answer = search_names(self.library, query, limit)
        else:
            with self.searching() as searcher:
                answer = searcher.search_text(query, limit)
        with suppress(LibraryError):  # only a hint for the next index run
            note_interest(self.library, query.folders)
        return answer

    def similar(
        self,
        sounds: str | Path | QuerySound | Iterable[str | Path | QuerySound],
        limit: int = 20,
        plus: str = "",
        minus: str = "",
    ) -> Answer:
        """Return sounds similar to a file, a part of it or a recording, or to several of these.

        :param plus: describes what they should be more like; ``minus``: less like.
        """
        from engine.search import QuerySound

        asked = [
            one if isinstance(one, QuerySound) else QuerySound(path_of(one))
            for one in several(sounds, QuerySound)
        ]
        with self.searching() as searcher:
            return searcher.search_sounds(asked, limit, plus, minus)

    def cues(
        self, cues: Sequence[str | Cue], alternates: int = 1, per_file: int = 1
    ) -> list[CueAnswer]:
        """Return different clips for every cue, at most ``alternates`` each.

        :param per_file: most clips from any one file.
        """
        from engine.search.cue_sheet import Cue, solve_cues
        from engine.search.cues import CueRules

        wanted = [Cue(n, c) if isinstance(c, str) else c for n, c in enumerate(cues, start=1)]
        if not wanted:
            return []
        with self.searching() as searcher:
            return solve_cues(self.library, searcher, wanted, CueRules(alternates, per_file))

    def suggest_tags(
        self, paths: Paths, taxonomy: str = "ucs", rules: Rules | None = None
    ) -> dict[str, list[Suggestion]]:
        """Return suggested tags for the indexed sounds at or below paths, by path, likeliest first.

        :param taxonomy: ``ucs``, ``audioset``, or a file with labels.
        """
        import numpy as np

        from engine.tags.suggest import Rules

        ids = _ids_under(self.library, paths)
        tagger = self.tagger(taxonomy)
        found = tagger.suggest(np.array(ids, np.int64), rules or Rules(), Control())
        sounds = self.library.sounds(ids)
        return {sounds[i].path: found.get(i, []) for i in ids}

    def tagger(self, taxonomy: str | Taxonomy = "ucs", control: Control | None = None) -> Tagger:
        """Return a tagger for a taxonomy; other threads may search while its labels are embedded.

        :raises Cancelled: the user asked to stop.
        """
        from engine.search.labels.taxonomy import find_taxonomy
        from engine.tags.suggest import Tagger

        labels = find_taxonomy(taxonomy) if isinstance(taxonomy, str) else taxonomy
        with self.searching(control) as searcher:
            now = copy(searcher)  # as it is now; towers may be run by several threads
        return Tagger(self.library, now, labels, control)

    def tag(
        self,
        sounds: Sounds,
        order: TagOrder | None = None,
        taxonomy: str = "ucs",
        control: Control | None = None,
    ) -> TagOutcome:
        """Suggest tags; accept them, write them and rename files as ``order`` says.

        Paths are indexed first, where they are new or have changed.
        """
        from engine.search.labels.taxonomy import find_taxonomy
        from engine.tags.tagging import TagOrder, tag

        order, control, labels = order or TagOrder(), control or Control(), find_taxonomy(taxonomy)
        if order.rename is not None:
            order.rename.check()
        ids = _ids_of(self, sounds, control)
        return tag(self.library, self.tagger(labels, control), ids, order, control)

    def undo_tags(self, control: Control | None = None) -> Undone:
        """Undo everything the latest run of :meth:`tag` did."""
        from engine.tags.run import undo_last

        return undo_last(self.library, control or Control())

    def redo_tags(self, control: Control | None = None) -> Undone:
        """Do the run again that was undone last."""
        from engine.tags.run import redo_last

        return redo_last(self.library, control or Control())

    def audit(self, sounds: Sounds, control: Control | None = None) -> Audit:
        """Compare the names of sounds with what they sound like; paths are indexed first."""
        import numpy as np

        from engine.tags.audit import audit

        control = control or Control()
        ids = np.array(_ids_of(self, sounds, control), np.int64)
        with self.searching(control) as searcher:
            return audit(self.library, searcher, ids, control)

    def export(self, file: str | Path, text: str = "", control: Control | None = None) -> int:
        """Export a table of all sounds, or of those that ``text`` finds; return how many.

        :param file: its extension chooses the format: .csv, .json, .txt or .tsv.
        """
        from engine.search.export import export, format_of, sounds_of
        from engine.search.grammar import parse

        path = path_of(file)
        kind, query = format_of(path), parse(text) if text else None
        ids = sounds_of(self.library, query)
        export(self.library, ids, path, kind, control or Control())
        return len(ids)


def _refuse_other_model(session: Session, model: str) -> None:
    """Refuse a model that is not the library's, if it has one, with an InputError."""
    from engine.models.catalog import find_model
    from engine.store.adopted import adopted_model

    known = adopted_model(session.library)
    if known is not None and session.model_folder != find_model(model):
        raise InputError(
            f"this library uses the model {known.name}: to change that for all of its "
            f"sounds, run `soundsift models use {model}` first"
        )


def _ids_of(session: Session, sounds: Sounds, control: Control) -> list[int]:
    """Return the ids of sounds, indexing paths first.

    :raises InputError: there are none.
    """
    from engine.index.build import index_folders
    from engine.store.places import spelled

    given = several(sounds)
    paths = paths_of(one for one in given if isinstance(one, str | Path))
    ids = {int(one) for one in given if not isinstance(one, str | Path)}
    known = session.library.folders()
    library = session.library
    inside = [path for path in paths if is_under(spelled(library, spelled_out(path)), known)]
    outside = [path for path in paths if path not in inside]
    for some, remember in ((inside, False), (outside, True)):
        if some:
            folder = session.model_folder
            index_folders(
                session.library, folder, some, control, remember=remember, device=session.device
            )
    if paths:
        session.refresh()
    ids.update(_ids_under(session.library, paths))
    if not ids:
        where = paths[0] if paths else "the selection"
        raise InputError(f"there are no sounds in {where} that could be read")
    return sorted(ids)


def _ids_under(library: Library, paths: Paths) -> list[int]:
    from engine.store.places import ids_under

    roots = [spelled_out(path) for path in paths_of(paths)]
    return sorted({sound_id for root in roots for sound_id in ids_under(library, root)})
