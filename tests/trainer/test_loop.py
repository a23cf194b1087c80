import numpy as np
import pytest
import torch

from engine.models.match_model import load_model
from engine.models.text_towers import CaptionTokenizer
from trainer.loop import MltmConfig, MltmRun
from trainer.losses import OBJECTIVES, ObjectiveConfig
from trainer.pairs import PairSource, Pool, TaggedCaption

CONFIG = MltmConfig(steps=12, tower_steps=5, batch=8, caption_share=0.25)


@pytest.fixture
def start(model_folder, tmp_path):
    """Return a function that starts (or resumes) a run in a folder."""

    def make(name: str, config: MltmConfig = CONFIG) -> MltmRun:
        torch.manual_seed(3)
        model = load_model(model_folder).requires_grad_(True)
        data = (model_folder / "tokenizer.json").read_bytes()
        generator = torch.Generator().manual_seed(0)
        labels = ("door", "rain", "bell", "wind", "dog", "cat")
        centres = torch.randn(6, 384, generator=generator)
        features = torch.cat([centres + 0.3 * torch.randn(6, 384, generator=generator)] * 3)
        tags = torch.eye(6).repeat(3, 1)
        captions = [TaggedCaption(f"a sound of {label}", frozenset({label})) for label in labels]
        pairs = PairSource(Pool(features, tags, labels * 3), captions, list(labels))
        tokenizer = CaptionTokenizer.from_bytes(data, 16)
        return MltmRun(tmp_path / name, model, tokenizer, pairs, config)

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
    config = MltmConfig(
        steps=150, tower_steps=0, batch=12, head_rate=3e-3, objective=ObjectiveConfig(name)
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
    run = start("short", MltmConfig(steps=3, tower_steps=400, batch=8))
    run.run()
    assert run.step == 3
    assert (run.folder / "matched.safetensors").is_file()


def test_the_audio_tower_is_never_touched(start):
    run = start("audio")
    before = {k: v.clone() for k, v in run.model.audio_tower.state_dict().items()}
    run.run()
    now = run.model.audio_tower.state_dict()
    assert all(torch.equal(before[k], now[k]) for k in before)
