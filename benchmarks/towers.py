"""How many seconds of audio does each audio tower hear in a second, on one thread?

Run with ``python -m benchmarks.towers``.  HTSAT, the tower of the paper, stands beside them
with random weights of its true size.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from torch import Tensor

from benchmarks.report import report
from engine.models.compact import Compact
from engine.models.efficientat import EfficientAt
from engine.models.frontend import LogMel
from engine.models.pair import Pair
from engine.models.spec import FrontEnd
from engine.models.towers import COMPACT, MN04, PAIR
from engine.torch_setup import prepare_torchaudio

BATCH, CLIP_S, REPEATS = 8, 10.0, 3


def seconds_per_second(work: Callable[[], Tensor]) -> float:
    """Return how many seconds of audio ``work`` hears in one."""
    with torch.inference_mode():
        work()
        began = time.perf_counter()
        for _ in range(REPEATS):
            work()
        return BATCH * CLIP_S * REPEATS / (time.perf_counter() - began)


def htsat() -> torch.nn.Module:
    """Return CLAP's audio tower with random weights."""
    prepare_torchaudio()
    from transformers import ClapAudioConfig, ClapAudioModel

    return ClapAudioModel(ClapAudioConfig()).eval()


def main() -> None:
    """Measure and print."""
    torch.set_num_threads(1)
    waveform = 0.1 * torch.randn(BATCH, int(CLIP_S * 32000))
    log_mel = LogMel(FrontEnd())
    frames = log_mel(waveform)
    work: dict[str, tuple[int, Callable[[], Tensor]]] = {
        "log-mel front end": (0, lambda: log_mel(waveform))
    }
    for name, tower in ((COMPACT, Compact()), (MN04, EfficientAt()), (PAIR, Pair())):
        tower.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        size = sum(p.numel() for p in tower.parameters())
        work[name] = (size, lambda tower=tower: tower(frames))  # type: ignore[misc]
    clap = htsat()
    image = torch.randn(BATCH, 1, 1001, 64)
    size = sum(p.numel() for p in clap.parameters())
    work["CLAP HTSAT, random weights"] = (size, lambda: clap(image).pooler_output)
    speeds = {name: seconds_per_second(run) for name, (_, run) in work.items()}
    slowest = speeds["CLAP HTSAT, random weights"]
    rows = [
        {
            "what": name,
            "M parameters": work[name][0] / 1e6,
            "audio s per s": speed,
            "against HTSAT": speed / slowest,
        }
        for name, speed in speeds.items()
    ]
    report("towers", f"audio heard by one thread, batches of {BATCH} clips of {CLIP_S:g} s", rows)


if __name__ == "__main__":
    main()
