"""How does the compact tower learn?  Its snapshots, read by a finished model.

Run with ``python -m benchmarks.student_curve RUN... SPECTRA`` where every RUN is the folder
of a distillation run, one after the other, and SPECTRA a cache of the split esc50_dev.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from benchmarks.report import report
from engine.models.catalog import find_model
from engine.models.compact import Compact
from engine.models.match_model import load_model, load_text_encoder
from engine.search.labels.taxonomy import SENTENCE
from engine.transport import mahalanobis_cost
from trainer.data import cache
from trainer.data.manifest import datasets_folder, labelled_clips
from trainer.evaluation.metrics import recall_and_map
from trainer.recipes.teacher import clip_features


def main() -> None:
    """Measure every snapshot and print."""
    *runs, spectra = (Path(argument) for argument in sys.argv[1:])
    folder = find_model("default")
    model, text_encoder = load_model(folder, ("audio",)), load_text_encoder(folder)
    heard = cache.load(spectra)
    label_of = {str(c.path): c.merged for c in labelled_clips(datasets_folder(), "esc50_dev")}
    labels = sorted(set(label_of.values()))
    texts = text_encoder([SENTENCE.format(label=label) for label in labels])
    relevant = torch.tensor([[label_of[p] == label for label in labels] for p in heard.paths])
    rows: list[dict[str, float]] = []
    minutes_before, steps_before = 0.0, 0
    for run in runs:
        for minutes, check, path in _snapshots(run):
            student = Compact()
            student.load_state_dict(load_file(path))
            with torch.inference_mode():
                u = model.map_features(clip_features(student, heard))
            figures = recall_and_map(-mahalanobis_cost(u, texts), relevant, None)
            row = {"minutes": minutes_before + minutes, "steps": steps_before + check["step"]}
            row |= {"R2 on valid": check["r2"], "R@1": figures["r1"], "R@5": figures["r5"]}
            rows.append(row)
        minutes_before, steps_before = rows[-1]["minutes"], int(rows[-1]["steps"])
    report("student_curve", "zero-shot on esc50_dev (22 classes) while the student learns", rows)


def _snapshots(run: Path) -> list[tuple[float, dict[str, Any], Path]]:
    """Return (minutes, the validation nearest in time, weights) of a run's snapshots."""
    events = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    checks = [event for event in events if event["event"] == "validation"]
    found: dict[int, tuple[float, dict[str, Any], Path]] = {}
    paths = sorted(run.glob("student-*min.safetensors"))
    for path, minutes in [(path, float(path.stem[8:-3])) for path in paths] + [
        (run / "student.safetensors", checks[-1]["minutes"])
    ]:
        check = min(checks, key=lambda event, at=minutes: abs(event["minutes"] - at))
        found[check["step"]] = (minutes, check, path)
    return list(found.values())


if __name__ == "__main__":
    main()
