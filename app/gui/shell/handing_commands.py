"""What the actions do by which sounds leave for other programs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu

from app.gui.kit.plain import menu_text
from app.gui.kit.text import tr
from app.gui.shell.rooms import Rooms
from engine.handover.targets.target import Place
from engine.store import SoundRow


def handing_commands(
    rooms: Rooms, transfer: Callable[[], object], is_on: Callable[[str], bool]
) -> dict[str, Callable[[], object]]:
    """Return what each does; ``is_on`` tells whether an action is checked."""
    return {
        "spot": partial(_spot, rooms, "cursor"),
        "spot_track": partial(_spot, rooms, "track"),
        "spot_replace": partial(_spot, rooms, "replace"),
        "as_heard": lambda: rooms.ranges.set_as_heard(is_on("as_heard")),
        "transfer": transfer,
    }


def add_places(menu: QMenu, rooms: Rooms, actions: Mapping[str, QAction]) -> None:
    """Put where sounds can be sent to into a menu."""
    menu.addSeparator()
    menu.addAction(actions["transfer"])
    places = menu.addMenu(menu_text(tr("Send to {}").format(rooms.spotting.title)))
    offered: tuple[tuple[Place, str, str], ...] = (
        ("cursor", "spot", tr("At the cursor")),
        ("track", "spot_track", tr("On the selected track")),
        ("replace", "spot_replace", tr("In place of the selected item")),
    )
    for place, name, said in offered:
        action = places.addAction(said)
        action.setEnabled(rooms.spotting.knows(place))
        action.setShortcut(actions[name].shortcut())
        action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        action.triggered.connect(actions[name].trigger)


def _spot(rooms: Rooms, place: Place) -> None:
    """Send the marked range, or the chosen sounds, to the session."""
    order, sound = rooms.ranges.range_order(), rooms.player_controller.sound
    if order is not None and sound is not None and len(rooms.results.chosen_rows()) < 2:
        rooms.spotting.send((order,), (sound.id,), place)
        return

    def send(sounds: list[SoundRow]) -> None:
        ids = [sound.id for sound in sounds]
        rooms.spotting.send(rooms.ranges.orders(sounds), ids, place)

    rooms.selected_sounds.sounds(rooms.results.chosen_rows(), send)
