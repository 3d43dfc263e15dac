"""A pass counts at a camera when it was sent, whole, while it was measured; where it was in the loop, the log says."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from benchmarks.camera_runs import Run, Shown, Wait, judged, ready_frames, score_of, video_s_of
from benchmarks.camera_side import Measured, ToldLive
from benchmarks.cameras import (
    Carried,
    climb,
    confirm,
    cost_row,
    likely,
    memory_row,
    missed_row,
    most_row,
    small_stream_row,
    stands,
    waiting_rows,
)
from benchmarks.scene_films import Kind, Place
from benchmarks.scenes import Filmed, Scene, staged
from core.contract.ids import CameraId
from demo.script import FPS
from demo.served import ServedSession
from edge.replay.score import Result, Score, Scored

BEGAN = 1_800_000_000.0


@pytest.fixture(scope="module")
def clip() -> Filmed:
    scene = Scene(Place.GATE, Kind.WALK, passes=2, busy=0.3)
    stage, truth = staged(scene)
    nowhere = Path("nowhere")
    return Filmed(scene, nowhere, nowhere, nowhere, truth, stage.frames / FPS)


def session(first_sent: float, seconds: float, first_frame: int = 0) -> ServedSession:
    """A connection that got its frames in time, logged once a second."""
    counts = tuple(range(1, round(seconds * FPS), FPS))
    times = tuple(first_sent + (count - 1) / FPS for count in counts)
    return ServedSession(CameraId("cam-0"), f"s@{first_frame}", counts, times)


def measured(clip: Filmed, *ats: float, seconds: float = 100.0, decision_ms: float | None = None) -> Measured:
    expects = clip.truth.passes[0].expects
    told = tuple(
        ToldLive(
            camera=0,
            at=at,
            credential="face",
            verdict="admit",
            reason="listed",
            subject=expects.subject,
            decision_ms=decision_ms,
        )
        for at in ats
    )
    return Measured(cpu_s=1, began=BEGAN, ended=BEGAN + seconds, rss_mb=100, told=told)


def test_each_loop_of_the_clip_has_its_passes_at_its_own_time(clip: Filmed) -> None:
    found = score_of(0, Shown(clip), measured(clip), [session(BEGAN, 100)])
    whole_loops = int(100 // clip.seconds)
    assert whole_loops >= 2
    assert len(found.passes) >= 2 * whole_loops
    starts = [one.true.from_s for one in found.passes if one.true.name.startswith("walk-1")]
    gaps = [after - before for before, after in itertools.pairwise(starts)]
    assert gaps == pytest.approx([clip.seconds] * len(gaps), abs=0.1)


def test_a_pass_that_began_before_the_measuring_counts_for_nobody(clip: Filmed) -> None:
    first = clip.truth.passes[0]
    found = score_of(0, Shown(clip), measured(clip, BEGAN + 1), [session(BEGAN - first.from_s - 1, 100)])
    assert all(one.true.from_s >= 0 for one in found.passes)
    assert not found.extra, "what was told of the half one is neither for nor against anybody"


def test_what_is_told_in_its_time_is_caught_and_the_rest_is_missed(clip: Filmed) -> None:
    first = clip.truth.passes[0]
    found = score_of(0, Shown(clip), measured(clip, BEGAN + first.from_s + 1.5), [session(BEGAN, 100)])
    assert [one.true.name for one in found.of(Result.CAUGHT)] == ["walk-1, loop 0"]
    assert found.of(Result.MISSED)


def test_what_another_camera_told_does_not_count(clip: Filmed) -> None:
    first = clip.truth.passes[0]
    found = score_of(1, Shown(clip), measured(clip, BEGAN + first.from_s + 1.5), [session(BEGAN, 100)])
    assert not found.passes


def test_only_video_that_was_sent_while_it_was_measured_is_counted(clip: Filmed) -> None:
    on_time, late = session(BEGAN - 20, 200), session(BEGAN + 60, 100)
    assert video_s_of([on_time], measured(clip)) == pytest.approx(100, abs=1)
    assert video_s_of([on_time, late], measured(clip)) == pytest.approx(140, abs=2)
    sub = ServedSession(CameraId("cam-0-sub"), "s", on_time.counts, on_time.times)
    assert video_s_of([on_time, sub], measured(clip)) == pytest.approx(100, abs=1)


def test_a_session_that_began_within_the_clip_shows_the_passes_that_much_earlier(clip: Filmed) -> None:
    skipped_s = 4.0
    from_start, later = (
        score_of(0, Shown(clip), measured(clip), [one])
        for one in (session(BEGAN, 100), session(BEGAN, 100, round(skipped_s * FPS)))
    )
    name = "walk-2, loop 0"
    before, after = (
        next(one.true.from_s for one in found.passes if one.true.name == name) for found in (from_start, later)
    )
    assert before - after == pytest.approx(skipped_s, abs=0.1)


def test_a_wait_begins_when_the_face_is_in_the_zone_and_large_enough(clip: Filmed) -> None:
    (first, *_) = clip.truth.passes
    ready = ready_frames(clip)[0]
    assert ready is not None
    assert first.from_s < ready / FPS < first.to_s
    decided = BEGAN + ready / FPS + 0.4
    found = judged([Shown(clip)], measured(clip, decided, decision_ms=50.0), [session(BEGAN, 100)])
    (wait,) = found.waits
    assert wait.from_arrival_ms == pytest.approx(450, abs=5)
    assert wait.from_frame_ms == 50.0


def at_cameras(
    clip: Filmed,
    cameras: int,
    share: float,
    *,
    limit: int = 1000,
    kept_up: float = 1.0,
    late_from: int = 1000,
    rss_mb: float = 100.0,
) -> Run:
    """A run whose cameras cost ``share`` of a core each, and which misses a pass above ``limit`` cameras."""
    missed = (Scored(clip.truth.passes[0], Result.MISSED, None),) if cameras > limit else ()
    video_s = 100.0 * cameras * (0.9 if cameras > late_from else kept_up)
    told = Measured(cpu_s=share * video_s, began=BEGAN, ended=BEGAN + 100, rss_mb=rss_mb, told=())
    return Run((Shown(clip),) * cameras, told, 0.0, video_s, (Score(missed, ()),))


STEPS = (2, 4, 8, 16, 32, 64)


def test_the_search_begins_where_the_cost_says_and_goes_up_while_it_stands_and_else_down(clip: Filmed) -> None:
    def ask(tries: int = 3, **limits: int) -> tuple[int, tuple[int, ...]]:
        few = at_cameras(clip, 2, 0.1)
        found = climb(few, STEPS, tries, lambda cameras: at_cameras(clip, cameras, 0.1, **limits))
        assert found.stood is not None
        return found.stood.cameras, tuple(one.cameras for one in found.runs)

    assert likely(at_cameras(clip, 2, 0.1), STEPS) == 3
    assert ask() == (64, (2, 16, 32, 64)), "up while it stands"
    assert ask(limit=20) == (16, (2, 16, 32, 8)), "down when it does not"
    assert ask(limit=10) == (8, (2, 16, 4, 8)), "and up again"
    assert ask(late_from=5) == (4, (2, 16, 4, 8)), "what comes too late does not stand either"
    assert ask(limit=3) == (2, (2, 16, 4))
    assert ask(tries=1) == (16, (2, 16))


def test_a_machine_that_is_full_with_few_is_still_tried_with_one_step_more(clip: Filmed) -> None:
    few = at_cameras(clip, 2, 0.9, limit=1)
    found = climb(few, STEPS, 3, lambda cameras: at_cameras(clip, cameras, 0.9, limit=1, rss_mb=160))
    assert [one.cameras for one in found.runs] == [2, 4]
    assert not stands(found.few)
    assert found.stood is None


def test_memory_is_told_of_what_was_carried_and_not_of_a_run_that_fell_behind(clip: Filmed) -> None:
    least, few = (at_cameras(clip, number, 0.1, rss_mb=100 + 50 * number) for number in (2, 4))
    chosen = at_cameras(clip, 8, 0.1, rss_mb=380)
    behind = at_cameras(clip, 16, 0.1, limit=8, rss_mb=9000)
    assert not stands(behind)
    carried = memory_row(least, Carried((few, chosen, behind), chosen))
    assert (carried.what, carried.ours) == ("memory of each further camera, 8 beside 2, MB", 30)
    nothing_more = memory_row(least, Carried((few, behind)))
    assert (nothing_more.what, nothing_more.ours) == ("memory of each further camera, 4 beside 2, MB", 50)


def test_the_number_that_stood_is_run_once_more_and_only_what_stands_again_is_told(clip: Filmed) -> None:
    few, chosen, above = (at_cameras(clip, number, 0.1, limit=8) for number in (2, 8, 16))
    searched = Carried((few, chosen, above))
    again = at_cameras(clip, 8, 0.1)
    asked: list[int] = []

    def at(cameras: int) -> Run:
        asked.append(cameras)
        return again

    found = confirm(searched, at)
    assert asked == [8]
    assert found.confirmed is again
    assert missed_row("one stream", found).met

    failed = confirm(searched, lambda cameras: at_cameras(clip, cameras, 0.1, limit=4))
    assert failed.confirmed is few, "whose number was chosen before anything was measured"
    assert "2 (0 of 0 missed), 8 (0 of 0 missed), 16 (1 of 1 missed), 8 (1 of 1 missed)" in failed.told
    assert most_row("one stream", failed, searched).ours == 2


def test_what_was_missed_with_fewer_cameras_than_are_told_counts_too(clip: Filmed) -> None:
    few, chosen = at_cameras(clip, 2, 0.1, limit=1), at_cameras(clip, 8, 0.1)
    row = missed_row("one stream", Carried((few, chosen, chosen), chosen))
    assert (row.ours, row.met) == (1, False)
    assert missed_row("one stream", confirm(Carried((few,)), lambda _: pytest.fail("nothing stood"))).met is False


@pytest.mark.parametrize(
    ("ours", "peer", "limit", "kept_up", "met"),
    [
        (0.04, 0.14, 1000, 1.0, True),
        (0.041, 0.14, 1000, 1.0, False),
        (0.02, 0.14, 4, 1.0, False),  # a pass was missed
        (0.02, 0.14, 1000, 0.9, False),  # it was not listened to in time
    ],
)
def test_the_goal_is_on_the_cost_with_as_many_cameras_on_both_sides(
    clip: Filmed, ours: float, peer: float, limit: int, kept_up: float, met: bool
) -> None:
    mine = at_cameras(clip, 8, ours, limit=limit, kept_up=kept_up)
    rival = at_cameras(clip, 8, peer, limit=4)
    row = cost_row("one stream", mine, rival, 3.5)
    assert row.met is met
    assert "8 cameras on either side" in row.what
    assert "the peer 1 of 1" in row.what


def test_what_has_no_goal_is_not_met_either(clip: Filmed) -> None:
    mine, rival = at_cameras(clip, 8, 0.05), at_cameras(clip, 8, 0.14)
    assert small_stream_row(mine, rival).met is None
    assert most_row("one stream", Carried((mine,), mine), Carried((rival,))).met is None
    fallen = at_cameras(clip, 8, 0.14, kept_up=0.9)
    assert "the peer fell behind" in small_stream_row(mine, fallen).what
    row = most_row("one stream", Carried((mine,), mine), Carried((fallen,)))
    assert (row.ours, row.peer, row.ratio) == (8, 0, None)


def answered(clip: Filmed, passes: int, waits: int) -> Run:
    score = Score(tuple(Scored(clip.truth.passes[0], Result.CAUGHT, None) for _ in range(passes)), ())
    told = Measured(cpu_s=1, began=BEGAN, ended=BEGAN + 100, rss_mb=100, told=())
    return Run((Shown(clip),), told, 0.0, 100.0, (score,), (Wait(200.0, 50.0),) * waits)


def test_who_should_have_been_admitted_and_was_not_waits_for_ever(clip: Filmed) -> None:
    assert all(row.met for row in waiting_rows(answered(clip, 4, 4), answered(clip, 4, 4)))
    rows = waiting_rows(answered(clip, 4, 3), answered(clip, 4, 0))
    assert [row.ours for row in rows] == [200.0, 50.0, None, None]
    assert not any(row.met for row in rows)
