"""What the measurements of tagging have in common: a library of a split, names told or hidden."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.hybrid import fill
from engine.models.catalog import find_model
from engine.models.match_model import load_audio_encoder
from engine.progress import Control
from engine.search import Searcher
from engine.search.labels.label_vectors import LabelVectors
from engine.search.labels.taxonomy import Taxonomy, read_taxonomy, ucs
from engine.store import Library
from trainer.data.manifest import csv_rows, datasets_folder
from trainer.evaluation.protocols import embed_sounds
from trainer.experiments.names import OTHERS_OF_ESC50

SETS = {"esc50_dev": OTHERS_OF_ESC50, "kitchen20_dev": (), "valid": ()}  # names beside their own
Right = Sequence[frozenset[str]]
_FOLDER = Path(__file__).parent
_MAPPINGS = (_FOLDER / "ucs_of_classes.csv", _FOLDER / "ucs_of_valid.csv")


@dataclass(frozen=True)
class Split:
    """The clips of a split: stems of files, labels as sources had them, merged ones, lengths.

    Clips of one recording share a group.
    """

    files: tuple[str, ...]
    labels: tuple[str, ...]
    merged: tuple[str, ...]
    durations_s: tuple[float, ...]
    groups: tuple[str, ...]
    features: np.ndarray
    model: Path


@dataclass(frozen=True)
class Stage:
    """An open library of a split; the sounds' ids count from 1 in the split's order."""

    library: Library
    searcher: Searcher

    @property
    def ids(self) -> np.ndarray:
        """Return all ids."""
        return np.arange(1, 1 + len(self.searcher.index.windows.sound_ids))

    def compare(self, taxonomy: Taxonomy) -> tuple[np.ndarray, np.ndarray]:
        """Return costs and log-odds (sounds, labels)."""
        windows = self.searcher.index.windows
        vectors = LabelVectors.of(taxonomy, self.searcher)
        parts = list(vectors.compare(windows.vectors, windows.potentials))
        return np.concatenate([c for _, c, _ in parts]), np.concatenate([f for _, _, f in parts])


def load_split(name: str, model: str = "default") -> Split:
    """Listen to the clips of a split."""
    data, folder = datasets_folder(), find_model(model)
    rows = [r for r in csv_rows(data / "sounds" / "manifest.csv") if r["split"] == name]
    paths = [data / "sounds" / row["path"] for row in rows]
    heard = embed_sounds(load_audio_encoder(folder), paths, Control(), mapped=False).means().numpy()
    return Split(
        tuple(path.stem for path in paths),
        tuple(row["label"] for row in rows),
        tuple(row["label_merged"] for row in rows),
        tuple(float(row["duration_s"]) for row in rows),
        tuple(row["group"] for row in rows),
        heard,
        folder,
    )


@contextmanager
def stage(
    split: Split, names: Sequence[str] | None = None, folders: Sequence[str] | None = None
) -> Iterator[Stage]:
    """Give a library of the split, with these names and folders; none of them telling if None."""
    given = names or [f"ZOOM{number:04d}" for number in range(len(split.labels))]
    inside = [f"/sounds/{folder}" for folder in folders or [""] * len(given)]
    paths = [f"{inside[number]}/{number:04d}_{name}.wav" for number, name in enumerate(given)]
    with tempfile.TemporaryDirectory() as folder, Library(Path(folder) / "l.db") as library:
        fill(library, paths, split.features, split.model, list(split.durations_s))
        yield Stage(library, Searcher(library, split.model))


def list_of(names: list[str]) -> Taxonomy:
    """Return a plain list of labels."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8", delete=False) as file:
        file.write("\n".join(names))
    try:
        return read_taxonomy(Path(file.name))
    finally:
        Path(file.name).unlink()


def questions(
    split: Split, others: Sequence[str]
) -> Iterator[tuple[str, Taxonomy, list[int], Right]]:
    """Yield by name what a split is tagged with, the rows asked, and what is right for each.

    It is the names of its classes, ``others`` beside them, and then UCS.
    """
    names = list_of(sorted({*split.merged, *others}))
    of_names = [frozenset([label]) for label in split.merged]
    yield "names of classes", names, list(range(len(split.merged))), of_names
    yield "UCS", ucs(), *mapped_clips(split)


def ucs_of_labels() -> dict[str, frozenset[str]]:
    """Return the CatIDs that labels were mapped to by hand, from their texts alone.

    They are those of ``valid``, and the merged ones of the two development sets.
    """
    rows = [row for path in _MAPPINGS for row in csv_rows(path)]
    return {row["label"]: frozenset(row["catids"].split()) for row in rows}


def mapped_clips(split: Split) -> tuple[list[int], list[frozenset[str]]]:
    """Return the rows of a split whose labels were mapped to UCS, and what to."""
    mapped = ucs_of_labels()
    known = [
        (row, mapped.get(label) or mapped.get(merged))
        for row, (label, merged) in enumerate(zip(split.labels, split.merged, strict=True))
    ]
    found = [(row, catids) for row, catids in known if catids is not None]
    return [row for row, _ in found], [catids for _, catids in found]
