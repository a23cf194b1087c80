"""What one may do in this library now: actions that one may not are disabled, and say why."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction

from app.gui.kit.context import Context
from app.gui.kit.members import role_name
from app.gui.shell.actions import ACTIONS, ActionSpec
from engine.paths import is_server

_TIP = "tip while enabled"  # a property of an action


class Rights(QObject):
    """Lets actions follow one's role in a team's library, and whether its server answers.

    The server refuses what it refuses; this only says so before anybody tries.
    """

    def __init__(self, actions: Mapping[str, QAction], context: Context, parent: QObject) -> None:
        super().__init__(parent)
        self._actions, self._context = actions, context
        self.follow()

    def follow(self) -> None:
        """Let actions be as the context now says."""
        for spec in ACTIONS:
            action, why = self._actions[spec.name], self._why_not(spec)
            if action.isEnabled():
                action.setProperty(_TIP, action.toolTip())
            action.setEnabled(not why)
            action.setToolTip(why or str(action.property(_TIP)))
            action.setStatusTip(why)

    def _why_not(self, spec: ActionSpec) -> str:
        """Return why an action cannot be done now, nothing if it can."""
        if spec.of_file and is_server(self._context.place):
            return {
                "repair": self.tr("A library on a server is restored from its server's backups"),
                "train": self.tr("Copy the library into a file to train on it"),
            }[spec.name]
        if self._context.may(spec.takes):
            return ""
        behind = self._context.offline
        if behind is not None and behind.is_away:
            return self.tr("The server does not answer: nothing can be changed until it does")
        if behind is not None:
            return self.tr("Nothing can be changed: {}").format(behind.why)
        return self.tr("This takes the role {}; here you are {}").format(
            role_name(spec.takes), role_name(self._context.membership.role)
        )
