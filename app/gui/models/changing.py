"""Another model for the library, or for this computer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from app.gui.kit.context import Context
from app.gui.kit.jobs import RunAlone
from app.gui.kit.text import tr
from engine.models.catalog import find_model, get_model
from engine.progress import Control


class ChangingModel(QObject):
    """Gets models, and lets the library use another one, while nothing is indexed."""

    changed = Signal()  # the library is heard by another model
    must_listen = Signal()  # all of it, for the model hears differently

    def __init__(self, context: Context, run_alone: RunAlone, parent: QObject) -> None:
        super().__init__(parent)
        self._context, self._run_alone = context, run_alone

    def get(self, name: str, done: Callable[[Path], None], failed: Callable[[str], None]) -> None:
        """Get a model from its authors."""
        self._run_alone(
            lambda control: get_model(name, None, control), done, failed, tr("Downloading a model")
        )

    def use(self, name: str, said: Callable[[str], None]) -> None:
        """Let the library use a model; say what that means through ``said``."""
        library = self._context.opened.library

        def work(control: Control) -> bool:
            from engine.index.build import use_model

            return use_model(library, find_model(name), control)

        def done(kept: bool) -> None:
            if kept:
                said(tr("The library now uses {}.").format(name))
                self.changed.emit()
            else:
                said(
                    tr("{} embeds sounds differently: all folders are indexed again.").format(name)
                )
                self.changed.emit()
                self.must_listen.emit()

        self._run_alone(work, done, said, tr("Changing the model"))
