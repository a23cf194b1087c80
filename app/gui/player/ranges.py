"""The range that is marked in the waveform, on its way to another program."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject

from app.gui.kit.context import Context
from app.gui.kit.files import drag_files
from app.gui.player.parts import Parts
from app.gui.player.player_controller import PlayerController
from app.gui.player.waveform import Waveform
from engine.errors import SoundsiftError


class Ranges(QObject):
    """Has the range rendered once it is marked, and gives its file once it is wanted."""

    def __init__(
        self,
        context: Context,
        player_controller: PlayerController,
        waveform: Waveform,
        parts: Parts,
    ) -> None:
        super().__init__(waveform)
        self._context, self._player_controller = context, player_controller
        self._waveform, self._parts = waveform, parts
        waveform.range_changed.connect(self._prepare)
        waveform.range_dragged.connect(self._drag)

    def prepare_again(self) -> None:
        """Have the range rendered anew: it is kept somewhere else now."""
        self._prepare(self._waveform.range_s)

    def kept(self) -> Path | None:
        """Return the range as a lasting file; None where there is none, or not yet."""
        sound, range_s = self._player_controller.sound, self._waveform.range_s
        if sound is None or range_s is None:
            return None
        try:
            path = self._parts.keep(sound, range_s)
        except SoundsiftError as error:
            self._context.say(str(error), True)
            return None
        if path is None:
            said = self.tr("the range is still being rendered: try again in a moment")
            self._context.say(said, True)
        return path

    def _prepare(self, range_s: tuple[float, float] | None) -> None:
        if self._player_controller.sound is not None:
            self._parts.prepare(self._player_controller.sound, range_s)

    def _drag(self) -> None:
        path = self.kept()
        if path is not None:
            said = self.tr("{} saved in {}").format(path.name, path.parent)
            self._context.say(said)
            drag_files(self._waveform, [path])
