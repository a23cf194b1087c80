"""Foreign texts are shown as they are: no widget of any dialog takes one for markup or keys."""

import ast
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import soundfile
from PySide6.QtCore import QAbstractItemModel, QModelIndex, Qt
from PySide6.QtGui import QAction
from PySide6.QtGui import Qt as QtText
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QApplication,
    QLabel,
    QMenu,
    QMessageBox,
    QWidget,
)

import app.gui
from app.gui.kit.plain import PlainLabel, menu_text, tip, title_text
from engine.index.build import index_folders
from engine.models.trial import remember_tried
from engine.progress import Control
from engine.store import Library
from engine.store.collections import collect
from engine.store.tags import TagRow, put_tags
from tests.conftest import accept_tags, tone

# No quote and no slash, which names of files or filters cannot hold on every system.
EVIL = "<b>x<b><img src=file>&lt;&amp; &x"
MODEL = "&lt;img&gt;&amp; &x"  # models with worse names are refused
DIALOGS = (
    *("preferences", "skipped", "cues", "review", "audit", "duplicates"),
    *("train", "models", "shortcuts", "about"),
)
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such names")


@pytest.fixture
def library_path(tmp_path: Path, model_folder: Path, own_home: Path) -> Path:
    """Return a library in which everything that can have a name is called by markup."""
    sounds = tmp_path / EVIL
    sounds.mkdir()
    for number in range(12):
        soundfile.write(sounds / f"{EVIL} {number}.wav", tone(200 * number + 100, 0.5), 32000)
    shutil.copy(sounds / f"{EVIL} 0.wav", sounds / f"{EVIL} 11.wav")  # for the duplicates
    (sounds / f"broken {EVIL}.wav").write_text("words")
    model = own_home / "models" / EVIL
    shutil.copytree(model_folder, model)
    spec = json.loads((model / "model.json").read_text())
    (model / "model.json").write_text(json.dumps(spec | {"name": MODEL}))
    remember_tried(model)
    path = tmp_path / "library.db"
    with Library(path) as library:
        library.set_settings({"model_folder": str(model).encode(), "model_name": MODEL.encode()})
        index_folders(library, model, [sounds], Control())
        ids = sorted(library.sounds())
        accept_tags(library, [(i, f"tag {EVIL}") for i in ids])
        suggested = TagRow(ids[0], f"open {EVIL}", "suggested", "m", 0.9)
        put_tags(library, [suggested])
        collect(library, f"coll {EVIL}", ids)
    return path


def widgets() -> Iterator[QWidget]:
    for top in QApplication.topLevelWidgets():
        yield top
        yield from top.findChildren(QWidget)


def cells(model: QAbstractItemModel, parent: QModelIndex | None = None) -> Iterator[QModelIndex]:
    root = QModelIndex() if parent is None else parent
    for row in range(model.rowCount(root)):
        for column in range(model.columnCount(root)):
            yield model.index(row, column, root)
        yield from cells(model, model.index(row, 0, root))


def assert_plain() -> int:
    """Look at everything that is there; return how many texts were foreign."""
    seen = 0
    for widget in widgets():
        where = f"{type(widget).__name__} {widget.objectName()} in {widget.window().windowTitle()}"
        for text in (widget.toolTip(), widget.whatsThis(), widget.statusTip()):
            assert not QtText.mightBeRichText(text), (where, text)
            seen += "img" in text
        if isinstance(widget, QLabel) and "<" in widget.text():
            assert widget.textFormat() == Qt.TextFormat.PlainText or not QtText.mightBeRichText(
                widget.text()
            ), (where, widget.text())
            seen += 1
        if isinstance(widget, QMenu):
            for action in widget.actions():
                assert_no_key(action.text(), where)
        elif isinstance(widget, QAbstractButton) and "img" in widget.text():
            assert_no_key(widget.text(), where)
            seen += 1
        if isinstance(widget, QAbstractItemView) and widget.model() is not None:
            for index in cells(widget.model()):
                for role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.WhatsThisRole):
                    text = str(index.data(role) or "")
                    assert not QtText.mightBeRichText(text), (where, text)
                    seen += "img" in text
    return seen


def assert_no_key(text: str, where: str) -> None:
    if "img" in text:
        assert "&" not in text.replace("&&", ""), (where, text)


def test_no_text_of_the_window_is_taken_for_markup(window, qtbot):
    qtbot.waitUntil(lambda: window.results.results.row_at(0).sound is not None)
    window.results.choose(0)
    qtbot.waitUntil(lambda: window.inspector.details is not None)
    qtbot.waitUntil(lambda: window.inspector.details.similar is not None)
    window.bar.add_filter(f'in:"{EVIL}"')
    window.status.say(f"{EVIL} was said", True)
    window.bar.history = [EVIL]
    window.bar.show_history()
    window.commands.show_menu(window.results.mapToGlobal(window.results.rect().center()))
    assert assert_plain() > 30
    for menu in window.findChildren(QMenu):
        menu.close()


@pytest.mark.parametrize("name", DIALOGS)
def test_no_text_of_a_dialog_is_taken_for_markup(window, qtbot, name):
    window.actions_by_name[name].trigger()
    dialog = window.commands.dialogs.opened[name]
    if name == "cues":
        dialog.lines.setPlainText(EVIL)
        dialog.solve.click()
    table = getattr(dialog, "table", None)
    if table is not None and name not in ("audit", "train"):
        qtbot.waitUntil(lambda: table.model().rowCount() > 0)
    says = getattr(dialog, "says", None)
    if isinstance(says, PlainLabel):
        says.setText(EVIL)
    qtbot.waitUntil(lambda: not window.jobs.shown())
    assert_plain()


def test_questions_are_plain(window, monkeypatch):
    asked = []

    def look(box: QMessageBox) -> int:
        asked.append((box.text(), box.textFormat()))
        return 0

    monkeypatch.setattr(QMessageBox, "exec", look)
    window.questions.forget(f"/x/{EVIL}")
    window.questions.drop_collection(EVIL)
    assert len(asked) == 2
    assert all(EVIL in text and kind == Qt.TextFormat.PlainText for text, kind in asked)


def test_a_crash_is_told_in_plain_text(qtbot, tmp_path):
    from app.gui.shell.crash import crash_dialog

    box = crash_dialog(f"ValueError: {EVIL}", tmp_path / EVIL, None)
    qtbot.addWidget(box)
    box.show()
    assert assert_plain() >= 1


def test_labels_are_plain_labels():
    """What shows a text is made in one place, where Qt cannot guess its format."""
    allowed = {"plain.py"}
    root = Path(app.gui.__file__).parent
    for path in root.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and path.name not in allowed:
                assert "QLabel" not in {alias.name for alias in node.names}, path


@pytest.mark.parametrize(
    "text", [EVIL, "<i>a", "&lt;b&gt;", "<!doctype html>", "  <?xml ?><p>", "a < b", "plain", ""]
)
def test_helpers_change_what_is_guessed_and_nothing_that_is_seen(qapp, text):
    assert not QtText.mightBeRichText(tip(text))
    assert tip(text).replace("\u2060", "") == text
    assert QAction(menu_text(text)).text().replace("&&", "&") == text
    assert title_text("a[*]b").replace("\u2060", "") == "a[*]b" and "[*]" not in title_text("[*]")
