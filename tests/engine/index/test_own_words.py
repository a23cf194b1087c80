"""A library's own words as the bank: which they are, whether they tell, what becomes of them."""

from dataclasses import replace
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest
import torch
from sqlalchemy import update

from engine.index import build, fitting, own_words
from engine.index.mapping import refresh_bank
from engine.index.own_words import own_words as words_of
from engine.index.own_words import telling_of
from engine.models.bank import Bank
from engine.models.match_model import load_model, load_text_encoder
from engine.models.spec import library_ranking, read_spec, write_spec
from engine.progress import Cancelled, Control
from engine.search import Searcher
from engine.store import FileFacts, Library, StoredWindow
from engine.store.places import set_state_under
from engine.store.tables import MISSING, PRESENT, sounds
from engine.store.windows import window_rows
from tests.conftest import accept_tags

ANIMALS = ("dog", "cat", "owl", "cow", "bee", "hen")
DOINGS = ("runs", "sleeps", "calls", "eats", "jumps", "hides", "sings", "waits", "drinks", "falls")
NAMES = [f"{animal} {doing}" for animal in ANIMALS for doing in DOINGS]


@pytest.fixture
def ranked_model(make_model):
    """Return a model that ranks by λ = 0.5 where a library's own words are the bank."""
    folder = make_model("with words")
    spec = read_spec(folder)
    write_spec(replace(spec, ranking=replace(spec.ranking, own_blend=0.5, familiar=0.25)), folder)
    return folder


def fill(library: Library, model_folder: Path, names: list[str], telling: bool = True) -> None:
    """Put sounds of one window into a library; their vectors are near to their names', or not."""
    text_encoder = load_text_encoder(model_folder)
    random = np.random.default_rng(1)
    vectors = text_encoder(names).numpy()
    if not telling:
        vectors = random.permutation(vectors)
    noisy = vectors + random.normal(0, 0.01, vectors.shape)
    library.put_sounds(
        [
            (
                FileFacts(f"/s/{name}.wav", 1, 1, f"h{n}", 1.0, 1, 1, 16, "wav"),
                [
                    StoredWindow(
                        0.0,
                        1.0,
                        random.normal(0, 1, 384).astype("<f2").tobytes(),
                        vector.astype("<f2").tobytes(),
                        0.0,
                    )
                ],
            )
            for n, (name, vector) in enumerate(zip(names, noisy, strict=True))
        ]
    )


@pytest.fixture
def stored(monkeypatch):
    """Let samples be of the vectors that are stored, in place of features mapped anew."""

    def sampled(library, model):
        rows = window_rows(library, "sound_id", "vector")
        vectors = np.frombuffer(b"".join(row.vector for row in rows), np.float16)
        u = torch.from_numpy(vectors.reshape(len(rows), -1).astype(np.float32))
        return [row.sound_id for row in rows], u

    monkeypatch.setattr("engine.index.fitting.mapped_sample", sampled)


def refreshed(library: Library, folder: Path) -> list[str]:
    seen: list[str] = []
    refresh_bank(library, folder, Control(lambda progress: seen.append(progress.stage)))
    return seen


def test_words_are_names_headers_tags_and_folders(library, monkeypatch):
    facts = {"size": 1, "mtime_ns": 1, "duration_s": 1.0, "rate_hz": 1, "channels": 1}
    more = {"bits": 16, "format": "wav", "content_hash": ""}
    paths = ["/s/door_slam_01.wav", "/s/Forest/ZOOM0001.wav", "/s/q/x.wav", "/s/gone rain.wav"]
    library.put_sounds([(FileFacts(path=path, **facts, **more), []) for path in paths])
    ids = {path: library.known(["/s"])[path].id for path in paths}
    with library.writing() as connection:
        connection.exec_driver_sql(
            "UPDATE sounds SET description = 'A heavy door' WHERE path LIKE '%slam%'"
        )
    accept_tags(library, [(ids["/s/q/x.wav"], "DOORWood")])
    set_state_under(library, "/s/gone rain.wav", PRESENT, MISSING)
    words = words_of(library)
    assert words.texts == ("A heavy door", "door slam", "doors wood", "forest")
    told = {path: [words.texts[t] for t in words.of_sound.get(i, ())] for path, i in ids.items()}
    assert told == {
        "/s/door_slam_01.wav": ["A heavy door", "door slam"],
        "/s/Forest/ZOOM0001.wav": ["forest"],
        "/s/q/x.wav": ["doors wood"],
        "/s/gone rain.wav": [],
    }


def test_of_many_words_the_commonest_and_a_spread_are_taken(library, monkeypatch):
    monkeypatch.setattr(own_words, "_MOST_TEXTS", 10)
    names = [f"/s/{n}/{name}.wav" for n, name in enumerate(NAMES)]
    names += [f"/s/again {n}/{name}.wav" for n, name in enumerate(NAMES[:5])]
    library.put_sounds([(FileFacts(n, 1, 1, "", 1.0, 1, 1, 16, "wav"), []) for n in names])
    words = words_of(library)
    assert len(words.texts) == 10
    assert set(NAMES[:5]) <= set(words.texts)
    rest = {text.split()[0] for text in words.texts if text not in NAMES[:5]}
    assert len(rest) >= 4  # of six animals: not only the first letters of the alphabet


def test_names_tell_as_often_as_sounds_are_nearer_to_them():
    cost = torch.tensor([[0.1, 0.5, 0.9], [0.5, 0.4, 0.6], [0.2, 0.3, 0.1]])
    assert telling_of(cost, [(0,), (2,), ()]) == pytest.approx((1.0 + 0.0) / 2)
    assert telling_of(cost, [(0, 2), (1,), (0,)]) == pytest.approx((1.0 + 1.0 + 0.5) / 3)
    assert telling_of(torch.ones(4, 5), [(0,), (1,), (2,), (3,)]) == pytest.approx(0.5)
    assert telling_of(cost, [(), (), ()]) == 0.0


def test_a_library_is_transported_to_its_own_words(library, ranked_model, stored):
    build.use_model(library, ranked_model, Control())
    fill(library, ranked_model, NAMES)
    assert refreshed(library, ranked_model) == ["solving potentials", "rating"]
    model = load_model(ranked_model)
    assert (library.setting("own_texts") or b"").decode().split("\n") == sorted(NAMES)
    bank = Bank.stored(model, library.setting)
    assert torch.allclose(bank.vectors, load_text_encoder(ranked_model)(sorted(NAMES)), atol=2e-3)
    rows = window_rows(library, "vector", "potential")
    u = torch.tensor(np.stack([np.frombuffer(row.vector, "<f2") for row in rows]).astype("<f4"))
    potentials = torch.tensor([row.potential for row in rows])
    assert torch.allclose(bank(u), potentials, atol=1e-5)
    usual = model.spec.ranking.blend * Bank.of(model)(u).mean()
    assert float(0.5 * potentials.mean()) == pytest.approx(float(usual), abs=1e-5)
    assert abs(float(usual)) > 1e-3
    plan = (potentials[:, None] + bank.potentials - bank.cost(u)) / bank.ranking.epsilon
    rows_of_plan = torch.logsumexp(plan, 1) - np.log(len(NAMES))
    columns = torch.logsumexp(plan, 0) - np.log(len(NAMES))
    assert torch.allclose(rows_of_plan, torch.zeros(len(NAMES)), atol=1e-4)  # λ = 1 is the plan
    assert torch.allclose(columns, torch.zeros(len(NAMES)), atol=1e-2)
    assert library_ranking(read_spec(ranked_model), library.setting).blend == 0.5
    assert refreshed(library, ranked_model) == []


def test_names_that_tell_nothing_leave_the_models_bank(library, ranked_model, stored):
    build.use_model(library, ranked_model, Control())
    theirs = library.setting("bank_potentials")
    fill(library, ranked_model, NAMES, telling=False)
    assert refreshed(library, ranked_model) == ["rating"]
    assert library.setting("own_vectors") == b""
    assert library.setting("bank_potentials") == theirs
    spec = read_spec(ranked_model)
    assert library_ranking(spec, library.setting) == spec.ranking
    assert refreshed(library, ranked_model) == []  # it is not tried at every run


def test_few_words_and_a_model_without_a_lambda_leave_the_models_bank(
    library, model_folder, ranked_model, stored
):
    build.use_model(library, ranked_model, Control())
    fill(library, ranked_model, NAMES[:49])
    assert refreshed(library, ranked_model) == []
    assert not library.setting("own_vectors")
    build.use_model(library, model_folder, Control())
    fill(library, model_folder, NAMES)
    assert refreshed(library, model_folder) == []
    assert not library.setting("own_vectors")


def test_words_are_taken_anew_when_a_tenth_of_them_changed(library, ranked_model, stored):
    build.use_model(library, ranked_model, Control())
    fill(library, ranked_model, NAMES)
    assert refreshed(library, ranked_model)
    ids = [known.id for known in library.known(["/s"]).values()]
    accept_tags(library, [(ids[0], "wet"), (ids[1], "dry")])
    assert refreshed(library, ranked_model) == []
    accept_tags(library, [(i, f"tag {i}") for i in ids[:7]])
    assert refreshed(library, ranked_model) == ["solving potentials", "rating"]
    set_state_under(library, "/s", PRESENT, MISSING)
    refreshed(library, ranked_model)
    assert not library.setting("own_vectors")


def test_names_that_have_not_changed_are_not_read(library, ranked_model, stored, monkeypatch):
    build.use_model(library, ranked_model, Control())
    fill(library, ranked_model, NAMES)
    assert refreshed(library, ranked_model)
    read = []
    words = fitting.own_words
    monkeypatch.setattr(fitting, "own_words", lambda library: read.append(1) or words(library))
    assert refreshed(library, ranked_model) == []
    assert read == []
    (first, known), *_ = library.known(["/s"]).items()
    with library.writing() as connection:  # the file of a name that is as long
        connection.execute(update(sounds).where(sounds.c.id == known.id).values(path=first[::-1]))
    assert refreshed(library, ranked_model) == []
    assert read == [1]
    accept_tags(library, [(known.id, "wet")])
    assert (refreshed(library, ranked_model), read) == ([], [1, 1])
    assert (refreshed(library, ranked_model), read) == ([], [1, 1])


def test_another_model_of_the_same_ears_is_solved_for_and_mapped_once(
    library, ranked_model, stored, tmp_path
):
    build.use_model(library, ranked_model, Control())
    fill(library, ranked_model, NAMES)
    assert refreshed(library, ranked_model) == ["solving potentials", "rating"]
    other = copytree(ranked_model, tmp_path / "other")
    spec = read_spec(other)
    write_spec(replace(spec, ranking=replace(spec.ranking, cost_scale=1.5)), other)
    assert read_spec(other).id != spec.id
    seen = []
    build.use_model(library, other, Control(lambda progress: seen.append(progress.stage)))
    assert seen[-2:] == ["solving potentials", "mapping"]
    assert seen.count("solving potentials") == 1
    assert "rating" not in seen


def test_a_search_counts_how_sounds_are_claimed_by_their_names(library, ranked_model, stored):
    build.use_model(library, ranked_model, Control())
    fill(library, ranked_model, NAMES)
    before = Searcher(library, ranked_model)
    assert before.ranking.blend == read_spec(ranked_model).ranking.blend
    refreshed(library, ranked_model)
    searcher = Searcher(library, ranked_model)
    assert searcher.ranking.blend == 0.5
    windows, text = searcher.index.windows, "a dog that sings"
    queries = searcher.text_queries([text]).vectors
    cost = searcher.index.costs(queries, np.arange(len(windows.sound_ids)))
    heard = (0.5 * windows.potentials - cost) / searcher.ranking.epsilon
    found = searcher.search_text(text, 60).matches
    of_sound = dict(zip(windows.sound_ids.tolist(), heard.tolist(), strict=True))
    without = [match for match in found if not match.words]
    assert len(without) > 20
    for match in without:
        assert match.score == pytest.approx(of_sound[match.sound.id], abs=1e-3)


def test_a_stopped_solution_leaves_the_bank_that_was(library, ranked_model, stored):
    build.use_model(library, ranked_model, Control())
    fill(library, ranked_model, NAMES)
    names = ("bank_potentials", "own_vectors", "own_texts", "mapping", "solved_windows")
    before = {name: library.setting(name) for name in names}
    with pytest.raises(Cancelled):
        refresh_bank(library, ranked_model, Control(cancel=lambda: True))
    assert {name: library.setting(name) for name in names} == before


def test_another_model_forgets_the_words_of_the_one_before(
    library, ranked_model, make_model, stored
):
    build.use_model(library, ranked_model, Control())
    fill(library, ranked_model, NAMES)
    refreshed(library, ranked_model)
    assert library.setting("own_vectors")
    build.use_model(library, make_model("another", seed=5), Control())
    assert library.setting("own_vectors") == b""
    bank = Bank.stored(load_model(ranked_model), library.setting)
    assert len(bank.potentials) == len(read_spec(ranked_model).bank)
