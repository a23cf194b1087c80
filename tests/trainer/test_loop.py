import errno
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from engine.errors import InputError
from engine.models.match_model import load_model
from engine.models.text_towers import CaptionTokenizer
from tests import warm
from trainer.data.pairs import FeaturePairs, Pool, TaggedCaption
from trainer.loop.checkpoint import CheckpointPolicy, read_checkpoint
from trainer.loop.config import Rates, RunConfig
from trainer.loop.run import Run
from trainer.objectives.ground_metric import METRICS
from trainer.objectives.losses import OBJECTIVES, ObjectiveConfig

# What torch raises where it finds no compiler; its own is slow to import.
NO_COMPILER = type("InductorError", (RuntimeError,), {"__module__": "torch._inductor.exc"})
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


class KilledError(Exception):
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


@pytest.mark.parametrize(("every", "judged"), [(100, [12]), (5, [5, 10, 12]), (6, [6, 12])])
def test_the_last_step_is_always_validated(start, every, judged):
    run = start("last", replace(CONFIG, validate_every=every), validate=lambda model: {"score": 0})
    run.run()
    assert [e["step"] for e in events(run) if e["event"] == "validation"] == judged


def test_a_loss_that_is_no_number_stops_the_run_with_a_sentence(start):
    run = start("nan")
    run.train_step()
    run.save()
    run.source.pool.features[:] = torch.nan
    with pytest.raises(
        InputError, match=r"the loss is nan at step 2: lower the learning rates.* keeps the"
    ):
        run.run()
    state = torch.load(run.folder / "checkpoint.pt", weights_only=True)
    assert state["step"] == 1
    assert not any(t.isnan().any() for t in state["average"].values())


def test_a_checkpoint_that_there_is_not_is_not_spoken_of(start):
    run = start("nan at once")
    run.source.pool.features[:] = torch.nan
    with pytest.raises(
        InputError, match=r"at step 1: lower the learning rates, in another folder$"
    ):
        run.run()


@pytest.mark.parametrize("rows", [8, 3])
@pytest.mark.parametrize("wrong", [torch.nan, torch.inf])
def test_a_gradient_that_is_no_number_does_not_enter_the_weights(start, rows, wrong):
    run = start("gradient", replace(CONFIG, micro_batch=rows))
    run.train_step()
    run.save()
    before = {name: p.clone() for name, p in run.model.named_parameters()}
    average = {name: value.clone() for name, value in run.average.items()}
    weight = run.model.audio_head.layers[0].weight
    calls = []

    def explode(gradient):
        calls.append(1)
        return gradient * wrong if len(calls) == -(-8 // rows) else gradient  # the last part's

    weight.register_hook(explode)
    with pytest.raises(InputError, match=r"the gradient's norm is (nan|inf) at step 2: lower"):
        run.run()
    assert all(torch.equal(before[n], p) for n, p in run.model.named_parameters())
    assert all(torch.equal(average[n], value) for n, value in run.average.items())
    assert torch.load(run.folder / "checkpoint.pt", weights_only=True)["step"] == 1


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "the disk that holds .* is full"),
        (torch.OutOfMemoryError("CUDA out of memory"), "lower --micro-batch"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "lower --micro-batch"),
        (
            NO_COMPILER("InvalidCxxCompiler: No working C++ compiler found\n\nSet TORCH_LOGS"),
            r"be compiled here \(InvalidCxxCompiler: No.* found\): leave out --compile$",
        ),
    ],
)
def test_want_of_memory_disk_or_a_compiler_is_a_sentence_and_the_checkpoint_stays(
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
    with pytest.raises(InputError, match="differs in steps and objective: continue with"):
        start("changed", replace(CONFIG, steps=99, objective=ObjectiveConfig("triplet")))
    assert start("changed").step == 1


def events(run: Run) -> list[dict]:
    return [json.loads(line) for line in (run.folder / "log.jsonl").read_text().splitlines()]


def test_a_log_stopped_and_killed_many_times_reads_like_an_undisturbed_one(start):
    config = replace(CONFIG, steps=60, tower_steps=0, validate_every=5)

    def validate(model):
        return {"score": float(model.audio_head.layers[0].weight.sum())}

    calm = start("calm", config, validate=validate)
    calm.run()

    def stop(step: int, loss: float) -> None:
        if step in (1, 7, 33):
            raise StopError

    for kill_at in (4, 30, 41):  # after which nothing is saved any more
        run = start("often", config, validate=validate, keeping=CheckpointPolicy(steps=6))
        inner = run.save

        def save(run=run, inner=inner, kill_at=kill_at):
            if run.step >= kill_at:
                raise KilledError
            inner()

        run.save = save
        with pytest.raises((StopError, KilledError)):
            run.run(stop)
    last = start("often", config, validate=validate)
    last.run()
    told = [event for event in events(last) if event["event"] not in ("stopped", "resumed")]
    assert told == events(calm)
    assert {"stopped", "resumed"} <= {event["event"] for event in events(last)}
    assert {"gradient_norm", "rates", "iterations", "marginal_error"} <= told[0].keys()
    assert told[0]["rates"].keys() == {"heads", "metric", "text_tower"}
    for name, value in calm.averaged_weights().items():
        assert torch.equal(value, last.averaged_weights()[name]), name


def test_a_checkpoint_is_due_by_time_too(start, monkeypatch):
    clock = iter(range(0, 100000, 100))
    monkeypatch.setattr("trainer.loop.checkpoint.time.monotonic", lambda: next(clock))
    run = start("clock", keeping=CheckpointPolicy(steps=0, seconds=300.0))
    saved: list[int] = []
    inner = run.save

    def save():
        saved.append(run.step)
        inner()

    run.save = save
    run.run()
    assert saved[:2] == [3, 6]


def test_a_checkpoint_holds_every_generators_state(start):
    run = start("random")
    run.train_step()
    run.save()
    expected = torch.randn(3)
    torch.manual_seed(99)
    start("random")
    assert torch.equal(torch.randn(3), expected)
    (state,) = torch.load(run.folder / "checkpoint.pt", weights_only=True)["random"]
    assert state.keys() == {"cpu"}


KILLED = """
import os, sys, torch
from pathlib import Path
from trainer.loop.checkpoint import write_checkpoint
folder = Path(sys.argv[1])
inner = torch.save
def save(state, file):
    inner(state, file)
    if state["step"] == 2:
        file.truncate(file.tell() // 2)
        file.flush()
        os.kill(os.getpid(), 9)
torch.save = save
for step in (1, 2):
    write_checkpoint(folder, {"step": step, "values": torch.full((1000,), float(step))})
"""


def test_a_process_killed_while_it_writes_leaves_the_last_checkpoint(tmp_path):
    assert warm.script(KILLED, tmp_path).returncode == -9
    assert (tmp_path / "checkpoint.part").exists()
    state = read_checkpoint(tmp_path, "cpu")
    assert state["step"] == 1
    assert bool((state["values"] == 1.0).all())


@pytest.mark.parametrize(
    ("data", "sentence"), [(b"half", "is damaged: delete it"), (None, "another version")]
)
def test_a_checkpoint_that_cannot_be_used_is_a_sentence(start, data, sentence):
    run = start("unusable")
    path = run.folder / "checkpoint.pt"
    if data is None:
        torch.save({"model": {}, "progress": {}}, path)
    else:
        path.write_bytes(data)
    with pytest.raises(InputError, match=sentence):
        start("unusable")


@pytest.mark.parametrize(
    "change",
    [
        {"step": None},
        {"step": "one"},
        {"model": {"another": torch.ones(2)}},
        {"best": {"worst": 1}},
        {"optimiser": {}},
        {"random": [{"cpu": torch.zeros(3)}]},
        {"log": "long"},
    ],
)
def test_a_checkpoint_of_something_else_is_a_sentence(start, change):
    run = start("something else")
    run.train_step()
    run.save()
    path = run.folder / "checkpoint.pt"
    torch.save(torch.load(path, weights_only=True) | change, path)
    with pytest.raises(InputError, match="is damaged: delete it"):
        start("something else")


def test_one_wrong_bit_in_a_checkpoint_is_seen(start):
    run = start("bit")
    run.save()
    path = run.folder / "checkpoint.pt"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match="is damaged: delete it"):
        start("bit")


@pytest.mark.parametrize("data", [b'{"steps": ', b"[]", b"[1]", b"\xff"])
def test_a_configuration_that_cannot_be_read_back_is_a_sentence(start, data):
    run = start("unread")
    run.train_step()
    run.save()
    (run.folder / "config.json").write_bytes(data)
    with pytest.raises(InputError, match="unread"):
        start("unread")


def test_half_a_line_of_the_log_is_taken_out(start):
    run = start("half a line")
    run.log({"event": "loss", "loss": 1.0})
    run.log({"event": "loss", "loss": 2.0})
    run.save()
    path = run.folder / "log.jsonl"
    path.write_bytes(path.read_bytes()[:-5])
    assert [e["event"] for e in events(start("half a line"))] == ["loss", "resumed"]


def test_a_finished_run_that_is_started_again_keeps_its_best(start):
    scores = iter([0.9, 0.1])
    config = replace(CONFIG, validate_every=6)
    run = start("again", config, validate=lambda model: {"score": next(scores)})
    run.run()
    before, log = (run.folder / "matched.safetensors").read_bytes(), events(run)
    start("again", config).run()
    assert (run.folder / "matched.safetensors").read_bytes() == before
    assert events(run) == log


@pytest.mark.parametrize("every", [0, 6])
def test_a_finished_run_writes_weights_anew_that_were_deleted(start, every):
    scores = iter([0.9, 0.1])
    config = replace(CONFIG, validate_every=every)
    run = start("deleted", config, validate=lambda model: {"score": next(scores)})
    run.run()
    path = run.folder / "matched.safetensors"
    before = load_file(path)
    path.unlink()
    again = start("deleted", config)
    again.run()
    assert again.step == CONFIG.steps
    assert all(torch.equal(value, before[name]) for name, value in load_file(path).items())
    path.write_bytes(b"half of it")
    with pytest.raises(InputError, match=r"matched.safetensors is missing or damaged: delete what"):
        start("deleted", config).result()


def test_the_best_of_steps_that_were_lost_is_not_taken(start):
    config = replace(CONFIG, steps=6, validate_every=2)
    run = start("lost", config, validate=lambda model: {"score": float(run.step)})
    for _ in range(2):
        run.train_step()
    run._validate()
    run.save()
    for _ in range(2):
        run.train_step()
    run._validate()  # and killed, before it was saved
    resumed = start("lost", config, validate=lambda model: {"score": 0.0})
    assert [path.name for path in run.folder.glob("best-*")] == ["best-2.safetensors"]
    resumed.run()
    kept = load_file(run.folder / "best-2.safetensors")
    ended = load_file(run.folder / "matched.safetensors")
    assert all(torch.equal(kept[name], value) for name, value in ended.items())


def test_a_figure_that_is_not_there_or_no_number_cannot_be_stopped_by(start):
    config = replace(CONFIG, validate_every=1, patience=2, score="map")
    run = start("figure", config, validate=lambda model: {"r1": 1.0, "r10": 1.0})
    with pytest.raises(InputError, match="no figure map to stop by: choose one of r1, r10"):
        run.run()
    run = start("none", replace(config, score="r1"), validate=lambda model: {"r1": float("nan")})
    with pytest.raises(InputError, match="the validation's r1 is not a number at step 1"):
        run.run()


def test_any_figure_of_a_validation_can_be_stopped_by(start):
    config = replace(CONFIG, steps=100, validate_every=2, patience=3, score="map")
    scores = iter([0.1, 0.3, 0.2, 0.2, 0.2, 0.9])
    run = start("map", config, validate=lambda model: {"score": 1.0, "map": next(scores)})
    run.run()
    assert run.step == 10


def test_seeds_of_one_start_begin_with_the_same_weights(start):
    one, two = (start(f"seed {n}", replace(CONFIG, seed=n, init_seed=5)) for n in (1, 2))
    assert one.started_from == two.started_from
    one.train_step(), two.train_step()
    name = "audio_head.layers.0.weight"
    assert not torch.equal(one.model.state_dict()[name], two.model.state_dict()[name])


def test_figures_go_to_a_board_under_their_names(start, monkeypatch):
    shown = []

    class Board:
        def add_scalar(self, name, value, step):
            shown.append((name, step))

        def flush(self):
            pass

    monkeypatch.setattr("trainer.loop.run.tensorboard", lambda folder, step: Board())
    start("board", board=True).run()
    assert {("loss/loss", 1), ("loss/rates/heads", 12), ("loss/gradient_norm", 12)} <= set(shown)


def test_tensorboard_reads_what_a_run_writes(start):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = start("tensorboard", board=True)
    run.run()
    read = EventAccumulator(str(run.folder / "tensorboard"))
    read.Reload()
    assert [event.step for event in read.Scalars("loss/loss")] == [1, 12]
