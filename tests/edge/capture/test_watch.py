"""What is decoded of real streams, and who is seen: the demo's gate as different encoders send it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from edge.capture.judge import PROOF, Doubt
from tests.edge.capture.gate_clips import FPS, FRAMES, GOP, LEARNING_S, WALK_FROM, WALK_TO, Watched, film_gate

Film = Callable[[str], Path]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Film:
    folder = tmp_path_factory.mktemp("gate")
    made: dict[str, Path] = {}

    def once(encoder: str) -> Path:
        if encoder not in made:
            made[encoder] = film_gate(encoder, folder)
        return made[encoder]

    return once


def walk_seen(watched: Watched, clip: int = 0) -> list[tuple[int, int]]:
    """What was handed out of one repetition's walk."""
    return [one for one in watched.handed if WALK_FROM <= one[0] - clip * FRAMES < WALK_TO]


def test_an_empty_gate_is_decoded_at_keyframes_only_and_nothing_is_handed_out(film: Film) -> None:
    watched = Watched(film("quality"))
    watched.play()
    quiet = range(round((LEARNING_S + 5) * FPS), WALK_FROM)
    assert not any(watched.decoding[number] for number in quiet)
    assert not [frame for frame, _ in watched.handed if quiet.start <= frame < quiet.stop - GOP]
    assert watched.watch.watching == "packets"


def test_somebody_who_comes_is_seen_from_the_first_moment_within_a_fifth_of_a_second(film: Film) -> None:
    watched = Watched(film("quality"))
    watched.play()
    frames = [frame for frame, _ in walk_seen(watched)]
    first_frame, handed_at = min(watched.handed, key=lambda one: (one[0] < WALK_FROM - GOP, one[0]))
    assert first_frame <= WALK_FROM, "from before it moved"
    assert handed_at - WALK_FROM <= FPS // 5
    assert frames == sorted(set(frames)), "in order, none twice"
    assert len(frames) == pytest.approx((WALK_TO - WALK_FROM) / FPS * 10, abs=2)


def test_after_somebody_has_left_the_stream_is_left_alone(film: Film) -> None:
    watched = Watched(film("quality"))
    watched.play()
    assert watched.counts["left_alone"] == 2, "after the beginning, and after the walk"
    assert not watched.decoding[-1]


def test_what_a_pass_took_of_the_memory_is_given_back_when_it_is_over(
    film: Film, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[bool] = []
    watched = Watched(film("quality"))
    monkeypatch.setattr("edge.capture.watch.give_back_memory", lambda: given.append(watched.watch.decoding))
    watched.play()
    assert given == [False, False], "after the beginning, and after the walk"


def test_until_its_packets_have_told_of_a_few_movements_everything_is_decoded(film: Film) -> None:
    watched = Watched(film("quality"), proof=PROOF)
    watched.play(times=PROOF + 1)
    assert watched.watch.doubt is None
    proved = watched.decoding.index(False)
    assert proved > (PROOF - 1) * FRAMES + WALK_FROM, "after the fifth walk"
    assert all(watched.decoding[:proved])


def test_while_somebody_passes_the_stream_is_not_left_alone(film: Film) -> None:
    watched = Watched(film("quality"))

    def somebody(number: int) -> None:
        watched.watch.in_pass = number >= WALK_FROM + 10

    watched.play(before=somebody)
    assert all(watched.decoding[WALK_FROM + 10 :])


def test_a_stream_that_does_not_tell_is_found_out_by_its_keyframes_and_decoded(film: Film) -> None:
    watched = Watched(film("filled"))
    watched.play(times=3)
    for clip in (0, 1):
        first_frame, handed_at = walk_seen(watched, clip)[0]
        assert first_frame - clip * FRAMES <= WALK_FROM + 3, "the walk's beginning is still in the ring"
        assert handed_at - clip * FRAMES <= WALK_FROM + 2 * GOP
    assert watched.counts["unheard"] == 2
    assert watched.watch.doubt is Doubt.MISSES
    assert watched.watch.watching == "pictures"
    assert all(watched.decoding[2 * FRAMES :])
    first_frame, handed_at = walk_seen(watched, 2)[0]
    assert handed_at == first_frame, "from now on nothing has to be caught up with"


@pytest.mark.parametrize(
    ("encoder", "doubt"),
    [("keyframes_only", Doubt.KEYFRAMES_ONLY), ("far_keyframes", Doubt.KEYFRAMES_TOO_FAR)],
)
def test_a_stream_without_runs_to_catch_up_with_is_decoded_from_the_start(
    film: Film, encoder: str, doubt: Doubt
) -> None:
    watched = Watched(film(encoder))
    watched.play()
    assert watched.watch.doubt is doubt
    assert all(watched.decoding)


@pytest.mark.parametrize("encoder", ["average_rate", "noisy"])
def test_where_packets_tell_little_the_walk_is_seen_one_way_or_the_other(film: Film, encoder: str) -> None:
    watched = Watched(film(encoder))
    watched.play(times=2)
    for clip in (0, 1):
        frames = [frame for frame, _ in walk_seen(watched, clip)]
        assert len(frames) >= 0.9 * (WALK_TO - WALK_FROM) / FPS * 10


def test_nobody_wants_pictures_and_glances_go_on(film: Film) -> None:
    watched = Watched(film("quality"), fps=0.0)
    watched.play()
    assert watched.handed == []
    assert not any(watched.decoding)
    assert len(watched.glances) == watched.counts["frames"] == pytest.approx(FRAMES / GOP, abs=1)
    assert all(glance.luma.shape == (180, 320) for glance in watched.glances)


def test_glances_come_every_second_or_keyframe_and_never_twice_of_one_moment(film: Film) -> None:
    watched = Watched(film("quality"))
    watched.play()
    times = [glance.at_s for glance in watched.glances]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert all(0 < gap <= 5.2 for gap in gaps), gaps
    walking = [at_s for at_s in times if WALK_FROM / FPS <= at_s < WALK_TO / FPS]
    assert len(walking) >= 3
