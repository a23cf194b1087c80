"""From one marked place of a sound to the next: regions, markers, and the moments that fit best."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QObject

from app.gui.kit.context import Context
from app.gui.kit.text import tr
from app.gui.player.details import SoundDetails
from app.gui.player.player_controller import PlayerController
from app.gui.player.sound.player import Player
from app.gui.player.waveform import Waveform
from engine.search.explain import Moment

_WORTH = 0.5  # of the strength of the best moment
_SAME_S = 0.005
_PASSED_S = 0.4  # while it plays, going back must get further than to what was just passed


class Jumps(QObject):
    """Plays from the next or the previous place, of the sound that is looked at."""

    def __init__(
        self,
        context: Context,
        player_controller: PlayerController,
        player: Player,
        waveform: Waveform,
    ) -> None:
        super().__init__(player_controller)
        self._context, self._player_controller, self._player = context, player_controller, player
        self._waveform = waveform
        self._marks: list[float] = []
        self._moments: list[float] = []
        player_controller.shown.connect(lambda _: self._forget())
        player_controller.detailed.connect(self._know)

    def to_mark(self, direction: int) -> None:
        """Go to the next region or marker, or back to the one before."""
        self._jump(self._marks, direction, tr("This sound has no regions or markers"))

    def to_moment(self, direction: int) -> None:
        """Go to the next moment that fits the search best, or back to the one before."""
        self._jump(self._moments, direction, tr("Search for something to jump to what fits best"))

    def _forget(self) -> None:
        self._marks, self._moments = [], []

    def _know(self, details: SoundDetails) -> None:
        regions = {region.start_s for region in details.regions}
        self._marks = sorted(regions | {marker.start_s for marker in details.markers})
        self._moments = best_moments(details.moments)

    def _jump(self, places: Sequence[float], direction: int, without: str) -> None:
        if self._player_controller.sound is None:
            return
        if not places:
            self._context.say(without)
            return
        slack = _PASSED_S if direction < 0 and self._player.playing else _SAME_S
        place = next_place(places, self._player.position_s, direction, slack)
        if place is None:
            last = tr("This is the last one") if direction > 0 else tr("This is the first one")
            self._context.say(last)
            return
        range_s = self._player.order.range_s
        if range_s is not None and not range_s[0] <= place < range_s[1]:
            self._waveform.set_range(None)
            self._waveform.range_changed.emit(None)
        self._player_controller.play_from(place)


def best_moments(moments: Sequence[Moment]) -> list[float]:
    """Return where the moments begin that fit better than their neighbours, in the order of time.

    Windows overlap: of a run of them only the best counts.  Those half as strong as the best of all
    do not.
    """
    if not moments:
        return []
    strengths = [0.0, *(moment.strength for moment in moments), 0.0]
    least = _WORTH * max(strengths)
    return [
        moment.start_s
        for before, moment, after in zip(strengths, moments, strengths[2:], strict=False)
        if moment.strength >= least and before < moment.strength >= after
    ]


def next_place(
    places: Sequence[float], now_s: float, direction: int, slack_s: float
) -> float | None:
    """Return the next of some places on, or back, from where one is; None behind the last."""
    if direction > 0:
        return min((place for place in places if place > now_s + slack_s), default=None)
    return max((place for place in places if place < now_s - slack_s), default=None)
