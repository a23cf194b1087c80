"""Bring a library in step with folders: scan, compare, read headers, listen, commit.

Work is committed every few hundred files, and what is done is found done: a killed run that
is started again ends in the library that an undisturbed run would have made.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import asdict, dataclass
from logging import DEBUG, INFO
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import AudioError, InputError, LibraryError
from engine.index.drives import note_drives, refuse_vanished
from engine.index.ears import encoder_ahead
from engine.index.embedder import Embedder
from engine.index.headers import read_headers
from engine.index.loudness import measure_waiting
from engine.index.mapping import adopt_model, refresh_bank
from engine.index.moves import follow_moves
from engine.index.scan import Difference, FoundFile, Scan, difference, roots_of, scan
from engine.index.waiting import Embedded, embed_waiting, waiting_sounds
from engine.index.worker import Manner, work
from engine.log import logger, named
from engine.paths import is_away, is_under, spelled_out
from engine.progress import Control, Progress
from engine.store import FileFacts, Header, Known, Library, Skipped
from engine.store.claims import announce
from engine.store.copies import keep_copy
from engine.store.places import count_under, set_state_under, spelled, spelling
from engine.store.tables import MISSING, OFFLINE, PRESENT
from engine.torch_setup import AUTO

if TYPE_CHECKING:
    from engine.models.match_model import AudioEncoder

_log = logger(__name__)
_HEADERS_AT_ONCE = 512  # in one transaction
_TOLD = ("heard", "unchanged", "moved", "back", "missing", "skipped")


@dataclass(frozen=True)
class IndexReport:
    """What an index run did, in files; ``audio_s`` and ``took_s`` in seconds.

    ``remark`` is a sentence about what could not be done: keeping a copy, or listening to sounds
    that wait.
    """

    found: int
    unchanged: int
    heard: int
    moved: int
    back: int
    missing: int
    skipped: int
    audio_s: float
    took_s: float
    remark: str = ""

    def to_dict(self) -> dict[str, float | int | str]:
        """Return the fields as plain values."""
        return asdict(self)

    def summary(self) -> list[tuple[str, int]]:
        """Return what people are told, as fields and their counts; empty: there are no sounds."""
        counts = [(name, int(getattr(self, name))) for name in _TOLD]
        return [(name, count) for name, count in counts if count]


def index_folders(
    library: Library,
    model_folder: Path,
    paths: Sequence[Path],
    control: Control,
    threads: int = 2,
    remember: bool = True,
    device: str = AUTO,
    embedder: Embedder | None = None,
) -> IndexReport:
    """Index ``paths`` (folders or files) into ``library`` with the model in ``model_folder``.

    Headers of all new files are read first: they can be found by their words at once.  Sounds
    that vanished under ``paths`` are marked missing, not erased; those of a whole folder that
    is away are offline.

    :param remember: add ``paths`` to the library's folders.
    :param device: where sounds are listened to (:func:`engine.torch_setup.find_device`).
    :param embedder: who listens; None: threads of this process.
    :raises InputError: a path does not exist.
    :raises LibraryError: the library cannot be written, another index run holds it, or a
        folder went away meanwhile.
    :raises Cancelled: the user asked to stop; what was done is kept.
    """
    began = time.monotonic()
    with library.database.alone(), library.database.patiently(control):
        roots = _present_roots(library, paths)
        adopt_model(library, model_folder, control)
        found = scan(roots, control, spelling(library))
        _remember(library, roots if remember else ())
        known = library.known(roots)
        skipped = {row.path: row for row in library.skipped() if is_under(row.path, roots)}
        plan = difference(found, known, skipped)
        _note(library, found, plan)
        to_read, moved = follow_moves(library, plan.to_read, known, control)
        listens = library.file is not None and embedder is None and _waits(to_read, known)
        with encoder_ahead(model_folder, device, len(found.files) if listens else 0) as ahead:
            refused = _read(library, plan.to_describe, roots, control, threads, unchanged=True)
            refused += _read(library, to_read, roots, control, threads)
            waiting = waiting_sounds(library, roots)
            own = (library, model_folder, waiting, roots, control, threads, device, embedder)
            heard = _hear(*own, ahead)
        refresh_bank(library, model_folder, control)
        changed = heard.files or to_read or moved or plan.back or plan.gone or plan.to_describe
        remark = keep_copy(library.file, control) if changed and library.file else ""
        measure_waiting(library, control, threads, roots)
        same = {file.path for file in (*plan.unchanged, *plan.to_describe)}
    report = IndexReport(
        found=len(found.files),
        unchanged=len(same - {path for path, _ in waiting}),
        heard=heard.files,
        moved=moved,
        back=len(plan.back),
        missing=len(plan.gone) - moved,
        skipped=plan.skipped_again + len(found.refused) + refused + heard.skipped,
        audio_s=heard.audio_s,
        took_s=time.monotonic() - began,
        remark="; ".join(filter(None, (heard.remark, remark))),
    )
    _log.log(INFO if changed else DEBUG, "indexed %s", _in_short(report))
    return report


def _waits(to_read: Sequence[FoundFile], known: Mapping[str, Known]) -> bool:
    """Return whether there is anything to listen to."""
    left = (sound.state == PRESENT and not sound.content_hash for sound in known.values())
    return bool(to_read) or any(left)


def _remember(library: Library, roots: Sequence[str]) -> None:
    for root in roots:
        library.add_folder(root)


def _hear(
    library: Library,
    model_folder: Path,
    waiting: Sequence[tuple[str, Known]],
    roots: Sequence[str],
    control: Control,
    threads: int,
    device: str,
    embedder: Embedder | None,
    ahead: Future[AudioEncoder] | None,
) -> Embedded:
    """Listen; on a server as one of the library's workers, if by threads of this process."""
    if library.file is not None or embedder is not None or not waiting:
        own = (library, model_folder, waiting, roots, control, threads, device)
        return embed_waiting(*own, embedder=embedder, ahead=ahead)
    return work(library, model_folder, control, Manner(threads, device, roots=roots))


def _note(library: Library, found: Scan, plan: Difference) -> None:
    """Write what a scan tells without opening a file."""
    library.set_state(plan.back, PRESENT)
    library.set_state(plan.gone, MISSING)
    library.drop_skipped(plan.skipped_gone)
    library.put_skipped(found.refused)


def _in_short(report: IndexReport) -> str:
    counts = report.to_dict()
    remark = counts.pop("remark")
    said = ", ".join(f"{name} {float(count):.6g}" for name, count in counts.items() if count)
    return f"{said}; {named(remark)}" if remark else said


def use_model(library: Library, model_folder: Path, control: Control) -> bool:
    """Make the library use another model; return whether its features could be kept.

    :raises LibraryError: an index run is working on the library.
    """
    with library.database.alone(), library.database.patiently(control):
        adopt_model(library, model_folder, control)
        refresh_bank(library, model_folder, control)
    counts = library.statistics()
    return counts.embedded == counts.sounds


def is_being_indexed(library: Library) -> bool:
    """Return whether an index run, perhaps of another process, holds the library."""
    try:
        with library.database.alone():
            return False
    except LibraryError:
        return True


def _present_roots(library: Library, paths: Sequence[Path]) -> list[str]:
    """Return what to index; tell which indexed folder is away, whose sounds are then offline.

    A folder inside an indexed one that is gone or empty was emptied, not unplugged.
    """
    indexed = set(library.folders())
    for path in paths:
        root = spelled(library, spelled_out(path))
        if root in indexed and is_away(root) and _has_sounds(library, root):
            count = count_under(library, root, OFFLINE) + count_under(library, root, PRESENT)
            if library.file is not None:  # or it is away here, and there for others
                set_state_under(library, root, PRESENT, OFFLINE)
            raise InputError(
                f"{path} does not exist, or is empty: its {count} sounds are offline until "
                "its drive is connected; if it moved, run `soundsift relink`"
            )
    note_drives(library)
    return [spelled(library, root) for root in roots_of(paths)]


def _has_sounds(library: Library, root: str) -> bool:
    return any(count_under(library, root, state) for state in (PRESENT, OFFLINE))


def _read(
    library: Library,
    files: Sequence[FoundFile],
    roots: Sequence[str],
    control: Control,
    threads: int,
    unchanged: bool = False,
) -> int:
    """Read headers and commit as it goes, also when cancelled; return how many are refused."""
    read: list[tuple[FileFacts, Header]] = []
    refused: list[Skipped] = []
    count = 0

    def commit() -> None:
        library.put_headers(read, unchanged)
        if read and not unchanged:
            announce(library)
        library.put_skipped(refused)
        read.clear()
        refused.clear()

    try:
        for number, (file, outcome) in enumerate(read_headers(files, threads)):
            if not isinstance(outcome, AudioError):
                read.append(outcome)
            elif Path(file.path).exists():
                row = (file.path, file.size, file.mtime_ns, file.ctime_ns)
                refused.append(Skipped(*row, reason=str(outcome)))
                count += 1
            else:
                refuse_vanished(library, roots)
            if len(read) + len(refused) >= _HEADERS_AT_ONCE:
                commit()
            control.report(Progress("reading headers", number + 1, len(files)))
    finally:
        commit()
    return count
