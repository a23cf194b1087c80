"""Sounds that were filed teach which label others have (engine/search/labels/filing.py)."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import sparse

from engine.errors import ModelError
from engine.models.catalog import find_model
from engine.models.match_model import load_model
from engine.models.spec import read_spec
from engine.progress import Control
from engine.search.labels import filing
from engine.search.labels.calibration import FILED, PLAIN, SEVERAL, WORDED, calibration_of
from engine.search.labels.filing import (
    LEAST,
    OWN,
    STRANGER,
    WIDTH,
    WORTH_IN_LISTS,
    WORTH_IN_UCS,
    Filing,
)
from engine.search.labels.taxonomy import Taxonomy, read_taxonomy, ucs
from engine.store import Header
from engine.store.records import FileFacts
from engine.store.tags import AGENT, PERSON, TagRow, filed_sounds, put_tags
from engine.tags.suggest import Rules, Tagger

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
    model = Filing.of_model(taxonomy, searcher.spec, searcher.model_folder)
    return model.with_own(taxonomy, searcher.index, library)


def accept(library, *tags: tuple, state="accepted", said_by=PERSON) -> None:
    rows = [TagRow(i, label, state, said_by, None, *span) for i, label, *span in tags]
    put_tags(library, rows)


def tell(library, path: str, category: str) -> None:
    """Let a file's header tell its category."""
    facts = FileFacts(path, 1, 1, path, 10.0, 32000, 1, 16, "wav")
    library.put_headers([(facts, Header(category=category))], unchanged=True)


def test_what_costs_fall_by_is_kernel_regression():
    random = np.random.default_rng(0)
    vectors = random.normal(0, 0.3, (9, 5)).astype(np.float32)
    shares = random.uniform(0, 1, (4, 9)) * (random.uniform(0, 1, (4, 9)) < 0.4)
    weights = random.uniform(1, 3, 9).astype(np.float32)
    heard = random.normal(0, 0.3, (6, 5)).astype(np.float32)
    made = Filing(vectors, weights, sparse.csr_array(shares.astype(np.float32)), 1.25, 0.3)
    expected = np.zeros((6, 4))
    for row, sound in enumerate(heard):
        cost = np.linalg.norm(vectors - sound, axis=1) / 1.25
        near = weights * np.exp(-cost / WIDTH)
        part = shares @ near / (near.sum() + np.exp(-STRANGER / WIDTH))
        expected[row] = 0.3 * np.log(1 + part / LEAST)
    assert np.allclose(made.bonus(heard), expected, atol=1e-5)
    assert expected.max() > 0.05


def test_examples_say_nothing_of_what_is_like_none_of_them():
    made = Filing(np.eye(3, dtype="f4"), np.ones(3, "f4"), sparse.csr_array(np.eye(3)), 1.0, 0.1)
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
    tell(library, "/x/a.wav", third)
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


def test_what_a_model_said_alone_does_not_teach(hearing, library, labels):
    searcher = hearing({"/a.wav": ["tone"], "/b.wav": ["tone"]})
    accept(library, (1, "bell"), said_by=searcher.spec.id)  # as `tag apply` notes it
    assert not examples(labels, searcher, library)
    accept(library, (1, "bell"), said_by=AGENT)
    assert len(examples(labels, searcher, library)) == 1


def test_what_a_header_tells_counts_until_somebody_says_otherwise(hearing, library):
    searcher = hearing({"/a.wav": ["tone"], "/b.wav": ["tone"], "/c.wav": ["tone"]})
    for path in ("/a.wav", "/b.wav", "/c.wav"):
        tell(library, path, "RAIN")
    accept(library, (1, "RAIN"), state="suggested", said_by=searcher.spec.id)
    accept(library, (2, "RAIN"), said_by=searcher.spec.id)
    assert len(examples(ucs(), searcher, library)) == 3
    accept(library, (1, "RAIN"), state="rejected")
    accept(library, (2, "ANMLDog"))
    made = examples(ucs(), searcher, library)
    column = {label.id: place for place, label in enumerate(ucs().labels)}
    assert made.shares.toarray()[[column["RAIN"], column["ANMLDog"]]].sum(1).tolist() == [1, 1]
    accept(library, (3, "RAIN"))
    assert examples(ucs(), searcher, library).shares.sum() == 2  # and does not count twice


def test_headers_do_not_teach_a_list_whose_labels_are_called_like_categories(
    hearing, library, tmp_path
):
    (tmp_path / "own.txt").write_text("RAIN\nDOG")
    searcher = hearing({"/a.wav": ["tone"]})
    tell(library, "/a.wav", "RAIN")
    assert not examples(read_taxonomy(tmp_path / "own.txt"), searcher, library)


def test_a_tag_is_the_label_of_a_list_in_any_case(hearing, library, labels):
    searcher = hearing({"/a.wav": ["tone"]})
    accept(library, (1, "Bell"))
    assert len(examples(labels, searcher, library)) == 1
    accept(library, (1, "Bell"), state="rejected")
    accept(library, (1, "RAIN"))
    assert not examples(labels, searcher, library)  # a category, and no word


def test_a_sound_with_several_tags_is_one_example_of_a_part_of_each(hearing, library, labels):
    searcher = hearing({"/a.wav": ["tone"]})
    accept(library, (1, "bell"), (1, "door"))
    made = examples(labels, searcher, library)
    assert made.shares.toarray().tolist() == [[0.5], [0], [0.5], [0]]


def test_what_is_not_there_or_is_no_number_does_not_teach(hearing, library, labels):
    searcher = hearing({f"/{n}.wav": ["tone"] for n in range(3)})
    accept(library, (1, "bell"), (2, "bell"), (3, "bell"))
    windows = searcher.index.windows
    vectors, present = np.array(windows.vectors), windows.present.copy()
    vectors[0, 3], present[1] = np.nan, False
    searcher.index.windows = replace(windows, vectors=vectors, present=present)
    made = examples(labels, searcher, library)
    assert np.array_equal(made.vectors, vectors[2:].astype("f4"))


def test_of_many_sounds_some_of_each_label_are_examples(hearing, library, labels):
    searcher = hearing({f"/{n:03d}.wav": ["tone"] for n in range(100)})
    accept(library, *((n, "bell") for n in range(1, 96)), *((n, "door") for n in range(96, 101)))
    rows = filed_sounds(library, 10, told=True)
    bells = [row.sound_id for row in rows if row.label == "bell"]
    assert len(bells) == len(set(bells)) == 10
    assert max(bells) - min(bells) > 40  # from all over
    assert sorted(row.sound_id for row in rows if row.label == "door") == [*range(96, 101)]
    assert examples(labels, searcher, library).shares.sum(1).tolist() == [5, 0, 64, 0]


def test_room_is_shared_by_labels_and_each_has_some(hearing, library, labels, monkeypatch):
    searcher = hearing({f"/{n:03d}.wav": ["tone"] for n in range(40)})
    accept(library, *((n, "bell") for n in range(1, 33)))
    accept(library, *((n, "door") for n in range(33, 39)), (39, "rain"), (40, "wind"))
    monkeypatch.setattr(filing, "_MOST_OWN", 16)
    assert examples(labels, searcher, library).shares.sum(1).tolist() == [4, 1, 4, 1]
    monkeypatch.setattr(filing, "_MOST_OWN", 1)
    assert examples(labels, searcher, library).shares.sum(1).tolist() == [1, 1, 1, 1]


def test_what_people_accepted_comes_before_what_files_tell(hearing, library):
    searcher = hearing({f"/{n:03d}.wav": ["tone"] for n in range(100)})
    for n in range(100):
        tell(library, f"/{n:03d}.wav", "RAIN")
    accept(library, (17, "RAIN"), (71, "RAIN"))
    assert {row.sound_id for row in filed_sounds(library, 2, told=True)} == {17, 71}
    assert len(filed_sounds(library, 9, told=False)) == 2
    assert len(examples(ucs(), searcher, library)) == 64


def test_sounds_that_were_not_heard_take_no_room(hearing, library):
    hearing({"/heard.wav": ["tone"]})
    unheard = [FileFacts(f"/{n}.wav", 1, 1, "", 1.0, 1, 1, 16, "wav") for n in range(80)]
    library.put_headers([(facts, Header(category="RAIN")) for facts in unheard])
    accept(library, (1, "RAIN"), (2, "RAIN"))
    assert [row.sound_id for row in filed_sounds(library, 64, told=True)] == [1]


def test_a_model_that_was_exchanged_is_refused(hearing, library, remembering):
    searcher = hearing({"/a.wav": ["tone"]})
    spec = replace(read_spec(remembering), filed_sounds=3)
    with pytest.raises(ModelError, match="was exchanged: open the library again"):
        Filing.of_model(ucs(), spec, remembering)
    assert not Filing.of_model(ucs(), searcher.spec, remembering / "gone")


def test_the_shipped_models_examples_know_a_helicopter():
    folder = find_model("default")
    made = Filing.of_model(ucs(), read_spec(folder), folder)
    column = {label.id: place for place, label in enumerate(ucs().labels)}
    own = np.flatnonzero(made.shares.toarray()[column["AEROHeli"]] == 1)
    rotor = made.vectors[own].mean(0, keepdims=True)
    found = made.bonus(rotor)
    assert found.argmax() == column["AEROHeli"]
    away = np.random.default_rng(0).normal(0, 1, (50, made.vectors.shape[1])).astype("f4")
    away /= np.linalg.norm(away, axis=1, keepdims=True)
    assert made.bonus(away).max() < found.max() / 4


def test_constants_are_those_of_what_is_known_of_labels(labels):
    assert calibration_of(labels) == calibration_of(labels, has_examples=True) == PLAIN
    assert calibration_of(ucs()) == WORDED
    assert calibration_of(replace(ucs(), is_ucs=False), has_examples=True) == SEVERAL
    assert calibration_of(ucs(), has_examples=True) == FILED


def test_examples_are_worth_more_in_ucs_than_in_lists_of_ones_own(labels):
    """There they would outvote the ears on labels that no example has (decision 46)."""
    folder = find_model("default")
    spec = read_spec(folder)
    assert Filing.of_model(labels, spec, folder).worth == WORTH_IN_LISTS
    assert Filing.of_model(ucs(), spec, folder).worth == WORTH_IN_UCS > WORTH_IN_LISTS
