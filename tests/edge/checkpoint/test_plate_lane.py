"""The lane's watcher: one observation per visit, as soon as the reads agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from core.contract.config import PlateLane
from core.contract.ids import CameraId, CheckpointId
from core.contract.vocabulary import Ring, Verdict
from edge.checkpoint.decide import decide
from edge.checkpoint.plate_lane import REST_S, SAME_VISIT_S, PlateLaneWatcher
from edge.evidence import Observation, PlateEvidence
from edge.vision.plate_vote import VoteRules, edits
from models.types import Image, PlateRead, Plates
from tests.edge.checkpoint.watching import FPS, NAME, SHUT, START, ScriptedLists, moment, picture, watch

ONE, TWO = "京A12D45", "沪B98C76"
ALIKE = "京A12D48"


def plates(*places: tuple[float, float], width: float = 120) -> Plates:
    boxes = np.array([[x, y, x + width, y + width / 3] for x, y in places], np.float32).reshape(-1, 4)
    quads = boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 4, 2)
    return Plates(boxes, quads, np.full(len(boxes), 0.95, np.float32))


@dataclass
class Script:
    """Plates per look, and texts in the order they are read (the last for ever)."""

    looks: Sequence[Plates]
    texts: Sequence[tuple[str, float]]
    looked: int = 0
    reads: int = 0
    sure_px: int = 80

    def detect(self, images: Sequence[Image], *, max_side: int = 960, min_score: float = 0.6) -> list[Plates]:
        self.looked += 1
        return [self.looks[self.looked - 1] if self.looked <= len(self.looks) else Plates.none()]

    def read(self, crops: Sequence[Image]) -> list[PlateRead]:
        self.reads += 1
        text, confidence = self.texts[min(self.reads, len(self.texts)) - 1]
        return [PlateRead(text, (confidence,) * len(text))]


HERE = PlateLane(
    id=CheckpointId("cp"),
    name=NAME,
    camera=CameraId("cam"),
    ring=Ring.PERIMETER,
    zone=((0, 0), (1, 0), (1, 1), (0, 1)),
    min_plate_px=80,
)


def lane(script: Script, rules: VoteRules | None = None) -> PlateLaneWatcher:
    return PlateLaneWatcher(HERE, script, script, rules)


def texts(told: list[tuple[int, Observation]]) -> list[str | None]:
    seen = [one.seen for _, one in told]
    assert all(isinstance(one, PlateEvidence) for one in seen)
    return [one.reading.text if one.reading else None for one in seen if isinstance(one, PlateEvidence)]


def opens(told: list[tuple[int, Observation]]) -> list[str]:
    """Plates that open the barrier where every one of them is listed."""
    seen = [one.seen for _, one in told if isinstance(one.seen, PlateEvidence)]
    admitted = [one for one in seen if decide(HERE, one, ScriptedLists(), START).verdict is Verdict.ADMIT]
    return [one.reading.text for one in admitted if one.reading is not None]


STANDING = plates((250, 200))
STANDING_TWICE = [*[STANDING] * 10, *[Plates.none()] * 8, *[STANDING] * 10]
DRIVING = [plates((100 + 12 * look, 200)) for look in range(30)]


def test_a_visit_is_told_once_while_the_vehicle_is_still_there() -> None:
    script = Script(DRIVING, [(ONE, 0.95)])
    told = watch(lane(script), 50)
    assert texts(told) == [ONE]
    look, seen = told[0]
    assert look == 1
    assert seen.picture is not None
    assert seen.times.detect is not None
    assert seen.times.read is not None
    assert script.reads <= 2 + 3, "then only a check every second"


def test_reads_go_on_until_they_agree() -> None:
    script = Script([STANDING] * 20, [("", 0.0), ("京A120", 0.9), (ONE, 0.9), ("京A12045", 0.5), (ONE, 0.95)])
    watcher = lane(script)
    assert texts(watch(watcher, 40)) == [ONE]
    assert watcher.counts.flat()["reads_rejected"] == 2


def test_an_unreadable_vehicle_is_told_when_it_leaves_with_a_picture() -> None:
    told = watch(lane(Script([STANDING] * 10, [("??", 0.3)])), 30)
    assert texts(told) == [None]
    assert told[0][0] > 9
    assert told[0][1].picture is not None


def test_something_plate_like_for_a_moment_is_no_visit() -> None:
    assert watch(lane(Script([STANDING] * 2, [("??", 0.3)])), 30) == []


def test_a_plate_too_narrow_to_read_is_waited_for() -> None:
    script = Script([plates((250, 200), width=60)] * 10, [(ONE, 0.95)])
    assert watch(lane(script), 20) == []
    assert script.reads == 0


def test_a_plate_cut_off_by_the_picture_is_not_read() -> None:
    script = Script([plates((600, 200))] * 10, [(ONE, 0.95)])
    assert watch(lane(script), 20) == []


def test_the_next_car_follows_closely_and_is_another_visit() -> None:
    first = [plates((60 + 20 * look, 240)) for look in range(20)]
    both = [
        Plates(
            np.concatenate([one.boxes, two.boxes]),
            np.concatenate([one.quads, two.quads]),
            np.concatenate([one.scores, two.scores]),
        )
        for one, two in zip(first[8:], [plates((20 + 20 * look, 60)) for look in range(12)], strict=True)
    ]
    script = Script([*first[:8], *both], [(ONE, 0.95), (ONE, 0.95), (TWO, 0.95)])
    assert texts(watch(lane(script), 50)) == [ONE, TWO]


def test_another_plate_in_the_same_place_is_another_visit() -> None:
    script = Script([STANDING] * 60, [(ONE, 0.95), (ONE, 0.95), (TWO, 0.95)])
    assert texts(watch(lane(script), 60)) == [ONE, TWO]


def test_one_misread_check_is_no_new_visit() -> None:
    script = Script([STANDING] * 60, [(ONE, 0.95), (ONE, 0.95), (TWO, 0.95), (ONE, 0.95)])
    assert texts(watch(lane(script), 60)) == [ONE]


def test_a_track_that_breaks_is_the_same_visit() -> None:
    script = Script([*[STANDING] * 10, *[Plates.none()] * 8, *[STANDING] * 10], [(ONE, 0.95)])
    assert texts(watch(lane(script), 60)) == [ONE]


def test_the_slanted_rest_of_a_plate_just_lost_is_no_unreadable_vehicle() -> None:
    script = Script([*[STANDING] * 10, *[Plates.none()] * 6, *[STANDING] * 6], [(ONE, 0.95), (ONE, 0.95), ("??", 0.2)])
    assert texts(watch(lane(script), 60)) == [ONE]


def test_an_unreadable_vehicle_that_comes_where_a_told_one_left_is_told() -> None:
    away = [Plates.none()] * round(FPS * (REST_S + 0.5))
    script = Script([*[STANDING] * 10, *away, *[STANDING] * 12], [(ONE, 0.95), (ONE, 0.95), ("??", 0.2)])
    assert texts(watch(lane(script), len(script.looks) + 10)) == [ONE, None]


def test_a_lone_sure_read_is_told_at_the_end_and_a_doubtful_one_is_not() -> None:
    sure = Script([STANDING] * 4, [(ONE, 0.95), ("??", 0.2)])
    assert texts(watch(lane(sure), 30)) == [ONE]
    doubtful = Script([STANDING] * 4, [(ONE, 0.7), ("??", 0.2)])
    assert texts(watch(lane(doubtful), 30)) == [None]


def test_an_empty_lane_costs_no_detection_and_a_parked_car_little() -> None:
    still = picture(0).bgr()
    empty = Script([], [])
    watcher = lane(empty)
    for look in range(50):
        watcher.look(picture(look, still), SHUT)
    assert empty.looked <= 5
    parked = Script([STANDING] * 100, [(ONE, 0.95)])
    watcher = lane(parked)
    for look in range(100):
        watcher.look(picture(look, still), SHUT)
    assert parked.looked < 15
    assert watcher.wanted_fps < 6


def test_a_vehicle_that_stays_unread_is_read_a_bounded_number_of_times() -> None:
    script = Script([STANDING] * 200, [("??", 0.3)])
    watch(lane(script), 200)
    assert 24 <= script.reads <= 24 + 200 / FPS


def on_its_way(first: int, *, x: float = 60) -> list[Plates]:
    """A plate that comes down the picture for twelve looks."""
    return [plates((x + 4 * look, first + 12 * look)) for look in range(12)]


def test_a_follower_that_takes_over_the_track_is_told_as_soon_as_it_is_read_twice() -> None:
    """The first plate leaves below, the next comes above: one track, but not where it should be."""
    script = Script([*on_its_way(160), *on_its_way(80)], [(ONE, 0.95), (ONE, 0.95), (TWO, 0.95)])
    told = watch(lane(script), 40)
    assert texts(told) == [ONE, TWO]
    assert told[1][0] <= 12 + 2


def test_a_vehicle_read_once_before_another_took_its_track_is_told_too_when_that_read_was_sure() -> None:
    script = Script(on_its_way(100), [(ONE, 0.97), (TWO, 0.95)])
    assert texts(watch(lane(script), 30)) == [ONE, TWO]
    doubtful = Script(on_its_way(100), [(ONE, 0.8), (TWO, 0.95)])
    assert texts(watch(lane(doubtful), 30)) == [TWO]


def test_a_vehicle_whose_track_another_took_over_opens_nothing_before_that_one() -> None:
    told = watch(lane(Script(on_its_way(100), [(ONE, 0.97), (TWO, 0.95)])), 30)
    assert texts(told) == [ONE, TWO]
    assert opens(told) == [TWO]


def test_a_vehicle_that_leaves_while_another_is_in_the_zone_opens_nothing() -> None:
    leaves = [plates((60, 240), (380, 240))] * 2
    script = Script([*leaves, *[plates((380, 240))] * 12], [(ONE, 0.95), ("??", 0.2)])
    told = watch(lane(script), 40)
    assert texts(told)[0] == ONE
    assert opens(told) == []


def test_two_vehicles_lost_at_the_same_look_open_nothing_for_each_other() -> None:
    script = Script([plates((60, 240), (380, 240))] * 2, [(ONE, 0.95), ("??", 0.2)])
    told = watch(lane(script), 30)
    assert texts(told)[0] == ONE
    assert opens(told) == []


def test_a_vehicle_read_once_that_leaves_an_empty_lane_opens_it() -> None:
    told = watch(lane(Script([STANDING] * 4, [(ONE, 0.95), ("??", 0.2)])), 30)
    assert opens(told) == [ONE]


def test_a_vehicle_lost_a_while_ago_opens_nothing() -> None:
    watcher = lane(Script([STANDING] * 4, [(ONE, 0.95), ("??", 0.2)]))
    told = watch(watcher, 4)
    for look in range(4, 10):
        late = picture(look)
        late.moment = moment(4 + 12 * (look - 3))
        told += [(look, seen) for seen in watcher.look(late, SHUT)]
    assert texts(told) == [ONE]
    assert opens(told) == []


def test_a_vehicle_that_is_still_there_after_it_was_thought_gone_is_let_in() -> None:
    hidden = [*[plates((60, 240), (380, 240))] * 2, *[plates((380, 240))] * 6]
    back = [plates((60, 240), (380, 240))] * 12
    others = [(ONE, 0.95), *[("??", 0.2)] * 9]
    told = watch(lane(Script([*hidden, *back], [*others, *[(ONE, 0.95), ("??", 0.2)] * 20])), 20)
    assert texts(told)[:2] == [ONE, ONE]
    assert opens(told) == [ONE]


def test_what_was_read_before_the_camera_was_away_opens_nothing() -> None:
    script = Script([STANDING] * 4, [(ONE, 0.95), ("??", 0.2)])
    told = watch(lane(script), 30, away=4)
    assert texts(told) == [ONE]
    assert told[0][0] == 4
    assert opens(told) == []


def test_a_vehicle_that_still_stands_there_when_the_camera_is_back_is_read_anew() -> None:
    script = Script([STANDING] * 12, [(ONE, 0.7), (ONE, 0.7), (ONE, 0.95)])
    told = watch(lane(script), 14, away=2)
    assert [look for look, _ in told] == [2, 3]
    assert texts(told) == [ONE, ONE]
    assert opens(told) == [ONE]


def test_an_unreadable_vehicle_that_waits_while_nothing_moves_is_one_visit() -> None:
    told = watch(lane(Script([STANDING] * 30, [("??", 0.2)])), 40, away=28, away_s=5.0)
    assert texts(told) == [None]


def test_a_broken_track_whose_rest_is_misread_in_one_character_is_the_same_visit() -> None:
    script = Script(STANDING_TWICE, [(ONE, 0.95), (ONE, 0.95), (ALIKE, 0.85)])
    assert texts(watch(lane(script), 60)) == [ONE]


def test_a_plate_nearly_the_same_that_is_read_beyond_doubt_is_the_next_vehicle() -> None:
    """Two cars of one fleet, the second where the first one just was: neither may pass unseen."""
    follows = Script(STANDING_TWICE, [(ONE, 0.95), (ONE, 0.95), (ALIKE, 0.85), (ALIKE, 0.97)])
    assert texts(watch(lane(follows), 60)) == [ONE, ALIKE]
    takes_the_track = Script([STANDING] * 60, [(ONE, 0.95), (ONE, 0.95), (ALIKE, 0.97)])
    assert texts(watch(lane(takes_the_track), 60)) == [ONE, ALIKE]
    misread = Script([STANDING] * 60, [(ONE, 0.95), (ONE, 0.95), (ALIKE, 0.85)])
    assert texts(watch(lane(misread), 60)) == [ONE]


@pytest.mark.parametrize(
    ("plate", "misread"),
    [(ONE, ALIKE), (ONE, "京A12DA5"), ("沪AD12345", "沪A12345")],
    ids=["one character", "two", "one left out"],
)
def test_a_vehicle_that_never_left_is_not_let_in_as_another_by_a_misread_of_its_plate(plate: str, misread: str) -> None:
    told = watch(lane(Script([STANDING] * 60, [(plate, 0.95), (plate, 0.95), (misread, 0.97)])), 60)
    assert texts(told) == [plate, misread]
    assert opens(told) == [plate]


def test_a_vehicle_that_waits_stays_the_one_it_is_after_being_asked_for_again() -> None:
    """Two misreads, then the plate as it is: neither opens again."""
    script = Script([STANDING] * 120, [(ONE, 0.95), (ONE, 0.95), (ALIKE, 0.97), (ALIKE, 0.97), (ONE, 0.97)])
    assert opens(watch(lane(script), 120)) == [ONE]


def test_a_follower_of_nearly_the_same_plate_that_comes_where_it_should_not_be_is_let_in() -> None:
    script = Script([*on_its_way(160), *on_its_way(80)], [(ONE, 0.95), (ONE, 0.95), (ALIKE, 0.97)])
    told = watch(lane(script), 40)
    assert opens(told) == [ONE, ALIKE]


def test_the_same_plate_again_after_a_while_is_another_visit() -> None:
    away = [Plates.none()] * round(FPS * (SAME_VISIT_S + 1))
    script = Script([*[STANDING] * 6, *away, *[STANDING] * 6], [(ONE, 0.95)])
    assert texts(watch(lane(script), len(script.looks) + 10)) == [ONE, ONE]


def test_the_picture_shown_is_the_one_the_plate_was_read_best_in() -> None:
    script = Script([STANDING] * 8, [(ONE, 0.85), ("", 0.0), (ONE, 0.99), ("京A12045", 0.9), (ONE, 0.7), (ONE, 0.9)])
    rules = VoteRules(min_agreeing=4, doubtful_agreeing=4)
    told = watch(lane(script, rules), 20)
    assert texts(told) == [ONE]
    shown = told[0][1].picture
    assert isinstance(shown, np.ndarray)
    assert np.array_equal(shown, picture(2).bgr())


def test_every_refusal_is_counted_by_its_reason() -> None:
    script = Script(
        [plates((250, 200), width=60), *[STANDING] * 7],
        [("A12", 0.9), ("京A12045", 0.9), (ONE, 0.5), (ONE, 0.95), (ONE, 0.95), (ONE, 0.95)],
    )
    watcher = lane(script, VoteRules(min_agreeing=3))
    assert texts(watch(watcher, 30)) == [ONE]
    counted = watcher.counts.flat()
    refused = {name: counted[f"gate.plate_{name}.refused"] for name in ("size", "blur", "grammar", "colour")}
    assert refused == {"size": 1, "blur": 0, "grammar": 1, "colour": 0}
    assert counted["gate.plate_confidence.refused"] == 1
    assert counted["gate.plate_agreement.refused"] == 1
    assert counted["gate.plate_grammar.asked"] == script.reads


def test_a_plate_blurred_beyond_reading_is_not_read_but_its_vehicle_is_told() -> None:
    script = Script([STANDING] * 8, [(ONE, 0.95)])
    watcher = lane(script)
    told = []
    for look in range(30):
        soft = np.full((360, 640, 3), 100 + look % 7 * 20, np.uint8)
        told += [(look, seen) for seen in watcher.look(picture(look, soft), SHUT)]
    assert texts(told) == [None]
    assert script.reads == 0
    assert told[0][1].picture is not None
    assert watcher.counts.flat()["gate.plate_blur.refused"] == 8


@pytest.mark.parametrize(
    ("one", "other", "apart"),
    [("", "", 0), ("", "AB", 2), (ONE, ONE, 0), (ONE, ALIKE, 1), ("沪AD12345", "沪A12345", 1), ("AB", "BA", 2)],
)
def test_two_texts_are_as_many_edits_apart_as_it_takes_characters_to_change(one: str, other: str, apart: int) -> None:
    assert edits(one, other) == edits(other, one) == apart
