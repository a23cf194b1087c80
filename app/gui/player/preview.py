"""The player as other rooms use it."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from app.gui.player.player_controller import PlayerController
from app.gui.player.sound.player import Player
from engine.store import SoundRow


class SoundPreview:
    """See :class:`app.gui.kit.preview.Preview`."""

    def __init__(self, player_controller: PlayerController, player: Player) -> None:
        self._player_controller, self._player = player_controller, player

    @property
    def playing(self) -> bool:
        """Return whether something plays."""
        return self._player.playing

    def play(self, sound: SoundRow, from_s: float = 0.0) -> None:
        """Play a sound from a second of it, and show what is known of it."""
        self._player_controller.hear(sound, None, play=False)
        self._player_controller.play_from(from_s)

    def play_part(self, sound: SoundRow, start_s: float, end_s: float) -> None:
        """Play a moment of a sound, and mark it."""
        self._player_controller.play_part(sound, start_s, end_s)

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
