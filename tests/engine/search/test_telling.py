"""What is told of a library as a whole: regions of its map, and sounds in the middle of them."""

from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pytest

from engine.errors import InputError
from engine.search.library_map.kept import LibraryMap, MapRegion, put_map
from engine.search.telling import describe_sound, outline
from engine.store import FileFacts
from engine.store.places import forget_folder


@pytest.fixture
def opened(library):
    facts = [FileFacts(f"/a/{n}.wav", 1, 2, f"h{n}", 1.0, 48000, 2, 24, "wav") for n in range(6)]
    library.put_sounds([(one, []) for one in facts])
    names = SimpleNamespace(in_time=lambda index, sound_id: ())
    searcher = SimpleNamespace(
        sound_names=lambda control=None: names, likenesses=lambda sound_id: (), index=None
    )
    return SimpleNamespace(library=library, searching=lambda: nullcontext(searcher))


def keep_map(library):
    ids = np.array(sorted(library.sounds()), np.int64)
    places = np.array([[n, 0] for n in range(6)], np.float32)
    marks = np.zeros((6, 2), np.float32)
    regions = (
        MapRegion("DOORS", 4.2, 0.0, 0, 4),
        MapRegion("rain", 0.0, 0.0, 1, 2),
        MapRegion("drops", 0.0, 0.0, 2, 1),
    )
    put_map(library, LibraryMap(ids, places, marks, regions, "model"))


def test_regions_are_told_with_the_sounds_in_their_middle(opened):
    keep_map(opened.library)
    told = outline(opened)
    assert told.sounds == 6 and [one.region.name for one in told.regions] == ["DOORS", "rain"]
    names = [[sound.path for sound in one.examples] for one in told.regions]
    assert names == [["/a/4.wav", "/a/5.wav", "/a/3.wav"], ["/a/0.wav", "/a/1.wav"]]
    assert len(outline(opened, 3).regions) == 3 and len(outline(opened, 0).regions) == 1
    first = told.to_dict()["regions"][0]
    assert (first["name"], first["level"], first["sounds"]) == ("DOORS", 0, 4)


def test_a_sound_that_is_gone_is_no_example(opened):
    keep_map(opened.library)
    forget_folder(opened.library, "/a/0.wav")
    assert [sound.path for sound in outline(opened).regions[1].examples] == ["/a/1.wav"]


def test_without_a_map_it_is_said_how_to_make_one(opened):
    with pytest.raises(InputError, match="there is no map of this library yet: run"):
        outline(opened)
    with pytest.raises(InputError, match="the map has levels 0 to 3, not 4"):
        outline(opened, 4)


def test_a_sound_is_described_by_id_and_by_path(opened):
    (sound_id,) = [i for i, sound in opened.library.sounds().items() if sound.path == "/a/3.wav"]
    for name in (sound_id, "/a/3.wav", opened.library.sounds()[sound_id]):
        assert describe_sound(opened, name).sound.id == sound_id
    for name in (10**6, "/a/7.wav"):
        with pytest.raises(InputError, match=f"the library has no sound {name}"):
            describe_sound(opened, name)
