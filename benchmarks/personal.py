"""What does training on a library gain, what does it forget, and what if names are wrong?

Run with ``python -m benchmarks.personal LIBRARY ZERO_SHOT.csv``: a library that was indexed
with the model it names, and a manifest (path, label) of other sounds.  Every row is trained
all the way; the held-out sounds of the rows with wrong names are judged by their true ones.
"""

from __future__ import annotations

import copy
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.report import report
from engine.models.catalog import find_model
from engine.models.match_model import Captioner, MatchModel, load_captioner, load_model
from engine.models.text_towers import CaptionTokenizer
from engine.progress import Control
from engine.store import Library
from engine.torch_setup import set_threads
from trainer.data.library_pairs import CaptionedFeatures, read_pairs, with_captions
from trainer.data.pairs import shuffled
from trainer.loop.run import Run
from trainer.recipes.personal import PersonalConfig, Standing, exam_of, hear_general_set
from trainer.recipes.rehearsal import Rehearsal

_WEIGHTS = (0.0, 0.3, 0.5, 1.0, 3.0)
_WRONG = (0.0, 0.5)


def main() -> None:
    """Train every row and print."""
    set_threads()
    with Library(Path(sys.argv[1])) as library:
        folder = find_model((library.setting("model_folder") or b"").decode())
        pairs = read_pairs(library, Control(), descriptions=False)
    base, tokenizer = load_model(folder), load_captioner(folder).tokenizer
    known = hear_general_set(base, Path(sys.argv[2]), Control())
    training, test = pairs.split(0.15, 1)
    exam = exam_of(test, known, 1)
    rows = []
    standing, _ = exam.grade(Captioner(base, tokenizer))
    rows.append(_row("base model", standing, 0.0))
    for wrong in _WRONG:
        for weight in _WEIGHTS if not wrong else (1.0,):
            began = time.perf_counter()
            names = [texts[0] for texts in training.captions]
            noisy = with_captions(training, shuffled(names, wrong, 0)) if wrong else training
            model = _trained(base, tokenizer, noisy, weight)
            standing, _ = exam.grade(Captioner(model, tokenizer))
            name = f"rehearsal {weight}" + (f", {wrong:.0%} of names wrong" if wrong else "")
            rows.append(_row(name, standing, time.perf_counter() - began))
    question = f"{len(training.captions)} sounds, {len(test.captions)} held out, {base.spec.name}"
    report("personal", question, rows)


def _trained(
    base: MatchModel, tokenizer: CaptionTokenizer, pairs: CaptionedFeatures, weight: float
) -> MatchModel:
    config = PersonalConfig(rehearsal=weight)
    rehearsal = Rehearsal(base, tokenizer, weight) if weight else None
    with tempfile.TemporaryDirectory() as folder:
        model = copy.deepcopy(base).requires_grad_(True)
        settings = config.run_config(len(pairs.captions))
        run = Run(Path(folder), model, tokenizer, pairs, settings, rehearse=rehearsal)
        run.run()
        return run.finished_model()


def _row(name: str, standing: Standing, took_s: float) -> dict[str, object]:
    return {
        "trained": name,
        "held-out R@1": standing.r1,
        "R@10": standing.r10,
        "mAP@10": standing.map10,
        "zero-shot R@1": standing.general,
        "s": took_s,
    }


if __name__ == "__main__":
    main()
