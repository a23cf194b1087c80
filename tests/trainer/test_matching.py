"""Match runs: what they begin with, and what several of them leave together."""

from dataclasses import replace

import pytest
import torch

from engine.errors import InputError
from engine.models.folder import write_model
from engine.models.match_model import TagView, load_model, load_tokenizer
from engine.models.spec import read_spec
from trainer.data.pairs import FeaturePairs, Pool
from trainer.loop.config import Rates, RunConfig
from trainer.loop.run import Run
from trainer.recipes.match import beginning, matched
from trainer.recipes.tags import joined

POOL = Pool(torch.randn(40, 384), torch.rand(40, 5), tuple(["door", "rain"] * 20))
QUICK = RunConfig(steps=3, tower_steps=0, batch=8, rates=Rates(1e-2, 1e-2, 0.0), init_seed=0)


@pytest.fixture
def runs(model_folder, tmp_path):
    """Train twice from one model, and once from another start."""
    folders = []
    for number, seed in enumerate((1, 2, 3)):
        model, tokenizer = beginning(model_folder, model_folder)
        if number == 2:
            model.text_head.layers[0].bias.data.add_(1.0)
        config = replace(QUICK, seed=seed)
        Run(tmp_path / f"run{seed}", model, tokenizer, FeaturePairs(POOL), config).run()
        folders.append(tmp_path / f"run{seed}")
    return folders


def test_runs_from_one_model_leave_the_mean_between_it_and_them(runs, model_folder):
    spec, start = read_spec(model_folder), load_model(model_folder).state_dict()
    one, two = (matched([run], spec).state_dict() for run in runs[:2])
    for share in (0.0, 0.4, 1.0):
        mean = matched(runs[:2], spec, model_folder, share).state_dict()
        for name in ("audio_head.layers.0.weight", "text_head.layers.3.bias", "metric.factor"):
            ends = (one[name] + two[name]) / 2
            expected = share * start[name] + (1 - share) * ends
            assert torch.allclose(mean[name], expected, atol=1e-6)
            assert not torch.allclose(ends, start[name], atol=1e-4)


def test_a_model_is_gone_on_from_as_it_is(model_folder):
    model, _ = beginning(model_folder, model_folder)
    expected = load_model(model_folder).state_dict()
    assert all(torch.equal(own, expected[name]) for name, own in model.state_dict().items())


def test_what_began_otherwise_is_not_averaged(runs, model_folder):
    spec = read_spec(model_folder)
    with pytest.raises(InputError, match="started from different weights"):
        matched([runs[0], runs[2]], spec)
    with pytest.raises(InputError, match="started from different weights"):
        matched([runs[2]], spec, model_folder)
    (runs[1] / "matched.safetensors").unlink()
    with pytest.raises(InputError, match=r"run2 is not a finished run of `soundsift train match`"):
        matched(runs[:2], spec)


def test_a_model_with_two_views_is_no_beginning(model_folder, tmp_path):
    base = load_model(model_folder)
    views = tuple(TagView(width, 8, 5).eval().requires_grad_(False) for width in (384, 16))
    both = joined(base, views, 0.5, torch.randn(60, 16))
    write_model(tmp_path / "two", both, model_folder / "tokenizer.json", torch.randn(60, 384))
    assert load_tokenizer(tmp_path / "two")
    with pytest.raises(InputError, match="has a second view, under whose metric"):
        beginning(tmp_path / "two", tmp_path)
