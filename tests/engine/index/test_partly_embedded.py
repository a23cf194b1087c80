"""From files to what is stored: headers, windows, parts, vectors, each against plain arithmetic."""

import os
import threading
from dataclasses import dataclass, field
from pathlib import Path
from queue import Queue
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
import torch

from engine.audio.decode import probe
from engine.errors import AudioError
from engine.index import build, headers, waiting
from engine.index import embed as embedding
from engine.index.embed import EmbeddedFile, content_hash, embed_files
from engine.index.headers import read_headers
from engine.index.scan import FoundFile
from engine.metadata.read import read_header
from engine.progress import Control
from engine.store import EmbeddedPart, FileFacts, StoredWindow
from engine.store.interest import note_interest
from engine.store.tables import PRESENT
from engine.store.windows import put_embedded, window_rows
from tests.engine.index.test_away import found_file, put, states, write

RATE = 1000


@dataclass
class Plain:
    """An audio encoder whose features are the mean and the length of what it was given."""

    batches: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        spec = SimpleNamespace(
            front_end=SimpleNamespace(rate_hz=RATE), window_s=10.0, hop_s=5.0, features=2
        )
        self.model = SimpleNamespace(spec=spec)

    def log_mel(self, samples: np.ndarray) -> torch.Tensor:
        return torch.tensor([float(samples.mean()), float(len(samples))])

    def features(self, log_mels: list[torch.Tensor]) -> torch.Tensor:
        self.batches.append(len(log_mels))
        return torch.stack(log_mels)


def level(path: Path, seconds: float, values: float | list[float] = 0.5) -> Path:
    """Write a file that holds one value, or one value for every five seconds."""
    if isinstance(values, float):
        samples = np.full(round(seconds * RATE), values, np.float32)
    else:
        samples = np.repeat(np.array(values, np.float32), 5 * RATE)[: round(seconds * RATE)]
    soundfile.write(path, samples, RATE, subtype="FLOAT")
    return path


def heard_in(path: Path, **how) -> list[EmbeddedFile | AudioError]:
    return [heard for _, heard in embed_files(Plain(), [path], **how)]


def test_a_file_is_heard_in_windows_with_its_hash_and_length(tmp_path):
    path = level(tmp_path / "a.wav", 12.5)
    (heard,) = heard_in(path)
    assert heard.times_s == ((0.0, 10.0), (5.0, 12.5))
    assert np.allclose(heard.features, [[0.5, 10_000], [0.5, 7500]])
    assert (heard.content_hash, heard.heard_s) == (content_hash(path), 12.5)
    assert heard.damage is None


def test_silent_windows_are_left_out_by_the_loudest_sample(tmp_path):
    just = 10 ** (-70 / 20)
    path = level(tmp_path / "a.wav", 25.0, [0.0, 0.0, just * 0.9, just * 0.9, just * 1.1])
    (heard,) = heard_in(path)
    assert heard.times_s == ((15.0, 25.0),)
    assert heard.heard_s == 25.0
    silent = level(tmp_path / "b.wav", 5.0, just * 0.9)
    (error,) = heard_in(silent)
    assert str(error) == "b.wav holds only silence"
    inverted = level(tmp_path / "c.wav", 5.0, -just * 1.1)  # is as loud
    (heard,) = heard_in(inverted)
    assert len(heard.features) == 1


def test_a_file_of_no_samples_is_told(tmp_path, monkeypatch):
    path = level(tmp_path / "a.wav", 1.0)

    class Nothing:
        damage = None

        def __iter__(self):
            return iter(())

    monkeypatch.setattr(embedding, "stream", lambda *_: Nothing())
    (error,) = heard_in(path)
    assert str(error) == "a.wav holds no samples"


def test_long_files_come_in_parts_that_add_up(tmp_path, monkeypatch):
    monkeypatch.setattr(embedding, "_BATCH", 1)
    path = level(tmp_path / "a.wav", 30.0, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    (whole,) = heard_in(path)
    parts = heard_in(path, part_windows=2)
    assert [part.times_s for part in parts] == [
        ((0.0, 10.0), (5.0, 15.0)),
        ((10.0, 20.0), (15.0, 25.0)),
        ((20.0, 30.0),),
    ]
    assert [part.heard_s for part in parts] == [10.0, 20.0, 30.0]
    assert [part.content_hash for part in parts] == ["", "", content_hash(path)]
    assert np.allclose(np.concatenate([part.features for part in parts]), whole.features)
    even = heard_in(level(tmp_path / "b.wav", 25.0), part_windows=4)
    assert [len(part.features) for part in even] == [4, 0]  # the last part may hold nothing
    assert even[-1].features.shape == (0, 2) and even[-1].content_hash


def test_a_file_goes_on_where_it_was_stopped(tmp_path):
    path = level(tmp_path / "a.wav", 30.0, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    (rest,) = heard_in(path, starts_s={path: 15.0})
    assert rest.times_s == ((15.0, 25.0), (20.0, 30.0))
    assert rest.heard_s == 30.0
    quiet = level(tmp_path / "b.wav", 20.0, [0.5, 0.5, 0.0, 0.0])
    (rest,) = heard_in(quiet, starts_s={quiet: 10.0})  # only silence is left of it
    assert (rest.times_s, rest.heard_s) == ((), 20.0)


def test_what_a_decoder_raises_is_told_by_the_files_name(tmp_path, monkeypatch):
    paths = [level(tmp_path / f"{n}.wav", 1.0) for n in "abc"]
    real = embedding.stream

    def burst(path, *how):
        if path.name == "a.wav":
            raise ValueError("absurd")
        if path.name == "b.wav":
            raise AudioError("b.wav is damaged")
        return real(path, *how)

    monkeypatch.setattr(embedding, "stream", burst)
    heard = dict(embed_files(Plain(), paths, threads=1))
    assert str(heard[paths[0]]) == "a.wav cannot be decoded: absurd"
    assert str(heard[paths[1]]) == "b.wav is damaged"
    assert isinstance(heard[paths[2]], EmbeddedFile)


def test_windows_of_several_files_are_embedded_together_but_no_more_than_a_batch(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(embedding, "_BATCH", 4)
    plain = Plain()
    paths = [level(tmp_path / f"{n}.wav", 60.0) for n in "ab"]
    heard = dict(embed_files(plain, paths, threads=2))
    assert [len(heard[path].features) for path in paths] == [11, 11]
    assert sum(plain.batches) == 22 and max(plain.batches) <= 4


def test_a_batch_is_waited_for_but_neither_for_long_nor_beyond_the_end(monkeypatch):
    window = embedding._Window(Path("a.wav"), torch.zeros(1), (0.0, 1.0))
    end = embedding._End(Path("a.wav"), AudioError("odd"))
    queue: Queue = Queue()
    monkeypatch.setattr(embedding, "_BATCH", 3)
    for item in (window, end, window, window, window, end, None, window):
        queue.put(item)
    monkeypatch.setattr(embedding, "_FILL_S", 1000.0)
    assert embedding._take(queue) == [window, end, window, window]
    assert embedding._take(queue) == [window, end, None]  # others may not come any more
    feeder = threading.Timer(0.2, queue.put, (window,))
    feeder.start()
    queue.put(window)
    assert embedding._take(queue) == [window, window, window]
    monkeypatch.setattr(embedding, "_FILL_S", 0.0)
    queue.put(end)
    assert embedding._take(queue) == [end]


def test_two_threads_read_ahead_and_end_with_the_program(tmp_path, monkeypatch):
    monkeypatch.setattr(embedding, "_QUEUE", 1)
    monkeypatch.setattr(embedding, "_BATCH", 1)
    before = set(threading.enumerate())
    heard = embed_files(
        Plain(), [level(tmp_path / f"{n}.wav", 60.0) for n in range(6)], part_windows=1
    )
    next(heard)
    workers = set(threading.enumerate()) - before
    assert [worker.daemon for worker in workers] == [True, True]
    heard.close()
    assert not any(worker.is_alive() for worker in workers)


# Headers


def test_headers_are_read_of_every_file_in_order(tmp_path, monkeypatch):
    paths = [level(tmp_path / f"{n}.wav", 1.0 + n) for n in range(3)]
    paths.insert(1, write(tmp_path / "empty.wav", b""))
    monkeypatch.setattr(headers, "_AHEAD", 2)
    files = [found_file(path) for path in paths]
    read = list(read_headers(files, 1))
    assert [file for file, _ in read] == files
    assert str(read[1][1]) == "empty.wav is empty"
    facts, header = read[3][1]
    probed = probe(paths[3])
    assert facts == FileFacts(
        str(paths[3]),
        files[3].size,
        files[3].mtime_ns,
        "",
        3.0,
        RATE,
        1,
        probed.bits,
        probed.format,
    )
    assert header == read_header(paths[3])

    def burst(path):
        raise KeyError("odd")

    monkeypatch.setattr(headers, "read_header", burst)
    ((_, error),) = read_headers(files[:1])
    assert isinstance(error, AudioError) and str(error) == "0.wav cannot be read: 'odd'"
    assert list(read_headers([])) == []


def test_headers_are_committed_as_they_are_read(library, tmp_path, monkeypatch):
    monkeypatch.setattr(build, "_HEADERS_AT_ONCE", 2)
    paths = [level(tmp_path / f"{n}.wav", 1.0) for n in range(4)]
    bad = [write(tmp_path / f"bad{n}.wav", b"") for n in range(2)]
    gone = FoundFile(str(tmp_path / "gone.wav"), 1, 1, 1)
    files = [*map(found_file, [*paths, *bad]), gone]
    seen, kept = [], []

    def update(progress) -> None:
        seen.append((progress.stage, progress.done, progress.total))
        kept.append(len(library.sounds()) + len(library.skipped()))

    assert build._read(library, files, [str(tmp_path)], Control(update), 1) == 2
    assert seen == [("reading headers", n, 7) for n in range(1, 8)]
    assert kept == [0, 2, 2, 4, 4, 6, 6]
    assert [(Path(row.path).name, row.size, row.reason) for row in library.skipped()] == [
        ("bad0.wav", 0, "bad0.wav is empty"),
        ("bad1.wav", 0, "bad1.wav is empty"),
    ]
    row = library.skipped()[0]
    assert (row.mtime_ns, row.ctime_ns) == (files[4].mtime_ns, files[4].ctime_ns)
    assert build._read(library, [], [str(tmp_path)], Control(), 1) == 0


# In which order, and when it is committed


def test_begun_then_searched_then_new_then_by_name(library, tmp_path):
    for name, mtime in (("b/new", 30), ("b/same", 20), ("a/same", 20), ("doors/old", 1)):
        put(library, tmp_path / f"{name}.wav", mtime_ns=mtime)
    put(library, tmp_path / "rain/old.wav", tmp_path / "x/begun.wav", mtime_ns=0)
    put(library, tmp_path / "heard.wav", content_hash="h")
    ids = {Path(s.path).name: s.id for s in library.sounds().values()}
    put_embedded(library, [EmbeddedPart(ids["begun.wav"], [], 5.0)])

    def order() -> list[str]:
        return [
            str(Path(path).relative_to(tmp_path).with_suffix(""))
            for path, _ in waiting.waiting_sounds(library, [str(tmp_path)])
        ]

    plain = ["x/begun", "b/new", "a/same", "b/same", "doors/old", "rain/old"]
    assert order() == plain
    note_interest(library, ["Doors", "rain", "nowhere"])
    note_interest(library, [str(tmp_path / "rain")])
    note_interest(library, ["Rain", "rain"])
    assert order() == ["x/begun", "rain/old", "doors/old", "b/new", "a/same", "b/same"]
    assert [path for path, _ in waiting.waiting_sounds(library, [str(tmp_path / "b")])] == [
        str(tmp_path / "b" / f"{n}.wav") for n in ("new", "same")
    ]


def unchanged(paths: list[Path]) -> list[Path]:
    """Give files the times that the library is told of."""
    for path in paths:
        os.utime(path, ns=(5, 5))
    return paths


@pytest.fixture
def batch(library, tmp_path, monkeypatch):
    """Return what gathers heard files of a library with four, and how much is committed."""
    paths = [write(tmp_path / f"{n}.wav") for n in range(4)]
    put(library, *unchanged(paths))
    known = {Path(path): sound for path, sound in library.known([str(tmp_path)]).items()}
    stored = [StoredWindow(0.0, 1.0, b"f", b"v", 0.0)]
    monkeypatch.setattr(waiting, "windows_of", lambda encoder, heard, g: [stored for _ in heard])
    ledger = waiting.ledger_of(library, [str(tmp_path)], known)
    made = waiting._Batch(ledger, None, known, None)
    return made, paths


def heard_file(until_s: float, digest: str = "", damage: str | None = None) -> EmbeddedFile:
    return EmbeddedFile(np.zeros((1, 2), np.float32), ((0.0, 1.0),), digest, until_s, damage)


def test_parts_and_files_are_counted_and_committed(library, batch):
    made, paths = batch
    made.add(paths[0], heard_file(5.0))
    assert (made.files, made.audio_s) == (0, 5.0)
    made.add(paths[0], heard_file(7.0, "hash", "cut"))
    made.add(paths[1], heard_file(2.0, "more"))
    made.add(paths[2], AudioError("2.wav is odd"))
    assert (made.files, made.skipped, made.audio_s) == (2, 1, 9.0)
    assert window_rows(library, "id") == []
    made.commit()
    known = library.known([str(paths[0].parent)])
    assert (known[str(paths[0])].heard_s, known[str(paths[0])].content_hash) == (7.0, "hash")
    sounds = {Path(s.path).name: s for s in library.sounds().values()}
    assert (sounds["0.wav"].duration_s, sounds["0.wav"].damage) == (7.0, "cut")
    assert (sounds["1.wav"].duration_s, sounds["1.wav"].damage) == (2.0, None)
    assert len(window_rows(library, "id")) == 3
    (row,) = library.skipped()
    facts = paths[2].stat()
    assert (row.path, row.reason) == (str(paths[2]), "2.wav is odd")
    assert (row.size, row.mtime_ns, row.ctime_ns) == (1, facts.st_mtime_ns, facts.st_ctime_ns)
    made.commit()
    assert len(window_rows(library, "id")) == 3  # nothing twice


def test_so_many_files_are_a_transaction(library, batch, monkeypatch):
    monkeypatch.setattr(waiting, "_COMMIT_FILES", 2)
    made, paths = batch
    made.add(paths[0], heard_file(1.0, "a"))
    assert library.statistics().embedded == 0
    made.add(paths[1], AudioError("odd"))
    assert (library.statistics().embedded, library.statistics().skipped) == (1, 1)


def test_so_many_seconds_are_a_transaction(library, batch, monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(waiting, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    made, paths = batch
    made.commit()
    clock[0] = 105.0
    made.add(paths[0], heard_file(1.0, "a"))
    assert library.statistics().embedded == 0
    clock[0] = 105.1
    made.add(paths[1], heard_file(1.0, "b"))
    assert library.statistics().embedded == 2
    made.add(paths[2], heard_file(1.0, "c"))
    assert library.statistics().embedded == 2  # the clock began anew


def test_a_file_that_is_gone_is_missing_and_not_skipped(library, batch):
    made, paths = batch
    made.add(paths[0], heard_file(1.0, "a"))
    paths[1].unlink()
    made.add(paths[1], AudioError("1.wav cannot be read"))
    assert states(library)["1.wav"] != PRESENT
    assert (made.skipped, library.statistics().embedded) == (0, 1)
    made.commit()
    assert library.skipped() == []


def test_nothing_to_hear_needs_no_model(library, tmp_path):
    none = tmp_path / "no model"
    assert waiting.embed_waiting(library, none, [], [], Control(), 1) == waiting.Embedded(0, 0, 0.0)


def test_sounds_are_listened_to_in_order_from_where_they_were_left(library, tmp_path, monkeypatch):
    paths = [write(tmp_path / f"{n}.wav") for n in range(3)]
    put(library, *unchanged(paths))
    put_embedded(library, [EmbeddedPart(2, [], 5.0)])
    sounds = waiting.waiting_sounds(library, [str(tmp_path)])
    asked = []

    def listen_to(*arguments, **how):
        asked.append(arguments)
        return iter([(paths[1], AudioError("1.wav is odd"))])

    monkeypatch.setattr(waiting, "embed_files", listen_to)
    ears = SimpleNamespace(model=None)
    monkeypatch.setattr("engine.models.match_model.load_audio_encoder", lambda folder: ears)
    monkeypatch.setattr("engine.models.devices.on_device", lambda encoder, device: encoder)
    monkeypatch.setattr("engine.models.bank.Bank.stored", lambda model, setting: None)
    done = waiting.embed_waiting(library, Path("model"), sounds, [str(tmp_path)], Control(), 5)
    order = [paths[1], paths[0], paths[2]]
    assert asked == [(ears, order, 5, {paths[1]: 5.0}, waiting._PART_WINDOWS)]
    assert done == waiting.Embedded(0, 1, 0.0)
    assert [row.path for row in library.skipped()] == [str(paths[1])]
