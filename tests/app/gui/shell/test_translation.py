"""Texts of the window can be gathered, translated and shown."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QTranslator

from app.gui.kit.text import tr
from app.gui.shell.actions import ACTIONS

ROOT = Path(__file__).parents[4]


@pytest.fixture(scope="module")
def gathered(tmp_path_factory):
    tool = shutil.which("pyside6-lupdate", path=str(Path(sys.executable).parent))
    if tool is None:
        pytest.skip("pyside6-lupdate is not installed")
    path = tmp_path_factory.mktemp("texts") / "soundsift_de.ts"
    files = [str(file) for file in sorted((ROOT / "app" / "gui").rglob("*.py"))]
    done = subprocess.run([tool, *files, "-ts", str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return path


def test_every_title_of_an_action_is_gathered(gathered):
    texts = gathered.read_text(encoding="utf-8")
    for spec in ACTIONS:
        assert f"<source>{spec.title.replace('&', '&amp;')}</source>" in texts
    assert texts.count("<source>") > 250


def test_a_translation_is_shown(gathered, qapp):
    texts = gathered.read_text(encoding="utf-8")
    source = "<source>Loading the model</source>"
    assert source in texts
    before = '<translation type="unfinished"></translation>'
    start = texts.index(before, texts.index(source))
    texts = texts[:start] + "<translation>Modell lädt</translation>" + texts[start + len(before) :]
    gathered.write_text(texts, encoding="utf-8")
    tool = Path(sys.executable).with_name("pyside6-lrelease")
    compiled = gathered.with_suffix(".qm")
    subprocess.run([tool, gathered, "-qm", compiled], check=True, capture_output=True)
    translator = QTranslator()
    assert translator.load(str(compiled))
    QCoreApplication.installTranslator(translator)
    try:
        assert tr("Loading the model") == "Modell lädt"
    finally:
        QCoreApplication.removeTranslator(translator)
    assert tr("Loading the model") == "Loading the model"
