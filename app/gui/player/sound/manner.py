"""How what is loaded is played: all that can be changed while it plays."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject

from app.gui.player.sound.order import FASTEST, MOST_SEMITONES, SLOWEST, Listening, Order

_SPEED_STEP = 2 ** (1 / 12)  # a semitone


class Manner(QObject):
    """Keeps the order; :meth:`_change` lets what plays follow it without a gap."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._order = Order(Path())
        self._volume_db = self._match_db = 0.0
        self._most_db: float | None = None

    @property
    def order(self) -> Order:
        """Return how it plays."""
        return self._order

    @property
    def gain_db(self) -> float:
        """Return the gain of what plays: what is wanted, as far as full scale lets it."""
        return self.wanted_db if self._most_db is None else min(self.wanted_db, self._most_db)

    @property
    def wanted_db(self) -> float:
        """Return the volume, and what makes a sound as loud as others, together."""
        return self._volume_db + self._match_db

    def set_range(
        self, range_s: tuple[float, float] | None, fades_s: tuple[float, float] = (0.0, 0.0)
    ) -> None:
        """Play only between two places from now on, fading in and out at them."""
        self._change(range_s=range_s, fades_s=fades_s)

    def set_loop(self, loop: bool) -> None:
        """Begin again at the end, without a gap."""
        self._change(loop=loop)

    def set_reverse(self, reverse: bool) -> None:
        """Play backwards."""
        self._change(reverse=reverse)

    def set_speed(self, speed: float) -> None:
        """Play faster or slower, 0.25 to 4 times; as tape does, unless the pitch is kept."""
        self._change(speed=min(FASTEST, max(SLOWEST, speed)))

    def faster(self, semitones: int) -> None:
        """Change the speed by semitones."""
        self.set_speed(self._order.speed * _SPEED_STEP**semitones)

    def set_keeps_pitch(self, on: bool) -> None:
        """Let the speed change without the pitch, or both together."""
        self._change(keeps_pitch=on)

    def higher(self, semitones: float) -> None:
        """Change the pitch alone by semitones, two octaves either way at most."""
        wanted = self._order.semitones + semitones
        self._change(semitones=min(MOST_SEMITONES, max(-MOST_SEMITONES, wanted)))

    def play_as_it_is(self) -> None:
        """Play at the speed and the pitch of the file."""
        self._change(speed=1.0, semitones=0.0)

    def set_listening(self, listening: Listening) -> None:
        """Hear other channels."""
        self._change(listening=listening)

    def set_gain_db(self, gain_db: float) -> None:
        """Change the volume, in dB."""
        self._volume_db = gain_db
        self._set_gain()

    def set_match_db(self, gain_db: float, most_db: float | None = None) -> None:
        """Let sounds be as loud as others by a gain of their own, beside the volume.

        :param most_db: the most that both may come to, so that no peak exceeds full scale.
        """
        self._match_db, self._most_db = gain_db, most_db
        self._set_gain()

    def _set_gain(self) -> None:
        gain = 10 ** (self.gain_db / 20)
        if gain != self._order.gain:
            self._change(gain=gain)

    def _change(self, **changes: object) -> None:
        """Change fields of the order."""
        self._order = replace(self._order, **changes)  # type: ignore[arg-type]
