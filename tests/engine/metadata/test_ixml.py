"""iXML: our fields are spliced in, every other byte stays."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import InputError
from engine.metadata.ixml import IXml
from engine.metadata.journal import Journal
from engine.metadata.read import category_in, is_described, read_header
from engine.metadata.ucs_names import categories
from engine.metadata.write import SoundTags, write_tags
from tests.engine.metadata.test_kept import chunk, wav

COMMENTED = (
    '<?xml version="1.0" encoding="{}"?>\r\n<!-- made by hand -->\n'
    "<!DOCTYPE BWFXML><?target data?><BWFXML a='>'>\n\t<NOTE><![CDATA[<b>é]]></NOTE>"
    "<USER >\n<FXNAME>Tür &amp; Tor</FXNAME><!-- inside --><CATID/><KEYWORDS>a; b</KEYWORDS>"
    "</USER>\n</BWFXML>\n"
)


def spliced(document: bytes) -> bytes:
    part = IXml(document, "a.wav")
    part.put("USER/CATID", "DOORWood")
    part.add("USER/KEYWORDS", ["c&d", "音"])
    part.put("ASWG/catId", "DOORWood")
    return part.data()


@pytest.mark.parametrize(
    ("encoding", "bom"),
    [
        ("UTF-8", b""),
        ("UTF-8", b"\xef\xbb\xbf"),
        ("UTF-16", b"\xff\xfe"),
        ("UTF-16", b"\xfe\xff"),
        ("ISO-8859-1", b""),
    ],
)
@pytest.mark.parametrize("tail", [b"", b"\0", b"\0\0\0"])
def test_comments_document_types_and_encodings_survive(encoding, bom, tail):
    codec = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}.get(bom, encoding)
    before = bom + COMMENTED.format(encoding).encode(codec) + tail
    after = spliced(before)
    wanted = COMMENTED.format(encoding)
    wanted = wanted.replace("<CATID/>", "<CATID>DOORWood</CATID>")
    wanted = wanted.replace("a; b<", "a; b; c&amp;d; 音<")
    wanted = wanted.replace("</BWFXML>", "<ASWG><catId>DOORWood</catId></ASWG></BWFXML>")
    assert after == bom + wanted.encode(codec, "xmlcharrefreplace") + tail
    again = IXml(after, "a.wav")
    assert again.get("USER/KEYWORDS").text == "a; b; c&d; 音"
    assert again.get("USER/FXNAME").text == "Tür & Tor"


@pytest.mark.parametrize(
    "document",
    [
        b"<BWFXML><USER><FXNAME>\xff</FXNAME></USER></BWFXML>",
        b'<!DOCTYPE a [<!ENTITY b "c">]><BWFXML>&b;</BWFXML>',
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><BWFXML>&x;</BWFXML>',
        b"<BWFXML><USER><NOTE>x",
        b"<BWFXML></BWFXML><more/>",
        b"words",
        b"<a>" * 5000,
        b'<?xml version="1.0" encoding="nonsense"?><BWFXML/>',
        b"<BWFXML>" + b" " * (9 << 20) + b"</BWFXML>",
    ],
    ids=["encoding", "entity", "external", "cut", "two", "words", "deep", "codec", "huge"],
)
def test_what_cannot_be_spliced_is_refused_and_stays(document):
    part = IXml(document, "a.wav")
    for change in (
        lambda: part.get("USER/FXNAME"),
        lambda: part.put("USER/FXNAME", "x"),
        lambda: part.add("USER/KEYWORDS", ["x"]),
    ):
        with pytest.raises(InputError, match=r"iXML of a\.wav is damaged or cannot be"):
            change()
    assert part.data() == document


def test_a_document_that_cannot_be_read_counts_as_there():
    assert list(IXml(b"<BWFXML><USER><NO", "a.wav").texts()) == [("ixml", None)]
    latin = b"<BWFXML><USER><FXNAME>T\xfcr</FXNAME></USER></BWFXML>"
    assert list(IXml(latin, "a.wav").texts()) == [("ixml.FXNAME", "Tür")]


@pytest.mark.parametrize("old", [None, b"", b"\0\0\0", b"<BWFXML/>", b"<BWFXML><USER/></BWFXML>"])
def test_an_empty_one_is_filled(old):
    part = IXml(old, "a.wav")
    assert part.get("USER/CATID") is None
    again = IXml(spliced(old), "a.wav")
    assert again.get("USER/CATID").text == "DOORWood" == again.get("ASWG/catId").text


@pytest.mark.parametrize(
    "inside",
    [
        "><P>MINE</P></{}>",
        "><V>MINE</V> and <V/></{}>",
        "><P/></{}>",
        "><!-- mine --></{}>",
        "><?mine?></{}>",
        ">MINE<!-- mine --></{}>",
        ' value="mine"/>',
        " value='mine'></{}>",
        "/><{}>MINE <B>too</B></{}>",
    ],
)
@pytest.mark.parametrize("name", ["DESCRIPTION", "CATID", "KEYWORDS"])
def test_what_is_there_but_no_plain_text_stays_and_is_told(tmp_path, name, inside):
    element = f"<{name}{inside.format(name, name)}"
    path = wav(
        tmp_path / "a.wav", chunk(b"iXML", f"<BWFXML><USER>{element}</USER></BWFXML>".encode())
    )
    header = read_header(path)
    assert header.fields[f"ixml.{name}"] == ("MINE" if inside.startswith(">MINE") else "")
    assert is_described(header) == (name == "DESCRIPTION")
    assert category_in(header) == (name == "CATID", None)
    tags = SoundTags("new", categories()["doorwood"], "New", ("door",))
    told = write_tags(path, tags, Journal(tmp_path / "journal")).kept
    assert len(told) == 1 and "cannot be read, and is left as it is" in told[0]
    after = path.read_bytes()
    assert element.encode() in after and b"<FXNAME>New</FXNAME>" in after
    assert after.count(f"<{name}".encode()) == element.count(f"<{name}")


@pytest.mark.parametrize("empty", ["<FXNAME/>", "<FXNAME></FXNAME>", "<FXNAME> \n</FXNAME >"])
def test_an_element_with_nothing_in_it_or_about_it_is_filled(empty):
    part = IXml(f"<BWFXML><USER>{empty}</USER></BWFXML>".encode(), "a.wav")
    assert part.get("USER/FXNAME") is None
    part.put("USER/FXNAME", "New")
    assert part.get("USER/FXNAME").text == "New" and part.data().count(b"<FXNAME") == 1


def test_an_empty_element_before_a_full_one_is_not_filled():
    old = b"<BWFXML><USER><FXNAME/><FXNAME>mine</FXNAME></USER></BWFXML>"
    assert IXml(old, "a.wav").get("USER/FXNAME").text == "mine"


@pytest.mark.parametrize("encoding", ["punycode", "UTF-7", "unicode_escape", "idna", "rot13"])
def test_encodings_that_are_slow_or_no_encodings_of_text_are_refused(encoding):
    old = f'<?xml version="1.0" encoding="{encoding}"?><BWFXML><NOTE>x</NOTE></BWFXML>'.encode()
    for document in (old, old + b"-"):  # with which it would be punycode
        part = IXml(document, "a.wav")
        assert part.is_damaged and list(part.texts()) == [("ixml", None)]
        with pytest.raises(InputError, match=r"is damaged.* encoding"):
            part.put("USER/CATID", "DOORWood")
        assert part.data() == document


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("windows-1251", "дверь"),
        ("macintosh", "Tür"),
        ("ISO-8859-15", "Tür €"),
        ("Shift_JIS", "ドア"),
        ("EUC-JP", "ドア"),
        ("EUC-KR", "문"),
        ("GB18030", "门"),
        ("Big5", "門"),
        ("us-ascii", "door"),
        ("utf8", "門"),
    ],
)
def test_encodings_of_text_are_kept(encoding, text):
    old = f'<?xml version="1.0" encoding="{encoding}"?><BWFXML><NOTE>{text}</NOTE></BWFXML>'
    part = IXml(old.encode(encoding), "a.wav")
    part.put("USER/FXNAME", text)
    wanted = old.replace("</BWFXML>", f"<USER><FXNAME>{text}</FXNAME></USER></BWFXML>")
    assert part.data() == wanted.encode(encoding)


def test_a_document_of_absurdly_many_elements_is_refused():
    part = IXml(b"<BWFXML>" + b"<a/>" * 50_000 + b"</BWFXML>", "a.wav")
    with pytest.raises(InputError, match="more than 50,000 elements"):
        part.get("USER/CATID")
    assert not IXml(b"<BWFXML>" + b"<a/>" * 49_999 + b"</BWFXML>", "a.wav").is_damaged


def test_elements_cost_the_same_wherever_they_stand():
    note, elements = b"<NOTE>" + b"x" * (7 << 20) + b"</NOTE>", b"<a/>" * 10_000

    def took(inside: bytes) -> float:
        before = time.process_time()
        assert not IXml(b"<BWFXML>" + inside + b"</BWFXML>", "a.wav").is_damaged
        return time.process_time() - before

    first, last = (
        min(took(inside) for _ in range(3)) for inside in (elements + note, note + elements)
    )
    assert last < 10 * first  # some hundred times, if what is before them is copied


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=50))
def test_any_text_comes_back(text):
    part = IXml(None, "a.wav")
    part.put("USER/FXNAME", f"x{text}x")
    held = IXml(part.data(), "a.wav").get("USER/FXNAME")
    odd = {c for c in text if ord(c) & 0xFFFE == 0xFFFE}
    assert held.text == "".join(c for c in f"x{text}x" if c not in odd)


def made(old: bytes | None, **changes: str) -> bytes | None:
    part = IXml(old, "a.wav")
    for key, text in changes.items():
        part.put(key.replace("__", "/"), text)
    return part.data()


NEW = '<?xml version="1.0" encoding="UTF-8"?>\n<BWFXML><IXML_VERSION>3.01</IXML_VERSION>{}</BWFXML>'


def test_a_new_document_holds_what_was_put_into_it():
    assert IXml(None, "a.wav").data() is None and IXml(b"\0", "a.wav").data() == b"\0"
    assert not IXml(None, "a.wav").is_damaged
    one = made(None, USER__CATID="DOORWood", USER__FXNAME="a<b>&c\x07", ASWG__catId="DOORWood")
    assert one.decode() == NEW.format(
        "<USER><CATID>DOORWood</CATID><FXNAME>a&lt;b&gt;&amp;c</FXNAME></USER>"
        "<ASWG><catId>DOORWood</catId></ASWG>"
    )
    assert (
        made(b" \r\n\0", USER__CATID="x").decode()
        == NEW.format("<USER><CATID>x</CATID></USER>") + "\0"
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("<B><USER><CATID>old</CATID></USER></B>", "<B><USER><CATID>new</CATID></USER></B>"),
        (
            "<B><USER><CATID a='>'>o</CATID></USER></B>",
            "<B><USER><CATID a='>'>new</CATID></USER></B>",
        ),
        (
            '<B><USER><CATID a="\'>">o</CATID></USER></B>',
            '<B><USER><CATID a="\'>">new</CATID></USER></B>',
        ),
        ("<B><USER><CATID /></USER></B>", "<B><USER><CATID>new</CATID></USER></B>"),
        ("<B><USER><CATID a='/'/></USER></B>", "<B><USER><CATID a='/'>new</CATID></USER></B>"),
        ("<B><USER><CATID></CATID></USER></B>", "<B><USER><CATID>new</CATID></USER></B>"),
        ("<B><USER><X/></USER></B>", "<B><USER><X/><CATID>new</CATID></USER></B>"),
        ("<B><USER/></B>", "<B><USER><CATID>new</CATID></USER></B>"),
        ("<B><CATID>x</CATID></B>", "<B><CATID>x</CATID><USER><CATID>new</CATID></USER></B>"),
        (
            "<B><A><USER><CATID>x</CATID></USER></A></B>",
            "<B><A><USER><CATID>x</CATID></USER></A><USER><CATID>new</CATID></USER></B>",
        ),
        (
            "<B><USER><CATID>1</CATID><CATID>2</CATID></USER><USER><CATID>3</CATID></USER></B>",
            "<B><USER><CATID>new</CATID><CATID>2</CATID></USER><USER><CATID>3</CATID></USER></B>",
        ),
        ("<B>text</B>", "<B>text<USER><CATID>new</CATID></USER></B>"),
        ("<B/>", "<B><USER><CATID>new</CATID></USER></B>"),
        (
            "<USER><CATID>x</CATID></USER>",
            "<USER><CATID>x</CATID><USER><CATID>new</CATID></USER></USER>",
        ),
        ("<B><é>ü</é><USER/></B>", "<B><é>ü</é><USER><CATID>new</CATID></USER></B>"),
        (
            "<B><USER><CATID>a</CATID><!-- > --></USER></B>",
            "<B><USER><CATID>new</CATID><!-- > --></USER></B>",
        ),
    ],
)
def test_a_field_is_spliced_in_where_it_belongs(before, after):
    assert made(before.encode(), USER__CATID="new") == after.encode()
    assert IXml(after.encode(), "a.wav").get("USER/CATID").text == "new"


def test_the_texts_that_describe_a_sound_are_told_by_their_groups():
    document = (
        "<B><NOTE> a\n</NOTE><PROJECT>b</PROJECT><SCENE>c</SCENE><TAPE>no</TAPE>"
        "<USER>d</USER><SPEED><NOTE>e</NOTE><RATE>no</RATE></SPEED><FILE_SET_INDEX>f</FILE_SET_INDEX>"
        "<ASWG><deep><er>g</er></deep><empty/><blank> </blank></ASWG>"
        "<STEINBERG><ATTR>h</ATTR></STEINBERG></B>"
    )
    found = list(IXml(document.encode(), "a.wav").texts())
    names = ["NOTE", "PROJECT", "SCENE", "USER", "NOTE", "FILE_SET_INDEX", "er", "ATTR"]
    assert found == [(f"ixml.{name}", text) for name, text in zip(names, "abcdefgh", strict=True)]
    assert list(IXml(b"<NOTE>root</NOTE>", "a.wav").texts()) == [("ixml.NOTE", "root")]


def test_what_is_there_but_says_nothing_of_its_own():
    part = IXml(b"<B><USER><A>x<B/></A><C> </C><D/><E>&#133;</E></USER></B>", "a.wav")
    assert part.get("USER/A").text is None and part.get("USER/A").raw == b"x"
    assert part.get("USER/C") is None and part.get("USER/D") is None
    assert part.get("USER") is None or part.get("USER").text is None
    assert part.get("USER/A/B") is None and part.get("A") is None


def test_words_are_added_and_taken_out():
    part = IXml(b"<B><USER><KEYWORDS>a; b</KEYWORDS></USER></B>", "a.wav")
    assert part.add("USER/KEYWORDS", ["<c>"]) is True
    assert part.data() == b"<B><USER><KEYWORDS>a; b; &lt;c&gt;</KEYWORDS></USER></B>"
    part.drop("USER/KEYWORDS", ["B", "<c>"])
    assert part.data() == b"<B><USER><KEYWORDS>a</KEYWORDS></USER></B>"
    part = IXml(b"<B><USER><KEYWORDS/></USER></B>", "a.wav")
    assert part.add("USER/KEYWORDS", ["a", "b"]) is True
    assert part.data() == b"<B><USER><KEYWORDS>a, b</KEYWORDS></USER></B>"


@pytest.mark.parametrize(
    ("document", "why"),
    [
        (b"<B><A></B>", "mismatched tag: line 1, column 8"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><B/>', "it declares entities"),
        (b"<a>" * 65 + b"</a>" * 65, "it is nested too deeply"),
        (b"<B>\xff</B>", "'utf-8' codec can't decode byte 0xff in position 3: invalid start byte"),
        (b'<?xml version="1.0" encoding="utf-7"?><B>+AGE-</B>', "its encoding is utf-7"),
        (b'<?xml version="1.0" encoding="cp932"?><B>\x87\x90</B>', "its encoding is ambiguous"),
        (b'<?xml version="1.0" encoding="none"?><B/>', "unknown encoding: none"),
    ],
)
def test_why_a_document_may_not_be_changed_is_told(document, why):
    part = IXml(document, "a.wav")
    assert part.is_damaged
    with pytest.raises(InputError) as told:
        part.get("USER/CATID")
    assert str(told.value) == (
        "the iXML of a.wav is damaged or cannot be changed safely, and is left as it is: " + why
    )


def test_a_document_may_be_64_deep():
    assert not IXml(b"<a>" * 64 + b"</a>" * 64, "a.wav").is_damaged


def test_a_document_may_be_as_large_as_is_read_and_no_larger(monkeypatch):
    monkeypatch.setattr("engine.metadata.ixml.LONGEST_BYTES", 2 << 20)
    fits = b"<B>" + b" " * ((2 << 20) - 7) + b"</B>"
    assert not IXml(fits + b"\0", "a.wav").is_damaged
    with pytest.raises(InputError, match=r"is left as it is: it is larger than 2 MB$"):
        IXml(fits + b" ", "a.wav").get("USER/CATID")


FIELD = "<B><USER><CATID>ü</CATID></USER></B>"


@pytest.mark.parametrize(
    ("head", "codec", "tail"),
    [
        ("", "utf-8", b"\0"),
        ("", "utf-16-le", b""),
        ("", "utf-16-be", b""),
        ("\ufeff", "utf-16-le", b"\0\0"),
        ("\ufeff", "utf-16-le", b"\0\0\0"),
        ("\ufeff", "utf-16-be", b"\0\0"),
        ("\ufeff", "utf-8", b"\0"),
        ("<?xml version='1.0' encoding = 'latin-1'?>", "latin-1", b""),
        ('<?xml version="1.0" encoding="utf8"?>', "utf-8", b""),
        ('<?xml version="1.0" encoding="Utf-8"?>', "utf-8", b""),
    ],
)
def test_encodings_are_found_and_kept(head, codec, tail):
    part = IXml((head + FIELD).encode(codec) + tail, "a.wav")
    assert part.get("USER/CATID").text == "ü"
    part.put("USER/CATID", "ö")
    assert part.data() == (head + FIELD.replace("ü", "ö")).encode(codec) + tail


def test_of_a_document_whose_only_fault_is_its_encoding_texts_are_read():
    def read(document: bytes) -> list[tuple[str, str | None]]:
        return list(IXml(document, "a.wav").texts())

    latin = "<B><NOTE>Größe der Tür</NOTE><TAPE>x</TAPE></B>".encode("cp1252")
    assert read(latin + b"\0") == [("ixml.NOTE", "Größe der Tür")]
    assert read(latin[:-1]) == [("ixml", None)]
    entity = b'<!DOCTYPE a [<!ENTITY b "c">]><B><NOTE>T\xfcr</NOTE></B>'
    assert read(entity) == [("ixml", None)]
    assert read(b"<B><NOTE>x</NOTE>") == [("ixml", None)]
    assert read(bytes(range(1, 32))) == [("ixml", None)]
