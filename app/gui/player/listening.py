"""The player as other rooms use it."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from app.gui.player.audition import Audition
from app.gui.player.sound.player import Player
from engine.store import SoundRow


class Listener:
    """See :class:`app.gui.kit.listening.Listening`."""

    def __init__(self, audition: Audition, player: Player) -> None:
        self._audition, self._player = audition, player

    @property
    def playing(self) -> bool:
        """Return whether something plays."""
        return self._player.playing

    def hear(self, sound: SoundRow, from_s: float = 0.0) -> None:
        """Play a sound from a second of it, and show what is known of it."""
        self._audition.hear(sound, None, play=False)
        self._audition.play_from(from_s)

    def hear_at(self, sound: SoundRow, start_s: float, end_s: float) -> None:
        """Play a moment of a sound, and mark it."""
        self._audition.hear_at(sound, start_s, end_s)

    def stop(self) -> None:
        """Play nothing."""
        self._player.stop()

    def place_in(self, sound: SoundRow) -> float | None:
        """Return which second of a sound is heard or was last; None if it is another's."""
        return self._player.position_s if self._player.loaded == Path(sound.path) else None

    def let_go(self, sounds: Collection[SoundRow]) -> None:
        """Close the file that is loaded if it is one of these, so that it can be moved."""
        if any(Path(sound.path) == self._player.loaded for sound in sounds):
            self._player.load(None)
