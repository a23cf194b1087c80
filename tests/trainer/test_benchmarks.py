"""The benchmarks that wait for a GPU run on a CPU in small, and count what they say they count."""

import csv
import math

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import paper_scale, report, training_step
from benchmarks.roofline import Counted, MachineRates
from benchmarks.scales import SCALES
from benchmarks.synthetic_audiocaps import write_audiocaps
from engine.models.compact import Compact
from engine.models.outline import outline
from trainer.data.sets import read_set


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.setattr(report, "RESULTS", tmp_path / "results")
    before = torch.get_float32_matmul_precision()
    yield
    torch.set_float32_matmul_precision(before)


def test_operations_are_those_that_torch_counts():
    def step() -> None:
        tower = Compact()
        tower(torch.randn(2, 128, 40)).sum().backward()

    with FlopCounterMode(display=False) as expected:
        step()
    with Counted(MachineRates(1e9, 1e9)) as counted:
        step()
    assert counted.flops == expected.get_total_flops() > 0


def test_an_operation_takes_the_longer_of_its_arithmetic_and_its_tensors():
    a, b = torch.randn(8, 8), torch.randn(8, 8)
    for rates, least_s in ((MachineRates(1.0, 1e12), 1024.0), (MachineRates(1e12, 1.0), 768.0)):
        with Counted(rates) as counted:
            a @ b
        assert (counted.flops, counted.bytes) == (2 * 8**3, 3 * 8 * 8 * 4)
        assert counted.least_s == pytest.approx(least_s)
    with Counted(MachineRates(1.0, 1.0)) as counted:
        a.t(), a.view(64, 1), a[2:]
    assert (counted.flops, counted.bytes) == (0, 0)  # a view moves nothing


def test_the_papers_scale_is_the_papers():
    scale = SCALES["paper"]
    assert (scale.batch, scale.dimensions, scale.seconds) == (256, 1024, 10.0)
    assert scale.spec.front_end.rate_hz == 32000
    shapes = outline(scale.spec)
    parameters = {
        side: sum(math.prod(shape) for name, shape in shapes.items() if name.startswith(side)) / 1e6
        for side in ("audio_tower", "text_tower")
    }
    assert parameters["audio_tower"] == pytest.approx(73.8, abs=0.5)  # ResNet38's table
    assert parameters["text_tower"] == pytest.approx(109, abs=1)  # BERT-base without its pooler


def test_a_training_step_is_measured_against_the_machine(tmp_path):
    (row,) = training_step.main(["--batch", "4", "--steps", "1", "--kinds", "fp32"])
    assert 0 <= row["waiting"] < 1
    assert row["of roofline"] > row["of matmul"] > 0
    assert row["TFLOP a step"] > 0
    assert not (tmp_path / "results").exists()  # figures of a smoke run are nobody's


def test_the_synthetic_audiocaps_is_read_as_the_real_one_is(tmp_path):
    captions = write_audiocaps(tmp_path, 7, 2, 0.5)
    train, valid = (read_set(f"audiocaps:{tmp_path}", split) for split in ("train", "val"))
    assert [len(sound.captions) for sound in train] == [1] * 7
    assert [len(sound.captions) for sound in valid] == [5] * 2
    assert {text for sound in (*train, *valid) for text in sound.captions} == set(captions)
    with (tmp_path / "train.csv").open(newline="") as file:
        again = list(csv.reader(file))
    write_audiocaps(tmp_path, 7, 2, 0.5)
    with (tmp_path / "train.csv").open(newline="") as file:
        assert list(csv.reader(file)) == again


def test_fit_at_the_papers_scale_runs_in_small(tmp_path, capsys):
    (row,) = paper_scale.main(
        ["--clips", "8", "--held", "2", "--seconds", "0.3", "--steps", "2", "--batch", "4"]
    )
    assert (row["clips"], row["steps"]) == (8, 2)
    assert row["first loss"] > 0
    assert 0 <= row["t2a R@10"] <= 1
    assert row["steps/s"] > 0
    assert "fit on a synthetic AudioCaps" in capsys.readouterr().out
    assert not (tmp_path / "results").exists()
