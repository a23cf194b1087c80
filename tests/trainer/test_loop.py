import errno
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from engine.errors import InputError
from engine.models.match_model import load_model
from engine.models.text_towers import CaptionTokenizer
from trainer.data.pairs import FeaturePairs, Pool, TaggedCaption
from trainer.loop.run import Rates, Run, RunConfig
from trainer.objectives.ground_metric import METRICS
from trainer.objectives.losses import OBJECTIVES, ObjectiveConfig

CONFIG = RunConfig(steps=12, tower_steps=5, batch=8)


@pytest.fixture
def start(model_folder, tmp_path):
    """Return a function that starts (or resumes) a run in a folder."""

    def make(name: str, config: RunConfig = CONFIG, **more) -> Run:
        torch.manual_seed(3)
        model = load_model(model_folder).requires_grad_(True)
        data = (model_folder / "tokenizer.json").read_bytes()
        generator = torch.Generator().manual_seed(0)
        labels = ("door", "rain", "bell", "wind", "dog", "cat")
        centres = torch.randn(6, 384, generator=generator)
        features = torch.cat([centres + 0.3 * torch.randn(6, 384, generator=generator)] * 3)
        tags = torch.eye(6).repeat(3, 1)
        captions = [TaggedCaption(f"a sound of {label}", frozenset({label})) for label in labels]
        pairs = FeaturePairs(Pool(features, tags, labels * 3), captions, list(labels), 0.25)
        tokenizer = CaptionTokenizer.from_bytes(data, 16)
        return Run(tmp_path / name, model, tokenizer, pairs, config, **more)

    return make


class StopError(Exception):
    pass


@pytest.mark.parametrize("stop_at", [3, 7, 9])
def test_a_resumed_run_ends_in_the_same_weights_bit_by_bit(start, stop_at):
    calm = start("calm")
    calm.run()

    def interrupt(step: int, loss: float) -> None:
        if step == stop_at:
            raise StopError

    with pytest.raises(StopError):
        start("stopped").run(interrupt)
    resumed = start("stopped")
    assert resumed.step == stop_at
    resumed.run()
    for name, value in calm.model.state_dict().items():
        assert torch.equal(value, resumed.model.state_dict()[name]), name
    for name, value in calm.averaged_weights().items():
        assert torch.equal(value, resumed.averaged_weights()[name]), name


@pytest.mark.parametrize("name", OBJECTIVES)
def test_training_brings_pairs_together(start, name):
    losses: list[float] = []
    config = RunConfig(
        steps=150,
        tower_steps=0,
        batch=12,
        rates=Rates(heads=3e-3),
        objective=ObjectiveConfig(name),
    )
    run = start(name, config)
    run.run(lambda step, loss: losses.append(loss))
    assert np.mean(losses[-10:]) < 0.6 * np.mean(losses[:10])


def test_the_text_tower_learns_only_in_its_steps(start):
    run = start("tower")
    before = {k: v.clone() for k, v in run.model.text_tower.state_dict().items()}
    while run.step < CONFIG.steps - CONFIG.tower_steps:
        run.train_step()
    now = run.model.text_tower.state_dict()
    assert all(torch.equal(before[k], now[k]) for k in before)
    run.train_step()
    now = run.model.text_tower.state_dict()
    assert not all(torch.equal(before[k], now[k]) for k in before)


def test_a_run_may_be_shorter_than_its_tower_steps(start):
    run = start("short", RunConfig(steps=3, tower_steps=400, batch=8))
    run.run()
    assert run.step == 3
    assert (run.folder / "matched.safetensors").is_file()


def test_the_audio_tower_is_never_touched(start):
    run = start("audio")
    before = {k: v.clone() for k, v in run.model.audio_tower.state_dict().items()}
    run.run()
    now = run.model.audio_tower.state_dict()
    assert all(torch.equal(before[k], now[k]) for k in before)


EXACT = RunConfig(
    steps=3, tower_steps=3, batch=8, feature_noise=0.0, mixed_precision=False, average_decay=0.0
)


def without_dropout(run: Run) -> Run:
    for module in run.model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    return run


def test_micro_batches_change_memory_not_the_result(start):
    whole, parts = (
        without_dropout(start(name, replace(EXACT, micro_batch=rows)))
        for name, rows in (("whole", 8), ("parts", 3))
    )
    for _ in range(EXACT.steps):
        assert whole.train_step() == pytest.approx(parts.train_step(), rel=1e-5)
    for (name, one), other in zip(
        whole.model.named_parameters(), parts.model.parameters(), strict=True
    ):
        assert torch.allclose(one, other, atol=2e-5), name


def test_micro_batches_where_one_side_learns_nothing(start):
    rates = Rates(heads=0.0, metric=0.0, text_tower=1e-3)
    run = start("text only", replace(EXACT, micro_batch=3, rates=rates))
    before = {name: p.clone() for name, p in run.model.named_parameters()}
    run.train_step()
    moved = {n for n, p in run.model.named_parameters() if not torch.equal(p, before[n])}
    assert moved
    assert all(name.startswith("text_tower.") for name in moved)


def test_micro_batches_keep_each_rows_dropout(start):
    """The second embedding of a part must draw what the first drew, or gradients are wrong."""
    run = start("dropout", replace(EXACT, micro_batch=3, feature_noise=0.3))
    embedded = []
    inner = run.embedder

    def watch(part):
        x, y = inner(part)
        embedded.append((x.detach(), y.detach()))
        return x, y

    run.embedder = watch
    run.train_step()
    first, second = embedded[:3], embedded[3:]
    for one, other in zip(first, second, strict=True):
        assert torch.equal(one[0], other[0])
        assert torch.equal(one[1], other[1])


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_learns_and_ends_as_a_factor(start, name):
    config = replace(
        CONFIG, steps=40, tower_steps=0, ground_metric=name, rates=Rates(heads=3e-3, metric=1e-2)
    )
    run = start(name, config)
    run.run()
    factor = run.averaged_weights()["metric.factor"]
    identity = torch.eye(len(factor))
    assert torch.allclose(factor, identity) == (name == "euclidean")


def test_a_pull_keeps_the_metric_near_the_identity(start):
    distance = []
    for pull in (0.0, 10.0):
        config = replace(CONFIG, steps=40, metric_pull=pull, rates=Rates(metric=1e-2))
        run = start(f"pull{pull}", config)
        run.run()
        factor = run.averaged_weights()["metric.factor"]
        distance.append(float((factor - torch.eye(len(factor))).norm()))
    assert distance[1] < 0.5 * distance[0]


def test_validation_keeps_the_best_and_stops_when_nothing_gets_better(start):
    scores = iter([0.2, 0.5, 0.4, 0.3, 0.9])
    config = replace(CONFIG, steps=100, validate_every=2, patience=2)
    kept = []

    def validate(model):
        kept.append(model.audio_head.layers[0].weight.clone())
        return {"score": next(scores)}

    run = start("early", config, validate=validate)
    run.run()
    assert run.step == 8  # two validations after the best one
    weights = load_file(run.folder / "matched.safetensors")
    assert torch.equal(weights["audio_head.layers.0.weight"], kept[1])
    assert torch.equal(run.result().audio_head.layers[0].weight, kept[1])


def test_a_loss_that_is_no_number_stops_the_run_with_a_sentence(start):
    run = start("nan")
    run.train_step()
    run.save()
    run.source.pool.features[:] = torch.nan
    with pytest.raises(InputError, match="the loss is nan at step 2: lower the rates"):
        run.run()
    state = torch.load(run.folder / "checkpoint.pt", weights_only=True)
    assert state["step"] == 1
    assert not any(t.isnan().any() for t in state["average"].values())


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "the disk of .* is full"),
        (torch.OutOfMemoryError("CUDA out of memory"), "lower --micro-batch"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "lower --micro-batch"),
    ],
)
def test_want_of_memory_or_disk_is_a_sentence_and_the_checkpoint_stays(
    start, monkeypatch, error, sentence
):
    run = start("wants")
    run.train_step()
    run.save()
    before = (run.folder / "checkpoint.pt").read_bytes()

    def fail(*given):
        raise error

    monkeypatch.setattr("trainer.loop.run.descend", fail)
    with pytest.raises(InputError, match=sentence):
        run.run()
    assert (run.folder / "checkpoint.pt").read_bytes() == before


def test_a_full_disk_leaves_the_old_checkpoint(start, monkeypatch):
    run = start("full")
    run.train_step()
    run.save()
    before = (run.folder / "checkpoint.pt").read_bytes()

    def fill(state, file):
        file.write(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(torch, "save", fill)
    with pytest.raises(InputError, match="free some space"):
        run.run()
    assert (run.folder / "checkpoint.pt").read_bytes() == before
    assert not (run.folder / "checkpoint.part").exists()


def test_a_run_goes_on_only_under_the_settings_it_began_with(start):
    run = start("changed")
    run.train_step()
    run.save()
    with pytest.raises(InputError, match="another steps and objective: go on with"):
        start("changed", replace(CONFIG, steps=99, objective=ObjectiveConfig("triplet")))
    assert start("changed").step == 1
