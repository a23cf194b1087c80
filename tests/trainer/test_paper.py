"""The recipe `paper`: every setting of the paper's appendix, on a run as it is built."""

import csv
import json
from argparse import Namespace
from dataclasses import replace
from pathlib import Path

import pytest
import soundfile
import torch
from safetensors.torch import load_file

from engine.errors import InputError
from engine.models import panns
from engine.models.match_model import Metric, load_model
from engine.models.spec import read_spec
from engine.torch_setup import prepare_torchaudio
from tests.conftest import WORDS, tone, write_tokenizer
from trainer.cli import main, options_of
from trainer.data.sets import Captioned
from trainer.loop.config import RunConfig
from trainer.loop.run import Run
from trainer.objectives.ground_metric import make_ground_metric, scaled_cost, symmetric_start
from trainer.objectives.losses import ObjectiveConfig, contrastive_loss
from trainer.recipes import fit
from trainer.recipes.fit_config import FitConfig, read_config, write_config
from trainer.recipes.paper import OURS, PAPER, PAPER_CODE, RECIPES
from trainer.recipes.settings import settled


@pytest.fixture(scope="module", autouse=True)
def narrow():
    """Make ResNet38 shallow and its last maps few: else each run writes gigabytes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(panns, "FEATURES", 32)
        patch.setattr(panns, "TOWER", replace(panns.TOWER, features=32))
        patch.setattr(panns, "_DEPTHS", (1, 1, 1, 1))
        yield


@pytest.fixture(scope="module")
def encoders(narrow, tmp_path_factory) -> tuple[Path, Path]:
    """Return a checkpoint of PANNs' layout and a folder of BERT's, both random."""
    folder = tmp_path_factory.mktemp("encoders")
    torch.manual_seed(0)
    prepare_torchaudio()
    import transformers

    torch.save({"model": panns.ResNet38().state_dict()}, folder / "resnet38.pth")
    config = transformers.BertConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=32,
    )
    transformers.BertModel(config).save_pretrained(folder / "bert")
    write_tokenizer(folder / "bert" / "tokenizer.json")
    return folder / "resnet38.pth", folder / "bert"


@pytest.fixture(scope="module")
def clotho(tmp_path_factory) -> Path:
    """A toy Clotho: two sounds, five captions each."""
    folder = tmp_path_factory.mktemp("clotho")
    sounds = folder / "development"
    sounds.mkdir()
    with (folder / "clotho_captions_development.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["file_name", *(f"caption_{n}" for n in range(1, 6))])
        for number, noun in enumerate(("dog", "rain")):
            soundfile.write(sounds / f"{noun}.wav", tone(300 * (number + 1), 0.7), 32000)
            rows.writerow([f"{noun}.wav", *(f"a {noun} {word}" for word in WORDS[4:9])])
    return folder


@pytest.fixture(scope="module")
def paper_run(encoders, clotho, tmp_path_factory) -> tuple[Run, Path]:
    """Train two epochs of the recipe; give the run and its folder."""
    built: list[Run] = []

    class Kept(Run):
        def __init__(self, *given, **named) -> None:
            super().__init__(*given, **named)
            built.append(self)

    weights, bert = map(str, encoders)
    folder = tmp_path_factory.mktemp("runs") / "run"
    given = ["fit", str(folder), "--set", f"clotho:{clotho}", "--recipe", "paper"]
    given += ["--encoder", "panns-resnet38", "--weights", weights, "--text-encoder", bert]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fit, "Run", Kept)
        given += ["--dimensions", "32", "--epochs", "2"]
        assert main(given, show=lambda event: None) == 0
    return built[0], folder


def test_the_recipe_paper_is_the_papers_setting_on_the_built_run(paper_run):
    run, folder = paper_run
    model, config = run.model, run.config
    assert type(run.optimiser) is torch.optim.Adam
    rates = {group["peak"] for group in run.optimiser.param_groups}
    assert rates == {group["lr"] for group in run.optimiser.param_groups} == {1e-4}
    assert {group["weight_decay"] for group in run.optimiser.param_groups} == {0.0}
    assert len(run.optimiser.param_groups) == 4  # heads, M, and both towers, all along
    assert config.tower_steps == config.steps
    assert (config.objective.name, config.objective.epsilon) == ("mltm", 0.05)
    assert (config.ground_metric, config.metric_start) == ("projected", "symmetric")
    assert (config.cost_scale, config.clip) == ("batch_max", 2.0)
    assert (config.average_decay, config.feature_noise, config.patience) == (0.0, 0.0, 0)
    assert not config.mixed_precision
    assert {d.p for d in (model.audio_head.layers[2], model.text_head.layers[2])} == {0.2}
    kinds = [type(layer).__name__ for layer in model.audio_head.layers]
    assert kinds == ["Linear", "ReLU", "Dropout", "Linear"]
    assert bool((model.audio_head.deviation == 1).all())  # features are not standardised
    assert vars(config.augment) | {"filter_knots": 0} == dict.fromkeys(vars(config.augment), 0)
    assert model.text_tower.spec.pooling == "first"
    assert not model.audio_tower.embeds
    assert model.audio_tower.training
    assert run.source._longest == 30 * 32000
    assert all(len(texts) == 5 for texts in run.source.captions)
    spec = read_spec(folder / "model")
    assert spec.ranking.cost_scale > 1.0
    assert load_model(folder / "model").spec == spec


def test_the_recipe_names_the_papers_sizes_and_an_option_wins_over_it():
    given = ["fit", "run", "--set", "clotho:x", "--recipe", "paper"]
    config = FitConfig.of(options_of(given))
    assert (config.batch, config.dimensions, config.epochs) == (256, 1024, 30.0)
    pairs = [Captioned(Path("a.wav"), ("a", "b", "c", "d", "e"))] * 200
    assert fit._run_config(config, pairs, 1, "cpu").steps == round(30 * 1000 / 256)
    config = FitConfig.of(options_of([*given, "--batch", "64", "--augment"]))
    assert (config.batch, config.augment) == (64, True)


def test_a_file_may_name_a_recipe_and_what_is_written_back_says_all_of_it(tmp_path):
    given = tmp_path / "short.toml"
    given.write_text('recipe = "paper"\nset = ["folder:x"]\nclip = 1.0\n')
    config = FitConfig.of(Namespace(**read_config(given)))
    assert (config.metric, config.dimensions, config.clip) == ("projected", 1024, 1.0)
    whole = tmp_path / "whole.toml"
    write_config(whole, config)
    assert FitConfig(**read_config(whole)) == config
    given.write_text('recipe = "soup"\n')
    with pytest.raises(InputError, match="--recipe soup is not one of ours, paper, paper_code"):
        FitConfig.of(Namespace(**read_config(given)))


def test_an_epoch_hears_every_caption_of_every_sound(paper_run):
    run, _ = paper_run
    assert (run.config.batch, run.config.steps) == (10, 2)  # two epochs of ten captions


def test_every_recipe_settles_the_same_things():
    assert set(OURS) == set(PAPER) == set(PAPER_CODE)
    ours = FitConfig.of(options_of(["fit", "run", "--set", "x:y"]))
    assert {name: getattr(ours, name) for name in OURS} == OURS
    assert {name for name in PAPER if PAPER[name] != PAPER_CODE[name]} == {"metric"}
    for recipe in RECIPES.values():
        fields = {k: recipe[k] for k in ("optimiser", "schedule", "clip", "dropout", "cost_scale")}
        assert replace(RunConfig(), **fields)


def test_the_averages_of_the_audio_towers_batches_reach_the_finished_model(paper_run):
    _, folder = paper_run
    name = "audio_tower.bn0.running_mean"
    start = torch.zeros(64)  # a random checkpoint's
    assert not torch.equal(load_file(folder / "matched.safetensors")[name], start)
    assert not torch.equal(load_file(folder / "model" / "weights.safetensors")[name], start)
    assert json.loads((folder / "config.json").read_text())["tower_training"]


def test_the_embedding_without_the_dense_layers_is_pooled_over_frequency_then_time():
    torch.manual_seed(0)
    whole, short = panns.ResNet38().eval(), panns.ResNet38({"discarded_layers": 2}).eval()
    short.load_state_dict(whole.state_dict())
    maps = []
    whole.conv_block_after1.register_forward_hook(lambda module, given, out: maps.append(out))
    log_mel = torch.randn(1, 64, 96)
    with torch.no_grad():
        embedded, pooled = whole(log_mel), short(log_mel)
    frames = maps[0].mean(3)  # (1, maps, time)
    assert torch.allclose(pooled, frames.amax(2) + frames.mean(2))
    assert torch.allclose(embedded, torch.relu(whole.fc1(pooled)), atol=1e-5)


def test_the_papers_start_of_m_is_symmetric_with_1_added_to_every_entry():
    start = symmetric_start(64)
    assert torch.equal(start, start.T)
    assert start.min() >= 1.0
    assert start.max() <= 2.0
    off = ~torch.eye(64, dtype=torch.bool)
    assert start[off].std() == pytest.approx((1 / 24) ** 0.5, rel=0.1)


def test_the_projected_metric_starts_on_the_cone_and_the_codes_metric_reads_a_diagonal():
    torch.manual_seed(0)
    metric = Metric(8, 8)
    projected = make_ground_metric("projected", metric, start="symmetric")
    assert torch.linalg.eigvalsh(projected.matrix).min() > -1e-5
    code = make_ground_metric("paper_code", metric, start="symmetric")
    x, y = torch.randn(3, 8), torch.randn(4, 8)
    before = code.cost(x, y)
    with torch.no_grad():
        code.matrix += torch.randn(8, 8) * (1 - torch.eye(8))
    assert torch.equal(code.cost(x, y), before)
    u, s, v = torch.linalg.svd(code.matrix)  # what its code calls a projection changes nothing
    assert torch.allclose((u * s.clamp(min=0)) @ v, code.matrix, atol=1e-5)


def test_under_batch_max_the_loss_does_not_depend_on_the_scale_of_m():
    cost = torch.rand(5, 5) + 0.1
    assert scaled_cost(cost, "batch_max").max() == 1.0
    assert torch.equal(scaled_cost(cost, "fixed", 2.0), cost / 2)
    scale = torch.tensor(1.0, requires_grad=True)
    scaled_cost(scale * cost, "batch_max").square().sum().backward()
    assert scale.grad is not None
    assert abs(float(scale.grad)) < 1e-5


def test_gradients_are_clipped_by_their_norm(paper_run, monkeypatch):
    run, _ = paper_run
    monkeypatch.setattr(run, "config", replace(run.config, clip=0.01))
    seen = []
    step = run.optimiser.step

    def measured() -> None:
        groups = run.optimiser.param_groups
        norms = [p.grad.norm() for g in groups for p in g["params"] if p.grad is not None]
        seen.append(float(torch.stack(norms).norm()))
        step()

    monkeypatch.setattr(run.optimiser, "step", measured)
    run.train_step()
    assert seen[0] > 0.0
    assert seen[0] <= 0.01 * 1.001


def entropy_of(cost: torch.Tensor) -> float:
    """Return the mean entropies of the ranking matrix's rows plus those of its columns."""
    logits = (1.0 - 0.5 * cost.square()) / 0.07
    parts = [torch.special.entr(torch.softmax(logits, axis)).sum(axis).mean() for axis in (0, 1)]
    return float(sum(parts))


def test_the_entropic_term_is_the_negative_entropy_of_the_ranking_matrix():
    cost = torch.rand(6, 6) + 0.5
    target = torch.eye(6) / 6
    plain, regular = contrastive_loss(cost, target), contrastive_loss(cost, target, 0.07, 0.3)
    assert float(regular - plain) == pytest.approx(-0.3 * entropy_of(cost), rel=1e-4)


def test_training_with_the_entropic_term_ends_in_a_softer_ranking():
    ends = []
    for coefficient in (0.0, 0.5):
        cost = (torch.rand(6, 6, generator=torch.Generator().manual_seed(0)) + 0.5).requires_grad_()
        optimiser = torch.optim.SGD([cost], lr=0.01)
        for _ in range(200):
            optimiser.zero_grad()
            contrastive_loss(cost, torch.eye(6) / 6, 0.07, coefficient).backward()
            optimiser.step()
        ends.append(entropy_of(cost.detach()))
    assert ends[1] > 1.5 * ends[0]


def test_losses_without_a_plan_compare_cosines_under_the_recipe():
    for loss, metric in (("contrastive", "euclidean"), ("mltm", "projected")):
        config = RunConfig(objective=ObjectiveConfig(loss))
        assert settled(config, PAPER).ground_metric == metric
    assert settled(RunConfig(objective=ObjectiveConfig("triplet")), OURS).ground_metric == "full"


@pytest.mark.parametrize("metric", ["full", "diagonal", "euclidean"])
def test_a_metric_without_a_start_of_its_own_wins_over_the_recipe_for_every_loss(metric):
    config = RunConfig(objective=ObjectiveConfig("contrastive"))
    assert settled(config, {**PAPER, "metric": metric}).ground_metric == metric


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--clip", -1.0, "give a number of at least 0"),
        (
            "--average",
            1.0,
            "give a number of at least 0 and of at most 0.9999",
        ),
        (
            "--dropout",
            1.5,
            "give a number of at least 0 and of at most 0.9999",
        ),
        (
            "--feature-noise",
            float("nan"),
            "give a number of at least 0",
        ),
    ],
)
def test_a_setting_outside_its_range_is_told_in_a_sentence(
    option, value, words, clotho, model_folder, tmp_path, capsys
):
    given = ["fit", str(tmp_path / "run"), "--set", f"clotho:{clotho}", "--base", str(model_folder)]
    assert main([*given, option, str(value)], show=lambda event: None) == 1
    assert f"{option} {value} is not possible: {words}" in capsys.readouterr().err
