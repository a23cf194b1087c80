"""How well do the shipped models find sounds by labels and descriptions, and labels by sounds?

Run with ``python -m benchmarks.quality [--models NAME...]``; it needs the project's data folder,
and ``default-mn04`` has to be got first.  The figures are those of ``soundsift evaluate
zero-shot`` on `esc50_dev` and `kitchen20_dev`, and of ``soundsift evaluate retrieval`` on the
merged labels of `valid` and on the descriptions of the demo sounds.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

from app.demo.collection import MANIFEST, make_demo_sounds
from benchmarks.report import report
from engine.models.catalog import find_model
from engine.models.match_model import load_audio_encoder, load_text_encoder
from engine.progress import Control
from trainer.data.manifest import datasets_folder, labelled_clips, write_manifest
from trainer.evaluation.protocols import evaluate_retrieval, evaluate_zero_shot

MODELS = ("default", "default-mn04")
ZERO_SHOT = ("esc50_dev", "kitchen20_dev")
_COLUMNS = {"r1": "R@1", "r5": "R@5", "r10": "R@10", "map": "mAP", "map10": "mAP@10"}


def manifests(folder: Path) -> dict[str, Path]:
    """Write the manifest of every set into ``folder``, and make the demo sounds there."""
    columns = dict.fromkeys(ZERO_SHOT, "label") | {"valid": "caption"}
    found = {name: folder / f"{name}.csv" for name in columns}
    for name, path in found.items():
        write_manifest(path, labelled_clips(datasets_folder(), name), columns[name])
    make_demo_sounds(folder / "demo", Control())
    return found | {"demo": folder / "demo" / MANIFEST}


def rows_of(folder: Path, sets: dict[str, Path]) -> list[dict[str, Any]]:
    """Return the figures of a model, a row for each set, direction and protocol."""
    sides = load_audio_encoder(folder), load_text_encoder(folder)
    rows = []
    for name, path in sets.items():
        measure = evaluate_zero_shot if name in ZERO_SHOT else evaluate_retrieval
        figures = measure(*sides, path, Control())
        for protocol, directions in figures.items():
            if not isinstance(directions, dict):
                continue
            if name in ZERO_SHOT:
                directions = {"audio_to_label": directions}
            for direction, found in directions.items():
                row = {"model": folder.name, "set": name, "clips": figures["clips"]}
                row |= {
                    "direction": direction.replace("_to_", "→"),
                    "protocol": protocol.replace("_", " "),
                }
                row |= {title: found.get(key, "") for key, title in _COLUMNS.items()}
                rows.append(row | {"modality gap": figures["modality_gap"]})
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--models", nargs="+", default=list(MODELS))
    models = parser.parse_args().models
    folders = [find_model(model) for model in models]
    with tempfile.TemporaryDirectory() as folder:
        sets = manifests(Path(folder))
        rows = [row for model in folders for row in rows_of(model, sets)]
    question = "How well do the shipped models find sounds by texts, and labels by sounds?"
    report("quality", question, rows, keep=tuple(models) == MODELS)


if __name__ == "__main__":
    main()
