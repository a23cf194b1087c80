"""A file that cannot grow, at every stage of a run, as the system tells it."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from trainer.cli import main

resource = pytest.importorskip("resource")


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let no file become larger than so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def train(*arguments: object) -> int:
    return main(["--threads", "1", *map(str, arguments)])


@pytest.mark.parametrize(
    ("more", "largest", "begun"),
    [
        ((), 30_000, "sounds.sha256"),  # samples
        (("--frozen",), 4_000, "sounds.sha256"),  # features
        (("--frozen",), 100_000, "checkpoint.pt"),
        (("--frozen", "--checkpoint-steps", 0), 100_000, "matched.safetensors"),
    ],
)
def test_a_full_disk_is_one_sentence_whatever_is_being_written(
    table, model_folder, tmp_path, capsys, more, largest, begun
):
    run = tmp_path / "run"
    wanted = ("fit", run, "--set", f"csv:{table}", "--base", model_folder, "--steps", 4)
    wanted += ("--batch", 4, "--checkpoint-steps", 2, *more)
    with largest_file(largest):
        assert train(*wanted) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line == f"error: the disk that holds {run} is full: free some space and start again"
    assert not (run / begun).exists()
    assert not [*run.rglob("*.part"), *(run / "model").glob("*")]
    (run / "sounds.sha256.12.part").touch()  # as a kill would have left
    assert train(*wanted) == 0
    assert not [*run.rglob("*.part")]


def test_what_is_no_folder_is_one_sentence(table, model_folder, capsys):
    assert train("fit", table, "--set", f"csv:{table}", "--base", model_folder, "--steps", 1) == 1
    assert capsys.readouterr().err == f"error: {table}: File exists\n"
