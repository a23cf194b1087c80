"""The table of formats is whole: what we write is also indexed, and read back under every name."""

from typing import get_args

import numpy as np
import pytest
import soundfile

from engine.audio.decode import EXTENSIONS
from engine.metadata.formats import FORMATS, WRITABLE, Kind, kind_of, open_container
from engine.metadata.journal import Journal
from engine.metadata.read import read_header
from engine.metadata.write import SoundTags, write_tags
from tests.conftest import encode, tone

SUBTYPES = {"wav": "PCM_16", "aiff": "PCM_16", "flac": "PCM_16", "ogg": "VORBIS"}
ENDINGS = [(kind, ending) for kind, known in FORMATS.items() for ending in known.endings]


def test_every_kind_of_file_has_its_row():
    assert set(FORMATS) == set(get_args(Kind))


def test_no_ending_has_two_formats_and_all_are_indexed():
    assert len(WRITABLE) == len(ENDINGS)
    assert WRITABLE <= EXTENSIONS
    assert all(ending == ending.lower() and ending.startswith(".") for ending in EXTENSIONS)


@pytest.mark.parametrize(("kind", "ending"), ENDINGS)
def test_what_is_written_into_a_format_is_read_back_under_every_name(tmp_path, kind, ending):
    path = tmp_path / f"a{ending}"
    if kind == "mp4":
        encode(path.with_suffix(".m4a"), "aac", duration_s=0.5).rename(path)
    else:
        samples, subtype = tone(440, 0.5, 48000).astype(np.float32), SUBTYPES.get(kind)
        soundfile.write(path, samples, 48000, format=kind, subtype=subtype)
    assert kind_of(path) == kind
    written = write_tags(path, SoundTags("a bell", keywords=("metal",)), Journal(tmp_path / "j"))
    header = read_header(path)
    assert written.changed and header.description == "a bell"
    holds = {field for part in open_container(path).parts for field, _ in part.slots}
    assert any("metal" in text for text in header.fields.values()) == ("KEYWORDS" in holds)
