import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from engine.audio.decode import decode
from engine.errors import InputError
from engine.models.efficientat import EfficientAt
from engine.models.frontend import LogMel
from engine.models.spec import FrontEnd
from engine.progress import Cancelled
from tests.conftest import tone
from trainer.data import cache as caches
from trainer.data.augment import Mixing, scenes
from trainer.recipes import distil
from trainer.recipes.distil import DistillConfig, Distiller

QUIET = Mixing(0.0, 0.0, gain_db=(0.0, 0.0), filter_db=0.0, warp_probability=0.0)


@pytest.fixture
def cache(tmp_path: Path, sounds: Path) -> caches.Cache:
    caches.build_spectra(tmp_path / "cache", sorted(sounds.rglob("*.wav")), FrontEnd())
    return caches.load(tmp_path / "cache")


def test_a_cache_holds_each_clips_log_mel(cache, sounds):
    log_mel = LogMel(FrontEnd())
    for index, path in enumerate(sorted(sounds.rglob("*.wav"))):
        expected = log_mel(torch.from_numpy(decode(path, 32000))).T
        assert np.allclose(cache.clip(index), expected.numpy(), atol=2e-3)


def test_long_files_keep_their_middle_and_broken_ones_are_told(tmp_path):
    signal = np.concatenate([tone(500, 2), tone(2000, 2), tone(500, 2)])
    soundfile.write(tmp_path / "long.wav", signal, 32000)
    (tmp_path / "broken.wav").write_bytes(b"")
    told: list[str] = []
    paths = [tmp_path / "broken.wav", tmp_path / "long.wav"]
    caches.build_spectra(
        tmp_path / "c", paths, FrontEnd(), 1.0, skipped=lambda p, r: told.append(r)
    )
    (clip,) = (caches.load(tmp_path / "c").clip(0),)
    middle = LogMel(FrontEnd())(torch.from_numpy(tone(2000, 1.0)).float())
    assert len(clip) == 100
    assert abs(int(clip.mean(0).argmax()) - int(middle.mean(1).argmax())) <= 1
    assert told == ["broken.wav is empty"]


def test_an_absent_cache_is_told(tmp_path):
    with pytest.raises(InputError, match="is not a cache of spectra"):
        caches.load(tmp_path)


def test_an_unmixed_scene_is_a_crop(cache):
    made = scenes([cache], FrontEnd(), QUIET, np.random.default_rng(0), 16, 20)
    clips = [torch.from_numpy(np.array(cache.clip(i))).float().T for i in range(12)]
    for scene in made:
        best = min(
            (clip.unfold(1, 20, 1).permute(1, 0, 2) - scene).abs().amax((1, 2)).min()
            for clip in clips
        )
        assert best < 0.02


def test_mixing_adds_powers(cache):
    alone = scenes([cache], FrontEnd(), QUIET, np.random.default_rng(5), 8, 30)
    loud = Mixing(1.0, 0.0, (0.0, 0.0), (0.0, 0.0), 0.0, warp_probability=0.0)
    mixed = scenes([cache], FrontEnd(), loud, np.random.default_rng(5), 8, 30)
    assert (mixed >= alone - 0.01).all()
    assert (mixed > alone + 0.05).any()


def test_scenes_depend_on_their_seed_alone(cache):
    one, two = (
        scenes([cache], FrontEnd(), Mixing(), np.random.default_rng(3), 4, 40) for _ in range(2)
    )
    assert torch.equal(one, two)
    assert torch.isfinite(one).all()


@pytest.fixture
def start(tmp_path, cache):
    def make(name: str) -> Distiller:
        torch.manual_seed(1)
        config = DistillConfig(
            minutes=1e9, warm_up=0.0, batch_frames=512, crop_frames=(64,), mixed_precision=False
        )
        teacher = EfficientAt()
        return Distiller(tmp_path / name, teacher, [cache], cache, config, FrontEnd())

    return make


def test_the_student_learns_from_the_teacher(start):
    run = start("run")
    first = sum(run.train_step().values())
    last = sum(min((run.train_step() for _ in range(25)), key=lambda t: sum(t.values())).values())
    assert last < 0.7 * first


def test_a_resumed_run_goes_on_where_it_stopped(start):
    calm, stopped = start("calm"), start("stopped")
    for _ in range(4):
        calm.train_step()
    for _ in range(2):
        stopped.train_step()
    stopped.save()
    resumed = start("stopped")
    assert resumed.step == 2
    for _ in range(2):
        resumed.elapsed_s = calm.elapsed_s  # the schedule follows the clock, not the step
        resumed.train_step()
    for name, value in calm.average.items():
        assert torch.allclose(value, resumed.average[name], atol=1e-5), name


def test_a_run_leaves_a_log_a_checkpoint_and_a_student(start):
    run = start("run")
    run.train_step()
    run.log({"event": "validation", **run.validate()})
    run.save()
    event = json.loads((run.folder / "log.jsonl").read_text())
    assert event["event"] == "validation"
    assert event["r2"] <= 1.0
    names = {path.name for path in run.folder.iterdir()}
    assert {"config.json", "checkpoint.pt", "student.safetensors"} <= names


def test_a_run_of_some_minutes_leaves_snapshots_and_stops_when_asked(start, monkeypatch):
    monkeypatch.setattr(distil, "_SNAPSHOT_S", 0.0)
    monkeypatch.setattr(distil, "_LOG_EVERY", 1)
    run = start("run")

    def stop(step: int, terms: dict[str, float]) -> None:
        if step == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        run.run(stop)
    events = [json.loads(line) for line in (run.folder / "log.jsonl").read_text().splitlines()]
    assert [event["event"] for event in events] == ["loss", "loss", "stopped"]
    assert torch.load(run.folder / "checkpoint.pt", weights_only=True)["step"] == 2
    assert (run.folder / "student-0000min.safetensors").is_file()
    again = start("run")
    again.elapsed_s = 60.0 * again.config.minutes  # its time is up
    again.run()
    last = json.loads((run.folder / "log.jsonl").read_text().splitlines()[-1])
    assert (last["event"], again.finished) == ("validation", True)


def test_what_a_killed_run_logged_since_its_checkpoint_is_not_there_twice(start):
    run = start("run")
    for _ in range(4):
        terms = run.train_step()
        run.log({"event": "loss", **terms})
        if run.step == 2:
            run.save()
    with (run.folder / "log.jsonl").open("a") as file:
        file.write('{"step": 5, "ev')  # killed in the middle of a line
    resumed = start("run")
    resumed.train_step()
    resumed.log({"event": "loss"})
    lines = (run.folder / "log.jsonl").read_text().splitlines()
    told = [(event["step"], event["event"]) for event in map(json.loads, lines)]
    assert told == [(1, "loss"), (2, "loss"), (2, "resumed"), (3, "loss")]


def test_a_gradient_that_is_no_number_does_not_enter_the_student(start):
    run = start("run")
    run.train_step()
    run.save()
    before = {name: value.clone() for name, value in run.model.state_dict().items()}
    weight = next(run.model.parameters())
    weight.register_hook(lambda gradient: gradient * torch.nan)
    with pytest.raises(InputError, match="the gradient's norm is nan at step 2"):
        run.train_step()
    parameters = dict(run.model.named_parameters())
    assert all(torch.equal(before[name], p) for name, p in parameters.items())
    assert torch.load(run.folder / "checkpoint.pt", weights_only=True)["step"] == 1
