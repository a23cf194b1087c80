"""How many steps a second does end-to-end training take, and what share of the possible is that?

Run with ``python -m benchmarks.training_step`` (a small layout on a CPU), or with
``--device cuda`` (the paper's: PANNs' ResNet38 and BERT-base with random weights, 256 sounds of
10 s at 32 kHz, 1,024 dimensions).  Each kind of run is timed: float32 and bfloat16, as it
stands and compiled.  Beside it stand what the machine's products and copies reach in the same
minute, the step's operations, and how near it comes to the roofline of both.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.report import report
from benchmarks.roofline import Counted, best_s, machine_rates, settle
from benchmarks.scales import SCALES, Scale, word_tokenizer
from engine.models.text_towers import CaptionTokenizer
from trainer.data.cache import Cache
from trainer.data.sound_pairs import Crops, SoundPairs
from trainer.loop.config import Rates, RunConfig
from trainer.loop.embedding import LoaderConfig
from trainer.loop.run import Run

KINDS = ("fp32", "bf16", "fp32+compile", "bf16+compile")
_WORDS = "a heavy wooden door creaks slowly open in an old empty house near wood number"


def noises(scale: Scale, rate_hz: int) -> SoundPairs:
    """Return twice a batch of noises in memory, each under a caption of its own."""
    clips, samples = 2 * scale.batch, int(scale.seconds * rate_hz)
    second = np.random.default_rng(0).integers(-3000, 3000, rate_hz, np.int16)
    values = np.resize(second, clips * samples)[:, None]
    starts = np.arange(clips, dtype=np.int64) * samples
    names = tuple(map(str, range(clips)))
    cache = Cache(values, starts, np.full(clips, samples), names)
    captions = [(f"{_WORDS} {name}",) for name in names]
    return SoundPairs(cache, captions, rate_hz, Crops(scale.seconds))


def measured(
    scale: Scale, kind: str, device: str, steps: int, workers: int, counted: Counted | None = None
) -> tuple[dict[str, Any], Counted]:
    """Time some steps of one kind of run; count one of them, unless that was done before.

    :return: a row of the table, and the count.
    """
    precise, _, compiled = kind.partition("+")
    # Convolutions in float32 take TF32 on a GPU: so shall the products they are held against.
    torch.set_float32_matmul_precision("high")
    model = scale.model().requires_grad_(True)
    source = noises(scale, model.spec.front_end.rate_hz)
    tokenizer = CaptionTokenizer(word_tokenizer(source.texts), scale.text.longest_tokens)
    config = RunConfig(
        steps=10_000,
        tower_steps=10_000,
        batch=scale.batch,
        micro_batch=scale.micro_batch,
        rates=Rates(audio_tower=1e-5),
        mixed_precision=precise == "bf16",
    )
    dtype = torch.bfloat16 if config.mixed_precision else torch.float32
    rates = machine_rates(device, dtype)
    with tempfile.TemporaryDirectory() as folder:
        feeding = LoaderConfig(workers, compiled=bool(compiled))
        run = Run(Path(folder), model, tokenizer, source, config, device, feeding=feeding)
        if counted is None:
            with Counted(rates) as counted:
                run.train_step()
        for _ in range(2):
            run.train_step()
        if device.startswith("cuda"):
            torch.cuda.reset_peak_memory_stats()
        settle(device)
        waited_s, began = run.loader.waited_s, time.perf_counter()
        for _ in range(steps):
            run.train_step()
        settle(device)
        step_s = (time.perf_counter() - began) / steps
        waited_s = (run.loader.waited_s - waited_s) / steps
        run.loader.close()
        loss_s = _loss_s(run, scale)
    row = {
        "kind": kind,
        "batch": scale.batch,
        "micro-batch": scale.micro_batch,
        "steps/s": 1 / step_s,
        "pairs/s": scale.batch / step_s,
        "waiting": waited_s / step_s,
        "loss": loss_s / step_s,
        "GB": _peak_bytes(device) / 1e9,
        "TFLOP a step": counted.flops / 1e12,
        "matmul TFLOP/s": rates.flops_per_s / 1e12,
        "copy GB/s": rates.bytes_per_s / 1e9,
        "of matmul": counted.flops / rates.flops_per_s / step_s,
        "of roofline": counted.least_s / step_s,
    }
    return row, counted


def _loss_s(run: Run, scale: Scale) -> float:
    """Return how long the plan and its gradient take."""
    keys = [str(number) for number in range(scale.batch)]
    x, y = (
        torch.nn.functional.normalize(torch.randn(scale.batch, scale.dimensions), dim=1)
        .to(run.device)
        .requires_grad_()
        for _ in range(2)
    )
    return best_s(lambda: torch.autograd.grad(run._loss(x, y, keys), [x, y]), run.device, 3)


def _peak_bytes(device: str) -> int:
    """Return the most memory that was used: of the device, or of this process ever."""
    if device.startswith("cuda"):
        return torch.cuda.max_memory_allocated()
    try:
        import resource
    except ImportError:  # there is none on Windows
        return 0
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used if sys.platform == "darwin" else 1024 * used


def main(arguments: list[str] | None = None) -> list[dict[str, Any]]:
    """Measure and print; of a GPU also write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--scale", choices=SCALES)
    parser.add_argument("--batch", type=int)
    parser.add_argument("--micro-batch", type=int)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--kinds", nargs="+", choices=KINDS)
    options = parser.parse_args(arguments)
    on_gpu = options.device.startswith("cuda")
    scale = SCALES[options.scale or ("paper" if on_gpu else "small")]
    batch = options.batch or scale.batch
    micro = min(options.micro_batch or scale.micro_batch, batch)
    scale = Scale(scale.encoder, scale.text, scale.dimensions, batch, micro, scale.seconds)
    counts: dict[str, Counted] = {}
    rows = []
    for kind in options.kinds or (KINDS if on_gpu else KINDS[:2]):
        precise = kind.partition("+")[0]
        if precise not in counts and precise != kind:
            parser.error(f"{kind} is counted as {precise}: name that kind before it")
        row, counts[precise] = measured(
            scale, kind, options.device, options.steps, options.workers, counts.get(precise)
        )
        rows.append({"device": _name(options.device), **row})
    question = f"one step end to end, {scale.encoder}, {scale.seconds:g} s sounds"
    report("training_step", question, rows, keep=on_gpu)
    return rows


def _name(device: str) -> str:
    return torch.cuda.get_device_name() if device.startswith("cuda") else "CPU"


if __name__ == "__main__":
    main()
