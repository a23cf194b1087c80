"""8-bit codes of all windows, which faiss scans for the highest scores.

The score λ f − d/σ, of a window's potential f and its distance d to the query, is no distance.
Beside d₀, the distance of a fair match, d ≈ (d² + d₀²)/2d₀, so that windows of highest score
have the least d² + w² with w² = 2 λ σ d₀ (max f − f): one more coordinate w of each window,
which is 0 in the query, and the scan ranks by the score itself, nearly.

They are kept in a folder beside the vectors, and made anew when they are not what was written, or
not of these windows.
"""

from __future__ import annotations

import math
import os
import re
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine import durable
from engine.arrays import Floats
from engine.models.spec import Ranking
from engine.paths import make_own_folder, remove_own
from engine.sealed import file_checksum, seal, unseal
from engine.store.vectors import WindowVectors

ADDED = 16  # coordinates that share w: as fine as the rest, and faiss likes multiples of 16
_LEAST_D0 = 0.05
_BLOCK = 50_000
_FACTS, _INDEX = "facts.json", "index.faiss"
_PARTS = re.compile(r"(facts\.json|index\.faiss)\.\d+\.part")


@dataclass(frozen=True)
class _Facts:
    """How codes were made: what vectors were multiplied by, λ σ, d₀, highest and lowest f."""

    scale: float
    blend: float
    d0: float
    most: float
    least: float

    def added(self, potentials: Floats) -> Floats:
        """Return w (n,) of potentials."""
        w: Floats = np.sqrt(2 * self.blend * self.d0 * (np.float32(self.most) - potentials))
        return w


@dataclass(frozen=True)
class Codes:
    """faiss's index of 8-bit codes of (u, w)."""

    index: Any
    facts: _Facts

    def bound(self, square: float, cost_scale: float) -> float:
        """Return what no window with d² + w² above ``square`` can exceed in λ f − d/σ.

        Given the sum, the score is convex in w², so highest at one of its ends.  Six
        deviations of the coding error, a step over √12, are taken off the distance.
        """
        facts = self.facts
        distance = max(0.0, math.sqrt(square) - 6 / (facts.scale * math.sqrt(12)))
        widest = 2 * facts.blend * facts.d0 * (facts.most - facts.least)
        ends = (0.0, min(widest, distance**2))
        least = min(end / (2 * facts.d0) + math.sqrt(distance**2 - end) for end in ends)
        return (facts.blend * facts.most - least) / cost_scale

    @classmethod
    def of(cls, windows: WindowVectors, ranking: Ranking) -> Codes:
        """Return the codes of all windows: kept ones, with those added that are new."""
        import faiss

        n, rank = windows.vectors.shape
        codes = cls._kept(windows, rank + ADDED, _blend_of(ranking))
        if codes is None:
            kind = faiss.ScalarQuantizer.QT_8bit_direct_signed
            index = faiss.IndexScalarQuantizer(rank + ADDED, kind, faiss.METRIC_L2)
            codes = cls(index, _facts_of(windows, ranking))
        if codes.index.ntotal < n:
            for start in range(codes.index.ntotal, n, _BLOCK):
                part = slice(start, min(n, start + _BLOCK))
                vectors = np.asarray(windows.vectors[part]).astype(np.float32)
                added = codes.facts.added(windows.potentials[part]) / np.sqrt(ADDED)
                longer = np.concatenate([vectors, np.tile(added[:, None], ADDED)], axis=1)
                codes.index.add(np.clip(np.rint(longer * codes.facts.scale), -128, 127))
            if windows.codes is not None:
                # what cannot be kept, on a full disk, is made anew next time
                with suppress(OSError, RuntimeError):
                    codes._keep(windows.codes, windows.fingerprint(n))
        return codes

    @classmethod
    def _kept(cls, windows: WindowVectors, width: int, blend: float) -> Codes | None:
        """Return the codes of an earlier run, if they are of these windows and this λ.

        faiss reads nothing whose checksum is wrong: a damaged file could crash it.
        """
        import faiss

        if windows.codes is None or not (windows.codes / _FACTS).is_file():
            return None
        path = windows.codes / _INDEX
        try:
            known = unseal((windows.codes / _FACTS).read_bytes())
            windows_of, index_of = known.pop("windows"), known.pop("index")
            facts = _Facts(**known)
            if file_checksum(path) != index_of:
                return None
            index = faiss.read_index(str(path))
        except (RuntimeError, ValueError, TypeError, KeyError, OSError):  # half a cache is none
            return None
        within = index.ntotal <= len(windows.present)
        within = within and float(windows.potentials.max()) <= facts.most
        within = within and float(windows.potentials.min()) >= facts.least
        within = within and windows.fingerprint(index.ntotal) == windows_of
        fits = within and (index.d, facts.blend) == (width, blend)
        return cls(index, facts) if fits else None

    def _keep(self, folder: Path, windows: str) -> None:
        """Write the codes, and then what vouches for them: their checksum, and whose they are."""
        import faiss

        make_own_folder(folder)
        remove_own(folder, _PARTS)  # by processes that were killed
        part = folder / f"{_INDEX}.{os.getpid()}.part"
        try:
            faiss.write_index(self.index, str(part))
            facts = {**asdict(self.facts), "windows": windows, "index": file_checksum(part)}
            durable.sync_file(part)
            part.replace(folder / _INDEX)
            durable.put_file(folder / _FACTS, seal(facts).encode())
        finally:
            part.unlink(missing_ok=True)


def _blend_of(ranking: Ranking) -> float:
    """Return λ σ."""
    return ranking.blend * ranking.cost_scale


def _facts_of(windows: WindowVectors, ranking: Ranking) -> _Facts:
    sample = np.asarray(windows.vectors[:: max(1, len(windows.present) // _BLOCK)])
    highest = float(np.quantile(np.abs(sample.astype(np.float32)), 0.9999))
    most, least = float(windows.potentials.max()), float(windows.potentials.min())
    margin = 0.1 * (most - least) + 1e-3  # for windows that come later
    fair = ranking.query_potential + float(np.median(windows.potentials))
    d0 = max(_LEAST_D0, fair * ranking.cost_scale)
    blend = _blend_of(ranking)
    facts = _Facts(1.0, blend, d0, most + margin, least - margin)
    widest = float(facts.added(np.array([facts.least], np.float32))[0]) / np.sqrt(ADDED)
    scale = 127.0 / max(highest, widest)
    return _Facts(scale, blend, d0, facts.most, facts.least)
