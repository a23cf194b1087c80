"""Files of every kind in a folder: whole and damaged ones, names and attributes of any sort."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from benchmarks.writing.encoded import (
    AIFF,
    FLAC,
    LONG,
    MP3,
    MP4,
    OGG,
    OTHER,
    WAV,
    Encoded,
    all_encoded,
)
from benchmarks.writing.forged_chunks import forge_chunks
from benchmarks.writing.forged_streams import forge_flac, forge_mp3, forge_mp4, forge_ogg
from benchmarks.writing.forged_tags import TEXTS, WORDS, Forged, some
from engine.metadata.ucs_names import categories
from engine.metadata.write import SoundTags

FORGERS: dict[str, Callable[[Encoded, Random], Forged]] = {
    WAV: forge_chunks,
    LONG: forge_chunks,
    AIFF: forge_chunks,
    MP3: forge_mp3,
    FLAC: forge_flac,
    OGG: forge_ogg,
    MP4: forge_mp4,
    OTHER: lambda made, random: Forged(made.data),
}
SHARES = {WAV: 28, LONG: 9, AIFF: 13, MP3: 14, FLAC: 10, OGG: 10, MP4: 12, OTHER: 4}
_NAMES = (
    "a b",
    "ü ß",
    "きしむ",
    "dot.dot",
    "it's",
    '"quoted"',
    "-dash",
    "new\nline",
    "%20#?",
    "🚪",
)
_LONGEST_NAME = 255  # bytes
_DAMAGED = 0.12


@dataclass(frozen=True)
class Placed:
    """A file in a folder, a copy of it as it was, and what is to be written into it."""

    path: Path
    original: Path
    family: str
    what: str
    pieces: tuple[bytes, ...]
    tags: SoundTags


def place_files(folder: Path, count: int, seed: int) -> list[Placed]:
    """Fill ``folder`` with files of every family; the same ones for the same seed."""
    random = Random(seed)
    encoded = all_encoded(some=count < 200)
    for name in ("sounds", "originals", "aside"):
        (folder / name).mkdir(parents=True)
    placed = []
    for family, share in SHARES.items():
        makes = [made for made in encoded if made.family == family]
        for number in range(max(1, round(count * share / sum(SHARES.values())))):
            made = makes[number % len(makes)]
            forged = FORGERS[family](made, random)
            if number < len(makes) // 4:
                forged = Forged(made.data, ["as encoded"])
            elif random.random() < _DAMAGED:
                forged = _damaged(forged, random)
            placed.append(_place(folder, len(placed), made, forged, random))
    return placed


def _damaged(forged: Forged, random: Random) -> Forged:
    """Flip bytes anywhere or in the header, or cut the end off."""
    data = bytearray(forged.data)
    how = random.choice(("anywhere", "in its header", "in its header", "cut"))
    if how == "cut":
        del data[random.randrange(len(data)) :]
        return Forged(bytes(data), [*forged.odd, "cut anywhere"])
    places = len(data) if how == "anywhere" else min(len(data), 1500)
    count = random.choice((1, 3, 20))
    for _ in range(count):
        data[random.randrange(places)] ^= random.randrange(1, 256)
    return Forged(bytes(data), [*forged.odd, f"{count} bytes flipped {how}"])


def _place(folder: Path, number: int, made: Encoded, forged: Forged, random: Random) -> Placed:
    """Put a file there with a name, a time, permissions and attributes."""
    stem = f"{number:04d}"
    if random.random() < 0.15:
        stem += f" {random.choice(_NAMES)}"
    if random.random() < 0.02:
        stem = stem.ljust(_LONGEST_NAME - len(made.suffix), "x")[: _LONGEST_NAME - len(made.suffix)]
        while len(os.fsencode(stem + made.suffix)) > _LONGEST_NAME:
            stem = stem[:-1]
    path = folder / "sounds" / (stem + made.suffix)
    original = folder / "originals" / f"{number:04d}{made.suffix}"
    path.write_bytes(forged.data)
    original.write_bytes(forged.data)
    odd = list(forged.odd)
    if sys.platform == "linux" and random.random() < 0.3:
        os.setxattr(path, "user.mine", bytes(range(random.randint(0, 200))))
        odd.append("an attribute")
    if random.random() < 0.03:
        odd.append("a hard link")
        (folder / "aside" / path.name).hardlink_to(path)
    elif random.random() < 0.02:
        odd.append("a symbolic link")
        path.rename(folder / "aside" / path.name)
        path.symlink_to(folder / "aside" / path.name)
    path.chmod(random.choice((0o644, 0o644, 0o600, 0o440, 0o755, 0o664)))
    os.utime(path, ns=(1, random.randrange(1, 1_700_000_000_000_000_000)))
    what = ", ".join([made.what, *odd])
    return Placed(path, original, made.family, what, tuple(forged.pieces), wanted(random))


def wanted(random: Random) -> SoundTags:
    """Return what to write: everything, or some of it."""
    known = list(categories().values())
    tags = SoundTags(
        random.choice((None, *TEXTS)),
        random.choice((None, *random.sample(known, 4))),
        random.choice((None, "Creak Long", "größer <&>", "きしむ")),
        tuple(some(random, [*WORDS, "a & b", "semi;colon", "com,ma", "ctrl\x01\x85"], 5)),
        ("drop me",) if random.random() < 0.3 else (),
    )
    if not tags.named() and not tags.dropped:
        tags = replace(tags, keywords=("door",))
    return tags
