"""A pass counts at a camera when it was sent, whole, while it was measured; where it was in the loop, the log says."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from benchmarks.camera_side import Measured, ToldLive
from benchmarks.cameras import Shown, score_of, video_s_of
from benchmarks.scene_films import Kind, Place
from benchmarks.scenes import Filmed, Scene, staged
from core.contract.ids import CameraId
from demo.script import FPS
from demo.served import ServedSession
from edge.replay.score import Result

BEGAN = 1_800_000_000.0


@pytest.fixture(scope="module")
def clip() -> Filmed:
    scene = Scene(Place.GATE, Kind.WALK, passes=2, busy=0.3)
    stage, truth = staged(scene)
    nowhere = Path("nowhere")
    return Filmed(scene, nowhere, nowhere, nowhere, truth, stage.frames / FPS)


def session(first_sent: float, seconds: float) -> ServedSession:
    """A connection that got its frames in time, logged once a second."""
    counts = tuple(range(1, round(seconds * FPS), FPS))
    return ServedSession(CameraId("cam-0"), "s", counts, tuple(first_sent + (count - 1) / FPS for count in counts))


def measured(clip: Filmed, *ats: float, seconds: float = 100.0) -> Measured:
    expects = clip.truth.passes[0].expects
    told = tuple(
        ToldLive(camera=0, at=at, credential="face", verdict="admit", reason="listed", subject=expects.subject)
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
