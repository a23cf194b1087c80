"""How fast does ``soundsift train fit`` go at the paper's scale, and what does it wait for?

Run with ``python -m benchmarks.paper_scale --device cuda``: an AudioCaps of the real size
(49,838 clips of 10 s in train, 494 in val) is made on the spot, PANNs' ResNet38 and BERT-base
start with random weights, and some hundred steps of 256 pairs are trained in bfloat16, with a
validation.  It needs 40 GB of disk (``--folder`` says where); where a GPU is too small,
``--micro-batch`` helps.  On a CPU everything is small, unless options say otherwise.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from benchmarks.report import report
from benchmarks.scales import SCALES, write_text_encoder
from benchmarks.synthetic_audiocaps import write_audiocaps
from engine.progress import Control, Progress
from trainer.cli import main as train

_CLIPS = {"paper": (49_838, 494, 300), "small": (48, 8, 6)}  # train, validation, steps


class Watch:
    """Notices how long every stage takes, and what is told."""

    def __init__(self) -> None:
        self.stages: dict[str, float] = {}
        self.events: list[dict[str, Any]] = []
        self._stage, self._began = "", 0.0

    @contextmanager
    def __call__(self) -> Iterator[Control]:
        """Give a control; a stage lasts until the next one begins."""
        yield Control(self._update)
        self._close(time.perf_counter())

    def told(self, name: str) -> list[dict[str, Any]]:
        """Return the events of one kind."""
        return [event for event in self.events if event["event"] == name]

    def _update(self, progress: Progress) -> None:
        if progress.stage != self._stage:
            now = time.perf_counter()
            self._close(now)
            self._stage, self._began = progress.stage, now

    def _close(self, now: float) -> None:
        if self._stage:
            self.stages[self._stage] = self.stages.get(self._stage, 0.0) + now - self._began


def measured(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Make the set, train on it, and return what was noticed."""
    scale = SCALES[options.scale]
    clips, held, steps = _CLIPS[options.scale]
    clips, held, steps = options.clips or clips, options.held or held, options.steps or steps
    seconds = options.seconds or scale.seconds
    began = time.perf_counter()
    captions = write_audiocaps(folder / "audiocaps", clips, held, seconds)
    made_s = time.perf_counter() - began
    encoder = write_text_encoder(folder / "bert", scale, captions)
    if options.device.startswith("cuda"):
        torch.cuda.reset_peak_memory_stats()
    watch, run = Watch(), folder / "run"
    name = f"audiocaps:{folder / 'audiocaps'}"
    arguments = [
        *("fit", run, "--set", name, "--validation", name, "--encoder", scale.encoder),
        *("--text-encoder", encoder, "--dimensions", scale.dimensions, "--steps", steps),
        *("--batch", options.batch or scale.batch, "--longest", seconds, "--bf16"),
        *("--micro-batch", options.micro_batch or scale.micro_batch, "--device", options.device),
        *("--head-rate", 1e-4, "--text-rate", 1e-4, "--audio-rate", 1e-4, "--patience", 0),
        *(() if options.workers is None else ("--workers", options.workers)),
        *(("--compile",) if options.compile else ()),
    ]
    if train([str(argument) for argument in arguments], watch, watch.events.append):
        raise SystemExit("the training failed")
    (fed,) = watch.told("fed")
    losses = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    losses = [event["loss"] for event in losses if event["event"] == "loss"]
    checks = watch.told("validation")
    on_gpu = options.device.startswith("cuda")
    return {
        "device": torch.cuda.get_device_name() if on_gpu else "CPU",
        "encoder": scale.encoder,
        "clips": clips,
        "hours": clips * seconds / 3600,
        "batch": options.batch or scale.batch,
        "compiled": options.compile,
        "steps": steps,
        "made_s": made_s,
        "decoded_s": watch.stages.get("decoding", 0.0),
        "training_s": watch.stages.get("training", 0.0),
        "steps/s": fed["steps_per_s"],
        "waiting": fed["waited"],
        "GB": torch.cuda.max_memory_allocated() / 1e9 if on_gpu else 0.0,
        "first loss": losses[0],
        "last loss": losses[-1],
        "t2a R@10": checks[-1]["text_to_audio_r10"] if checks else float("nan"),
    }


def main(arguments: list[str] | None = None) -> list[dict[str, Any]]:
    """Measure and print; of a GPU also write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--scale", choices=SCALES)
    parser.add_argument("--folder", type=Path, help="where to work (default: a temporary one)")
    parser.add_argument("--clips", type=int, help="of the training split")
    parser.add_argument("--held", type=int, help="clips of the validation split")
    parser.add_argument("--seconds", type=float, help="of a clip")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--batch", type=int)
    parser.add_argument("--micro-batch", type=int)
    parser.add_argument("--workers", type=int)
    parser.add_argument("--compile", action="store_true")
    options = parser.parse_args(arguments)
    on_gpu = options.device.startswith("cuda")
    options.scale = options.scale or ("paper" if on_gpu else "small")
    if options.folder is not None:
        options.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        rows = [measured(options, Path(folder))]
    report("paper_scale", "fit on a synthetic AudioCaps", rows, keep=on_gpu)
    return rows


if __name__ == "__main__":
    main()
