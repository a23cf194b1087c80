"""The door of the window: nothing else of it is used from outside."""

from __future__ import annotations

from app.gui.shell.running import run

__all__ = ["run"]
