"""Runs that are killed at every point: files, names and library agree, and all comes back."""

import json
import os

import pytest

from tests import warm


@pytest.mark.long
@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills copies of its own process")
@pytest.mark.parametrize("what", ["run", "undo", "redo"])
def test_whoever_is_killed_when_files_and_library_agree_and_all_comes_back(tmp_path, what):
    done = warm.module("tests.engine.tags.killing", what, tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert len(found) > 55
    assert {number: said for number, said in enumerate(found) if said} == {}
