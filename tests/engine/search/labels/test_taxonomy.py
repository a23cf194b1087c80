"""Lists of labels: what ships, and what users write."""

import pytest

from engine.errors import InputError
from engine.metadata.ucs_names import caption_of_tag, categories
from engine.search.labels.taxonomy import find_taxonomy, read_taxonomy, ucs
from engine.tags.evidence import WordEvidence


def test_ucs_has_every_category_once_and_says_what_it_sounds_like():
    labels = ucs().labels
    assert [label.id for label in labels] == [c.id for c in categories().values()]
    door = next(label for label in labels if label.id == "DOORWood")
    assert door.texts[0] == "This is a sound of doors wood."
    assert "This is a sound of door slam." in door.texts
    assert len(door.texts) == len(door.weights) and sum(door.weights) > 1
    archived = next(label for label in labels if label.id == "WTF")
    assert sum(archived.weights) == 0  # it says what a file is for, not what it sounds like


def test_every_sound_of_ucs_belongs_to_a_known_category():
    heard = [label for label in ucs().labels if len(label.texts) > 1]
    assert len(heard) > 500
    texts = [text for label in heard for text in label.texts]
    assert all(text.strip() == text and len(text) < 120 for text in texts)


def test_audioset_ships_as_a_plain_list():
    labels = find_taxonomy("audioset").labels
    assert len(labels) == 527 and not find_taxonomy("audioset").is_ucs
    assert (labels[0].id, labels[0].tag) == ("/m/09x0r", "Speech")


def test_a_text_of_labels_is_one_a_line(tmp_path):
    path = tmp_path / "mine.txt"
    path.write_text("# my list\nWet  things\n\nknarzende Tür\n", encoding="utf-8")
    labels = find_taxonomy(str(path)).labels
    assert [label.name for label in labels] == ["Wet things", "knarzende Tür"]
    assert labels[0].weights == (1.0,) and labels[0].id == "Wet things"


def test_a_table_of_labels_may_have_synonyms_ids_and_descriptions(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text(
        '\ufefflabel,synonyms,description,id\ndoor,gate; portal,"A door\nmoves.",D1\nrain,,,\n',
        encoding="utf-8",
    )
    door, rain = read_taxonomy(path).labels
    assert door.id == "D1" and door.tag == "door"
    assert door.texts == (
        "This is a sound of door.",
        "This is a sound of gate.",
        "This is a sound of portal.",
        "A door moves.",
    )
    assert door.weights[0] == 0.5 and sum(door.weights) == pytest.approx(1)
    assert rain.id == "rain" and rain.texts == ("This is a sound of rain.",)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.csv", b"tags\nx\n", "no column named label"),
        ("a.txt", b"# nothing\n\n", "contains no labels"),
        ("a.txt", b"door\nDoor\n", 'holds the label "Door" twice'),
        ("a.txt", b"\xff\xfe\x00", "cannot be read as a list of labels"),
        ("a.txt", b"\n".join(b"label %d" % n for n in range(20_001)), "20000 is the most"),
    ],
)
def test_a_wrong_list_is_a_sentence(tmp_path, name, content, says):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=says):
        read_taxonomy(path)


def test_a_missing_list_names_those_that_ship():
    with pytest.raises(InputError, match="use ucs, audioset, or a file"):
        find_taxonomy("no/such/list.csv")


def test_a_category_is_learnt_from_by_its_name():
    assert caption_of_tag("DOORWood") == "doors wood"
    assert caption_of_tag("WIND") == "wind"
    assert caption_of_tag("doorwood") == "doorwood"  # no CatID is written so
    assert caption_of_tag("wet") == "wet"


def shares_of(words: WordEvidence, caption: str, *ids: str) -> list[float]:
    (row,) = words.shares([caption])
    place = {label.id: number for number, label in enumerate(ucs().labels)}
    return [float(row[place[i]]) for i in ids]


def test_words_speak_for_labels_by_their_stems_and_by_how_rare_they_are():
    words = WordEvidence(ucs())
    harp, drum = shares_of(words, "harps", "MUSCPluck", "MUSCPerc")
    assert harp == pytest.approx(1.0) and drum == 0
    full, half = shares_of(words, "DoorCreaking_03", "DOORCreak", "DOORWood")
    assert full == pytest.approx(1.0) and 0 < half < full
    assert max(words.shares(["xyzzy 017"])[0]) == 0
    assert max(words.shares([""])[0]) == 0


def test_a_synonym_speaks_less_than_the_name():
    words = WordEvidence(ucs())
    named, synonym = shares_of(words, "chickens", "BIRDFowl", "AMBFarm")
    assert named == pytest.approx(1.0) and synonym <= 1.0
    (told,) = shares_of(words, "capybara", "ANMLRdnt")
    assert told == pytest.approx(0.5)
