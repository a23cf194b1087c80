"""The second view: learnt apart, joined under one metric, and left alone by what learns later."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from engine.errors import InputError, ModelError
from engine.models.folder import write_model
from engine.models.match_model import (
    MatchModel,
    TagView,
    TextEncoder,
    load_model,
    load_text_encoder,
    load_tokenizer,
)
from engine.models.spec import read_spec
from engine.progress import Control
from engine.transport import mahalanobis_cost
from trainer.data.pairs import FeaturePairs, Pool
from trainer.loop.config import Rates, RunConfig
from trainer.loop.run import Run
from trainer.recipes.tags import (
    TagConfig,
    captions_view,
    joined,
    learn_views,
    read_views,
    sounds_view,
    tagged_texts,
    write_views,
)

TAGS, QUICK = 5, TagConfig(steps=150, batch=32, rate=0.03, hidden=16, dropout=0.0)


def view(width: int, seed: int) -> TagView:
    torch.manual_seed(seed)
    made = TagView(width, 8, TAGS).eval()
    made.scale.copy_(torch.rand(TAGS) + 0.5)
    return made


@pytest.fixture
def base(model_folder) -> MatchModel:
    model = load_model(model_folder)
    model.metric.factor.data.add_(0.1 * torch.randn(32, 32))
    return model


@pytest.fixture
def views() -> tuple[TagView, TagView]:
    return view(384, 1), view(16, 2)


def features(count: int = 60) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(count, 384), torch.randn(count, 16)


def squares(model: MatchModel, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return mahalanobis_cost(model.map_features(x), model.map_text_features(y)).square()


def test_a_view_weighs_each_tag_by_how_much_more_than_usual_it_is():
    made = view(16, 3)
    x = torch.randn(4, 16)
    weighed = torch.sigmoid(made.read(x)).sqrt() * made.scale
    assert torch.allclose(made(x), weighed / weighed.norm(dim=1, keepdim=True), atol=1e-6)
    sure = made.layers[3].bias.data.fill_(-200.0)
    assert bool(torch.isfinite(made(x)).all()), sure


@pytest.mark.parametrize("weight", [0.25, 1.0])
def test_both_views_stand_under_one_metric(base, views, weight):
    x, y = features()
    wide = replace(base.spec, rank=32 + TAGS)
    whole = MatchModel(base.spec)
    whole.load_state_dict(base.state_dict())
    whole.spec = wide
    both = joined(whole.eval(), views, weight, y)
    second = torch.cdist(views[0](x), views[1](y)).square()
    expected = squares(base, x, y) + weight * second
    assert torch.allclose(squares(both, x, y), expected, atol=1e-4)


def test_a_joined_metric_of_the_same_rank_loses_least_of_the_spread(base, views):
    x, y = features()
    both = joined(base, views, 0.5, y)
    assert both.metric.factor.shape == (32, 32 + TAGS)
    assert both.map_features(x).shape == (60, 32)
    second = torch.cdist(views[0](x), views[1](y)).square()
    exact = squares(base, x, y) + 0.5 * second
    assert bool((squares(both, x, y) <= exact + 1e-4).all())
    factor = torch.block_diag(base.metric.factor, 0.5**0.5 * torch.eye(TAGS))
    mapped = both.text_head(y)
    spread = torch.linalg.eigvalsh(torch.cov((mapped @ factor.T).T)).detach()
    kept = float(torch.cov((mapped @ both.metric.factor.T).T).trace().detach())
    assert kept == pytest.approx(float(spread[-32:].sum()), rel=1e-4)


def test_a_joined_model_is_a_folder_like_any_other(base, views, model_folder, tmp_path):
    x, y = features()
    both = joined(base, views, 0.5, y)
    write_model(tmp_path / "two", both, model_folder / "tokenizer.json", x)
    spec = read_spec(tmp_path / "two")
    assert (spec.tags, spec.tag_hidden, spec.rank) == (TAGS, 8, 32)
    assert spec.id != read_spec(model_folder).id
    assert spec.audio_id == read_spec(model_folder).audio_id  # stored features stay good
    again = load_model(tmp_path / "two")
    assert torch.allclose(again.map_features(x), both.map_features(x), atol=5e-3)
    captions = ["door", "rain in the woods"]
    vectors = load_text_encoder(tmp_path / "two")(captions)
    tokenizer = load_tokenizer(model_folder)
    assert torch.allclose(vectors, TextEncoder(both, tokenizer)(captions), atol=5e-3)


def test_between_two_wordings_lies_the_mean_direction_of_each_view(base, views, model_folder):
    both = joined(base, views, 0.5, features()[1])
    text_encoder = TextEncoder(both, load_tokenizer(model_folder))
    x = text_encoder.embed(["door", "rain"]).mean(0)
    parts = [part / part.norm() for part in (x[:32], x[32:])]
    expected = both.metric(torch.cat(parts))
    assert torch.allclose(text_encoder.between([["door", "rain"]])[0], expected, atol=1e-5)


def test_what_learns_later_leaves_the_second_view_alone(base, views, model_folder, tmp_path):
    both = joined(base, views, 0.5, features()[1])
    before = {n: t.clone() for n, t in both.state_dict().items()}
    pool = Pool(torch.randn(40, 384), torch.rand(40, TAGS), tuple(["door", "rain"] * 20))
    config = RunConfig(steps=4, tower_steps=0, batch=8, rates=Rates(1e-2, 1e-2, 0.0))
    config = replace(config, metric_pull=1e-3, dropout=0.0, feature_noise=0.0)
    tokenizer = load_tokenizer(model_folder)
    run = Run(tmp_path / "run", both, tokenizer, FeaturePairs(pool), config)
    assert not run.model.audio_head.tags.training
    assert float(run.metric.penalty().detach()) == 0.0  # it is pulled to where it starts
    run.run()
    after = run.finished_model().state_dict()
    moved = {name for name, tensor in after.items() if not torch.equal(tensor, before[name])}
    assert not {name for name in moved if ".tags." in name}
    assert {"metric.factor", "audio_head.layers.0.weight", "text_head.layers.3.bias"} <= moved


def test_captions_learn_which_tags_they_speak_of():
    x = torch.randn(400, 12)
    tags, even = (x[:, :TAGS] > 0.5).float(), torch.ones(400)
    state = torch.get_rng_state()
    made, again = (captions_view(x, tags, even, x, QUICK) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(made(x), again(x))
    said = torch.sigmoid(made.read(x))
    assert float(((said > 0.5) == tags.bool()).float().mean()) > 0.95
    assert torch.allclose(made.scale, said.mean(0).clamp(min=1e-4).rsqrt(), rtol=1e-4)
    rare = captions_view(x, tags, even, x[x[:, 0] < 0], QUICK)
    assert float(rare.scale[0]) > 1.5 * float(made.scale[0])


def test_weights_say_how_often_a_text_is_drawn():
    x, tags = torch.eye(2).repeat(20, 1), torch.ones(40, 1)
    tags[1::2] = 0.0
    weights = torch.ones(40)
    weights[1::2] = 0.0
    made = captions_view(x, tags, weights, x, QUICK)
    assert float(torch.sigmoid(made.read(x)).min()) > 0.4  # it saw no row without the tag


def test_sounds_learn_the_view_that_the_teacher_has():
    x = torch.randn(600, 12)
    heard = torch.sigmoid(3 * x[:, :TAGS])
    made = sounds_view(x, heard, replace(QUICK, steps=400, hidden=32))
    assert torch.allclose(made.scale, heard.mean(0).rsqrt(), rtol=1e-4)
    wanted = made.of_logits(torch.logit(heard))
    assert float((made(x) * wanted).sum(1).mean()) > 0.995
    unlearned = TagView(12, 32, TAGS).eval().requires_grad_(False)
    unlearned.scale.copy_(made.scale)
    assert float((unlearned(x) * wanted).sum(1).mean()) < 0.97


def test_a_stopped_view_leaves_no_trace_in_what_is_random():
    def stop(step: int) -> None:
        raise InterruptedError

    x, state = torch.randn(8, 4), torch.get_rng_state()
    with pytest.raises(InterruptedError):
        sounds_view(x, torch.full((8, 2), 0.5), QUICK, stop)
    assert torch.equal(torch.get_rng_state(), state)


def test_views_are_kept_as_safetensors(views, tmp_path):
    write_views(tmp_path / "run", *views)
    for kept, made in zip(read_views(tmp_path / "run"), views, strict=True):
        x = torch.randn(3, made.mean.shape[0])
        assert torch.equal(kept(x), made(x))
    with pytest.raises(ModelError, match=r"tags\.safetensors cannot be read"):
        read_views(tmp_path)
    save_file({"audio.scale": torch.ones(3)}, tmp_path / "tags.safetensors")
    with pytest.raises(ModelError, match=r"tags\.safetensors contains no view of audio: run"):
        read_views(tmp_path)


@pytest.fixture
def texts(tmp_path):
    """Give a data folder with two captions that speak of two tags."""
    text = tmp_path / "data" / "text"
    text.mkdir(parents=True)
    (text / "class_labels_indices.csv").write_text(
        "index,mid,display_name\n0,/m/1,Rain\n1,/m/2,Dog\n"
    )
    (text / "audiocaps_labels.csv").write_text(
        "split,youtube_id,caption,audioset_labels\n"
        "train,a,a dog in the rain,Dog; Rain\ntrain,b,a cat,Cat\nval,c,rain falls,Rain\n"
    )
    rows = [{"name": "Dog", "description": "A barking animal."}, {"name": "X", "description": ""}]
    (text / "ontology.json").write_text(json.dumps(rows))
    return tmp_path / "data"


def test_captions_names_and_descriptions_speak_of_tags(texts):
    said = tagged_texts(texts, 0.6)
    rain, dog = ([said.texts[row] for row in column.nonzero()] for column in said.tags.T)
    assert said.captions == 1
    assert rain == ["a dog in the rain", "Rain", "rain", "This is a sound of rain."]
    assert dog[0] == "a dog in the rain"
    assert dog[-1] == "A barking animal."
    assert np.allclose([said.weights[:1].sum(), said.weights.sum()], [0.6, 1.0])
    (texts / "text" / "ontology.json").write_text("{")
    with pytest.raises(InputError, match=r"ontology\.json cannot be read"):
        tagged_texts(texts, 0.6)


def test_both_views_are_learnt_from_a_data_folder(texts, model_folder, tmp_path):
    text_encoder = load_text_encoder(model_folder)
    x = torch.randn(50, 384)
    pool = Pool(x, torch.sigmoid(x[:, :2]), ("",) * 50)
    seen: list[tuple[int, int | None]] = []
    control = Control(lambda progress: seen.append((progress.done, progress.total)))
    learn_views(tmp_path / "run", texts, pool, text_encoder, control, QUICK, QUICK)
    assert (seen[0], seen[-1]) == ((1, 300), (300, 300))
    audio, text = read_views(tmp_path / "run")
    assert float(((torch.sigmoid(audio.read(x)) - pool.tag_probabilities).abs()).mean()) < 0.15
    of_rain, of_else = text.read(text_encoder.features(["rain", "barking"])).argmax(1).tolist()
    assert (of_rain, of_else) == (0, 1)


def test_a_spec_with_half_a_view_is_damaged(model_folder, tmp_path):
    folder = tmp_path / "copy"
    folder.mkdir()
    document = json.loads((model_folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps({**document, "tags": 7}))
    with pytest.raises(ModelError, match="tags without tag_hidden"):
        read_spec(folder)
