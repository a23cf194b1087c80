"""Roles of a team's library and whose things are, as people read them."""

from __future__ import annotations

from datetime import datetime

from PySide6.QtCore import QLocale, QTime

from app.gui.kit.text import tr
from engine.store.roles import ADMIN, CURATOR, EDITOR, READER


def role_name(role: str) -> str:
    """Return what a role is called."""
    return {
        READER: tr("reader"),
        EDITOR: tr("editor"),
        CURATOR: tr("curator"),
        ADMIN: tr("admin"),
    }.get(role, tr("no role"))


def clock(moment: datetime) -> str:
    """Return the time of day of a moment, here and as it is written here."""
    here = moment.astimezone()
    time = QTime(here.hour, here.minute)
    return QLocale().toString(time, QLocale.FormatType.ShortFormat)
