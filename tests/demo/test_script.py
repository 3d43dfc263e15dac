"""The play, which is the ground truth."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from core.contract.vocabulary import Credential, Reason
from demo.cast import make_cast
from demo.script import (
    DOOR_CAMERA,
    EMPTY_FRAMES,
    FPS,
    GOP,
    YARD_CAMERA,
    ActKind,
    Script,
    make_script,
)

SEEDS = st.integers(min_value=0, max_value=2**31)


def play(seed: int) -> Script:
    return make_script(make_cast(seed), seed)


def test_the_same_seed_gives_the_same_play_and_another_seed_another() -> None:
    assert play(7) == play(7)
    assert play(7) != play(8)


@given(SEEDS)
def test_acts_follow_each_other_and_clips_begin_and_end_with_an_empty_scene(seed: int) -> None:
    for part in play(seed).cameras:
        for act in part.acts:
            assert act.first_frame < act.decisive_frame <= act.last_frame
            assert act.first_frame < act.leave_frame < act.last_frame
        for before, after in pairwise(part.acts):
            assert before.last_frame + 15 < after.first_frame
        if part.acts:
            assert part.acts[0].first_frame >= EMPTY_FRAMES
            assert part.acts[-1].last_frame + EMPTY_FRAMES <= part.frames


@given(SEEDS)
def test_clips_last_40_to_60_seconds_and_loop_at_a_keyframe(seed: int) -> None:
    for part in play(seed).cameras:
        assert 40 <= part.frames / FPS <= 60
        assert part.frames % GOP == 0


@given(SEEDS)
def test_every_kind_of_act_happens(seed: int) -> None:
    script = play(seed)
    assert {act.kind for act in script.acts} == set(ActKind)
    assert script.camera(YARD_CAMERA).acts == ()


@given(SEEDS)
def test_who_is_named_is_a_resident_who_consented_and_strangers_are_named_by_nobody(seed: int) -> None:
    cast = make_cast(seed)
    consenting = {resident.subject: resident.face for resident in cast.consenting}
    for act in make_script(cast, seed).acts:
        for passage in act.expects.passages:
            if passage.reason in (Reason.LISTED, Reason.VERIFIED) and passage.credential is not Credential.PLATE:
                assert passage.subject is not None
                assert consenting[passage.subject] == act.faces[0]
            if passage.reason in (Reason.NO_MATCH, Reason.FOLLOWED):
                assert passage.subject is None
            if passage.reason is Reason.NOT_HOLDER:
                assert passage.subject is not None
                assert consenting[passage.subject] not in act.faces


@given(SEEDS)
def test_only_a_stranger_at_a_door_and_an_unlisted_vehicle_raise_alerts(seed: int) -> None:
    for act in play(seed).acts:
        expected = {ActKind.FOLLOWED: "stranger_at_door", ActKind.PLATE_UNLISTED: "unlisted_vehicle"}.get(act.kind)
        assert act.expects.alert == expected
        assert bool(act.expects.passages) == (act.kind not in (ActKind.BYSTANDER, ActKind.DOOR_WAITING))


@given(SEEDS)
def test_the_follower_comes_within_two_seconds_of_the_resident(seed: int) -> None:
    act = next(act for act in play(seed).camera(DOOR_CAMERA).acts if act.kind is ActKind.FOLLOWED)
    assert act.decisive_frame - act.leave_frame <= 2 * FPS


def test_a_play_survives_json() -> None:
    script = play(3)
    assert Script.model_validate_json(script.model_dump_json()) == script
