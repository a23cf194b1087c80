"""One worker of many: claim sounds that wait in a library on a server, listen to them, commit.

What it hears by is what every index run hears by; only where sounds come from, and who may write
down what was heard, is told by claims (:mod:`engine.store.claims`).
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import AwayError, BusyError, InputError, LibraryError, TransientError
from engine.index.ears import load_ear
from engine.index.embed import EmbeddedFile
from engine.index.embedder import Heard, Outcome, Work
from engine.index.lease import LEASE_S, Lease
from engine.index.mapping import map_features, refresh_bank
from engine.index.waiting import Embedded, Threads, embed_waiting
from engine.log import logger, named
from engine.models.spec import read_spec
from engine.models.trial import ensure_tried
from engine.paths import is_away
from engine.progress import Cancelled, Control, Progress
from engine.roots import mounted, not_mounted, place_of_root
from engine.store import EmbeddedPart, Known, Library, Skipped, claims
from engine.store.adopted import adopted_model
from engine.store.claims import CHANNEL, DEATHS, ClaimsLostError, Place
from engine.store.news import News
from engine.store.roots import unmounted_roots
from engine.torch_setup import AUTO

if TYPE_CHECKING:
    from engine.models.bank import Bank
    from engine.models.match_model import AudioEncoder

_log = logger(__name__)
_FEWEST, _MOST = 8, 256  # sounds that are claimed at once
_BATCH_S = 10.0  # about how long they shall take
_LOOK_S = 5.0  # after which an idle worker looks again, though nothing was announced
_POLL_S = 0.25
_LACKING_S = 60.0  # after which files that were not here are looked for again
_PATIENCE_S = 600.0  # with a server that is away, of who shall end some time


@dataclass(frozen=True)
class Manner:
    """How a worker works.

    :param once: end when nothing waits that can be heard here.
    :param roots: listen to what lies below these only, leave what others are at to them, and
        the bank to the caller: as a part of an index run.
    """

    threads: int = 2
    device: str = AUTO
    once: bool = False
    roots: Sequence[str] | None = None
    name: str = ""
    lease_s: float = LEASE_S


def refuse_other_model(library: Library, model_folder: Path) -> None:
    """Refuse to listen with another model than the library's.

    :raises InputError: it is another, or the library has none yet.
    """
    known = adopted_model(library)
    if known is None:
        raise InputError(f"nothing was indexed into {library.name}: run `soundsift index` first")
    mine = read_spec(model_folder)
    if mine.id != known.id:
        raise InputError(
            f"{library.name} is heard with the model {known.name} ({known.id}), and {mine.name} "
            f"here is {mine.id}: install the same model on this machine"
        )


def work(
    library: Library,
    model_folder: Path,
    control: Control,
    manner: Manner | None = None,
    told: Callable[[str], None] = _log.info,
) -> Embedded:
    """Listen to what waits, beside other workers; return what this one heard.

    :param told: takes sentences about what goes on.
    :raises InputError: the library is a file, or has another model.
    :raises LibraryError: the server refuses something, or was away for long while it shall end.
    :raises Cancelled: the user asked to stop; what was done is kept, and claims are free.
    """
    claims.refuse_file(library)
    refuse_other_model(library, model_folder)
    ensure_tried(model_folder, control)
    manner = manner or Manner()
    name = manner.name or socket.gethostname()
    with library.database.patiently(control), Lease(library, name, manner.lease_s) as lease:
        worker = _Worker(library, model_folder, control, manner, lease, told)
        try:
            worker.run()
        finally:
            worker.news.close()
    return worker.heard


class _Worker:
    def __init__(
        self,
        library: Library,
        model_folder: Path,
        control: Control,
        manner: Manner,
        lease: Lease,
        told: Callable[[str], None],
    ) -> None:
        self.heard, self.news = Embedded(0, 0, 0.0), News(library.database, CHANNEL)
        self._library, self._folder, self._control = library, model_folder, control
        self._manner, self._lease, self._told = manner, lease, told
        self._ear: _Ear | None = None
        self._count, self._is_fitted = _FEWEST, True
        self._lacking: set[int] = set()
        self._lacking_since = time.monotonic()
        self._said: set[str] = set()

    def run(self) -> None:
        """Work until nothing waits, or for ever."""
        lost_since: float | None = None
        while True:
            if self._control.cancel():
                raise Cancelled
            try:
                if self._listen() or not self._is_done():
                    lost_since = None
                    continue
                return
            except ClaimsLostError as error:
                self._told(f"{error}: they are heard again")
            except (AwayError, TransientError) as error:
                now = time.monotonic()
                if lost_since is None:
                    self._told(f"{error}; trying again")
                lost_since = lost_since or now
                if self._shall_end and now - lost_since > _PATIENCE_S:
                    raise
                self._wait(1.0)

    @property
    def _shall_end(self) -> bool:
        return self._manner.once or self._manner.roots is not None

    def _listen(self) -> bool:
        """Listen to one batch; return whether there was one."""
        worker = self._lease.worker()
        claims.bury(self._library)
        claims.let_go(self._library, worker)  # what it had when the server was away
        self._give_up()
        terms = claims.terms(self._library)
        waiting = claims.claim(self._library, worker, self._count, self._place())
        try:
            local = [(Path(path), path, sound) for path, sound in waiting]
            here = {place: (path, sound) for place, path, sound in local if place.exists()}
            for place, _, sound in local:
                if place not in here:
                    self._lack(place, sound)
            if here:
                self._embed(worker, terms, here)
        finally:
            if waiting:
                with suppress(LibraryError):  # the next batch begins with it
                    claims.let_go(self._library, worker, [sound.id for _, sound in waiting])
        return bool(waiting)

    def _embed(
        self, worker: int, terms: tuple[bytes, ...], here: Mapping[Path, tuple[str, Known]]
    ) -> None:
        ear = self._ear_of(terms)
        began = time.monotonic()
        ledger = _Ledger(self._library, worker, terms, here, self._lack)
        before = self.heard

        def count(progress: Progress) -> None:
            if progress.stage == "listening":
                done = before.files + before.skipped + progress.done
                self._control.report(Progress("listening", done, None, progress.note))

        control = Control(count, self._control.cancel)
        waiting = [(str(place), sound) for place, (_, sound) in here.items()]
        threads = self._manner.threads
        done = embed_waiting(
            self._library, self._folder, waiting, (), control, threads, embedder=ear, ledger=ledger
        )
        self.heard = Embedded(
            before.files + done.files,
            before.skipped + done.skipped,
            before.audio_s + done.audio_s,
        )
        self._is_fitted = False
        took_s = time.monotonic() - began
        if took_s < _BATCH_S / 2:
            self._count = min(_MOST, 2 * self._count)
        elif took_s > 2 * _BATCH_S:
            self._count = max(_FEWEST, self._count // 2)

    def _ear_of(self, terms: tuple[bytes, ...]) -> _Ear:
        """Return what hears and maps as the library does now; the encoder is loaded once."""
        if self._ear is not None and self._ear.terms == terms:
            return self._ear
        refuse_other_model(self._library, self._folder)
        setting = self._library.setting
        if self._ear is None:
            counts = self._library.statistics()
            count = counts.sounds - counts.embedded
            encoder, bank = load_ear(self._folder, setting, self._manner.device, count)
        else:
            from engine.models.bank import Bank

            encoder = self._ear.encoder
            bank = Bank.stored(encoder.model, setting)
        self._ear = _Ear(encoder, bank, self._manner.threads, terms)
        return self._ear

    def _place(self) -> Place:
        """Return where this machine can listen now."""
        if time.monotonic() - self._lacking_since > _LACKING_S:
            self._lacking, self._lacking_since = set(), time.monotonic()
        away = [folder for folder in mounted(self._library.folders()) if is_away(folder)]
        for folder in away:
            self._say(f"{folder} is not on this machine: its sounds wait for others")
        unmounted = [root.name for root in unmounted_roots(self._library)]
        for name in unmounted:
            self._say(f"{not_mounted(name)}; its sounds wait for others")
        away += map(place_of_root, unmounted)
        return Place(self._manner.roots, away, self._lacking)

    def _lack(self, place: Path, sound: Known) -> None:
        self._lacking.add(sound.id)
        self._say(f"files in {place.parent} are not on this machine: they wait for others")

    def _say(self, sentence: str) -> None:
        """Say something once."""
        if sentence not in self._said:
            self._said.add(sentence)
            self._told(sentence)

    def _give_up(self) -> None:
        """Skip sounds of which worker after worker died, where their files are here."""
        rows = []
        for sound_id, path in claims.given_up(self._library):
            with suppress(OSError):
                facts = Path(path).stat()
                reason = f"{Path(path).name} ended the process that heard it {DEATHS} times"
                _log.warning("%s ended its worker %d times", named(path), DEATHS)
                times = (facts.st_mtime_ns, facts.st_ctime_ns)
                rows.append((sound_id, Skipped(path, facts.st_size, *times, reason)))
        claims.give_up(self._library, rows)

    def _is_done(self) -> bool:
        """Return whether to end, where nothing can be claimed; wait a little if not."""
        if self._manner.roots is not None:
            return True
        place = self._place()
        if claims.others_are_at(self._library, self._lease.worker(), place):
            self._wait(_LOOK_S if not self._manner.once else 4 * _POLL_S)
            return False
        if not self._manner.once and self._wait(_LOOK_S):
            return False
        self._fit()  # which keeps index runs away: only when nothing is announced
        return self._manner.once

    def _fit(self) -> None:
        """Make the bank fit what was heard, unless an index run does."""
        if not self._is_fitted:
            with suppress(BusyError), self._library.database.alone():
                refresh_bank(self._library, self._folder, Control(cancel=self._control.cancel))
            self._is_fitted = True

    def _wait(self, seconds: float) -> bool:
        """Wait for news, so long at most; return whether there were any."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self.news.wait(_POLL_S):
                return True
            if self._control.cancel():
                raise Cancelled
        return False


@dataclass(frozen=True)
class _Ear:
    """The threads of one machine, which map what they hear by the terms that hold."""

    encoder: AudioEncoder
    bank: Bank
    threads: int
    terms: tuple[bytes, ...]

    @contextmanager
    def listening(self, work: Work, control: Control) -> Iterator[Iterator[Heard]]:
        """Give what is heard in each file, mapped."""
        with Threads(self.encoder, self.threads).listening(work, control) as heard_files:
            yield ((path, self._mapped(heard)) for path, heard in heard_files)

    def _mapped(self, heard: Outcome) -> Outcome:
        if not isinstance(heard, EmbeddedFile) or not heard.times_s:
            return heard
        return replace(heard, mapped=map_features(self.encoder.model, heard.features, self.bank))


class _Ledger:
    """Writes down what was heard of claimed sounds."""

    is_sure = False

    def __init__(
        self,
        library: Library,
        worker: int,
        terms: tuple[bytes, ...],
        sounds: Mapping[Path, tuple[str, Known]],
        missed: Callable[[Path, Known], None],
    ) -> None:
        self._library, self._worker, self._terms = library, worker, terms
        self._sounds, self._missed = sounds, missed
        self._since = time.monotonic()

    def put(self, parts: Sequence[EmbeddedPart], refused: Sequence[Skipped]) -> None:
        """Store what is still claimed, and free the claims."""
        if parts or refused:
            now = time.monotonic()
            why = []
            for row in refused:
                path, sound = self._sounds[Path(row.path)]
                why.append((sound.id, replace(row, path=path)))
            took_s = now - self._since
            claims.put_heard(self._library, self._worker, self._terms, parts, why, took_s)
            self._since = now

    def miss(self, path: Path, sound: Known) -> None:
        """Leave a sound whose file is not here to others."""
        self._missed(path, sound)
