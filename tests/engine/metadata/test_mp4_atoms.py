"""Atoms of MP4: which items there are, what becomes of them, and what a file is written as."""

import io
import struct
from pathlib import Path

import pytest

from engine.errors import AudioError, InputError
from engine.metadata import mp4_atoms
from engine.metadata.mp4_atoms import Atom, Items, Mp4File, atoms_of, make
from engine.metadata.texts import Text

CATID = "----:com.apple.iTunes:CATID"


def data(text: bytes, kind: int = 1, locale: int = 0) -> bytes:
    return make(b"data", struct.pack(">II", kind, locale) + text)


def own(name: bytes, *values: bytes, mean: bytes = b"com.apple.iTunes") -> bytes:
    head = make(b"mean", bytes(4) + mean) + make(b"name", bytes(4) + name)
    return make(b"----", head + b"".join(values))


def long_atom(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I4sQ", 1, name, len(body) + 16) + body


def read(*items: bytes) -> dict[str, str | None]:
    return {key: text.text for key, text in Items(b"".join(items)).texts()}


def test_atoms_are_found_where_they_are():
    held = make(b"free", b"") + long_atom(b"mdat", b"abc") + make(b"skip", b"x")
    found = atoms_of(held + b"\0\0\0")
    assert found == [Atom(b"free", 0, 8, 8), Atom(b"mdat", 8, 27, 16), Atom(b"skip", 27, 36, 8)]
    assert [atom.body(held) for atom in found] == [b"", b"abc", b"x"]
    assert atoms_of(b"") == [] == atoms_of(b"\0" * 7)


def test_an_end_mark_of_quicktime_ends_them():
    assert atoms_of(make(b"free", b"") + bytes(8) + b"whatever") == [Atom(b"free", 0, 8, 8)]


@pytest.mark.parametrize(
    "held",
    [
        struct.pack(">I4s", 7, b"abcd"),
        struct.pack(">I4s", 0, b"abcd"),
        struct.pack(">I4s", 10, b"abcd") + b"x",
        struct.pack(">I4sQ", 1, b"abcd", 15),
        struct.pack(">I4sQ", 1, b"abcd", 17),
        make(b"free", b"") + struct.pack(">I4s", 9, b"abcd"),
    ],
)
def test_atoms_that_do_not_fit_are_told(held):
    with pytest.raises(ValueError) as told:
        atoms_of(held)
    assert str(told.value) == "its atom abcd does not fit into it"


def test_a_name_of_any_bytes_is_told():
    with pytest.raises(ValueError, match="its atom ©nam does not fit"):
        atoms_of(b"\0\0\0\x09\xa9nam")


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (make(b"\xa9cmt", data("Tür".encode())), {"©cmt": "Tür"}),
        (make(b"\xa9cmt", data("Tür".encode("utf-16-be"), kind=2)), {"©cmt": "Tür"}),
        (make(b"\xa9cmt", data(b"T\xfcr")), {"©cmt": "Tür"}),
        (make(b"\xa9cmt", data(b"one") + data(b"two")), {"©cmt": "one; two"}),
        (make(b"\xa9cmt", data(b"")), {}),
        (make(b"\xa9cmt", b""), {}),
        (make(b"\xa9cmt", make(b"free", b"")), {}),
        (make(b"\xa9cmt", b"\0\0\0\x63data"), {"©cmt": None}),
        (make(b"\xa9cmt", make(b"data", b"short")), {"©cmt": None}),
        (make(b"\xa9cmt", make(b"data", bytes(3) + b"\x01" + bytes(3))), {"©cmt": None}),
        (make(b"covr", data(b"JPEG", kind=13)), {}),
        (make(b"covr", data(b"PNG", kind=14) + data(b"BMP", kind=27)), {}),
        (make(b"covr", data(b"PNG", kind=14) + data(b"text")), {"covr": "PNG; text"}),
        (make(b"gnre", data(b"\0\x12", kind=0)), {"gnre": "18"}),
        (make(b"tmpo", data(b"\x01\x02", kind=21) + data(b"\x03", kind=21)), {"tmpo": "258; 3"}),
        (make(b"tmpo", data(b"\x07", kind=22)), {"tmpo": "7"}),
        (own(b"CATID", data(b"DOORWood")), {CATID: "DOORWood"}),
        (own(b"CATID", data(b"DOORWood", kind=0)), {CATID: "DOORWood"}),
        (own(b"thing", data(b"x"), mean=b"mine"), {"----:mine:thing": "x"}),
        (own(b"\xff", data(b"x"), mean=b"\xfe"), {"----:\ufffd:\ufffd": "x"}),
        (make(b"----", data(b"x")), {"----::": "x"}),
        (make(b"----", b"\0\0\0\x63mean"), {"----": None}),
    ],
)
def test_items_are_read_by_key(item, expected):
    assert read(item) == expected
    assert Items(item).data() == item


def test_a_text_that_is_too_long_is_there_but_not_read(monkeypatch):
    monkeypatch.setattr(mp4_atoms, "LONGEST_BYTES", 100)
    fits, too_long = (make(b"\xa9cmt", data(b"x" * (100 + n))) for n in (0, 1))
    assert read(fits) == {"©cmt": "x" * 100} and read(too_long) == {"©cmt": None}
    assert Items(too_long).get("©cmt").raw == too_long


def test_a_genre_by_number_counts_as_one():
    items = Items(make(b"gnre", data(b"\0\x12", kind=0)))
    assert items.get("©gen") == Text(b"\0\x12", "18", "ascii")
    assert items.get("gnre").text == "18" and items.get("©cmt") is None
    both = Items(make(b"\xa9cmt", data(b"")) + make(b"\xa9cmt", data(b"said")))
    assert both.get("©cmt").text == "said"


def test_an_item_takes_the_place_of_the_one_that_speaks_or_of_a_blank_one():
    blank, said, other = (make(b"\xa9cmt", data(text)) for text in (b"", b"old", b"more"))
    foreign = make(b"covr", data(b"PNG", kind=14))
    new = make(b"\xa9cmt", data("nëw".encode()))
    for before, after in (
        ([foreign], [foreign, new]),
        ([blank, foreign], [new, foreign]),
        ([blank, said, foreign, other], [blank, new, foreign, other]),
    ):
        items = Items(b"".join(before))
        items.put("©cmt", "nëw\x07")
        assert items.data() == b"".join(after)


def test_items_of_ones_own_have_their_name_inside():
    items = Items(b"")
    items.put("----:mine:a:b", "x")
    assert items.data() == own(b"a:b", data(b"x"), mean=b"mine")
    assert items.get("----:mine:a:b").text == "x"


def test_words_are_added_behind_the_last_value_in_its_encoding():
    rest = make(b"free", b"rest")
    items = Items(make(b"skip", b"") + own(b"KEYWORDS", data(b"a"), data(b"b", locale=9), rest))
    key = "----:com.apple.iTunes:KEYWORDS"
    assert items.add(key, ["c", "d"])
    longer = own(b"KEYWORDS", data(b"a"), data(b"b; c; d", locale=9), rest)
    assert items.data() == make(b"skip", b"") + longer
    latin = Items(make(b"\xa9key", data("Tür".encode("cp1252"))))
    assert latin.add("©key", ["weiß"])
    assert latin.data() == make(b"\xa9key", data("Tür, weiß".encode("cp1252")))
    before = latin.data()
    assert not latin.add("©key", ["音"]) and latin.data() == before
    wide = Items(make(b"\xa9key", data("a".encode("utf-16-be"), kind=2)))
    assert wide.add("©key", ["音"])
    assert wide.data() == make(b"\xa9key", data("a, 音".encode("utf-16-be"), kind=2))


def test_words_go_where_there_were_none_and_are_taken_out():
    items = Items(b"")
    assert items.add("©key", ["a", "b"]) and items.get("©key").text == "a, b"
    items.drop("©key", ["A"])
    assert items.data() == make(b"\xa9key", data(b"b"))


# files

FTYP = make(b"ftyp", b"M4A \0\0\0\0")
ILST, NEW = make(b"\xa9cmt", data(b"old")), make(b"\xa9cmt", data(b"something new"))
GROWN = len(NEW) - len(ILST)
HDLR = make(b"hdlr", struct.pack(">IIII", 0, 0, 0x6D646972, 0x6170706C) + bytes(9))


def table(name: bytes, *offsets: int, count: int | None = None) -> bytes:
    kind = ">I" if name == b"stco" else ">Q"
    body = struct.pack(">II", 0, len(offsets) if count is None else count)
    return make(name, body + b"".join(struct.pack(kind, offset) for offset in offsets))


def trak(*tables: bytes, within: bytes = b"trak") -> bytes:
    held = make(b"stsd", b"x") + b"".join(tables)
    for name in (b"stbl", b"minf", b"mdia"):
        held = make(b"abcd", b"") + make(name, held)
    return make(within, held)


def meta(*children: bytes, head: bytes = b"\1\2\3\4") -> bytes:
    return make(b"meta", head + b"".join(children))


def moov(*children: bytes) -> bytes:
    return make(b"moov", b"".join(children))


def usual(items: bytes | None, *behind: bytes, tables: tuple[bytes, ...] = ()) -> bytes:
    """Return the description of a file with a list of items, and what follows the list."""
    ilst = b"" if items is None else make(b"ilst", items)
    udta = make(b"udta", make(b"cprt", b"me") + meta(HDLR, ilst, *behind) + make(b"xtra", b"y"))
    return moov(trak(*tables), udta, make(b"last", b"z"))


def laid(tmp_path: Path, *atoms: bytes) -> Path:
    path = tmp_path / "a.m4a"
    path.write_bytes(b"".join(atoms))
    return path


def written(tmp_path: Path, *atoms: bytes, items: bytes = NEW) -> bytes:
    out = io.BytesIO()
    Mp4File(laid(tmp_path, *atoms)).rewrite(out, items)
    return out.getvalue()


MDAT = make(b"mdat", b"audio")


@pytest.mark.parametrize(
    ("description", "expected"),
    [
        (usual(ILST), ILST),
        (moov(make(b"udta", meta(HDLR, make(b"ilst", ILST), head=b""))), ILST),
        (moov(make(b"udta", meta(HDLR))), None),
        (moov(make(b"udta", b"")), None),
        (moov(trak()), None),
        (moov(), None),
        (long_atom(b"moov", make(b"udta", meta(HDLR, make(b"ilst", ILST)))), ILST),
    ],
)
def test_the_items_of_a_file_are_found(tmp_path, description, expected):
    assert Mp4File(laid(tmp_path, FTYP, description, MDAT)).items() == expected
    assert Mp4File(laid(tmp_path, FTYP, MDAT, description)).items() == expected


def test_the_last_atom_may_go_on_to_the_end(tmp_path):
    open_end = b"\0\0\0\0mdat" + b"audio"
    assert Mp4File(laid(tmp_path, FTYP, usual(ILST), open_end)).items() == ILST
    assert Mp4File(laid(tmp_path, FTYP, usual(ILST), MDAT, b"rest")).items() == ILST
    assert Mp4File(laid(tmp_path, usual(ILST), make(b"free", b""))).items() == ILST
    description = usual(ILST)
    assert Mp4File(laid(tmp_path, FTYP, bytes(4) + description[4:])).items() == ILST


@pytest.mark.parametrize(
    ("atoms", "why"),
    [
        ((FTYP, MDAT), "it has no readable description"),
        ((FTYP, moov(), b"\0\0\0\x0amdat."), "its atom mdat does not fit into it"),
        ((FTYP, moov(), b"\0\0\0\x07\xa9dat"), "its atom ©dat does not fit into it"),
        ((FTYP, moov(), b"\0\0\0\x01mdat"), "its atom mdat does not fit into it"),
        (
            (FTYP, moov(), struct.pack(">I4sQ", 1, b"mdat", 15)),
            "its atom mdat does not fit into it",
        ),
        ((FTYP, moov(b"\0\0\0\x09udta")), "its atom udta does not fit into it"),
        ((FTYP, moov(make(b"udta", b"\0\0\0\x09meta"))), "its atom meta does not fit into it"),
    ],
)
def test_damage_is_told(tmp_path, atoms, why):
    with pytest.raises(AudioError) as told:
        Mp4File(laid(tmp_path, *atoms))
    assert str(told.value) == f"a.m4a has damaged metadata: {why}"


def test_a_description_may_be_large_but_not_without_end(tmp_path, monkeypatch):
    description = usual(ILST)
    monkeypatch.setattr(mp4_atoms, "_LARGEST_MOOV", len(description))
    assert Mp4File(laid(tmp_path, FTYP, description)).items() == ILST
    with pytest.raises(AudioError, match="it has no readable description"):
        Mp4File(laid(tmp_path, FTYP, usual(ILST + b"\0\0\0\x08free")))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (usual(ILST), usual(NEW)),
        (usual(None), moov(
            trak(),
            make(
                b"udta",
                make(b"cprt", b"me") + meta(HDLR, make(b"ilst", NEW)) + make(b"xtra", b"y"),
            ),
            make(b"last", b"z"),
        )),
        (moov(trak()), moov(trak(), make(b"udta", meta(HDLR, make(b"ilst", NEW), head=bytes(4))))),
        (
            moov(make(b"udta", make(b"cprt", b"me")), trak()),
            moov(
                make(
                    b"udta",
                    make(b"cprt", b"me") + meta(HDLR, make(b"ilst", NEW), head=bytes(4)),
                ),
                trak(),
            ),
        ),
        (
            moov(make(b"udta", meta(HDLR, make(b"ilst", ILST), head=b""))),
            moov(make(b"udta", meta(HDLR, make(b"ilst", NEW), head=b""))),
        ),
    ],
    ids=["there", "no list", "no udta", "no meta", "quicktime"],
)  # fmt: skip
def test_a_list_is_put_where_it_belongs(tmp_path, before, after):
    assert written(tmp_path, FTYP, MDAT, before) == FTYP + MDAT + after
    longer = long_atom(b"moov", before[8:])
    assert written(tmp_path, FTYP, MDAT, longer) == FTYP + MDAT + after


@pytest.mark.parametrize("room", [0, 8, 9, 100])
def test_free_room_beside_the_list_gives_way(tmp_path, room):
    free = make(b"free", b"\1" * (GROWN + room - 8))
    filled = (make(b"free", bytes(room - 8)),) if room else ()
    offsets = (table(b"stco", 5000),)
    before = usual(ILST, free, make(b"then", b"t"), tables=offsets)
    after = usual(NEW, *filled, make(b"then", b"t"), tables=offsets)
    assert len(before) == len(after)
    assert written(tmp_path, FTYP, before, MDAT) == FTYP + after + MDAT


@pytest.mark.parametrize("room", [-1, 1, 7])
def test_room_beside_the_list_that_does_not_do_stays(tmp_path, room):
    free = make(b"free", bytes(GROWN + room - 8))
    before, after = usual(ILST, free), usual(NEW, free)
    assert written(tmp_path, FTYP, MDAT, before) == FTYP + MDAT + after


def test_what_lies_beside_the_list_and_is_not_free_stays(tmp_path):
    other = (make(b"uuid", bytes(50)), make(b"free", bytes(60)))
    assert written(tmp_path, FTYP, MDAT, usual(ILST, *other)) == FTYP + MDAT + usual(NEW, *other)


@pytest.mark.parametrize("name", [b"free", b"skip"])
@pytest.mark.parametrize("room", [0, 8, 9, 100])
def test_free_room_behind_the_description_gives_way(tmp_path, name, room):
    free = make(name, b"\1" * (GROWN + room - 8))
    filled = make(b"free", bytes(room - 8)) if room else b""
    offsets = (table(b"stco", 5000),)
    before, after = usual(ILST, tables=offsets), usual(NEW, tables=offsets)
    made = written(tmp_path, FTYP, before, free, MDAT, b"rest")
    assert made == FTYP + after + filled + MDAT + b"rest"


@pytest.mark.parametrize("room", [-1, 1, 7])
def test_offsets_follow_where_room_does_not_do(tmp_path, room):
    free = make(b"free", bytes(GROWN + room - 8))
    before, after = (
        usual(items, tables=(table(b"stco", 5000 + by),)) for items, by in ((ILST, 0), (NEW, GROWN))
    )
    assert written(tmp_path, FTYP, before, free, MDAT) == FTYP + after + free + MDAT


def test_a_shorter_list_leaves_room(tmp_path):
    free = make(b"free", bytes(30))
    larger = make(b"free", bytes(30 + GROWN))
    made = written(tmp_path, FTYP, usual(NEW), free, MDAT, items=ILST)
    assert made == FTYP + usual(ILST) + larger + MDAT


def test_the_same_list_leaves_a_file_as_it_is(tmp_path):
    for behind in (make(b"free", b""), make(b"skip", b"12"), b""):
        atoms = (FTYP, usual(ILST), behind, MDAT)
        assert written(tmp_path, *atoms, items=ILST) == b"".join(atoms)


def test_offsets_behind_the_description_follow_and_no_others(tmp_path):
    small = usual(ILST, tables=(table(b"stco", 0, 0, 0), table(b"co64", 0, 0), table(b"stts")))
    end = len(FTYP) + len(MDAT) + len(small)

    def tables(by: int) -> tuple[bytes, ...]:
        near = table(b"stco", len(FTYP), end - 1, end + by)
        return near, table(b"co64", end - 1, (1 << 33) + by), table(b"stts")

    before, after = usual(ILST, tables=tables(0)), usual(NEW, tables=tables(GROWN))
    made = written(tmp_path, FTYP, MDAT, before, MDAT)
    assert made == FTYP + MDAT + after + MDAT


def test_offsets_of_every_track_follow_and_what_is_no_track_stays(tmp_path):
    def described(items: bytes, by: int) -> bytes:
        tracks = [trak(table(b"stco", 9000 + by)) for _ in range(2)]
        other = trak(table(b"stco", 9000), within=b"kart")
        return moov(other, *tracks, make(b"udta", meta(HDLR, make(b"ilst", items))))

    made = written(tmp_path, FTYP, described(ILST, 0), MDAT)
    assert made == FTYP + described(NEW, GROWN) + MDAT


@pytest.mark.parametrize("behind", [b"free", b"skip", b"wide", b"uuid"])
def test_nothing_follows_what_has_no_audio_behind_it(tmp_path, behind):
    offsets = (table(b"stco", 1 << 31),)
    rest = make(behind, b"")
    before, after = usual(ILST, tables=offsets), usual(NEW, tables=offsets)
    assert written(tmp_path, FTYP, MDAT, before, rest) == FTYP + MDAT + after + rest


@pytest.mark.parametrize(
    "tables",
    [
        (table(b"stco", (1 << 32) - 1),),
        (table(b"stco", 1, count=2),),
        (table(b"co64", 1, count=2),),
        (make(b"stco", b"\0\0\0\0"), b""),
    ],
    ids=["grown", "cut", "cut long", "no count"],
)
def test_offsets_that_cannot_follow_refuse_the_file(tmp_path, tables):
    if tables[-1] == b"":
        path = laid(tmp_path, FTYP, moov(make(b"trak", make(b"mdia", make(b"minf", make(
            b"stbl", tables[0]))))), MDAT)  # fmt: skip
    else:
        path = laid(tmp_path, FTYP, usual(ILST, tables=tables), MDAT)
    with pytest.raises(InputError) as told:
        Mp4File(path).rewrite(io.BytesIO(), NEW)
    assert str(told.value) == "a.m4a has no room for tags: it is unchanged"


@pytest.mark.parametrize("name", [b"moof", b"mfra", b"sidx"])
def test_fragments_are_parted_only_where_nothing_moves(tmp_path, name):
    fragment = make(name, b"x")
    with pytest.raises(InputError) as told:
        written(tmp_path, FTYP, usual(ILST), fragment, MDAT)
    assert str(told.value) == "a.m4a is fragmented, and writing tags would break it"
    with pytest.raises(InputError):
        written(tmp_path, FTYP, fragment, usual(ILST), MDAT)
    free = make(b"free", bytes(GROWN))
    made = written(tmp_path, FTYP, usual(ILST), free, fragment, MDAT)
    assert made == FTYP + usual(NEW) + make(b"free", b"") + fragment + MDAT
