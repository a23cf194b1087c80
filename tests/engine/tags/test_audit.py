"""Names against sounds: swaps are found, right names are left alone."""

import numpy as np
import pytest

from engine.errors import InputError
from engine.progress import Cancelled, Control
from engine.tags.audit import audit, audit_features, doubts_of

WORDS = ("door", "rain", "bell", "wind", "dog", "cat")


def clear_costs(names: list[str], sounds: list[str]) -> tuple[np.ndarray, list[str]]:
    """Return costs of sounds to texts: 0.5 to what a sound is, about 1 to all else."""
    texts = sorted(set(names) | set(sounds))
    random = np.random.default_rng(0)
    cost = random.uniform(0.95, 1.05, (len(sounds), len(texts))).astype(np.float32)
    for row, sound in enumerate(sounds):
        cost[row, texts.index(sound)] = 0.5
    return cost, texts


def test_two_exchanged_names_are_found_and_nothing_else(monkeypatch):
    for name, value in (("GAIN", 4.8), ("DOUBT", 0.33), ("ZERO", -5.76)):  # whatever is fitted
        monkeypatch.setattr(f"engine.tags.audit.{name}", value)
    sounds = [word for word in WORDS for _ in range(5)]
    names = list(sounds)
    names[3], names[12] = names[12], names[3]  # a door called bell, a bell called door
    cost, texts = clear_costs(names, sounds)
    found = {
        row: (strength, like, other)
        for row, strength, like, other in doubts_of(cost, names, texts, 0.05)
    }
    assert set(found) == {3, 12}
    assert found[3][1:] == ("door", 12) and found[12][1:] == ("bell", 3)
    assert found[3][0] > 0.8


def test_a_wrong_name_without_a_partner_is_the_most_doubtful():
    sounds = [word for word in WORDS for _ in range(5)]
    names = list(sounds)
    names[0] = "cat"
    cost, texts = clear_costs(names, sounds)
    features, *_ = audit_features(cost, names, texts, 0.05)
    assert features[:, 1].argmax() == 0  # the greatest doubt of all
    assert texts[audit_features(cost, names, texts, 0.05)[3][0]] == "door"


def test_right_names_raise_no_doubt():
    sounds = [word for word in WORDS for _ in range(4)]
    cost, texts = clear_costs(sounds, sounds)
    assert doubts_of(cost, sounds, texts, 0.05) == []


def test_sounds_of_one_name_never_swap():
    sounds = ["door", "rain"] * 4
    names = ["door"] * 4 + ["rain"] * 4
    cost, texts = clear_costs(names, sounds)
    _, own, partner, _ = audit_features(cost, names, texts, 0.05)
    assert all(own[row] != own[other] for row, other in enumerate(partner) if other >= 0)
    assert all(partner[other] == row for row, other in enumerate(partner) if other >= 0)


def test_a_folder_is_audited_by_its_files_names(hearing, library):
    heard = {f"/s/{word}_{n}.wav": [word] for word in WORDS for n in range(3)}
    heard["/s/dog_9.wav"], heard["/s/rain_9.wav"] = ["rain"], ["dog"]
    heard["/s/ZOOM0001.wav"] = ["door"]
    searcher = hearing(heard)
    ids = np.arange(1, len(heard) + 1)
    found = audit(library, searcher, ids, Control())
    assert (found.sounds, found.unnamed) == (20, 1)
    document = found.to_dict()
    assert set(document) == {"sounds", "unnamed", "doubts"}
    assert {doubt.path for doubt in found.doubts} <= {"/s/dog_9.wav", "/s/rain_9.wav"}
    for doubt in found.doubts:
        assert 0.5 <= doubt.strength <= 1 and doubt.name in ("dog", "rain")


def test_names_that_say_nothing_cannot_be_audited(hearing, library):
    searcher = hearing({"/s/ZOOM0001.wav": ["door"], "/s/dog_1.wav": ["dog"]})
    with pytest.raises(InputError, match="only 1 of 2 sounds have names"):
        audit(library, searcher, np.array([1, 2]), Control())


def test_an_audit_can_be_cancelled(hearing, library):
    searcher = hearing({f"/s/{word}.wav": [word] for word in WORDS})
    with pytest.raises(Cancelled):
        audit(library, searcher, np.arange(1, 7), Control(cancel=lambda: True))
