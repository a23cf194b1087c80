"""Undo where something is in the way: folders that are read-only, pipes, links, damaged records."""

import json
import os
import shutil
from pathlib import Path

import pytest
import soundfile

from engine.errors import AudioError, LibraryError
from engine.index.build import index_folders
from engine.metadata.journal import TEMPORARY
from engine.metadata.renaming import UCS_PATTERN, Rename, carry_out
from engine.progress import Control
from engine.store.places import forget_folder, sound_at
from engine.store.tags import TagRow, tag_rows
from engine.tags.review import record
from engine.tags.run import TagRun, settle, undo_last
from engine.tags.run_folders import runs_of
from engine.tags.writing import renames_of, tags_to_write
from tests import warm
from tests.conftest import tone

FIELDS = {"creator": "A", "source": "B"}
NAMES = [f"thing_{number}.wav" for number in range(4)]


@pytest.fixture
def folders(tmp_path: Path, library, model_folder) -> tuple[Path, Path]:
    """Return two indexed folders of two sounds each."""
    both = (tmp_path / "one", tmp_path / "two")
    for number, name in enumerate(NAMES):
        both[number // 2].mkdir(exist_ok=True)
        soundfile.write(both[number // 2] / name, tone(300 + 100 * number, 0.2), 32000)
    index_folders(library, model_folder, list(both), Control())
    return both


def contents(*folders: Path) -> dict[Path, bytes]:
    return {p: p.read_bytes() for folder in folders for p in folder.iterdir()}


def tagged(library, rename: bool = True) -> Path:
    """Tag, write and rename everything; return the folder of the run."""
    ids = sorted(library.sounds())
    with TagRun.begin(library) as run:
        rows = [TagRow(i, "DOORWood", "accepted", "model", 0.9) for i in ids]
        record(library, ids, rows, run.note)
        written = run.write(tags_to_write(library, ids, tag_rows(library, ids)), Control())
        assert len(written.done) == 4
        if rename:
            run.rename(renames_of(library, ids, tag_rows(library, ids), UCS_PATTERN, FIELDS))
    return run.folder


class ReadOnly:
    """A folder in which nothing can be renamed, for whoever is root as well."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder: Path | None = None
        self.refuses = lambda source, target: True
        real = os.rename

        def rename(source, target):
            if Path(source).parent == self.folder and self.refuses(str(source), str(target)):
                raise PermissionError(13, "Permission denied", str(source))
            real(source, target)

        monkeypatch.setattr(os, "rename", rename)


@pytest.fixture
def read_only(monkeypatch) -> ReadOnly:
    return ReadOnly(monkeypatch)


def agree(library, *folders: Path) -> bool:
    """Return whether the library knows every file under its name, and no other is hidden."""
    there = {str(p) for folder in folders for p in folder.iterdir()}
    return there == {sound.path for sound in library.sounds().values()}


def test_a_read_only_folder_keeps_its_names_and_the_others_come_back(library, folders, read_only):
    one, two = folders
    before = contents(*folders)
    tagged(library)
    new = {p.name for p in one.iterdir()}
    read_only.folder = one
    undone = undo_last(library, Control())
    assert undone.names == 2 and {why for _, why in undone.refused} == {
        f"{name} keeps its name: Permission denied" for name in new
    }
    assert {p.name for p in two.iterdir()} == set(NAMES[2:])
    assert {p.name for p in one.iterdir()} == new and agree(library, one, two)
    ids = sorted(library.sounds())
    with TagRun.begin(library) as run:  # new runs go on, and take nothing back by themselves
        record(library, ids, [TagRow(ids[0], "wet", "accepted", "m", 0.9)], run.note)
    assert {p.name for p in one.iterdir()} == new
    undo_last(library, Control())
    read_only.folder = None
    again = undo_last(library, Control())
    assert (again.names, again.refused) == (2, ())
    assert contents(*folders) == before and agree(library, one, two)
    assert not list(runs_of(library).iterdir())


def test_files_that_stay_hidden_are_told_and_come_back_when_they_can(library, folders, read_only):
    """The folder becomes read-only when its files are on their way."""
    one, two = folders
    before = contents(*folders)
    tagged(library)
    read_only.folder = one
    read_only.refuses = lambda source, target: TEMPORARY in source
    undone = undo_last(library, Control())
    assert undone.names == 2 and undone.files == 2
    assert sum("is now named .soundsift-" in why for _, why in undone.refused) == 2
    assert {p.name for p in two.iterdir()} == set(NAMES[2:])
    settle(library)  # cannot, and keeps nobody from anything
    read_only.folder = None
    settle(library)
    assert {p.name for p in one.iterdir()} == set(NAMES[:2]) and agree(library, one, two)
    undo_last(library, Control())
    assert contents(*folders) == before


def test_files_that_trade_places_are_followed_once(library, folders, read_only):
    one, two = folders
    ids = {path: sound_at(library, str(path)) for path in contents(*folders)}
    pairs = [(one / NAMES[0], one / NAMES[1]), (two / NAMES[2], two / NAMES[3])]
    moves = [Rename(str(a), str(b)) for pair in pairs for a, b in (pair, pair[::-1])]
    with TagRun.begin(library) as run:
        run.rename(moves)
    read_only.folder = one
    assert undo_last(library, Control()).names == 2
    assert undo_last(library, Control()).names == 0  # again, and nothing is turned round
    assert sound_at(library, str(two / NAMES[2])) == ids[two / NAMES[2]]
    read_only.folder = None
    assert undo_last(library, Control()).names == 2
    assert {path: sound_at(library, str(path)) for path in ids} == ids


def test_a_file_that_cannot_move_never_costs_another_its_bytes(library, folders, read_only):
    """In a ring of three one stays: the others fall back to names that are free."""
    one, _ = folders
    third = one / "thing_9.wav"
    shutil.copy(one / NAMES[0], third)
    paths = [one / NAMES[0], one / NAMES[1], third]
    for number, path in enumerate(paths):
        path.write_bytes(bytes([number]))
    for first in range(3):
        journal_of = TagRun(library, runs_of(library) / f"{first + 1:020d}")
        ring = [Rename(str(p), str(paths[(n + 1) % 3])) for n, p in enumerate(paths)]
        carry_out(ring, journal_of.folder / "names.json")
        held = sorted(p.read_bytes() for p in paths)
        read_only.folder = one
        read_only.refuses = lambda source, target, stays=paths[first]: source == str(stays)
        settle(library)
        left = list(one.iterdir())
        assert sorted(p.read_bytes() for p in left) == held
        assert not [p for p in left if p.name.startswith(TEMPORARY)]
        read_only.folder = None
        shutil.rmtree(journal_of.folder)


def test_renaming_that_cannot_go_back_keeps_the_way_back(library, folders, read_only):
    one, _ = folders
    ids = sorted(library.sounds())
    before = contents(*folders)
    moves = [Rename(str(p), str(p.with_name(f"new {p.name}"))) for p in sorted(before)]
    read_only.folder = one
    read_only.refuses = lambda source, target: TEMPORARY in source
    told = pytest.raises(AudioError, match="do not have their old names back yet")
    with told, TagRun.begin(library) as run:
        run.rename(moves)
    assert any(p.name.startswith(TEMPORARY) for p in one.iterdir())
    read_only.folder = None
    settle(library)
    assert contents(*folders) == before and sorted(library.sounds()) == ids


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_what_is_no_file_any_more_is_refused_at_once(library, folders, tmp_path):
    one, two = folders
    tagged(library, rename=False)
    mine = tmp_path / "mine.wav"
    (one / NAMES[0]).rename(mine)
    (one / NAMES[0]).symlink_to(mine)
    (one / NAMES[1]).unlink()
    os.mkfifo(one / NAMES[1])
    (two / NAMES[2]).unlink()
    (two / NAMES[2]).mkdir()
    (two / NAMES[3]).unlink()
    written = mine.read_bytes()
    script = (
        "import sys\nfrom pathlib import Path\nfrom engine.progress import Control\n"
        "from engine.store import Library\nfrom engine.tags.run import undo_last\n"
        "with Library(Path(sys.argv[1])) as library:\n"
        "    for path, why in undo_last(library, Control()).refused:\n        print(why)\n"
    )
    done = warm.script(script, library.path, timeout=120)
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.splitlines()) == {
        "thing_0.wav is a link now, not the file, so it is left as it is",
        "thing_1.wav is a pipe now, not the file, so it is left as it is",
        "thing_2.wav is a folder now, not the file, so it is left as it is",
        "thing_3.wav cannot be restored: No such file or directory",
    }
    assert (one / NAMES[0]).is_symlink() and mine.read_bytes() == written


def damage(path: Path, how: object) -> None:
    """Replace a record: by bytes, or by what a function makes of it."""
    document = how(json.loads(path.read_text())) if callable(how) else how
    data = document if isinstance(document, bytes) else json.dumps(document).encode()
    path.write_bytes(data)


DEEP = b"[" * 200_000


@pytest.mark.parametrize(
    "how",
    [
        {},
        DEEP,
        lambda d: {**d, "moves": [[o, str(Path(n).with_name("x" * 256))] for o, n in d["moves"]]},
        lambda d: {**d, "moves": [[o, n + "\0"] for o, n in d["moves"]]},
        lambda d: {**d, "moves": [[o, n + "\ud800"] for o, n in d["moves"]]},
        lambda d: {**d, "moves": [d["moves"][0], *d["moves"]]},
        lambda d: {**d, "moves": [[o] for o, _ in d["moves"]]},
        lambda d: {**d, "phase": True},
        lambda d: {**d, "taken": [10**30]},
        lambda d: {**d, "token": 3},
    ],
)
def test_files_come_back_under_new_names_where_the_record_of_names_is_damaged(
    library, folders, how
):
    before = contents(*folders)
    run = tagged(library)
    new = {p: p.name for p in contents(*folders)}
    damage(run / "names.json", how)
    settle(library)  # tells nobody, and so sets nothing aside
    undone = undo_last(library, Control())
    assert undone.refused == (
        (str(run / "names.json"), "the record of a renaming is damaged, and was set aside"),
    )
    assert (undone.files, undone.names, undone.tags) == (4, 0, 4)
    now = contents(*folders)
    assert set(now) == set(new) and sorted(now.values()) == sorted(before.values())
    assert agree(library, *folders) and (run / "names.damaged").is_file()


@pytest.mark.parametrize(
    "how",
    [
        DEEP,
        [],
        lambda d: {**d, "old_mtime_ns": 10**30},
        lambda d: {**d, "old_mtime_ns": 2**63},
        lambda d: {**d, "alike_first": 2**63},
        lambda d: {**d, "alike_last": 1.5},
        lambda d: {**d, "new_digest": None},
        lambda d: {**d, "path": d["path"] + "\ud800"},
        lambda d: {**d, "path": d["path"] + "\0"},
    ],
)
def test_a_damaged_record_of_a_file_is_set_aside_and_the_others_work(library, folders, how):
    run = tagged(library)
    damage(run / "files" / "00000001.json", how)
    undone = undo_last(library, Control())
    assert undone.refused == (
        ("00000001.json", "this record of a change is damaged, and was set aside"),
    )
    assert (undone.files, undone.names, undone.tags) == (3, 4, 4)


def changed_row(**changes: object) -> object:
    return lambda d: {**d, "before": [{**d["after"][0], **changes}]}


@pytest.mark.parametrize(
    "how",
    [
        DEEP,
        b"\xff",
        changed_row(sound_id=10**30),
        changed_row(sound_id="1"),
        changed_row(sound_id=True),
        changed_row(probability="x"),
        changed_row(probability=10**400),
        changed_row(label=None),
        changed_row(label="\ud800"),
        changed_row(state="odd"),
        changed_row(said_by=3),
        changed_row(more=1),
        lambda d: {"before": d["before"]},
    ],
)
def test_a_damaged_record_of_tags_is_set_aside_and_the_rest_works(library, folders, how):
    run = tagged(library)
    damage(run / "tags.json", how)
    undone = undo_last(library, Control())
    assert undone.refused == (
        (str(run / "tags.json"), "the record of tags is damaged, and was set aside"),
    )
    assert (undone.files, undone.names, undone.tags) == (4, 4, 0)
    assert (run / "tags.damaged").is_file()


def test_sounds_that_the_library_has_forgotten_are_told_and_the_others_come_back(library, folders):
    one, _ = folders
    ids = sorted(library.sounds())
    old = [TagRow(i, "wet", "suggested", "m", 0.4) for i in ids]
    record(library, ids, old)
    new = [TagRow(i, "dry", "suggested", "m", 0.4) for i in ids]
    with TagRun.begin(library) as run:
        record(library, ids, new, run.note)
    forget_folder(library, str(one))
    undone = undo_last(library, Control())
    said = "2 of its sounds are no longer in the library"
    assert undone.refused == ((str(run.folder / "tags.json"), said),)
    assert {row.label for row in tag_rows(library)} == {"wet"} and undone.tags == 4


def test_a_time_before_1970_comes_back(library, folders, model_folder):
    one, _ = folders
    os.utime(one / NAMES[0], ns=(0, -(10**18)))
    index_folders(library, model_folder, [one], Control())
    tagged(library)
    assert undo_last(library, Control()).refused == ()
    assert (one / NAMES[0]).stat().st_mtime_ns == -(10**18)


def test_what_others_put_into_the_folders_of_runs_stays(library, folders, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "package.json").write_text("{}")
    run = tagged(library, rename=False)
    (run / "mine.txt").write_text("mine")
    (run / "files" / "package.json").write_text("{}")
    (run.parent / "00000000000000000001").symlink_to(other)
    (run.parent / "notes").mkdir()
    undone = undo_last(library, Control())
    assert undone.refused == () and undone.files == 4
    assert (run / "mine.txt").is_file() and (run / "files" / "package.json").is_file()
    assert (other / "package.json").is_file() and (run.parent / "notes").is_dir()
    assert not (other / "lock").exists()


def test_a_folder_of_runs_that_cannot_be_used_is_told(library, folders, own_home):
    (own_home / "tag-runs").write_text("a file")
    told = pytest.raises(LibraryError, match=r"cannot be saved: .*: Not a directory")
    with told, TagRun.begin(library):
        pytest.fail("a run without a way back began")
