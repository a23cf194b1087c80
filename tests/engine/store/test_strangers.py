"""What lies where our caches and copies belong and is not ours stays; nothing waits for it."""

import os
from pathlib import Path

import pytest

from engine.audio.peaks import PeaksCache
from engine.errors import LibraryError
from engine.progress import Control
from engine.store import Library
from engine.store.copies import copies, keep_copy
from engine.store.repair import repair
from engine.store.swap import work_folder
from engine.store.vectors import cache_folder, load_vectors
from tests import warm
from tests.engine.store.test_vectors import RANK, first_of, put, truth

NAMES = ("keep", "song.wav", "notes.part", "000001-mine.db", "ready-1", "state.txt", "lock.txt")


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """Return a folder of somebody else."""
    folder = tmp_path / "other"
    folder.mkdir()
    fill(folder)
    return folder


def fill(folder: Path) -> None:
    for name in NAMES:
        (folder / name).write_text(name)
    (folder / "sub").mkdir()
    (folder / "sub" / "deep").write_text("deep")


def is_whole(folder: Path) -> bool:
    """Return whether everything is there still, and nothing else."""
    left = sorted(p.name for p in folder.iterdir())
    return left == sorted([*NAMES, "sub"]) and (folder / "sub" / "deep").is_file()


def linked(link: Path, folder: Path) -> None:
    try:
        link.symlink_to(folder, target_is_directory=True)
    except OSError:
        pytest.skip("links cannot be made here")


def test_a_link_in_place_of_the_cache_is_refused_and_nothing_behind_it_is_touched(library, other):
    put(library, "ab")
    linked(cache_folder(library), other)
    with pytest.raises(LibraryError, match="it is a link, not a folder"):
        load_vectors(library, RANK)
    assert is_whole(other)


def test_what_others_put_into_the_cache_stays(library, tmp_path, other):
    put(library, "ab")
    load_vectors(library, RANK)
    folder = cache_folder(library)
    fill(folder)
    linked(folder / "codes-00000000", other)
    (old,) = folder.glob("vectors-*.f16")
    (folder / "state.json").write_text("{")
    assert first_of(library) == truth(library)
    assert not old.exists()  # what is ours is made anew
    assert all((folder / name).read_text() == name for name in NAMES)
    assert (folder / "sub" / "deep").is_file() and is_whole(other)


def test_vectors_are_not_written_through_a_link(library, tmp_path):
    put(library, "ab")
    load_vectors(library, RANK)
    (vectors,) = cache_folder(library).glob("vectors-*.f16")
    mine = tmp_path / "mine"
    mine.write_bytes(vectors.read_bytes())
    vectors.unlink()
    linked(vectors, mine)
    before = mine.read_bytes()
    put(library, "c")
    assert first_of(library) == truth(library)
    assert mine.read_bytes() == before


def test_copies_are_not_kept_behind_a_link_and_only_ours_are_forgotten(library, other):
    folder = Path(f"{library.path}.copies")
    linked(folder, other)
    assert "it is a link, not a folder" in keep_copy(library.path)
    assert is_whole(other)
    folder.unlink()
    folder.mkdir()
    fill(folder)
    for number in range(5):
        for copy in copies(library.path):
            os.utime(copy, (number, number))
        assert keep_copy(library.path) == ""
    assert len(copies(library.path)) == 3
    assert all((folder / name).is_file() for name in NAMES)


def damaged_library(tmp_path: Path) -> Path:
    path = tmp_path / "l.db"
    with Library(path) as library:
        put(library, "abc")
    data = bytearray(path.read_bytes())
    data[4096 * 2 : 4096 * 2 + 64] = bytes(64)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("through", ["link", "folder", "pipe"])
def test_repair_removes_nothing_that_is_not_its_own(tmp_path, other, through):
    path = damaged_library(tmp_path)
    work = work_folder(path)
    if through == "link":
        linked(work, other)
    elif through == "folder":
        work.mkdir()
        fill(work)
    elif not hasattr(os, "mkfifo"):
        pytest.skip("no pipes here")
    else:
        os.mkfifo(work)
    before = path.read_bytes()
    said = in_a_child(f"repair(Path({str(path)!r}), Control())")
    assert "cannot be repaired" in said and "move it away" in said
    assert path.read_bytes() == before and is_whole(other)
    if through == "folder":
        assert is_whole(work)


def test_what_is_ready_behind_a_link_does_not_become_the_library(tmp_path, other):
    path = tmp_path / "l.db"
    with Library(path) as library:
        put(library, "a")
    (other / "ready-damaged-2026-01-01-000000").write_bytes(b"mine")
    linked(work_folder(path), other)
    with Library(path) as library:
        assert len(library.sounds()) == 1
    assert (other / "ready-damaged-2026-01-01-000000").read_bytes() == b"mine"


def test_repair_leaves_no_work_folder_behind(tmp_path):
    path = damaged_library(tmp_path)
    work_folder(path).mkdir()
    (work_folder(path) / "raw.db-wal").write_bytes(b"of a run that was killed")
    repair(path, Control())
    assert not work_folder(path).exists()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.parametrize("ending", ["-journal", "-wal"])
def test_a_pipe_in_place_of_the_log_is_told(tmp_path, ending):
    path = tmp_path / "l.db"
    with Library(path) as library:
        put(library, "a")
    log = Path(f"{path}{ending}")
    log.unlink(missing_ok=True)
    os.mkfifo(log)
    said = in_a_child(f"Library(Path({str(path)!r}))")
    assert f"{log} is a pipe, not a file" in said


def in_a_child(statement: str) -> str:
    """Return the error of a statement; one that waits for ever is killed, and fails."""
    script = (
        "from pathlib import Path\n"
        "from engine.errors import LibraryError\n"
        "from engine.progress import Control\n"
        "from engine.store import Library\n"
        "from engine.store.repair import repair\n"
        f"try:\n    {statement}\nexcept LibraryError as error:\n    print(error)\n"
    )
    done = warm.script(script, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_peaks_of_too_many_files_go_and_nothing_else(tmp_path, monkeypatch):
    import soundfile

    from tests.conftest import tone

    monkeypatch.setattr("engine.audio.peaks._WORTH_KEEPING_S", -1.0)
    folder = tmp_path / "peaks"
    folder.mkdir()
    fill(folder)
    cache = PeaksCache(folder, most_bytes=1)
    for number in range(2):
        path = tmp_path / f"{number}.wav"
        soundfile.write(path, tone(440, 0.05, 48000), 48000)
        cache.peaks(path, Control())
    assert is_whole(folder)
