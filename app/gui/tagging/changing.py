"""Changes to files, as a job of the window's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from app.gui.kit.context import Context
from app.gui.kit.jobs import Job, is_alive
from app.gui.kit.text import tr
from engine.progress import Control


def change_files(
    context: Context,
    title: str,
    work: Callable[[Control], Any],
    changed: Callable[[], None],
    ended: Callable[[Any], None],
    failed: Callable[[str], None],
) -> Job:
    """Change files in a job.

    :param changed: called however it ends: some files may be others now.
    :param ended: takes what ``work`` returned.
    :param failed: takes the sentence why it went no further, if who wants it is still there.
    """

    def done(result: Any) -> None:
        changed()
        ended(result)

    def broken(said: str) -> None:
        changed()
        if is_alive(failed):
            failed(said)

    return context.jobs.start(
        "write",
        work,
        done,
        broken,
        title=title,
        stopped=lambda: broken(tr("Stopped: what is done so far is kept, and can be undone.")),
    )
