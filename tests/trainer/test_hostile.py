"""What users' folders, tables and files may hold, each told in one sentence or left out."""

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from filelock import FileLock

from engine.errors import InputError
from trainer.cli import main
from trainer.data.sets import read_set
from trainer.loop.checkpoint import write_tensors


@pytest.fixture
def fit(table, model_folder, tmp_path, capsys):
    """Return a function that trains in ``run``, and gives the exit code and what was said."""

    def call(*more: object) -> tuple[int, str]:
        wanted = ("fit", tmp_path / "run", "--set", f"csv:{table}", "--base", model_folder)
        given = map(str, (*wanted, "--steps", 2, "--batch", 4, *more))
        code = main(["--threads", "1", *given])
        return code, capsys.readouterr().err

    return call


@pytest.mark.parametrize("more", [(), ("--frozen",)])
def test_broken_sounds_and_links_to_nothing_are_left_out(fit, table, more):
    (table.parent / "broken.wav").write_bytes(b"no sound")
    (table.parent / "link.wav").symlink_to("/nowhere/x.wav")
    with table.open("a") as file:
        file.write("broken.wav,a dog\nlink.wav,a cat\n")
    code, said = fit(*more)
    assert code == 0
    assert said.startswith("skipped 2 sounds, the first of them")


@pytest.mark.parametrize("more", [(), ("--frozen",)])
def test_where_too_little_can_be_heard_that_is_told(fit, table, more):
    for number in range(8):
        if number % 4 == 1:
            continue
        (table.parent / f"{number}.wav").write_bytes(b"")
    code, said = fit(*more)
    assert (code, said.splitlines()[-1]) == (
        1,
        "error: all readable sounds have the same caption: use a larger set",
    )
    for number in (1, 5):
        (table.parent / f"{number}.wav").write_bytes(b"")
    code, said = fit(*more)
    assert code == 1
    assert said.splitlines()[-1].startswith("error: none of the sounds")


@pytest.mark.parametrize("given", [("--set", "csv:PIPE"), ("--config", "PIPE")])
def test_nobody_waits_for_a_pipe(tmp_path, capsys, monkeypatch, given):
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    given = [part.replace("PIPE", str(pipe)) for part in given]
    inner = Path.open

    def opened(path: Path, *more: object, **named: object) -> object:
        assert path != pipe, "it waits for somebody to write"
        return inner(path, *more, **named)

    monkeypatch.setattr(Path, "open", opened)
    assert main(["fit", str(tmp_path / "run"), *given]) == 1
    (said,) = capsys.readouterr().err.splitlines()
    assert f"{pipe} is a pipe, not a file: name a" in said


def test_names_that_no_file_can_have_are_left_out(table):
    with table.open("a") as file:
        file.write(f"{'x' * 5000}/a.wav,x\n{'y' * 5000}.wav,y\na\0b/c.wav,z\n")
    told = []
    assert len(read_set(f"csv:{table}", tell=lambda path, why: told.append(why))) == 8
    assert told == ["there is no such file"] * 3


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ('set = ["csv:a\\u0000b"]', "is not a file or folder"),
        ('set = ["csv:~nosuchuser/x"]', "is not a file or folder"),
        (f'set = ["csv:{"x" * 5000}"]', "is not a file or folder"),
        ('weights = "a\\u0000b"', "is not a file or folder"),
        ("a = " + "[" * 5000, "cannot be read as a configuration"),
        ("seed = " + "9" * 5000, "is not TOML"),
        ("epochs = " + "9" * 400, "which is not possible"),
        ("steps = -" + "9" * 400, "--steps -999"),
        ("seed = 9223372036854775808", "--seed 9223372036854775808 is not possible"),
        ("init-seed = 9223372036854775808", "--init-seed 9223372036854775808 is not possible"),
        ("head-rate = 1e38", "--head-rate 1e+38 is not possible"),
        ("dimensions = 10000000000", "--dimensions 10000000000 is not possible"),
    ],
)
def test_a_hostile_configuration_is_one_sentence(tmp_path, capsys, line, sentence):
    path = tmp_path / "own.toml"
    path.write_text(line if line.startswith("set") else f'{line}\nset = ["csv:x"]')
    assert main(["fit", str(tmp_path / "run"), "--config", str(path)]) == 1
    (said,) = capsys.readouterr().err.splitlines()
    assert sentence in said


def test_threads_that_cannot_be_are_one_sentence(fit, capsys):
    for threads in ("-1", "1000000000"):
        assert main(["--threads", threads, "fit", "run"]) == 1
        (said,) = capsys.readouterr().err.splitlines()
        assert said.startswith(f"error: --threads {threads} is not possible")


@pytest.mark.parametrize(
    "command",
    [
        ("fit", "BAD", "--set", "csv:x.csv"),
        ("average", "BAD", "a", "b"),
        ("average", "out", "a", "BAD"),
        ("match", "BAD", "--spectra", "x"),
        ("export", "BAD", "--match", "x", "--spectra", "y", "--student", "z"),
    ],
)
def test_a_folder_whose_name_is_no_unicode_is_refused_at_once(tmp_path, capsys, command):
    bad = tmp_path / os.fsdecode(b"run\xff")
    assert main([{"BAD": str(bad)}.get(part, part) for part in command]) == 1
    (said,) = capsys.readouterr().err.splitlines()
    assert "is not valid Unicode, so weights in it could not be read back" in said
    assert not bad.exists()


def test_a_validation_set_of_one_sound_is_enough(fit, table, tmp_path):
    one = table.with_name("one.csv")
    one.write_text("path,caption\n0.wav,a door\n", encoding="utf-8")
    code, said = fit("--frozen", "--validation", f"csv:{one}")
    assert (code, said) == (0, "")


@pytest.mark.usefixtures("undrawn")
def test_features_of_other_sounds_under_the_same_names_are_not_used(fit, table, tmp_path):
    assert fit("--frozen")[0] == 0
    first = torch.load(tmp_path / "run" / "features.pt", weights_only=True)["features"]
    (tmp_path / "run" / "checkpoint.pt").unlink()
    for number in range(8):  # as long as before
        noise = np.random.default_rng(number).normal(0, 0.1, 6400)
        soundfile.write(table.parent / f"{number}.wav", noise, 32000)
        os.utime(table.parent / f"{number}.wav", ns=(number, number))
    assert fit("--frozen")[0] == 0
    second = torch.load(tmp_path / "run" / "features.pt", weights_only=True)["features"]
    assert not torch.allclose(first, second)


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("more", [(), ("--frozen",)])
def test_captions_that_were_edited_since_a_run_began_are_noticed(fit, table, more):
    assert fit(*more)[0] == 0
    before = table.read_text(encoding="utf-8")
    table.write_text(before.replace("0.wav,a door", "0.wav,a dog"), encoding="utf-8")
    code, said = fit(*more)
    assert code == 1
    assert "run is trained on have changed since the run began: put them back" in said
    table.write_text(before, encoding="utf-8")
    assert fit(*more) == (0, "")


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("change", ["a caption", "a sound", "one sound less"])
def test_a_validation_set_that_was_edited_since_a_run_began_is_noticed(fit, table, change):
    own = table.with_name("validation.csv")
    whole = "path,caption\n0.wav,a door\nown.wav,a bell\n"
    own.write_text(whole, encoding="utf-8")
    sound = table.with_name("own.wav")
    sound.write_bytes(table.with_name("1.wav").read_bytes())
    more = ("--frozen", "--validation", f"csv:{own}")
    assert fit(*more) == (0, "")
    before = sound.stat()
    if change == "a sound":
        os.utime(sound, ns=(before.st_atime_ns, before.st_mtime_ns + 10**9))
    else:
        line = "" if change == "one sound less" else "own.wav,a gong\n"
        own.write_text(whole.replace("own.wav,a bell\n", line), encoding="utf-8")
    code, said = fit(*more)
    (line,) = said.splitlines()
    assert code == 1
    assert line.startswith("error: the sounds or captions that")
    assert line.endswith(
        "run is validated on have changed since the run began: put them back, or choose another "
        "folder"
    )
    own.write_text(whole, encoding="utf-8")
    os.utime(sound, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert fit(*more) == (0, "")


@pytest.mark.usefixtures("undrawn")
def test_a_run_that_was_not_begun_may_be_validated_otherwise(fit, table, tmp_path):
    own = table.with_name("validation.csv")
    own.write_text("path,caption\n0.wav,a door\n", encoding="utf-8")
    more = ("--frozen", "--validation", f"csv:{own}")
    assert fit(*more) == (0, "")
    for changed in (f"csv:{own}", None):
        (tmp_path / "run" / "checkpoint.pt").unlink()
        own.write_text("path,caption\n1.wav,a bell\n", encoding="utf-8")
        again = ("--frozen", *(("--validation", changed) if changed else ()))
        assert fit(*again) == (0, "")
        assert fit(*again) == (0, "")


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("data", [None, b"", b"half"])
def test_damaged_features_are_a_sentence_and_a_way_out(fit, tmp_path, data):
    assert fit("--frozen")[0] == 0
    path = tmp_path / "run" / "features.pt"
    path.unlink() if data is None else path.write_bytes(data)
    code, said = fit("--frozen")
    assert code == 1
    assert said == (
        f"error: {path} is missing or damaged: delete {path.with_name('sounds.sha256')} to "
        "compute the features again\n"
    )
    path.with_name("sounds.sha256").unlink()
    assert fit("--frozen") == (0, "")


@pytest.mark.usefixtures("undrawn")
def test_two_runs_cannot_train_in_one_folder(fit, tmp_path):
    (tmp_path / "run").mkdir()
    with FileLock(tmp_path / "run" / "run.lock"):
        code, said = fit("--frozen")
    assert code == 1
    assert said.startswith("error: another process is training in")
    assert not (tmp_path / "run" / "config.toml").exists()
    assert fit("--frozen")[0] == 0


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("more", [(), ("--checkpoint-steps", 1)])
def test_weights_that_grew_beyond_all_numbers_are_not_written(fit, tmp_path, more):
    code, said = fit("--frozen", "--steps", 1, "--weight-decay", 1e45, "--average", 0, *more)
    assert code == 1
    assert "is no longer finite" in said
    for name in ("checkpoint.pt", "matched.safetensors", "model"):
        assert not (tmp_path / "run" / name).exists()


def test_no_number_is_written_as_a_weight(tmp_path):
    with pytest.raises(InputError, match="a is no longer finite"):
        write_tensors(tmp_path / "w.safetensors", {"a": torch.tensor([1.0, torch.nan])})
    assert not list(tmp_path.iterdir())
