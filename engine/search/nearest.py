"""The windows nearest to a query, exactly, among many.

Up to :data:`EXACT_UP_TO` windows every distance is computed from float32 copies.  Above that,
8-bit codes are scanned by faiss and the best are ranked again from the float16 vectors, more of
them until no other window can be better (docs/decisions/0010).
"""

from __future__ import annotations

import os
from functools import cached_property
from typing import Any

import numpy as np

from engine.store.vectors import Booleans, Floats, Integers, WindowVectors

EXACT_UP_TO = 200_000  # windows
_GATHERED = 20_000  # windows of a narrow filter, which are read one by one
_FIRST, _GROWTH, _MOST = 1000, 4, 64_000  # windows that are ranked again
_BLOCK = 50_000
_QUERIES = 32  # of which all costs are held at once
_FLOOR = 1e-6  # smallest squared distance, as in mahalanobis_cost
_CODE_ERROR = 0.02  # of a distance, by coding; far above what is measured


class Nearest:
    """Costs of windows to queries, for one generation of a library's vectors."""

    def __init__(self, windows: WindowVectors, cost_scale: float) -> None:
        self.windows, self._scale = windows, cost_scale

    def best(self, queries: Floats, blend: float, count: int, among: Booleans | None) -> Integers:
        """Return windows, unordered, that include the ``count`` best by λ f − C.

        :param queries: (m, rank); a window's cost is that to the nearest of them.
        :param blend: λ; ``among``: (n,) windows that may be returned, None for all present.
        """
        allowed = self.windows.present if among is None else among & self.windows.present
        if among is not None or len(allowed) <= EXACT_UP_TO:
            rows: Integers = np.flatnonzero(allowed)
            if len(rows) <= max(count, _GATHERED):
                return rows
        if len(allowed) <= EXACT_UP_TO:
            score = self._scores(blend, queries)
            score[~allowed] = -np.inf
            nearest: Integers = np.argpartition(-score, count)[:count]
            return nearest
        return self._scanned(queries, blend, count, allowed, among is not None)

    def best_each(self, queries: Floats, blend: float, count: int) -> list[Integers]:
        """Return for each of ``queries`` (m, rank) what :meth:`best` returns for it alone."""
        n = len(self.windows.present)
        if n > EXACT_UP_TO or n <= max(count, _GATHERED):
            return [self.best(query[None], blend, count, None) for query in queries]
        vectors, squares = self._exact
        away, found = ~self.windows.present, []
        for start in range(0, len(queries), _QUERIES):
            part = queries[start : start + _QUERIES]
            cost = self._cost(squares - 2.0 * (part @ vectors.T) + _lengths(part)[:, None])
            cost -= np.float32(blend) * self.windows.potentials
            cost[:, away] = np.inf
            found += list(np.argpartition(cost, count, axis=1)[:, :count])
        return found

    def costs(self, queries: Floats, rows: Integers) -> Floats:
        """Return the costs (n,) of some windows to the nearest of ``queries``."""
        parts: list[Floats] = [np.zeros(0, np.float32)]
        for start in range(0, len(rows), _BLOCK):
            vectors: Floats = self.windows.vectors[rows[start : start + _BLOCK]].astype(np.float32)
            parts.append(_squares(queries, vectors, _lengths(vectors)))
        return self._cost(np.concatenate(parts))

    def _cost(self, squares: Any) -> Floats:
        cost: Floats = np.sqrt(np.maximum(squares, _FLOOR)) / np.float32(self._scale)
        return cost

    @cached_property
    def _exact(self) -> tuple[Floats, Floats]:
        vectors = np.asarray(self.windows.vectors).astype(np.float32)
        return vectors, _lengths(vectors)

    def _scores(self, blend: float, queries: Floats) -> Floats:
        cost = self._cost(_squares(queries, *self._exact))
        score: Floats = np.float32(blend) * self.windows.potentials - cost
        return score

    def _scanned(
        self, queries: Floats, blend: float, count: int, allowed: Booleans, select: bool
    ) -> Integers:
        """Scan the codes, and widen until what is left out cannot be among the best."""
        potentials = self.windows.potentials
        most = float(potentials[allowed].max(initial=0.0))
        wanted = max(_FIRST, count)
        while True:
            found = [self._nearest_codes(query, wanted, allowed, select) for query in queries]
            several = np.unique(np.concatenate([ids for ids, _ in found]))
            rows: Integers = several[allowed[several]]
            nearest_left_out = min(distance for _, distance in found) * (1 - _CODE_ERROR)
            score = np.float32(blend) * potentials[rows] - self.costs(queries, rows)
            if len(rows) >= count:
                worst = np.partition(score, len(score) - count)[len(score) - count]
                if blend * most - nearest_left_out / self._scale <= worst:
                    break
            if wanted >= min(_MOST, len(allowed)):
                break
            wanted = min(wanted * _GROWTH, _MOST, len(allowed))
        return rows

    def _nearest_codes(
        self, query: Floats, count: int, allowed: Booleans, select: bool
    ) -> tuple[Integers, float]:
        """Return the windows with the nearest codes, and the distance of the farthest."""
        import faiss

        index, scale = self._codes
        parameters = None
        if select:
            bits = np.packbits(allowed, bitorder="little")
            chosen = faiss.IDSelectorBitmap(len(bits), faiss.swig_ptr(bits))
            parameters = faiss.SearchParameters(sel=chosen)  # type: ignore[call-arg]
        squares, ids = index.search(query[None] * scale, count, params=parameters)
        ids = ids[0][ids[0] >= 0]
        if len(ids) < count:
            return ids, np.inf
        return ids, float(np.sqrt(max(squares[0][len(ids) - 1], 0.0)) / scale)

    @cached_property
    def _codes(self) -> tuple[Any, float]:
        """Return faiss's index of 8-bit codes, and by what vectors are scaled for it."""
        import faiss

        vectors, path = self.windows.vectors, self.windows.codes
        n, rank = vectors.shape
        index, scale = _kept(path, rank)
        if index is None or index.ntotal > n:
            sample = np.asarray(vectors[:: max(1, n // _BLOCK)]).astype(np.float32)
            scale = 127.0 / float(np.quantile(np.abs(sample), 0.9999))
            kind = faiss.ScalarQuantizer.QT_8bit_direct_signed
            index = faiss.IndexScalarQuantizer(rank, kind, faiss.METRIC_L2)
        if index.ntotal < n:
            for start in range(index.ntotal, n, _BLOCK):
                block = np.asarray(vectors[start : min(n, start + _BLOCK)]).astype(np.float32)
                index.add(np.clip(np.rint(block * scale), -128, 127))
            if path is not None:
                path.mkdir(exist_ok=True)
                part = path / f"index.{os.getpid()}.part"
                faiss.write_index(index, str(part))
                part.replace(path / "index.faiss")
                (path / "scale").write_text(repr(scale))
        return index, scale


def _kept(path: Any, rank: int) -> tuple[Any, float]:
    """Return the codes of an earlier run, or None."""
    import faiss

    if path is None or not (path / "scale").is_file():
        return None, 1.0
    try:
        index = faiss.read_index(str(path / "index.faiss"))
        return (index if index.d == rank else None), float((path / "scale").read_text())
    except (RuntimeError, ValueError, OSError):  # a half-written cache is no cache
        return None, 1.0


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
