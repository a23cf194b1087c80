"""What the trainer's commands are given of a command line."""

from pathlib import Path

import pytest

from trainer.cli import EXPERIMENTS, main, options_of
from trainer.cli.options import spread
from trainer.recipes.fit_config import FitConfig, kinds, option_of


def given(line: str) -> dict[str, object]:
    return vars(options_of(line.split()))


def test_of_a_runs_options_only_those_that_are_given_are_set():
    found = given("fit run --set csv:x --set folder:y --batch 64 --no-frozen --weights w")
    assert found["folder"] == Path("run") and found["config"] is None
    assert {name: found[name] for name in kinds() if name in found} == {
        "sets": ["csv:x", "folder:y"],
        "batch": 64,
        "frozen": False,
        "weights": Path("w"),
    }


def test_every_field_of_a_run_is_an_option_of_its_kind():
    samples = {int: "3", float: "0.5", str: "x", Path: "p", tuple[str, ...]: "x"}
    for name, kind in kinds().items():
        choices = FitConfig.__dataclass_fields__[name].metadata["choices"]
        value = "" if kind is bool else next(iter(choices)) if choices else samples[kind]
        found = given(f"fit run --{option_of(name)} {value}")[name]
        wanted = {bool: True, int: 3, float: 0.5, Path: Path("p"), tuple[str, ...]: ["x"]}
        assert found == wanted.get(kind, value), name


def test_an_option_of_several_values_takes_all_that_follow():
    found = given("match run --spectra s --more a b c --steps 5")
    assert (found["more"], found["steps"]) == ([Path("a"), Path("b"), Path("c")], 5)
    assert given("match run --spectra s")["more"] == []
    assert given("tags run --match m --spectra a --spectra b c")["spectra"] == [
        *map(Path, ("a", "b", "c"))
    ]
    given_twice = ["--more", "a", "b", "--x", "c", "--", "--more", "d"]
    assert spread(given_twice, {"--more"}) == [
        *("--more", "a", "--more", "b", "--x", "c", "--", "--more", "d")
    ]


def test_what_all_commands_take_stands_before_them_and_of_some_behind():
    found = given("--threads 2 --data X --verbose average out a b")
    assert (found["threads"], found["data"], found["verbose"]) == (2, Path("X"), True)
    assert (found["target"], found["runs"]) == (Path("out"), [Path("a"), Path("b")])
    found = given("--data X --threads 3 experiment pool --data Y --verbose")
    assert (found["threads"], found["data"], found["verbose"]) == (3, Path("Y"), True)
    assert (found["name"], found["command"], found["more"]) == ("pool", "experiment", [])


def test_training_on_a_library_is_no_command():
    found = given("--from-library --library l.db --name mine --text-tower --insist --json")
    assert found["library"] == Path("l.db") and found["name"] == "mine"
    assert all(found[name] is True for name in ("from_library", "text_tower", "insist", "json"))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "Name a command, or --from-library."),
        ("--from-library fit run", "Name a command, or --from-library."),
        ("fti run", "No such command 'fti'. Did you mean 'fit'?"),
        ("fit run --epochz 3", "No such option '--epochz'. Did you mean '--epochs'?"),
        ("fit run --batch many", "Invalid value for '--batch': 'many' is not a valid integer."),
        ("match run --spectra s --loss x", "Invalid value for '--loss': 'x' is not one of 'mltm'"),
        ("tags run --match m", "Missing option '--spectra'."),
        ("experiment table99", "Invalid value for 'NAME': 'table99' is not one of"),
    ],
)
def test_wrong_usage_is_one_line(line, said, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(line.split())
    out, errors = capsys.readouterr()
    assert out == "" and errors.startswith(f"error: {said}") and len(errors.splitlines()) == 1


def test_every_experiment_has_a_name_of_its_own():
    assert len(set(EXPERIMENTS)) == len(EXPERIMENTS) == 15
