"""The switch that lets other programs search, and the child that it starts and ends."""

import json
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from PySide6.QtGui import QGuiApplication

from engine.errors import SoundsiftError

SENTENCE = "port 27637 is in use, perhaps by another `soundsift serve`: stop that one"


class Stub:
    """A child that answers at once, or says why it cannot."""

    def __init__(self, file: Path) -> None:
        self.file, self.is_running, self.problem = file, False, ""
        self.ended = None

    def start(self, ended):
        from app.serve_process import Served

        if self.problem:
            raise SoundsiftError(self.problem)
        self.is_running, self.ended = True, ended
        return Served("http://127.0.0.1:27637", self.file)

    def stop(self):
        self.is_running = False


@pytest.fixture
def child(window, tmp_path, monkeypatch):
    file = tmp_path / "serve-token"
    file.write_text("a-token\n")
    stub = Stub(file)
    monkeypatch.setattr(window.serving, "_process", stub)
    window.serving.is_possible = True
    return stub


@pytest.fixture
def box(window, child):
    window.actions_by_name["preferences"].trigger()
    return window.commands.dialogs.opened["preferences"].serving


def test_it_is_off_until_it_is_switched_on(window, child, box):
    assert not box.switch.isChecked() and not child.is_running
    assert not box.address.isVisible() and not box.copy.isVisible()


def test_switched_on_it_says_where_and_gives_the_token(window, child, box, qtbot):
    box.switch.click()
    qtbot.waitUntil(lambda: box.address.text() == "http://127.0.0.1:27637")
    assert child.is_running and window.context.settings.now.serve
    box.copy.click()
    qtbot.waitUntil(lambda: QGuiApplication.clipboard().text() == "a-token")
    box.switch.click()
    qtbot.waitUntil(lambda: not child.is_running)
    assert not window.context.settings.now.serve and not box.copy.isVisible()


def test_why_it_cannot_is_said_where_it_was_switched_on(window, child, box, qtbot):
    child.problem = SENTENCE
    box.switch.click()
    qtbot.waitUntil(lambda: box.address.text() == SENTENCE)
    qtbot.waitUntil(lambda: box.address.height() >= box.address.heightForWidth(box.width()))
    assert not box.copy.isVisible()


def test_an_end_of_its_own_is_told(window, child, box, qtbot):
    box.switch.click()
    qtbot.waitUntil(lambda: box.copy.isVisible())
    child.ended()
    qtbot.waitUntil(lambda: "ended" in box.address.text())
    assert not box.copy.isVisible()


def test_what_is_not_installed_cannot_be_switched_on(window, child, box):
    window.serving.is_possible = False
    window.serving.changed.emit()
    assert not box.switch.isEnabled() and "soundsift[serve]" in box.address.text()


def test_the_child_answers_programs_and_ends_with_the_window(window, qtbot):
    """The real one."""
    pytest.importorskip("mcp", reason="the extra `serve` is not installed")
    from app.serve_process import ServeProcess

    process = ServeProcess(window.context.place, port=0)
    window.serving._process = process
    qtbot.waitUntil(lambda: bool(window.serving.is_possible))
    window.serving.switch(True)
    qtbot.waitUntil(lambda: window.serving.served is not None or bool(window.serving.problem))
    served = window.serving.served
    assert served is not None, window.serving.problem
    token = served.token_file.read_text().strip()
    request = urllib.request.Request(
        served.address + "/v1/status", headers={"Authorization": f"Bearer {token}"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert json.loads(answer.read())["may_change_tags"] is False
    window.close()
    assert not process.is_running
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(request, timeout=60)
