"""What accepted tags become in files: what is there stays, whoever wrote it."""

from pathlib import Path

import pytest
import soundfile

from engine.index.build import index_folders
from engine.metadata.journal import Journal
from engine.metadata.read import read_header
from engine.metadata.renaming import UCS_PATTERN
from engine.metadata.ucs_names import categories
from engine.metadata.write import SoundTags, write_tags
from engine.progress import Control
from engine.store.places import sound_at
from engine.store.tags import PERSON, TagRow, put_tags, tag_rows
from engine.tags.run import TagRun
from engine.tags.writing import category_of, renames_of, tags_to_write
from tests.conftest import reject_tags, tone


@pytest.fixture
def path(tmp_path: Path, library, model_folder) -> Path:
    """Return an indexed file that names a category, an FXName and keywords."""
    path = tmp_path / "sounds" / "thing.wav"
    path.parent.mkdir()
    soundfile.write(path, tone(440, 0.4), 32000)
    rain = SoundTags("My rain", categories()["rainint"], "My Name", ("wet", "cold"))
    write_tags(path, rain, Journal(tmp_path / "journal"))
    index_folders(library, model_folder, [path.parent], Control())
    return path


def written(library, path: Path, *rows: TagRow, kept: str = "") -> dict[str, str]:
    sound_id = sound_at(library, str(path))
    put_tags(library, [TagRow(sound_id, *row) for row in rows])
    wanted = tags_to_write(library, [sound_id], tag_rows(library, [sound_id]))
    with TagRun.begin(library) as run:
        outcome = run.write(wanted, Control())
    assert not outcome.refused and [why for _, why in outcome.kept] == [kept] * bool(kept)
    return dict(read_header(path).fields)


def test_a_persons_category_goes_before_a_models_however_sure_it_is():
    rows = [
        TagRow(1, "RAINInt", "accepted", "model", 0.99),
        TagRow(1, "DOORWood", "accepted", PERSON, 0.01),
    ]
    assert category_of(rows).id == category_of(rows[::-1]).id == "DOORWood"
    likelier = [TagRow(1, "WINDGust", "accepted", "model", 0.5), rows[0]]
    assert category_of(likelier).id == category_of(likelier[::-1]).id == "RAINInt"


def test_a_models_category_does_not_take_the_place_of_the_files(library, path):
    said = "it already names RAINInt, not DOORWood: accept DOORWood yourself to change it"
    fields = written(library, path, ("DOORWood", "accepted", "model", 0.99), kept=said)
    assert fields["ixml.CATID"] == "RAINInt" and fields["ixml.category"] == "RAIN"
    assert fields["info.genre"] == "RAIN" and fields["ixml.FXNAME"] == "My Name"


def test_a_persons_category_does(library, path):
    fields = written(library, path, ("DOORWood", "accepted", PERSON, None))
    assert fields["ixml.CATID"] == "DOORWood" and fields["ixml.SUBCATEGORY"] == "WOOD"
    assert fields["info.genre"] == "DOORS" and fields["ixml.FXNAME"] == "My Name"
    assert fields["bext.description"] == "My rain"


def test_adding_a_keyword_adds_it_and_touches_nothing_else(library, path):
    before = dict(read_header(path).fields)
    fields = written(library, path, ("heavy", "accepted", "model", 0.9))
    assert fields["ixml.KEYWORDS"] == "wet, cold, heavy" == fields["info.keywords"]
    assert {n for n in fields if fields[n] != before.get(n)} == {"ixml.KEYWORDS", "info.keywords"}


def test_a_keyword_that_a_person_rejected_goes_and_the_others_stay(library, path):
    reject_tags(library, [(sound_at(library, str(path)), "cold")])
    fields = written(library, path, ("heavy", "accepted", "model", 0.9))
    assert fields["ixml.KEYWORDS"] == "wet, heavy" == fields["info.keywords"]


def test_a_file_without_any_of_it_is_filled(library, path):
    soundfile.write(path, tone(440, 0.4), 32000)
    fields = written(library, path, ("DOORWood", "accepted", "model", 0.9))
    assert fields["ixml.CATID"] == "DOORWood" and fields["ixml.FXNAME"] == "thing"
    assert fields["bext.description"] == "thing: doors wood"


def test_a_recorders_name_becomes_neither_an_fx_name_nor_a_description(library, path, tmp_path):
    recorded = path.with_name("ZOOM0002.wav")
    path.unlink()
    soundfile.write(recorded, tone(300, 0.4), 32000)
    index_folders(library, library_model(library), [recorded.parent], Control())
    sound_id = sound_at(library, str(recorded))
    rows = [
        TagRow(sound_id, "DOORWood", "accepted", "model", 0.9),
        TagRow(sound_id, "creak", "accepted", "model", 0.6),
        TagRow(sound_id, "slow", "accepted", PERSON),
    ]
    put_tags(library, rows)
    (tags,) = tags_to_write(library, [sound_id], rows).values()
    assert (tags.fx_name, tags.description) == ("Slow Creak", "doors wood, creak, slow")
    fields = {"creator": "ABC", "source": "Lib"}
    (plan,) = renames_of(library, [sound_id], rows, UCS_PATTERN, fields)
    assert Path(plan.new).name == "DOORWood_Slow Creak_ABC_Lib.wav"


def test_an_fx_name_in_the_file_is_the_one_that_names_it(library, path):
    sound_id = sound_at(library, str(path))
    (plan,) = renames_of(library, [sound_id], [], "{fxname}", {})
    assert Path(plan.new).name == "My Name.wav"


def library_model(library) -> Path:
    return Path(library.setting("model_folder").decode())
