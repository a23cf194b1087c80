"""The map by itself: what is where, what is painted, what mouse and keys do."""

import itertools

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QImage, QPolygonF

from app.gui.kit.style.palette import DARK
from app.gui.library.map.canvas import MapCanvas
from app.gui.library.map.cloud import Cloud, Part
from app.gui.library.map.colouring import COLOURINGS, Coloured
from app.gui.library.map.labels import chosen_labels
from app.gui.library.map.lasso import rows_within
from app.gui.library.map.picture import Look, order_of, paint
from app.gui.library.map.view import MapView
from engine.search.library_map.kept import LibraryMap, MapRegion


def a_map(count: int = 500, regions: tuple[MapRegion, ...] = ()) -> LibraryMap:
    random = np.random.default_rng(4)
    places = random.normal(0, 30, (count, 2)).astype(np.float32)
    return LibraryMap(np.arange(count) * 2 + 1, places, places, regions, "m")


def a_cloud(count: int = 500, **kwargs) -> Cloud:
    return Cloud.of(a_map(count, **kwargs), np.ones(count, bool))


PLAIN = Look((0, 0, 0), (255, 0, 0), np.array([[255, 255, 255]], np.uint8))


def pixels(image: QImage) -> np.ndarray:
    lines = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), -1, 4)
    return lines[:, : image.width(), 2::-1].copy()  # the image may go


@pytest.fixture
def canvas(qtbot):
    made = MapCanvas(DARK)
    qtbot.addWidget(made)
    made.orders = []

    def draw(order):
        made.orders.append(order)
        made.show_frame(paint(made.cloud, order))

    made.picture_wanted.connect(draw, Qt.ConnectionType.QueuedConnection)
    made.resize(400, 300)
    made.show()
    cloud = a_cloud()
    made.show_cloud(cloud, Coloured().look(DARK))
    qtbot.waitUntil(lambda: made.frames.is_there)
    return made


def place_of(canvas, row) -> QPoint:
    x, y = canvas.view.to_screen(*map(float, canvas.cloud.xy[row]))
    return QPoint(round(x), round(y))


def lonely(canvas) -> int:
    """Return a row with no other near."""
    xy = canvas.cloud.xy
    apart = np.linalg.norm(xy[:, None] - xy, axis=2) + np.eye(len(xy))
    inside = (np.abs(xy - 0.5) < 0.4).all(1)
    return int(np.where(inside, apart.min(1), 0).argmax())


# Where points are


def test_a_cloud_keeps_shape_ids_and_regions():
    made = a_map(regions=(MapRegion("Rain", 3.0, 4.0, 0, 10),))
    which = np.arange(500) % 3 > 0
    cloud = Cloud.of(made, which)
    assert sorted(cloud.ids.tolist()) == made.ids[which].tolist()
    assert cloud.xy.min() >= 0 and cloud.xy.max() <= 1
    rows = cloud.rows_of(made.ids[which][:2])
    far = np.linalg.norm(np.diff(made.places[which][:2], axis=0))
    scale = np.linalg.norm(np.diff(cloud.xy[rows], axis=0)) / far
    (region,) = cloud.regions
    apart = np.array([region.x, region.y]) - cloud.xy[rows[0]]
    assert apart == pytest.approx(scale * (np.array([3, 4]) - made.places[which][0]), abs=1e-4)


@pytest.mark.parametrize(
    "part", [Part(0.2, 0.3, 0.5, 0.45), Part(-1, -1, 2, 2), Part(0.6, 0, 1, 1)]
)
def test_rows_in_a_part_are_all_that_lie_in_it(part):
    cloud = a_cloud()
    x, y = cloud.xy.T
    inside = (x >= part.left) & (x <= part.right) & (y >= part.top) & (y <= part.bottom)
    found = cloud.rows_in(part)
    assert set(np.flatnonzero(inside)) <= set(found)
    assert len(found) == len(set(found.tolist())) < inside.sum() + 40


def test_the_nearest_is_the_nearest():
    cloud = a_cloud()
    for x, y in np.random.default_rng(0).random((50, 2)):
        apart = np.hypot(cloud.xy[:, 0] - x, cloud.xy[:, 1] - y)
        found = cloud.nearest(x, y, 0.05)
        assert found == (int(apart.argmin()) if apart.min() <= 0.05 else None)


def test_every_sound_is_reached_by_steps():
    cloud = a_cloud(60)
    ways = [(1, 0), (-1, 0), (0, 1), (0, -1)]
    seen, ahead = {0}, [0]
    while ahead:
        row = ahead.pop()
        for way in ways:
            found = cloud.beside(row, *way, 0.01)
            if found is not None:
                step = cloud.xy[found] - cloud.xy[row]
                assert step @ np.array(way) > 0
                if found not in seen:
                    seen.add(found)
                    ahead.append(found)
    assert len(seen) == 60


def test_zooming_keeps_what_is_under_the_pointer_and_stays_on_the_map():
    view = MapView().resized(400, 300).fitted()
    for x, y, factor in itertools.product((10, 390), (20, 250), (1.3, 5, 0.9)):
        begun = view.zoomed(4.0, 200, 150)
        at = begun.to_map(x, y)
        assert begun.zoomed(factor, x, y).to_screen(*at) == pytest.approx((x, y), abs=1e-6)
    away = view.moved(99999, -99999).zoomed(1e9, 0, 0)
    assert 0 <= away.x <= 1 and 0 <= away.y <= 1 and away.depth <= 2000


# What is painted


@pytest.mark.parametrize("count", [30, 50_000])
def test_points_are_painted_where_they_are_and_nowhere_else(count):
    cloud = a_cloud(count)
    order = order_of(Part(0, 0, 1, 1), 400.0, PLAIN)
    frame = paint(cloud, order)
    shown = pixels(frame.image).astype(int).sum(2)
    at = ((cloud.xy - [order.part.left, order.part.top]) * 400).astype(int)
    beside = itertools.product((-1, 0, 1), repeat=2)  # a place may be rounded either way
    assert (np.max([shown[at[:, 1] + y, at[:, 0] + x] for x, y in beside], axis=0) > 80).all()
    far = np.ones(shown.shape, bool)
    for dx, dy in itertools.product(range(-6, 7), repeat=2):
        far[
            np.clip(at[:, 1] + dy, 0, len(shown) - 1), np.clip(at[:, 0] + dx, 0, shown.shape[1] - 1)
        ] = False
    assert not shown[far].any() and far.mean() > 0.2


def test_a_kind_has_its_colour_and_what_is_chosen_the_accent():
    cloud = a_cloud(40)
    kinds = (np.arange(40) % 2).astype(np.uint8)
    chosen = np.arange(40) == 7
    colours = np.array([[0, 255, 0], [0, 0, 255]], np.uint8)
    look = Look((0, 0, 0), (255, 0, 0), colours, kinds, chosen)
    order = order_of(Part(0, 0, 1, 1), 2000.0, look)
    shown = pixels(paint(cloud, order).image)
    at = ((cloud.xy - [order.part.left, order.part.top]) * 2000).astype(int)
    for row, (x, y) in enumerate(at):
        assert shown[y, x].argmax() == (0 if row == 7 else 1 + kinds[row])


def test_dense_places_are_brighter_than_thin_ones():
    places = np.concatenate([np.zeros((60_000, 2)), [[9, 9]]]).astype(np.float32)
    random = np.random.default_rng(0)
    places[:30_000] += random.normal(0, 0.05, (30_000, 2))
    places[30_000:60_000] += random.normal(0, 3, (30_000, 2))
    made = LibraryMap(np.arange(len(places)), places, places, (), "m")
    cloud = Cloud.of(made, np.ones(len(places), bool))
    shown = pixels(paint(cloud, order_of(Part(0, 0, 1, 1), 300.0, PLAIN)).image)[..., 0]
    lit = shown[shown > 0]
    assert lit.max() > 200 and np.percentile(lit, 20) < 0.75 * lit.max()


def test_names_never_overlap_and_do_not_depend_on_where_one_looks():
    random = np.random.default_rng(0)
    regions = [
        MapRegion(f"Name {n % 60}", *random.random(2), int(n % 4), int(random.integers(1, 500)))
        for n in range(300)
    ]

    def size(region: MapRegion) -> tuple[float, float]:
        return 8.0 * len(region.name), 20.0 - 2 * region.level

    for depth in (0.8, 1.0, 2.0, 5.0, 20.0, 300.0):
        scale = 700 * depth
        labels = chosen_labels(regions, depth, scale, size)
        assert labels
        boxes = [
            (c.region.x * scale - c.width / 2, c.region.y * scale - c.height / 2, c.width, c.height)
            for c in labels
        ]
        for (ax, ay, aw, ah), (bx, by, bw, bh) in itertools.combinations(boxes, 2):
            assert ax + aw <= bx or bx + bw <= ax or ay + ah <= by or by + bh <= ay
    assert {c.region.level for c in chosen_labels(regions, 1.0, 700, size)} == {0}
    assert 3 in {c.region.level for c in chosen_labels(regions, 20.0, 14_000, size)}


def test_pushing_paints_what_is_there_and_asks_only_at_the_edge(canvas, qtbot):
    canvas.set_view(canvas.view.zoomed(8, 200, 150))
    qtbot.waitUntil(lambda: canvas.orders[-1].scale == canvas.view.scale)
    qtbot.wait(20)
    before = len(canvas.orders)
    for _ in range(10):
        canvas.set_view(canvas.view.moved(3, 2))
    qtbot.wait(20)
    assert len(canvas.orders) == before
    for _ in range(10):
        canvas.set_view(canvas.view.moved(30, 0))
    qtbot.waitUntil(lambda: len(canvas.orders) > before)
    assert canvas.orders[-1].part.holds(canvas.view.part)


def test_only_one_picture_is_made_at_a_time(canvas, qtbot):
    qtbot.wait(20)
    before = len(canvas.orders)
    for _ in range(30):
        canvas.set_view(canvas.view.zoomed(1.1, 200, 150))
    qtbot.waitUntil(lambda: canvas.orders[-1].scale == canvas.view.scale)
    qtbot.wait(20)
    assert before < len(canvas.orders) <= before + 3


def test_a_picture_is_where_its_points_are(canvas, qtbot):
    row = lonely(canvas)
    canvas.set_view(canvas.view.moved(7, -5))
    for _ in range(2):
        at = place_of(canvas, row)
        shown = canvas.grab().toImage()
        found = [shown.pixelColor(at.x() + x, at.y() + y) for x in (-1, 0, 1) for y in (-1, 0, 1)]
        assert any(colour.lightness() > 80 for colour in found)
        canvas.view = canvas.view.zoomed(1.5, at.x(), at.y())  # stretched until it is made
        canvas.update()


# What mouse and keys do


def test_a_click_opens_the_nearest_point_and_one_into_nothing_chooses_none(canvas, qtbot):
    row = lonely(canvas)
    at = place_of(canvas, row) + QPoint(3, -2)
    with qtbot.waitSignal(canvas.opened) as opened:
        qtbot.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=at)
    assert opened.args == [row] and canvas.current == row
    canvas.choose(np.array([1, 2]))
    qtbot.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=QPoint(2, 2))
    assert not canvas.chosen.any()


def test_resting_on_a_point_tells_it_and_leaving_tells_nothing(canvas, qtbot):
    row = lonely(canvas)
    told = []
    canvas.pointed.connect(told.append)
    qtbot.mouseMove(canvas, QPoint(1, 1))
    qtbot.mouseMove(canvas, place_of(canvas, row))
    qtbot.waitUntil(lambda: told[-1:] == [row])
    qtbot.mouseMove(canvas, QPoint(1, 1))
    qtbot.waitUntil(lambda: told[-1] is None)


def test_dragging_pushes_the_map(canvas, qtbot):
    row = lonely(canvas)
    before = place_of(canvas, row)
    canvas.set_view(canvas.view.zoomed(2, before.x(), before.y()))
    drag(qtbot, canvas, [QPoint(100, 100), QPoint(130, 90), QPoint(160, 120)])
    after = place_of(canvas, row)
    assert (after - before - QPoint(60, 20)).manhattanLength() <= 2
    assert not canvas.chosen.any()


def drag(qtbot, canvas, points, modifier=Qt.KeyboardModifier.NoModifier):
    qtbot.mousePress(canvas, Qt.MouseButton.LeftButton, modifier, points[0])
    for point in points[1:]:
        qtbot.mouseMove(canvas, point)
    qtbot.mouseRelease(canvas, Qt.MouseButton.LeftButton, modifier, points[-1])


def test_drawing_around_points_chooses_those_within(canvas, qtbot):
    canvas.lasso_on = True
    triangle = [QPoint(120, 60), QPoint(320, 90), QPoint(180, 260)]
    drag(qtbot, canvas, triangle)
    x, y = canvas.view.places(canvas.cloud.xy)
    inside = np.ones(len(x), bool)
    clear = np.ones(len(x), bool)
    for a, b in zip(triangle, [*triangle[1:], triangle[0]], strict=True):
        side = (b.x() - a.x()) * (y - a.y()) - (b.y() - a.y()) * (x - a.x())
        inside &= side > 0
        clear &= np.abs(side) / np.hypot(b.x() - a.x(), b.y() - a.y()) > 2
    assert (canvas.chosen == inside)[clear].all() and 20 < canvas.chosen.sum() < 480
    first = canvas.chosen.copy()
    drag(qtbot, canvas, [QPoint(20, 20), QPoint(60, 20), QPoint(20, 90)])
    assert not (canvas.chosen & first).any()


def test_a_lasso_reaches_no_further_than_what_is_in_view(canvas):
    view = canvas.view.zoomed(6, 200, 150)
    whole = QPolygonF([QPointF(-50, -50), QPointF(900, -50), QPointF(900, 900), QPointF(-50, 900)])
    found = rows_within(canvas.cloud, view, whole)
    x, y = view.places(canvas.cloud.xy)
    seen = (x >= 0) & (x < 400) & (y >= 0) & (y < 300)
    assert set(found) == set(np.flatnonzero(seen))


def test_everything_can_be_done_by_keys(canvas, qtbot):
    key = Qt.Key
    opened, played, wanted = [], [], []
    canvas.opened.connect(opened.append)
    canvas.play_wanted.connect(played.append)
    canvas.show_wanted.connect(lambda: wanted.append(canvas.chosen.sum()))
    qtbot.keyClick(canvas, key.Key_Right)  # the sound in the middle
    qtbot.keyClick(canvas, key.Key_Right)
    first, second = (canvas.cloud.xy[row] for row in opened)
    assert second[0] > first[0]
    depth = canvas.view.depth
    qtbot.keyClick(canvas, key.Key_Plus)
    assert canvas.view.depth > depth
    at = place_of(canvas, canvas.current)
    assert canvas.rect().contains(at)
    qtbot.keyClick(canvas, key.Key_Minus)
    assert canvas.view.depth == pytest.approx(depth)
    before = canvas.view.x
    qtbot.keyClick(canvas, key.Key_Left, Qt.KeyboardModifier.ControlModifier)
    assert canvas.view.x < before
    qtbot.keyClick(canvas, key.Key_0)
    assert canvas.view.depth == pytest.approx(1.0)
    qtbot.keyClick(canvas, key.Key_Space)
    assert played == [canvas.current]
    qtbot.keyClick(canvas, key.Key_Return)
    qtbot.keyClick(canvas, key.Key_A, Qt.KeyboardModifier.ControlModifier)
    qtbot.keyClick(canvas, key.Key_Return)
    assert wanted == [1, 500]
    qtbot.keyClick(canvas, key.Key_Escape)
    assert not canvas.chosen.any()


def test_other_points_keep_view_choice_and_what_is_looked_at(canvas, qtbot):
    canvas.set_view(canvas.view.zoomed(3, 200, 150))
    canvas.open(5)
    canvas.choose(np.array([5, 9]))
    kept, view = set(canvas.cloud.ids[[5, 9]].tolist()), canvas.view
    more = a_map(700)
    cloud = Cloud.of(more, np.ones(700, bool))
    canvas.show_cloud(cloud, Coloured().look(DARK))
    assert set(cloud.ids[canvas.chosen].tolist()) == kept
    assert cloud.ids[canvas.current] in kept and canvas.view.scale == view.scale


def test_screen_readers_are_told_what_there_is(canvas):
    from app.gui.library.map.canvas import describe

    assert canvas.accessibleName()
    assert "Arrow keys" in canvas.accessibleDescription()
    describe(canvas, "Door_01.wav")
    assert canvas.accessibleDescription().startswith("Door_01.wav")


# Colours


def test_folders_are_coloured_where_paths_part():
    ids = np.arange(6)
    paths = [
        "/a/b/x/1.wav",
        "/a/b/x/2.wav",
        "/a/b/y/1.wav",
        "/a/b/y/z/1.wav",
        "/a/b/x/3.wav",
        "/a/b/1.wav",
    ]
    made = COLOURINGS["folder"].make(ids, paths)
    assert [meaning.text for meaning in made.meanings][:2] == ["x", "y"]
    assert made.of(np.array([0, 1, 4])).tolist() == [0, 0, 0]
    assert made.of(np.array([2, 3])).tolist() == [1, 1]
    assert made.of(np.array([99])).tolist() == made.of(np.array([5])).tolist()


def test_lengths_are_steps_of_a_scale_and_unmeasured_loudness_is_said():
    ids = np.arange(4)
    made = COLOURINGS["length"].make(ids, [0.1, 1.0, 10.0, 100.0])
    steps = made.of(ids).astype(int)
    assert (np.diff(steps) > 0).all() and made.is_scale and len(made.meanings) == 2
    loud = COLOURINGS["loudness"].make(ids, [-30.0, None, -20.0, -10.0])
    assert loud.of(ids)[1] == loud.of(np.array([77]))[0]
    none = COLOURINGS["loudness"].make(ids, [None] * 4)
    assert [meaning.text for meaning in none.meanings] == ["not measured yet"]


def test_categories_are_coloured_by_family():
    ids = np.arange(4)
    made = COLOURINGS["category"].make(ids, ["DOORWood", "DOORMetl", "RAINGlas", None])
    kinds = made.of(ids).tolist()
    assert kinds[0] == kinds[1] != kinds[2] and "Doors" in [m.text for m in made.meanings]
    assert kinds[3] not in kinds[:3]
