"""Libraries damaged in every way are told, repaired, and then open, search and index again."""

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from engine.errors import BusyError, LibraryError
from engine.progress import Control
from engine.store import FileFacts, Library, StoredWindow
from engine.store.collections import collect, collections
from engine.store.copies import copies, keep_copy
from engine.store.keywords import match_words
from engine.store.repair import repair, troubles_of
from engine.store.swap import work_folder
from engine.store.tags import tag_rows
from engine.store.vectors import load_vectors
from engine.store.windows import window_rows
from tests import warm
from tests.conftest import accept_tags

PAGE, RANK = 4096, 8


def put(library: Library, first: int, count: int, windows: int = 4) -> None:
    chance = np.random.default_rng(first)
    heard = []
    for number in range(first, first + count):
        stored = [
            StoredWindow(
                5.0 * n,
                5.0 * n + 10,
                chance.integers(0, 255, 768, np.uint8).tobytes(),
                chance.normal(0, 1, RANK).astype("<f2").tobytes(),
                0.5,
            )
            for n in range(windows)
        ]
        path = f"/sounds/door number {number}.wav"
        heard.append((FileFacts(path, 1, 1, f"{number}", 1.0, 1, 1, 16, "wav"), stored))
    library.put_sounds(heard)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a closed library of 80 sounds, 320 windows, 80 tags of a person, a collection."""
    place = tmp_path / "library.db"
    with Library(place) as library:
        library.add_folder("/sounds")
        put(library, 0, 80)
        ids = sorted(library.sounds())
        accept_tags(library, [(i, "creak") for i in ids])
        collect(library, "best", ids[:7])
    return place


def soundsift(*arguments: object) -> subprocess.CompletedProcess[str]:
    return warm.as_text(warm.soundsift(*arguments))


def overwrite(path: Path, pages: list[int]) -> None:
    chance = random.Random(1)
    with path.open("r+b") as file:
        for page in pages:
            file.seek((page - 1) * PAGE)
            file.write(chance.randbytes(PAGE))


def roots(path: Path) -> dict[str, int]:
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT name, rootpage FROM sqlite_master WHERE rootpage > 0")
        return dict(rows.fetchall())


def head(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"\xee" * 100)


def first_page(path: Path) -> None:
    overwrite(path, [1])


def middle(path: Path) -> None:
    pages = path.stat().st_size // PAGE
    overwrite(path, [pages // 2, pages // 2 + 1, 3 * pages // 4])


def index_page(path: Path) -> None:
    overwrite(path, [roots(path)["windows_sound_id"]])


def tags_root(path: Path) -> None:
    overwrite(path, [roots(path)["tags"]])


def truncated(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size * 2 // 3)


def nothing_left(path: Path) -> None:
    path.write_bytes(b"")


def words_index(path: Path) -> None:
    overwrite(path, [roots(path)["words_data"]])


def orphans(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DELETE FROM sounds WHERE id = 3")
        connection.commit()


DAMAGES = [head, first_page, middle, index_page, tags_root, truncated, words_index, orphans]


def assert_usable(path: Path) -> None:
    assert troubles_of(path) == []
    with Library(path) as library:
        known = library.sounds()
        loaded = load_vectors(library, RANK)
        assert set(loaded.sound_ids.tolist()) <= set(known)
        stored = {row.id: row.vector for row in window_rows(library, "id", "vector")}
        assert sorted(v.tobytes() for v in loaded.vectors) == sorted(stored.values())
        if known:
            assert {i for i, _ in match_words(library, [["door"]], limit=1000)} == set(known)
        put(library, 500, 2)
        assert len(library.sounds()) == len(known) + 2


@pytest.mark.parametrize("with_copy", [False, True], ids=["alone", "with a copy"])
@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_damaged_library_is_repaired(path, damage, with_copy):
    if with_copy:
        assert keep_copy(path) == ""
    damage(path)
    before = path.read_bytes()
    assert troubles_of_copy(path)
    done = repair(path, Control())
    assert done.action in ("salvaged", "restored")
    assert done.damaged is not None and done.damaged.read_bytes() == before
    assert done.kept["sounds"] + done.lost.get("sounds", 0) in (79, 80)
    if with_copy or damage not in (tags_root, truncated, middle):
        assert done.kept["tags"] >= 79
        assert done.kept["collected"] >= 6
    if with_copy and damage in (tags_root, truncated, first_page, head):
        assert not done.lost
    assert not work_folder(path).exists()
    assert_usable(path)


def troubles_of_copy(path: Path) -> list[str]:
    """Look at a copy: SQLite changes what it opens."""
    copy = path.with_name("looked at")
    shutil.copyfile(path, copy)
    return troubles_of(copy)


def test_only_what_is_on_the_lost_pages_is_lost(path):
    middle(path)
    done = repair(path, Control())
    assert done.action == "salvaged"
    assert done.kept["sounds"] == 80 and done.kept["decisions"] == 88
    assert 0 < done.lost["windows"] <= 60
    with Library(path) as library:  # and is heard again
        waiting = library.known(["/"], waiting=True)
        assert 0 < len(waiting) <= 20
        windows = window_rows(library, "sound_id")
        counted = {known.id: 0 for known in library.known(["/"]).values()}
        for row in windows:
            counted[row.sound_id] += 1
        unheard = {known.id for known in waiting.values()}
        assert {i for i, count in counted.items() if count != 4} == unheard


def test_the_newer_salvage_is_taken_where_it_keeps_more_decisions(path):
    keep_copy(path)
    with Library(path) as library:
        put(library, 100, 20)
        accept_tags(library, [(i, "later") for i in sorted(library.sounds())[:30]])
    middle(path)
    done = repair(path, Control())
    assert done.action == "salvaged"
    with Library(path) as library:
        assert sum(row.label == "later" for row in tag_rows(library)) == 30


def test_the_copy_is_taken_where_it_keeps_more_decisions(path):
    keep_copy(path)
    tags_root(path)
    done = repair(path, Control())
    assert (done.action, done.copy) == ("restored", copies(path)[0])
    with Library(path) as library:
        assert len(tag_rows(library)) == 80
        assert collections(library) == {"best": 7}


def test_an_empty_file_beside_copies_is_told_and_restored(path):
    keep_copy(path)
    nothing_left(path)
    with pytest.raises(LibraryError, match="soundsift repair"):
        Library(path)
    assert path.stat().st_size == 0
    assert repair(path, Control()).action == "restored"
    assert_usable(path)


def test_an_empty_file_without_copies_is_a_new_library(path):
    nothing_left(path)
    assert repair(path, Control()).action == "begun anew"
    assert_usable(path)


@pytest.mark.parametrize("kind", ["text", "database"])
def test_what_is_no_library_is_left_alone(tmp_path, kind):
    path = tmp_path / "novel.txt"
    if kind == "text":
        path.write_text("these are words " * 5000)
    else:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("CREATE TABLE recipes (name TEXT)")
    before = path.read_bytes()
    with pytest.raises(LibraryError, match="nothing can be read"):
        repair(path, Control())
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir() if p.suffix != ".lock"] == ["novel.txt"]


def test_what_stands_only_in_the_log_is_saved(path):
    script = (
        "import sys, os, signal; from pathlib import Path\n"
        "from engine.store import Library\n"
        "from tests.conftest import accept_tags\n"
        "library = Library(Path(sys.argv[1]))\n"
        "accept_tags(library, [(i, 'late') for i in range(1, 9)])\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert warm.script(script, path).returncode == -signal.SIGKILL
    log = path.with_name("library.db-wal")
    assert log.stat().st_size > 0
    index_page_of_main(path)
    done = repair(path, Control())
    with Library(path) as library:
        assert sum(row.label == "late" for row in tag_rows(library)) == 8
    assert done.damaged is not None
    assert done.damaged.with_name(f"{done.damaged.name}-wal").exists()


def index_page_of_main(path: Path) -> None:
    copy = path.with_name("for its roots")
    shutil.copyfile(path, copy)
    overwrite(path, [roots(copy)["windows_sound_id"]])


@pytest.mark.parametrize("log", [b"", b"\x37\x7f\x06\x82" + b"junk" * 3000], ids=["none", "junk"])
def test_a_library_without_its_log_or_with_junk_for_one_is_usable(path, log):
    path.with_name("library.db-wal").write_bytes(log)
    repair(path, Control())
    assert_usable(path)


def test_a_whole_library_is_left_alone(path):
    before = path.read_bytes()
    done = repair(path, Control())
    assert (done.action, done.damaged, done.kept["sounds"]) == ("nothing", None, 80)
    assert path.read_bytes() == before


def test_a_dry_run_only_tells(path):
    keep_copy(path)
    tags_root(path)
    before = {p: p.read_bytes() for p in path.parent.rglob("*") if p.is_file()}
    done = repair(path, Control(), dry_run=True)
    assert done.action == "restored" and done.kept["tags"] == 80
    after = {p: p.read_bytes() for p in path.parent.rglob("*") if p.is_file()}
    after.pop(path.with_name("library.db.lock"), None)
    before.pop(path.with_name("library.db.lock"), None)
    assert after == before


def test_restore_takes_the_newest_good_copy(path):
    keep_copy(path)
    with Library(path) as library:
        put(library, 100, 5)
    done = repair(path, Control(), restore=True)
    assert (done.action, done.lost.get("sounds")) == ("restored", 5)
    with Library(path) as library:
        assert len(library.sounds()) == 80


def test_restore_passes_over_a_damaged_copy(path, monkeypatch):
    keep_copy(path)
    monkeypatch.setattr("engine.store.copies._AGE_S", 0.0)
    keep_copy(path)
    newest, older = copies(path)
    overwrite(newest, [1])
    assert repair(path, Control(), restore=True).copy == older


def test_restoring_without_a_copy_is_refused(path):
    with pytest.raises(LibraryError, match="no good copy"):
        repair(path, Control(), restore=True)
    assert not work_folder(path).exists()


def test_a_cache_of_what_was_there_before_is_not_used_afterwards(path):
    keep_copy(path)
    with Library(path) as library:
        put(library, 100, 5)
        load_vectors(library, RANK)
    repair(path, Control(), restore=True)
    with Library(path) as library:
        put(library, 200, 5)
    assert_usable(path)


def test_no_cache_of_the_damaged_library_fits_the_repaired_one(path):
    with Library(path) as library:
        before = library.setting("window_marks")
    middle(path)
    assert repair(path, Control()).action == "salvaged"
    with Library(path) as library:
        after = library.setting("window_marks")
    assert before and after and after[:8] not in before and before[:8] not in after


HOLD = """
import sys
from contextlib import closing
from pathlib import Path
from engine.store import Library
library = Library(Path(sys.argv[1]))
library.sounds()
print("open", flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there an open file cannot be moved")
def test_a_library_that_another_process_has_open_is_left_alone(path):
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None and other.stdout.readline() == b"open\n"
        with pytest.raises(BusyError, match="close it"):
            repair(path, Control(), dry_run=True)
        assert other.stdin is not None
        other.stdin.close()
    assert repair(path, Control()).action == "nothing"


def test_the_command_tells_counts_and_where_the_damaged_library_is(path):
    middle(path)
    said = soundsift("status", "--library", path)
    assert said.returncode == 0 and "soundsift repair" in said.stdout
    done = soundsift("repair", "--library", path, "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["action"], told["kept"]["sounds"]) == ("salvaged", 80)
    assert told["kept"]["windows"] < 320 and Path(told["damaged"]).is_file()
    again = soundsift("repair", "--library", path)
    assert again.returncode == 0 and "nothing to repair" in again.stdout


@pytest.mark.parametrize("damage", [head, first_page, tags_root], ids=lambda d: d.__name__)
def test_every_command_says_what_to_do(path, damage):
    damage(path)
    done = soundsift("export", path.with_name("out.csv"), "creak", "--library", path)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert f'soundsift repair --library "{path}"' in done.stderr


KILLED = """
import os, signal, sys
from pathlib import Path
left = int(sys.argv[2])
def step(event, arguments):
    global left
    if event in ("os.rename", "os.remove", "os.link", "shutil.rmtree"):
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
from engine.progress import Control
from engine.store.repair import repair
from engine.store.copies import keep_copy
from alembic import command, config, script
sys.addaudithook(step)
if sys.argv[3] == "copy":
    keep_copy(Path(sys.argv[1]))
else:
    repair(Path(sys.argv[1]), Control())
print("done")
"""


def killed(path: Path, after: int, what: str) -> bool:
    """Kill a repair, or the keeping of a copy, after some steps; return whether it had ended."""
    done = warm.script(KILLED, path, after, what)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills with a POSIX signal")
@pytest.mark.parametrize("what", ["repair", "copy"])
def test_a_killed_repair_or_copy_leaves_a_usable_library(path, tmp_path, what, monkeypatch):
    monkeypatch.setattr("engine.store.copies._AGE_S", 0.0)
    if what == "repair":
        middle(path)
    home = tmp_path / "at work"
    for after in range(20):
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir()
        other = home / path.name
        shutil.copyfile(path, other)
        other.with_name(f"{other.name}-wal").write_bytes(b"no log of the new library")
        ended = killed(other, after, what)
        with Library(other) as library:  # finishes what is left to finish
            assert len(library.sounds()) == 80
        assert not list(work_folder(other).glob("ready-*"))
        assert keep_copy_or_repair(other, what) is not None
        assert_usable(other)
        assert not list(home.rglob("*.part*")) and not work_folder(other).exists()
        if ended:
            return
    pytest.fail("it was never let to its end")


def keep_copy_or_repair(path: Path, what: str) -> object:
    if what == "copy":
        assert keep_copy(path) == ""
        return copies(path)[0]
    return repair(path, Control())
