"""Sounds that were filed teach which label others have (engine/tags/filing.py)."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy import sparse

from engine.models.match_model import load_model
from engine.models.spec import read_spec
from engine.progress import Control
from engine.store import Header
from engine.store.records import FileFacts
from engine.store.tags import PERSON, TagRow, filed_sounds, put_tags
from engine.tags import filing
from engine.tags.calibration import FILED, PLAIN, SEVERAL, calibration_of
from engine.tags.filing import LEAST, OWN, STRANGER, WIDTH, WORTH, Filing
from engine.tags.suggest import Rules, Tagger
from engine.tags.taxonomy import Taxonomy, read_taxonomy, ucs

LABELS = ("door", "rain", "bell", "wind")


@pytest.fixture
def labels(tmp_path) -> Taxonomy:
    path = tmp_path / "labels.txt"
    path.write_text("\n".join(LABELS))
    return read_taxonomy(path)


def firsts(tagger: Tagger, ids, **rules) -> list[str]:
    found = tagger.suggest(np.array(ids), Rules(0.0, 1, False, False), Control())
    return [found[i][0].label.id for i in ids]


def examples(taxonomy: Taxonomy, searcher, library) -> Filing:
    model = Filing.of_model(taxonomy, searcher.model_folder)
    return model.with_own(taxonomy, searcher.index, library)


def accept(library, *tags: tuple, state="accepted") -> None:
    rows = [TagRow(i, label, state, PERSON, None, *span) for i, label, *span in tags]
    put_tags(library, rows)


def test_what_costs_fall_by_is_kernel_regression():
    random = np.random.default_rng(0)
    vectors = random.normal(0, 0.3, (9, 5)).astype(np.float32)
    shares = random.uniform(0, 1, (4, 9)) * (random.uniform(0, 1, (4, 9)) < 0.4)
    weights = random.uniform(1, 3, 9).astype(np.float32)
    heard = random.normal(0, 0.3, (6, 5)).astype(np.float32)
    made = Filing(vectors, weights, sparse.csr_array(shares.astype(np.float32)), 1.25)
    expected = np.zeros((6, 4))
    for row, sound in enumerate(heard):
        cost = np.linalg.norm(vectors - sound, axis=1) / 1.25
        near = weights * np.exp(-cost / WIDTH)
        part = shares @ near / (near.sum() + np.exp(-STRANGER / WIDTH))
        expected[row] = WORTH * np.log(1 + part / LEAST)
    assert np.allclose(made.bonus(heard), expected, atol=1e-5)
    assert expected.max() > 0.05


def test_examples_say_nothing_of_what_is_like_none_of_them():
    made = Filing(np.eye(3, dtype="f4"), np.ones(3, "f4"), sparse.csr_array(np.eye(3)), 1.0)
    near, far = made.bonus(np.array([[1, 0, 0], [-1, -1, -1]], np.float32))
    assert near[0] > 0.3 > 0.05 > near[1:].max()
    assert far.max() < 1e-3


@pytest.fixture
def close(monkeypatch) -> None:
    """Words are near to each other in a model that learnt nothing: be as strict as that asks."""
    monkeypatch.setattr(filing, "WIDTH", 0.002)
    monkeypatch.setattr(filing, "STRANGER", 0.01)


@pytest.mark.usefixtures("close")
def test_an_accepted_tag_teaches_what_is_alike(hearing, library, labels):
    searcher = hearing({f"/{n}.wav": ["tone" if n < 4 else "rain"] for n in range(6)})
    tagger = Tagger(library, searcher, labels)
    (before,) = set(firsts(tagger, [1, 2, 3, 4]))
    other = next(name for name in LABELS if name not in (before, "rain"))
    accept(library, (1, other))
    assert firsts(tagger, [2, 3, 4]) == [other] * 3  # at once
    assert firsts(tagger, [5, 6]) == ["rain", "rain"]  # which is like no example
    accept(library, (1, other), state="rejected")
    assert firsts(tagger, [2]) == [before]


@pytest.mark.parametrize("state", ["suggested", "rejected", "edited"])
def test_only_what_was_accepted_teaches(hearing, library, labels, state):
    searcher = hearing({"/a.wav": ["tone"], "/b.wav": ["tone"]})
    accept(library, (1, "bell"), state=state)
    assert not examples(labels, searcher, library)


def test_tags_of_other_lists_do_not_teach(hearing, library, labels):
    searcher = hearing({"/a.wav": ["tone"], "/b.wav": ["tone"]})
    accept(library, (1, "RAIN"), (1, "rusty"))
    assert not examples(labels, searcher, library)
    assert len(examples(ucs(), searcher, library).vectors) == 1


def test_a_tag_of_a_part_teaches_that_part(hearing, library, labels):
    searcher = hearing({"/long.wav": ["tone"] * 4 + ["dog"] * 4})
    accept(library, (1, "bell", 0.0, 12.0))
    made = examples(labels, searcher, library)
    assert np.array_equal(made.vectors, searcher.index.windows.vectors[:3].astype("f4"))
    assert made.weights.tolist() == [OWN] * 3
    assert made.shares.toarray()[2].tolist() == [1, 1, 1]


def test_a_long_sound_is_no_more_than_three_examples(hearing, library, labels):
    searcher = hearing({"/long.wav": ["tone"] * 50})
    accept(library, (1, "bell"))
    assert len(examples(labels, searcher, library).vectors) == 3


@pytest.mark.usefixtures("close")
def test_a_category_in_a_header_teaches_ucs(hearing, library, labels):
    searcher = hearing({"/x/a.wav": ["dog"], "/x/b.wav": ["dog"], "/x/c.wav": ["rain"]})
    rules = Rules(0.0, 3, False, False)
    best = Tagger(library, searcher, ucs()).suggest(np.array([2]), rules, Control())[2]
    third = best[2].label.id
    facts = FileFacts("/x/a.wav", 1, 1, "h", 10.0, 32000, 1, 16, "wav")
    library.put_headers([(facts, Header(category=third))], unchanged=True)
    assert firsts(Tagger(library, searcher, ucs()), [2]) == [third]
    rain = searcher.index.windows.vectors[2:].astype(np.float32)
    assert examples(ucs(), searcher, library).bonus(rain).max() < 0.01
    assert not examples(labels, searcher, library)


def test_a_models_own_examples_teach_ucs_alone(hearing, library, labels, remembering):
    index, spec = hearing({"/a.wav": ["dog"]}).index, read_spec(remembering)
    searcher = SimpleNamespace(index=index, spec=spec, model_folder=remembering)
    made, model = examples(ucs(), searcher, library), load_model(remembering)
    mapped = model.map_features(model.filed.sounds).numpy()
    assert np.allclose(made.vectors, mapped, atol=1e-5)
    assert made.weights.tolist() == [1, 1]
    column = {label.id: place for place, label in enumerate(ucs().labels)}
    shares = made.shares.toarray()
    assert shares[[column["ANMLDog"], column["RAIN"], column["AMBFarm"]]].tolist() == [
        [1, 0],
        [0, 0.5],
        [0, 0.5],
    ]
    assert shares.sum() == 2
    assert not examples(labels, searcher, library)


def test_of_many_sounds_some_of_each_label_are_examples(hearing, library, labels, monkeypatch):
    searcher = hearing({f"/{n:03d}.wav": ["tone"] for n in range(100)})
    accept(library, *((n, "bell") for n in range(1, 96)), *((n, "door") for n in range(96, 101)))
    rows = filed_sounds(library, 10)
    bells = [row.sound_id for row in rows if row.label == "bell"]
    assert len(bells) == len(set(bells)) == 10
    assert max(bells) - min(bells) > 40  # from all over
    assert sorted(row.sound_id for row in rows if row.label == "door") == [*range(96, 101)]
    monkeypatch.setattr(filing, "_MOST_OWN", 8)
    assert len(examples(labels, searcher, library).vectors) <= 8


def test_constants_are_those_of_what_is_known_of_labels(labels):
    assert calibration_of(labels) == calibration_of(labels, has_examples=True) == PLAIN
    assert calibration_of(ucs()) == SEVERAL
    assert calibration_of(ucs(), has_examples=True) == FILED
