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
        with pytest.raises(InputError, match=r"iXML of a\.wav is damaged, or none that may be"):
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
    assert len(told) == 1 and "cannot be read, and stays as it is" in told[0]
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
    def took(padding: int) -> float:
        note = b"<NOTE>" + b"x" * padding + b"</NOTE>"
        document = b"<BWFXML>" + note + b"<a/>" * 10_000 + b"</BWFXML>"
        before = time.process_time()
        assert not IXml(document, "a.wav").is_damaged
        return time.process_time() - before

    plain = min(took(0) for _ in range(3))
    assert took(7 << 20) < 20 * plain  # some hundred times, if what is before them is copied


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=50))
def test_any_text_comes_back(text):
    part = IXml(None, "a.wav")
    part.put("USER/FXNAME", f"x{text}x")
    held = IXml(part.data(), "a.wav").get("USER/FXNAME")
    odd = {c for c in text if ord(c) & 0xFFFE == 0xFFFE}
    assert held.text == "".join(c for c in f"x{text}x" if c not in odd)
