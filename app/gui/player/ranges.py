"""What leaves for another program: the marked range or whole sounds, as they are heard."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

from app.gui.kit.context import Context
from app.gui.kit.files import drag_files
from app.gui.player.parts import Parts
from app.gui.player.player_controller import PlayerController
from app.gui.player.sound.order import Listening
from app.gui.player.sound.order import Order as Playing
from app.gui.player.sound.player import Player
from app.gui.player.waveform import Waveform
from engine.errors import InputError, SoundsiftError
from engine.handover.forms import ORIGINAL, Form, parse_form
from engine.handover.order import AS_IT_IS, PATTERN, Order, Rendering
from engine.store import SoundRow

_SOON_S = 60.0  # whole sounds up to this length are made before anybody asks
_SETTLED_MS = 250
_SILENT_DB = -60.0  # who turned the volume off does not want silent files


def rendering_of(playing: Playing) -> Rendering:
    """Return how a file must be rendered to be what is heard."""
    gain_db = 20 * math.log10(playing.gain) if playing.gain > 0 else -math.inf
    return Rendering(
        speed=round(playing.speed, 9),
        semitones=None if playing.is_tape else round(playing.pitch, 6),
        reverse=playing.reverse,
        gain_db=round(gain_db, 2) + 0.0 if gain_db > _SILENT_DB else 0.0,
        mix=playing.listening.mode,
    )


def faded(rendering: Rendering, playing: Playing) -> Rendering:
    """Return it with the fades of a range: those of the player are in seconds of the source."""
    begin_s, end_s = reversed(playing.fades_s) if playing.reverse else playing.fades_s
    if not begin_s and not end_s:
        return rendering
    return replace(
        rendering,
        fade_in_s=begin_s / playing.speed or None,
        fade_out_s=end_s / playing.speed or None,
        equal_power=True,
    )


def _some(heard: tuple[int, ...], count: int) -> tuple[int, ...] | None:
    """Return the channels that are heard, None if all or none are."""
    return heard if 0 < len(heard) < count else None


class Ranges(QObject):
    """Has what may be dragged next rendered, and gives its file once it is wanted.

    ``dragged`` gives the sounds of what another program took.
    """

    dragged = Signal(list)

    def __init__(
        self,
        context: Context,
        player: Player,
        player_controller: PlayerController,
        waveform: Waveform,
        parts: Parts,
    ) -> None:
        super().__init__(waveform)
        self._context, self._player, self._player_controller = context, player, player_controller
        self._waveform, self._parts = waveform, parts
        self._prepared: tuple[Order, ...] = ()
        self._asked: tuple[SoundRow, ...] = ()  # rows that somebody tried to drag
        self._later = QTimer(self, interval=_SETTLED_MS, singleShot=True)
        self._later.timeout.connect(self._prepare)
        waveform.range_changed.connect(lambda _: self.prepare_again())
        waveform.range_dragged.connect(self._drag)
        player.changed.connect(self.prepare_soon)

    def orders(self, sounds: Sequence[SoundRow]) -> tuple[Order, ...]:
        """Return what leaves if these sounds are wanted."""
        rendering, form, pattern = self._rendering(), self._form(), self._pattern()
        listening = self._player.order.listening if self._is_as_heard else Listening()
        project = self._context.settings.now.project
        width = max(2, len(str(len(sounds))))
        return tuple(
            Order(
                Path(sound.path),
                channels=_some(listening.heard(sound.channels), sound.channels),
                form=form,
                rendering=rendering,
                pattern=pattern,
                fields={"project": project, "number": str(place).zfill(width)},
            )
            for place, sound in enumerate(sounds, start=1)
        )

    def range_order(self) -> Order | None:
        """Return what leaves if the marked range is wanted, None if none is marked."""
        sound, range_s = self._player_controller.sound, self._waveform.range_s
        if sound is None or range_s is None or range_s[1] <= range_s[0]:
            return None
        (order,) = self.orders([sound])
        handles_s = max(0, self._context.settings.now.handles_ms) / 1000
        rendering = replace(self._faded(order.rendering), before_s=handles_s, after_s=handles_s)
        return replace(order, span_s=range_s, rendering=rendering)

    def prepare_again(self) -> None:
        """Render what may be dragged next: it is another range, or is kept somewhere else now."""
        self._prepared, self._asked = (), ()
        self._prepare()

    def prepare_soon(self) -> None:
        """Do so once nothing has changed for a moment."""
        self._later.start()

    def is_ready(self) -> bool:
        """Return whether what may be dragged next can be dragged at once."""
        return self._parts.is_ready(self._next())

    def kept(self) -> Path | None:
        """Return the range as a lasting file; None where there is none, or not yet."""
        order = self.range_order()
        paths = self._kept((order,)) if order is not None else None
        return paths[0] if paths else None

    def files_of(self, sounds: Sequence[SoundRow]) -> list[Path] | None:
        """Return the files to be dragged for sounds; None while they are being rendered.

        A sound that is neither changed nor converted is its own file.
        """
        orders = self.orders(sounds)
        if all(order.is_the_file for order in orders):
            return [order.path for order in orders]
        files = self._kept(orders)
        if files is None:
            self._asked = tuple(sounds)
        return files

    def set_as_heard(self, on: bool) -> None:
        """Let files leave as they are heard, or as they are."""
        settings = self._context.settings
        settings.keep(replace(settings.now, as_heard=on))
        self._later.start()

    def rendering(self) -> Rendering:
        """Return how the player changes what is heard."""
        return rendering_of(self._player.order)

    def copies_of(self, sounds: Sequence[SoundRow], use: Callable[[list[Path]], None]) -> None:
        """Give files of sounds, at once if they are their own, or once they are rendered."""
        orders = self.orders(sounds)
        if all(order.is_the_file for order in orders):
            use([order.path for order in orders])
        else:
            self._parts.make(orders, use)

    def _kept(self, orders: tuple[Order, ...]) -> list[Path] | None:
        """Return lasting files; where they are not made yet, make them and say so."""
        try:
            paths = self._parts.keep(orders)
        except SoundsiftError as error:
            self._context.say(str(error), True)
            return None
        if paths is None:
            if self._prepared != orders:
                self._prepared = orders
                self._parts.prepare(orders)
            if len(orders) > 1 or orders[0].span_s is None:
                said = self.tr("the files are being rendered as you hear them: try again soon")
            else:
                said = self.tr("the range is still being rendered: try again in a moment")
            self._context.say(said, True)
        return paths

    def _rendering(self) -> Rendering:
        return self.rendering() if self._is_as_heard else AS_IT_IS

    def _faded(self, rendering: Rendering) -> Rendering:
        """Return it with the fades that are heard at the range's edges; a cut needs some."""
        return faded(rendering, self._player.order) if self._is_as_heard else rendering

    @property
    def _is_as_heard(self) -> bool:
        return self._context.settings.now.as_heard

    def _form(self) -> Form:
        try:
            return parse_form(self._context.settings.now.handover_form)
        except InputError:
            return ORIGINAL

    def _pattern(self) -> str:
        return self._context.settings.now.handover_pattern or PATTERN

    def _next(self) -> tuple[Order, ...]:
        """Return what may be dragged next: the range, or the sound if it is not its own file."""
        order, sound = self.range_order(), self._player_controller.sound
        if order is not None:
            return (order,)
        if sound is None or sound.duration_s > _SOON_S:
            return ()
        return tuple(order for order in self.orders([sound]) if not order.is_the_file)

    def _prepare(self) -> None:
        wanted = self._next()
        if wanted == self._prepared or self._is_still_asked():
            return
        self._prepared, self._asked = wanted, ()
        span_s = wanted[0].span_s if wanted else None
        self._parts.prepare(wanted, span_s[1] - span_s[0] if span_s else 0.0)

    def _is_still_asked(self) -> bool:
        """Return whether rows that somebody tried to drag would leave as they are being made."""
        sound = self._player_controller.sound
        among = sound is not None and any(sound.id == asked.id for asked in self._asked)
        return among and self.range_order() is None and self.orders(self._asked) == self._prepared

    def _drag(self) -> None:
        path = self.kept()
        if path is not None:
            said = self.tr("{} saved in {}").format(path.name, path.parent)
            self._context.say(said)
            sound = self._player_controller.sound
            if drag_files(self._waveform, [path]) and sound is not None:
                self.dragged.emit([sound.id])
