"""Indexing in a process of its own."""

import json
import signal
import subprocess
import sys

import pytest

from app import index_process
from app.index_process import index_apart
from engine.errors import LibraryError, SoundsiftError
from engine.index.build import index_folders
from engine.progress import Cancelled, Control
from engine.store import Library


def test_it_does_what_indexing_here_does(tmp_path, sounds, model_folder):
    here, apart, seen = tmp_path / "here.db", tmp_path / "apart.db", []
    with Library(here) as library:
        expected = index_folders(library, model_folder, [sounds], Control())
    report = index_apart(apart, model_folder, [sounds], Control(seen.append), 2)
    assert (report.heard, report.skipped) == (expected.heard, expected.skipped)
    with Library(here) as one, Library(apart) as two:
        assert one.statistics() == two.statistics()
    assert {progress.stage for progress in seen} >= {"reading headers", "listening"}


def test_a_problem_is_told_in_its_sentence(tmp_path, model_folder):
    with pytest.raises(SoundsiftError, match="nowhere"):
        index_apart(tmp_path / "l.db", model_folder, [tmp_path / "nowhere"], Control(), 2)


def test_it_stops_when_asked_and_leaves_no_process(tmp_path, sounds, model_folder, monkeypatch):
    children = []
    real = subprocess.Popen

    def popen(*arguments, **more):
        children.append(real(*arguments, **more))
        return children[-1]

    monkeypatch.setattr(index_process.subprocess, "Popen", popen)
    with pytest.raises(Cancelled):
        index_apart(tmp_path / "l.db", model_folder, [sounds], Control(cancel=lambda: True), 2)
    assert children[0].poll() == 0


def test_a_process_that_crashes_is_told(tmp_path, sounds, model_folder, monkeypatch):
    real = subprocess.Popen

    def popen(*arguments, **more):
        child = real(*arguments, **more)
        child.send_signal(signal.SIGKILL)
        return child

    monkeypatch.setattr(index_process.subprocess, "Popen", popen)
    with pytest.raises(LibraryError, match="goes on where it was"):
        index_apart(tmp_path / "l.db", model_folder, [sounds], Control(), 2)


def test_a_defect_of_the_process_is_in_the_log_with_its_traceback(tmp_path, model_folder, caplog):
    order = index_process._Order(str(tmp_path / "l.db"), str(model_folder), [5], 2)
    with pytest.raises(LibraryError, match="code 1"):
        index_process._run(order, Control(), lambda report: None)
    (record,) = [r for r in caplog.records if r.levelname == "ERROR"]
    said = record.getMessage()
    assert "the indexing process ended with code 1" in said
    assert "Traceback (most recent call last):" in said and "TypeError: " in said


def test_the_process_ends_well_though_its_standard_input_is_still_open(tmp_path, model_folder):
    (tmp_path / "sounds").mkdir()
    order = {"library": str(tmp_path / "l.db"), "model": str(model_folder), "threads": 1}
    order["paths"] = [str(tmp_path / "sounds")]
    with subprocess.Popen(
        [sys.executable, "-m", "app.index_process", json.dumps(order)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as child:
        assert b'"done"' in child.stdout.read()
        assert child.wait() == 0, child.stderr.read()
