from pathlib import Path

import pytest
from sqlalchemy import select

from engine.search.grammar import parse
from engine.store import FileFacts, Header, Library, tables
from engine.store.conditions import Not, Words, sounds_where, where_all
from engine.store.keywords import find_words, match_words
from engine.store.tables import MISSING
from tests.conftest import accept_tags

ROWS = {
    "/lib/Boom Library/DOORWood_Slam.wav": (1.2, 96000, 2, 24, "wav", "DOORWood", "a heavy door"),
    "/lib/Boom Library/gate.wav": (8.0, 48000, 1, 16, "wav", "DOORGate", "wooden gate"),
    "/lib/other/bathroom tone.mp3": (60.0, 44100, 2, None, "mp3", None, None),
    "/lib/other/Metal_Hit 01.flac": (0.4, 192000, 6, 24, "flac", None, "metallic clang"),
}


@pytest.fixture
def library(library: Library) -> Library:
    library.put_headers(
        [
            (
                FileFacts(path, 1, 1, "", duration, rate, channels, bits, kind),
                Header(text, category, "hinge knob" if category else "", {"d": text or ""}),
            )
            for path, (duration, rate, channels, bits, kind, category, text) in ROWS.items()
        ]
    )
    accept_tags(library, [(4, "Impact")])
    return library


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("dur:<2s", {"DOORWood_Slam", "Metal_Hit 01"}),
        ("dur:1-10s sr:>=96k", {"DOORWood_Slam"}),
        ("ch:>2", {"Metal_Hit 01"}),
        ("bits:24", {"DOORWood_Slam", "Metal_Hit 01"}),
        ("-bits:24", {"gate", "bathroom tone"}),  # of what has no depth, too
        ("fmt:mp3", {"bathroom tone"}),
        ("fmt:.WAV", {"DOORWood_Slam", "gate"}),
        ("cat:doorwood", {"DOORWood_Slam"}),
        ("cat:DOOR*", {"DOORWood_Slam", "gate"}),
        ("-cat:DOOR*", {"bathroom tone", "Metal_Hit 01"}),
        ("cat:%", set()),
        ("tag:impact", {"Metal_Hit 01"}),
        ("has:tags", {"Metal_Hit 01"}),
        ("-has:tags", {"DOORWood_Slam", "gate", "bathroom tone"}),
        ('in:"Boom Library"', {"DOORWood_Slam", "gate"}),
        ("in:boom -in:other", {"DOORWood_Slam", "gate"}),
        ("-room", {"DOORWood_Slam", "gate", "Metal_Hit 01", "bathroom tone"}),
        ('-"bathroom tone"', {"DOORWood_Slam", "gate", "Metal_Hit 01"}),
        ("added:<1d", {"DOORWood_Slam", "gate", "bathroom tone", "Metal_Hit 01"}),
        ("added:>1d", set()),
    ],
)
def test_conditions_find_what_fulfils_them(library, query, names):
    found = library.sounds(sounds_where(library, parse(query).conditions).tolist())
    assert {Path(sound.path).stem for sound in found.values()} == names


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("ch:6", {"six", "surround"}),
        ("ch:5.1", {"six", "surround"}),  # six that say nothing are most likely that
        ("ch:quad", {"four"}),
        ("ch:ambisonic", {"field", "field 2"}),
        ('ch:"ambisonic 1"', {"field"}),
        ("-ch:ambisonic", {"six", "surround", "four", "unknown"}),
        ("ch:7.1.4", set()),
    ],
)
def test_what_channels_are_for_is_found_where_it_is_said(library, query, names):
    rows = {"six": (6, ""), "surround": (6, "5.1"), "four": (4, ""), "unknown": (5, "")}
    rows |= {"field": (4, "ambisonic 1"), "field 2": (9, "ambisonic 2")}
    library.put_headers(
        [
            (FileFacts(f"/l/{name}.wav", 1, 1, "", 1.0, 48000, count, 24, "wav", said), Header())
            for name, (count, said) in rows.items()
        ]
    )
    query = f"in:/l {query}"
    found = library.sounds(sounds_where(library, parse(query).conditions).tolist())
    assert {Path(sound.path).stem for sound in found.values()} == names


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("door", {"DOORWood_Slam"}),
        ("heavy slam", {"DOORWood_Slam"}),
        ("hinge", {"DOORWood_Slam", "gate"}),
        ("impact", {"Metal_Hit 01"}),
        ("met*", {"Metal_Hit 01"}),
        ("room", set()),
        ("gate OR bathroom", {"gate", "bathroom tone"}),
        ('"wooden gate"', {"gate"}),
        ('"gate wooden"', set()),
        ("wooden doors -heavy", set()),
        ("DOORWood", {"DOORWood_Slam"}),
    ],
)
def test_words_of_names_headers_categories_and_tags_are_found(library, query, names):
    parsed = parse(query)
    hits = match_words(library, parsed.groups, parsed.conditions)
    found = library.sounds([sound_id for sound_id, _ in hits])
    assert {Path(sound.path).stem for sound in found.values()} == names


def test_rare_words_weigh_more(library):
    hits = find_words(library, [["hinge"], ["slam"]])
    by_id = dict(zip(hits.sound_ids.tolist(), hits.weights.tolist(), strict=True))
    assert 0.0 < by_id[2] < by_id[1] / 2
    assert hits.complete.tolist() == [1]


def test_common_words_count_beside_rare_ones_only(library, monkeypatch):
    monkeypatch.setattr("engine.store.keywords._COMMON", 1)
    hits = find_words(library, [["hinge"], ["slam"]])
    assert hits.sound_ids.tolist() == hits.complete.tolist() == [1]
    assert hits.weights.tolist() == pytest.approx([sum(hits.rarity.tolist())])


def test_missing_sounds_are_not_found(library):
    library.set_state([1], MISSING)
    assert match_words(library, [["door"]]) == []
    assert 1 not in sounds_where(library, parse("dur:<2s").conditions)


@pytest.mark.parametrize("column", [None, "folders"])
def test_words_that_hold_no_word_occur_nowhere(library, column):
    assert not len(sounds_where(library, [Words(("%", "*"), column)]))
    assert len(sounds_where(library, [Not(Words(("%",), column))])) == 4


def test_nothing_in_a_query_is_ever_code(library):
    for text in ('"; DROP TABLE sounds', "NEAR(a b) OR c", 'in:"x\' OR 1=1"', "name:door", "^x $1"):
        try:
            parsed = parse(text)
        except Exception as error:
            assert type(error).__name__ == "InputError"
            continue
        match_words(library, parsed.groups, parsed.conditions)
    assert len(library.sounds()) == 4


@pytest.mark.sqlite
@pytest.mark.parametrize("text", ["cat:DOORWood", "cat:DOOR*", "tag:wet", "has:tags", "-tag:wet"])
def test_tags_are_looked_up_once_and_not_for_every_sound(library, text):
    statement = select(tables.sounds.c.id).where(where_all(parse(text).conditions))
    with library.reading() as connection:
        dialect = connection.engine.dialect
        sql = statement.compile(dialect=dialect, compile_kwargs={"literal_binds": True})
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}").all()
    assert not [row for row in plan if "CORRELATED" in row[3]]
