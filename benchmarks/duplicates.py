"""Does "the same sound" tell the truth, and does it find copies?

Run with ``python -m benchmarks.duplicates``; it needs the project's data folder.  All sounds
of a few splits are indexed by the shipped model, together with copies of 300 of them that this
script makes: other codecs, rates, levels, polarity, a mono sum, 50 ms cut off.  Then duplicates are
looked for as a user does.

Counted are (a) pairs that share a group although their sets say that they are different recordings,
and (b) the share of copies that stand in one group with what they were made from.  ``--tune``
measures on the splits that the thresholds were chosen on.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
import soundfile

from benchmarks.report import report
from engine.audio.decode import Samples, decode, probe
from engine.index.build import index_folders
from engine.models.catalog import find_model
from engine.models.spec import read_spec
from engine.progress import Control
from engine.search.duplicates import find_duplicates
from engine.store import Library
from trainer.data.manifest import LabelledClip, datasets_folder, labelled_clips

CHOSEN_ON, REPORTED = ("train", "train2"), ("esc50_dev", "kitchen20_dev", "valid")
COPIED = 300
CUT_S = 0.05
MP3_BITS, OPUS_BITS = 96_000, 64_000  # a second


def encoded(path: Path, samples: Samples, rate_hz: int, codec: str, bits: int) -> None:
    """Write mono samples by one of FFmpeg's encoders."""
    with av.open(str(path), "w") as container:
        audio = container.add_stream(codec, rate=rate_hz, layout="mono")
        audio.bit_rate = bits
        size = audio.codec_context.frame_size or 1024
        resampler = av.AudioResampler(format=audio.codec_context.format, layout="mono")
        for start in range(0, len(samples), size):
            block = np.ascontiguousarray(samples[None, start : start + size], np.float32)
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
            frame.sample_rate, frame.pts = rate_hz, start
            for converted in resampler.resample(frame):
                container.mux(audio.encode(converted))
        container.mux(audio.encode(None))


def summed(samples: Samples, rate_hz: int) -> Samples:
    """Return the mono sum of a stereo sound whose right channel is softer and 0.3 ms late."""
    late = round(0.0003 * rate_hz)
    right = 0.7 * np.concatenate([np.zeros(late, np.float32), samples[:-late]])
    return np.asarray((samples + right) / 2, np.float32)


def wav(change: Callable[[Samples, int], Samples]) -> Callable[[Path, Path], Path]:
    """Return what writes a changed copy as WAV."""

    def write(source: Path, target: Path) -> Path:
        rate_hz = probe(source).rate_hz
        target = target.with_suffix(".wav")
        soundfile.write(target, change(decode(source, rate_hz), rate_hz), rate_hz, "PCM_16")
        return target

    return write


def at_rate(rate_hz: int) -> Callable[[Path, Path], Path]:
    """Return what writes a copy at another rate."""

    def write(source: Path, target: Path) -> Path:
        target = target.with_suffix(".wav")
        soundfile.write(target, decode(source, rate_hz).clip(-1, 1), rate_hz, "PCM_16")
        return target

    return write


def by_codec(ending: str, codec: str, rate_hz: int, bits: int) -> Callable[[Path, Path], Path]:
    """Return what writes a lossy copy."""

    def write(source: Path, target: Path) -> Path:
        target = target.with_suffix(ending)
        encoded(target, decode(source, rate_hz), rate_hz, codec, bits)
        return target

    return write


COPIES: dict[str, Callable[[Path, Path], Path]] = {
    "MP3, 96 kbit/s": by_codec(".mp3", "libmp3lame", 44_100, MP3_BITS),
    "Opus, 64 kbit/s": by_codec(".opus", "libopus", 48_000, OPUS_BITS),
    "22.05 kHz": at_rate(22_050),
    "44.1 kHz": at_rate(44_100),
    "-12 dB": wav(lambda samples, rate_hz: samples * np.float32(10 ** (-12 / 20))),
    "50 ms cut off the start": wav(lambda samples, rate_hz: samples[round(CUT_S * rate_hz) :]),
    "50 ms cut off the end": wav(lambda samples, rate_hz: samples[: -round(CUT_S * rate_hz)]),
    "reversed polarity": wav(lambda samples, rate_hz: -samples),
    "mono sum of a stereo": wav(summed),
}


def spread(clips: Sequence[LabelledClip], count: int) -> list[LabelledClip]:
    """Return clips that lie evenly over all."""
    return [clips[i] for i in np.linspace(0, len(clips) - 1, count).astype(int)]


def make_copies(clips: Sequence[LabelledClip], folder: Path) -> dict[str, tuple[Path, str]]:
    """Write every kind of copy of clips; return (original, kind) by the copy's path."""
    made = {}
    for number, clip in enumerate(clips):
        for place, (kind, write) in enumerate(COPIES.items()):
            path = write(clip.path, folder / f"{number:03d}{place}")
            made[str(path)] = (clip.path, kind)
    return made


def wrong_pairs(
    groups: Sequence[Sequence[str]], recordings: dict[str, str]
) -> Iterator[tuple[str, str]]:
    """Yield pairs of originals that share a group although they are of different recordings."""
    for paths in groups:
        for one, other in itertools.combinations(paths, 2):
            if one in recordings and other in recordings and recordings[one] != recordings[other]:
                yield one, other


def measure(
    library: Library, clips: Sequence[LabelledClip], made: dict[str, tuple[Path, str]]
) -> Any:
    """Look for duplicates; return rows of figures, and the pairs that are wrong."""
    began = time.monotonic()
    rank = read_spec(find_model("default")).rank
    groups = [
        [sound.path for sound in group.sounds]
        for group in find_duplicates(library, rank, Control()).groups
        if group.kind != "alike"
    ]
    took_s = time.monotonic() - began
    recordings = {str(clip.path): clip.group for clip in clips}
    wrong = list(wrong_pairs(groups, recordings))
    together = {frozenset(p) for g in groups for p in itertools.combinations(g, 2)}
    rows: list[dict[str, Any]] = []
    for kind in COPIES:
        pairs = [(str(o), path) for path, (o, k) in made.items() if k == kind]
        found = sum(frozenset(pair) in together for pair in pairs)
        rows.append({"what": f"copies found: {kind}", "of": len(pairs), "found": found})
    found, of = sum(row["found"] for row in rows), len(made)
    rows.append({"what": "copies found: all", "of": of, "found": found})
    for split in dict.fromkeys(clip.split for clip in clips):
        own = {str(clip.path): clip.group for clip in clips if clip.split == split}
        count = sum(one in own or other in own for one, other in wrong)
        rows.append(
            {"what": f"pairs of different recordings: {split}", "of": len(own), "found": count}
        )
    for row in rows:
        row["share"] = row["found"] / row["of"]
    return rows, sorted(wrong), took_s


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--tune", action="store_true", help="on what thresholds were chosen on")
    splits = CHOSEN_ON if (tune := parser.parse_args().tune) else REPORTED
    data = datasets_folder()
    clips = [clip for split in splits for clip in labelled_clips(data, split)]
    with tempfile.TemporaryDirectory() as name, Library(Path(name) / "l.db") as library:
        copies = Path(name) / "copies"
        copies.mkdir()
        made = make_copies(spread(clips, COPIED), copies)
        folders = [data / "sounds" / split for split in splits]
        index_folders(library, find_model("default"), [*folders, copies], Control())
        rows, wrong, _ = measure(library, clips, made)
    for one, other in wrong:
        print("  ".join(f"{Path(p).parent.name}/{Path(p).name}" for p in (one, other)))
    report("duplicates_tune" if tune else "duplicates", f"duplicates in {', '.join(splits)}", rows)


if __name__ == "__main__":
    main()
