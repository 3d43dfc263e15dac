"""The door's watcher: a pass and the face beside it, once per showing; and who goes through."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import numpy as np
import pytest

from core.contract.config import Door
from core.contract.events import StepTimes
from core.contract.ids import CameraId, CheckpointId, PassId
from core.contract.signed import QrPass
from core.contract.vocabulary import Reason, Ring
from edge.checkpoint import shooting
from edge.checkpoint.door import SHOWN_AGAIN_S, DoorWatcher
from edge.evidence import Crossing, FaceEvidence, Observation, PassEvidence
from edge.vision.quality import Check, FaceQuality, Refusal
from models.types import Faces, Image
from tests.edge.checkpoint.watching import (
    ALICE,
    ALICES_TEMPLATE,
    FPS,
    NAME,
    START,
    CountingEmbedder,
    ScriptedFaces,
    ScriptedGallery,
    ScriptedLists,
    ScriptedPasses,
    TwoPeople,
    faces,
    moment,
    watch,
)
from watchlists.faces.change import Likeness

PASS = QrPass(
    PassId("00000000-0000-7000-8000-00000000000b"), ALICE, START - timedelta(days=1), START + timedelta(days=1)
)
OLD = QrPass(PASS.pass_id, ALICE, START - timedelta(days=2), START - timedelta(days=1))
SECOND = QrPass(PassId("00000000-0000-7000-8000-00000000000c"), ALICE, PASS.valid_from, PASS.valid_until)
TEXT, SECOND_TEXT, OLD_TEXT, FORGED = "AJ1:GOOD", "AJ1:SECOND", "AJ1:OLD", "AJ1:FORGED"
OTHER = "https://example.org"
SOMEBODY = faces((200, 180, 90))

ShowCodes = Callable[[Callable[[int], tuple[str, ...]]], list[int]]


@pytest.fixture
def show(monkeypatch: pytest.MonkeyPatch) -> ShowCodes:
    """``show(codes_of_scan) -> scans``: what each scan finds, and the scans made so far."""

    def script(codes: Callable[[int], tuple[str, ...]]) -> list[int]:
        scans: list[int] = []

        def read(_image: Image) -> tuple[str, ...]:
            scans.append(len(scans))
            return codes(len(scans) - 1)

        monkeypatch.setattr("edge.checkpoint.door.read_codes", read)
        return scans

    return script


class Scene:
    def __init__(
        self,
        *script: Faces,
        scores: tuple[float | None, ...] = (0.7,),
        enrolled: bool = True,
        lists: ScriptedLists | None = None,
        embedder: CountingEmbedder | None = None,
    ) -> None:
        self.lists = lists or ScriptedLists()
        self.embedder = embedder or CountingEmbedder()
        self.gallery = ScriptedGallery(scores=scores)
        self.watcher = DoorWatcher(
            Door(
                id=CheckpointId("cp"),
                name=NAME,
                camera=CameraId("cam"),
                ring=Ring.BUILDING,
                zone=((0, 0), (1, 0), (1, 1), (0, 1)),
                min_face_px=60,
                threshold_line=((0.75, 1.0), (0.75, 0.0)),
            ),
            ScriptedFaces(script),
            self.embedder,
            self.gallery,
            ScriptedPasses({TEXT: PASS, SECOND_TEXT: SECOND, OLD_TEXT: OLD}),
            lists=self.lists,
            enrolled=lambda subject: enrolled and subject == ALICE,
        )

    def run(self, looks: int) -> list[tuple[int, Observation]]:
        return watch(self.watcher, looks)


def passes(told: list[tuple[int, Observation]]) -> list[PassEvidence]:
    return [seen.seen for _, seen in told if isinstance(seen.seen, PassEvidence)]


def crossings(told: list[tuple[int, Observation]]) -> list[int]:
    return [seen.seen.track for _, seen in told if isinstance(seen.seen, Crossing)]


def test_a_valid_pass_and_its_holder_are_told_at_once_and_once(show: ShowCodes) -> None:
    show(lambda _scan: (TEXT,))
    scene = Scene(*[SOMEBODY] * 50)
    told = scene.run(50)
    assert passes(told) == [PassEvidence(PASS, Likeness(0.7, ALICES_TEMPLATE), 0.4, good_shots=1, others_in_zone=0)]
    assert told[0][0] == 0
    assert scene.gallery.compared == [ALICE]


@pytest.mark.parametrize("text", [TEXT, OLD_TEXT, OTHER])
def test_nobody_who_holds_up_a_pass_leaves_a_picture(text: str, show: ShowCodes) -> None:
    show(lambda _scan: (text,))
    [(_, seen)] = Scene(*[SOMEBODY] * 50).run(50)
    assert seen.picture is None


@pytest.mark.parametrize(
    "shown", [FaceEvidence(None, 0, 0), PassEvidence(None, None, 0.4, 0, 0)], ids=["at a gate", "with a pass"]
)
def test_a_picture_of_whoever_showed_a_face_is_let_go_of_once_it_is_decided(
    shown: FaceEvidence | PassEvidence,
) -> None:
    at, image = moment(0), np.zeros((4, 4, 3), np.uint8)
    observation = Observation(CheckpointId("cp"), CameraId("cam"), shown, at, at, StepTimes(), image)
    observation.forget()
    assert observation.picture is None


def test_a_picture_of_who_went_through_outlives_the_decision() -> None:
    at, image = moment(0), np.zeros((4, 4, 3), np.uint8)
    observation = Observation(CheckpointId("cp"), CameraId("cam"), Crossing(1), at, at, StepTimes(), image)
    observation.forget()
    assert observation.picture is image


def test_without_a_face_nobody_looks_for_a_code(show: ShowCodes) -> None:
    scans = show(lambda _scan: (TEXT,))
    assert Scene().run(20) == []
    assert scans == []


def test_without_a_pass_no_face_is_embedded(show: ShowCodes) -> None:
    show(lambda _scan: ())
    scene = Scene(*[SOMEBODY] * 30)
    assert scene.run(40) == []
    assert scene.embedder.crops == []


@pytest.mark.parametrize(("text", "qr"), [(OTHER, None), (OLD_TEXT, OLD)])
def test_an_invalid_or_expired_pass_is_told_without_looking_at_the_face(
    text: str, qr: QrPass | None, show: ShowCodes
) -> None:
    show(lambda _scan: (text,))
    scene = Scene(*[SOMEBODY] * 40)
    assert passes(scene.run(50)) == [PassEvidence(qr, None, 0.4, good_shots=0, others_in_zone=0)]
    assert scene.embedder.crops == []


def test_somebody_else_than_the_holder_is_looked_at_three_times(show: ShowCodes) -> None:
    show(lambda _scan: (TEXT,))
    scene = Scene(*[SOMEBODY] * 50, scores=(0.1, 0.2, 0.2))
    assert passes(scene.run(50)) == [
        PassEvidence(PASS, Likeness(0.2, ALICES_TEMPLATE), 0.4, good_shots=3, others_in_zone=0)
    ]


def test_nothing_is_made_of_the_face_of_a_holder_who_never_enrolled(show: ShowCodes) -> None:
    show(lambda _scan: (TEXT,))
    scene = Scene(*[SOMEBODY] * 50, enrolled=False)
    assert passes(scene.run(50)) == [PassEvidence(PASS, None, 0.4, good_shots=0, others_in_zone=0, enrolled=False)]
    assert scene.embedder.crops == []
    assert scene.watcher.counts.shots == 0


@pytest.mark.parametrize(
    "lists",
    [
        ScriptedLists(revoked=True),
        ScriptedLists(standing=Reason.UNLISTED),
        ScriptedLists(standing=Reason.OUTSIDE_WINDOW),
        ScriptedLists(standing=Reason.OUTSIDE_SCOPE),
        ScriptedLists(fresh_for=0),
    ],
    ids=["revoked", "holder unlisted", "not now", "not here", "lists too old"],
)
def test_nothing_is_made_of_a_face_beside_a_pass_that_opens_nothing(lists: ScriptedLists, show: ShowCodes) -> None:
    show(lambda _scan: (TEXT,))
    scene = Scene(*[SOMEBODY] * 50, lists=lists)
    told = scene.run(50)
    assert passes(told) == [PassEvidence(PASS, None, 0.4, good_shots=0, others_in_zone=0)]
    assert told[0][0] == 0
    assert scene.embedder.crops == []
    assert scene.watcher.counts.shots == 0


def test_a_pass_revoked_while_it_is_held_up_ends_the_looking(show: ShowCodes) -> None:
    show(lambda _scan: (TEXT,))
    scene = Scene(*[SOMEBODY] * 50, scores=(0.1,))
    assert scene.run(1) == []
    scene.lists.revoked = True
    told = watch(scene.watcher, 49, first=1)
    assert [(look, seen.good_shots) for (look, _), seen in zip(told, passes(told), strict=True)] == [(1, 1)]
    assert len(scene.embedder.crops) == 1


def test_what_is_told_at_a_door_carries_nothing_to_compare_with_anybody_else(show: ShowCodes) -> None:
    show(lambda _scan: (TEXT,))
    told = Scene(*[SOMEBODY] * 50).run(50)
    assert all(seen.probes is None for _, seen in told)


def test_a_holder_whose_template_went_meanwhile_is_told_at_the_first_shot(show: ShowCodes) -> None:
    show(lambda _scan: (TEXT,))
    scene = Scene(*[SOMEBODY] * 50, scores=(None,))
    assert passes(scene.run(50)) == [PassEvidence(PASS, None, 0.4, good_shots=1, others_in_zone=0)]


def test_no_good_shot_in_three_seconds_is_told_as_such(show: ShowCodes) -> None:
    show(lambda _scan: (TEXT,))
    scene = Scene(*[faces((200, 180, 90), yaw=1.8)] * 60)
    told = scene.run(60)
    assert passes(told) == [PassEvidence(PASS, None, 0.4, good_shots=0, others_in_zone=0)]
    assert told[0][0] == pytest.approx(3 * FPS, abs=1)


def test_two_before_the_door_are_not_compared(show: ShowCodes) -> None:
    show(lambda _scan: (TEXT,))
    scene = Scene(*[faces((150, 180, 90), (400, 180, 90))] * 60)
    assert passes(scene.run(60)) == [PassEvidence(PASS, None, 0.4, good_shots=0, others_in_zone=1)]


BARELY = 0.41
"""The holder, but not told at the first shot."""


def test_a_holder_compared_alone_and_joined_opens_nothing_for_two(show: ShowCodes) -> None:
    show(lambda _scan: (TEXT,))
    alone, joined = [SOMEBODY] * 3, [faces((200, 180, 90), (460, 180, 90))] * 60
    assert passes(Scene(*alone, *joined, scores=(BARELY,)).run(60)) == [
        PassEvidence(PASS, None, 0.4, good_shots=0, others_in_zone=1)
    ]


@pytest.mark.parametrize("gap", [0, 4])
def test_a_likeness_does_not_outlive_the_holder_whoever_stands_there_now_looks_aside(gap: int, show: ShowCodes) -> None:
    show(lambda _scan: (TEXT,))
    aside = [faces((220, 180, 90), yaw=3.0)] * 60
    scene = Scene(*[SOMEBODY] * 3, *[Faces.none()] * gap, *aside, scores=(BARELY,))
    assert passes(scene.run(90)) == [PassEvidence(PASS, None, 0.4, good_shots=0, others_in_zone=0)]


@pytest.mark.parametrize("looks", [12, 60])
def test_a_door_does_not_open_before_somebody_small_when_the_holder_has_gone(looks: int, show: ShowCodes) -> None:
    show(lambda _scan: (TEXT,))
    scene = Scene(*[SOMEBODY] * 3, *[faces((500, 200, 50))] * looks, scores=(BARELY,))
    told = passes(scene.run(90))
    assert told
    assert all(one.likeness is None for one in told)


def test_a_holder_who_goes_on_right_after_the_shot_is_let_in(show: ShowCodes) -> None:
    show(lambda _scan: (TEXT,))
    assert passes(Scene(*[SOMEBODY] * 3, scores=(BARELY,)).run(30)) == [
        PassEvidence(PASS, Likeness(BARELY, ALICES_TEMPLATE), 0.4, good_shots=1, others_in_zone=0)
    ]


def test_nothing_of_whoever_stood_there_before_counts_for_the_next(show: ShowCodes) -> None:
    show(lambda _scan: (TEXT,))
    unfit = [faces((520, 180, 90), yaw=1.8)] * 60
    scene = Scene(*[faces((120, 180, 90))] * 2, *unfit, scores=(BARELY,))
    assert passes(scene.run(60)) == [PassEvidence(PASS, None, 0.4, good_shots=0, others_in_zone=0)]
    assert not any(vectors.any() for vectors in scene.embedder.given)


def test_shots_of_the_holder_do_not_help_whoever_takes_their_place(show: ShowCodes) -> None:
    show(lambda _scan: (TEXT,))
    scene = Scene(*[SOMEBODY] * 60, scores=(BARELY, 0.1), embedder=TwoPeople())
    assert passes(scene.run(60)) == [
        PassEvidence(PASS, Likeness(0.1, ALICES_TEMPLATE), 0.4, good_shots=3, others_in_zone=0)
    ]
    assert len(scene.embedder.crops) == 1 + 1 + 3, "one of the holder, one by which the change is seen"


def test_the_same_pass_shown_again_after_three_seconds_without_is_another_showing(show: ShowCodes) -> None:
    # Scans come every 0.3 s after the first: 4 scans with the code, 14 without, then again.
    show(lambda scan: (TEXT,) if scan < 4 or scan >= 18 else ())
    scene = Scene(*[SOMEBODY] * 120)
    assert len(passes(scene.run(120))) == 2


def test_a_glimpse_without_the_code_is_the_same_showing(show: ShowCodes) -> None:
    show(lambda scan: (TEXT,) if scan % 4 == 0 else ())
    scene = Scene(*[SOMEBODY] * 120)
    assert len(passes(scene.run(120))) == 1


def test_a_poster_in_view_does_not_hide_the_pass_and_is_told_once(show: ShowCodes) -> None:
    show(lambda _scan: (OTHER, TEXT))
    scene = Scene(*[SOMEBODY] * 80)
    assert [one.qr for one in passes(scene.run(80))] == [PASS]


@pytest.mark.parametrize("codes", [(OLD_TEXT, TEXT), (TEXT, OLD_TEXT), (FORGED, TEXT), (OTHER, FORGED, OLD_TEXT, TEXT)])
def test_a_pass_that_opens_nothing_does_not_hide_the_one_that_is_held_up_beside_it(
    codes: tuple[str, ...], show: ShowCodes
) -> None:
    show(lambda _scan: codes)
    told = passes(Scene(*[SOMEBODY] * 80).run(80))
    assert [(one.qr, one.likeness is not None) for one in told] == [(PASS, True)]


def test_a_pass_held_up_beside_an_expired_one_that_was_there_before_is_told(show: ShowCodes) -> None:
    show(lambda scan: (OLD_TEXT,) if scan < 4 else (OLD_TEXT, TEXT))
    assert [one.qr for one in passes(Scene(*[SOMEBODY] * 80).run(80))] == [OLD, PASS]


def test_of_two_valid_passes_in_view_both_get_their_turn(show: ShowCodes) -> None:
    show(lambda _scan: (TEXT, SECOND_TEXT))
    told = passes(Scene(*[SOMEBODY] * 80, scores=(0.1, 0.1, 0.1, 0.7)).run(80))
    assert [(one.qr, one.likeness) for one in told] == [
        (PASS, Likeness(0.1, ALICES_TEMPLATE)),
        (SECOND, Likeness(0.7, ALICES_TEMPLATE)),
    ]


def test_codes_in_one_picture_with_a_refused_one_wait(show: ShowCodes) -> None:
    show(lambda _scan: (TEXT, SECOND_TEXT))
    told = Scene(*[SOMEBODY] * 90, scores=(0.1, 0.1, 0.1, 0.7)).run(90)
    assert [one.qr for one in passes(told)] == [PASS, SECOND]
    assert told[1][1].first.pts_s - told[0][1].deciding.pts_s >= SHOWN_AGAIN_S


def test_another_pass_held_up_after_a_refused_one_is_compared_at_once(show: ShowCodes) -> None:
    show(lambda scan: (TEXT,) if scan == 0 else (SECOND_TEXT,))
    told = Scene(*[SOMEBODY] * 80, scores=(0.1, 0.1, 0.1, 0.7)).run(80)
    assert [one.qr for one in passes(told)] == [PASS, SECOND]
    assert told[1][1].first.pts_s - told[0][1].deciding.pts_s < 1.0


def test_nothing_of_a_showing_outlives_a_camera_that_was_away(show: ShowCodes) -> None:
    show(lambda _scan: (TEXT,))
    scene = Scene(*[SOMEBODY] * 3, scores=(BARELY,))
    assert watch(scene.watcher, 20, away=3) == []
    assert not any(vectors.any() for vectors in scene.embedder.given)
    assert not scene.watcher.in_pass


def test_a_holder_who_still_stands_there_when_the_camera_is_back_is_compared_anew(show: ShowCodes) -> None:
    show(lambda _scan: (TEXT,))
    scene = Scene(*[SOMEBODY] * 12, scores=(BARELY, 0.7))
    [(look, seen)] = watch(scene.watcher, 20, away=3, away_s=2.5)
    assert look == 3
    assert passes([(look, seen)]) == [PassEvidence(PASS, Likeness(0.7, ALICES_TEMPLATE), 0.4, 1, 0)]
    assert seen.first == seen.deciding


def test_a_door_opens_for_none_of_two_who_vanish_at_the_same_look(show: ShowCodes) -> None:
    show(lambda _scan: (TEXT,))
    joined = [faces((200, 180, 90), (460, 180, 90))] * 3
    told = passes(Scene(*[SOMEBODY] * 3, *joined, scores=(BARELY,)).run(60))
    assert [(one.likeness, one.others_in_zone) for one in told] == [(None, 1)]


def test_a_holder_joined_for_a_moment_is_let_in_by_a_shot_of_now(
    show: ShowCodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    qualities = iter([*[0.7] * 3, *[0.65] * 200])
    monkeypatch.setattr(
        shooting,
        "assess",
        lambda *_: FaceQuality(next(qualities), (Check(Refusal.BLURRED, False, 1.0, 0.05),)),
    )
    show(lambda _scan: (TEXT,))
    joined = [faces((200, 180, 90), (460, 180, 90))] * 15
    told = Scene(*[SOMEBODY] * 3, *joined, *[SOMEBODY] * 40).run(60)
    assert passes(told)[0].likeness == Likeness(0.7, ALICES_TEMPLATE)
    assert 18 <= told[0][0] <= 20


def walk(start: float, stop: float, looks: int) -> list[Faces]:
    return [faces((start + (stop - start) * look / (looks - 1), 180, 60)) for look in range(looks)]


def test_going_through_is_told_once_and_embeds_nothing(show: ShowCodes) -> None:
    show(lambda _scan: ())
    scene = Scene(*walk(300, 620, 15))
    told = scene.run(30)
    assert len(crossings(told)) == 1
    assert told[0][1].picture is not None
    assert scene.embedder.crops == []
    assert scene.watcher.counts.shots == 0


def test_coming_out_is_not_going_through(show: ShowCodes) -> None:
    show(lambda _scan: ())
    assert Scene(*walk(620, 300, 15)).run(30) == []


def test_somebody_who_comes_back_and_goes_in_again_goes_through_twice(show: ShowCodes) -> None:
    show(lambda _scan: ())
    scene = Scene(*walk(400, 560, 8), *walk(560, 400, 8), *walk(400, 560, 8))
    assert len(crossings(scene.run(40))) == 2


def test_a_follower_is_a_second_track(show: ShowCodes) -> None:
    show(lambda _scan: ())
    ahead, behind = walk(300, 620, 15), walk(140, 460, 15)
    rest = walk(460, 620, 8)
    together = [
        faces(*((float(one.boxes[0, 0]) + 30, 180, 60) for one in pair)) for pair in zip(ahead, behind, strict=True)
    ]
    told = crossings(Scene(*together, *rest).run(40))
    assert len(told) == len(set(told)) == 2
