import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import InputError
from engine.search.grammar import parse
from engine.store.conditions import Category, Format, Layout, Not, Range, Tag, Words


def test_free_words_describe_the_sound_and_are_keywords():
    query = parse("the heavy door creaking")
    assert query.descriptions == ["the heavy door creaking"]
    assert query.keywords == (("heavy",), ("door",), ("creaking",))
    assert query.conditions == ()


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("Thunder_01.ogg", "Thunder_01"),
        ("ZOOM0123.WAV", "ZOOM0123"),
        ("far.away", "far.away"),
        (".wav", ".wav"),
        ("wav", "wav"),
    ],
)
def test_a_file_is_asked_for_by_its_name_as_libraries_know_it(typed, meant):
    assert parse(typed).descriptions == [meant]
    assert parse(f'"{typed}"').conditions == (Words((meant,)),)
    assert parse(f"rain -{typed}").conditions == (Not(Words((meant,))),)


def test_either_of_two_words_will_do():
    query = parse("heavy door OR gate creak")
    assert query.descriptions == ["heavy door creak", "heavy gate creak"]
    assert query.keywords == (("heavy",), ("door", "gate"), ("creak",))


def test_exact_words_must_occur_and_excluded_ones_must_not():
    query = parse('"door slam" -wood -"big room"')
    assert query.conditions == (
        Words(("door slam",)),
        Not(Words(("wood",))),
        Not(Words(("big room",))),
    )
    assert parse('"a b" OR "c d"').conditions == (Words(("a b", "c d")),)


@pytest.mark.parametrize(
    ("token", "condition"),
    [
        ("dur:<2s", Range("duration_s", None, 2.0, open_high=True)),
        ("dur:<=1.5", Range("duration_s", None, 1.5)),
        ("dur:1-5s", Range("duration_s", 1.0, 5.0)),
        ("dur:1-5m", Range("duration_s", 60.0, 300.0)),
        ("dur:500ms-2s", Range("duration_s", 0.5, 2.0)),
        ("dur:2s", Range("duration_s", 1.5, 2.5)),
        ("sr:>=96k", Range("rate_hz", 96000.0, None)),
        ("sr:44.1kHz", Range("rate_hz", 44100.0, 44100.0)),
        ("dur:1..5s", Range("duration_s", 1.0, 5.0)),
        ("lufs:<-23", Range("lufs", None, -23.0, open_high=True)),
        ("lufs:>=−16.5", Range("lufs", -16.5, None)),
        ("lufs:-30--20", Range("lufs", -30.0, -20.0)),
        ("lufs:-30..-20", Range("lufs", -30.0, -20.0)),
        ("lufs:-30--20LUFS", Range("lufs", -30.0, -20.0)),
        ("lufs:-23", Range("lufs", -23.5, -22.5)),
        ("-lufs:-23", Not(Range("lufs", -23.5, -22.5))),
        ("peak:>-1", Range("peak_db", -1.0, None, open_low=True)),
        ("peak:-1-0.5dB", Range("peak_db", -1.0, 0.5)),
        ("ch:2", Range("channels", 2.0, 2.0)),
        ("ch:mono", Range("channels", 1.0, 1.0)),
        ("ch:5.1", Layout("5.1", 6)),
        ("ch:7.1.4", Layout("7.1.4")),
        ("ch:Ambisonic", Layout("ambisonic")),
        ('ch:"ambisonic 2"', Layout("ambisonic 2")),
        ("ch:>2", Range("channels", 2.0, None, open_low=True)),
        ("bits:>=24", Range("bits", 24.0, None)),
        ("fmt:wav", Format("wav")),
        ("FMT:WAV", Format("WAV")),
        ("cat:DOORWood", Category("DOORWood")),
        ("cat:DOOR*", Category("DOOR", prefix=True)),
        ("tag:metal", Tag("metal")),
        ('tag:"heavy metal"', Tag("heavy metal")),
        ('in:"Boom Library"', Words(("Boom Library",), "folders")),
        ("has:tags", Tag(None)),
        ("-fmt:mp3", Not(Format("mp3"))),
    ],
)
def test_filters(token, condition):
    query = parse(f"bell {token}")
    assert query.conditions == (condition,)
    assert query.descriptions == ["bell"]


def test_ages_count_back_from_now():
    (young,), (old,) = parse("added:<7d").conditions, parse("added:>1y").conditions
    assert young.low > old.high
    assert (young.high, old.low) == (None, None)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("  ", "the search is empty"),
        (", ,", "the search is empty"),
        ("door foo:3", "no filter foo: in foo:3; filters are like dur:<2s"),
        ("dur:soon", "dur:soon is not understood: write dur:<2s or dur:1-5s"),
        ("dur:5-1s", "dur:5-1s goes from high to low"),
        ("dur:", "has nothing after the colon: write dur:<2s"),
        ("lufs:-20--30", "lufs:-20--30 goes from high to low: write lufs:<-23"),
        ("lufs:soft", "lufs:soft is not understood: write lufs:<-23 or lufs:-30--20"),
        ("lufs:-30-", "lufs:-30- is not understood"),
        ("lufs:--30", "lufs:--30 is not understood"),
        ("dur:-5", "dur:-5 is not understood: write dur:<2s"),
        ("dur:<-5", "dur:<-5 is not understood: write dur:<2s"),
        ("sr:fast", "sr:fast is not understood: write sr:48k"),
        ("added:7d", "added:7d is not understood: write added:<7d"),
        ("has:legs", "has:legs is not understood: write has:tags"),
        ('a "open quote', "the quote before open quote is not closed"),
        ("OR door", "OR goes between two words"),
        ("door OR", "OR goes between two words"),
        ("door OR OR gate", "OR goes between two words"),
        ("door OR dur:<2s", "OR joins words, not dur:<2s"),
        ("me*al", "the star must come at the end of a word"),
        ('-""', "holds no word"),
        ('in:"%"', 'in:"%" names no folder: write in:"Boom Library"'),
        ("-in:*", "names no folder"),
        ("door \udc80", "bytes that are not text"),
        (" ".join(f"-w{n}" for n in range(300)), "200 is the most: leave some out"),
        ("a OR b c OR d e OR f g OR h", "16 descriptions; 8 is the most"),
    ],
)
def test_what_makes_no_sense_is_told_and_shown_right(text, words):
    with pytest.raises(InputError) as error:
        parse(text)
    assert words in str(error.value)


@given(st.text(alphabet=string.printable + "äß🔔", max_size=60))
def test_any_text_is_a_query_or_a_sentence(text):
    try:
        query = parse(text)
    except InputError as error:
        assert str(error)
        return
    assert query.groups or query.conditions
    assert all(isinstance(words, str) for words in query.descriptions)


@given(st.lists(st.text(alphabet=string.ascii_lowercase, min_size=1), min_size=1, max_size=8))
def test_plain_words_come_back_as_they_were(words):
    assert parse(" ".join(words)).descriptions == [" ".join(words)]
