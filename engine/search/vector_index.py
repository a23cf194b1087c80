"""The windows that score best for a query, exactly, among many.

Up to :data:`EXACT_UP_TO` windows every distance is computed from float32 copies.  Above that,
8-bit codes are scanned by faiss and the best are ranked again from the float16 vectors, more of
them until no other window can be better (docs/decisions/0010).
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from engine.arrays import Booleans, Floats, Integers
from engine.models.spec import Ranking
from engine.search.codes import ADDED, Codes
from engine.store.vectors import WindowVectors

EXACT_UP_TO = 200_000  # windows
_GATHERED = 20_000  # windows of a narrow filter, which are read one by one
_FIRST, _GROWTH, _MOST = 500, 4, 64_000  # windows that are ranked again
_WIDE = 0.3  # share of the windows above which a filter is applied after the scan
_BLOCK = 50_000
_FEW = 10_000  # vectors
_QUERIES = 32  # of which all costs are held at once
_FLOOR = 1e-6  # smallest squared distance, as in mahalanobis_cost


class VectorIndex:
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
        present = self.windows.present
        if len(present) > EXACT_UP_TO or present.sum() <= max(count, _GATHERED):
            return [self.best(query[None], count, None) for query in queries]
        vectors, squares = self._exact
        away, found = ~present, []
        for start in range(0, len(queries), _QUERIES):
            part = queries[start : start + _QUERIES]
            cost = self._cost(squares - 2.0 * (part @ vectors.T) + _lengths(part)[:, None])
            cost -= self._blend * self.windows.potentials
            cost[:, away] = np.inf
            found += list(np.argpartition(cost, count, axis=1)[:, :count])
        return found

    def costs(self, queries: Floats, rows: Integers) -> Floats:
        """Return the costs (n,) of some windows to the nearest of ``queries``."""
        if "_exact" in vars(self):  # in memory already, which pages of a file need not be
            kept, squares = self._exact
            return self._cost(_squares(queries, kept[rows], squares[rows]))
        parts: list[Floats] = [np.zeros(0, np.float32)]
        for start in range(0, len(rows), _BLOCK):
            vectors = self.windows.some(rows[start : start + _BLOCK]).astype(np.float32)
            parts.append(_squares(queries, vectors, _lengths(vectors)))
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
        self.windows.release()
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
        longer = np.concatenate([query * codes.facts.scale, np.zeros(ADDED, np.float32)])
        squares, ids = codes.index.search(longer[None], count, params=parameters)
        ids = ids[0][ids[0] >= 0]
        if len(ids) < count:
            return ids, np.inf
        return ids, float(squares[0][len(ids) - 1]) / codes.facts.scale**2

    @cached_property
    def _codes(self) -> Codes:
        codes = Codes.of(self.windows, self._ranking)
        self.windows.release()
        return codes


def _lengths(vectors: Any) -> Floats:
    """Return the squared lengths (n,) of vectors (n, rank)."""
    squares: Floats = np.einsum("ij,ij->i", vectors, vectors)
    return squares


def _squares(queries: Floats, vectors: Floats, squares: Floats) -> Floats:
    """Return squared distances (n,) to the nearest of ``queries``."""
    best = None
    for query in queries:
        square = squares + float(query @ query) - 2.0 * _products(vectors, query)
        best = square if best is None else np.minimum(best, square)
    assert best is not None
    result: Floats = best
    return result


def _products(vectors: Floats, query: Floats) -> Floats:
    """Return inner products (n,): of few vectors by this thread alone.

    BLAS would wake its threads, which spin on for a while, in the way of faiss's.
    """
    products: Floats = (
        np.einsum("ij,j->i", vectors, query) if len(vectors) <= _FEW else vectors @ query
    )
    return products
