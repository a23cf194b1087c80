from engine.store.conditions import Among, Not, sounds_where
from engine.store.kinds import fact_of_all
from engine.store.listing import ordered_sounds
from engine.store.tables import MISSING
from tests.engine.store.test_conditions import ROWS, library  # noqa: F401 - a fixture


def test_a_fact_of_every_present_sound(library):  # noqa: F811
    ids, paths = fact_of_all(library, "path")
    assert ids.tolist() == [1, 2, 3, 4] and paths == list(ROWS)
    library.set_state([2], MISSING)
    ids, categories = fact_of_all(library, "category")
    assert ids.tolist() == [1, 3, 4] and categories == ["DOORWood", None, None]


def test_some_sounds_are_listed_by_their_ids(library):  # noqa: F811
    assert sounds_where(library, [Among((4, 2, 99))]).tolist() == [2, 4]
    assert sounds_where(library, [Not(Among((4, 2)))]).tolist() == [1, 3]
    many = tuple(range(2, 300_000))
    assert ordered_sounds(library, [Among(many)], "duration").tolist() == [4, 2, 3]
    assert sounds_where(library, [Among(())]).tolist() == []
