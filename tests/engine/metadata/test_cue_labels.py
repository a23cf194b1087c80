"""Labels of cue points and loops, as they lie in their chunks."""

import struct
from pathlib import Path

from engine.metadata.cues import cue_texts
from engine.metadata.riff import find_chunks
from engine.metadata.texts import Text
from tests.engine.metadata.test_riff import chunk, riff


def told(tmp_path: Path, *chunks: bytes) -> list[tuple[str, str | None]]:
    path = tmp_path / "a.wav"
    path.write_bytes(riff(*chunks))
    found = list(cue_texts(path, find_chunks(path)))
    return [(name, t.text if isinstance(t, Text) else t) for name, t in found]


def label(number: int, text: bytes, kind: bytes = b"labl") -> bytes:
    return chunk(kind, struct.pack("<I", number) + text)


def adtl(*labels: bytes) -> bytes:
    return chunk(b"LIST", b"adtl" + b"".join(labels))


def smpl(loops: int, size: int = 36) -> bytes:
    return chunk(b"smpl", (bytes(28) + struct.pack("<I", loops) + bytes(40))[:size])


def test_labels_and_notes_are_read_with_the_number_of_their_cue(tmp_path):
    labels = (
        label(1, b"odd"),
        label(258, b"even"),
        label(3, b"its note", b"note"),
        label(4, b"other", b"ltxt"),
        label(5, b"\0 "),
        label(6, b""),
        label(7, b"x"),
    )
    info = chunk(b"LIST", b"INFO" + label(9, b"no"))
    found = [("cue.1", "odd"), ("cue.258", "even"), ("cue.3", "its note"), ("cue.7", "x")]
    assert told(tmp_path, info, adtl(*labels), adtl(label(8, b"more"))) == [
        *found,
        ("cue.8", "more"),
    ]


def test_the_last_label_may_be_cut_off(tmp_path):
    cut = label(2, b"whole")[:-3]
    assert told(tmp_path, adtl(label(1, b"a"), cut)) == [("cue.1", "a"), ("cue.2", "who")]
    assert told(tmp_path, adtl(label(1, b"a"), b"labl\1\0\0")) == [("cue.1", "a")]
    assert told(tmp_path, adtl(label(1, b""))) == [] == told(tmp_path, adtl())


def test_labels_are_not_counted_for_ever(tmp_path):
    found = told(tmp_path, adtl(*(label(n, b"xx") for n in range(1001))))
    assert [name for name, _ in found] == [f"cue.{n}" for n in range(1000)]


def test_loops_are_counted(tmp_path):
    assert told(tmp_path, smpl(258)) == [("smpl.loops", "258")]
    assert told(tmp_path, smpl(0)) == [] == told(tmp_path, smpl(2, size=35))
    assert told(tmp_path, smpl(1, size=40), adtl(label(1, b"a"))) == [
        ("smpl.loops", "1"),
        ("cue.1", "a"),
    ]


def test_chunks_that_are_too_large_are_passed_over(tmp_path, monkeypatch):
    monkeypatch.setattr("engine.metadata.cues.LONGEST_BYTES", 20)
    fits, large = adtl(label(1, b"abcd")), adtl(label(2, b"abcde"))
    assert told(tmp_path, large, fits, large) == [("cue.1", "abcd")]
