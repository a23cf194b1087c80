"""Does a Ray cluster make indexing faster, and does it lose anything?

Run with ``python -m benchmarks.cluster`` where the extra ``cluster`` is installed.  All nodes are
of this machine: (a) one with all its cores hears what threads hear; (b) 1 to 8 nodes hear with an
encoder that only sleeps, so that they hardly share its cores, which shows what handing out,
gathering and committing cost; (c) nodes are killed with all their processes, and the library is
compared with that of a calm run.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import soundfile

from benchmarks.report import report
from engine.index.build import index_folders
from engine.index.cluster.connection import open_cluster
from engine.index.cluster.listener import load
from engine.index.cluster.ray_embedder import RayEmbedder
from engine.index.embedder import Work
from engine.models.catalog import find_model
from engine.progress import Control, Progress
from engine.store import Library
from engine.torch_setup import cores
from tests.engine.index.compare import contents
from tests.killing import cpu_s, descendants, kill_family

FILES, FILE_S = 400, 5.0  # (a)
NODES, FILES_A_NODE, COST_S = (1, 2, 4, 8), 128, 0.2  # (b): for each file
CALM_S, SETTLED_S = 0.2, 60.0  # of a core in a second, when nodes have begun; wait at most
KILLS, KILLED_FILES = 5, 480  # (c)
_QUICK = {"health_check_initial_delay_ms": 0, "health_check_period_ms": 500}


class Sleeper:
    """An encoder that takes its time and no core."""

    def __init__(self) -> None:
        front_end = SimpleNamespace(rate_hz=8000)
        spec = SimpleNamespace(front_end=front_end, window_s=10.0, hop_s=5.0, features=384)
        self.model = SimpleNamespace(spec=spec)

    def log_mel(self, samples: np.ndarray) -> np.ndarray:
        """Return something of the width of features."""
        return np.full(384, samples.mean(), np.float32)

    def features(self, log_mels: list[np.ndarray]) -> Any:
        """Sleep, and return what was given."""
        time.sleep(COST_S * len(log_mels))
        return SimpleNamespace(numpy=lambda: np.stack(log_mels))


def load_sleeper(
    folder: Path, settings: Mapping[str, bytes], device: str, files: int
) -> tuple[Any, Any]:
    """Return a sleeper when as many are ready as there are nodes."""
    gate, nodes = Path(settings["gate"].decode()), int(settings["nodes"])
    (gate / str(os.getpid())).touch()
    while len(list(gate.iterdir())) < nodes:
        time.sleep(0.05)
    return Sleeper(), lambda features: (features[:, :256].astype(np.float16), features[:, 0])


def load_exactly(
    folder: Path, settings: Mapping[str, bytes], device: str, files: int
) -> tuple[Any, Any]:
    """Return an encoder in float32: the choice of bfloat16 is a measurement, and may change."""
    return load(folder, settings, device, 1)


class Told:
    """An embedder whose work has more settings."""

    def __init__(self, inner: RayEmbedder, **settings: object) -> None:
        self._inner, self._settings = inner, {k: str(v).encode() for k, v in settings.items()}

    def listening(self, work: Work, control: Control) -> Any:
        """Do as the embedder does."""
        settings = {**work.settings, **self._settings}
        return self._inner.listening(replace(work, settings=settings), control)


@contextmanager
def cluster(*cpus: int) -> Iterator[tuple[Any, RayEmbedder]]:
    """Give a cluster of a head that hears nothing and nodes of so many cores, and its embedder."""
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 0, "include_dashboard": False, "_system_config": _QUICK}
    made = Cluster(initialize_head=True, head_node_args=head)
    try:
        for count in cpus:
            made.add_node(num_cpus=count, wait=False)
        made.wait_for_nodes()
        settle()
        with open_cluster(made.address) as embedder:
            yield made, embedder
    finally:
        made.shutdown()


def settle() -> None:
    """Wait until what this process started does next to nothing: nodes begin for seconds."""
    until = time.time() + SETTLED_S
    before = sum(cpu_s(pid) for pid in descendants(os.getpid()))
    while time.time() < until:
        time.sleep(1.0)
        now = sum(cpu_s(pid) for pid in descendants(os.getpid()))
        if abs(now - before) < CALM_S:
            return
        before = now


def write_files(folder: Path, count: int, seconds: float, rate_hz: int) -> Path:
    """Write files of noise, all different."""
    folder.mkdir()
    random = np.random.default_rng(0)
    for number in range(count):
        samples = random.normal(0, 0.1, round(seconds * rate_hz))
        soundfile.write(folder / f"{number:05d}.wav", samples, rate_hz)
    return folder


def indexed(
    place: Path, folder: Path, embedder: Any = None, told: Callable[[Progress], None] | None = None
) -> list[float]:
    """Index a folder; return the moments at which sounds were heard."""
    seen: list[float] = []

    def update(progress: Progress) -> None:
        if progress.stage == "listening":
            seen.append(time.time())
        if told is not None:
            told(progress)

    with Library(place) as library:
        index_folders(library, find_model("default"), [folder], Control(update), embedder=embedder)
    return seen


def beside_threads(root: Path) -> list[dict[str, object]]:
    """Return (a)."""
    folder = write_files(root / "a", FILES, FILE_S, 48000)
    rows = []
    with cluster(cores()) as (_, embedder):
        for who, ear in (("threads of one process", None), ("Ray, one node", embedder)):
            began = time.time()
            seen = indexed(root / f"{who}.db", folder, ear)
            whole_s, heard_s = time.time() - began, seen[-1] - seen[0]
            rows.append(
                {
                    "what": f"{FILES} files of {FILE_S:.0f} s, {who}",
                    "s of audio/s, once it hears": round(FILES * FILE_S / heard_s),
                    "whole run (s)": round(whole_s, 1),
                }
            )
    return rows


def scaling(root: Path) -> list[dict[str, object]]:
    """Return (b)."""
    rows: list[dict[str, object]] = []
    alone = 0.0
    for nodes in NODES:
        count = nodes * FILES_A_NODE
        folder = write_files(root / f"b{nodes}", count, 0.5, 8000)
        gate = root / f"gate{nodes}"
        gate.mkdir()
        with cluster(*[1] * nodes) as (_, embedder):
            sleepers = Told(RayEmbedder(embedder.ray, load_sleeper), gate=gate, nodes=nodes)
            seen = indexed(root / f"b{nodes}.db", folder, sleepers)
        with Library(root / f"b{nodes}.db") as library:
            assert library.statistics().embedded == count
        ready = max(path.stat().st_mtime for path in gate.iterdir())
        rate = count / (seen[-1] - ready)
        alone = alone or rate
        rows.append(
            {
                "what": f"{nodes} nodes, {COST_S} s a file",
                "files/s": round(rate, 2),
                "share of linear": round(rate / alone / nodes, 3),
                "share of what sleeping leaves": round(rate * COST_S / nodes, 3),
            }
        )
        print(rows[-1], file=sys.stderr)
    return rows


def killing(root: Path) -> list[dict[str, object]]:
    """Return (c)."""
    folder = write_files(root / "c", KILLED_FILES, 2.0, 32000)
    with cluster(1, 1) as (made, embedder):
        ears = RayEmbedder(embedder.ray, load_exactly)
        indexed(root / "calm.db", folder, ears)
        killed: list[int] = []

        def kill(progress: Progress) -> None:
            due = (len(killed) + 1) * KILLED_FILES / (KILLS + 2)
            if progress.stage == "listening" and progress.done >= due and len(killed) < KILLS:
                killed.append(progress.done)
                node = sorted(made.worker_nodes, key=lambda one: one.unique_id)[0]
                kill_family(node.all_processes["raylet"][0].process.pid)
                made.worker_nodes.discard(node)
                made.add_node(num_cpus=1, wait=False)

        indexed(root / "killed.db", folder, ears, kill)
    with Library(root / "calm.db") as calm, Library(root / "killed.db") as other:
        return [compared(len(killed), contents(calm), contents(other))]


Contents = dict[str, tuple[str, list[tuple[Any, ...]]]]


def compared(kills: int, calm: Contents, other: Contents) -> dict[str, object]:
    """Return how far what was heard while nodes were killed is what a calm run heard."""
    counts = [
        Counter((path, w[0]) for path in rows for w in rows[path][1]) for rows in (calm, other)
    ]
    pairs = [
        (one[3], two[3])
        for path in calm.keys() & other.keys()
        for one, two in zip(calm[path][1], other[path][1], strict=False)
    ]
    return {
        "what": f"{kills} of the nodes killed with all their processes",
        "windows": counts[0].total(),
        "lost or doubled": (counts[0] - counts[1]).total() + (counts[1] - counts[0]).total(),
        "equal to the last bit": sum(np.array_equal(one, two) for one, two in pairs),
        "largest difference of a vector": max(float(np.abs(one - two).max()) for one, two in pairs),
    }


def main() -> None:
    """Measure, and print."""
    asked = sys.argv[1:] or ["threads", "scaling", "killing"]
    parts = {"threads": beside_threads, "scaling": scaling, "killing": killing}
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name in asked:
            rows += parts[name](Path(folder))
    columns = dict.fromkeys(column for row in rows for column in row)  # each part has its own
    rows = [{column: row.get(column) for column in columns} for row in rows]
    question = "Does a Ray cluster make indexing faster, and does it lose anything?"
    report("cluster", question, rows, keep=len(asked) == len(parts))


if __name__ == "__main__":
    main()
