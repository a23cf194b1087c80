"""Chunks: which ones a file has, to the byte, and what a file is once some were changed."""

import io
import struct
import sys
from pathlib import Path

import pytest

from engine.errors import AudioError, InputError
from engine.metadata.riff import (
    Chunk,
    Layout,
    find_chunks,
    is_chunked,
    read_chunk,
    read_layout,
    rewrite,
)

UNKNOWN = 0xFFFFFFFF


def chunk(name: bytes, data: bytes, pad: bytes = b"\0", order: str = "<") -> bytes:
    return struct.pack(f"{order}4sI", name, len(data)) + data + (pad if len(data) % 2 else b"")


def riff(*chunks: bytes, kind: bytes = b"RIFF", size: int | None = None) -> bytes:
    body = b"".join(chunks)
    return kind + struct.pack("<I", 4 + len(body) if size is None else size) + b"WAVE" + body


def form(*chunks: bytes, kind: bytes = b"AIFF") -> bytes:
    body = b"".join(chunks)
    return b"FORM" + struct.pack(">I", 4 + len(body)) + kind + body


def ds64(riff_size: int, data_size: int, *table: tuple[bytes, int], entries: int | None = None):
    count = len(table) if entries is None else entries
    body = struct.pack("<QQQI", riff_size, data_size, 7, count)
    return chunk(b"ds64", body + b"".join(struct.pack("<4sQ", *entry) for entry in table))


def laid(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "a.wav"
    path.write_bytes(data)
    return path


def found(tmp_path: Path, data: bytes) -> Layout:
    return find_chunks(laid(tmp_path, data))


def written(tmp_path: Path, data: bytes, before_audio: bool = False, **changes: bytes) -> bytes:
    """Return a file with other data in its chunks of these names, or with new ones of them."""
    path = laid(tmp_path, data)
    layout = find_chunks(path)
    by_id = {name.encode(): held for name, held in changes.items()}
    out = io.BytesIO()
    where = {layout.first(name) or name: held for name, held in by_id.items()}
    rewrite(path, layout, out, where, before_audio)
    return out.getvalue()


@pytest.mark.parametrize(
    ("head", "is_one"),
    [
        (b"RIFF\0\0\0\0WAVE", True),
        (b"RF64\0\0\0\0WAVE", True),
        (b"BW64\0\0\0\0WAVE", True),
        (b"FORM\0\0\0\0AIFF", True),
        (b"FORM\0\0\0\0AIFC", True),
        (b"RIFF\0\0\0\0AIFF", False),
        (b"RIFF\0\0\0\0AVI ", False),
        (b"FORM\0\0\0\0WAVE", False),
        (b"RIFX\0\0\0\0WAVE", False),
        (b"\0\0\0\0\0\0\0\0AIFF", False),
    ],
)
def test_what_a_chunked_file_is_its_first_bytes_say(tmp_path, head, is_one):
    assert is_chunked(head) == is_one
    if is_one:
        assert found(tmp_path, head).kind == head[:4]
        head = head[:11]
    with pytest.raises(AudioError) as told:
        found(tmp_path, head)
    assert str(told.value) == "a.wav is not a WAV, RF64, BW64 or AIFF file"


def test_chunks_are_found_where_they_are(tmp_path):
    data = riff(
        chunk(b"fmt ", b"abcd"),
        chunk(b"data", b"12345"),
        chunk(b"LIST", b"xyz", b"\x7f"),
        chunk(b"void", b""),
    )
    layout = found(tmp_path, data + b"\0\0\0\0rest")
    assert layout == Layout(
        b"RIFF",
        len(data) - 8,
        (
            Chunk(b"fmt ", 20, 4, False),
            Chunk(b"data", 32, 5, True),
            Chunk(b"LIST", 46, 3, True),
            Chunk(b"void", 58, 0, False),
        ),
        len(data) + 8,
    )
    assert [part.end for part in layout.chunks] == [24, 38, 50, 58]
    assert layout.audio == layout.chunks[1] and layout.order == "<"
    assert layout.first(b"LIST") == layout.chunks[2] and layout.first(b"bext") is None


def test_sizes_of_aiff_are_big_endian(tmp_path):
    data = form(chunk(b"COMM", b"abc", order=">"), chunk(b"SSND", b"1234", order=">"))
    layout = found(tmp_path, data)
    chunks = (Chunk(b"COMM", 20, 3, True), Chunk(b"SSND", 32, 4, False))
    assert layout == Layout(b"FORM", len(data) - 8, chunks, len(data))
    assert layout.order == ">" and layout.audio == chunks[1]


@pytest.mark.parametrize("kind", [b"RF64", b"BW64"])
def test_long_sizes_stand_in_ds64(tmp_path, kind):
    unknown = struct.pack("<I", UNKNOWN)
    data = riff(
        ds64(70_000_000_000, 6, (b"more", 2), (b"last", 4)),
        b"data" + unknown + b"123456",
        b"more" + unknown + b"ab",
        b"last" + unknown + b"abcd",
        b"then" + struct.pack("<I", 3) + b"abc\0",
        kind=kind,
        size=UNKNOWN,
    )
    layout = found(tmp_path, data)
    assert layout.riff_size == 70_000_000_000
    assert [(c.id, c.start, c.size) for c in layout.chunks] == [
        (b"ds64", 20, 52),
        (b"data", 80, 6),
        (b"more", 94, 2),
        (b"last", 104, 4),
        (b"then", 116, 3),
    ]


def test_ds64_counts_in_long_files_alone(tmp_path):
    unknown = b"data" + struct.pack("<I", UNKNOWN) + b"123456"
    behind = chunk(b"LIST", b"ab")
    plain = found(tmp_path, riff(ds64(99, 6), unknown, behind, size=50))
    assert plain.riff_size == 50
    assert plain.chunks[-1] == Chunk(b"data", 56, 16, False, unfinished=True)
    aiff = found(tmp_path, form(chunk(b"ds64", bytes(28), order=">")))
    assert aiff.riff_size == 40


@pytest.mark.parametrize(
    ("entries", "table", "size"),
    [(0, 1, UNKNOWN), (1, 1, 2), (2, 1, 2), (UNKNOWN, 1, 2), (1, 0, UNKNOWN)],
)
def test_no_more_of_a_table_is_read_than_there_is(tmp_path, entries, table, size):
    sized = ds64(70, 0, *[(b"more", 2)] * table, entries=entries)
    more = b"more" + struct.pack("<I", UNKNOWN) + b"ab"
    layout = found(tmp_path, riff(sized, more, kind=b"RF64"))
    assert layout.chunks[-1].cut == (size == UNKNOWN)
    assert layout.chunks[-1].size == 2


def test_a_short_ds64_is_damaged(tmp_path):
    assert found(tmp_path, riff(chunk(b"ds64", bytes(28)), kind=b"RF64")).riff_size == 0
    with pytest.raises(AudioError) as told:
        found(tmp_path, riff(chunk(b"ds64", bytes(27)), kind=b"RF64"))
    assert str(told.value) == "a.wav has a damaged ds64 chunk"


@pytest.mark.parametrize(
    ("name", "is_one"),
    [(b" ~az", True), (b"\x1fabc", False), (b"abc\x7f", False), (b"ab\0c", False)],
)
def test_what_no_chunk_can_be_called_ends_them(tmp_path, name, is_one):
    layout = found(tmp_path, riff(chunk(b"fmt ", b"ab"), chunk(name, b"cd"), chunk(b"last", b"")))
    assert [c.id for c in layout.chunks] == [b"fmt ", *([name, b"last"] if is_one else [])]


def test_a_chunk_may_end_with_the_file_and_not_behind_it(tmp_path):
    whole = riff(chunk(b"data", b"1234"), chunk(b"bext", b"abcd"))
    assert read_layout(laid(tmp_path, whole)).chunks[-1] == Chunk(b"bext", 32, 4, False)
    cut = found(tmp_path, whole[:-1])
    assert cut.chunks[-1] == Chunk(b"bext", 32, 3, False, cut=True)
    with pytest.raises(AudioError) as told:
        read_layout(laid(tmp_path, whole[:-1]))
    assert str(told.value) == (
        "a.wav says that its chunk bext extends past its end: its header is damaged"
    )
    with pytest.raises(AudioError, match="its chunk fmt extends"):
        read_layout(laid(tmp_path, riff(b"fmt \x09\0\0\0", chunk(b"data", b""))[:28]))
    with pytest.raises(AudioError) as told:
        read_layout(laid(tmp_path, riff(chunk(b"fmt ", b"abcd"))))
    assert str(told.value) == "a.wav holds no audio data"


def test_the_head_of_a_chunk_may_be_the_end_of_a_file(tmp_path):
    data = riff(chunk(b"data", b"1234"), chunk(b"void", b""))
    assert [c.id for c in found(tmp_path, data).chunks] == [b"data", b"void"]
    assert [c.id for c in found(tmp_path, data[:-1]).chunks] == [b"data"]


def test_chunks_are_not_counted_for_ever(tmp_path):
    assert len(found(tmp_path, riff(chunk(b"void", b"") * 10_001)).chunks) == 10_000


@pytest.mark.parametrize("kind", [b"RIFF", b"FORM"])
@pytest.mark.parametrize(
    ("size", "after", "is_unfinished"),
    [
        (UNKNOWN, b"", True),
        (UNKNOWN, b"1234", True),
        (0, b"", False),
        (0, b"1234567", True),
        (0, b"12345678", True),  # what says to be longer than what there is is no chunk
        (0, b"LIST\0\0\0\0", False),
        (0, b"\x01\x02\x03\x04\0\0\0\0", True),
        (0, b"LIST<2>ab", False),
        (0, b"LIST<3>ab", True),
        (4, b"1234LIST<0>", False),
    ],
)
def test_audio_whose_size_was_never_filled_in_goes_on_to_the_end(
    tmp_path, kind, size, after, is_unfinished
):
    order = ">" if kind == b"FORM" else "<"
    for number in range(4):
        after = after.replace(b"<%d>" % number, struct.pack(f"{order}I", number))
    name = b"SSND" if kind == b"FORM" else b"data"
    data = form() if kind == b"FORM" else riff()
    layout = found(tmp_path, data + name + struct.pack(f"{order}I", size) + after)
    whole = Chunk(name, 20, len(after), False, unfinished=True)
    if is_unfinished:
        assert layout.chunks == (whole,)
    else:
        assert layout.chunks[0] == Chunk(name, 20, size, False)
        assert [c.id for c in layout.chunks[1:]] == [b"LIST"] * (b"LIST" in after)


def test_other_chunks_are_cut_not_unfinished(tmp_path):
    layout = found(tmp_path, riff(chunk(b"data", b"12"), b"LIST" + b"\xff" * 4 + b"abc"))
    assert layout.chunks[-1] == Chunk(b"LIST", 30, 3, False, cut=True)


@pytest.mark.skipif(sys.platform != "linux", reason="makes a sparse file")
@pytest.mark.parametrize("more", [-1, 0, 2])
def test_a_size_of_all_ones_may_be_the_size(tmp_path, more):
    path = laid(tmp_path, riff(b"data" + struct.pack("<I", UNKNOWN)))
    with path.open("r+b") as file:
        file.truncate(20 + UNKNOWN + more)
    (only,) = find_chunks(path).chunks
    assert (only.unfinished, only.cut) == (more < 0, False)
    assert only.size == UNKNOWN + min(more, 0) and only.padded == (more > 0)


@pytest.mark.parametrize(
    ("after", "padded"),
    [
        (b"", False),
        (b"\0", True),
        (b"\x7f", True),
        (b"LIST\0\0\0", True),  # no room for a chunk
        (b"LIST\0\0\0\0", False),  # forgotten
        (b"\0LIST\0\0\0\0", True),
        (b"xLIST\0\0\0\0", True),
        (b"\0\0\0\0\0\0\0\0\0", True),
        (b"LI\x01T\0\0\0\0", True),
    ],
)
def test_a_forgotten_padding_byte_is_noticed(tmp_path, after, padded):
    layout = found(tmp_path, riff(b"data" + struct.pack("<I", 3) + b"123") + after)
    assert layout.chunks[0] == Chunk(b"data", 20, 3, padded)
    assert [c.id for c in layout.chunks[1:]] == [b"LIST"] * (len(after) > 7 and b"LIST" in after)


def test_behind_an_even_size_is_no_padding(tmp_path):
    layout = found(tmp_path, riff(b"data" + struct.pack("<I", 2) + b"12") + b"\0\0")
    assert layout.chunks == (Chunk(b"data", 20, 2, False),)


def test_the_data_of_a_chunk_are_read_without_padding(tmp_path):
    path = laid(tmp_path, riff(chunk(b"fmt ", b"ab"), chunk(b"data", b"123"), chunk(b"LIST", b"")))
    assert [read_chunk(path, c) for c in find_chunks(path).chunks] == [b"ab", b"123", b""]


FMT, DATA, LIST = chunk(b"fmt ", b"abcd"), chunk(b"data", b"12345", b"\x7f"), chunk(b"LIST", b"xy")


def test_only_what_changes_changes(tmp_path):
    tail = b"\0\1\2tail"
    new = written(tmp_path, riff(FMT, LIST, DATA) + tail, LIST=b"abc")
    assert new == riff(FMT, chunk(b"LIST", b"abc"), DATA) + tail
    shorter = written(tmp_path, riff(FMT, DATA, chunk(b"LIST", b"xyz")) + tail, LIST=b"")
    assert shorter == riff(FMT, DATA, chunk(b"LIST", b"")) + tail


def test_new_chunks_go_behind_the_last_unless_told_otherwise(tmp_path):
    path, out = laid(tmp_path, riff(DATA, LIST)), io.BytesIO()
    rewrite(path, find_chunks(path), out, {b"bext": b""})
    assert out.getvalue() == riff(DATA, LIST, chunk(b"bext", b""))


def test_new_chunks_go_behind_the_last_or_before_the_audio(tmp_path):
    tail = b"\0tail"
    added = [chunk(b"bext", b"123"), chunk(b"iXML", b"ab")]
    new = {"bext": b"123", "iXML": b"ab"}
    assert written(tmp_path, riff(FMT, DATA) + tail, **new) == riff(FMT, DATA, *added) + tail
    before = written(tmp_path, riff(FMT, DATA, LIST) + tail, before_audio=True, **new)
    assert before == riff(FMT, *added, DATA, LIST) + tail
    both = written(tmp_path, riff(FMT, DATA, LIST), LIST=b"new", bext=b"12")
    assert both == riff(FMT, DATA, chunk(b"LIST", b"new"), chunk(b"bext", b"12"))


def test_sizes_are_written_in_the_files_order(tmp_path):
    parts = [chunk(b"COMM", b"abcd", order=">"), chunk(b"SSND", b"1234", order=">")]
    new = written(tmp_path, form(*parts), COMM=b"x" * 300, NAME=b"me")
    changed = chunk(b"COMM", b"x" * 300, order=">")
    assert new == form(changed, parts[1], chunk(b"NAME", b"me", order=">"))


def test_a_forgotten_padding_byte_is_added_before_a_new_chunk_alone(tmp_path):
    unpadded = riff(FMT, b"data\x03\0\0\0abc")
    padded = riff(FMT, b"data\x03\0\0\0abc\0", chunk(b"bext", b"12"))
    assert written(tmp_path, unpadded, bext=b"12") == padded
    in_front = riff(FMT, chunk(b"bext", b"12"), b"data\x03\0\0\0abc")
    assert written(tmp_path, unpadded, before_audio=True, bext=b"12") == in_front
    other = riff(chunk(b"fmt ", b"ab"), b"data\x03\0\0\0abc")
    assert written(tmp_path, unpadded, **{"fmt ": b"ab"}) == other
    last = riff(chunk(b"data", b"1234"), b"LIST\x03\0\0\0abc")
    replaced = riff(chunk(b"data", b"1234"), chunk(b"LIST", b"x"), chunk(b"bext", b"12"))
    assert written(tmp_path, last, LIST=b"x", bext=b"12") == replaced


@pytest.mark.parametrize("stated", [0, UNKNOWN])
def test_a_size_that_was_never_filled_in_stays_so(tmp_path, stated):
    new = written(tmp_path, riff(FMT, DATA, size=stated), bext=b"12")
    assert new == riff(FMT, DATA, chunk(b"bext", b"12"), size=stated)


@pytest.mark.parametrize("kind", [b"RF64", b"BW64"])
@pytest.mark.parametrize(
    ("head", "long", "expected"),
    [
        (UNKNOWN, 70, UNKNOWN),
        (UNKNOWN, 1 << 33, UNKNOWN),
        (60, 70, 80),
        (60, UNKNOWN - 11, UNKNOWN - 1),
        (60, 1 << 33, UNKNOWN),
        (60, 0, 10),
        (60, UNKNOWN, UNKNOWN),
        (0, 70, 80),
    ],
)
def test_long_files_say_their_size_in_ds64(tmp_path, kind, head, long, expected):
    sound = chunk(b"data", b"1234")
    table = (b"more", 3)
    new = written(tmp_path, riff(ds64(long, 4, table), sound, kind=kind, size=head), bext=b"12")
    added = chunk(b"bext", b"12")
    wanted = riff(ds64(long + 10, 4, table), sound, added, kind=kind, size=expected)
    assert new == wanted


def test_a_padding_byte_of_ds64_stays(tmp_path):
    sized = chunk(b"ds64", struct.pack("<QQQI", 70, 4, 1, 0) + b"x", b"\x7f")
    more = chunk(b"ds64", struct.pack("<QQQI", 80, 4, 1, 0) + b"x", b"\x7f")
    sound = chunk(b"data", b"1234")
    new = written(tmp_path, riff(sized, sound, kind=b"RF64", size=UNKNOWN), bext=b"12")
    assert new == riff(more, sound, chunk(b"bext", b"12"), kind=b"RF64", size=UNKNOWN)


def test_a_chunk_called_ds64_is_foreign_in_a_short_file(tmp_path):
    odd = chunk(b"ds64", b"whatever it may be")
    assert written(tmp_path, riff(odd, DATA), bext=b"") == riff(odd, DATA, chunk(b"bext", b""))


@pytest.mark.parametrize("kind", [b"RIFF", b"FORM"])
def test_a_file_grows_to_4_gb_and_no_further(tmp_path, kind):
    order = ">" if kind == b"FORM" else "<"
    name = b"SSND" if kind == b"FORM" else b"data"
    whole = bytearray((form if kind == b"FORM" else riff)(chunk(name, b"12", order=order)))
    for left, fits in ((11, True), (10, False)):
        whole[4:8] = struct.pack(f"{order}I", UNKNOWN - left)
        if fits:
            new = written(tmp_path, bytes(whole), bext=b"ab")
            assert new[4:8] == struct.pack(f"{order}I", UNKNOWN - 1)
            continue
        with pytest.raises(InputError) as told:
            written(tmp_path, bytes(whole), bext=b"ab")
        assert str(told.value) == ("a.wav would exceed 4 GB, the most that such a file can hold")
