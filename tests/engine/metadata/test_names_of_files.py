"""What names of files say: captions, and categories of UCS."""

from pathlib import Path

import pytest

from engine.metadata.captions import caption_of, caption_of_name
from engine.metadata.ucs_names import (
    UcsCategory,
    categories,
    category_of_name,
    category_of_sound,
    category_of_tag,
)


@pytest.mark.parametrize(
    ("name", "caption"),
    [
        ("Heavy Door Creak 03.wav", "heavy door creak"),
        ("heavy_door_stereo_take_2_b.wav", "heavy door"),
        ("DOORWood_Heavy Creak_ABC_LIB.wav", "heavy creak"),
        ("AMBForst_Owl at Night_ABC_LIB_more.wav", "owl at night"),
        ("RAIN_Tin Roof_ABC_LIB.wav", "tin roof"),
        ("DOORWood_Heavy Creak_ABC.wav", "door wood heavy creak abc"),
        ("Doorwood_Heavy Creak_ABC_LIB.wav", "doorwood heavy creak abc"),
        ("DO_Heavy Creak_ABC_LIB.wav", "do heavy creak abc"),
        ("ab ox.wav", None),
        ("ox.wav", None),
        ("owl.wav", "owl"),
        ("owl ox.wav", "owl ox"),
        ("x y z.wav", None),
        ("01_02.wav", None),
        ("take4_stereo_MASTER.wav", None),
    ],
)
def test_a_name_says_what_is_heard_or_nothing(name, caption):
    assert caption_of_name(Path("folder") / name) == caption


def test_a_name_that_says_nothing_leaves_it_to_the_folder():
    assert caption_of(Path("rain on leaves") / "take 1.wav") == "rain on leaves"
    assert caption_of(Path("rain on leaves") / "owl.wav") == "owl"
    assert caption_of(Path("01") / "take 1.wav") is None


def test_a_category_has_its_words():
    door = categories()["doorwood"]
    assert (door.id, door.category, door.subcategory) == ("DOORWood", "DOORS", "WOOD")
    assert door.explanation and len(door.synonyms) > 1
    assert not any(";" in word or word != word.strip() for word in door.synonyms)
    assert len(categories()) == 752 and all(key == c.id.lower() for key, c in categories().items())
    small = UcsCategory("A", "b", "c", "left out", ("d", "e f"))
    assert small.words == "A b c d e f"


@pytest.mark.parametrize(
    ("stem", "found"),
    [
        ("DOORWood_Creak_ABC_LIB", "DOORWood"),
        ("DOORWood_Creak", "DOORWood"),
        ("DOORWood-CREAK-x_Creak", "DOORWood"),
        ("DOORWood", None),
        ("doorwood_Creak", None),
        ("doorwood_Creak_ABC", None),
        ("doorwood_Creak_ABC_LIB", "DOORWood"),
        ("RAIN_03", None),
        ("TEST_1", None),
        ("TEST_a_b", None),
        ("TEST_a_b_c", "TEST"),
        ("RAIN_Tin Roof_ABC_LIB", "RAIN"),
        ("RAIN-HEAVY_Tin Roof_ABC_LIB", "RAIN"),
        ("Rain_On_Tin_Roof_Heavy_02", None),
        ("rain_on_tin_roof", None),
        ("Wind_Up_Toy_01", None),
        ("WIND_UP_TOY_01", None),
        ("Storm_Door_Slam_01", None),
        ("NOSUCH_a_b_c", None),
        ("", None),
    ],
)
def test_a_name_of_ucs_is_told_from_a_word(stem, found):
    category = category_of_name(stem)
    assert (category.id if category else None) == found


def test_a_tag_is_a_category_letter_by_letter():
    assert category_of_tag("DOORWood").id == "DOORWood"
    assert category_of_tag("doorwood") is None and category_of_tag("door") is None


def test_the_category_of_a_sound_is_the_accepted_one_or_what_its_file_says():
    assert category_of_sound(["door", "RAINInt"], "DOORWood").id == "RAINInt"
    assert category_of_sound(["door"], "doorwood").id == "DOORWood"
    assert category_of_sound([], "NOSUCH") is None and category_of_sound([], None) is None
