"""Listen to the sounds that were not yet heard, and commit as it goes."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from engine.errors import AudioError
from engine.index.drives import refuse_vanished
from engine.index.ears import load_ear
from engine.index.embed import EmbeddedFile, embed_files
from engine.index.embedder import BANK_SETTINGS, PART_WINDOWS, Embedder, Heard, Outcome, Waits, Work
from engine.index.loudness import measured
from engine.index.mapping import windows_of
from engine.log import logger, named
from engine.progress import Control, Progress
from engine.store import EmbeddedPart, Known, Library, Skipped
from engine.store.claims import put_unclaimed
from engine.store.interest import folder_interest
from engine.store.tables import MISSING
from engine.store.windows import put_embedded
from engine.store.words import search_words
from engine.torch_setup import AUTO, cores, using_threads

if TYPE_CHECKING:
    from engine.models.bank import Bank
    from engine.models.match_model import AudioEncoder

_log = logger(__name__)
_COMMIT_S = 5.0
_COMMIT_FILES = 256
_CHANGED = "changed while sounds were listened to; the next run hears it"
_PART_WINDOWS = PART_WINDOWS  # of a long file, after which it can be resumed


@dataclass(frozen=True)
class Embedded:
    """What was heard: files, files that could not be, and seconds of audio.

    ``remark`` is a sentence about what could not be listened to yet.
    """

    files: int
    skipped: int
    audio_s: float
    remark: str = ""


@dataclass(frozen=True)
class Threads:
    """The embedder of one machine: threads decode, and whoever iterates embeds."""

    audio_encoder: AudioEncoder
    threads: int

    @contextmanager
    def listening(self, work: Work, control: Control) -> Iterator[Iterator[Heard]]:
        """Give what is heard in each file, in parts that can be resumed."""
        with using_threads(max(1, cores() - self.threads)):  # the others decode
            yield embed_files(
                self.audio_encoder,
                *(work.paths, self.threads, work.starts_s, _PART_WINDOWS),
                measure=True,
            )


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
    embedder: Embedder | None = None,
    ledger: Ledger | None = None,
    ahead: Future[AudioEncoder] | None = None,
) -> Embedded:
    """Listen to sounds and commit as it goes, also when cancelled.

    :param device: as :func:`engine.torch_setup.find_device` takes it.
    :param embedder: who listens; None: threads of this process.
    :param ledger: what writes down what was heard; None: whoever has the library for itself.
    :param ahead: the encoder of those threads, if it is being loaded already.
    :raises LibraryError: one of ``roots`` went away; its sounds are marked offline.
    """
    if not waiting:
        return Embedded(0, 0, 0.0)
    control.report(Progress("loading the model", 0, len(waiting)))
    audio_encoder, bank = None, None
    if embedder is None:
        audio_encoder, bank = load_ear(model_folder, library.setting, device, len(waiting), ahead)
        embedder = Threads(audio_encoder, threads)
    sounds = {Path(path): sound for path, sound in waiting}
    batch = _Batch(ledger or ledger_of(library, roots, sounds), audio_encoder, sounds, bank)
    with embedder.listening(_work(library, model_folder, waiting), control) as heard_files:
        try:
            for path, heard in heard_files:
                batch.add(path, heard)
                done = batch.files + batch.skipped
                told = f"{batch.audio_s:.0f} s"
                control.report(Progress("listening", done, len(waiting), told))
        finally:
            batch.commit()
    return Embedded(batch.files, batch.skipped, batch.audio_s, batch.remark())


def _work(library: Library, model_folder: Path, waiting: Sequence[tuple[str, Known]]) -> Work:
    settings = {name: library.setting(name) for name in BANK_SETTINGS}
    return Work(
        model_folder,
        [Path(path) for path, _ in waiting],
        {Path(path): sound.heard_s for path, sound in waiting if sound.heard_s},
        {Path(path): sound.size for path, sound in waiting},
        {name: value for name, value in settings.items() if value is not None},
    )


class Ledger(Protocol):
    """What writes down what was heard.

    ``is_sure`` is whether the run itself has just looked at all files: another computer's times of
    them may be others.
    """

    is_sure: bool

    def put(self, parts: Sequence[EmbeddedPart], refused: Sequence[Skipped]) -> None:
        """Store what was heard, and what cannot be."""

    def miss(self, path: Path, sound: Known) -> None:
        """Note that a file is not there; what was heard before it is stored."""


class _Alone:
    """The ledger of an index run that has the library for itself."""

    is_sure = True

    def __init__(self, library: Library, roots: Sequence[str]) -> None:
        self.library, self.roots = library, roots

    def put(self, parts: Sequence[EmbeddedPart], refused: Sequence[Skipped]) -> None:
        """Store it."""
        put_embedded(self.library, parts)
        self.library.put_skipped(refused)

    def miss(self, path: Path, sound: Known) -> None:
        """Mark a sound missing, unless its whole drive is away."""
        refuse_vanished(self.library, self.roots)
        self.library.set_state([sound.id], MISSING)


class _Beside(_Alone):
    """The ledger of an index run beside which workers may listen, too."""

    is_sure = False

    def __init__(
        self, library: Library, roots: Sequence[str], sounds: Mapping[Path, Known]
    ) -> None:
        super().__init__(library, roots)
        self._sounds = {sound.id: sound for sound in sounds.values()}
        self._ids = {str(path): sound.id for path, sound in sounds.items()}

    def put(self, parts: Sequence[EmbeddedPart], refused: Sequence[Skipped]) -> None:
        """Store what no worker is at."""
        if parts or refused:
            why = [(self._ids[row.path], row) for row in refused]
            put_unclaimed(self.library, self._sounds, parts, why)
            for part in parts:
                sound = self._sounds[part.sound_id]
                self._sounds[part.sound_id] = replace(sound, heard_s=part.heard_s)


def ledger_of(library: Library, roots: Sequence[str], sounds: Mapping[Path, Known]) -> Ledger:
    """Return the ledger of an index run."""
    return _Alone(library, roots) if library.file is not None else _Beside(library, roots, sounds)


class _Batch:
    """What was heard and waits for its transaction."""

    def __init__(
        self,
        ledger: Ledger,
        audio_encoder: AudioEncoder | None,
        sounds: dict[Path, Known],
        bank: Bank | None,
    ) -> None:
        self._ledger, self._audio_encoder = ledger, audio_encoder
        self._sounds, self._bank = sounds, bank
        self._heard: list[tuple[int, EmbeddedFile]] = []
        self._skipped: list[Skipped] = []
        self._since = time.monotonic()
        self._until_s = {path: sound.heard_s for path, sound in sounds.items()}
        self._waiting: Counter[str] = Counter()
        self.files, self.skipped, self.audio_s = 0, 0, 0.0

    def remark(self) -> str:
        """Return why sounds wait on, nothing if none does."""
        return "; ".join(
            f"{count} sound{'s wait' if count > 1 else ' waits'}: {why}"
            for why, count in sorted(self._waiting.items())
        )

    def add(self, path: Path, heard: Outcome) -> None:
        """Take a file or a part of one, and commit if it is time."""
        if isinstance(heard, AudioError):
            self._refuse(path, heard)
        elif isinstance(heard, Waits):
            self._waiting[heard.reason] += 1
        elif heard.content_hash and self._was_changed(path):
            self._waiting[_CHANGED] += 1
        else:
            self._heard.append((self._sounds[path].id, heard))
            self.files += bool(heard.content_hash)
            self.audio_s += heard.heard_s - self._until_s[path]
            self._until_s[path] = heard.heard_s
        waited_s = time.monotonic() - self._since
        if len(self._heard) + len(self._skipped) >= _COMMIT_FILES or waited_s > _COMMIT_S:
            self.commit()

    def _refuse(self, path: Path, reason: AudioError) -> None:
        """Record why a file cannot be heard, unless it is not there, or not what it was."""
        try:
            facts = path.stat()
        except OSError:
            self.commit()
            self._ledger.miss(path, self._sounds[path])
            return
        if self._differs(path, facts):
            self._waiting[_CHANGED] += 1
            return
        row = Skipped(str(path), facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, str(reason))
        _log.debug("skipped %s", named(reason))
        self._skipped.append(row)
        self.skipped += 1

    def _was_changed(self, path: Path) -> bool:
        """Return whether a file that was heard is another one now; not if it is gone."""
        try:
            return self._differs(path, path.stat())
        except OSError:
            return False

    def _differs(self, path: Path, facts: os.stat_result) -> bool:
        """Return whether it is not the file whose header the library holds, if one can know."""
        sound = self._sounds[path]
        told = (sound.size, sound.mtime_ns)
        return self._ledger.is_sure and (facts.st_size, facts.st_mtime_ns) != told

    def commit(self) -> None:
        """Map what was heard, and write what waits."""
        windows = windows_of(self._audio_encoder, [heard for _, heard in self._heard], self._bank)
        parts = [
            EmbeddedPart(
                sound_id,
                stored,
                heard.heard_s,
                heard.content_hash,
                heard.heard_s if heard.content_hash else None,
                heard.damage,
                measured(heard.loudness) if heard.loudness is not None else None,
            )
            for (sound_id, heard), stored in zip(self._heard, windows, strict=True)
        ]
        self._ledger.put(parts, self._skipped)
        self._heard, self._skipped = [], []
        self._since = time.monotonic()
