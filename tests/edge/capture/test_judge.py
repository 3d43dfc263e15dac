"""Packets are trusted until pictures show what they don't tell, and again when they would have told for a while."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.capture.judge import DOUBTS, FARTHEST_KEYFRAME, Doubt, SignalJudge, Usual

LOOK_S = 0.4
DAY, DUSK = Usual(13.0, 0.1), Usual(14.2, 0.1)


@dataclass
class Watching:
    """A stream that is decoded: looks every ``LOOK_S``."""

    judge: SignalJudge = field(default_factory=lambda: SignalJudge(proof=0))
    at_s: float = 0.0

    def for_s(self, seconds: float, *, moved: bool = False, busy: bool = False) -> None:
        for _ in range(round(seconds / LOOK_S)):
            self.at_s += LOOK_S
            self.judge.look(self.at_s, moved=moved, busy=busy)

    def doubted(self) -> bool:
        return self.judge.doubt is not None

    def walk(self, *, told: bool) -> None:
        self.for_s(10)
        self.for_s(4, moved=True, busy=told)


def test_a_stream_whose_packets_tell_is_trusted() -> None:
    watching = Watching()
    for _ in range(30):
        watching.walk(told=True)
    assert watching.judge.doubt is None


def test_one_missed_movement_may_be_a_shadow_two_are_a_stream_that_does_not_tell() -> None:
    watching = Watching()
    doubts = []
    for _ in range(2):
        watching.walk(told=False)
        doubts.append(watching.judge.doubt)
    assert doubts == [None, Doubt.MISSES]


def test_nothing_is_relied_on_before_its_packets_have_told_of_five_movements() -> None:
    watching = Watching(SignalJudge())
    doubts = []
    for _ in range(6):
        doubts.append(watching.judge.doubt)
        watching.walk(told=True)
    assert doubts == [Doubt.UNPROVEN] * 5 + [None]


def test_a_quiet_hour_proves_nothing() -> None:
    watching = Watching(SignalJudge())
    watching.for_s(3600)
    assert watching.judge.doubt is Doubt.UNPROVEN


def test_a_stream_that_never_tells_is_doubted_while_it_has_to_prove_itself() -> None:
    watching = Watching(SignalJudge())
    for _ in range(2):
        watching.walk(told=False)
    assert watching.judge.doubt is Doubt.MISSES


def test_what_is_proved_in_one_light_is_not_in_another() -> None:
    watching = Watching(SignalJudge())
    for _ in range(6):
        watching.walk(told=True)
    doubts = []
    for usual in (DAY, Usual(13.6, 0.2), DUSK):
        watching.judge.quiet(usual)
        doubts.append(watching.judge.doubt)
    assert doubts == [None, None, Doubt.UNPROVEN]
    for _ in range(5):
        watching.walk(told=True)
    watching.judge.quiet(DUSK)
    assert watching.judge.doubt is None
    watching.judge.quiet(Usual(DUSK.level, 0.5))
    assert watching.judge.doubt is Doubt.UNPROVEN, "the same size, and restless"


def test_a_movement_that_was_missed_proves_nothing() -> None:
    watching = Watching(SignalJudge())
    for told in (True, True, True, True, False):
        watching.walk(told=told)
    watching.for_s(4)
    assert watching.judge.doubt is Doubt.UNPROVEN
    watching.walk(told=True)
    assert watching.judge.doubt is None


def test_what_was_told_in_another_light_is_no_part_of_the_proof() -> None:
    watching = Watching(SignalJudge())
    watching.judge.quiet(DAY)
    for _ in range(4):
        watching.walk(told=True)
    watching.judge.quiet(DUSK)
    doubts = []
    for _ in range(5):
        watching.walk(told=True)
        doubts.append(watching.judge.doubt)
    assert doubts == [Doubt.UNPROVEN] * 4 + [None]


def test_what_no_longer_cries_wolf_has_to_prove_itself() -> None:
    watching = Watching(SignalJudge())
    watching.for_s(310, busy=True)
    doubts = [watching.judge.doubt]
    watching.for_s(700)
    doubts.append(watching.judge.doubt)
    for _ in range(5):
        watching.walk(told=True)
    doubts.append(watching.judge.doubt)
    assert doubts == [Doubt.CRIES_WOLF, Doubt.UNPROVEN, None]


def test_packets_that_tell_now_and_then_anyway_have_to_tell_of_more_movements() -> None:
    watching = Watching(SignalJudge())
    walks = 0
    while watching.judge.doubt is Doubt.UNPROVEN:
        for _ in range(4):
            watching.for_s(10)
            watching.for_s(1, busy=True)
        watching.walk(told=True)
        walks += 1
    assert watching.judge.doubt is None
    assert 5 < walks < 20


def test_a_few_misses_among_many_movements_are_forgiven() -> None:
    watching = Watching()
    for number in range(60):
        watching.walk(told=number % 20 != 7)
    assert watching.judge.doubt is None


def glimpsed(watching: Watching, *, told: bool) -> None:
    """Left alone for a while, then a keyframe shows somebody; the packets tell half a second later, or never."""
    watching.at_s += 20.0
    watching.judge.glimpse(watching.at_s, moved=True)
    watching.for_s(0.4, moved=True)
    watching.for_s(3.6, moved=True, busy=told)


def test_what_only_keyframes_showed_is_missed() -> None:
    watching = Watching()
    for _ in range(2):
        glimpsed(watching, told=False)
    assert watching.judge.doubt is Doubt.MISSES


def test_what_a_keyframe_shows_a_moment_before_the_packets_tell_is_not_missed() -> None:
    watching = Watching()
    for _ in range(10):
        glimpsed(watching, told=True)
    assert watching.judge.doubt is None


def test_what_only_one_keyframe_showed_is_missed_too() -> None:
    judge = SignalJudge(proof=0)
    for at_s in (10.0, 20.0, 30.0):
        judge.glimpse(at_s, moved=True)
    assert judge.doubt is Doubt.MISSES


def test_packets_are_trusted_for_longer_once_keyframes_have_agreed_with_them_and_no_more_once_they_missed() -> None:
    watching = Watching()
    trusted = []
    for _ in range(20):
        trusted.append(watching.judge.trusted)
        watching.at_s += 2.0
        watching.judge.glimpse(watching.at_s, moved=False)
    assert (trusted[14], trusted[15]) == (False, True)
    glimpsed(watching, told=True)
    assert watching.judge.trusted
    glimpsed(watching, told=False)
    assert not watching.judge.trusted


def test_packets_that_tell_of_movement_half_the_time_without_any_are_no_help() -> None:
    watching = Watching()
    for _ in range(40):
        watching.for_s(8, busy=True)
        watching.for_s(8)
    assert watching.judge.doubt is Doubt.CRIES_WOLF


def test_packets_that_cry_wolf_now_and_then_are_kept() -> None:
    watching = Watching()
    for _ in range(60):
        watching.for_s(4, busy=True)
        watching.for_s(26)
    assert watching.judge.doubt is None


def test_a_doubted_stream_is_trusted_again_once_its_packets_would_have_told() -> None:
    watching = Watching()
    watching.walk(told=False)
    watching.walk(told=False)
    doubts = []
    for until_s in (550, 700):
        while watching.at_s < until_s:
            watching.walk(told=True)
        doubts.append(watching.judge.doubt)
    assert doubts == [Doubt.MISSES, None]


def test_without_any_movement_a_doubted_stream_has_proved_nothing() -> None:
    watching = Watching()
    watching.walk(told=False)
    watching.walk(told=False)
    watching.for_s(7200)
    assert watching.judge.doubt is Doubt.MISSES


def test_each_time_it_is_doubted_again_trying_takes_longer() -> None:
    watching = Watching()
    doubted_s = 0.0
    waits: list[float] = []
    for _ in range(3):
        while not watching.doubted():
            watching.walk(told=False)
        doubted_s = watching.at_s
        while watching.doubted():
            watching.walk(told=True)
        waits.append(watching.at_s - doubted_s)
    assert waits[0] == pytest.approx(600, abs=30)
    assert waits[1] == pytest.approx(1200, abs=30)
    assert waits[2] == pytest.approx(2400, abs=30)


def test_a_stream_of_keyframes_alone_is_known_by_its_form() -> None:
    judge = SignalJudge()
    for number in range(150):
        judge.packet(number / 25, keyframe=True)
    assert judge.form is Doubt.KEYFRAMES_ONLY


def test_keyframes_too_far_apart_are_known_at_once_and_believed_to_be_better_after_a_few_runs() -> None:
    judge = SignalJudge()
    for number in range(FARTHEST_KEYFRAME + 10):
        judge.packet(number / 25, keyframe=number == 0)
    assert judge.form is Doubt.KEYFRAMES_TOO_FAR
    forms = []
    for number in range(400):
        judge.packet(10 + number / 25, keyframe=number % 50 == 0)
        forms.append(judge.form)
    assert forms[100] is Doubt.KEYFRAMES_TOO_FAR
    assert forms[-1] is None


def test_keyframes_of_a_slow_stream_are_too_far_apart_by_time() -> None:
    judge = SignalJudge()
    forms = []
    for number in range(100):
        judge.packet(number / 5, keyframe=number == 0)
        forms.append(judge.form)
    assert forms[49] is None
    assert forms[51] is Doubt.KEYFRAMES_TOO_FAR


def test_a_camera_that_was_away_between_two_keyframes_has_them_no_farther_apart() -> None:
    judge = SignalJudge()
    for starts_s in (0.0, 3600.0):
        for number in range(100):
            judge.packet(starts_s + number / 25, keyframe=number % 50 == 0)
    assert judge.form is None


@given(st.lists(st.tuples(st.floats(0, 100), st.booleans(), st.booleans()), max_size=300))
def test_whatever_is_looked_at_a_doubt_has_words(looks: list[tuple[float, bool, bool]]) -> None:
    judge = SignalJudge()
    at_s = 0.0
    for step_s, moved, busy in looks:
        at_s += step_s
        judge.look(at_s, moved=moved, busy=busy)
        assert judge.doubt in (None, Doubt.UNPROVEN) or DOUBTS[judge.doubt]
