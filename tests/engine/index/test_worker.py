"""Workers beside one another: a library on a server is the same whoever listened, and who died."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
import soundfile
from sqlalchemy import text

from app.cli import main
from engine.errors import AwayError, InputError
from engine.index import worker as module
from engine.index.build import index_folders
from engine.index.embedder import LeftToWorkers
from engine.index.worker import Manner, work
from engine.progress import Cancelled, Control
from engine.store import Library, claims
from engine.store import server as server_module
from engine.store.tables import BROKEN
from engine.store.windows import window_rows
from tests import warm
from tests.engine.index.compare import difference
from tests.postgres import Postgres

ONCE = Manner(threads=1, device="cpu", once=True)


@pytest.fixture
def place(server: Postgres) -> Iterator[str]:
    with server.library() as address:
        yield address


@pytest.fixture(scope="module")
def forty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("forty")
    random = np.random.default_rng(1)
    for number in range(40):
        samples = random.normal(0, 0.02 * (1 + number % 7), 6000 + 200 * number)
        soundfile.write(folder / f"{number:02d}.wav", samples, 32000)
    return folder


@pytest.fixture
def calm(tmp_path: Path, forty: Path, model_folder: Path) -> Iterator[Library]:
    """Give the library that one undisturbed run makes in a file."""
    with Library(tmp_path / "calm.db") as library:
        index_folders(library, model_folder, [forty], Control(), device="cpu")
        yield library


def wait_for_workers(library: Library, model: Path, *folders: Path) -> None:
    """Read headers, and leave the listening to workers."""
    index_folders(library, model, list(folders), Control(), embedder=LeftToWorkers())


def test_two_workers_make_the_library_that_one_run_makes(place, forty, calm, model_folder):
    with Library(place) as library:
        wait_for_workers(library, model_folder, forty)
        assert library.statistics().embedded == 0
    heard = []

    def listen() -> None:
        with Library(place) as mine:
            heard.append(work(mine, model_folder, Control(), ONCE).files)

    both = [threading.Thread(target=listen) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert sum(heard) == 40 and min(heard) > 0
    with Library(place) as library:
        assert difference(calm, library) == ""
        assert claims.workers(library) == []


def test_an_index_run_beside_a_worker_hears_nothing_twice(place, forty, calm, model_folder):
    with Library(place) as library, Library(place) as mine:
        wait_for_workers(library, model_folder, forty)
        worker = claims.enlist(mine, "elsewhere", 60)
        at = {sound.id for _, sound in claims.claim(mine, worker, 8, claims.Place())}
        report = index_folders(library, model_folder, [forty], Control(), device="cpu")
        assert report.heard == 32
        assert not at & {row.sound_id for row in window_rows(library, "sound_id")}
        claims.dismiss(mine, worker)
        assert work(mine, model_folder, Control(), ONCE).files == 8
        assert difference(calm, library) == ""


def in_processes(place: str, model: Path, kills: int, *deadly: str) -> dict[str, list[int]]:
    """Work in forks; see :mod:`tests.engine.index.killing_workers`."""
    done = warm.module("tests.engine.index.killing_workers", place, model, kills, *deadly)
    assert done.returncode == 0, done.stderr
    found: dict[str, list[int]] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_workers_killed_in_the_middle_lose_nothing_and_double_nothing(
    place, forty, calm, model_folder
):
    with Library(place) as library:
        wait_for_workers(library, model_folder, forty)
    found = in_processes(place, model_folder, 3)
    assert found["ends"] == [-signal.SIGKILL] * 3 + [0]
    assert max(found["held"][:-1]) > 0 and found["held"][-1] == 0
    with Library(place) as library:
        assert difference(calm, library) == ""
        assert library.skipped() == []


def test_a_sound_that_ends_every_worker_is_skipped_and_its_neighbours_are_heard(
    place, sounds, model_folder
):
    with Library(place) as library:
        wait_for_workers(library, model_folder, sounds)
    found = in_processes(place, model_folder, claims.DEATHS, "Sound_07.wav")
    assert found["ends"] == [9, 9, 9, 0]
    with Library(place) as library:
        (row,) = library.skipped()
        reason = "Sound_07.wav ended the process that heard it 3 times"
        assert (Path(row.path).name, row.reason) == ("Sound_07.wav", reason)
        assert library.known([row.path])[row.path].state == BROKEN
        assert library.statistics().embedded == 11
        wait_for_workers(library, model_folder, sounds)  # it stays skipped until it changes
        assert len(library.skipped()) == 1


def test_what_is_not_on_this_machine_waits_for_others(place, sounds, model_folder, tmp_path):
    told: list[str] = []
    with Library(place) as library:
        wait_for_workers(library, model_folder, sounds)
        (sounds / "tones" / "Sound_01.wav").unlink()
        (sounds / "noises").rename(tmp_path / "elsewhere")
        done = work(library, model_folder, Control(), ONCE, told.append)
        assert (done.files, done.skipped) == (5, 0)
        assert library.skipped() == []
        assert library.statistics().sounds == 12  # none is marked missing
        assert len(told) == 2 and all("they wait for others" in line for line in told)
        (tmp_path / "elsewhere").rename(sounds / "noises")
        assert work(library, model_folder, Control(), ONCE).files == 6


def test_a_folder_that_is_away_is_told_of_once(place, sounds, model_folder, tmp_path):
    told: list[str] = []
    with Library(place) as library:
        wait_for_workers(library, model_folder, sounds)
        sounds.rename(tmp_path / "elsewhere")
        done = work(library, model_folder, Control(), ONCE, told.append)
        assert (done.files, library.statistics().sounds) == (0, 12)
        assert told == [f"{sounds} is not on this machine: its sounds wait for others"]


def test_what_cannot_be_heard_is_skipped_with_its_reason(place, sounds, model_folder):
    with Library(place) as library:
        wait_for_workers(library, model_folder, sounds)
        path = sounds / "tones" / "Sound_01.wav"
        path.write_bytes(b"not a sound" * 20)
        done = work(library, model_folder, Control(), ONCE)
        assert (done.files, done.skipped) == (11, 1)
        assert [row.path for row in library.skipped()] == [str(path)]


def test_files_of_other_times_are_heard_as_they_are(place, sounds, model_folder):
    """A worker's computer may tell a file's time otherwise than the one that read its header."""
    with Library(place) as library:
        wait_for_workers(library, model_folder, sounds)
        for path in sounds.rglob("*.wav"):
            os.utime(path, (1, 1))
        assert work(library, model_folder, Control(), ONCE).files == 12


def test_another_model_is_refused_in_one_sentence(place, sounds, model_folder, make_model):
    other = make_model("other", seed=5)
    with Library(place) as library:
        with pytest.raises(InputError, match="nothing was indexed"):
            work(library, model_folder, Control(), ONCE)
        wait_for_workers(library, model_folder, sounds)
        with pytest.raises(InputError, match=r"is heard with the model random .*install the same"):
            work(library, other, Control(), ONCE)
        assert claims.workers(library) == []


def test_a_worker_hears_on_with_the_banks_of_others(place, sounds, model_folder, monkeypatch):
    """A mapping that changed under a batch is noticed, and the batch is heard by the new one."""
    with Library(place) as library:
        wait_for_workers(library, model_folder, sounds)
        real = module.embed_waiting
        told: list[str] = []

        def changed(*given, **more):
            monkeypatch.setattr(module, "embed_waiting", real)
            library.set_settings({"mapping": b"another"})
            return real(*given, **more)

        monkeypatch.setattr(module, "embed_waiting", changed)
        assert work(library, model_folder, Control(), ONCE, told.append).files == 12
        assert len(told) == 1 and "mapping changed" in told[0]
        rows = [row.sound_id for row in window_rows(library, "sound_id")]
        assert len(rows) == len(set(rows)) == 12


def test_who_stops_a_worker_keeps_what_was_heard_and_frees_the_claims(place, sounds, model_folder):
    with Library(place) as library:
        wait_for_workers(library, model_folder, sounds)
        asked: list[int] = []

        def stop(progress) -> None:
            if progress.stage == "listening" and progress.done == 3:
                assert [w.at for w in claims.workers(library)] != []
                asked.append(1)

        with pytest.raises(Cancelled):
            work(library, model_folder, Control(stop, lambda: bool(asked)), Manner(1, "cpu"))
        assert 3 <= library.statistics().embedded < 12
        assert claims.workers(library) == []
        other = claims.enlist(library, "other", 60)
        waiting = 12 - library.statistics().embedded
        assert len(claims.claim(library, other, 99, claims.Place())) == waiting


def test_an_idle_worker_is_woken_by_an_index_run(place, sounds, model_folder, monkeypatch):
    monkeypatch.setattr(module, "_LOOK_S", 3600.0)
    stop = threading.Event()
    failed: list[BaseException] = []
    with Library(place) as library, Library(place) as mine:
        wait_for_workers(library, model_folder, sounds / "tones")

        def listen() -> None:
            try:
                work(mine, model_folder, Control(cancel=stop.is_set), Manner(1, "cpu"))
            except Cancelled:
                pass
            except BaseException as error:
                failed.append(error)

        thread = threading.Thread(target=listen)
        thread.start()
        try:
            until(lambda: library.statistics().embedded == 6 or failed)
            wait_for_workers(library, model_folder, sounds)
            until(lambda: library.statistics().embedded == 12 or failed)
        finally:
            stop.set()
            thread.join()
    assert failed == []


def until(reached) -> None:
    waited = threading.Event()
    for _ in range(600):
        if reached():
            return
        waited.wait(0.1)
    raise AssertionError("it took more than a minute")


def test_a_server_that_is_away_is_waited_for(place, sounds, model_folder, monkeypatch):
    with Library(place) as library:
        wait_for_workers(library, model_folder, sounds)
        real, told = claims.claim, []

        def away(*given):
            monkeypatch.setattr(claims, "claim", real)
            with library.database.engine.begin() as connection:
                connection.execute(
                    text(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                    )
                )
            raise AwayError("the server is gone")

        monkeypatch.setattr(claims, "claim", away)
        assert work(library, model_folder, Control(), ONCE, told.append).files == 12
        assert told == ["the server is gone; trying again"]


@pytest.mark.parametrize("lost", ["claim", "put_heard"])
def test_what_a_worker_had_while_the_server_was_away_is_heard(
    lost, place, sounds, model_folder, monkeypatch
):
    real, free = getattr(claims, lost), claims.let_go

    def away(*given, **more):
        monkeypatch.setattr(claims, lost, real)
        if lost == "claim":
            real(*given, **more)  # the server did it, and could not say so
        monkeypatch.setattr(claims, "let_go", gone)
        raise AwayError("the server is gone")

    def gone(*given):
        monkeypatch.setattr(claims, "let_go", free)
        raise AwayError("the server is gone")

    with Library(place) as library:
        wait_for_workers(library, model_folder, sounds)
        monkeypatch.setattr(claims, lost, away)
        assert work(library, model_folder, Control(), ONCE).files == 12
        assert library.statistics().embedded == 12


@pytest.mark.parametrize("once", [True, False])
def test_who_works_until_it_is_stopped_waits_for_a_server_however_long(
    place, sounds, model_folder, monkeypatch, once
):
    monkeypatch.setattr(module, "_PATIENCE_S", 0.0)
    real, tries = claims.claim, iter(range(2))
    with Library(place) as library:
        wait_for_workers(library, model_folder, sounds)

        def claim(*given):
            if next(tries, None) is not None:
                raise AwayError("the server is gone")
            return real(*given)

        monkeypatch.setattr(claims, "claim", claim)
        control = Control(cancel=lambda: library.statistics().embedded == 12)
        with pytest.raises(AwayError if once else Cancelled):
            work(library, model_folder, control, Manner(1, "cpu", once))
        assert library.statistics().embedded == (0 if once else 12)


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody wait long for another's lock."""
    monkeypatch.setattr(server_module, "_LOCK_S", 0.05)


def test_a_worker_goes_on_when_another_one_kept_the_lock_for_too_long(
    place, sounds, model_folder, monkeypatch, hurried
):
    said: list[str] = []
    with Library(place) as library, Library(place) as other, ExitStack() as held:
        wait_for_workers(library, model_folder, sounds)
        monkeypatch.setattr(server_module, "_PATIENCE_S", 0.0)
        held.enter_context(other.writing())

        def told(sentence: str) -> None:
            said.append(sentence)
            held.close()

        assert work(library, model_folder, Control(), ONCE, told).files == 12
        assert len(said) == 1 and said[0].endswith("; trying again") and "is in use" in said[0]


@pytest.mark.parametrize("is_worker", [True, False])
def test_who_listens_waits_for_others_who_write_and_says_so(
    place, sounds, model_folder, hurried, is_worker
):
    stages: list[str] = []
    with Library(place) as library, Library(place) as other, ExitStack() as held:
        if is_worker:
            wait_for_workers(library, model_folder, sounds)
        held.enter_context(other.writing())

        def tell(progress) -> None:
            if progress.stage == "waiting for others who write":
                stages.append(progress.stage)
                held.close()

        if is_worker:
            work(library, model_folder, Control(tell), ONCE)
        else:
            index_folders(library, model_folder, [sounds], Control(tell), device="cpu")
        assert stages and library.statistics().embedded == 12


def test_the_command_works_once_and_status_tells_who_works(place, sounds, model_folder, capsys):
    with Library(place) as library:
        wait_for_workers(library, model_folder, sounds)
        claims.enlist(library, "studio-b", 60)
    capsys.readouterr()
    assert main(["status", "--library", place]) == 0
    said = capsys.readouterr().out
    assert "workers:\n  studio-b  since 2" in said and "0 sounds heard, waiting" in said
    assert main(["status", "--library", place, "--json"]) == 0
    assert '"name": "studio-b"' in capsys.readouterr().out
    assert main(["work", "--once", "--library", place, "--json"]) == 0
    out, errors = capsys.readouterr()
    assert '"heard": 12' in out and errors == ""
    assert main(["status", "--library", place, "--json"]) == 0
    assert '"embedded": 12' in capsys.readouterr().out


def test_on_a_library_of_one_computer_the_command_is_refused(library, tmp_path, capsys):
    assert main(["work", "--library", str(library.path)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ") and "is the library of one computer" in line
    arguments = ["--for-workers", str(tmp_path), "--library", str(library.path)]
    assert main(["index", *arguments]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "--for-workers is for a library on a server" in line


def test_indexing_for_workers_reads_headers_only(place, sounds, model_folder, capsys):
    with Library(place) as library:
        wait_for_workers(library, model_folder, sounds / "tones")
    assert main(["index", str(sounds), "--for-workers", "--library", place]) == 0
    assert "12 sounds wait: `soundsift work` listens to them" in capsys.readouterr().out
    with Library(place) as library:
        counts = library.statistics()
        assert (counts.sounds, counts.embedded) == (12, 0)
