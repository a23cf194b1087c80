"""Threads beside the window."""

import threading
from concurrent.futures import wait

import pytest
import shiboken6

from app.gui.kit import jobs as jobs_module
from app.gui.kit.jobs import Jobs, belongs_to
from engine.errors import InputError
from engine.progress import Cancelled, Progress


@pytest.fixture
def jobs(qapp):
    made = Jobs()
    yield made
    made.close()


def test_results_come_back_to_the_thread_that_asked(jobs, qtbot):
    found = []
    jobs.start(
        "read",
        lambda control: threading.current_thread(),
        lambda worker: found.append((worker, threading.current_thread())),
    )
    qtbot.waitUntil(lambda: bool(found))
    worker, receiver = found[0]
    assert worker is not receiver and receiver is threading.main_thread()


def test_the_newest_question_wins(jobs, qtbot):
    found, gate = [], threading.Event()

    def slow(control):
        gate.wait(5)
        return "old"

    old = jobs.start("read", slow, found.append, newest="search")
    jobs.start("read", lambda control: "new", found.append, newest="search")
    qtbot.waitUntil(lambda: found == ["new"])
    gate.set()
    assert old.cancelled and not jobs.is_running("search")
    qtbot.wait(100)
    assert found == ["new"]


def test_closing_waits_for_no_job_that_never_began(jobs, qtbot, monkeypatch):
    waited, began = [], threading.Event()

    def work(control):
        began.set()
        while True:
            control.report(Progress("waiting", 0, 1))
            threading.Event().wait(0.002)

    monkeypatch.setattr(
        jobs_module, "wait", lambda futures, patience: waited.append(wait(futures, 20))
    )
    for _ in range(3):  # one at a time
        jobs.start("write", work, title="Writing")
    began.wait(5)
    jobs.close()
    assert [len(done.done) for done in waited] == [0, 1] and not waited[1].not_done


def test_decisions_that_wait_behind_a_long_writing_are_kept_when_the_window_closes(jobs):
    kept, began = [], threading.Event()

    def work(control):
        began.set()
        while True:
            control.report(Progress("writing", 0, 1))
            threading.Event().wait(0.002)

    jobs.start("write", work, title="Writing texts")
    began.wait(5)
    jobs.start("write", lambda control: kept.append("stars"))
    jobs.start("write", lambda control: kept.append("never begun"), title="Writing texts")
    jobs.start("write", lambda control: control.report(Progress("tags", 0)) or kept.append("tags"))
    jobs.start("write", lambda control: kept.append("replaced"), newest="note")
    jobs.start("write", lambda control: kept.append("note"), newest="note")
    jobs.close()
    assert kept == ["stars", "tags", "note"]


def test_a_sentence_is_told_and_a_defect_is_passed_on(jobs, qtbot):
    told, crashed, own = [], [], []
    jobs.told.connect(told.append)
    jobs.crashed.connect(crashed.append)

    def fail(error):
        def work(control):
            raise error

        return work

    jobs.start("read", fail(InputError("say it otherwise")))
    jobs.start("read", fail(InputError("mine")), failed=own.append)
    jobs.start("read", fail(ZeroDivisionError("ours")))
    jobs.start("read", fail(Cancelled()))
    qtbot.waitUntil(lambda: bool(told and crashed and own))
    assert told == ["say it otherwise"] and own == ["mine"]
    assert isinstance(crashed[0], ZeroDivisionError) and len(crashed) == 1


def test_progress_rate_and_time_left_are_shown_and_a_job_can_be_stopped(jobs, qtbot):
    began, ended = threading.Event(), []

    def work(control):
        for number in range(10_000):
            control.report(Progress("counting", number, 10_000))
            began.set()
            threading.Event().wait(0.002)

    job = jobs.start("index", work, ended.append, title="Counting")
    began.wait(5)
    qtbot.waitUntil(lambda: job.rate is not None and job.left_s is not None)
    assert jobs.shown() == [job] and 0 < job.left_s < 600
    job.cancel()
    qtbot.waitUntil(lambda: not jobs.shown())
    assert ended == []


def test_what_belongs_to_a_closed_dialog_is_not_called(jobs, qtbot):
    from PySide6.QtWidgets import QLabel

    labels, seen, gate = [QLabel(), QLabel(), QLabel()], [], threading.Event()
    wait = lambda control: gate.wait(5) and "done"  # noqa: E731
    jobs.start("read", wait, labels[0].setText)
    jobs.start("read", wait, belongs_to(labels[1], seen.append))
    jobs.start("read", wait, belongs_to(labels[2], seen.append))
    for label in labels[:2]:
        shiboken6.delete(label)
    gate.set()
    qtbot.waitUntil(lambda: seen == ["done"])
    labels[2].deleteLater()


def test_a_closed_window_asks_for_nothing(qapp, qtbot):
    jobs, seen = Jobs(), []
    jobs.close()
    job = jobs.start("read", lambda control: seen.append(1), title="Late")
    assert job.cancelled and not jobs.shown()
    qtbot.wait(50)
    assert seen == []


def test_closing_stops_everything(qapp):
    jobs, seen = Jobs(), threading.Event()

    def work(control):
        while True:
            seen.set()
            control.report(Progress("for ever", 0))
            threading.Event().wait(0.005)

    jobs.start("index", work, title="For ever")
    seen.wait(5)
    jobs.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("index")]


def test_a_quiet_job_is_shown_once_it_reports_progress(jobs, qtbot):
    """And the timer that looks at progress goes on until then."""
    go_on, shown = threading.Event(), []
    jobs.changed.connect(lambda: shown.append(jobs.shown()))

    def work(control):
        while not go_on.is_set() and not control.cancel():
            go_on.wait(0.01)
        control.report(Progress("taking back", 1))
        while not control.cancel():
            go_on.wait(0.01)

    job = jobs.start("write", work, title="Undoing", quiet=True)
    qtbot.waitUntil(lambda: len(shown) > 2)
    assert not any(shown)
    go_on.set()
    qtbot.waitUntil(lambda: [job] in shown)
