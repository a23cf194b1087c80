"""How does the compact tower learn?  Its snapshots, read by a finished model.

Run with ``python -m benchmarks.student_curve RUN SPECTRA`` where RUN is the folder of a
distillation run and SPECTRA a cache of the split esc50_dev.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file

from benchmarks.report import report
from engine.models.audio_towers import Compact
from engine.models.catalog import find_model
from engine.models.match_model import load_captioner, load_model
from engine.transport import mahalanobis_cost
from trainer import cache
from trainer.data import data_folder, labelled_clips
from trainer.metrics import recall_and_map
from trainer.pairs import SENTENCE
from trainer.teacher import clip_features


def main() -> None:
    """Measure every snapshot and print."""
    run, spectra = Path(sys.argv[1]), cache.load(Path(sys.argv[2]))
    folder = find_model("default")
    model, captioner = load_model(folder, ("audio",)), load_captioner(folder)
    label_of = {str(c.path): c.label for c in labelled_clips(data_folder(), "esc50_dev")}
    labels = sorted(set(label_of.values()))
    texts = captioner([SENTENCE.format(label=label) for label in labels])
    relevant = torch.tensor([[label_of[p] == label for label in labels] for p in spectra.paths])
    events = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    checks = [event for event in events if event["event"] == "validation"]
    rows = []
    for path in [*sorted(run.glob("student-*min.safetensors")), run / "student.safetensors"]:
        student = Compact()
        student.load_state_dict(load_file(path))
        with torch.inference_mode():
            u = model.map_features(clip_features(student, spectra))
        figures = recall_and_map(-mahalanobis_cost(u, texts), relevant, None)
        last = path.name == "student.safetensors"
        minutes = checks[-1]["minutes"] if last else int(path.stem[8:-3])
        check = min(checks, key=lambda event: abs(event["minutes"] - minutes))
        if rows and rows[-1]["steps"] == check["step"]:
            continue
        row = {"minutes": minutes, "steps": check["step"], "R2 on valid": check["r2"]}
        rows.append({**row, "R@1": figures["r1"], "R@5": figures["r5"]})
    report("student_curve", "zero-shot on esc50_dev (22 classes) while the student learns", rows)


if __name__ == "__main__":
    main()
