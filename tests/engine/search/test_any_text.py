"""Whatever is typed: an answer or a sentence, by words and by sound."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.errors import InputError
from engine.index.build import index_folders
from engine.progress import Control
from engine.search import Searcher, search_names
from engine.search.filters import FILTERS
from engine.search.grammar import parse
from engine.store import Library
from tests.conftest import accept_tags, tone

ODD = (
    *('in:"%"', "in:*", '"%"', "*", "**", ":", "::", '""', '"', '"a', "\0", 'in:"\0"', "tag:\0"),
    *("NEAR", "NEAR(door rain)", "AND", "OR", "NOT", "door AND", "name:door", "{name}:door"),
    *("^door", "🔔", "in:🔔", "-🔔", "tag:🔔", "tag:%", "coll:_", "cat:*", "fmt:'", "a" * 10_000),
    *(
        "door " * 2000,
        '"' + "door " * 2000 + '"',
        "a1" * 5000,
        "door\udc80",
        "tag:\udcff",
        "\ud800",
    ),
    *(" ".join(f"-w{n}" for n in range(2000)), " ".join(f'"w{n}"' for n in range(600))),
    *(" ".join(f"dur:<{n}" for n in range(600)), "dur:<" + "9" * 400, "added:<" + "9" * 300 + "y"),
    *(
        "dur:<٣",
        "bits:²",
        "'; DROP TABLE sounds; --",
        "x' OR 1=1",
        "door\n\rrain\t*",
        "\ufeff",
        "_",
    ),
)
words = st.text(st.characters(), max_size=30)  # any code point, surrogates too
pieces = st.one_of(
    words,
    st.sampled_from(ODD),
    st.sampled_from(["AND", "OR", "NOT", "NEAR(", ")", '"', "*", "-", ":", "^", "{", "}", "door"]),
    st.builds(
        "{}{}:{}".format, st.sampled_from(["", "-"]), st.sampled_from(sorted(FILTERS)), words
    ),
    st.builds('{}:"{}"'.format, st.sampled_from(sorted(FILTERS)), words),
)
texts = st.lists(pieces, max_size=6).map(" ".join)


@pytest.fixture(scope="module")
def searcher(tmp_path_factory, model_folder):
    import soundfile

    folder: Path = tmp_path_factory.mktemp("any")
    for number, name in enumerate(("door slam", "rain 100%", "bell_01")):
        soundfile.write(folder / f"{name}.wav", tone(300 + 200 * number, 0.5), 32000)
    with Library(folder / "library.db") as library:
        library.set_settings({"model_folder": str(model_folder).encode()})
        index_folders(library, model_folder, [folder], Control())
        accept_tags(library, [(1, "wet % AND")])
        yield Searcher(library, model_folder)


def answered(searcher: Searcher, text: str) -> bool:
    """Return whether a text is answered rather than refused; anything else is an error."""
    try:
        query = parse(text)
        names = search_names(searcher._library, query, 5)
        found = searcher.search_text(query, 5)
    except InputError as error:
        assert str(error) and "sqlite" not in str(error).lower()
        return False
    assert len(names.matches) <= 3 and len(found.matches) <= 3
    return True


@pytest.mark.parametrize("text", ODD, ids=range(len(ODD)))
def test_odd_texts_are_answered_or_refused_with_a_sentence(searcher, text):
    answered(searcher, text)
    answered(searcher, f"door {text}")


@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(texts)
def test_any_text_is_answered_or_refused_with_a_sentence(searcher, text):
    answered(searcher, text)


def test_words_of_query_languages_are_words(searcher):
    for word in ("AND", "NOT", "NEAR", "door"):
        assert answered(searcher, word)
    for text in ("NEAR(door slam)", "^door", '"door slam"'):
        assert answered(searcher, text)
    named = search_names(searcher._library, parse('tag:"wet % AND"'))
    assert len(named.matches) == 1
