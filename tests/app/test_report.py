import numpy as np
import pytest

from app.cli import report
from engine.search import Answer, Match
from engine.search.answer import Reading
from engine.store import SoundRow


def match(name: str, strength: float, start_s: float = 0.0, duration_s: float = 4.0) -> Match:
    sound = SoundRow(1, f"/s/{name}.wav", duration_s, 48000, 2, 24, "wav", False)
    return Match(sound, 1.0, strength, start_s, min(start_s + 10, duration_s), name == "named")


def shown(*matches: Match) -> list[str]:
    strong = sum(m.strength >= 0.5 for m in matches)
    asked = Reading(np.zeros((1, 2), np.float32), 0.0)
    return report.answer(Answer("q", "model", matches, strong, 3.2, asked)).splitlines()


def test_weak_matches_stand_under_a_divider():
    lines = shown(match("a", 0.9), match("b", 0.6), match("c", 0.2))
    assert [("weaker" in line) for line in lines] == [False, False, True, False, False]
    assert "████████" not in lines[3]


def test_an_answer_without_strong_matches_says_so_first():
    assert shown(match("a", 0.2))[0].startswith("nothing here sounds quite like that")


def test_what_was_not_weighed_has_no_bar():
    listed = report.answer(Answer("dur:>3s", "default", (match("a", 1.0),), 1, 3.2)).splitlines()
    assert listed[0] == "  1 a.wav    4.0 s  /s"
    assert "█" in shown(match("a", 1.0))[0]


def test_a_mended_query_is_told():
    found = Answer("dor", "model", (match("a", 0.9),), 1, 3.2, also="door")
    assert report.answer(found).splitlines()[0] == "also showing results for door"


def test_all_strong_matches_need_no_divider():
    assert not any("weaker" in line for line in shown(match("a", 0.9)))


def test_the_moment_of_long_files_and_names_are_marked():
    lines = shown(match("long", 0.9, 65.0, 300.0), match("named", 0.8))
    assert "long.wav at 1:05     5:00  /s" in lines[0]
    assert "named.wav *" in lines[1]
    assert " at " not in lines[1]


def test_columns_stand_below_one_another():
    lines = shown(match("a", 0.9), match("a much longer name", 0.8), match("x" * 90, 0.7))
    assert lines[0].index("4.0 s") == lines[1].index("4.0 s")
    assert "x" * 90 in lines[2]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "0.0 s"), (3.21, "3.2 s"), (65, "1:05"), (3723, "1:02:03")]
)
def test_durations_read_as_people_write_them(seconds, text):
    assert report.clock(seconds) == text


TRAINED = {
    "base": "default",
    "before": {"r1": 0.33, "r10": 0.6, "map10": 0.4, "agreement": 1.0, "general": None},
    "after": {"r1": 0.41, "r10": 0.7, "map10": 0.5, "agreement": 0.93, "general": None},
    "sounds": 560,
    "chosen_on": 118,
    "held_out": 120,
    "names": 100,
    "forgets": False,
    "kept": "",
    "model": "/home/me/models/mine",
}


def test_training_on_a_library_shows_what_was_gained_on_what_and_how_to_go_back():
    text = report.personal(TRAINED)
    assert "names found first                        0.330         0.410" in text
    assert (
        "Found first: 41 of 100 names, 33 before (measured on 120 sounds that were not used for "
        "training)."
    ) in text
    assert (
        "Sounds in general: as before (93% of reference sounds are matched as they were)." in text
    )
    assert "soundsift models use mine" in text
    assert "soundsift models use default" in text
    assert "general set" not in text
    refused = report.personal({**TRAINED, "model": None, "kept": "nothing was better"})
    assert "No new model was made: nothing was better." in refused


def test_a_gain_that_is_not_confirmed_or_not_watched_over_is_not_praised():
    worse = {**TRAINED, "after": {**TRAINED["after"], "map10": 0.39, "agreement": 0.6}}
    text = report.personal({**worse, "forgets": True})
    assert "do not confirm" in text
    assert "Sounds in general: worse than before (60%" in text
    blind = {key: {**TRAINED[key], "agreement": None} for key in ("before", "after")}
    assert "Sounds in general: not measured" in report.personal({**TRAINED, **blind})


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (3, "a few seconds left"),
        (30, "less than a minute left"),
        (60, "about a minute left"),
        (125, "about 2 minutes left"),
        (7300, "about 2 hours left"),
    ],
)
def test_time_is_told_in_words(seconds, said):
    assert report.time_left(seconds) == said


def test_what_only_sounds_alike_is_not_called_the_same():
    from engine.search.duplicates import Duplicates, Group

    one, other = match("a", 0.9).sound, match("b", 0.9).sound
    said = report.duplicates(Duplicates((Group((one, other), "alike"),), ("/s/gone.wav",)))
    assert said.splitlines() == [
        "no two files hold the same sound",
        "sounds alike, but is not the same:",
        "    /s/a.wav",
        "    /s/b.wav",
        "/s/gone.wav could not be read, so it was not compared",
    ]
    same = report.duplicates(Duplicates((Group((one, other), "same sound"),)))
    assert same.splitlines()[0] == "the same sound:"
    assert report.duplicates(Duplicates(())) == "no two files hold the same sound"
