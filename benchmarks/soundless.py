"""How many searches for what nothing sounds like are refused, and how many others are not?

Run with ``python -m benchmarks.soundless [--model default|default-mn04|FOLDER] [--work FOLDER]``;
it needs the project's data folder.  Searched are three libraries, by texts of what nothing sounds
like (trainer/recipes/soundless.py) and by the labels of their own sounds.  The model's probe of
texts was fitted on such texts: here those of a whole topic are asked with a probe that never saw
the topic.  A search is refused if its best result is under the divider.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.intentions.library import add_arguments, indexed
from benchmarks.intentions.sounds import SPLITS, read_sounds
from benchmarks.report import report, result_name
from engine.models.catalog import find_model
from engine.models.match_model import load_text_encoder
from engine.models.spec import read_spec, write_spec
from engine.progress import Control
from engine.search import Searcher
from engine.search.rank import least_strength
from trainer.data.manifest import datasets_folder
from trainer.recipes.audible import audible_texts, features_of, held_out_probes, numbers_of

_LIBRARIES = {
    "esc50_dev, no name tells": ("esc50_dev",),
    "valid, half of the names tell": ("valid",),
    "train, train2 and valid, half of the names tell": SPLITS,
}
Probe = tuple[float, ...]


def probes_without(model: Path, data: Path) -> Iterator[tuple[list[str], Probe]]:
    """Give texts of what nothing sounds like, with a probe that never saw their topics."""
    told = audible_texts(data, read_spec(model).bank)
    features = features_of(load_text_encoder(model), told.texts, Control())
    for own, probe in held_out_probes(features, told):
        asked = np.flatnonzero((own & ~told.heard).numpy())
        yield [told.texts[number] for number in asked], numbers_of(probe)


def answered(searcher: Searcher, texts: Sequence[str]) -> list[bool]:
    """Return for each text whether its best result is over the divider."""
    divider = least_strength(searcher.spec.ranking)
    best = [searcher.search_text(text, 1).matches for text in texts]
    return [bool(found) and found[0].strength >= divider for found in best]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add_arguments(parser)
    arguments = parser.parse_args()
    model, data, rows = find_model(arguments.model), datasets_folder(), []
    probes = list(probes_without(model, data))
    for name, splits in _LIBRARIES.items():
        sounds = read_sounds(data, splits)
        work = arguments.work.absolute() if splits == SPLITS else None
        with tempfile.TemporaryDirectory() as scratch:
            place = work or Path(scratch) / "library"
            probed = Path(scratch) / model.name
            shutil.copytree(model, probed)
            with indexed(model, place, sounds) as (library, _):
                refused: list[bool] = []
                for texts, probe in probes:
                    write_spec(replace(read_spec(model), audible=probe), probed)
                    refused += [not found for found in answered(Searcher(library, probed), texts)]
                labels = sorted({sound.merged for sound in sounds})
                kept = answered(Searcher(library, model), labels)
        row: dict[str, Any] = {"library": name, "sounds": len(sounds)}
        row |= {"soundless texts": len(refused), "refused": np.mean(refused)}
        rows.append(row | {"labels": len(labels), "answered": np.mean(kept)})
    name = result_name("soundless", model.name)
    report(name, f"searches for what nothing sounds like, model {model.name}", rows)


if __name__ == "__main__":
    main()
