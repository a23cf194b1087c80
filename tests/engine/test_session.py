import subprocess
import sys

import pytest

from engine import open_library
from engine.errors import LibraryError
from engine.tags.suggest import Rules


def test_a_script_needs_five_lines(tmp_path, sounds):
    script = f"""
from engine import open_library
with open_library({str(tmp_path / "library.db")!r}) as library:
    library.index({str(sounds)!r})
    for match in library.search("noise dur:<1s", 3):
        print(match.sound.path, match.strength)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 3


def test_a_session_indexes_searches_and_refreshes(tmp_path, sounds, model_folder):
    with open_library(tmp_path / "library.db", str(model_folder)) as session:
        with pytest.raises(LibraryError, match="holds no sounds yet"):
            session.search("door")
        assert session.index(str(sounds / "tones")).heard == 6
        assert len(session.search("tone", 50)) == 6
        assert session.index([sounds / "noises"]).heard == 6
        assert len(session.search("tone", 50)) == 12
        assert len(session.similar(sounds / "tones" / "Sound_01.wav", 5)) == 5
        answers = session.cues(["door", "rain"], alternates=2)
        assert [answer.cue.text for answer in answers] == ["door", "rain"]
        labels = tmp_path / "labels.txt"
        labels.write_text("door\nrain\n")
        rules = Rules(least=0.0, most=1)
        tags = session.suggest_tags(sounds / "tones", str(labels), rules)
        assert len(tags) == 6 and all(path.startswith(str(sounds / "tones")) for path in tags)
        assert all(listed[0].label.name in ("door", "rain") for listed in tags.values())
    with open_library(tmp_path / "library.db") as again:
        assert again.model_folder == model_folder
        assert len(again.search("tone", 50)) == 12


def test_importing_the_engine_loads_nothing_heavy():
    script = "import sys, engine; assert not {'torch', 'sqlalchemy', 'numpy'} & set(sys.modules)"
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0
