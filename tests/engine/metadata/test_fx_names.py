"""FXNames: what a file is called, if that tells anything, and else what is known of its sound."""

from pathlib import Path

import pytest

from engine.metadata.fx_names import draft_fx_name, fx_name, tells_nothing
from engine.metadata.ucs_names import categories

RECORDED = [
    *("ZOOM0002", "DR0000_0123", "230415_001", "R09_0001", "Audio 12-3", "untitled"),
    *("T01", "MixPre-001", "STE-000", "New Recording 5", "IMG_1234", "H4n 003", "Track 12"),
]


@pytest.mark.parametrize("name", RECORDED)
def test_a_recorders_name_never_becomes_an_fx_name(name):
    path = Path(f"/r/{name}.wav")
    assert tells_nothing(name) and draft_fx_name(path) == ""
    assert draft_fx_name(path, "", ["metal", "gate creak"]) == "Metal Gate Creak"
    assert draft_fx_name(path, name, ["DOORWood", "wet"]) == "Wet"
    assert draft_fx_name(path, "", (), f"{name}: a slow creak, wet") == "A Slow Creak"
    assert draft_fx_name(path, "", ["DOORWood"], None, categories()["doorwood"]) == "Doors Wood"
    assert draft_fx_name(Path(f"/r/DOORWood_{name}_ABC_Lib.wav"), "", ["wet"]) == "Wet"


@pytest.mark.parametrize(
    "name", ["kick 909", "thing_0", "UI 01", "門 01", "a", "Rain on ZOOM", "T-Rex 01", "Дверь"]
)
def test_a_name_that_tells_something_stays(name):
    assert not tells_nothing(name)
    assert draft_fx_name(Path(f"/r/{name}.wav"), "", ["metal"]) == name.replace("_", " ")


def test_an_fx_name_that_was_written_goes_before_the_files_name():
    assert draft_fx_name(Path("/r/door.wav"), "Creak Slow", ["metal"]) == "Creak Slow"


def test_a_draft_is_brief_and_holds_no_word_twice():
    tags = ["Vehicle horn, car horn, honking", "car", "a very long label of many words indeed"]
    assert draft_fx_name(Path("/r/ZOOM1.wav"), "", tags) == "Vehicle Horn Car Honking A Very Long"


def test_what_names_a_sound_is_its_name_without_the_category():
    assert fx_name(Path("DOORWood_Creak Slow_ABC_Lib.wav")) == "Creak Slow"
    assert fx_name(Path("kick_909__hard.wav")) == "kick 909 hard"
