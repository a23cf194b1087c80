"""What the parts of the window share: the library, the jobs, the settings, a voice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QSettings

from app.gui.kit.jobs import Jobs
from app.gui.kit.style.palette import Colours
from app.gui.kit.workspace import Workspace

Say = Callable[[str, bool], None]


@dataclass
class Context:
    """``workspace`` is None until the library is open; ``say`` takes a sentence and a warning."""

    library_path: Path
    jobs: Jobs
    settings: QSettings
    colours: Colours
    say: Say
    workspace: Workspace | None = None

    @property
    def opened(self) -> Workspace:
        """Return the workspace, where it must be open."""
        assert self.workspace is not None
        return self.workspace
