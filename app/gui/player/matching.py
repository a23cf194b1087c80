"""Sounds played equally loud: each by a gain of its own, never above full scale."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

from PySide6.QtCore import QObject

from app.gui.kit.context import Context
from app.gui.player.player_controller import PlayerController
from app.gui.player.sound.player import Player
from engine.audio.loudness import Loudness, gain_db, loudness_of
from engine.store import SoundRow

_KEPT = 2000  # sounds that were measured here, before the library knows them


class Matching(QObject):
    """Sets the gain of every sound that is looked at, while it is on.

    One that was not measured yet is measured beside its playing, which then glides to its gain.
    """

    def __init__(
        self, context: Context, player_controller: PlayerController, player: Player
    ) -> None:
        super().__init__(player_controller)
        self._context, self._player = context, player
        self._player_controller = player_controller
        self._measured: OrderedDict[tuple[int, str], Loudness] = OrderedDict()
        self.is_on = False
        player_controller.shown.connect(self._follow)

    def switch(self, on: bool) -> None:
        """Begin or end to play sounds equally loud."""
        self.is_on = on
        self.follow()

    def follow(self) -> None:
        """Play the sound that is looked at as loud as it should be now."""
        sound = self._player_controller.sound
        if sound is not None:
            self._follow(sound)

    def loudness(self, sound: SoundRow) -> Loudness | None:
        """Return how loud a sound is, None where it is not known yet."""
        if sound.lufs is not None and sound.peak_db is not None:
            return Loudness(sound.lufs, sound.range_lu, sound.peak_db)
        return self._measured.get((sound.id, sound.path))

    def _follow(self, sound: SoundRow) -> None:
        if not self.is_on:
            self._player.set_match_db(0.0)
            return
        known = self.loudness(sound)
        if known is not None:
            self._match(known)
            return
        self._player.set_match_db(0.0)
        path = Path(sound.path)
        self._context.jobs.start(
            "read",
            lambda control: loudness_of(path, control),
            lambda found: self._take(sound, found),
            failed=lambda text: None,  # the player says it
            newest="match",
        )

    def _take(self, sound: SoundRow, found: Loudness) -> None:
        self._measured[sound.id, sound.path] = found
        while len(self._measured) > _KEPT:
            self._measured.popitem(last=False)
        now = self._player_controller.sound
        if self.is_on and now is not None and now.id == sound.id:
            self._match(found)

    def _match(self, loudness: Loudness) -> None:
        target = float(self._context.settings.now.match_lufs)
        self._player.set_match_db(gain_db(loudness, target), -loudness.peak_db)
