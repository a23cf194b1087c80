"""Sounds that are indexed, of which some are handed over."""

import pytest

from engine.index.build import index_folders
from engine.progress import Control
from engine.search.export import sounds_of
from engine.search.grammar import parse
from engine.store import Library


@pytest.fixture
def indexed(library, sounds, model_folder) -> Library:
    index_folders(library, model_folder, [sounds], Control())
    return library


@pytest.fixture
def ids(indexed) -> list[int]:
    return sounds_of(indexed, parse("in:tones"))
