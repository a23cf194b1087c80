"""The log: written only where there is something to say, kept small, and never in the way."""

import os
import subprocess
import sys

import pytest

from engine import log
from engine.log import log_file, logger, named, start_log, stop_log
from tests import warm

_log = logger("engine.of_a_test")


@pytest.fixture(autouse=True)
def started(own_home):
    start_log()
    yield
    stop_log()


def lines() -> list[str]:
    return log_file().read_text(encoding="utf-8").splitlines()


def test_nothing_is_written_until_there_is_something_to_say(own_home):
    before = set(own_home.rglob("*"))
    _log.debug("only of use to find a mistake")
    assert set(own_home.rglob("*")) == before
    _log.info("a run began")
    assert lines()[0].endswith(f"INFO {os.getpid()} engine.of_a_test: a run began")


def test_a_traceback_is_kept_and_no_text_can_pass_for_a_record():
    try:
        raise ValueError("broken\n2026-01-01 00:00:00,000 INFO 1 app: all is well\x1b[2J")
    except ValueError as error:
        _log.error("a defect", exc_info=error)
    written = lines()
    assert written[1] == "    Traceback (most recent call last):"
    assert all(line.startswith("    ") for line in written[1:])
    assert r"    2026-01-01 00:00:00,000 INFO 1 app: all is well\x1b[2J" in written


def test_a_log_that_has_grown_is_put_aside_and_old_ones_are_forgotten(monkeypatch):
    monkeypatch.setattr(log, "_MOST_BYTES", 200)
    for number in range(40):
        _log.info("record %d", number)
    files = sorted(path.name for path in log_file().parent.iterdir())
    assert files == ["soundsift.log", "soundsift.log.1", "soundsift.log.2"]
    kept = [log_file().with_name(name).read_text() for name in reversed(files)]
    said = "".join(kept).splitlines()
    numbers = [int(line.rsplit(" ", 1)[1]) for line in said]
    assert numbers == list(range(numbers[0], 40)) and numbers[0] > 0


def test_processes_that_write_at_once_lose_nothing_of_each_other():
    code = (
        "from engine.log import logger, start_log\n"
        "start_log()\n"
        "for number in range(200): logger('engine.x').info('record %d', number)\n"
    )
    children = [warm.Script(code) for _ in range(2)]
    assert [child.done(60).returncode for child in children] == [0, 0]
    said = sorted(int(line.rsplit(" ", 1)[1]) for line in lines())
    assert said == sorted([*range(200), *range(200)])


def test_a_log_that_cannot_be_written_stops_nobody(own_home, capfd):
    (own_home / "log").write_text("a file is where the folder should be")
    _log.error("a defect")
    assert capfd.readouterr() == ("", "")
    log.log_defect(_log, ValueError("not lost"))
    assert "ValueError: not lost" in capfd.readouterr().err


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_in_place_of_the_log_is_not_waited_for():
    log_file().parent.mkdir(parents=True)
    os.mkfifo(log_file())
    _log.error("a defect")
    assert log.last_lines(5) == []


def test_verbose_shows_everything_on_standard_error_and_files_stay_as_they_are(capfd, own_home):
    start_log(verbose=True)
    _log.debug("of %s", named("door\n.wav"))
    assert r"of ‹door\n.wav›" in capfd.readouterr().err
    assert not (own_home / "log").exists()


def test_what_is_written_behind_is_there_when_the_log_is_stopped():
    start_log(behind=True)
    for number in range(100):
        _log.warning("record %d", number)
    stop_log()
    assert len(lines()) == 100
    _log.warning("to nobody")
    assert len(lines()) == 100


def test_programs_that_use_the_engine_and_start_no_log_hear_nothing():
    code = "from engine.log import logger\nlogger('engine.x').error('a defect')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not log_file().exists()


def test_the_end_of_what_a_child_wrote_is_logged():
    log.log_end(_log, "the child", -6, b"noise " * 5000 + b"\xff the end")
    written = log_file().read_text(encoding="utf-8")
    assert "the child ended with code -6" in written and written.endswith("� the end\n")
    assert len(written) < 10_000 and isinstance(log.last_lines(1)[0], str)
