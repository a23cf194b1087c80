"""What can be asked: the fields of every question, with their bounds and what they mean.

The descriptions are read by programs and their authors: they become the schema of the HTTP API and
of the tools that agents see.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from engine.search.query_sound import MOST_S

MOST_RESULTS = 200
MOST_SOUNDS = 100
_MOST_TEXT = 2000
_MOST_PATH = 4096

Text = Annotated[str, Field(max_length=_MOST_TEXT)]
SoundName = Annotated[
    int | Annotated[str, Field(min_length=1, max_length=_MOST_PATH)],
    Field(description="A sound of the library: its id, or its path exactly as results give it."),
]
Seconds = Annotated[float, Field(ge=0, le=MOST_S, allow_inf_nan=False)]
Limit = Annotated[
    int, Field(ge=1, le=MOST_RESULTS, description="How many results at most.", strict=True)
]
LabelText = Annotated[str, Field(min_length=1, max_length=100)]


class Question(BaseModel):
    """What is asked: nothing but the fields that are known."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Nothing(Question):
    """A question without fields."""


class Search(Question):
    """A search by words."""

    text: Annotated[
        Text,
        Field(
            min_length=1,
            description=(
                "What to find, in the search bar's grammar: a description of the sound in plain "
                'words ("heavy wooden door creaking"), "exact words", -excluded, OR, word*, and '
                "filters such as dur:<2s sr:>=96k ch:2 fmt:wav cat:DOORWood tag:metal "
                'in:"Boom Library" coll:"My doors" added:<7d has:tags.'
            ),
        ),
    ]
    limit: Limit = 20
    names: Annotated[
        bool,
        Field(description="Search the words of names, headers and tags only, not the sounds."),
    ] = False


class QueryPart(Question):
    """A sound of the library as a query, or a part of it."""

    sound: SoundName
    start_s: Annotated[Seconds | None, Field(description="Where the part begins.")] = None
    end_s: Annotated[Seconds | None, Field(description="Where the part ends.")] = None


class Similar(Question):
    """A search by sounds of the library."""

    sounds: Annotated[
        list[QueryPart],
        Field(min_length=1, max_length=8, description="What results are to be similar to."),
    ]
    plus: Annotated[Text, Field(description="But more like this, in words.")] = ""
    minus: Annotated[Text, Field(description="But less like this, in words.")] = ""
    limit: Limit = 20


class SimilarFile(Question):
    """A search by a file that is sent along."""

    plus: Text = ""
    minus: Text = ""
    limit: Annotated[int, Field(ge=1, le=MOST_RESULTS)] = 20


class Describe(Question):
    """What is known of a sound."""

    sound: SoundName


class Outline(Question):
    """What the library sounds like."""

    level: Annotated[
        int, Field(ge=0, le=3, description="How fine: 0 (10 regions at most) to 3 (640).")
    ] = 1


class SuggestTags(Question):
    """Tags for sounds."""

    sounds: Annotated[list[SoundName], Field(min_length=1, max_length=MOST_SOUNDS)]
    taxonomy: Annotated[
        Literal["ucs", "audioset"],
        Field(description="Labels: Universal Category System categories, or AudioSet classes."),
    ] = "ucs"
    least: Annotated[
        float, Field(ge=0, le=1, description="The lowest probability that is told.")
    ] = 0.3
    most: Annotated[int, Field(ge=1, le=20, description="Labels per sound at most.")] = 5


class SoundTag(Question):
    """A tag of a sound."""

    sound: SoundName
    label: Annotated[LabelText, Field(description="Such as DOORWood, or a word of your own.")]


class DecideTags(Question):
    """Decisions on tags."""

    accept: Annotated[list[SoundTag], Field(max_length=500)] = []
    reject: Annotated[list[SoundTag], Field(max_length=500)] = []


class HandOver(Question):
    """A copy of a sound or of a part of it."""

    sound: SoundName
    start_s: Annotated[
        Seconds | None, Field(description="Where the part begins; without it, at the beginning.")
    ] = None
    end_s: Annotated[
        Seconds | None, Field(description="Where the part ends; without it, at the end.")
    ] = None
    folder: Annotated[
        str | None,
        Field(
            max_length=_MOST_PATH,
            description="One of the folders that status lists; without it, the first.",
        ),
    ] = None
