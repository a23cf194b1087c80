"""The tree of folders, counted anew when the library changes, but not all the time."""

from __future__ import annotations

import time

from PySide6.QtCore import QObject, QTimer, Signal

from app.gui.kit.context import Context
from engine.progress import Control
from engine.store.folders import FolderTree, folder_tree

_LEAST_PAUSE_S = 2.0
_SHARE = 0.05  # of the time that counting may take


class Folders(QObject):
    """Counts the folders of the library in jobs; ``counted`` gives the tree."""

    counted = Signal(object)

    def __init__(self, context: Context, parent: QObject) -> None:
        super().__init__(parent)
        self._context = context
        self.tree = FolderTree((), {}, {})
        self._took_s = 0.0
        self._ended = float("-inf")
        self._later = QTimer(self, singleShot=True)
        self._later.timeout.connect(self._count)

    def count(self) -> None:
        """Count them, now or a little later."""
        if self._later.isActive():
            return
        pause_s = max(_LEAST_PAUSE_S, self._took_s / _SHARE)
        wait_s = max(0.0, self._ended + pause_s - time.monotonic())
        self._later.start(round(1000 * wait_s))

    def _count(self) -> None:
        session = self._context.session
        if session is None:
            return
        library = session.library

        def work(control: Control) -> tuple[FolderTree, float]:
            began = time.monotonic()
            tree = folder_tree(library)
            assert tree.spelled is not None  # made here, for completion
            return tree, time.monotonic() - began

        self._context.jobs.start("read", work, self._show, newest="folders")

    def _show(self, counted: tuple[FolderTree, float]) -> None:
        tree, self._took_s = counted
        self._ended = time.monotonic()
        if tree != self.tree:
            self.tree = tree
            self.counted.emit(tree)
