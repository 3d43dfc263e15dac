"""The face gate's watcher: intent first, one person, one observation, nothing left behind."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core.contract.config import FaceGate, Polygon
from core.contract.events import MAX_STEP_MS
from core.contract.ids import CameraId, CheckpointId
from core.contract.vocabulary import Ring
from edge.capture.pace import Sampler
from edge.capture.picture import Picture
from edge.checkpoint import shooting
from edge.checkpoint.face_gate import FaceGateWatcher
from edge.checkpoint.shooting import EARLY_ABOVE
from edge.evidence import FaceEvidence, FaceMatch, Observation
from edge.vision.quality import Check, FaceQuality, Refusal
from models.types import Faces
from tests.edge.checkpoint.watching import (
    ALICE,
    ALICES_TEMPLATE,
    NAME,
    SHUT,
    CountingEmbedder,
    ScriptedFaces,
    ScriptedGallery,
    ScriptedLists,
    TwoPeople,
    faces,
    moment,
    picture,
    watch,
)

ALL: Polygon = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
SURE = FaceMatch(ALICE, score=0.8, margin=0.4, threshold=0.45, template_id=ALICES_TEMPLATE)
UNSURE = replace(SURE, score=0.40, margin=0.1)
TOO_CLOSE = replace(SURE, margin=0.01)
NOBODY = Faces.none()


def gate(zone: Polygon = ALL) -> FaceGate:
    return FaceGate(
        id=CheckpointId("cp"), name=NAME, camera=CameraId("cam"), ring=Ring.PERIMETER, zone=zone, min_face_px=60
    )


class Scene:
    """A watcher over a script."""

    def __init__(
        self,
        *script: Faces,
        matches: tuple[FaceMatch | None, ...] = (SURE,),
        zone: Polygon = ALL,
        fresh_for: int = 1_000_000,
        embedder: CountingEmbedder | None = None,
    ) -> None:
        self.detector = ScriptedFaces(script)
        self.embedder = embedder or CountingEmbedder()
        self.gallery = ScriptedGallery(matches)
        self.watcher = FaceGateWatcher(
            gate(zone), self.detector, self.embedder, self.gallery, ScriptedLists(fresh_for=fresh_for)
        )

    def run(self, looks: int) -> list[tuple[int, Observation]]:
        return watch(self.watcher, looks)


def evidence(observation: Observation) -> FaceEvidence:
    assert isinstance(observation.seen, FaceEvidence)
    return observation.seen


def test_somebody_known_is_told_at_the_third_look_and_once() -> None:
    scene = Scene(*[faces((300, 180, 90))] * 20)
    [(look, seen)] = scene.run(40)
    assert look == 2
    assert evidence(seen) == FaceEvidence(match=SURE, good_shots=1, others_in_zone=0)
    assert seen.first.pts_s < seen.deciding.pts_s
    assert seen.times.detect is not None
    assert seen.times.embed is not None
    assert seen.times.match is not None
    assert seen.times.decision is None
    assert len(scene.embedder.crops) == 1
    assert not scene.watcher.in_pass


def test_nothing_is_embedded_of_somebody_who_walks_past() -> None:
    scene = Scene(*[faces((300, 180, 90))] * 2)
    assert scene.run(30) == []
    assert scene.embedder.crops == []


def test_a_face_too_small_to_be_in_the_one_person_zone_is_nobodys_business() -> None:
    scene = Scene(*[faces((300, 180, 50))] * 20)
    assert scene.run(40) == []
    assert scene.embedder.crops == []


def test_outside_the_zone_is_black_before_the_detector_looks_and_a_face_there_counts_for_nothing() -> None:
    half: Polygon = ((0.0, 0.0), (0.5, 0.0), (0.4, 1.0), (0.0, 1.0))
    scene = Scene(*[faces((310, 300, 90))] * 20, zone=half)
    assert scene.run(30) == []
    assert scene.embedder.crops == []
    assert not scene.detector.seen[0][350, 300:320].any()


@pytest.mark.parametrize("match", [UNSURE, None], ids=["like nobody enough", "nobody is enrolled"])
def test_a_stranger_is_compared_three_times_at_most_each_time_with_one_fused_probe_and_told_once(
    match: FaceMatch | None,
) -> None:
    scene = Scene(*[faces((300, 180, 90))] * 40, matches=(match,))
    [(_, seen)] = scene.run(60)
    assert evidence(seen) == FaceEvidence(match=match, good_shots=3, others_in_zone=0)
    assert scene.gallery.asked == [1, 1, 1]


def test_just_above_the_threshold_is_not_enough_before_the_third_shot() -> None:
    barely = replace(SURE, score=SURE.threshold + 0.5 * EARLY_ABOVE)
    scene = Scene(*[faces((300, 180, 90))] * 40, matches=(barely,))
    [(_, seen)] = scene.run(60)
    assert evidence(seen) == FaceEvidence(match=barely, good_shots=3, others_in_zone=0)


def test_who_leaves_after_one_shot_just_above_the_threshold_is_told_with_it() -> None:
    barely = replace(SURE, score=SURE.threshold + 0.5 * EARLY_ABOVE)
    scene = Scene(*[faces((300, 180, 90))] * 3, matches=(barely,))
    [(_, seen)] = scene.run(40)
    assert evidence(seen) == FaceEvidence(match=barely, good_shots=1, others_in_zone=0)


def test_people_one_after_the_other_and_side_by_side_are_all_told() -> None:
    left, right = (150, 180, 90), (480, 180, 90)
    script = [faces(left)] * 8, [NOBODY] * 10, [faces(left, right)] * 70, [NOBODY] * 10, [faces(right)] * 8
    scene = Scene(*[look for part in script for look in part])
    told = [evidence(seen) for _, seen in scene.run(130)]
    assert told == [
        FaceEvidence(SURE, 1, 0),
        FaceEvidence(None, 0, 1),
        FaceEvidence(None, 0, 1),
        FaceEvidence(SURE, 1, 0),
    ]


def test_every_gates_answers_are_counted() -> None:
    far, near = faces((300, 180, 50)), faces((300, 180, 90))
    turned, two = faces((300, 180, 90), yaw=1.8), faces((300, 180, 90), (520, 180, 90))
    scene = Scene(
        *[far] * 20,
        *[NOBODY] * 10,
        *[far, near, near, near],
        *[turned] * 2,
        *[two] * 2,
        *[near] * 20,
        matches=(UNSURE,),
    )
    scene.run(80)
    counted = scene.watcher.counts.flat()
    assert (counted["gate.size.asked"], counted["gate.size.refused"]) == (3, 1), "of each track, by its largest"
    assert counted["gate.pose.refused"] == 2
    assert counted["gate.blur.asked"] == counted["gate.pose.asked"] - 2
    assert counted["gate.crowd.refused"] == 2
    assert counted["gate.threshold.asked"] == counted["gate.threshold.refused"] == 1
    assert "gate.margin.asked" not in counted, "nobody was like enough to be asked about"


def test_a_guard_who_sits_in_the_back_of_the_zone_makes_no_broken_gate() -> None:
    scene = Scene(*[faces((300, 180, 50))] * 1100)
    scene.run(1100)
    assert "gate.size.always" not in scene.watcher.counts.flat()


def test_two_who_are_too_alike_are_looked_at_again_before_it_is_told() -> None:
    scene = Scene(*[faces((300, 180, 90))] * 40, matches=(TOO_CLOSE, SURE))
    [(_, seen)] = scene.run(60)
    assert evidence(seen).match == SURE
    assert scene.gallery.asked == [1, 1]


def test_somebody_unknown_at_the_first_shot_may_be_known_at_the_next() -> None:
    scene = Scene(*[faces((300, 180, 90))] * 40, matches=(None, SURE))
    [(_, seen)] = scene.run(60)
    assert evidence(seen) == FaceEvidence(match=SURE, good_shots=2, others_in_zone=0)


def test_a_turned_face_waits_for_a_better_shot() -> None:
    scene = Scene(*[faces((300, 180, 90), yaw=1.8)] * 6, *[faces((300, 180, 90))] * 6)
    [(look, seen)] = scene.run(40)
    assert look == 6
    assert evidence(seen).good_shots == 1
    assert scene.watcher.counts.flat()["refused.turned"] == 4


def test_somebody_never_good_enough_is_told_while_still_there() -> None:
    scene = Scene(*[faces((300, 180, 90), yaw=1.8)] * 100)
    [(look, seen)] = scene.run(120)
    assert 60 < look < 70, "five seconds"
    assert evidence(seen) == FaceEvidence(match=None, good_shots=0, others_in_zone=0)
    assert scene.embedder.crops == []


def test_somebody_who_leaves_undecided_is_told_with_what_there_was() -> None:
    scene = Scene(*[faces((300, 180, 90))] * 6, matches=(UNSURE,))
    [(_, seen)] = scene.run(40)
    assert evidence(seen).match == UNSURE
    assert evidence(seen).good_shots == 2


@pytest.mark.parametrize("match", [SURE, UNSURE, None])
def test_nobody_leaves_a_picture_and_none_is_made(match: FaceMatch | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Picture, "bgr", lambda _: pytest.fail("a whole picture was made"))
    scene = Scene(*[faces((300, 180, 90))] * 40, matches=(match,))
    [(_, seen)] = scene.run(60)
    assert seen.picture is None


def test_no_gate_opens_before_the_next_person_for_one_who_has_left() -> None:
    next_one = [faces((520, 180, 90))] * 12
    scene = Scene(*[faces((120, 180, 90))] * 4, *next_one, matches=(UNSURE, UNSURE, UNSURE, UNSURE, SURE))
    told = [evidence(seen) for _, seen in scene.run(30)]
    assert FaceEvidence(None, 1, 1) in told, "the first, not alone any more"
    assert not any(one.match == SURE for one in told)


BARELY = replace(SURE, score=SURE.threshold + 0.5 * EARLY_ABOVE)
"""Enough for a passage, not enough to be told at the first shot."""


def test_who_was_recognised_and_left_opens_nothing_before_the_one_who_stands_there_now() -> None:
    scene = Scene(*[faces((120, 180, 90))] * 4, *[faces((520, 180, 90))] * 12, matches=(BARELY, BARELY, None))
    told = [evidence(seen) for _, seen in scene.run(30)]
    assert FaceEvidence(None, 1, 1) in told
    assert not any(one.match for one in told)


def test_who_was_recognised_alone_and_is_joined_opens_nothing_for_two() -> None:
    alone, joined = [faces((120, 180, 90))] * 4, [faces((120, 180, 90), (420, 180, 90))] * 70
    told = [evidence(seen) for _, seen in Scene(*alone, *joined, matches=(BARELY,)).run(90)]
    assert told[0] == FaceEvidence(None, 0, 1)
    assert all(one.others_in_zone == 1 and one.match is None for one in told)


@pytest.mark.parametrize("gap", [0, 5])
@pytest.mark.parametrize("after", [1, 40, 90])
def test_a_match_does_not_outlive_the_person_whoever_stands_there_now_looks_aside(gap: int, after: int) -> None:
    aside = [faces((320, 180, 90), yaw=3.0)] * after
    scene = Scene(*[faces((300, 180, 90))] * 4, *[NOBODY] * gap, *aside, matches=(BARELY,))
    told = [evidence(seen) for _, seen in scene.run(120)]
    assert [one.match for one in told] == [BARELY if after == 1 else None]


def test_who_turned_away_long_before_they_left_opens_nothing_behind_them() -> None:
    aside = [faces((300, 180, 90), yaw=3.0)] * 25
    scene = Scene(*[faces((300, 180, 90))] * 4, *aside, matches=(BARELY,))
    assert [evidence(seen) for _, seen in scene.run(60)] == [FaceEvidence(None, 0, 0)]


def mediocre(monkeypatch: pytest.MonkeyPatch) -> None:
    """No shot is good, and after three they are poorer."""
    qualities = iter([*[0.7] * 20, *[0.6] * 200])

    def assessed(*_: object) -> FaceQuality:
        return FaceQuality(next(qualities), (Check(Refusal.BLURRED, False, 1.0, 0.05),))

    monkeypatch.setattr(shooting, "assess", assessed)


def test_somebody_of_mediocre_shots_is_still_known_when_patience_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    mediocre(monkeypatch)
    scene = Scene(*[faces((300, 180, 90))] * 80, matches=(BARELY,))
    [(look, seen)] = scene.run(100)
    assert look > 60, "five seconds"
    assert evidence(seen) == FaceEvidence(BARELY, 3, 0)
    assert len(scene.embedder.crops) == 4, "the last one to see that it is still the same person"


def test_who_takes_the_place_of_somebody_of_mediocre_shots_is_seen_when_patience_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mediocre(monkeypatch)
    known_then_not = (BARELY, BARELY, BARELY, None)
    scene = Scene(*[faces((300, 180, 90))] * 80, matches=known_then_not, embedder=TwoPeople(firsts=3))
    [(look, seen)] = scene.run(140)
    assert look > 60
    assert evidence(seen).match is None
    assert not any(vectors.any() for vectors in scene.embedder.given)


@pytest.mark.parametrize("small", [50, 20])
def test_nobody_is_let_in_behind_who_has_left_while_somebody_small_comes_up(small: int) -> None:
    scene = Scene(*[faces((300, 180, 90))] * 5, *[faces((500, 200, small))] * 30, matches=(BARELY,))
    assert [evidence(seen) for _, seen in scene.run(60)] == [FaceEvidence(None, 1, 1)]


def test_somebody_small_counts_while_they_are_out_of_sight_for_a_moment() -> None:
    behind = [*[faces((500, 200, 50))] * 5, *[NOBODY] * 6]
    scene = Scene(*[faces((300, 180, 90))] * 5, *behind, matches=(BARELY,))
    assert [evidence(seen) for _, seen in scene.run(11 + 2)] == [FaceEvidence(None, 1, 1)]


def test_nothing_of_a_pass_outlives_a_camera_that_was_away() -> None:
    scene = Scene(*[faces((300, 180, 90))] * 4, matches=(BARELY,))
    told = watch(scene.watcher, 5, away=4)
    assert not any(vectors.any() for vectors in scene.embedder.given), "at the first picture after it"
    told += watch(scene.watcher, 20, first=5, away=0)
    assert not any(evidence(seen).match for _, seen in told)
    assert not scene.watcher.in_pass


def test_who_still_stands_there_when_the_camera_is_back_is_compared_anew() -> None:
    scene = Scene(*[faces((300, 180, 90))] * 12, matches=(BARELY, SURE))
    [(look, seen)] = watch(scene.watcher, 20, away=4)
    assert look == 4 + 2, "on purpose, again"
    assert evidence(seen) == FaceEvidence(SURE, 1, 0)
    assert seen.first.pts_s > 1000 + 600


def test_who_was_last_seen_long_before_their_track_ends_opens_nothing() -> None:
    scene = Scene(*[faces((300, 180, 90))] * 4, matches=(BARELY,))
    told = watch(scene.watcher, 4)
    for look in range(4, 14):
        late = picture(look)
        late.moment = moment(4 + 12 * (look - 3))
        told += [(look, seen) for seen in scene.watcher.look(late, SHUT)]
    assert [evidence(seen) for _, seen in told] == [FaceEvidence(None, 0, 0)]


def test_two_who_vanish_at_the_same_look_open_nothing_for_each_other() -> None:
    joined = [faces((120, 180, 90), (420, 180, 90))] * 3
    scene = Scene(*[faces((120, 180, 90))] * 4, *joined, matches=(BARELY,))
    told = [evidence(seen) for _, seen in scene.run(30)]
    assert told
    assert not any(one.match for one in told)
    assert all(one.others_in_zone == 1 for one in told)


def joined_for_a_moment(monkeypatch: pytest.MonkeyPatch, *, unfit: int = 0) -> list[Faces]:
    """Somebody alone, whose shot waits for a better one; a child beside them for over a second; alone again.

    unfit: looks of the time alone again at which no shot is good enough.
    """
    qualities = iter([*[0.7] * 3, *[0.0] * unfit, *[0.65] * 200])

    def assessed(*_: object) -> FaceQuality:
        value = next(qualities)
        return FaceQuality(value, (Check(Refusal.BLURRED, value == 0, value, 0.05),))

    monkeypatch.setattr(shooting, "assess", assessed)
    one, two = faces((120, 180, 90)), faces((120, 180, 90), (420, 180, 90))
    return [*[one] * 5, *[two] * 20, *[one] * 40]


@pytest.mark.parametrize("unfit", [0, 10])
def test_who_was_joined_for_a_moment_is_let_in_by_a_shot_of_now(unfit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(*joined_for_a_moment(monkeypatch, unfit=unfit))
    told = [(look, evidence(seen)) for look, seen in scene.run(90)]
    [(look, seen)] = [(look, seen) for look, seen in told if seen.match is not None]
    assert seen.match == SURE
    assert seen.others_in_zone == 0
    assert 0 <= look - (25 + unfit) <= 2


def test_somebody_who_takes_the_place_of_another_is_compared_alone() -> None:
    script = [faces((300, 180, 90))] * 40
    scene = Scene(*script, matches=(BARELY, None), embedder=TwoPeople())
    [(_, seen)] = scene.run(60)
    assert evidence(seen) == FaceEvidence(None, 3, 0), "three shots of the second"
    assert len(scene.embedder.crops) == 1 + 1 + 3, "one of the first, one by which the change is seen"
    assert seen.first.pts_s > picture(4).moment.pts_s
    assert not any(vectors.any() for vectors in scene.embedder.given)


def test_two_in_the_zone_are_not_compared() -> None:
    scene = Scene(*[faces((200, 180, 90), (420, 180, 90))] * 10)
    told = scene.run(40)
    assert [evidence(seen) for _, seen in told] == [FaceEvidence(None, 0, 1)] * 2
    assert scene.embedder.crops == []


def test_who_is_alone_again_is_compared() -> None:
    scene = Scene(*[faces((200, 180, 90), (420, 180, 90))] * 5, *[faces((200, 180, 90))] * 10)
    told = [evidence(seen) for _, seen in scene.run(40)]
    assert FaceEvidence(SURE, 1, 0) in told
    assert len(scene.embedder.crops) == 1


def test_somebody_seen_before_the_process_was_stopped_for_hours_is_still_told() -> None:
    scene = Scene(*[faces((300, 180, 90))] * 4)
    told = [seen for look in range(4) for seen in scene.watcher.look(picture(look, late_s=10_000), SHUT)]
    assert [evidence(seen).match for seen in told] == [SURE]
    assert told[0].times.capture == MAX_STEP_MS


def test_the_next_person_is_another_pass() -> None:
    scene = Scene(*[faces((300, 180, 90))] * 5, *[NOBODY] * 10, *[faces((300, 180, 90))] * 5)
    assert len(scene.run(40)) == 2


def test_of_what_was_compared_one_copy_goes_with_what_is_told_and_it_can_be_forgotten() -> None:
    scene = Scene(*[faces((300, 180, 90))] * 40, matches=(UNSURE,))
    [(_, seen)] = scene.run(60)
    assert len(scene.embedder.given) == 3
    assert not any(vectors.any() for vectors in scene.embedder.given)
    assert seen.probes is not None
    assert seen.probes.shape == (1, 4)
    assert seen.probes.all()
    assert "probes" not in repr(seen)
    seen.forget()
    assert not seen.probes.any()


def test_who_was_not_compared_leaves_nothing_to_compare() -> None:
    scene = Scene(*[faces((300, 180, 90), yaw=1.8)] * 100)
    [(_, seen)] = scene.run(120)
    assert seen.probes is None
    seen.forget()


def test_nothing_is_made_of_a_face_while_the_lists_are_too_old_and_it_is_told_at_once() -> None:
    scene = Scene(*[faces((300, 180, 90))] * 40, fresh_for=0)
    [(look, seen)] = scene.run(60)
    assert look == 2
    assert evidence(seen) == FaceEvidence(match=None, good_shots=0, others_in_zone=0)
    assert seen.probes is None
    assert scene.embedder.crops == []
    assert scene.watcher.counts.shots == 0


def test_lists_that_grow_too_old_while_somebody_stands_there_end_the_looking() -> None:
    scene = Scene(*[faces((300, 180, 90))] * 40, matches=(UNSURE,), fresh_for=1)
    [(look, seen)] = scene.run(60)
    assert look == 3
    assert len(scene.embedder.crops) == 1
    assert evidence(seen).good_shots == 1


def test_nothing_is_made_of_somebody_who_leaves_once_the_lists_are_too_old() -> None:
    scene = Scene(*[faces((300, 180, 90))] * 3, *[faces((300, 180, 90))], matches=(UNSURE,), fresh_for=2)
    told = scene.run(40)
    assert [evidence(seen).good_shots for _, seen in told] == [1]
    assert len(scene.embedder.crops) == 1


def test_an_empty_zone_costs_no_detection() -> None:
    scene = Scene()
    still = np.full((360, 640, 3), 120, np.uint8)
    for look in range(50):
        scene.watcher.look(picture(look, still), SHUT)
    assert scene.detector.looks <= 5, "once a second, to be sure"


@pytest.mark.parametrize("looks", [0, 5])
def test_of_a_camera_that_sends_25_pictures_every_second_one_is_looked_at(looks: int) -> None:
    scene = Scene(*[faces((300, 180, 90))] * 40, matches=(UNSURE,))
    scene.run(looks)
    sampler = Sampler(scene.watcher.wanted_fps)
    assert [number for number in range(100) if sampler.wants(number / 25)] == list(range(0, 100, 2))
