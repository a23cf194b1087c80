"""How long does a search take in 10⁵, 10⁶ and 10⁷ windows, and beside plain faiss?

Run with ``python -m benchmarks.scale [100000 1000000 10000000]``.  Up to 10⁶ the library is a
whole one (docs: benchmarks/synthetic.py), searched as the window does, words and text encoder
included, in a process of its own whose memory is told.  At 10⁷ there is a cache of vectors
alone, and recall is against exact float32.  faiss searches the same vectors for the same 20.
"""

from __future__ import annotations

import json
import mmap
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.report import report
from benchmarks.synthetic import blocks, fill, vocabulary
from engine.models.bank import Bank
from engine.models.catalog import find_model
from engine.models.match_model import load_model, load_text_encoder
from engine.models.precision import in_best_precision
from engine.models.spec import read_spec
from engine.search import Searcher
from engine.search.vector_index import VectorIndex
from engine.store import Library
from engine.store.vectors import WindowVectors
from engine.torch_setup import using_threads

QUERIES, BEST = 60, 20
WHOLE_UP_TO = 1_000_000


def texts() -> list[str]:
    """Return queries of three words."""
    random, words = np.random.default_rng(7), vocabulary()[:600]
    return [" ".join(random.choice(words, 3)) for _ in range(QUERIES + 5)]


def search_whole(path: Path) -> dict[str, float]:
    """Search a library as the window does; called in a process of its own."""
    began = time.perf_counter()
    with Library(path) as library:
        searcher = Searcher(library, find_model("default"))
        searcher.warm_up()
        ready_s = time.perf_counter() - began
        took = [searcher.search_text(text, BEST).took_ms for text in texts()][5:]
        narrow = [searcher.search_text(f"{t} sr:96k dur:<7s", BEST).took_ms for t in texts()][5:]
    return {
        **_percentiles(took),
        "narrow filter p95 ms": _percentiles(narrow)["p95 ms"],
        "ready s": ready_s,
        "resident MB": _resident_mb(),
    }


def search_vectors(folder: Path, n: int) -> dict[str, float]:
    """Search a cache of vectors alone; called in a process of its own."""
    windows, spec = _opened(folder, n), read_spec(find_model("default"))
    with using_threads(1):
        text_encoder = in_best_precision(load_text_encoder(find_model("default")))
    index = VectorIndex(windows, spec.ranking)
    blend, took, found = spec.ranking.blend, [], []
    for query in texts():
        began = time.perf_counter()
        with using_threads(1):
            vector = text_encoder([query]).numpy()
        rows = index.best(vector, BEST, None)
        score = blend * windows.potentials[rows] - index.costs(vector, rows)
        found.append(rows[np.argsort(-score)[:BEST]])
        took.append(1000 * (time.perf_counter() - began))
    resident = _resident_mb()
    exact = _exact_best(windows, text_encoder(texts()).numpy(), blend, spec.ranking.cost_scale)
    hits = [len(set(a) & set(b)) for a, b in zip(found, exact, strict=True)]
    return {
        **_percentiles(took[5:]),
        "resident MB": resident,
        f"recall@{BEST}": float(np.mean(hits)) / BEST,
    }


def search_faiss(folder: Path, n: int, kind: str) -> dict[str, float]:
    """Search the same vectors with faiss alone, text encoding included."""
    import faiss

    windows, text_encoder = _opened(folder, n), load_text_encoder(find_model("default"))
    rank = windows.vectors.shape[1]
    index = (
        faiss.IndexFlatL2(rank)
        if kind == "IndexFlatL2"
        else faiss.IndexScalarQuantizer(rank, getattr(faiss.ScalarQuantizer, kind), faiss.METRIC_L2)
    )
    index.train(np.asarray(windows.vectors[:50_000], np.float32))
    for start in range(0, n, 50_000):
        index.add(np.asarray(windows.vectors[start : start + 50_000], np.float32))
    vectors = text_encoder(texts()).numpy()
    took = []
    for vector in vectors:
        began = time.perf_counter()
        index.search(vector[None], BEST)
        took.append(1000 * (time.perf_counter() - began))
    memory = _resident_mb()
    return {**_percentiles(took[5:]), "resident MB": memory}


def scan_only(folder: Path, n: int) -> dict[str, float]:
    """Time what stands against faiss: finding the best windows, without words and text."""
    windows, spec = _opened(folder, n), read_spec(find_model("default"))
    index = VectorIndex(windows, spec.ranking)
    took = []
    for vector in load_text_encoder(find_model("default"))(texts()).numpy():
        began = time.perf_counter()
        index.best(vector[None], BEST, None)
        took.append(1000 * (time.perf_counter() - began))
    return _percentiles(took[5:])


def _opened(folder: Path, n: int) -> WindowVectors:
    rank = read_spec(find_model("default")).rank
    with (folder / "vectors.f16").open("rb") as file:
        pages = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    vectors = np.frombuffer(pages, np.float16).reshape(n, rank)
    potentials = np.fromfile(folder / "potentials.f32", np.float32, n)
    zeros = np.zeros(1, np.float32)
    times = np.broadcast_to(zeros, (n,))
    present = np.ones(n, bool)
    numbers, codes = np.arange(n), folder / "codes"
    return WindowVectors(
        vectors,
        potentials,
        numbers,
        times,
        times,
        present,
        codes,
        pages,
        descriptor=os.open(folder / "vectors.f16", os.O_RDONLY),
    )


def _exact_best(
    windows: WindowVectors, queries: np.ndarray, blend: float, scale: float
) -> list[np.ndarray]:
    best = [(np.zeros(0), np.zeros(0, np.int64))] * len(queries)
    lengths = np.einsum("ij,ij->i", queries, queries)
    for start in range(0, len(windows.present), 200_000):
        part = slice(start, start + 200_000)
        vectors = np.asarray(windows.vectors[part], np.float32)
        square = np.einsum("ij,ij->i", vectors, vectors) - 2 * queries @ vectors.T
        cost = np.sqrt(np.maximum(square + lengths[:, None], 1e-6)) / scale
        score = blend * windows.potentials[part] - cost
        for row, (scores, ids) in enumerate(best):
            scores = np.concatenate([scores, score[row]])
            ids = np.concatenate([ids, np.arange(start, start + len(vectors))])
            order = np.argsort(-scores)[:BEST]
            best[row] = scores[order], ids[order]
    return [ids for _, ids in best]


def write_vectors(folder: Path, n: int) -> None:
    """Write a cache of ``n`` vectors; beyond 10⁶ they repeat, each time moved a little."""
    folder.mkdir()
    model = load_model(find_model("default"))
    random = np.random.default_rng(3)
    distinct = min(n, WHOLE_UP_TO)
    with (folder / "vectors.f16").open("wb") as file, (folder / "potentials.f32").open("wb") as f:
        for _, _, vectors, own in blocks(model, Bank.of(model), distinct):
            for _ in range(n // distinct):
                moved = vectors + random.normal(0, 0.02, vectors.shape).astype(np.float16)
                file.write((vectors if n == distinct else moved).astype(np.float16).tobytes())
                f.write(own.astype(np.float32).tobytes())


def _resident_mb() -> float:
    """Return the memory that this process holds, pages of mapped files included."""
    status = Path("/proc/self/status")
    if not status.is_file():
        return float("nan")
    (line,) = [row for row in status.read_text().splitlines() if row.startswith("VmRSS")]
    return int(line.split()[1]) / 1024


def _percentiles(took: list[float]) -> dict[str, float]:
    return {"median ms": float(np.median(took)), "p95 ms": float(np.quantile(took, 0.95))}


def _alone(call: str, *arguments: str) -> dict[str, float]:
    """Run one function of this file in a process of its own."""
    script = (
        "import json, pathlib, benchmarks.scale as s; "
        f"print(json.dumps(s.{call}({', '.join(arguments)})))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found: dict[str, float] = json.loads(done.stdout)
    return found


def main() -> None:
    """Measure and print."""
    sizes = [int(float(size)) for size in sys.argv[1:]] or [100_000, 1_000_000, 10_000_000]
    rows = []
    for n in sizes:
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary) / "vectors"
            write_vectors(folder, n)
            where = f"pathlib.Path({str(folder)!r})"
            found = {}
            if n <= WHOLE_UP_TO:
                path = Path(temporary) / "library.db"
                with Library(path) as library:
                    fill(library, find_model("default"), n)
                _alone("search_whole", f"pathlib.Path({str(path)!r})")  # makes the cache
                found["search, whole"] = _alone("search_whole", f"pathlib.Path({str(path)!r})")
                found["scan alone"] = _alone("scan_only", where, str(n))
                for kind in ("IndexFlatL2", "QT_8bit", "QT_8bit_uniform"):
                    found[f"faiss {kind}"] = _alone("search_faiss", where, str(n), repr(kind))
            _alone("scan_only", where, str(n))
            found["text and scan"] = _alone("search_vectors", where, str(n))
            for name, figures in found.items():
                row = {"windows": n, "what": name}
                for column in COLUMNS:
                    row[column] = figures.get(column, "")
                rows.append(row)
                print(row, file=sys.stderr, flush=True)
    report("scale", f"the best {BEST} of many windows, d = 256, {QUERIES} queries", rows)


COLUMNS = (
    "median ms",
    "p95 ms",
    "narrow filter p95 ms",
    "ready s",
    "resident MB",
    f"recall@{BEST}",
)

if __name__ == "__main__":
    main()
