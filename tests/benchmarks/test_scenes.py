"""What the benchmarks' scenes show, and that the truth says so."""

from __future__ import annotations

import itertools
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest

from benchmarks.scene_films import SHUTTER, Kind, Person, Place, Stage, gate_way
from benchmarks.scenes import SCENES, STRANGER, SUB_HEIGHT, SUB_WIDTH, Scene, filmed, staged, sub_stream
from demo.cast import make_cast
from demo.clips import sensor_picture
from demo.draw.canvas import Picture
from demo.draw.scenery import HEIGHT, WIDTH, noise_tile
from demo.script import FPS, GOP
from models.store import open_face_detector


@pytest.mark.parametrize(("place", "kind"), SCENES)
def test_every_pass_lies_in_the_film_and_the_film_is_empty_at_both_ends(place: Place, kind: Kind) -> None:
    stage, truth = staged(Scene(place, kind))
    length_s = stage.frames / FPS
    assert len(truth.passes) >= 4
    assert all(0 < one.from_s < one.to_s < length_s for one in truth.passes)
    assert stage.frames % GOP == 0


def test_who_is_in_view_for_one_to_three_seconds_is() -> None:
    for place in (Place.GATE, Place.DOOR):
        _, truth = staged(Scene(place, Kind.BRIEF))
        assert all(1.0 <= one.to_s - one.from_s <= 3.0 for one in truth.passes)


@pytest.mark.parametrize("busy", [0.1, 0.3, 0.6])
def test_a_scene_is_as_busy_as_asked(busy: float) -> None:
    stage, truth = staged(Scene(Place.GATE, Kind.WALK, passes=4, busy=busy))
    in_view_s = sum(one.to_s - one.from_s for one in truth.passes)
    assert in_view_s / (stage.frames / FPS) == pytest.approx(busy, rel=0.15)


def test_two_abreast_and_cars_in_a_queue_overlap_in_time_and_are_not_the_same() -> None:
    for place, kind in ((Place.GATE, Kind.ABREAST), (Place.LANE, Kind.QUEUE)):
        _, truth = staged(Scene(place, kind))
        pairs = list(itertools.pairwise(truth.passes))
        assert any(after.from_s < before.to_s for before, after in pairs)
        overlapping = [(one, two) for one, two in pairs if two.from_s < one.to_s]
        assert all(
            (one.expects.subject, one.expects.plate) != (two.expects.subject, two.expects.plate)
            for one, two in overlapping
        )


def test_the_same_scene_is_drawn_alike_every_time_and_dusk_is_darker() -> None:
    day, dusk = (staged(Scene(Place.GATE, kind))[0] for kind in (Kind.WALK, Kind.DUSK))
    again = staged(Scene(Place.GATE, Kind.WALK))[0]
    number = 90
    assert np.array_equal(day.frame(number), again.frame(number))
    assert dusk.frame(number).mean() < 0.6 * day.frame(number).mean()
    assert dusk.noise > day.noise


def test_against_the_light_the_person_is_in_shade_and_the_scene_is_not() -> None:
    day, backlit = (staged(Scene(Place.GATE, kind))[0] for kind in (Kind.WALK, Kind.BACKLIT))
    number = 96
    person = np.any(day.frame(number) != day.frame(0), axis=2)
    before, after = day.frame(number), backlit.frame(number)
    assert after[person].mean() < 0.75 * before[person].mean()
    assert after[~person].mean() > before[~person].mean()


def test_it_rains_otherwise_in_every_frame() -> None:
    stage, _ = staged(Scene(Place.GATE, Kind.RAIN))
    assert not np.array_equal(stage.frame(0), stage.frame(1))


def test_whoever_runs_is_blurred_along_their_way_and_whoever_stands_is_not() -> None:
    cast = make_cast(1)
    runner = Person(cast.consenting[0], Place.GATE, gate_way(Kind.RUN, 1), "")
    stage = Stage(Place.GATE, Kind.RUN, [runner], 60, 1)
    across, _ = runner.step(40)
    assert abs(across) * SHUTTER > 4
    empty = stage.frame(59)
    sharp = empty.copy()
    runner.draw(sharp, 40)
    where = np.any(sharp != empty, axis=2)
    assert _edges(stage.frame(40), where) < 0.8 * _edges(sharp, where)
    stander = Person(cast.consenting[0], Place.GATE, gate_way(Kind.WALK, 1), "")
    still = Stage(Place.GATE, Kind.WALK, [stander], 150, 1)
    drawn = still.frame(149)
    stander.draw(drawn, 72)
    assert np.array_equal(still.frame(72), drawn)


def _edges(picture: Picture, where: npt.NDArray[np.bool_]) -> float:
    """Mean step from one column to the next, grey levels, where something was drawn."""
    steps = np.abs(np.diff(picture.astype(np.float32), axis=1)).max(axis=2)
    return float(steps[where[:, 1:]].mean())


def test_the_sub_stream_shows_the_same_picture_smaller() -> None:
    planes = sensor_picture(np.full((HEIGHT, WIDTH, 3), (40, 90, 200), np.uint8), 0, noise_tile(0))
    small = sub_stream(planes)
    assert small.shape == (SUB_HEIGHT * 3 // 2, SUB_WIDTH)
    assert abs(float(small[:SUB_HEIGHT].mean()) - float(planes[:HEIGHT].mean())) < 1
    assert abs(float(small[SUB_HEIGHT:].mean()) - float(planes[HEIGHT:].mean())) < 1


def test_a_scene_is_filmed_once_as_main_and_sub_stream_of_the_same_length(tmp_path: Path) -> None:
    scene = Scene(Place.LANE, Kind.RUN, passes=1)
    first = filmed(scene, tmp_path)
    made = first.main.stat().st_mtime_ns
    assert filmed(scene, tmp_path).main.stat().st_mtime_ns == made
    with av.open(str(first.main)) as main, av.open(str(first.sub)) as sub:
        large, small = main.streams.video[0], sub.streams.video[0]
        assert (large.width, large.height, small.width, small.height) == (WIDTH, HEIGHT, SUB_WIDTH, SUB_HEIGHT)
        keyframes = [packet.is_keyframe for packet in main.demux(large) if packet.size]
        assert len(keyframes) == sum(1 for packet in sub.demux(small) if packet.size) == round(first.seconds * FPS)
    assert [number for number, keyframe in enumerate(keyframes) if keyframe] == list(range(0, len(keyframes), GOP))


def test_strangers_come_last_and_are_nobody_on_the_lists() -> None:
    for place in (Place.GATE, Place.DOOR):
        _, without = staged(Scene(place, Kind.WALK, passes=2))
        stage, truth = staged(Scene(place, Kind.WALK, passes=2, strangers=1))
        assert truth.passes[:-1] == without.passes
        assert truth.people == without.people
        last = truth.passes[-1]
        assert last.kind == STRANGER
        assert last.expects.subject is None
        assert truth.passes[-2].to_s < last.from_s < last.to_s < stage.frames / FPS


def test_a_film_with_strangers_is_another_film() -> None:
    alone, visited = Scene(Place.GATE, Kind.WALK), Scene(Place.GATE, Kind.WALK, strangers=1)
    assert alone.name == "gate-walk-crf-4x60-1"
    assert visited.name == "gate-walk-crf-4+1x60-1"
    assert alone.key != visited.key


def test_where_a_face_and_a_plate_are_is_where_they_are_drawn(models_dir: Path) -> None:
    faces, plates = open_face_detector("yunet"), staged(Scene(Place.LANE, Kind.WALK, passes=1))[0]
    stage, _ = staged(Scene(Place.GATE, Kind.WALK, passes=1))
    (person,), (car,) = stage.actors, plates.actors
    at = person.way.first + 70
    (found,) = faces.detect([stage.frame(at)])
    x, y, wide = person.subject(at)
    box = found.boxes[0]
    assert ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2) == pytest.approx((x, y), abs=0.2 * wide)
    assert box[2] - box[0] == pytest.approx(wide, rel=0.2)
    x, y, wide = car.subject(car.way.first + 70)
    seen = plates.frame(car.way.first + 70)
    empty = plates.frame(0)
    patch = np.s_[round(y) - 10 : round(y) + 10, round(x - wide / 2) + 8 : round(x + wide / 2) - 8]
    assert seen[patch].std() > 30, "letters on a plate"
    assert not np.array_equal(seen[patch], empty[patch])
