"""Listen to the sounds that were not yet heard, and commit as it goes."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import AudioError
from engine.index.drives import refuse_vanished
from engine.index.embed import EmbeddedFile, embed_files
from engine.index.mapping import windows_of
from engine.log import logger, named
from engine.progress import Control, Progress
from engine.store import EmbeddedPart, Known, Library, Skipped
from engine.store.interest import folder_interest
from engine.store.tables import MISSING
from engine.store.windows import put_embedded
from engine.store.words import search_words
from engine.torch_setup import AUTO, find_device

if TYPE_CHECKING:
    from engine.models.bank import Bank
    from engine.models.match_model import AudioEncoder

_log = logger(__name__)
_COMMIT_S = 5.0
_COMMIT_FILES = 256
_WORTH_MEASURING = 64  # files that make up for finding out which precision is faster
_PART_WINDOWS = 60  # of a long file, after which it can be resumed


@dataclass(frozen=True)
class Embedded:
    """What was heard: files, files that could not be, and seconds of audio."""

    files: int
    skipped: int
    audio_s: float


def waiting_sounds(library: Library, roots: Sequence[str]) -> list[tuple[str, Known]]:
    """Return the present sounds under ``roots`` that were not wholly heard, in order.

    Sounds begun go first, then those of the most searched folders, then the newest.
    """
    interest: Counter[str] = Counter()
    for name, searches in folder_interest(library).items():
        interest[search_words(name)] += searches  # however it was spelled

    def order(item: tuple[str, Known]) -> tuple[bool, int, int, str]:
        path, sound = item
        folders = search_words(str(Path(path).parent)) if interest else ""
        searched = max((n for words, n in interest.items() if words in folders), default=0)
        return (not sound.heard_s, -searched, -sound.mtime_ns, path)

    return sorted(library.known(roots, waiting=True).items(), key=order)


def embed_waiting(
    library: Library,
    model_folder: Path,
    waiting: Sequence[tuple[str, Known]],
    roots: Sequence[str],
    control: Control,
    threads: int,
    device: str = AUTO,
) -> Embedded:
    """Listen to sounds and commit as it goes, also when cancelled.

    :param device: as :func:`engine.torch_setup.find_device` takes it.
    :raises LibraryError: one of ``roots`` went away; its sounds are marked offline.
    """
    if not waiting:
        return Embedded(0, 0, 0.0)
    from engine.models.bank import Bank
    from engine.models.devices import on_device
    from engine.models.match_model import load_audio_encoder
    from engine.models.precision import in_best_precision

    control.report(Progress("loading the model", 0, len(waiting)))
    audio_encoder = on_device(load_audio_encoder(model_folder), find_device(device))
    if len(waiting) >= _WORTH_MEASURING:
        audio_encoder = in_best_precision(audio_encoder)
    bank = Bank.stored(audio_encoder.model, library.setting)
    batch = _Batch(
        library, audio_encoder, {Path(path): sound for path, sound in waiting}, roots, bank
    )
    paths = [Path(path) for path, _ in waiting]
    starts_s = {Path(path): sound.heard_s for path, sound in waiting if sound.heard_s}
    try:
        for path, heard in embed_files(audio_encoder, paths, threads, starts_s, _PART_WINDOWS):
            batch.add(path, heard)
            done = batch.files + batch.skipped
            control.report(Progress("listening", done, len(waiting), f"{batch.audio_s:.0f} s"))
    finally:
        batch.commit()
    return Embedded(batch.files, batch.skipped, batch.audio_s)


class _Batch:
    """What was heard and waits for its transaction."""

    def __init__(
        self,
        library: Library,
        audio_encoder: AudioEncoder,
        sounds: dict[Path, Known],
        roots: Sequence[str],
        bank: Bank,
    ) -> None:
        self._library, self._audio_encoder = library, audio_encoder
        self._sounds, self._roots = sounds, roots
        self._bank = bank
        self._heard: list[EmbeddedPart] = []
        self._skipped: list[Skipped] = []
        self._since = time.monotonic()
        self._until_s = {path: sound.heard_s for path, sound in sounds.items()}
        self.files, self.skipped, self.audio_s = 0, 0, 0.0

    def add(self, path: Path, heard: EmbeddedFile | AudioError) -> None:
        """Take a file or a part of one, and commit if it is time."""
        if isinstance(heard, AudioError):
            self._refuse(path, heard)
        else:
            stored = windows_of(self._audio_encoder, heard, self._bank)
            finished = bool(heard.content_hash)
            self._heard.append(
                EmbeddedPart(
                    self._sounds[path].id,
                    stored,
                    heard.heard_s,
                    heard.content_hash,
                    heard.heard_s if finished else None,
                    heard.damage,
                )
            )
            self.files += finished
            self.audio_s += heard.heard_s - self._until_s[path]
            self._until_s[path] = heard.heard_s
        waited_s = time.monotonic() - self._since
        if len(self._heard) + len(self._skipped) >= _COMMIT_FILES or waited_s > _COMMIT_S:
            self.commit()

    def _refuse(self, path: Path, reason: AudioError) -> None:
        """Record why a file cannot be heard, unless it, or its whole drive, is away."""
        try:
            facts = path.stat()
        except OSError:
            self.commit()
            refuse_vanished(self._library, self._roots)
            self._library.set_state([self._sounds[path].id], MISSING)
            return
        row = Skipped(str(path), facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, str(reason))
        _log.debug("skipped %s", named(reason))
        self._skipped.append(row)
        self.skipped += 1

    def commit(self) -> None:
        """Write what waits."""
        put_embedded(self._library, self._heard)
        self._library.put_skipped(self._skipped)
        self._heard, self._skipped = [], []
        self._since = time.monotonic()
