"""Does one plan over 4,096 pairs fit, and at what cost?

Run with ``python -m benchmarks.large_batch``.  Each method runs in a process of its own, from
embeddings (b, d) to the gradients of embeddings and metric; its peak memory is the process's.
POT back-propagates through exactly the iterations that we needed, and through its default; it
may use 16 GB and ten minutes.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from typing import Any

from benchmarks.report import report

BATCH, DIMENSIONS, EPSILON, TOLERANCE = 4096, 1024, 0.05, 1e-5
_LIMIT_BYTES, _LIMIT_S = 16 << 30, 600


def main() -> None:
    """Measure both in processes of their own, and print."""
    own = _measured("ours", 0)
    rows = [own]
    for method, iterations in (("pot", own["iterations"]), ("pot", 1000)):
        row = _measured(method, iterations)
        row["times"] = row["s"] / own["s"] if row["s"] else ""
        rows.append(row)
    report("large_batch", f"one step of the loss, b = {BATCH}, d = {DIMENSIONS}", rows)


def _measured(method: str, iterations: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.large_batch", method, str(iterations)]
    name = "exact gradient" if method == "ours" else f"POT, {iterations} iterations"
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_LIMIT_S)
    except subprocess.TimeoutExpired:
        return {"method": name, "s": _LIMIT_S, "GB": "", "iterations": iterations, "times": ""}
    if done.returncode:
        return {"method": name, "s": "", "GB": "over 16", "iterations": iterations, "times": ""}
    return {"method": name, **json.loads(done.stdout.splitlines()[-1]), "times": 1.0}


def _one(method: str, iterations: int) -> None:
    """Take one step and print its time and peak memory."""
    import torch

    from benchmarks import loss as small
    from engine.transport import sinkhorn
    from trainer.objectives.losses import mltm_loss, target_plan

    small.BATCH, small.DIMENSIONS = BATCH, DIMENSIONS
    inputs = [x.requires_grad_() for x in small.embeddings(1.5)]
    solved = 0
    if method == "ours":
        with torch.no_grad():
            cost = small.by_factor(*inputs)
            solved = sinkhorn(cost, EPSILON, tolerance=TOLERANCE).iterations
            del cost
    resource.setrlimit(resource.RLIMIT_AS, (_LIMIT_BYTES, _LIMIT_BYTES))
    began = time.perf_counter()
    if method == "ours":
        target = target_plan(range(BATCH))
        value = mltm_loss(small.by_factor(*inputs), target, EPSILON, tolerance=TOLERANCE)
    else:
        value = small.pots(small.by_factor, iterations, 0.0)(*inputs)
    value.backward()
    took_s = time.perf_counter() - began
    print(json.dumps({"s": took_s, "GB": _peak_gb(), "iterations": solved or iterations}))


def _peak_gb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        _one(sys.argv[1], int(sys.argv[2]))
    else:
        main()
