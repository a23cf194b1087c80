"""Which channels of a sound are heard: all of them, one, their sum, middle or side."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QPoint
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu

from app.gui.kit.buttons import IconButton
from app.gui.kit.style.palette import Colours
from app.gui.kit.text import tr
from app.gui.player.sound.order import Listening, channel_names
from app.gui.player.sound.player import Player
from engine.audio.mix import Mix

_MODES: tuple[Mix, ...] = ("all", "mono", "mid", "side")


class ChannelsButton(IconButton):
    """A button whose menu chooses channels; it is lit while not all are heard as they are."""

    def __init__(self, player: Player, colours: Colours) -> None:
        super().__init__("channels", tr("Channels"), colours, checkable=True)
        self._player, self._count = player, 0
        self._menu = QMenu(self)
        self.clicked.connect(self._show_menu)
        player.changed.connect(self._on_changed)

    def show_channels(self, count: int) -> None:
        """Offer the channels of another sound."""
        self._count = count
        self.setEnabled(count > 0)

    def cycle(self) -> None:
        """Hear the mean of all channels, their middle, their side, then all again."""
        now = self._player.order.listening.mode
        self._choose(_MODES[(_MODES.index(now) + 1) % len(_MODES)])

    def _show_menu(self) -> None:
        self._on_changed()  # a click alone changes nothing
        self._fill()
        self._menu.popup(self.mapToGlobal(QPoint(0, -self._menu.sizeHint().height())))

    def _fill(self) -> None:
        menu, listening = self._menu, self._player.order.listening
        menu.clear()
        titles = (tr("All channels"), tr("Mono sum"), tr("Mid"), tr("Side"))
        for mode, title in zip(_MODES, titles, strict=True):
            action = _checkable(menu, title, listening.mode == mode)
            action.setEnabled(self._count > 1 or mode == "all")
            action.triggered.connect(lambda _=False, m=mode: self._choose(m))
        if self._count < 2:
            return
        names = channel_names(self._count)
        for title, chosen, change in (
            (tr("Solo {}"), listening.alone, self._solo),
            (tr("Mute {}"), listening.muted, self._mute),
        ):
            menu.addSeparator()
            for channel, name in enumerate(names):
                action = _checkable(menu, title.format(name), channel in chosen)
                action.triggered.connect(lambda _=False, c=channel, do=change: do(c))

    def _choose(self, mode: Mix) -> None:
        kept = Listening() if mode == "all" else self._player.order.listening
        self._player.set_listening(replace(kept, mode=mode))

    def _solo(self, channel: int) -> None:
        now = self._player.order.listening
        self._player.set_listening(replace(now, alone=now.alone ^ {channel}))

    def _mute(self, channel: int) -> None:
        now = self._player.order.listening
        self._player.set_listening(replace(now, muted=now.muted ^ {channel}))

    def _on_changed(self) -> None:
        listening = self._player.order.listening
        self.setChecked(listening != Listening())
        parts = {"all": "", "mono": tr("mono sum"), "mid": tr("mid"), "side": tr("side")}
        names = channel_names(self._count)
        said = [parts[listening.mode]]
        said += [tr("{} solo").format(names[c]) for c in sorted(listening.alone) if c < len(names)]
        said += [tr("{} muted").format(names[c]) for c in sorted(listening.muted) if c < len(names)]
        told = ", ".join(filter(None, said))
        self.setToolTip(tr("Channels: {}").format(told) if told else tr("Channels"))


def _checkable(menu: QMenu, title: str, on: bool) -> QAction:
    action = menu.addAction(title)
    action.setCheckable(True)
    action.setChecked(on)
    return action
