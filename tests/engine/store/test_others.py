"""Writers that are not ours are noticed, and ours are not taken for them."""

import sqlite3
import threading

import pytest

from engine.store import FileFacts, Library
from engine.store.marks import set_stars
from engine.store.others import OthersWatch
from tests import warm


@pytest.fixture
def sound_id(library):
    library.put_sounds([(FileFacts("/a/Gate.wav", 1, 2, "h", 10.0, 48000, 2, 24, "wav"), [])])
    (found,) = library.sounds()
    return found


@pytest.fixture
def watched(library, sound_id):
    assert not library.database.others_wrote()
    return library


def test_what_another_process_writes_is_noticed_once(watched, sound_id):
    writes = (
        "import sys, pathlib\n"
        "from engine.store import Library\n"
        "from engine.store.marks import set_stars\n"
        "with Library(pathlib.Path(sys.argv[1])) as library:\n"
        "    set_stars(library, [int(sys.argv[2])], 4)\n"
    )
    assert warm.script(writes, watched.path, sound_id).returncode == 0
    assert watched.database.others_wrote() and not watched.database.others_wrote()
    assert watched.sounds()[sound_id].marks.stars == 4


def test_own_changes_are_not_those_of_others(watched, sound_id):
    for stars in range(1, 6):
        set_stars(watched, [sound_id], stars)
        watched.known([])
        assert not watched.database.others_wrote()
    with pytest.raises(RuntimeError), watched.writing():
        raise RuntimeError
    assert not watched.database.others_wrote()


def test_others_are_noticed_between_own_changes(watched, sound_id):
    set_stars(watched, [sound_id], 1)
    with Library(watched.path) as other:
        set_stars(other, [sound_id], 2)
    set_stars(watched, [sound_id], 3)
    assert watched.database.others_wrote() and not watched.database.others_wrote()


def test_no_own_change_is_mistaken_while_many_threads_write_and_ask(watched, sound_id):
    mistaken = []
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            if watched.database.others_wrote():
                mistaken.append(1)

    asking = threading.Thread(target=ask)
    asking.start()
    writers = [
        threading.Thread(target=lambda: [set_stars(watched, [sound_id], n % 6) for n in range(30)])
        for _ in range(3)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    done.set()
    asking.join()
    assert not mistaken


def test_a_library_that_goes_away_is_not_made_anew_and_its_watch_stays_silent(
    library, sound_id, tmp_path
):
    assert not library.database.others_wrote()
    for path in tmp_path.glob("**/*.db*"):
        path.unlink()
    assert not library.database.others_wrote() and not library.path.exists()
    with pytest.raises(sqlite3.OperationalError):
        OthersWatch(tmp_path / "none.db")
    assert not (tmp_path / "none.db").exists()
