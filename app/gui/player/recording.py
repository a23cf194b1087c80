"""Recording a query from the microphone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer

from app.gui.player.sound.recorder import LONGEST_S, Recorder
from engine.errors import SoundsiftError
from engine.search.query_sound import QuerySound

if TYPE_CHECKING:
    from app.gui.shell.window import MainWindow

_SHORTEST_S = 0.15


class Recording(QObject):
    """Records until asked again, then searches by what was recorded."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._recorder: Recorder | None = None
        self._timer = QTimer(self, interval=100)
        self._timer.timeout.connect(self._show)

    @property
    def is_on(self) -> bool:
        """Return whether it records."""
        return self._recorder is not None

    def toggle(self) -> None:
        """Begin to record a query, or end and search by it."""
        window = self._window
        if self._recorder is not None:
            self.finish()
            return
        window.player.stop()
        device = window.context.settings.value("audio/input")
        recorder = Recorder(str(device) if device else None)
        try:
            recorder.start()
        except SoundsiftError as error:
            window.bar.record.setChecked(False)
            window.status.say(str(error), True)
            return
        self._recorder = recorder
        window.bar.record.setChecked(True)
        self._timer.start()

    def _show(self) -> None:
        recorder = self._recorder
        if recorder is None:
            return
        said = self.tr("recording {:.1f} s, level {:.0%}: the microphone again ends it")
        self._window.status.say(said.format(recorder.seconds, recorder.level), False, True)
        if recorder.seconds >= LONGEST_S:
            self.finish()

    def finish(self, search: bool = True) -> None:
        """End, and search by it unless it is not wanted any more."""
        recorder, self._recorder = self._recorder, None
        self._timer.stop()
        self._window.bar.record.setChecked(False)
        if recorder is None:
            return
        samples = recorder.stop()
        if not search:
            self._window.status.say("")
        elif len(samples) < _SHORTEST_S * recorder.rate_hz:
            self._window.status.say(self.tr("nothing was recorded: hold on a little longer"), True)
        else:
            self._window.status.say("")
            self._window.bar.add_sound(QuerySound(samples=samples, rate_hz=recorder.rate_hz))
