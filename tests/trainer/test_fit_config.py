"""What a run is: a file that is read, checked and written back whole."""

from argparse import Namespace
from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import InputError
from engine.models.spec import read_spec
from trainer.cli import main
from trainer.recipes.base import is_standardised, of_base
from trainer.recipes.fit_config import FitConfig, absolute, option_of, read_config, write_config

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
configs = st.builds(
    FitConfig,
    sets=st.lists(text, max_size=3).map(tuple),
    validation=st.none() | text,
    weights=st.none() | text.filter(bool).map(Path),
    frozen=st.booleans(),
    rank=st.none() | st.integers(1, 9999),
    epochs=st.floats(1e-9, 1e9),
    head_rate=st.floats(0, 1),
    seed=st.integers(0, 2**62),
)


@given(configs)
def test_what_is_written_is_what_is_read(tmp_path_factory, config):
    path = tmp_path_factory.mktemp("config") / "config.toml"
    write_config(path, config)
    assert FitConfig(**read_config(path)) == config


def test_a_file_says_everything_that_is_not_none(tmp_path):
    write_config(tmp_path / "config.toml", FitConfig(("csv:a.csv",)))
    written = (tmp_path / "config.toml").read_text(encoding="utf-8")
    for known in fields(FitConfig):
        is_there = f"\n{option_of(known.name)} = " in written
        assert is_there == (getattr(FitConfig(("x",)), known.name) is not None), known.name


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ("speed = 3", "sets speed, which is not an option"),
        ("batch = 'many'", "sets batch to many, which is not possible"),
        ("batch = true", "sets batch to True"),
        ("frozen = 1", "sets frozen to 1"),
        ("set = 'csv:x.csv'", "sets set to csv:x.csv"),
        ("batch = ", "is not TOML"),
    ],
)
def test_a_file_that_makes_no_sense_is_a_sentence(tmp_path, capsys, written, sentence):
    (tmp_path / "own.toml").write_text(written, encoding="utf-8")
    assert main(["fit", str(tmp_path / "run"), "--config", str(tmp_path / "own.toml")]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert sentence in line


def test_whole_numbers_are_fractions_where_those_are_wanted(tmp_path):
    (tmp_path / "own.toml").write_text("epochs = 3\nset = ['csv:x']", encoding="utf-8")
    found = FitConfig(**read_config(tmp_path / "own.toml"))
    assert (found.epochs, found.sets) == (3.0, ("csv:x",))


def test_a_configuration_is_true_in_every_working_directory(tmp_path, model_folder, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = FitConfig(("csv:a.csv",), validation="folder:b", weights=Path("w.pth"))
    found = absolute(replace(config, base=str(model_folder)))
    assert found.sets == (f"csv:{tmp_path / 'a.csv'}",)
    assert found.validation == f"folder:{tmp_path / 'b'}"
    assert (found.weights, found.base) == (tmp_path / "w.pth", str(model_folder))
    assert absolute(replace(config, base="default")).base == "default"


def test_what_may_change_between_the_parts_of_a_run_is_no_change():
    one = FitConfig(("csv:a",))
    other = replace(one, device="cuda", checkpoint_minutes=1.0, tensorboard=True)
    assert one.changed(other) == []
    assert one.changed(replace(one, sets=("csv:b",), mix=0.5)) == ["set", "mix"]


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (("--mass", "2"), "--mass 2.0 is not possible: give a number above 0 and of at most 1"),
        (("--mass", "0"), "--mass 0.0 is not possible"),
        (("--batch", "0"), "--batch 0 is not possible: give a number of at least 2"),
        (("--batch", "1"), "--batch 1 is not possible"),
        (("--micro-batch", "0"), "--micro-batch 0 is not possible"),
        (("--epsilon", "0"), "--epsilon 0.0 is not possible: give a number above 0"),
        (("--head-rate=-1e-3",), "--head-rate -0.001 is not possible: give a number of at least 0"),
        (("--text-rate", "nan"), "--text-rate nan is not possible"),
        (("--audio-rate", "inf"), "--audio-rate inf is not possible"),
        (("--epochs", "0"), "--epochs 0.0 is not possible"),
        (("--steps", "0"), "--steps 0 is not possible"),
        (("--longest", "0"), "--longest 0.0 is not possible"),
        (("--mix", "1.5"), "--mix 1.5 is not possible"),
        (("--rank", "0"), "--rank 0 is not possible"),
        (("--seed", "-1"), "--seed -1 is not possible"),
        (("--device", "tpu"), "tpu is not a device: use auto, cuda or cpu"),
    ],
)
def test_what_cannot_be_is_told_before_anything_is_read(tmp_path, capsys, wrong, sentence):
    run = tmp_path / "run"
    assert main(["fit", str(run), "--set", "csv:nowhere.csv", *wrong]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {sentence}")
    assert not run.exists()


def test_a_device_without_a_name_is_wrong_usage(tmp_path, capsys):
    for command in (("fit", "--set", "csv:x.csv"), ("match", "--spectra", "x")):
        with pytest.raises(SystemExit, match="2"):
            main([command[0], str(tmp_path / "run"), *command[1:], "--device", ""])
        assert "the name is empty" in capsys.readouterr().err


def test_cuda_that_is_not_there_is_told(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    for command in (
        ("fit", tmp_path / "run", "--set", "csv:x.csv"),
        ("match", tmp_path / "run", "--spectra", "x"),
        ("distil", tmp_path / "run", "--spectra", "x", "--validation", "y"),
        ("experiment", "table3"),
    ):
        assert main([*map(str, command), "--device", "cuda"]) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert "there is no CUDA device here for --device cuda: use --device cpu" in line


@pytest.mark.parametrize(
    "command",
    [
        ("match", "--spectra", "x", "--mass", "2"),
        ("match", "--spectra", "x", "--epsilon", "0"),
        ("match", "--spectra", "x", "--steps", "0"),
        ("distil", "--spectra", "x", "--validation", "y", "--rate", "nan"),
        ("distil", "--spectra", "x", "--validation", "y", "--minutes", "0"),
        ("average", "run", "--validation", "csv:x.csv"),
        ("average", "run", "other"),
    ],
)
def test_other_commands_tell_what_cannot_be(tmp_path, capsys, command):
    assert main([command[0], str(tmp_path / "run"), *command[1:]]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "is not possible: give" in line or "two runs" in line or "is not a finished run" in line


def test_an_experiment_without_a_text_encoder_says_so_before_it_listens(capsys, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main(["experiment", "table3"]) == 1
    assert "install the extra `soundsift[minilm]`" in capsys.readouterr().err


def test_tensorboard_that_is_missing_is_told_before_anything_is_read(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "torch.utils.tensorboard", None)
    run = tmp_path / "run"
    assert main(["fit", str(run), "--set", "csv:nowhere.csv", "--tensorboard"]) == 1
    assert "install the extra `soundsift[tensorboard]`" in capsys.readouterr().err
    assert not run.exists()


def test_a_run_without_a_set_is_told(tmp_path, capsys):
    assert main(["fit", str(tmp_path / "run")]) == 1
    assert "there is no --set to train on" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (("--dimensions", "64"), "--dimensions 64 is not possible: the base BASE has 32; leave"),
        (("--rank", "16"), "--rank 16 is not possible: the base BASE has 32"),
        (("--pooling", "first"), "--pooling first is not possible: the base BASE has mean"),
        (("--discarded-layers", "2"), "--discarded-layers 2 is not possible: the base BASE has 1"),
        (
            ("--encoder", "clap-htsat"),
            "--encoder clap-htsat is not possible: the base BASE has compact",
        ),
        (("--weights", "x.pth"), "--weights and --base both set the starting point"),
        (("--text-encoder", "x"), "--text-encoder and --base both set the starting point"),
    ],
)
def test_what_a_base_is_not_is_refused_before_anything_is_read(
    tmp_path, capsys, model_folder, more, sentence
):
    given = ["fit", str(tmp_path / "run"), "--set", "csv:nowhere.csv", "--base", str(model_folder)]
    assert main([*given, *more]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {sentence.replace('BASE', str(model_folder))}")
    assert not (tmp_path / "run").exists()


def test_what_a_recipe_settles_is_taken_from_the_base_and_told(model_folder):
    spec, given = read_spec(model_folder), {"sets": ("csv:x",), "base": "b", "recipe": "paper"}
    recipes = FitConfig.of(Namespace(**given))
    config, notes = of_base(recipes, given, spec, standardised=False)
    assert (config.dimensions, config.rank, config.pooling) == (32, None, "mean")
    assert (config.discarded_layers, config.encoder) == (1, "compact")
    assert notes == [
        "--dimensions is the base's 32, not the recipe's 1024",
        "--pooling is the base's mean, not the recipe's first",
        "--discarded-layers is the base's 1, not the recipe's 2",
        "the base's metric is not continued: --metric projected starts from scratch",
    ]
    again, notes = of_base(
        config, {**vars(config), "metric": "full"}, spec, standardised=False
    )  # of its own file
    assert again == config
    assert not [note for note in notes if "recipe" in note]


def test_only_a_factor_goes_on_from_a_metric_between_two_widths(model_folder):
    spec = replace(read_spec(model_folder), tags=5, tag_hidden=8)
    given = {"sets": ("csv:x",), "base": "b", "metric": "euclidean"}
    with pytest.raises(InputError, match="--metric euclidean is not possible: the base b has full"):
        of_base(FitConfig.of(Namespace(**given)), given, spec, standardised=False)
    paper = {"sets": ("csv:x",), "base": "b", "recipe": "paper"}
    config, notes = of_base(FitConfig.of(Namespace(**paper)), paper, spec, standardised=False)
    assert config.metric == "full"
    assert "--metric is the base's full, not the recipe's projected" in notes


@pytest.mark.usefixtures("undrawn")
def test_a_base_that_standardises_its_features_goes_on_doing_so_and_says_so(
    table, model_folder, tmp_path, capsys
):
    base, again = tmp_path / "base", tmp_path / "again"
    given = ["fit", "--set", f"csv:{table}", "--frozen", "--steps", "1", "--batch", "4"]
    plain = [*given, str(base), "--base", str(model_folder), "--no-standardise"]
    assert main(plain, show=lambda event: None) == 0  # a base that does not may stay so
    assert not is_standardised(base / "model")
    given += [str(again), "--base", str(base / "model")]
    assert main([*given], show=lambda event: None) == 0
    assert is_standardised(again / "model")
    given[-3:] = [str(tmp_path / "third"), "--base", str(again / "model")]
    capsys.readouterr()
    assert main([*given, "--no-standardise"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line == (
        f"error: --no-standardise is not possible: the base {again / 'model'} standardises its "
        "features; leave the option out, or start from encoders"
    )
    assert not (tmp_path / "third").exists()
    told: list[dict] = []
    more = ("--recipe", "paper", "--metric", "full")
    assert main([*given, *more], show=told.append) == 0
    notes = [event["text"] for event in told if event["event"] == "warning"]
    assert "features are standardised, as in the base, not as in the recipe" in notes
    assert FitConfig(**read_config(tmp_path / "third" / "config.toml")).standardise


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("--frozen --mix 0.3", "--mix 0.3 has no effect with --frozen: leave it out"),
        ("--frozen --audio-rate 1e-4", "--audio-rate 0.0001 has no effect with --frozen"),
        ("--frozen --tower-training", "--tower-training has no effect with --frozen"),
        ("--frozen --longest 5", "--longest 5.0 has no effect with --frozen and no --validation"),
        ("--frozen --recipe paper --augment", "--augment has no effect with --frozen"),
        ("--score text_to_audio_r1", "--score text_to_audio_r1 has no effect without --valid"),
        ("--patience 3", "--patience 3 has no effect without --validation"),
        ("--validation-split test", "--validation-split test has no effect without --valid"),
        ("--mass 0.5", "--mass 0.5 has no effect with --loss mltm"),
        ("--squared --loss entropic", "--squared has no effect with --loss entropic"),
        ("--epsilon 0.1 --loss triplet", "--epsilon 0.1 has no effect with --loss triplet"),
        ("--pull 1 --metric diagonal", "--pull 1.0 has no effect with --metric diagonal"),
        ("--rank 9 --metric euclidean", "--rank 9 has no effect with --metric euclidean"),
        ("--metric-start symmetric", "--metric-start symmetric has no effect with --metric full"),
        (
            "--recipe paper --metric paper_code --loss triplet",
            "--metric paper_code has no effect with --loss triplet",
        ),
        ("--recipe paper --bf16", "--bf16 has no effect with --float32"),
        ("--discarded-layers 2", "--discarded-layers 2 has no effect with --encoder compact"),
    ],
)
def test_what_would_change_nothing_is_refused(tmp_path, capsys, given, sentence):
    run = tmp_path / "run"
    assert main(["fit", str(run), "--set", "csv:nowhere.csv", *given.split()]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {sentence}")
    assert not run.exists()


@pytest.mark.parametrize(
    "given",
    [
        "--frozen --mix 0 --text-rate 0 --audio-rate 0 --no-augment --no-tower-training",
        "--frozen --longest 5 --validation csv:x",
        "--frozen --recipe paper",
        "--score text_to_audio_r1 --patience 3 --validation-split test --validation csv:x",
        "--loss partial --mass 0.5 --squared",
        "--loss entropic --epsilon 0.1",
        "--metric projected --metric-start symmetric",
        "--recipe paper --loss triplet",
        "--encoder panns-resnet38 --discarded-layers 2",
        "--base default --discarded-layers 1",
        "--rank 256 --metric diagonal",
    ],
)
def test_what_is_so_anyway_or_usual_may_be_said_also_by_a_file(tmp_path, capsys, given):
    common = ["fit", str(tmp_path / "run"), "--set", "csv:nowhere.csv"]
    assert main([*common, *given.split()]) == 1
    assert "nowhere.csv: where is the csv data?" in capsys.readouterr().err
    again = ["fit", str(tmp_path / "run"), "--config", str(tmp_path / "run" / "config.toml")]
    assert main(again) == 1
    assert "nowhere.csv: where is the csv data?" in capsys.readouterr().err


def test_noise_that_would_shuffle_nothing_is_refused(table, model_folder, tmp_path, capsys):
    given = ["fit", str(tmp_path / "run"), "--set", f"csv:{table}", "--base", str(model_folder)]
    assert main([*given, "--noise", "0.15"]) == 1
    said = capsys.readouterr().err
    assert (
        said
        == "error: --noise 0.15 of 8 sounds shuffles none: give a larger share, or leave it out\n"
    )


@pytest.mark.parametrize("score", ["r1", "modality_gap"])
def test_a_figure_that_no_validation_can_rise_by_is_told_at_once(tmp_path, capsys, score):
    own = tmp_path / "own.toml"
    own.write_text(f'set = ["csv:nowhere.csv"]\nscore = "{score}"\n', encoding="utf-8")
    assert main(["fit", str(tmp_path / "run"), "--config", str(own)]) == 1
    assert f"--score {score} is not one of score, text_to_audio_r1" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        main(["fit", str(tmp_path / "run"), "--set", "csv:nowhere.csv", "--score", score])
    assert not (tmp_path / "run").exists()


def test_a_choice_that_a_file_makes_is_checked():
    with pytest.raises(InputError, match="--metric taxicab is not one of full, diagonal"):
        FitConfig(("csv:x",), metric="taxicab").checked()
