"""Roots in the window: made, mounted where they are, and told when they are not here."""

from pathlib import Path

import pytest
from PySide6.QtWidgets import QFileDialog, QInputDialog

from app.gui.kit.prompts import Prompts
from app.gui.library.sources_panel import SourcesPanel
from engine.store import Library
from engine.store.roots import Root, add_root, list_roots, unmount_root
from tests.app.gui.shell.test_dialogs import opened


@pytest.fixture
def answers(monkeypatch) -> dict[str, str]:
    """Answer the questions for a name and a folder."""
    given = {"name": "SFX", "folder": ""}
    ask_name, ask_folder = "getText", "getExistingDirectory"
    monkeypatch.setattr(QInputDialog, ask_name, lambda *a, **k: (given["name"], True))
    monkeypatch.setattr(QFileDialog, ask_folder, lambda *a, **k: given["folder"])
    monkeypatch.setattr(Prompts, "confirm", lambda *a: True)
    return given


def roots(window) -> list[Root]:
    return list_roots(window.context.opened.library)


def titles(panel: SourcesPanel, folder: str) -> list[str]:
    return [title for title, _, _ in panel._for_folder(folder)]


def test_a_folder_becomes_a_root_and_back_in_the_window(window, sounds, qtbot, answers):
    window.sources.root_wanted.emit(str(sounds))
    qtbot.waitUntil(lambda: [r.folder for r in roots(window)] == [str(sounds)])
    dialog = opened(window, "roots")
    qtbot.waitUntil(lambda: dialog.table.rowCount() == 1)
    row = [dialog.table.item(0, column).text() for column in range(3)]
    assert row == ["SFX", "12", str(sounds)]
    assert dialog.says.text() == "All roots are mounted on this computer."
    answers["name"] = "Effects"
    dialog.rename.click()
    qtbot.waitUntil(lambda: dialog.table.item(0, 0).text() == "Effects")
    dialog.unmount.click()
    qtbot.waitUntil(lambda: dialog.table.item(0, 2).text() == "not mounted")
    assert dialog.says.text() == "One root is not mounted on this computer."
    assert not dialog.unmount.isEnabled() and not dialog.remove.isEnabled()
    answers["folder"] = str(sounds)
    dialog.mount.click()
    qtbot.waitUntil(lambda: dialog.table.item(0, 2).text() == str(sounds))
    dialog.remove.click()
    qtbot.waitUntil(lambda: dialog.table.rowCount() == 0)
    assert dialog.says.text().startswith("There are no roots.")
    assert not dialog.mount.isEnabled()
    qtbot.waitUntil(lambda: not window.jobs.shown())


def test_a_library_whose_root_is_not_here_offers_to_mount_it(
    open_window, library_path, sounds, tmp_path, qtbot, answers
):
    from engine.progress import Control

    with Library(library_path) as library:
        add_root(library, "SFX", sounds, Control())
        unmount_root(library, "SFX")
    elsewhere = sounds.rename(tmp_path / "elsewhere")
    window = open_window(library_path)
    qtbot.waitUntil(lambda: window.notice.isVisible())
    assert window.notice.says.text() == "The root SFX is not mounted on this computer."
    qtbot.waitUntil(lambda: window.library_controller.overview is not None)
    assert window.library_controller.overview.away == []
    assert titles(window.sources, "root:/SFX") == [
        "Mount on this computer …",
        "Remove from the library …",
    ]
    answers["folder"] = str(elsewhere)
    window.notice.button.click()
    qtbot.waitUntil(lambda: [r.folder for r in roots(window)] == [str(elsewhere)])
    qtbot.waitUntil(lambda: not window.jobs.shown() and not window.notice.isVisible())
    paths = [Path(sound.path) for sound in window.context.opened.library.sounds().values()]
    assert all(path.parent.parent == elsewhere for path in paths)
    assert "Make this a root …" in titles(window.sources, str(elsewhere))


def test_what_cannot_be_done_is_told_in_the_window(window, sounds, qtbot, answers):
    answers["name"] = "a/b"
    window.sources.root_wanted.emit(str(sounds))
    qtbot.waitUntil(lambda: "is no name for a root" in window.status.message.text())
    assert roots(window) == []
