"""What sounds sound like, in names of UCS."""

import threading
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from engine.metadata.ucs_names import categories, plain_name
from engine.progress import Cancelled, Control
from engine.search.labels.taxonomy import ucs
from engine.tags.suggest import Rules, Tagger

DOGS = ["a dog barking", "a dog growling"]
HEARD = {"/s/dog.wav": DOGS, "/s/rain.wav": ["heavy rain"], "/s/door.wav": ["a door slams"]}


@pytest.fixture
def searcher(hearing):
    return hearing(HEARD)


def test_a_sound_is_called_as_tagging_calls_it_by_sound_alone(searcher, library):
    names, ids = searcher.sound_names(), np.array(sorted(library.sounds()))
    rules = Rules(least=0.0, most=3, folder=False, words=False)
    suggested = Tagger(library, searcher, ucs()).suggest(ids, rules, Control())
    for sound_id in ids[1:].tolist():  # those of one window
        likely = names.likenesses(searcher.index, sound_id, 0.0)
        first = suggested[sound_id][0]
        named = plain_name(categories()[first.label.id.lower()])
        assert likely[0].text == named
        assert likely[0].share == pytest.approx(first.probability, rel=1e-4)


def test_likenesses_are_the_mean_over_a_sounds_windows(searcher, library):
    names, index = searcher.sound_names(), searcher.index
    first = min(library.sounds())
    everything = names.likenesses(index, first, 0.0)
    shares = [like.share for like in everything]
    assert shares == sorted(shares, reverse=True) and shares[-1] >= 0 and shares[0] <= 1
    assert {like.text for like in everything} == set(names.names) and len(everything) == 752
    assert names.likenesses(index, first, shares[2]) == everything[:3]
    assert names.likenesses(index, 12345) == ()
    windows = names.in_time(index, first)
    assert [window[:2] for window in windows] == [(0.0, 10.0), (5.0, 15.0)]
    by_name = {like.text: like.share for like in everything}
    for _, _, like in windows:
        assert like.share <= 2 * by_name[like.text] + 1e-6
    assert names.in_time(index, 12345) == ()


def test_shares_are_those_of_rivals(searcher):
    names, vectors = searcher.sound_names(), searcher.index.windows.vectors
    shares = names.shares(np.asarray(vectors, np.float32))
    assert shares.shape == (4, 752)
    np.testing.assert_allclose(shares.sum(1), 1.0, atol=1e-4)


def test_names_are_read_once_and_searches_go_on_meanwhile(searcher, monkeypatch):
    began, may_end, read = threading.Event(), threading.Event(), searcher.text_side.read_labels
    calls = []

    def slowly(texts):
        calls.append(len(texts))
        began.set()
        assert may_end.wait(60)
        return read(texts)

    monkeypatch.setattr(searcher.text_side, "read_labels", slowly)
    threads = [threading.Thread(target=searcher.sound_names) for _ in range(2)]
    for thread in threads:
        thread.start()
    assert began.wait(60) and not searcher.has_names
    assert searcher.search_text("rain").matches
    may_end.set()
    for thread in threads:
        thread.join()
    assert searcher.has_names and sum(calls) == sum(len(label.texts) for label in ucs().labels)
    searcher.refresh()
    assert searcher.has_names


def test_reading_names_can_be_stopped(searcher):
    with pytest.raises(Cancelled):
        searcher.sound_names(Control(cancel=lambda: True))
    assert not searcher.has_names and searcher.sound_names().names


def test_a_window_that_is_no_number_describes_nothing(searcher, library):
    names, index, first = searcher.sound_names(), searcher.index, min(library.sounds())
    broken = np.array(index.windows.vectors, np.float32)
    broken[index.rows_of(np.array([first]))[0], 3] = np.nan
    damaged = SimpleNamespace(rows_of=index.rows_of, windows=replace(index.windows, vectors=broken))
    (left,) = names.in_time(damaged, first)
    whole = names.in_time(index, first)[1]
    assert left[:2] == whole[:2]  # names of a model that was never trained are all but ties
    assert left[2].share == pytest.approx(whole[2].share, rel=1e-4)
    assert names.likenesses(damaged, first, 0.0)[0].share == pytest.approx(left[2].share)
    broken[:] = np.inf
    assert names.likenesses(damaged, first, 0.0) == () == names.in_time(damaged, first)
