"""Recording a query from the microphone."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer, Signal

from app.gui.kit.context import Context
from app.gui.player.sound.player import Player
from app.gui.player.sound.recorder import LONGEST_S, Recorder
from engine.errors import SoundsiftError
from engine.search.query_sound import QuerySound

_SHORTEST_S = 0.15


class Recording(QObject):
    """Records until asked again, then tells what was recorded."""

    changed = Signal(bool)  # whether it records now
    recorded = Signal(object)  # the sound to search by

    def __init__(self, context: Context, player: Player) -> None:
        super().__init__(player)
        self._context, self._player = context, player
        self._recorder: Recorder | None = None
        self._timer = QTimer(self, interval=100)
        self._timer.timeout.connect(self._show)

    @property
    def is_on(self) -> bool:
        """Return whether it records."""
        return self._recorder is not None

    def toggle(self) -> None:
        """Begin to record a query, or end and search by it."""
        if self._recorder is not None:
            self.finish()
            return
        self._player.stop()
        recorder = Recorder(self._context.settings.now.input or None)
        try:
            recorder.start()
        except SoundsiftError as error:
            self.changed.emit(False)
            self._context.say(str(error), True)
            return
        self._recorder = recorder
        self.changed.emit(True)
        self._timer.start()

    def _show(self) -> None:
        recorder = self._recorder
        if recorder is None:
            return
        said = self.tr("Recording {:.1f} s, level {:.0%}. Press the microphone again to stop.")
        self._context.say(said.format(recorder.seconds, recorder.level), False, True)
        if recorder.seconds >= LONGEST_S:
            self.finish()

    def finish(self, search: bool = True) -> None:
        """End, and search by it unless it is not wanted any more."""
        recorder, self._recorder = self._recorder, None
        self._timer.stop()
        self.changed.emit(False)
        if recorder is None:
            return
        samples = recorder.stop()
        if not search:
            self._context.say("")
        elif len(samples) < _SHORTEST_S * recorder.rate_hz:
            self._context.say(self.tr("the recording is too short: try again"), True)
        else:
            self._context.say("")
            self.recorded.emit(QuerySound(samples=samples, rate_hz=recorder.rate_hz))
