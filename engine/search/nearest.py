"""The windows that score best for a query, exactly, among many.

Up to :data:`EXACT_UP_TO` windows every distance is computed from float32 copies.  Above that,
8-bit codes are scanned by faiss and the best are ranked again from the float16 vectors, more of
them until no other window can be better (docs/decisions/0010).

The score λ f − d/σ, of a window's potential f and its distance d to the query, is no distance.
Beside d₀, the distance of a fair match, d ≈ (d² + d₀²)/2d₀, so that windows of highest score
have the least d² + w² with w² = 2 λ σ d₀ (max f − f): one more coordinate w of each window,
which is 0 in the query, and the scan ranks by the score itself, nearly.
"""

from __future__ import annotations

import json
import math
import os
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from engine.models.spec import Ranking
from engine.store.vectors import Booleans, Floats, Integers, WindowVectors

EXACT_UP_TO = 200_000  # windows
_GATHERED = 20_000  # windows of a narrow filter, which are read one by one
_FIRST, _GROWTH, _MOST = 500, 4, 64_000  # windows that are ranked again
_WIDE = 0.3  # share of the windows above which a filter is applied after the scan
_BLOCK = 50_000
_QUERIES = 32  # of which all costs are held at once
_FLOOR = 1e-6  # smallest squared distance, as in mahalanobis_cost
_ADDED = 16  # coordinates that share w: as fine as the rest, and faiss likes multiples of 16
_LEAST_D0 = 0.05


class Nearest:
    """Costs of windows to queries, for one generation of a library's vectors."""

    def __init__(self, windows: WindowVectors, ranking: Ranking) -> None:
        self.windows, self._ranking = windows, ranking
        self._scale, self._blend = ranking.cost_scale, np.float32(ranking.blend)

    def best(self, queries: Floats, count: int, among: Booleans | None) -> Integers:
        """Return windows, unordered, that include the ``count`` best by λ f − C.

        :param queries: (m, rank); a window's cost is that to the nearest of them.
        :param among: (n,) windows that may be returned, None for all present ones.
        """
        present = self.windows.present
        allowed = present if among is None else among & present
        if among is not None or len(allowed) <= EXACT_UP_TO:
            rows: Integers = np.flatnonzero(allowed)
            if len(rows) <= max(count, _GATHERED):
                return rows
        if len(allowed) <= EXACT_UP_TO:
            score = self._scores(queries)
            score[~allowed] = -np.inf
            nearest: Integers = np.argpartition(-score, count)[:count]
            return nearest
        narrow = len(rows) < _WIDE * len(allowed) if among is not None else False
        return self._scanned(queries, count, allowed, narrow)

    def best_each(self, queries: Floats, count: int) -> list[Integers]:
        """Return for each of ``queries`` (m, rank) what :meth:`best` returns for it alone."""
        n = len(self.windows.present)
        if n > EXACT_UP_TO or n <= max(count, _GATHERED):
            return [self.best(query[None], count, None) for query in queries]
        vectors, squares = self._exact
        away, found = ~self.windows.present, []
        for start in range(0, len(queries), _QUERIES):
            part = queries[start : start + _QUERIES]
            cost = self._cost(squares - 2.0 * (part @ vectors.T) + _lengths(part)[:, None])
            cost -= self._blend * self.windows.potentials
            cost[:, away] = np.inf
            found += list(np.argpartition(cost, count, axis=1)[:, :count])
        return found

    def costs(self, queries: Floats, rows: Integers) -> Floats:
        """Return the costs (n,) of some windows to the nearest of ``queries``."""
        parts: list[Floats] = [np.zeros(0, np.float32)]
        for start in range(0, len(rows), _BLOCK):
            vectors: Floats = self.windows.vectors[rows[start : start + _BLOCK]].astype(np.float32)
            parts.append(_squares(queries, vectors, _lengths(vectors)))
        self.windows.release()
        return self._cost(np.concatenate(parts))

    def rows_of(self, sound_ids: Integers) -> Integers:
        """Return the windows of some sounds, present or not."""
        order, ids = self._by_sound
        first = np.searchsorted(ids, sound_ids)
        counts = np.searchsorted(ids, sound_ids, side="right") - first
        starts = np.repeat(first - np.cumsum(counts) + counts, counts)
        places: Integers = starts + np.arange(counts.sum())
        return places if order is None else order[places]

    def has_windows(self, sound_ids: Integers) -> Booleans:
        """Return which of some sounds have a window."""
        _, ids = self._by_sound
        first = np.searchsorted(ids, sound_ids)
        found: Booleans = np.searchsorted(ids, sound_ids, side="right") > first
        return found

    @cached_property
    def _by_sound(self) -> tuple[Integers | None, Integers]:
        """Return the order by sound, None if windows have it already, and ids in that order."""
        ids = self.windows.sound_ids
        if (ids[1:] >= ids[:-1]).all():
            return None, ids
        order = np.argsort(ids, kind="stable")
        return order, ids[order]

    def _cost(self, squares: Any) -> Floats:
        cost: Floats = np.sqrt(np.maximum(squares, _FLOOR)) / np.float32(self._scale)
        return cost

    @cached_property
    def _exact(self) -> tuple[Floats, Floats]:
        vectors = np.asarray(self.windows.vectors).astype(np.float32)
        return vectors, _lengths(vectors)

    def _scores(self, queries: Floats) -> Floats:
        cost = self._cost(_squares(queries, *self._exact))
        score: Floats = self._blend * self.windows.potentials - cost
        return score

    def _scanned(self, queries: Floats, count: int, allowed: Booleans, select: bool) -> Integers:
        """Scan the codes, and widen until what is left out cannot be among the best."""
        wanted = max(_FIRST, count)
        while True:
            found = [self._nearest_codes(query, wanted, allowed, select) for query in queries]
            several = np.concatenate([ids for ids, _ in found])
            if len(found) > 1:
                several = np.unique(several)
            rows: Integers = several[allowed[several]]
            score = self._blend * self.windows.potentials[rows] - self.costs(queries, rows)
            bound = self._codes.bound(min(square for _, square in found), self._scale)
            if len(rows) >= count:
                worst = np.partition(score, len(score) - count)[len(score) - count]
                if bound <= worst:
                    break
            if wanted >= min(_MOST, len(allowed)):
                break
            wanted = min(wanted * _GROWTH, _MOST, len(allowed))
        return rows

    def _nearest_codes(
        self, query: Floats, count: int, allowed: Booleans, select: bool
    ) -> tuple[Integers, float]:
        """Return the windows with the nearest codes, and the farthest one's d² + w²."""
        import faiss

        codes, parameters = self._codes, None
        if select:
            bits = np.packbits(allowed, bitorder="little")
            chosen = faiss.IDSelectorBitmap(len(bits), faiss.swig_ptr(bits))
            parameters = faiss.SearchParameters(sel=chosen)  # type: ignore[call-arg]
        longer = np.concatenate([query * codes.facts.scale, np.zeros(_ADDED, np.float32)])
        squares, ids = codes.index.search(longer[None], count, params=parameters)
        ids = ids[0][ids[0] >= 0]
        if len(ids) < count:
            return ids, np.inf
        return ids, float(squares[0][len(ids) - 1]) / codes.facts.scale**2

    @cached_property
    def _codes(self) -> _Codes:
        return _Codes.of(self.windows, self._ranking)


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
class _Codes:
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
    def of(cls, windows: WindowVectors, ranking: Ranking) -> _Codes:
        """Return the codes of all windows: kept ones, with those added that are new."""
        import faiss

        n, rank = windows.vectors.shape
        codes = cls._kept(windows, rank + _ADDED, _blend_of(ranking))
        if codes is None:
            kind = faiss.ScalarQuantizer.QT_8bit_direct_signed
            index = faiss.IndexScalarQuantizer(rank + _ADDED, kind, faiss.METRIC_L2)
            codes = cls(index, _facts_of(windows, ranking))
        if codes.index.ntotal < n:
            for start in range(codes.index.ntotal, n, _BLOCK):
                part = slice(start, min(n, start + _BLOCK))
                vectors = np.asarray(windows.vectors[part]).astype(np.float32)
                added = codes.facts.added(windows.potentials[part]) / np.sqrt(_ADDED)
                longer = np.concatenate([vectors, np.tile(added[:, None], _ADDED)], axis=1)
                codes.index.add(np.clip(np.rint(longer * codes.facts.scale), -128, 127))
            if windows.codes is not None:
                codes._keep(windows.codes)
        return codes

    @classmethod
    def _kept(cls, windows: WindowVectors, width: int, blend: float) -> _Codes | None:
        """Return the codes of an earlier run, if they are of these windows and this λ."""
        import faiss

        if windows.codes is None or not (windows.codes / "facts.json").is_file():
            return None
        try:
            facts = _Facts(**json.loads((windows.codes / "facts.json").read_text()))
            index = faiss.read_index(str(windows.codes / "index.faiss"))
        except (RuntimeError, ValueError, TypeError, OSError):  # half a cache is no cache
            return None
        within = float(windows.potentials.max()) <= facts.most
        within &= float(windows.potentials.min()) >= facts.least
        within &= index.ntotal <= len(windows.present)
        fits = within and (index.d, facts.blend) == (width, blend)
        return cls(index, facts) if fits else None

    def _keep(self, folder: Path) -> None:
        import faiss

        folder.mkdir(exist_ok=True)
        part = folder / f"index.{os.getpid()}.part"
        faiss.write_index(self.index, str(part))
        (folder / "facts.json").unlink(missing_ok=True)  # never beside the codes of others
        part.replace(folder / "index.faiss")
        (folder / "facts.json").write_text(json.dumps(asdict(self.facts)))


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
    widest = float(facts.added(np.array([facts.least], np.float32))[0]) / np.sqrt(_ADDED)
    scale = 127.0 / max(highest, widest)
    return _Facts(scale, blend, d0, facts.most, facts.least)


def _lengths(vectors: Any) -> Floats:
    """Return the squared lengths (n,) of vectors (n, rank)."""
    squares: Floats = np.einsum("ij,ij->i", vectors, vectors)
    return squares


def _squares(queries: Floats, vectors: Floats, squares: Floats) -> Floats:
    """Return squared distances (n,) to the nearest of ``queries``."""
    best = None
    for query in queries:
        square = squares + float(query @ query) - 2.0 * (vectors @ query)
        best = square if best is None else np.minimum(best, square)
    assert best is not None
    result: Floats = best
    return result
