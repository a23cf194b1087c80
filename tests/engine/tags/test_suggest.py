"""Suggestions: by sound, in time, by folder, by words; and none where nothing fits."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from engine.errors import InputError
from engine.models.label_texts import LabelTexts
from engine.progress import Cancelled, Control
from engine.search.labels.calibration import PLAIN, SEVERAL, TOGETHER, WORDED, Calibration, together
from engine.search.labels.label_vectors import SOFT_MINIMUM, LabelVectors
from engine.search.labels.taxonomy import Label, Taxonomy, read_taxonomy, ucs
from engine.store import Header
from engine.store.records import FileFacts
from engine.tags.suggest import Rules, Tagger, folder_potentials
from engine.transport import mahalanobis_cost

LABELS = ("door", "rain", "bell", "wind", "dog", "cat")


@pytest.fixture
def labels(tmp_path) -> Taxonomy:
    path = tmp_path / "labels.txt"
    path.write_text("\n".join(LABELS))
    return read_taxonomy(path)


def suggested(tagger: Tagger, ids, **rules) -> dict[int, list[str]]:
    found = tagger.suggest(np.array(ids), Rules(**{"words": False, **rules}), Control())
    return {i: [s.label.name for s in listed] for i, listed in found.items()}


def test_a_labels_cost_is_the_soft_minimum_over_its_texts(hearing):
    searcher = hearing({"/a.wav": ["door"], "/b.wav": ["rain"], "/c.wav": ["bell"]})
    texts = [f"This is a sound of {word}." for word in LABELS]
    two = Label("x", "x", "x", tuple(texts[:4]), (0.5, 1.0, 1.0, 2.0), "x", "")
    one = Label("y", "y", "y", tuple(texts[4:5]), (1.0,), "y", "")
    vectors = LabelVectors.of(Taxonomy("t", (two, one)), searcher)
    windows = searcher.index.windows
    ((_, cost, fits),) = vectors.compare(windows.vectors, windows.potentials)
    heard = torch.from_numpy(np.asarray(windows.vectors, np.float32))
    ranking = searcher.spec.ranking
    told = torch.from_numpy(searcher.text_side.read_labels(texts).vectors)
    plain = mahalanobis_cost(heard, told) / ranking.cost_scale
    epsilon = SOFT_MINIMUM * ranking.epsilon
    weights = torch.tensor([0.5, 1.0, 1.0, 2.0])
    wanted = -epsilon * torch.log((weights * torch.exp(-plain[:, :4] / epsilon)).sum(1))
    assert np.allclose(cost[:, 0], wanted.numpy(), atol=1e-4)
    assert np.allclose(cost[:, 1], plain[:, 4].numpy(), atol=1e-4)  # one text: its own cost
    handicaps = searcher.query_potentials(searcher.text_side.read_labels(texts).vectors)
    best = (handicaps[:4] - plain[:, :4].numpy()).max(1)
    potentials = ranking.strength_blend * windows.potentials
    assert np.allclose(fits[:, 0], (best + potentials) / ranking.epsilon, atol=1e-2)


def test_a_labels_cost_falls_by_how_far_a_sound_leans_to_its_text_but_not_its_strength(
    hearing, labels
):
    searcher = hearing({"/a.wav": ["door"], "/b.wav": ["rain"], "/c.wav": ["bell"]})
    plain = LabelVectors.of(labels, searcher)
    rng = np.random.default_rng(2)
    directions = rng.normal(size=plain.texts.vectors.shape).astype(np.float32)
    zeros = rng.normal(size=len(directions)).astype(np.float32)
    leaning = replace(plain, texts=LabelTexts(plain.texts.vectors, directions, zeros))
    windows = searcher.index.windows
    ((_, cost, fits),) = plain.compare(windows.vectors, windows.potentials)
    ((_, less, as_before),) = leaning.compare(windows.vectors, windows.potentials)
    leans = np.asarray(windows.vectors, np.float32) @ directions.T - zeros
    assert np.allclose(cost - less, leans, atol=1e-4)
    assert np.array_equal(fits, as_before)


def test_every_sound_gets_the_label_that_it_sounds_like(hearing, labels, library):
    searcher = hearing({f"/{word}.wav": [word] for word in LABELS})
    tagger = Tagger(library, searcher, labels)
    for folder in (True, False):
        found = suggested(tagger, range(1, 7), folder=folder, least=0.0, most=1)
        assert [found[i] for i in range(1, 7)] == [[word] for word in LABELS]


def test_a_long_file_gets_labels_with_their_ranges(hearing, labels, library, monkeypatch):
    # not what is fitted to the models of the day
    monkeypatch.setattr(
        "engine.tags.suggest.calibration_of", lambda *_: Calibration(0.08, 1.0, 0.04, 0.12, -0.16)
    )
    words = ["door"] * 3 + ["rain"] * 2 + ["bell"] * 5 + ["door"] * 2
    tagger = Tagger(library, hearing({"/long.wav": words}), labels)
    rules = Rules(least=0.5, folder=False, words=False)
    found = tagger.suggest(np.array([1]), rules, Control())[1]
    doors = [(s.start_s, s.end_s) for s in found if s.label.name == "door"]
    bells = [(s.start_s, s.end_s) for s in found if s.label.name == "bell"]
    assert {s.label.name for s in found} == {"door", "rain", "bell"}
    # Windows of 10 s every 5 s: the first three cover 0 to 20 s, the last two 50 to 65 s.
    assert doors == [(0.0, 20.0), (50.0, 65.0)] and bells == [(25.0, 55.0)]
    assert all(0.5 <= s.probability <= 1 for s in found)


def test_what_nothing_fits_gets_no_label(hearing, labels, library):
    tagger = Tagger(library, hearing({"/a.wav": ["tone"], "/b.wav": ["door"]}), labels)
    assert suggested(tagger, [1, 2], least=0.999, folder=False).get(1) is None
    assert tagger.suggest(np.array([99]), Rules(), Control()) == {}
    assert tagger.suggest(np.array([], np.int64), Rules(), Control()) == {}


def test_missing_sounds_are_not_tagged(hearing, labels, library):
    searcher = hearing({"/a.wav": ["door"], "/b.wav": ["rain"]})
    library.set_state([1], 1)
    searcher.refresh()
    found = suggested(Tagger(library, searcher, labels), [1, 2], least=0.0, most=1)
    assert list(found) == [2]


def test_words_in_a_name_count_and_can_be_switched_off(hearing, labels, library):
    searcher = hearing({"/x/dog_01.wav": ["cat"], "/x/ZOOM001.wav": ["cat"]})
    tagger = Tagger(library, searcher, labels)
    with_words = suggested(tagger, [1, 2], least=0.0, most=1, words=True, folder=False)
    assert with_words == {1: ["dog"], 2: ["cat"]}
    assert suggested(tagger, [1, 2], least=0.0, most=1)[1] == ["cat"]


def test_a_folder_tells_less_than_a_name_and_only_where_nothing_else_does(hearing, labels, library):
    paths = ("/a cat/dog_01.wav", "/a cat/ZOOM001.wav", "/a cat/sonata 3.wav", "/x/ZOOM001.wav")
    searcher = hearing({path: ["rain"] for path in paths})
    tagger = Tagger(library, searcher, labels)
    evidence = tagger._evidence(np.arange(1, 5))
    dog, cat = LABELS.index("dog"), LABELS.index("cat")
    assert evidence[0, dog] == 1.0 and evidence[0, cat] == 0.0  # its name says it
    assert np.allclose(evidence[1:3, cat], 0.25) and evidence[1:3].sum() == pytest.approx(0.5)
    assert not evidence[3].any()


def test_a_description_and_keywords_count_like_a_name(hearing, labels, library):
    searcher = hearing({"/x/a1.wav": ["cat"], "/x/a2.wav": ["cat"]})
    facts = FileFacts("/x/a1.wav", 1, 1, "h", 10.0, 32000, 1, 16, "wav")
    library.put_headers([(facts, Header(description="A dog!"))], unchanged=True)
    facts = FileFacts("/x/a2.wav", 1, 1, "h", 10.0, 32000, 1, 16, "wav")
    header = Header(fields={"ixml.KEYWORDS": "bell, small"})
    library.put_headers([(facts, header)], unchanged=True)
    found = suggested(
        Tagger(library, searcher, labels), [1, 2], least=0.0, most=1, words=True, folder=False
    )
    assert found == {1: ["dog"], 2: ["bell"]}


def test_a_category_that_the_file_names_comes_first(hearing, library):
    searcher = hearing({"/x/a.wav": ["dog"]})
    facts = FileFacts("/x/a.wav", 1, 1, "h", 10.0, 32000, 1, 16, "wav")
    library.put_headers([(facts, Header(category="THUN"))], unchanged=True)
    tagger = Tagger(library, searcher, ucs())
    assert suggested(tagger, [1], words=True, least=0.0, most=1) == {1: ["WEATHER THUNDER"]}


def test_a_folder_of_one_kind_stays_that_kind(hearing, labels, library):
    searcher = hearing({f"/doors/{n}.wav": ["door"] for n in range(30)})
    tagger = Tagger(library, searcher, labels)
    found = suggested(tagger, range(1, 31), least=0.0, most=1, folder=True)
    assert all(names == ["door"] for names in found.values())


def test_a_hub_among_the_labels_loses_in_a_folder():
    random = np.random.default_rng(0)
    own = random.uniform(0.6, 1.0, (200, 5)).astype(np.float32)
    own[:, 0] = 0.6  # near to everything
    alone = (-own).argmax(1)
    g = folder_potentials(own, np.zeros((0, 5), np.float32), 0.05)
    together = (g - own).argmax(1)
    assert g.argmin() == 0 and (alone == 0).all() and (together == 0).mean() < 0.95


def test_suggesting_can_be_cancelled(hearing, labels, library):
    tagger = Tagger(library, hearing({"/a.wav": ["door"]}), labels)
    with pytest.raises(Cancelled):
        tagger.suggest(np.array([1]), Rules(), Control(cancel=lambda: True))


scores = arrays.arrays(np.float32, (4, 6), elements=st.floats(-5, 5, width=32))


@given(scores)
def test_shares_add_up_and_keep_the_order(score):
    shares = PLAIN.shares(score.copy())
    assert np.allclose(shares.sum(1), 1, atol=1e-4) and (shares >= 0).all()
    best = np.take_along_axis(shares, score.argmax(1)[:, None], 1)[:, 0]
    assert np.allclose(best, shares.max(1))


@pytest.mark.parametrize("share", [0.02, 0.2, 0.5, 0.8, 0.98])
def test_a_folder_tells_how_many_of_its_sounds_have_a_label(share):
    """Evidence is normal with means ±1: what follows under another prior is known exactly."""
    random, usual = np.random.default_rng(0), PLAIN.usual
    has_one = random.random(4000) < share
    evidence = random.normal(np.where(has_one, 1.0, -1.0), 1.0)

    def under(prior: float) -> np.ndarray:
        return 1 / (1 + (1 - prior) / prior * np.exp(-2 * evidence))

    # Of two labels the likelier has three quarters of what there is.
    before = under(usual)[:, None] * np.array([0.75, 0.25])
    found = PLAIN.among(before.astype(np.float32), PLAIN.having_one(together(before)))
    assert found.mean(0).sum() == pytest.approx(share, abs=0.02)
    assert np.abs(found.sum(1) - under(share)).max() < 0.05
    assert np.allclose(found[:, 0], 3 * found[:, 1], rtol=1e-4)
    alone = PLAIN.among(before[:1].astype(np.float32), PLAIN.having_one(together(before[:1])))
    assert np.abs(alone - before[:1]).max() < 0.1  # one sound tells little


def test_where_every_sound_has_its_label_a_folder_changes_nothing():
    likely = np.random.default_rng(0).random((9, 3)).astype(np.float32)
    assert WORDED.among(likely, WORDED.having_one(together(likely))) is likely
    assert PLAIN.among(likely, PLAIN.having_one(np.zeros(0))) is likely


@given(arrays.arrays(np.float32, (5, 7), elements=st.floats(0, 1, width=32)), st.floats(0, 1))
@example(np.ones((5, 7), np.float32), 1.0)
@example(np.zeros((5, 7), np.float32), 0.0)
def test_probabilities_stay_some_and_keep_their_order(likely, usual):
    folder = np.clip(np.full(50, usual), 1e-6, 1 - 1e-6)
    found = PLAIN.among(likely, PLAIN.having_one(folder))
    assert ((found >= 0) & (found <= 1)).all()
    assert (np.diff(np.take_along_axis(found, likely.argsort(axis=1), 1), axis=1) >= 0).all()


def test_most_sounds_without_a_label_make_all_less_likely(hearing, labels, library):
    words = {f"/{n}.wav": ["door"] for n in range(3)}
    few = Tagger(library, hearing(words | {f"/x{n}.wav": ["wind"] for n in range(60)}), labels)
    rules = Rules(least=0.0, most=1, words=False)
    ids = np.arange(1, 64)
    together_, apart = (
        few.suggest(ids, replace(rules, folder=folder), Control()) for folder in (True, False)
    )
    doors = [i for i in ids.tolist() if apart[i][0].label.name == "door"]
    assert doors
    assert all(together_[i][0].probability < apart[i][0].probability for i in doors)


@pytest.mark.parametrize("constants", [PLAIN, SEVERAL])
def test_a_larger_share_is_never_less_likely(constants: Calibration):
    shares = np.linspace(0.001, 0.999, 50, dtype=np.float32)[:, None]  # one label of each sound
    likely = constants.probabilities(shares, np.zeros((50, 1), "f4"), np.full((50, 1), 2.0, "f4"))
    assert (np.diff(likely[:, 0]) > 0).all() and likely[0] < 0.1 and likely[-1] > 0.9


def test_labels_of_a_sound_are_as_likely_as_their_shares_say_whatever_they_match():
    rng = np.random.default_rng(0)
    shares = -np.sort(-rng.dirichlet(np.ones(9), 40).astype(np.float32))
    fits, lengths = rng.normal(0, 5, (40, 9)).astype(np.float32), np.full((40, 1), 2.0, "f4")
    likely = PLAIN.probabilities(shares, fits, lengths)
    one_by_one = [PLAIN.probabilities(shares[:, [k]], fits[:, [k]], lengths) for k in range(9)]
    apart = np.concatenate(one_by_one, axis=1)
    assert (np.diff(likely) <= 0).all() and not (np.diff(apart) <= 0).all(axis=1).any()
    first = slice(None), slice(TOGETHER)
    assert np.allclose(likely[first], -np.sort(-apart[first]))
    assert np.array_equal(likely[first], PLAIN.probabilities(shares[first], fits[first], lengths))
    mixed = rng.permutation(9)
    assert np.array_equal(
        PLAIN.probabilities(shares[:, mixed], fits[:, mixed], lengths), likely[:, mixed]
    )


def test_a_wrong_taxonomy_is_told(tmp_path):
    with pytest.raises(InputError):
        read_taxonomy(tmp_path / "none.txt")
