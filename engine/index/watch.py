"""Keep a library in step with its folders while they change."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from watchfiles import DefaultFilter, watch

from engine.audio.decode import EXTENSIONS
from engine.errors import BusyError, InputError, LibraryError
from engine.index.build import IndexReport, index_folders
from engine.index.drives import note_drives
from engine.paths import is_away, is_under, spelled_out
from engine.progress import Control
from engine.store import Library
from engine.torch_setup import AUTO

_DEBOUNCE_MS = 1600  # so long a batch of changes is gathered at most
_QUIET_MS = 400  # and so long nothing must have changed
_LOOK_MS = 1000  # between looks at drives, and at the wish to stop
_ASLEEP_S = 60.0  # a pause that no look explains: the machine slept
_MOST_FOLDERS = 200  # changed folders above which everything is scanned


class _Sounds(DefaultFilter):
    """Folders, and files with a sound's extension."""

    def __call__(self, change: object, path: str) -> bool:
        name = Path(path)
        return not name.name.startswith(".") and (
            not name.suffix or name.suffix.lower() in EXTENSIONS or name.is_dir()
        )


def watch_folders(
    library: Library,
    model_folder: Path,
    paths: Sequence[Path],
    control: Control,
    told: Callable[[IndexReport], None],
    threads: int = 2,
    device: str = AUTO,
) -> None:
    """Index ``paths``, then again whatever changes in them, until ``control`` is cancelled.

    ``told`` gets the report of every run that found something to do.  Folders that go away are
    offline until they are back; after the machine slept everything is scanned.
    """
    told(index_folders(library, model_folder, paths, control, threads, device=device))
    roots = [spelled_out(path) for path in paths]

    def index(changed: Sequence[Path], remember: bool) -> bool:
        try:
            report = index_folders(
                library, model_folder, changed, control, threads, remember, device
            )
        except BusyError:
            return False  # another program indexes: look again when it has finished
        except (InputError, LibraryError):
            if not any(map(is_away, roots)):
                raise
            note_drives(library)  # it went away in the middle, and will be looked for again
            return True
        if report.heard or report.moved or report.back or report.missing or report.skipped:
            told(report)
        return True

    while not control.cancel():
        there = [root for root in roots if not is_away(root)]
        note_drives(library)
        if not there:
            time.sleep(_LOOK_MS / 1000)
            continue
        _watch_while_there(there, roots, control, index)


def _watch_while_there(
    there: Sequence[str],
    roots: Sequence[str],
    control: Control,
    index: Callable[[Sequence[Path], bool], bool],
) -> None:
    """Index what changes, until a folder goes away or comes back, or the user wants to stop."""
    everything = True  # at first: what changed before the watch began is seen by a scan
    looked = time.time()
    for changes in watch(
        *there,
        watch_filter=_Sounds(),
        debounce=_DEBOUNCE_MS,
        step=_QUIET_MS,
        rust_timeout=_LOOK_MS,
        yield_on_timeout=True,
        raise_interrupt=False,
    ):
        if control.cancel() or [root for root in roots if not is_away(root)] != list(there):
            return
        if time.time() - looked > _ASLEEP_S + _LOOK_MS / 1000:
            return  # and begin with a scan of everything
        if everything or changes:
            folders = [Path(root) for root in there] if everything else _changed(changes, there)
            everything = not index(folders, everything)
        looked = time.time()


def _changed(changes: Iterable[tuple[object, str]], there: Sequence[str]) -> list[Path]:
    """Return the folders in which something changed, or everything if those are many."""
    folders = {_nearest_folder(path, there) for _, path in changes}
    outermost = [f for f in folders if not is_under(f, folders - {f})]
    if len(outermost) > _MOST_FOLDERS:
        outermost = list(there)
    return [Path(folder) for folder in outermost]


def _nearest_folder(path: str, there: Sequence[str]) -> str:
    """Return the folder that holds a path and still exists, or the watched file that it is."""
    folder = path
    while not Path(folder).is_dir() and folder not in there:
        folder = str(Path(folder).parent)
    return folder
