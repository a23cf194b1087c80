"""What is known of a sound: its file, tags, collections, and what it sounds like in time."""

import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pytest
import soundfile

from engine import open_library
from engine.progress import Cancelled, Control
from engine.search.description import describe
from engine.search.telling import describe_sound
from engine.store.collections import collect
from engine.store.tags import PERSON, TagRow, put_tags
from engine.store.vectors import version_of
from tests.conftest import tone


@pytest.fixture
def session(tmp_path, model_folder):
    """A library of a sound of forty seconds, half tone and half noise, and a short one."""
    folder = tmp_path / "sounds"
    folder.mkdir()
    noise = np.random.default_rng(0).normal(0, 0.2, 20 * 32000)
    soundfile.write(folder / "long.wav", np.concatenate([tone(300, 20), noise]), 32000)
    soundfile.write(folder / "short.wav", tone(500, 0.5), 32000)
    with open_library(tmp_path / "library.db", str(model_folder)) as opened:
        opened.index(folder)
        yield opened


def sound_of(session, name):
    return next(s for s in session.library.sounds().values() if s.path.endswith(name))


def test_a_sound_is_described_with_its_tags_and_collections(session):
    library, sound = session.library, sound_of(session, "short.wav")
    put_tags(library, [TagRow(sound.id, "wet", "accepted", PERSON)])
    collect(library, "B", [sound.id])
    collect(library, "a", [sound.id])
    collect(library, "none of it", [])
    with session.searching() as searcher:
        told = describe(library, sound, searcher).to_dict()
    assert told["collections"] == ["a", "B"]
    assert [(tag["label"], tag["state"]) for tag in told["tags"]] == [("wet", "accepted")]
    assert (told["rate_hz"], told["channels"], told["state"]) == (32000, 1, "present")
    shares = [one["share"] for one in told["sounds_like"]]
    assert shares == sorted(shares, reverse=True) and min(shares, default=1) >= 0.1
    (part,) = told["parts"]
    assert part["start_s"] == 0 and part["end_s"] == pytest.approx(0.5, abs=0.01)


def test_the_parts_of_a_sound_follow_one_another_without_gap_to_its_end(session):
    sound = sound_of(session, "long.wav")
    with session.searching() as searcher:
        parts = describe(session.library, sound, searcher).parts
        windows = searcher.sound_names().in_time(searcher.index, sound.id)
    assert len(windows) > len(parts) >= 1
    assert parts[0].start_s == 0 and parts[-1].end_s == pytest.approx(40, abs=0.1)
    for part, following in pairwise(parts):
        assert part.end_s == following.start_s
        assert part.like.text != following.like.text  # else they were one
    for part in parts:
        middle = (part.start_s + part.end_s) / 2
        texts = {like.text for start, end, like in windows if start <= middle <= end}
        assert part.like.text in texts


def test_without_a_model_its_file_is_described(session):
    told = describe(session.library, sound_of(session, "long.wav"))
    assert not told.likenesses and not told.parts and told.size > 40 * 32000


def test_the_version_of_a_library_changes_with_what_a_search_would_find(session, tmp_path):
    library = session.library
    first = version_of(library)
    session.search("tone")
    put_tags(library, [TagRow(sound_of(session, "short.wav").id, "wet", "accepted", PERSON)])
    assert version_of(library) == first
    soundfile.write(tmp_path / "sounds" / "new.wav", tone(700, 0.5), 32000)
    session.index(tmp_path / "sounds")
    second = version_of(library)
    assert second != first
    (tmp_path / "sounds" / "new.wav").unlink()
    session.index(tmp_path / "sounds")
    assert version_of(library) not in (first, second)


def test_others_search_while_names_are_read_for_a_description(session, monkeypatch):
    began, may_end = threading.Event(), threading.Event()
    with session.searching() as searcher:
        read = searcher.text_side.read_labels

    def slowly(texts):
        began.set()
        assert may_end.wait(60)
        return read(texts)

    monkeypatch.setattr(searcher.text_side, "read_labels", slowly)
    sound = next(iter(session.library.sounds().values()))
    with ThreadPoolExecutor(2) as threads:
        told = threads.submit(describe_sound, session, sound)
        try:
            assert began.wait(60)
            assert threads.submit(session.search, "a tone").result(60).matches
        finally:
            may_end.set()
    assert told.result().parts


def test_a_description_can_be_stopped_before_names_are_read(session):
    sound = next(iter(session.library.sounds().values()))
    with pytest.raises(Cancelled):
        describe_sound(session, sound, Control(cancel=lambda: True))
