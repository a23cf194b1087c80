"""Work that goes on without a window."""

import json
import sys
import threading
import time
from dataclasses import asdict

import pytest

from app import background
from app.background import Left, Order, leave_behind, main, take_back
from engine.errors import BusyError
from engine.progress import Control

TRAINER = """
import json, sys, time
print(json.dumps({"event": "loss", "loss": 1.0}), flush=True)
time.sleep(float(sys.argv[1]))
print(json.dumps({"event": "personal", "model": "mine"}), flush=True)
"""
FAILING = "import sys; print('error: there is no such base', file=sys.stderr); sys.exit(1)"


@pytest.fixture
def trainer(monkeypatch):
    """Return what sets the program that is started as the trainer."""

    def use(code, *arguments):
        monkeypatch.setattr(
            background, "command", lambda module, *_: [sys.executable, "-c", code, *arguments]
        )

    return use


def ordered(path, **what):
    order = Order(str(path), "default", **what)
    folder = background._folder(path)
    folder.mkdir(parents=True)
    (folder / "order.json").write_text(json.dumps(asdict(order)))
    return order, folder


def test_what_a_training_came_to_is_found_by_the_next_window(tmp_path, trainer):
    trainer(TRAINER, "0")
    order, folder = ordered(tmp_path / "a.db", train=["--name", "mine"])
    assert main(folder) == 0
    left = take_back(tmp_path / "a.db", Control())
    assert left == Left(order, {"event": "personal", "model": "mine"}, "")
    assert take_back(tmp_path / "a.db", Control()) is None


def test_why_a_training_failed_is_told(tmp_path, trainer):
    trainer(FAILING)
    _, folder = ordered(tmp_path / "a.db", train=["x"])
    main(folder)
    assert take_back(tmp_path / "a.db", Control()).problem == "there is no such base"


def test_work_that_is_taken_back_ends_at_once(tmp_path, trainer):
    trainer(TRAINER, "600")
    order, folder = ordered(tmp_path / "a.db", train=["x"])
    work = threading.Thread(target=main, args=(folder,))
    work.start()
    while not background.is_left_behind(tmp_path / "a.db"):
        time.sleep(0.01)
    assert take_back(tmp_path / "a.db", Control()) == Left(order, None, "")
    work.join(60)
    assert not work.is_alive()


def test_an_order_that_was_taken_back_before_it_began_is_not_begun(tmp_path, trainer):
    trainer("raise SystemExit('begun')")
    _, folder = ordered(tmp_path / "a.db", train=["x"])
    (folder / "stop").touch()
    main(folder)
    assert not (folder / "outcome.json").exists()


def test_work_that_does_not_end_is_told(tmp_path, monkeypatch):
    from filelock import FileLock

    monkeypatch.setattr(background, "_PATIENCE_S", 0.1)
    _, folder = ordered(tmp_path / "a.db")
    with FileLock(folder / "lock"), pytest.raises(BusyError, match="does not end"):
        take_back(tmp_path / "a.db", Control())


def test_a_library_that_is_gone_is_told_and_not_made(tmp_path):
    path = tmp_path / "gone.db"
    _, folder = ordered(path, folders=[str(tmp_path)])
    main(folder)
    assert "there is no library" in take_back(path, Control()).problem
    assert not path.exists()


def test_an_order_that_makes_no_sense_is_none(tmp_path):
    folder = background._folder(tmp_path / "a.db")
    folder.mkdir(parents=True)
    (folder / "order.json").write_text("words")
    main(folder)
    assert take_back(tmp_path / "a.db", Control()) is None


def test_a_process_is_started_that_outlives_this_one(tmp_path, monkeypatch):
    started = []
    monkeypatch.setattr(
        background.subprocess, "Popen", lambda *a, **k: started.append((a, k)) or Fake()
    )
    leave_behind(Order(str(tmp_path / "a.db"), "model"))
    ((arguments,), options) = started[0]
    assert "app.background" in arguments
    apart = options.get("start_new_session") or options.get("creationflags")
    assert apart and options["stdin"] == background.subprocess.DEVNULL


class Fake:
    returncode = None


def test_a_library_that_the_window_still_holds_is_waited_for(library, sounds, monkeypatch):
    from engine.session import Session

    tried = []

    def index(self, paths, control, threads):
        tried.append(paths)
        if len(tried) < 3:
            raise BusyError("another index run is working on it")

    monkeypatch.setattr(Session, "index", index)
    monkeypatch.setattr(background, "_LOOK_S", 0.001)
    _, folder = ordered(library.path, folders=[str(sounds)])
    main(folder)
    assert tried == [[sounds]] * 3 and take_back(library.path, Control()).problem == ""
    monkeypatch.setattr(background, "_PATIENCE_S", -1.0)
    tried.clear()
    left = background._work(Order(str(library.path), "default", [str(sounds)]), Control())
    assert len(tried) == 1 and "another index run" in left.problem


def test_work_on_a_server_is_known_by_its_address(monkeypatch):
    address = "postgresql://mia@/sounds?host=/nowhere"
    pytest.importorskip("psycopg")
    _, folder = ordered(address, folders=["/sfx"])
    assert folder == background._folder(address)
    main(folder)
    assert "cannot be reached" in take_back(address, Control()).problem
