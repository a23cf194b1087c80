"""Lists, counts, collections and thumbnails of a library that was really indexed."""

from pathlib import Path
from typing import get_args

import pytest

from engine.audio.peaks import make_thumbnail
from engine.errors import InputError
from engine.index.build import index_folders
from engine.models.trial import remember_tried
from engine.progress import Control
from engine.search import search_names
from engine.store.collections import (
    collect,
    collections,
    drop_collection,
    rename_collection,
    take_out,
)
from engine.store.conditions import Range, sounds_where
from engine.store.keywords import find_words
from engine.store.listing import FolderCounts, Order, details_of, facets, ordered_sounds
from engine.store.places import forget_folder, sound_at
from engine.store.tags import accepted_tags, rejected_tags
from engine.store.thumbnails import put_thumbnails, thumbnails
from tests.conftest import accept_tags, reject_tags, write_sounds


@pytest.fixture(scope="module")
def read_only(make_library, model_folder, tmp_path_factory):
    """Return a library of the same sounds, in which no test changes anything."""
    folder = tmp_path_factory.mktemp("listed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOUNDSIFT_HOME", str(folder / "home"))
        remember_tried(model_folder)
        library = make_library()
        index_folders(library, model_folder, [with_a_door(write_sounds(folder / "s"))], Control())
    return library


@pytest.fixture
def indexed(library, sounds, model_folder):
    index_folders(library, model_folder, [with_a_door(sounds)], Control())
    return library


def with_a_door(sounds):
    (sounds / "DOORWood_Creak_ME_01.wav").write_bytes((sounds / "tones/Sound_01.wav").read_bytes())
    return sounds


def names(library, ids):
    rows = library.sounds([int(i) for i in ids])
    return [Path(rows[int(i)].path).name for i in ids]


def test_sounds_are_listed_in_any_order(read_only):
    by_name = names(read_only, ordered_sounds(read_only, (), "name"))
    assert by_name == sorted(by_name, key=str.lower) and len(by_name) == 13
    assert names(read_only, ordered_sounds(read_only, (), "name", True)) == by_name[::-1]
    longest = ordered_sounds(read_only, (), "duration", descending=True)
    lengths = [read_only.sounds([int(i)])[int(i)].duration_s for i in longest]
    assert lengths == sorted(lengths, reverse=True)
    assert names(read_only, ordered_sounds(read_only, (), "category"))[0].startswith("DOORWood")
    for order in ("added", "format", "description", "folder"):
        assert len(ordered_sounds(read_only, (), order)) == 13
    short = ordered_sounds(read_only, (Range("duration_s", None, 0.8),), "duration")
    assert 0 < len(short) < 13
    assert set(short) == set(sounds_where(read_only, (Range("duration_s", None, 0.8),)))


@pytest.mark.parametrize("order", get_args(Order))
def test_every_order_that_there_is_lists_all_sounds_in_both_directions(read_only, order):
    for descending in (False, True):
        assert set(ordered_sounds(read_only, [], order, descending)) == set(read_only.sounds())


def test_facets_count_categories_tags_and_folders(indexed, sounds):
    first = sound_at(indexed, str(sounds / "tones/Sound_01.wav"))
    accept_tags(indexed, [(first, "beep")])
    found = facets(indexed)
    assert found.categories == {"DOORWood": 1} and found.tags == {"beep": 1}
    assert found.folders == {str(sounds): FolderCounts(13, 0, 0)}


def test_a_rejected_tag_is_no_tag_and_is_remembered(indexed, sounds):
    first = sound_at(indexed, str(sounds / "tones/Sound_01.wav"))
    accept_tags(indexed, [(first, "beep")])
    reject_tags(indexed, [(first, "beep")])
    assert accepted_tags(indexed, [first]) == {} and rejected_tags(indexed, first) == {"beep"}
    assert not search_names(indexed, "beep").matches
    assert details_of(indexed, first) == "{}"


def test_collections_hold_sounds_and_are_searched_by_name(indexed, sounds):
    ids = [sound_at(indexed, str(sounds / f"tones/Sound_0{n}.wav")) for n in (1, 3, 5)]
    assert collect(indexed, " My  doors ", ids) == 3
    assert collect(indexed, "My doors", ids[:1]) == 0
    assert collections(indexed) == {"My doors": 3}
    assert len(search_names(indexed, 'coll:"my doors"').matches) == 3
    take_out(indexed, "My doors", ids[:2])
    collect(indexed, "Empty", [])
    assert collections(indexed) == {"Empty": 0, "My doors": 1}
    with pytest.raises(InputError, match="already"):
        rename_collection(indexed, "My doors", "Empty")
    rename_collection(indexed, "My doors", "Gates")
    drop_collection(indexed, "Empty")
    assert collections(indexed) == {"Gates": 1}
    for name in ("  ", 'a "b"'):
        with pytest.raises(InputError):
            collect(indexed, name, ids)


def test_thumbnails_are_kept_until_their_file_changes(indexed, sounds, model_folder):
    path = sounds / "tones/Sound_01.wav"
    sound_id = sound_at(indexed, str(path))
    put_thumbnails(indexed, {sound_id: make_thumbnail(path), 99_999: b"of nobody"})
    assert list(thumbnails(indexed, [sound_id, 99_999, 1])) == [sound_id]
    path.write_bytes((sounds / "tones/Sound_03.wav").read_bytes())
    index_folders(indexed, model_folder, [sounds], Control())
    assert thumbnails(indexed, [sound_id]) == {}


def test_a_forgotten_folder_leaves_its_files_and_what_other_folders_hold(
    indexed, sounds, model_folder
):
    index_folders(indexed, model_folder, [sounds / "tones"], Control())
    before = len(list(sounds.rglob("*.wav")))
    assert forget_folder(indexed, str(sounds)) == 7
    assert indexed.folders() == [str(sounds / "tones")]
    assert indexed.statistics().sounds == 6
    assert len(list(sounds.rglob("*.wav"))) == before
    assert len(find_words(indexed, [["creak"]]).sound_ids) == 0  # its words went with it
    assert forget_folder(indexed, str(sounds / "tones")) == 6
    assert not indexed.has_sounds()


def test_a_folder_inside_another_is_only_no_longer_listed(indexed, sounds, model_folder):
    index_folders(indexed, model_folder, [sounds / "tones"], Control())
    assert forget_folder(indexed, str(sounds / "tones")) == 0
    assert indexed.statistics().sounds == 13
