"""Folders that are watched: what counts as a change, what is indexed then, and what is told."""

import shutil
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from engine.errors import BusyError, InputError, LibraryError
from engine.index import watch
from engine.index.build import IndexReport
from engine.progress import Control
from engine.store.tables import OFFLINE, PRESENT
from tests.engine.index.test_away import put, states, write


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("a.wav", True),
        ("a.FLAC", True),
        ("folder", True),
        ("folder.d", True),
        ("gone folder", True),
        (".hidden.wav", False),
        (".git", False),
        ("notes.txt", False),
        ("gone.txt", False),
    ],
)
def test_changes_of_sounds_and_folders_count(tmp_path, name, counts):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder.d").mkdir()
    (tmp_path / "notes.txt").touch()
    assert watch._Sounds()(1, str(tmp_path / name)) is counts


def test_what_changed_is_looked_for_in_the_outermost_folders(tmp_path, monkeypatch):
    root = tmp_path / "root"
    for name in ("a/in", "b", "c"):
        (root / name).mkdir(parents=True)
    there = [str(root)]

    def changed(*names: str) -> set[str]:
        found = watch._changed([(1, str(root / name)) for name in names], there)
        return {str(path.relative_to(root)) for path in found}

    assert changed("a/x.wav") == {"a"}
    assert changed("a") == {"a"}
    assert changed("a/x.wav", "a/in/y.wav", "b/z.wav") == {"a", "b"}
    assert changed("c/gone/deep/x.wav") == {"c"}
    assert changed("x.wav", "a/y.wav") == {"."}
    assert changed() == set()
    monkeypatch.setattr(watch, "_MOST_FOLDERS", 2)
    assert changed("a/x.wav", "b/x.wav") == {"a", "b"}
    assert changed("a/x.wav", "b/x.wav", "c/x.wav") == {"."}
    there.append(str(write(root / "b" / "alone.wav")))
    assert changed("b/alone.wav") == {"b/alone.wav"}  # nothing beside a watched file is looked at
    shutil.rmtree(root)
    assert changed("a/in/x.wav") == {"."}  # no further up than what is watched


REPORT = dict.fromkeys(
    ("found", "unchanged", "heard", "moved", "back", "missing", "skipped", "audio_s", "took_s"), 0
)


class Watched:
    """A watch that tells prepared changes, and index runs that only are noted."""

    def __init__(self, monkeypatch, batches, **facts: object) -> None:
        self.runs: list[tuple[list[str], tuple]] = []
        self.batches, self.told, self.watched = iter(batches), [], []
        self.outcomes: list[object] = []
        self.stop = threading.Event()
        self.default = IndexReport(**{**REPORT, **facts})
        monkeypatch.setattr(watch, "index_folders", self.index)
        monkeypatch.setattr(watch, "watch", self.watch)

    def index(
        self, library, model, paths, control, threads=2, remember=True, device="auto"
    ) -> IndexReport:
        self.runs.append(([Path(p).name for p in paths], (model, threads, remember, device)))
        outcome = self.outcomes.pop(0) if self.outcomes else self.default
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def watch(self, *paths: str, **options: object):
        self.watched.append(([Path(p).name for p in paths], options))
        for batch in self.batches:
            if batch == "new watch":
                return
            if callable(batch):
                batch()
                yield set()
            else:
                yield {(1, path) for path in batch}
        self.stop.set()
        yield set()

    def start(self, library, *folders: Path, threads: int = 3) -> None:
        control = Control(cancel=self.stop.is_set)
        watch.watch_folders(library, Path("m"), folders, control, self.told.append, threads, "cpu")


@pytest.fixture
def watched_folder(tmp_path):
    write(tmp_path / "s" / "a" / "x.wav")
    write(tmp_path / "s" / "b" / "y.wav")
    return tmp_path / "s"


def test_everything_is_indexed_at_first_and_then_what_changes(library, watched_folder, monkeypatch):
    seen = Watched(monkeypatch, [[], [str(watched_folder / "a" / "new.wav")], []], heard=1)
    seen.start(library, watched_folder)
    assert seen.runs == [
        (["s"], (Path("m"), 3, True, "cpu")),
        (["s"], (Path("m"), 3, True, "cpu")),  # what changed before the watch began
        (["a"], (Path("m"), 3, False, "cpu")),
    ]
    assert seen.told == [seen.default] * 3
    ((folders, options),) = seen.watched
    assert folders == ["s"]
    assert isinstance(options.pop("watch_filter"), watch._Sounds)
    assert options == {
        "debounce": 1600,
        "step": 400,
        "rust_timeout": 1000,
        "yield_on_timeout": True,
        "raise_interrupt": False,
    }


@pytest.mark.parametrize("fact", ["heard", "moved", "back", "missing", "skipped"])
def test_a_run_that_found_something_is_told(library, watched_folder, monkeypatch, fact):
    seen = Watched(monkeypatch, [[]], **{fact: 1})
    seen.outcomes = [IndexReport(**REPORT)]
    seen.start(library, watched_folder)
    assert seen.told == [IndexReport(**REPORT), seen.default]


def test_a_run_that_found_nothing_is_not_told_but_the_first(library, watched_folder, monkeypatch):
    seen = Watched(monkeypatch, [[], [str(watched_folder / "a" / "x.wav")]], unchanged=5, found=5)
    seen.start(library, watched_folder)
    assert (len(seen.runs), seen.told) == (3, [seen.default])


def test_a_run_that_was_busy_is_made_up_for_by_a_scan(library, watched_folder, monkeypatch):
    seen = Watched(monkeypatch, [[], [str(watched_folder / "a" / "x.wav")], [], []])
    seen.outcomes = [seen.default, seen.default, BusyError("busy")]
    seen.start(library, watched_folder)
    assert [(run[0], run[1][2]) for run in seen.runs] == [
        (["s"], True),
        (["s"], True),
        (["a"], False),
        (["s"], True),
    ]


def test_an_error_of_a_folder_that_is_there_ends_the_watch(library, watched_folder, monkeypatch):
    for error in (InputError("no"), LibraryError("no")):
        seen = Watched(monkeypatch, [[]])
        seen.outcomes = [seen.default, error]
        with pytest.raises(type(error)):
            seen.start(library, watched_folder)


def test_a_folder_that_goes_in_the_middle_is_offline_and_watched_again_when_back(
    library, watched_folder, monkeypatch
):
    put(library, watched_folder / "a" / "x.wav")
    library.add_folder(str(watched_folder))
    aside = watched_folder.with_name("aside")
    seen = Watched(monkeypatch, [[], lambda: watched_folder.rename(aside), []])
    asleep = []

    def sleep(seconds: float) -> None:
        asleep.append((seconds, states(library)["x.wav"]))
        if len(asleep) == 2:
            aside.rename(watched_folder)

    monkeypatch.setattr(watch, "time", SimpleNamespace(sleep=sleep, time=lambda: 0.0))
    seen.start(library, watched_folder)
    assert asleep == [(1.0, OFFLINE), (1.0, OFFLINE)]
    assert states(library)["x.wav"] == PRESENT
    assert [folders for folders, _ in seen.watched] == [["s"], ["s"]]
    assert len(seen.runs) == 3  # at first, as the watch began, and as it began again


def test_an_error_of_a_folder_that_went_is_no_end(library, watched_folder, monkeypatch):
    put(library, watched_folder / "a" / "x.wav")
    library.add_folder(str(watched_folder))
    aside = watched_folder.with_name("aside")
    seen = Watched(monkeypatch, [[], []])
    real, count = seen.index, []

    def index(*arguments, **options):
        count.append(1)
        if len(count) == 2:
            watched_folder.rename(aside)
            raise LibraryError("went away")
        return real(*arguments, **options)

    def sleep(seconds: float) -> None:
        assert states(library)["x.wav"] == OFFLINE
        aside.rename(watched_folder)

    monkeypatch.setattr(watch, "index_folders", index)
    monkeypatch.setattr(watch, "time", SimpleNamespace(sleep=sleep, time=lambda: 0.0))
    seen.start(library, watched_folder)
    assert seen.stop.is_set() and not aside.exists()


def test_one_of_two_folders_away_leaves_the_other_watched(library, watched_folder, monkeypatch):
    other = watched_folder.with_name("other")
    seen = Watched(monkeypatch, [[]])
    seen.start(library, watched_folder, other)
    assert [folders for folders, _ in seen.watched] == [["s"]]
    assert [run[0] for run in seen.runs] == [["s", "other"], ["s"]]


@pytest.mark.parametrize(("pause_s", "is_scanned"), [(60.9, False), (61.1, True)])
def test_after_a_sleep_everything_is_scanned(
    library, watched_folder, monkeypatch, pause_s, is_scanned
):
    clock = [1000.0]

    def wait() -> None:
        clock[0] += pause_s

    seen = Watched(monkeypatch, [[], wait, []])
    monkeypatch.setattr(watch, "time", SimpleNamespace(time=lambda: clock[0], sleep=None))
    seen.start(library, watched_folder)
    assert len(seen.watched) == 1 + is_scanned
    assert len(seen.runs) == 2 + is_scanned
