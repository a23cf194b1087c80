"""Does tagging with a list of names agree with `evaluate zero-shot`, and does a folder stay itself?

Run with ``python -m benchmarks.tagging.zero_shot [--model NAME]``.  The clips of `esc50_dev` are
tagged with its 22 labels, and with the names of all 50 ESC-50 classes; file names are hidden.
``one class``: every class is a folder of its own, tagged as a folder.
"""

from __future__ import annotations

import argparse

import numpy as np

from benchmarks.report import report, result_name
from benchmarks.tagging.stage import Split, Stage, list_of, load_split, stage
from engine.models.match_model import load_audio_encoder, load_text_encoder
from engine.progress import Control
from engine.tags.suggest import Rules, Tagger
from trainer.data.manifest import datasets_folder
from trainer.evaluation.protocols import evaluate_zero_shot, read_manifest
from trainer.experiments.names import OTHERS_OF_ESC50


def accuracy(tagger: Tagger, ids: np.ndarray, labels: list[str], folder: bool) -> float:
    """Return the share of sounds whose first suggestion is right."""
    rules = Rules(least=0.0, most=1, folder=folder, words=False)
    found = tagger.suggest(ids, rules, Control())
    hits = [found[int(i)][0].label.name == label for i, label in zip(ids, labels, strict=True)]
    return float(np.mean(hits))


def measured(split: Split, on: Stage, names: list[str]) -> dict[str, float]:
    """Return the accuracies with one list of labels."""
    tagger = Tagger(on.library, on.searcher, list_of(names))
    labels = np.array(split.merged)
    single = [
        accuracy(tagger, on.ids[labels == name], list(labels[labels == name]), True)
        * (labels == name).mean()
        for name in sorted(set(split.merged))
    ]
    return {
        "per clip": accuracy(tagger, on.ids, list(labels), False),
        "as one folder": accuracy(tagger, on.ids, list(labels), True),
        "one class a folder": float(sum(single)),
    }


def reference(model_folder: object, names: list[str]) -> float:
    """Return per-clip R@1 as `soundsift evaluate zero-shot` has it."""
    import tempfile
    from pathlib import Path

    folder = Path(str(model_folder))
    data = datasets_folder() / "sounds"
    with (data / "manifest.csv").open(encoding="utf-8") as source:
        import csv

        rows = [row for row in csv.DictReader(source) if row["split"] == "esc50_dev"]
    with tempfile.TemporaryDirectory() as home:
        path = Path(home) / "m.csv"
        with path.open("w", encoding="utf-8", newline="") as out:
            writer = csv.writer(out)
            writer.writerow(["path", "label"])
            writer.writerows([data / row["path"], row["label_merged"]] for row in rows)
        read_manifest(path, "label")
        sides = load_audio_encoder(folder), load_text_encoder(folder)
        return float(evaluate_zero_shot(*sides, path, Control(), names)["per_clip"]["r1"])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="default")
    split = load_split("esc50_dev", parser.parse_args().model)
    own = sorted(set(split.merged))
    rows = []
    with stage(split) as on:
        for names in (own, sorted([*own, *OTHERS_OF_ESC50])):
            rows.append(
                {
                    "labels": len(names),
                    "evaluate zero-shot": reference(split.model, names),
                    **measured(split, on, names),
                }
            )
    report(
        result_name("tag_zero_shot", split.model.name),
        f"accuracy on esc50_dev, model {split.model.name}",
        rows,
    )


if __name__ == "__main__":
    main()
