"""What is the second view worth, and how much should it weigh?

``python -m benchmarks.second_view --match RUN... --tags RUN --student TOWER`` joins
what a match run and a tags run left at several weights w, for the teacher's tower and for the
compact one: R@1 and R@5 on esc50_dev among the 50 names of ESC-50 and on kitchen20_dev among its
20, R@1 and mAP@10 of valid's labels, all by distance; texts are asked as searches ask them.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from benchmarks.report import report
from engine.models.compact import Compact
from engine.models.efficientat import EfficientAt
from engine.models.foreign import load_foreign_text_encoder
from engine.models.match_model import AudioEncoder, MatchModel, TextEncoder
from engine.progress import Control
from engine.search.wording import wordings
from engine.torch_setup import set_threads
from engine.transport import mahalanobis_cost
from trainer.data.manifest import TRAIN, LabelledClip, datasets_folder, labelled_clips
from trainer.data.pairs import read_tag_names
from trainer.evaluation.metrics import recall_and_map
from trainer.evaluation.protocols import embed_sounds
from trainer.experiments.measure import of_labels
from trainer.experiments.names import OTHERS_OF_ESC50
from trainer.recipes.encoders import find_text_encoder
from trainer.recipes.export import reference_texts
from trainer.recipes.match import matched
from trainer.recipes.tags import joined, read_views
from trainer.recipes.teacher import TEACHER, load_student, load_teacher

_WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0)
SETS = {"esc50_dev": OTHERS_OF_ESC50, "kitchen20_dev": (), "valid": ()}  # and further names


def heard_by(encoder: AudioEncoder, clips: Sequence[LabelledClip]) -> Tensor:
    """Return the mean features (clips, width) of every clip."""
    paths = [clip.path for clip in clips]
    return embed_sounds(encoder, paths, Control(), mapped=False).means()


def figures(
    model: MatchModel, text_encoder: TextEncoder, heard: dict[str, Tensor]
) -> dict[str, float]:
    """Return the figures of a model on all sets."""
    row: dict[str, float] = {}
    for name, others in SETS.items():
        labels = [clip.merged for clip in labelled_clips(datasets_folder(), name)]
        names = sorted({*labels, *others})
        texts = text_encoder.between([*map(wordings, names)])
        cost = mahalanobis_cost(model.map_features(heard[name]), texts)
        relevant = of_labels(labels, names)
        if name == "valid":
            asked = relevant.T.nonzero()[:, 0]
            found = recall_and_map(-cost.T[asked], relevant.T[asked])
            row |= {"valid R@1": found["r1"], "valid mAP@10": found["map"]}
        else:
            found = recall_and_map(-cost, relevant)
            row |= {f"{name} R@1": found["r1"], f"{name} R@5": found["r5"]}
    return row


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--match", type=Path, nargs="+", required=True)
    parser.add_argument("--start", type=Path, help="as of `soundsift train export`")
    parser.add_argument("--start-share", type=float, default=0.5)
    parser.add_argument("--tags", type=Path, required=True)
    parser.add_argument("--student", type=Path, required=True)
    options = parser.parse_args()
    set_threads()
    data, encoder = datasets_folder(), find_text_encoder(None)
    _, tokenizer, _ = load_foreign_text_encoder(encoder)
    left = (options.match, None, options.start, options.start_share)
    model, views = matched(*left).eval(), read_views(options.tags)
    labels = sorted({clip.label for clip in labelled_clips(data, TRAIN)})
    said = [*reference_texts(data, read_tag_names(data)), *labels]
    captions = TextEncoder(model, tokenizer).features(said)
    rows: list[dict[str, object]] = []
    towers: dict[str, EfficientAt | Compact] = {
        "teacher": load_teacher(data / TEACHER),
        "compact": load_student(options.student),
    }
    for name, tower in towers.items():
        audio_encoder = AudioEncoder(matched(*left).eval())
        audio_encoder.model.audio_tower = tower
        heard = {split: heard_by(audio_encoder, labelled_clips(data, split)) for split in SETS}
        for weight in _WEIGHTS:
            both = joined(model, views, weight, captions)
            found = figures(both, TextEncoder(both, tokenizer), heard)
            rows.append({"tower": name, "w": weight, **found})
    report("second_view", "the second view beside the first, by its weight w", rows)


if __name__ == "__main__":
    main()
