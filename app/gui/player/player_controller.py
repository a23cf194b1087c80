"""From a chosen row to the ear: player, waveform, inspector."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

from app.gui.kit.context import Context
from app.gui.kit.text import tr
from app.gui.player.details import SoundDetails, find_details
from app.gui.player.inspector import Inspector
from app.gui.player.player_panel import PlayerPanel
from app.gui.player.sound.player import Player
from app.gui.player.view import View
from engine.audio.clip import Clip, Frames
from engine.audio.peaks import Peaks, PeaksCache
from engine.paths import peaks_folder
from engine.progress import Control
from engine.search.answer import Answer, Match
from engine.search.telling import read_names
from engine.store import SoundRow

_SETTLED_MS = 90  # a row that is only passed over is not looked into
_SEEK_SHARE, _LEAST_SEEK_S = 0.05, 0.25


class PlayerController(QObject):
    """Plays and explains the sound that is looked at.

    ``answer`` gives what was found last, None where nothing was searched for.  ``shown`` tells of
    another sound before it is played, ``detailed`` what is known of it once it stays.
    """

    played = Signal()  # somebody wants to hear what was found
    shown = Signal(object)
    detailed = Signal(object)
    settled = Signal()  # the sound that is looked at stays chosen

    def __init__(
        self,
        context: Context,
        player: Player,
        panel: PlayerPanel,
        inspector: Inspector,
        answer: Callable[[], Answer | None],
    ) -> None:
        super().__init__(panel)  # so that its timers end with the window
        self._context, self._player = context, player
        self._panel, self._inspector, self._answer = panel, inspector, answer
        self._cache = PeaksCache(peaks_folder())
        self._sound: SoundRow | None = None
        self._match: Match | None = None
        self._parts: list[Peaks | None] = [None]  # what a job has read of a long file so far
        self._undrawn = False  # the sound that is looked at could not be read yet
        self.auto_play = True
        self._later = QTimer(self, interval=_SETTLED_MS, singleShot=True)
        self._later.timeout.connect(self._look_into)
        panel.waveform.detail_wanted.connect(self._read_detail)
        inspector.play_wanted.connect(self.play_from)
        inspector.sound_wanted.connect(lambda match: self.hear(match.sound, match))

    @property
    def sound(self) -> SoundRow | None:
        """Return the sound that is looked at."""
        return self._sound

    def look_at(self, sound: SoundRow, match: Match | None, quiet: bool) -> None:
        """Look at the sound of a row, and play it unless it should stay ``quiet``."""
        quiet = quiet or not self.auto_play
        self.hear(sound, match, play=not quiet)
        if quiet:
            self._player.stop()

    def wait(self) -> None:
        """Look into the sound a little later: rows are just being shown anew."""
        if self._later.isActive():
            self._later.start()

    def hear(self, sound: SoundRow, match: Match | None, play: bool = True) -> None:
        """Look at a sound, and play it from the moment that matched."""
        self._show(sound, match)
        if play:
            self.play_from(self._beginning)
        self._later.start()

    def play_part(self, sound: SoundRow, start_s: float, end_s: float) -> None:
        """Play a moment of a sound, wherever it comes from."""
        self.hear(sound, None, play=False)
        self._panel.waveform.put(match=(start_s, end_s))
        self.play_from(start_s)

    def play_from(self, seconds: float) -> None:
        """Play the sound that is looked at from a place."""
        self.played.emit()
        self._player.play(seconds)

    def toggle(self) -> None:
        """Pause, or go on; what was stopped or ended begins anew, from the moment that matched."""
        if self._player.playing:
            self._player.pause()
        elif self._player.paused:
            self.play_from(self._player.position_s)
        elif self._sound is not None:
            order = self._player.order
            self.play_from(order.range_s[0] if order.range_s else self._beginning)

    def play_from_start(self) -> None:
        """Play from the beginning of the range, or of the sound."""
        if self._sound is not None:
            range_s = self._player.order.range_s
            self.play_from(range_s[0] if range_s else 0.0)

    def step(self, direction: int) -> None:
        """Go back or on by a twentieth of what is in view."""
        view = self._panel.waveform.view
        step = max(_LEAST_SEEK_S, _SEEK_SHARE * (view.end_s - view.start_s))
        if self._sound is not None:
            place = self._player.position_s + direction * step
            self._player.seek(min(max(0.0, place), self._sound.duration_s))

    def mark(self, end: int) -> None:
        """Let the range begin (0) or end (1) at the place that is heard."""
        waveform, sound = self._panel.waveform, self._sound
        if sound is None:
            return
        ends = list(waveform.range_s or (0.0, sound.duration_s))
        ends[end] = self._player.position_s
        range_s = (ends[0], ends[1]) if ends[0] < ends[1] else None
        waveform.set_range(range_s)
        waveform.range_changed.emit(range_s)

    def look_again(self) -> None:
        """Show what is known now, after tags have changed."""
        if self._sound is not None:
            self._look_into()

    def follow_answer(self, answer: Answer | None) -> None:
        """Say why what is asked now found the sound, and no longer why an earlier search did."""
        sound, before = self._sound, self._match
        if sound is None or before is None:
            return
        matches = answer.matches if answer is not None else ()
        self._match = next((match for match in matches if match.sound.id == sound.id), None)
        if self._match != before:
            self._later.start()  # who types on asks again before that

    def look_if_back(self) -> None:
        """Look once more at a sound that could not be read: its file may be back."""
        if self._undrawn and not self._context.jobs.is_running("peaks"):
            self._look_into(quietly=True)

    @property
    def _beginning(self) -> float:
        return self._match.start_s if self._match is not None else 0.0

    def _show(self, sound: SoundRow, match: Match | None) -> None:
        self._match = match
        if self._sound is not None and self._sound.id == sound.id:
            self._sound = sound
            return
        self._sound = sound
        moment = (match.start_s, match.end_s) if match is not None else None
        self._panel.show_sound(sound, moment)
        self.shown.emit(sound)

    def _look_into(self, quietly: bool = False) -> None:
        """Read peaks and details of the sound that stayed chosen."""
        sound, match = self._sound, self._match
        if sound is None or self._context.session is None:
            return
        self.settled.emit()
        session, jobs = self._context.session, self._context.jobs
        answer = self._answer() if match is not None else None
        path = Path(sound.path)
        long = sound.duration_s > 600

        def part(peaks: Peaks) -> None:
            self._parts[0] = peaks

        self._parts, self._undrawn = [None], True
        jobs.start(
            "read",
            lambda control: self._cache.peaks(path, control, part),
            lambda peaks: self._put_peaks(sound, peaks),
            failed=(lambda text: None) if quietly else None,
            title=tr("Drawing {}").format(path.name) if long else None,
            newest="peaks",
        )
        if long:
            QTimer.singleShot(300, self, lambda: self._put_part(sound))

        def read(control: Control) -> SoundDetails | None:
            return find_details(session, sound.id, answer, control)

        jobs.start("read", read, lambda found: self._put_details(sound, match, found), newest="why")

    def _put_peaks(self, sound: SoundRow, peaks: Peaks) -> None:
        if self._sound is not None and self._sound.id == sound.id:
            self._parts, self._undrawn = [None], False
            self._panel.waveform.put(peaks=peaks)

    def _put_part(self, sound: SoundRow) -> None:
        """Show what is there of the peaks of a long file, while it is read."""
        if self._sound is None or self._sound.id != sound.id:
            return
        if self._parts[0] is not None:
            self._panel.waveform.put(peaks=self._parts[0])
        if self._parts != [None] or self._context.jobs.is_running("peaks"):
            QTimer.singleShot(300, self, lambda: self._put_part(sound))

    def _put_details(
        self, sound: SoundRow, match: Match | None, details: SoundDetails | None
    ) -> None:
        if details is not None and self._sound is not None and self._sound.id == sound.id:
            if details.sound.path != self._sound.path:  # it was renamed
                self._sound = details.sound
                self._panel.show_sound(details.sound, None)
                self.shown.emit(details.sound)
            flags = {"regions": details.regions, "markers": details.markers}
            self._panel.waveform.put(moments=details.moments, **flags)
            if not self._inspector.shows(details, match):
                self._inspector.show_details(details, match)
            self.detailed.emit(details)
            if details.lacks_names and not self._context.jobs.is_running("names"):
                work, again = partial(read_names, self._context.opened), self._look_into
                self._context.jobs.start(
                    "read", work, lambda _: again(quietly=True), newest="names"
                )

    def _read_detail(self, start_s: float, end_s: float) -> None:
        sound = self._sound
        if sound is None:
            return

        def read(control: Control) -> tuple[View, Frames]:
            with Clip(Path(sound.path)) as clip:
                first = max(0, int(start_s * clip.rate_hz) - 1)
                frames = clip.read(first, int((end_s - start_s) * clip.rate_hz) + 3)
                last = first + len(frames)
                return View(first / clip.rate_hz, last / clip.rate_hz), frames

        def put(detail: tuple[View, Frames]) -> None:
            if self._sound is not None and self._sound.id == sound.id:
                self._panel.waveform.put(detail=detail)

        self._context.jobs.start(
            "read",
            read,
            put,
            failed=lambda text: None,  # the player says it
            newest="detail",
        )
