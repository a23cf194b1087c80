"""Runs that are killed at every point: files, names and library agree, and all comes back."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills copies of its own process")
@pytest.mark.parametrize("what", ["run", "undo", "redo"])
def test_whoever_is_killed_when_files_and_library_agree_and_all_comes_back(tmp_path, what):
    command = [sys.executable, "-m", "tests.engine.tags.killing", what, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[3])
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert len(found) > 55
    assert {number: said for number, said in enumerate(found) if said} == {}
