"""How rooms let sounds be heard without knowing the player."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Protocol

from engine.store import SoundRow

PlayPart = Callable[[SoundRow, float, float], None]  # a sound, from and to which second of it


class Preview(Protocol):
    """What a list of sounds needs to let them be heard; the player's room has it."""

    @property
    def playing(self) -> bool:
        """Return whether something plays."""

    def play(self, sound: SoundRow, from_s: float = 0.0) -> None:
        """Play a sound from a second of it, and show what is known of it."""

    def play_part(self, sound: SoundRow, start_s: float, end_s: float) -> None:
        """Play a moment of a sound, and mark it."""

    def stop(self) -> None:
        """Play nothing."""

    def place_in(self, sound: SoundRow) -> float | None:
        """Return which second of a sound is heard or was last; None if it is another's."""

    def let_go(self, sounds: Collection[SoundRow]) -> None:
        """Close the file that is loaded if it is one of these, so that it can be moved."""
