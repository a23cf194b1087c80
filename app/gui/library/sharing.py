"""Whose a collection or a saved search is, and who else sees it: icons, tips, entries of menus."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from PySide6.QtWidgets import QMenu

from app.gui.kit.text import tr
from engine.store.sharing import Whose

Owners = Mapping[str, Whose]  # by label


def picture(owners: Owners, label: str, otherwise: str) -> str:
    """Return the name of the icon: another one for what the team sees."""
    whose = owners.get(label)
    return "team" if whose is not None and whose.author and whose.is_shared else otherwise


def told(owners: Owners, label: str) -> str:
    """Return whose it is and who sees it; nothing in a file, where nobody else is."""
    whose = owners.get(label)
    if whose is None or not whose.author:
        return ""
    if not whose.is_mine:
        return tr("{}’s, shared with the team").format(whose.author)
    return (
        tr("yours, shared with the team") if whose.is_shared else tr("yours; nobody else sees it")
    )


def add_sharing(menu: QMenu, owners: Owners, label: str, does: Callable[[bool], object]) -> None:
    """Offer to share one's own with the team, or to keep it to oneself again."""
    whose = owners.get(label)
    if whose is None or not whose.author or not whose.is_mine:
        return
    if whose.is_shared:
        menu.addAction(tr("Keep to myself")).triggered.connect(lambda: does(False))
    else:
        menu.addAction(tr("Share with the team")).triggered.connect(lambda: does(True))
