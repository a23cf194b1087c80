"""The text side learns other words and leaves the rest alone (trainer/recipes/wordings.py)."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch.nn.functional import normalize

from engine.errors import InputError, ModelError
from engine.models.match_model import MatchModel, TagView, TextEncoder, load_model, load_tokenizer
from engine.progress import Cancelled, Control, Progress
from engine.search.wording import wordings
from engine.transport import mahalanobis_cost
from trainer.data.manifest import TRAIN, labelled_clips
from trainer.data.pairs import Pool, read_tag_names
from trainer.data.texts import LexiconEntry, read_categories, read_lexicon, read_wordings
from trainer.loop.checkpoint import write_tensors
from trainer.recipes import wordings as recipe
from trainer.recipes.tags import joined
from trainer.recipes.wordings import (
    Lesson,
    WordingConfig,
    kept_lesson,
    learn_wordings,
    learned,
    lexicon_lesson,
    pairs_of,
    with_wordings,
)

TAGS = ("Rain", "Dog", "Engine")
LABELS = ("door", "rain")
QUICK = WordingConfig(steps=150, pairs=16, names=8, kept=8, rate=5e-3)
LEXICON = [
    LexiconEntry(("rain", "drizzle"), ("soft drops fall",), ("Rain",)),
    LexiconEntry(("motor", "engine running"), ("a steady hum", "a loud buzz"), ("Engine", "Dog")),
]


def features_of(texts: Sequence[str]) -> torch.Tensor:
    """Return features that depend on the text alone, and are far apart."""
    made = [
        torch.randn(16, generator=torch.Generator().manual_seed(hash_of(text))) for text in texts
    ]
    return torch.stack(made) if made else torch.zeros(0, 16)


def hash_of(text: str) -> int:
    return sum((place + 1) * ord(letter) for place, letter in enumerate(text))


@pytest.fixture
def base(model_folder) -> MatchModel:
    torch.manual_seed(1)
    views = tuple(TagView(width, 8, len(TAGS)).eval() for width in (384, 16))
    made = joined(load_model(model_folder), views, 0.5, torch.randn(60, 16))
    return made.eval().requires_grad_(False)


@pytest.fixture
def pool(base) -> Pool:
    """Give sounds that their labels already find."""
    middles = torch.randn(2, 384)
    features = middles.repeat(20, 1) + 0.1 * torch.randn(40, 384)
    return Pool(features, torch.rand(40, len(TAGS)), LABELS * 20, {"rain": "water"})


def own_features() -> torch.Tensor:
    return features_of([caption for label in LABELS for caption in wordings(label)])


def test_a_sound_is_said_by_its_label_or_in_other_words(base, pool):
    other = {"rain": ("wet weather", "drizzle")}
    pairs = pairs_of(base, pool, LABELS, own_features(), other, features_of)
    assert pairs.meaning[:2] == ("door", "water")
    assert torch.allclose(pairs.vectors, base.map_features(pool.features))
    said = {
        "door": features_of(wordings("door")),
        "own": features_of(wordings("rain")),
        "other": features_of([*wordings("wet weather"), *wordings("drizzle")]),
    }

    def drawn(share: float) -> set[str]:
        vectors, texts, meanings = pairs.draw(200, share)
        found = set()
        for vector, text, meaning in zip(vectors, texts, meanings, strict=True):
            names = [name for name, rows in said.items() if bool((rows == text).all(1).any())]
            row = int((pairs.vectors == vector).all(1).nonzero()[0])
            assert pool.labels[row] == ("rain" if meaning == "water" else "door")
            assert (names == ["door"]) == (meaning == "door")
            found |= set(names)
        return found

    assert drawn(0.0) == {"door", "own"}
    assert drawn(1.0) == {"door", "other"}  # there are no other words for a door


def test_a_label_of_many_clips_is_drawn_no_more_often_than_one_of_six(base):
    pool = Pool(torch.randn(26, 384), torch.rand(26, 3), ("a",) * 24 + ("b", ""))
    pairs = pairs_of(base, pool, ("a", "b"), features_of("abcd"), {}, features_of)
    assert len(pairs.vectors) == 25
    assert pairs.weights.tolist() == pytest.approx([0.25] * 24 + [1.0])


def test_names_go_towards_what_is_heard_unless_a_label_is_near(base):
    lesson = lexicon_lesson(base, LEXICON, TAGS, own_features(), features_of, QUICK)
    texts = [w for e in LEXICON for name in e.names for w in wordings(name)]
    assert torch.equal(lesson.features, features_of(texts))
    assert lesson.weights.tolist() == [0.5] * 8
    head, width = base.text_head, base.text_head.dimensions

    def place(*captions: str) -> torch.Tensor:
        return head(features_of(captions)).mean(0)[:width]

    def cosine(row: int, to: torch.Tensor) -> float:
        return float(normalize(to, dim=0) @ lesson.targets[row, :width])

    rain = place(*wordings("rain"))
    assert cosine(0, rain) == pytest.approx(1.0, abs=1e-5)  # is a label: stays
    assert cosine(2, rain) > 0.9  # "drizzle" is called as a label is
    assert cosine(2, rain) > cosine(2, place("soft drops fall"))
    hum = place("a steady hum", "a loud buzz")
    assert cosine(4, hum) > 0.85
    none = WordingConfig(pull=0.0)
    still = lexicon_lesson(base, LEXICON, TAGS, own_features(), features_of, none)
    motor = place(*wordings("motor"))
    assert float(normalize(motor, dim=0) @ still.targets[4, :width]) == pytest.approx(1.0, abs=1e-5)
    all_tags = WordingConfig(tags=1.0)
    told = lexicon_lesson(base, LEXICON, TAGS, own_features(), features_of, all_tags)
    wanted = normalize(torch.tensor([0.0, 1 / 3, 2 / 3]).sqrt() * head.tags.scale, dim=0)
    assert torch.allclose(told.targets[4, width:], wanted, atol=1e-5)


def test_other_words_find_the_sounds_and_the_rest_stays(base, pool):
    other = {"rain": ("wet weather",), "door": ("creaking hinge",)}
    pairs = pairs_of(base, pool, LABELS, own_features(), other, features_of)
    captions = features_of(["a dog barks", "music plays", "people talk"])
    lexicon = lexicon_lesson(base, LEXICON, TAGS, own_features(), features_of, QUICK)
    lessons = (
        (lexicon, QUICK.names),
        (kept_lesson(base, captions), 6),
        (kept_lesson(base, own_features()), 2),
    )
    state = torch.get_rng_state()
    head, again = (learned(base, pairs, lessons, QUICK, Control()) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), state)
    asked = features_of(["wet weather", "creaking hinge"])
    assert torch.equal(head(asked), again(asked))
    sounds = base.map_features(
        torch.stack([pool.features[1::2].mean(0), pool.features[::2].mean(0)])
    )

    def margin(projections: torch.nn.Module) -> float:
        cost = mahalanobis_cost(base.metric(projections(asked)), sounds)
        return float((cost[0, 1] - cost[0, 0] + cost[1, 0] - cost[1, 1]) / 2)

    assert margin(head) > margin(base.text_head) + 0.1
    moved = float((head(captions) - base.text_head(captions)).norm(dim=1).max())
    other_moved = float((head(asked) - base.text_head(asked)).norm(dim=1).min())
    assert moved < 0.5 * other_moved
    assert head.state_dict().keys() == base.text_head.state_dict().keys()


def test_a_stopped_run_leaves_no_trace(base, pool, tmp_path):
    def stop(progress: Progress) -> None:
        raise Cancelled

    pairs = pairs_of(base, pool, LABELS, own_features(), {}, features_of)
    lesson = Lesson(own_features(), base.text_head(own_features()), torch.ones(4))
    state = torch.get_rng_state()
    with pytest.raises(Cancelled):
        learned(base, pairs, [(lesson, 4)], QUICK, Control(stop))
    assert torch.equal(torch.get_rng_state(), state)


@pytest.fixture
def small_data(tmp_path, monkeypatch) -> Path:
    text = tmp_path / "data" / "text"
    text.mkdir(parents=True)
    rows = "".join(f"{n},/m/{n},{tag}\n" for n, tag in enumerate(TAGS))
    (text / "class_labels_indices.csv").write_text(f"index,mid,display_name\n{rows}")
    (text / "audiocaps_labels.csv").write_text(
        "split,youtube_id,caption,audioset_labels\ntrain,a,a dog in the rain,Dog; Rain\n"
    )
    (text / "BBCSoundEffects.csv").write_text("description\nrain on a roof\n")
    lexicon = tmp_path / "lexicon.csv"
    lexicon.write_text("names,heard,tags\nmotor; engine,a steady hum,Engine\n")
    said = tmp_path / "wordings.csv"
    said.write_text("label,wordings\nrain,wet weather; drizzle\n")
    monkeypatch.setattr(recipe, "read_lexicon", lambda tags: read_lexicon(tags, lexicon))
    monkeypatch.setattr(recipe, "read_wordings", lambda: read_wordings(said))
    return tmp_path / "data"


def test_a_run_is_kept_and_joined_to_any_model_of_that_text_side(
    base, pool, small_data, model_folder, tmp_path
):
    encoder = TextEncoder(base, load_tokenizer(model_folder))
    run = tmp_path / "run"
    quick = WordingConfig(steps=3, pairs=4, names=2, kept=4)
    with pytest.raises(ModelError, match=r"wordings\.safetensors cannot be read"):
        with_wordings(base, [run])
    learn_wordings(run, small_data, base, encoder, pool, Control(), quick)
    assert [path.name for path in run.iterdir()] == ["wordings.safetensors"]
    made = with_wordings(base, [run])
    before, after = base.state_dict(), made.state_dict()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved
    assert all(name.startswith("text_head.") and ".layers." in name for name in moved)
    with pytest.raises(ModelError, match="has no second view"):
        learn_wordings(run, small_data, load_model(model_folder), encoder, pool, Control(), quick)


def test_several_runs_are_averaged(base, tmp_path):
    states = []
    for number in range(2):
        head = {n: torch.randn_like(t) for n, t in base.text_head.state_dict().items()}
        run = tmp_path / str(number)
        run.mkdir()
        tensors = {f"text_head.{name}": tensor for name, tensor in head.items()}
        write_tensors(run / "wordings.safetensors", tensors)
        states.append(head)
    made = with_wordings(base, [tmp_path / "0", tmp_path / "1"]).text_head.state_dict()
    for name, tensor in made.items():
        assert torch.allclose(tensor, (states[0][name] + states[1][name]) / 2, atol=1e-6), name


def test_the_tables_are_whole(data):
    labels = {clip.label for clip in labelled_clips(data, TRAIN)}
    said = read_wordings()
    assert said.keys() == labels
    assert not [label for label, texts in said.items() if label in texts]
    assert read_categories().keys() <= labels
    assert len(read_categories()) > 0.99 * len(labels)
    lexicon = read_lexicon(read_tag_names(data))
    names = [name for entry in lexicon for name in entry.names]
    assert len(names) == len(set(names))


def test_damaged_tables_are_refused_in_one_sentence(tmp_path):
    table = tmp_path / "table.csv"
    table.write_text("names,heard,tags\nrain,drops,Drops\n")
    with pytest.raises(InputError, match=r"table\.csv names a tag that AudioSet lacks: Drops"):
        read_lexicon(["Rain"], table)
    table.write_text("label,wordings\nrain,wet; ;dry\n")
    with pytest.raises(InputError, match="has an empty part in the column wordings: 'wet; ;dry'"):
        read_wordings(table)
    table.write_text("label,categories\nrain,RAIN; DRIP\n")
    with pytest.raises(InputError, match=r"table\.csv names a category that UCS lacks: DRIP"):
        read_categories(table)
    table.write_text("label,categories\nrain,RAIN; WIND; THUN; STORM\n")
    with pytest.raises(InputError, match="files 'rain' under 4 categories; 3 is the most"):
        read_categories(table)
    table.write_text(json.dumps({}))
    with pytest.raises(InputError, match="has no column named label or wordings"):
        read_wordings(table)
