"""Two processes on one batch do what one process does."""

import pickle
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.multiprocessing as multiprocessing

from engine.errors import InputError
from engine.models.match_model import load_model
from engine.models.text_towers import CaptionTokenizer
from trainer.data.pairs import FeaturePairs, Pool
from trainer.loop.config import RunConfig
from trainer.loop.failures import sentences_for_failures
from trainer.loop.parallel import FailedElsewhere, World, world
from trainer.loop.run import Run

CONFIG = RunConfig(
    steps=2,
    tower_steps=1,
    batch=8,
    micro_batch=3,
    feature_noise=0.0,
    dropout=0.0,  # every process draws its own
    mixed_precision=False,
)


def make_run(model_folder: Path, folder: Path, processes: World) -> Run:
    generator = torch.Generator().manual_seed(0)
    model = load_model(model_folder).requires_grad_(True)
    labels = ("door", "rain", "bell", "wind", "dog", "cat") * 2
    pool = Pool(torch.randn(12, 384, generator=generator), torch.zeros(12, 2), labels)
    data = (model_folder / "tokenizer.json").read_bytes()
    tokenizer = CaptionTokenizer.from_bytes(data, 16)
    return Run(folder, model, tokenizer, FeaturePairs(pool), CONFIG, world=processes)


def outcome(run: Run) -> dict:
    """Take two steps; gradients are the first's, before Adam blows rounding up.

    The text tower, which decays, learns in the second only.
    """
    first = run.train_step()
    named = dict(run.model.named_parameters())
    gradients = {n: p.grad.clone() for n, p in named.items() if p.grad is not None}
    tower = {n: p.detach().clone() for n, p in named.items() if n.startswith("text_tower.")}
    losses = [first, run.train_step()]
    later = {n for n, p in named.items() if p.grad is not None}
    return {"losses": losses, "gradients": gradients, "tower": tower, "later": later}


def work(rank: int, model_folder: Path, folder: Path, port: int) -> None:
    import os

    torch.set_num_threads(1)
    os.environ |= {
        "RANK": str(rank),
        "WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }
    with world("cpu") as (processes, device):
        assert device == "cpu"
        run = make_run(model_folder, folder / f"run{rank}", processes)
        assert processes.agree(rank) == 0
        result = outcome(run)
        run.save()
        with (folder / f"{rank}.pickle").open("wb") as file:
            pickle.dump(result, file)


def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_two_processes_have_the_loss_and_gradients_of_one(model_folder, tmp_path):
    alone = outcome(make_run(model_folder, tmp_path / "alone", World()))
    multiprocessing.spawn(work, (model_folder, tmp_path, free_port()), nprocs=2)
    for rank in (0, 1):
        with (tmp_path / f"{rank}.pickle").open("rb") as file:
            together = pickle.load(file)
        assert together["losses"] == pytest.approx(alone["losses"], rel=1e-4)
        assert set(together["gradients"]) == set(alone["gradients"])
        assert together["later"] == alone["later"] > set(alone["gradients"])
        for name, weight in alone["tower"].items():
            assert torch.equal(weight, together["tower"][name]), name
        for name, gradient in alone["gradients"].items():
            other = together["gradients"][name]
            assert torch.allclose(other, gradient, rtol=1e-3, atol=1e-6), name
    assert (tmp_path / "run0" / "checkpoint.pt").exists()
    assert not (tmp_path / "run1" / "checkpoint.pt").exists()  # only the leader writes


@pytest.mark.parametrize(("size", "ends"), [("2", FailedElsewhere), ("1", RuntimeError)])
def test_where_another_process_was_killed_this_one_ends_in_silence(
    tmp_path, monkeypatch, size, ends
):
    monkeypatch.setenv("WORLD_SIZE", size)
    with (
        pytest.raises(ends),
        sentences_for_failures(tmp_path),
    ):  # the group of processes is left already
        raise RuntimeError("[pair.cc:553] Connection closed by peer [127.0.0.1]:36266.")


def test_a_batch_that_cannot_be_shared_is_told(model_folder, tmp_path):
    with pytest.raises(InputError, match="a batch of 8 is not divisible by 3"):
        make_run(model_folder, tmp_path, World(0, 3))


def test_shares_cover_a_batch_once():
    shares = [World(rank, 4).share(12) for rank in range(4)]
    assert sorted(i for share in shares for i in range(12)[share]) == list(range(12))
    assert replace(World(), size=1).share(5) == slice(0, 5)
