"""What is asked before tags change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QDateTime, QLocale
from PySide6.QtWidgets import QInputDialog, QWidget

from app.gui.kit.prompts import Prompts
from app.gui.kit.text import counted, number, tr
from app.gui.tagging.tagging import Tagging
from engine.plain_text import one_line

if TYPE_CHECKING:
    from engine.metadata.write import SoundTags
    from engine.tags.run import LatestRun, Written


def ask_for_tag(before: QWidget, tagging: Tagging, ids: Sequence[int]) -> None:
    """Ask for a tag of sounds, and accept it."""
    if not ids:
        return
    title = counted(len(ids), tr("Tag one sound"), tr("Tag {} sounds"))
    label, given = QInputDialog.getText(before, title, tr("Tag:"))
    label = " ".join(label.split())
    if given and label:
        tagging.accept([(i, label) for i in ids])


def ask_for_removal(before: QWidget, tagging: Tagging, ids: Sequence[int]) -> None:
    """Ask which tag to take from sounds, and take it."""
    if not ids:
        return

    def ask(known: dict[str, int]) -> None:
        if not known:
            tagging.say(tr("these sounds have no tags"))
            return
        shown = {f"{one_line(label)}  ({number(n)})": label for label, n in known.items()}
        one, many = tr("Remove a tag from one sound"), tr("Remove a tag from {} sounds")
        title = counted(len(ids), one, many)
        chosen, given = QInputDialog.getItem(before, title, tr("Tag:"), list(shown), 0, False)
        if given:
            tagging.remove(shown[chosen], ids)

    tagging.tags_among(ids, ask)


def ask_to_remove_everywhere(prompts: Prompts, tagging: Tagging, label: str) -> None:
    """Ask whether to take a tag from every sound that has it, and take it."""

    def ask(having: list[int]) -> None:
        one, many = tr("Remove the tag {} from one sound?"), tr("Remove the tag {} from {} sounds?")
        count = number(len(having))
        asked = one.format(label) if len(having) == 1 else many.format(label, count)
        more = tr("Files are not changed, and Ctrl+Z brings it back.")
        if having and prompts.confirm(f"{asked}\n\n{more}", tr("Remove")):
            tagging.remove(label)

    tagging.sounds_tagged(label, ask)


def ask_to_write_marks(prompts: Prompts, tagging: Tagging, ids: Sequence[int]) -> None:
    """Ask whether to write the stars and notes of sounds into their files, and write them."""

    def ask(wanted: Mapping[str, SoundTags]) -> None:
        if not wanted:
            tagging.say(
                tr("none of the chosen sounds has stars or a note; colours stay in the library")
            )
            return
        one, many = tr("Write stars and note into one file?"), tr("Write them into {} files?")
        asked = counted(len(wanted), one, many)
        more = tr(
            "Stars and notes that the files have give way. Every file is checked before it is "
            "replaced, and “Undo the last run” in the tag review restores it byte for byte.\n\n"
            "Colours stay in the library: there is no field for them that programs share."
        )
        if prompts.confirm(f"{asked}\n\n{more}", tr("Write")):
            tagging.write(wanted, False, told, tagging.say)

    def told(written: Written) -> None:
        refused = [f"{path}: {reason}" for path, reason in (*written.refused, *written.kept)]
        done = counted(len(written.done), tr("One file written."), tr("{} files written."))
        if refused:
            prompts.inform(done, refused)
        else:
            tagging.say(done)

    tagging.plan_marks(ids, ask)


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
