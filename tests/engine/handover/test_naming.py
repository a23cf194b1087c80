"""Names of handed-over files: patterns, and that every system takes them."""

from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import InputError
from engine.handover.naming import FIELDS, check_pattern, name_of, safe_name
from engine.handover.order import PATTERN, Order, Rendering


def named(path: str, span_s=None, **more) -> str:
    return name_of(Order(Path(path), span_s, **more), {})


def test_a_part_is_called_by_its_source_and_moment():
    assert named("/s/Door creak.wav", (12.3, 14.05)) == "Door creak 0m12.30–0m14.05"
    assert named("/s/a.b.flac", (59.999, 3723.0)) == "a.b 1m00.00–62m03.00"


def test_a_changed_sound_says_how_it_was_changed():
    slow = Rendering(speed=0.5, reverse=True, gain_db=-3.0)
    assert named("/s/Door.wav", rendering=slow) == "Door 0.50x reversed -3dB"
    assert named("/s/Door.wav") == "Door"


def test_what_is_empty_takes_its_brackets_with_it():
    pattern = "{project}[_{catid}]_{fxname}[ take {number}]"
    some = {"project": "Reel 3", "fxname": "Creak", "catid": "", "number": "07"}
    assert named("/s/x.wav", pattern=pattern, fields=some) == "Reel 3_Creak take 07"


@pytest.mark.parametrize("name", ["CON", "nul.x", "com1 ", ".hidden", "  ", "..", "lpt9"])
def test_no_name_is_a_device_or_hidden_or_empty(name):
    assert safe_name(name).startswith("_")


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("{nmae}", "does not know nmae"),
        ("sounds", "names nothing that differs"),
        ("{name", "is not understood"),
        ("{name:>9}", "can only hold names of fields"),
        ("/etc/{name}", "can only hold"),
        ("..\\{name}", "can only hold"),
    ],
)
def test_a_pattern_that_makes_no_sense_is_a_sentence(pattern, said):
    with pytest.raises(InputError, match=said):
        check_pattern(pattern)


def test_every_field_can_be_used():
    for field in FIELDS:
        check_pattern(f"{{{field}}}")


@given(
    st.text(min_size=1).filter(lambda text: "/" not in text and "\0" not in text),
    st.text(max_size=400),
    st.sampled_from([PATTERN, "{description}", "{project}/{name}", "{name}{description}"]),
)
def test_any_text_gives_a_name_on_any_system(name, text, pattern):
    order = Order(
        PurePosixPath("/s") / name,  # type: ignore[arg-type]
        (0.5, 1.5),
        pattern=pattern,
        fields={"description": text, "project": text},
    )
    for made in name_of(order, {}).split("/"):
        assert len(made.encode("utf-8")) <= 221
        assert PurePosixPath(made).name == made == PureWindowsPath(made).name
        assert not set(made) & set('<>:"/\\|?*')
        assert all(c.isprintable() or c == "\u3000" for c in made)
        assert not made.startswith((".", " ")) and not made.endswith((".", " "))
