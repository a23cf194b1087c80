"""How fast is indexing, where does the time go, and how much faster than with CLAP?

Run with ``python -m benchmarks.indexing``.  It writes 400 five-second Ogg files and as many WAV
files (48 kHz, 24 bit, stereo) of the demo sounds, cut and coded, and 5,000 short WAV files, into a
temporary folder.  CLAP's HTSAT (``transformers.ClapAudioModel``, random weights of the true size)
hears the same files through the same decoder and threads; of five seconds it makes ten, as its
authors' front end does.  Without bfloat16 means: oneDNN is told that the processor has no
instructions for it, in a process of its own.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import soundfile
import torch

from app.demo.collection import descriptions, make_demo_sounds
from benchmarks.report import report
from engine.audio.decode import resampled, stream
from engine.audio.loudness import Loudness, LoudnessMeter
from engine.index.build import index_folders
from engine.index.headers import read_headers
from engine.index.scan import scan
from engine.models.catalog import find_model, models
from engine.models.match_model import load_audio_encoder
from engine.models.precision import in_best_precision
from engine.progress import Control
from engine.store import Library
from engine.torch_setup import prepare_torchaudio

FILES, FILE_S, MANY = 400, 5.0, 5000
FEW = 40  # files whose stages are timed one by one


def write_files(demo: Path, folder: Path, ending: str) -> None:
    """Write five-second files, all different, of the demo sounds."""
    folder.mkdir()
    sounds = [soundfile.read(demo / name) for name, _ in descriptions()]
    for number in range(FILES):
        samples, rate = sounds[number % len(sounds)]
        cut = np.roll(np.resize(samples, round(FILE_S * rate)), 997 * number)
        path = folder / f"{number:04d}.{ending}"
        if ending == "ogg":
            soundfile.write(path, cut, rate)
        else:
            blocks = resampled(iter([cut.astype(np.float32)]), rate, 48000)
            mono = np.concatenate(list(blocks))
            soundfile.write(path, np.stack([mono, mono], 1), 48000, subtype="PCM_24")


def write_many(folder: Path) -> None:
    """Write many short files."""
    random = np.random.default_rng(0)
    for number in range(MANY):
        path = folder / f"{number // 100:02d}" / f"{number:04d}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, random.normal(0, 0.1, 3200), 32000)


def index(root: Path, folder: Path, name: str) -> float:
    """Return the seconds that indexing a folder takes, the model's loading included."""
    path = root / f"{name}-{folder.name}.db"
    with Library(path) as library:
        began = time.perf_counter()
        index_folders(library, find_model(name), [folder], Control())
        return time.perf_counter() - began


def index_without_bfloat16(root: Path, folder: Path) -> float:
    """Return what :func:`index` does, on a processor that has float32 only."""
    script = (
        "import pathlib, sys; from benchmarks.indexing import index; "
        "print(index(*map(pathlib.Path, sys.argv[1:3]), sys.argv[3]))"
    )
    child = root / f"without-{folder.name}"
    child.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", script, str(child), str(folder), "default"],
        env=os.environ | {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE_VNNI"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return float(done.stdout)


def clap_seconds(folder: Path) -> float:
    """Return the seconds that CLAP's tower takes to hear a folder's files, decoding included."""
    prepare_torchaudio()
    from transformers import ClapAudioConfig, ClapAudioModel, ClapFeatureExtractor

    tower, extract = ClapAudioModel(ClapAudioConfig()).eval(), ClapFeatureExtractor()
    paths = sorted(folder.iterdir())
    began = time.perf_counter()
    with torch.inference_mode():
        for start in range(0, len(paths), 8):
            batch = [np.concatenate(list(stream(path, 48000))) for path in paths[start : start + 8]]
            given = extract(
                batch, sampling_rate=48000, truncation="rand_trunc", return_tensors="pt"
            )
            tower(input_features=given["input_features"])
    return time.perf_counter() - began


def stages(folder: Path) -> list[dict[str, object]]:
    """Time every stage alone, on one thread, beside what bounds it."""
    torch.set_num_threads(1)
    paths = sorted(folder.iterdir())[:FEW]
    audio_encoder = load_audio_encoder(find_model("default"))
    rate = audio_encoder.model.spec.front_end.rate_hz
    raw = [soundfile.read(path, dtype="float32", always_2d=True) for path in paths]
    mono = [(samples.mean(1), source) for samples, source in raw]
    at_rate = [np.concatenate(list(resampled(iter([m]), source, rate))) for m, source in mono]
    log_mels = [audio_encoder.log_mel(samples) for samples in at_rate]

    best = in_best_precision(audio_encoder)
    halves = [log_mels[: FEW // 2], log_mels[FEW // 2 :]]
    exact_s = timed(audio_encoder.features, halves)
    took = {
        "decode": timed(lambda p: soundfile.read(p, dtype="float32"), paths),
        "resample": timed(lambda m: list(resampled(iter([m[0]]), m[1], rate)), mono),
        "loudness": timed(measure, raw),
        "log-mel": timed(audio_encoder.log_mel, at_rate),
        "tower": timed(best.features, halves),
    }
    whole = sum(took.values())
    peak = peak_flops()
    audio_s = FEW * FILE_S
    tower_flops = flops_of(audio_encoder, log_mels[:1]) * FEW
    limits = {
        "decode": "libsndfile itself",
        "resample": "FFmpeg itself",
        "loudness": "products of matrices and numpy's maxima, all channels",
        "log-mel": "torch's FFT and eight products",
        "tower": (
            f"{str(best.precision).removeprefix('torch.')}, {exact_s / took['tower']:.1f} times "
            f"the rate in float32, which is {tower_flops / exact_s / peak:.1f} × a matrix product's"
        ),
    }
    return [
        {
            "what": f"{folder.name} on one thread: {name}",
            "audio s per s": audio_s / seconds,
            "share": f"{seconds / whole:.0%}",
            "beside": limits[name],
        }
        for name, seconds in took.items()
    ]


def measure(sound: tuple[np.ndarray, int]) -> Loudness:
    """Return how loud a sound is."""
    samples, rate = sound
    meter = LoudnessMeter(rate, samples.shape[1])
    meter.add(samples)
    return meter.loudness()


def timed(work: Callable[..., object], given: Iterable[object]) -> float:
    """Return the seconds of doing all, the best of three times."""
    items, best = list(given), float("inf")
    for _ in range(3):
        began = time.perf_counter()
        with torch.inference_mode():
            for item in items:
                work(item)
        best = min(best, time.perf_counter() - began)
    return best


def flops_of(audio_encoder: object, log_mels: list[torch.Tensor]) -> float:
    """Return the floating-point operations of hearing some log-mels."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model = audio_encoder.model  # type: ignore[attr-defined]
        model.audio_tower(torch.stack(log_mels), None)
    return float(counter.get_total_flops())


def peak_flops() -> float:
    """Return the operations a second of a large matrix product on one thread."""
    a = torch.randn(1536, 1536)
    return 2 * 1536**3 / timed(lambda x: x @ x, [a])


def main() -> None:
    """Measure and print."""
    rows: list[dict[str, object]] = []
    threads = torch.get_num_threads()
    names = [entry.name for entry in models() if entry.folder is not None]
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        make_demo_sounds(root / "demo", Control())
        write_many(root / "many")
        for ending in ("ogg", "wav"):
            write_files(root / "demo", root / ending, ending)
            speeds = {}
            for name in names:
                took_s = index(root, root / ending, name)
                speeds[name] = FILES * FILE_S / took_s
                rows.append(_row(f"{FILES} {ending} files of {FILE_S:g} s, {name}", took_s))
            took_s = index_without_bfloat16(root, root / ending)
            rows.append(_row(f"the same {ending} files, default, without bfloat16", took_s))
            took_s = clap_seconds(root / ending)
            rows.append(_row(f"the same {ending} files, CLAP HTSAT, decoding included", took_s))
            ratio = speeds["default"] / (FILES * FILE_S / took_s)
            rows[-1]["beside"] = f"default is {ratio:.1f} times faster"
        for ending in ("ogg", "wav"):
            rows += stages(root / ending)
        torch.set_num_threads(threads)
        rows += headers(root)
    columns = ("what", "s", "files per s", "audio s per s", "share", "beside")
    report(
        "indexing",
        "index from files on disk to committed rows, the model's loading included",
        [{column: row.get(column, "") for column in columns} for row in rows],
    )


def headers(root: Path) -> list[dict[str, object]]:
    """Time the header pass, and a second run over unchanged files."""
    files = scan([str(root / "many")], Control()).files
    with Library(root / "headers.db") as library:
        began = time.perf_counter()
        read = [outcome for _, outcome in read_headers(files)]
        library.put_headers([outcome for outcome in read if isinstance(outcome, tuple)])
        first_s = time.perf_counter() - began
    index(root, root / "many", "default")
    again_s = index(root, root / "many", "default")
    return [
        {"what": f"headers of {MANY} WAV files", "s": first_s, "files per s": MANY / first_s},
        {"what": f"{MANY} unchanged files, again", "s": again_s, "files per s": MANY / again_s},
    ]


def _row(what: str, took_s: float) -> dict[str, object]:
    audio_s = FILES * FILE_S
    return {
        "what": what,
        "s": took_s,
        "files per s": FILES / took_s,
        "audio s per s": audio_s / took_s,
    }


if __name__ == "__main__":
    main()
