"""How true to the sounds is the map of a library, how long does it take, and beside others?

Run with ``python -m benchmarks.library_map [SIZES...]``; sizes are sounds of a synthetic library
(benchmarks/synthetic.py), `real` the sounds of the data folder.  Every way gets the same mean
vectors (64 principal components).  *kept* is the share of a sound's 15 nearest that are among its
15 nearest on the map, of 2,000 sounds; *trustworthiness* that of Venna and Kaski (2001) for 15
neighbours, on at most 5,000 sounds; *distances* the rank correlation of distances between random
pairs, above and on the map.  Other libraries are measured where they are installed:
``pip install umap-learn openTSNE pacmap``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from benchmarks.report import report
from benchmarks.synthetic import fill
from engine.models.catalog import find_model
from engine.models.spec import read_spec
from engine.progress import Control
from engine.search.library_map import making
from engine.search.library_map.kept import LibraryMap
from engine.search.library_map.neighbours import SoundVectors, nearest, sound_vectors
from engine.store import Library
from engine.store.vectors import load_vectors

NEAR, ASKED, TRUSTED, PAIRS = 15, 2000, 5000, 20_000
SIZES = ["real", "100000", "1000000"]
OTHERS_UP_TO = 100_000  # sounds
PATIENCE_S = 3600


def ours(sounds: SoundVectors, library: Library) -> np.ndarray:
    """Arrange with what the program has."""
    return making.arrange(library, sounds, None, "benchmark", Control()).places


def principal(sounds: SoundVectors, library: Library) -> np.ndarray:
    """Take the two widest directions."""
    return sounds.vectors[:, :2]


def by_umap(sounds: SoundVectors, library: Library) -> np.ndarray:
    """Arrange with umap-learn."""
    import umap

    return umap.UMAP(n_neighbors=NEAR, random_state=0).fit_transform(sounds.vectors)


def by_tsne(sounds: SoundVectors, library: Library) -> np.ndarray:
    """Arrange with openTSNE."""
    import openTSNE

    found = openTSNE.TSNE(n_jobs=os.cpu_count(), random_state=0).fit(sounds.vectors)
    return np.asarray(found)


def by_pacmap(sounds: SoundVectors, library: Library) -> np.ndarray:
    """Arrange with PaCMAP."""
    import pacmap

    return pacmap.PaCMAP(n_neighbors=NEAR, random_state=0).fit_transform(sounds.vectors)


WAYS: dict[str, Callable[[SoundVectors, Library], np.ndarray]] = {
    "Soundsift": ours,
    "PCA": principal,
    "umap-learn": by_umap,
    "openTSNE": by_tsne,
    "PaCMAP": by_pacmap,
}


def measure(path: str, way: str) -> dict[str, float]:
    """Arrange the sounds of a library in one way; called in a process of its own."""
    with Library(Path(path)) as library:
        windows = load_vectors(library, read_spec(find_model("default")).rank)
        began = time.perf_counter()
        sounds = sound_vectors(windows, Control())
        read_s = time.perf_counter() - began
        places = np.asarray(WAYS[way](sounds, library), np.float32)
        took = {"s": time.perf_counter() - began, "read s": read_s, "resident MB": _most_mb()}
        return took | quality(sounds.vectors, places)


def quality(vectors: np.ndarray, places: np.ndarray) -> dict[str, float]:
    """Return how well neighbours and distances are kept."""
    from sklearn.manifold import trustworthiness

    random = np.random.default_rng(0)
    asked = random.choice(len(vectors), min(ASKED, len(vectors)), replace=False)
    above = nearest(vectors, vectors[asked], NEAR + 1, Control())[0][:, 1:]
    on_map = nearest(places, places[asked], NEAR + 1, Control())[0][:, 1:]
    kept = [len(set(a) & set(b)) / NEAR for a, b in zip(above, on_map, strict=True)]
    some = random.choice(len(vectors), min(TRUSTED, len(vectors)), replace=False)
    one, other = random.integers(0, len(vectors), (2, PAIRS))
    far = np.linalg.norm(vectors[one] - vectors[other], axis=1)
    far_on_map = np.linalg.norm(places[one] - places[other], axis=1)
    return {
        "kept": float(np.mean(kept)),
        "trustworthiness": float(trustworthiness(vectors[some], places[some], n_neighbors=NEAR)),
        "distances": float(spearmanr(far, far_on_map).statistic),
    }


def later(path: str) -> dict[str, float]:
    """Arrange nine tenths, then put the rest among them; called in a process of its own."""
    with Library(Path(path)) as library:
        windows = load_vectors(library, read_spec(find_model("default")).rank)
        sounds = sound_vectors(windows, Control())
        first = np.random.default_rng(1).random(len(sounds.ids)) < 0.9
        old = SoundVectors(sounds.ids[first], sounds.vectors[first], sounds.marks[first])
        made = making.arrange(library, old, None, "benchmark", Control())
        began = time.perf_counter()
        grown: LibraryMap = making.arrange(library, sounds, made, "benchmark", Control())
        took = time.perf_counter() - began
        assert (grown.places[first] == made.places).all()
        return {"s": took, "resident MB": _most_mb()} | _of_new(sounds, grown.places, ~first)


def _of_new(sounds: SoundVectors, places: np.ndarray, new: np.ndarray) -> dict[str, float]:
    """Return how well the neighbours of new sounds are kept."""
    rows = np.flatnonzero(new)[:ASKED]
    above = nearest(sounds.vectors, sounds.vectors[rows], NEAR + 1, Control())[0][:, 1:]
    on_map = nearest(places, places[rows], NEAR + 1, Control())[0][:, 1:]
    kept = [len(set(a) & set(b)) / NEAR for a, b in zip(above, on_map, strict=True)]
    return {"kept": float(np.mean(kept))}


def real_library(path: Path) -> None:
    """Index the sounds of the data folder."""
    from engine.session import open_to_index
    from trainer.data.manifest import datasets_folder

    with open_to_index([datasets_folder() / "sounds"], path, "default") as session:
        session.index([datasets_folder() / "sounds"])


def _most_mb() -> float:
    """Return the most memory that this process held."""
    status = Path("/proc/self/status")
    if not status.is_file():
        return float("nan")
    (line,) = [row for row in status.read_text().splitlines() if row.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


def _alone(call: str, *arguments: str) -> dict[str, float] | None:
    """Run a function of this file in a process of its own; None if something is not installed."""
    given = ", ".join(map(repr, arguments))
    script = f"import json, benchmarks.library_map as m; print(json.dumps(m.{call}({given})))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=PATIENCE_S
    )
    if "ModuleNotFoundError" in done.stderr:
        return None
    assert done.returncode == 0, done.stderr
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Measure and print."""
    rows: list[dict[str, Any]] = []
    for size in sys.argv[1:] or SIZES:
        with tempfile.TemporaryDirectory() as folder:
            os.environ["SOUNDSIFT_HOME"] = folder
            path = Path(folder) / "library.db"
            if size == "real":
                real_library(path)
            else:
                with Library(path) as library:
                    fill(library, find_model("default"), int(float(size)))
            with Library(path) as library:
                count = library.statistics().sounds
            for way in WAYS:
                if way not in ("Soundsift", "PCA") and count > OTHERS_UP_TO:
                    continue
                found = _alone("measure", str(path), way)
                if found is not None:
                    rows.append(_row(size, count, way, found))
            found = _alone("later", str(path))
            if found is not None:
                rows.append(_row(size, count, "Soundsift, a tenth put in later", found))
    report("library_map", "how true the map is, and what it costs", rows)


def _row(size: str, count: int, way: str, found: dict[str, float]) -> dict[str, Any]:
    columns = ("s", "resident MB", "kept", "trustworthiness", "distances")
    data = "real" if size == "real" else "synthetic"
    row = {"data": data, "sounds": count, "way": way}
    row |= {column: found.get(column) for column in columns}
    print(row, file=sys.stderr, flush=True)
    return row


if __name__ == "__main__":
    main()
