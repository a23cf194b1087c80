"""What is asked before tags change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QDateTime, QLocale
from PySide6.QtWidgets import QInputDialog, QWidget

from app.gui.kit.text import counted, number, tr
from app.gui.tagging.tagging import Tagging

if TYPE_CHECKING:
    from engine.tags.run import LatestRun


def ask_for_tag(before: QWidget, tagging: Tagging, ids: Sequence[int]) -> None:
    """Ask for a tag of sounds, and accept it."""
    if not ids:
        return
    title = tr("Tag {} sounds").format(number(len(ids)))
    label, given = QInputDialog.getText(before, title, tr("Tag:"))
    label = " ".join(label.split())
    if given and label:
        tagging.accept([(i, label) for i in ids])


def of_taking_back(run: LatestRun) -> str:
    """Return the question whether to take a run back, which is told by its time and what it did."""
    began = QDateTime.fromSecsSinceEpoch(int(run.began_s))
    when = QLocale().toString(began, QLocale.FormatType.ShortFormat)
    parts = [tr("Undo the run of {}?").format(when)]
    if run.written:
        one, many = tr("It wrote into one file."), tr("It wrote into {} files.")
        parts.append(counted(run.written, one, many))
    if run.renamed:
        one, many = tr("It renamed one file."), tr("It renamed {} files.")
        parts.append(counted(run.renamed, one, many))
    return "\n\n".join(parts)
