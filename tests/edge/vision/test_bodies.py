"""Bodies are followed from look to look by where they are; a rider and a bicycle are one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.contract.vocabulary import BodyKind
from edge.vision.bodies import BodyTracks, without_riders
from models.types import Bodies, Image
from models.types import BodyKind as Found

BLANK = np.zeros((100, 200, 3), np.uint8)


def bodies(*found: tuple[Found, tuple[float, float, float, float], float]) -> Bodies:
    return Bodies(
        np.array([box for _, box, _ in found], np.float32).reshape(-1, 4),
        np.array([kind for kind, _, _ in found], np.uint8),
        np.array([score for _, _, score in found], np.float32),
    )


class Sees:
    def __init__(self) -> None:
        self.now = Bodies.none()

    def detect(self, images: Sequence[Image], *, max_side: int = 416, min_score: float = 0.4) -> list[Bodies]:
        return [self.now for _ in images]


def test_a_body_keeps_its_number_while_it_moves_and_places_are_fractions() -> None:
    detector = Sees()
    tracks = BodyTracks(detector)
    numbers = set()
    for step in range(6):
        x = 20.0 + 8 * step
        detector.now = bodies((Found.PERSON, (x, 20, x + 20, 70), 0.8))
        (seen,) = tracks.look(BLANK, step / 3).seen
        numbers.add(seen.track)
        assert seen.kind is BodyKind.PERSON
        assert np.allclose(seen.foot, ((x + 10) / 200, 0.7))
        assert seen.born is (step >= 1)
    assert len(numbers) == 1


def test_two_kinds_in_one_place_are_two_bodies() -> None:
    detector = Sees()
    tracks = BodyTracks(detector)
    detector.now = bodies(
        (Found.PERSON, (20, 20, 40, 70), 0.8),
        (Found.VEHICLE, (15, 20, 45, 70), 0.8),
    )
    assert len({seen.track for seen in tracks.look(BLANK, 0.0).seen}) == 2


def test_what_is_seen_faintly_goes_on_but_begins_nothing() -> None:
    detector = Sees()
    tracks = BodyTracks(detector)
    detector.now = bodies((Found.VEHICLE, (20, 20, 80, 70), 0.3))
    assert tracks.look(BLANK, 0.0).seen == ()
    detector.now = bodies((Found.VEHICLE, (20, 20, 80, 70), 0.6))
    tracks.look(BLANK, 0.3)
    detector.now = bodies((Found.VEHICLE, (20, 20, 80, 70), 0.3))
    assert len(tracks.look(BLANK, 0.6).seen) == 1


def test_a_track_ends_when_its_body_is_gone() -> None:
    detector = Sees()
    tracks = BodyTracks(detector)
    detector.now = bodies((Found.PERSON, (20, 20, 40, 70), 0.8))
    (number,) = {seen.track for at in (0.0, 0.3) for seen in tracks.look(BLANK, at).seen}
    detector.now = Bodies.none()
    ended = [track for step in range(8) for track in tracks.look(BLANK, 1 + step / 3).ended]
    assert ended == [number]
    assert not tracks.anybody


def test_a_rider_counts_with_the_bicycle_and_a_walker_beside_it_does_not() -> None:
    bicycle = (Found.TWO_WHEELER, (20.0, 50.0, 60.0, 90.0), 0.7)
    rider = (Found.PERSON, (30.0, 25.0, 50.0, 85.0), 0.8)
    walker = (Found.PERSON, (58.0, 30.0, 78.0, 92.0), 0.8)
    assert without_riders(bodies(bicycle, rider, walker)).kinds.tolist() == [Found.TWO_WHEELER, Found.PERSON]


def test_nobody_rides_what_is_only_faintly_there() -> None:
    bicycle = (Found.TWO_WHEELER, (20.0, 50.0, 60.0, 90.0), 0.3)
    rider = (Found.PERSON, (30.0, 25.0, 50.0, 85.0), 0.8)
    assert len(without_riders(bodies(bicycle, rider))) == 2
