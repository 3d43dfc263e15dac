"""Everybody who goes through a door counts once: seen as a face, as a body, or as both."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from core.contract.config import Door
from core.contract.ids import PassId, new_id
from demo.cast import make_cast
from demo.script import DOOR_CAMERA, ActKind, make_script
from edge.checkpoint.openings import Crossed, Openings, admitted, crossed
from edge.checkpoint.through import BodiesThrough, FacesThrough
from edge.vision.people import Look, SeenFace
from edge.vision.tracker import Track
from models.store import open_body_detector
from models.types import BodyKind
from tests.edge.checkpoint.drawn import act_of, checkpoint, film_of, recorded
from tests.edge.scenes.parts import SIZE, ScriptedBodies, Thing, person, picture

FPS = 6
CAST = make_cast(1)
SCRIPT = make_script(CAST, 1)


def door(line: tuple[tuple[float, float], tuple[float, float]] = ((0.5, 1.0), (0.5, 0.0))) -> Door:
    """A door in the middle: from left to right is through."""
    plain = checkpoint("building-3-door").model_dump()
    made = Door.model_validate({**plain, "zone": ((0, 0), (1, 0), (1, 1), (0, 1)), "threshold_line": line})
    assert isinstance(made, Door)
    return made


def face(x: float, track: int = 1, foot: float = 0.9) -> SeenFace:
    """At the head of ``person(x, foot)``."""
    width, height = SIZE
    middle = np.array([x * width, (foot - 0.3 + 0.03) * height], np.float32)
    box = np.concatenate([middle - 4, middle + 4])
    one = Track(track, box, np.zeros(2, np.float32), 3, 0, 0.0, born=True)
    return SeenFace(one, box, np.zeros((5, 2), np.float32), 0.9)


class Walked:
    """A door before which a script lets people walk; counts who goes through."""

    def __init__(self) -> None:
        self.bodies = ScriptedBodies()
        self.through = BodiesThrough(door(), self.bodies)
        self.at_s = 0.0
        self.told: list[tuple[float, int]] = []

    def show(self, bodies: Sequence[Thing], faces: Sequence[SeenFace]) -> None:
        self.bodies.things = bodies
        for one in self.through.look(Look(tuple(faces), (), 1.0), picture(self.at_s)):
            self.told.append((self.at_s, one.track))
        self.at_s += 1 / FPS

    def walk(self, *, body: bool, face_seen: bool, begin: float = 0.2, step: float = 0.05, track: int = 1) -> None:
        for number in range(13):
            x = begin + step * number
            self.show([person(x, 0.9)] if body else [], [face(x, track)] if face_seen else [])
        for _ in range(8):
            self.show([], [])


@pytest.mark.parametrize(("body", "face_seen"), [(True, True), (True, False), (False, True)])
def test_somebody_counts_once_whatever_is_seen_of_them(body: bool, face_seen: bool) -> None:
    walked = Walked()
    walked.walk(body=body, face_seen=face_seen)
    assert len(walked.told) == 1


def test_a_hooded_follower_counts_too() -> None:
    walked = Walked()
    for number in range(20):
        first, second = 0.3 + 0.04 * number, 0.1 + 0.04 * number
        walked.show([person(first, 0.9), person(second, 0.9)], [face(first)])
    assert len(walked.told) == 2


def test_a_face_that_comes_and_goes_does_not_make_two_of_one() -> None:
    walked = Walked()
    for number in range(16):
        x = 0.2 + 0.04 * number
        walked.show([person(x, 0.9)] if number % 3 else [], [face(x)] if number % 2 else [])
    assert len(walked.told) == 1


def test_one_face_hides_one_body_and_no_more() -> None:
    walked = Walked()
    for number in range(20):
        x = 0.2 + 0.04 * number
        # The face is ahead of all three: nobody's of them.
        walked.show([person(x, 0.9), person(x - 0.02, 0.55), person(x - 0.01, 0.35)], [face(x + 0.12)])
    assert len(walked.told) == 3, "the face may be one of the three; the other two are people of their own"


def test_a_face_that_was_once_at_anothers_head_is_not_anothers_for_ever() -> None:
    walked = Walked()
    # The face passes before the hooded one who waits, and goes on alone; both go in within ten seconds.
    for number in range(8):
        walked.show([person(0.25, 0.9)], [face(0.23 + 0.01 * number)])
    for number in range(12):
        walked.show([person(0.25, 0.9)], [face(0.3 + 0.03 * number)])
    for number in range(12):
        walked.show([person(0.25 + 0.04 * number, 0.9)], [])
    assert len(walked.told) == 2


def test_whoever_pushes_a_bicycle_through_the_door_counts() -> None:
    walked = Walked()
    for number in range(16):
        x = 0.2 + 0.04 * number
        walked.show([person(x, 0.9), (BodyKind.TWO_WHEELER, (x - 0.1, 0.68, x + 0.1, 0.92))], [])
    assert len(walked.told) == 1


def test_two_side_by_side_with_their_faces_are_two() -> None:
    walked = Walked()
    for number in range(16):
        x = 0.2 + 0.04 * number
        walked.show(
            [person(x, 0.9), person(x - 0.01, 0.55)],
            [face(x, 1), face(x - 0.01, 2, foot=0.55)],
        )
    assert len(walked.told) == 2


def test_whoever_comes_out_is_not_told_of_and_counts_again_when_going_in_later() -> None:
    walked = Walked()
    walked.walk(body=True, face_seen=True, begin=0.8, step=-0.05)
    assert walked.told == []
    walked.walk(body=True, face_seen=True, track=2)
    assert len(walked.told) == 1


def test_two_bodies_on_one_credential_are_one_passage_and_one_follower() -> None:
    walked = Walked()
    openings = admitted(Openings(), PassId(new_id()), 0.0, 3.0, gate_open=True)
    for number in range(20):
        walked.show([person(0.3 + 0.04 * number, 0.9), person(0.1 + 0.04 * number, 0.9)], [])
    what = []
    for at_s, track in walked.told:
        openings, one = crossed(openings, track, at_s, gate_open=True)
        what.append(one)
    assert what == [Crossed.COMPLETES, Crossed.FOLLOWED]


def test_without_a_body_detector_faces_are_counted() -> None:
    through = FacesThrough(door())
    told = [
        one
        for number in range(13)
        for one in through.look(Look((face(0.2 + 0.05 * number),), (), 1.0), picture(number / FPS))
    ]
    assert len(told) == 1


def test_drawn_people_whose_faces_nobody_saw_go_through_one_by_one() -> None:
    act = act_of(SCRIPT, DOOR_CAMERA, ActKind.FOLLOWED)
    where = checkpoint("building-3-door")
    assert isinstance(where, Door)
    through = BodiesThrough(where, open_body_detector("nanodet-g"))
    looks = recorded(film_of(DOOR_CAMERA, CAST, SCRIPT), (act.leave_frame - 2, act.last_frame))
    told = [one for _, shown in looks for one in through.look(Look((), (), 1.0), shown)]
    assert len({one.track for one in told}) == len(told) == 2
